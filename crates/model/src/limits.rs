//! CloudTrail's limits on a record, and what happens to what exceeds them.
//!
//! A record of at most 256 KB is not touched: senders hand over records that are made already, and
//! their bytes leave as they came in. A larger one is cut as CloudTrail would have cut it:
//!
//! | member | at most | over it |
//! | --- | --- | --- |
//! | `userAgent`, `errorCode`, `errorMessage`, `requestID` | 1 KB | truncated, ending in `...` |
//! | `requestParameters`, `responseElements`, `serviceEventDetails` | 100 KB | content omitted |
//! | `additionalEventData`, `edgeDeviceDetails` | 28 KB | content omitted |
//! | the whole record, after that | 256 KB | members are cut in [`CUT_ORDER`] until it fits |
//!
//! Omitted content is written as `{"omitted":true}`. Only the value of a member that is cut changes;
//! all other bytes stay as they came.
//! Source: AWS CloudTrail User Guide, "CloudTrail record contents" (from eventVersion 1.05; the
//! order is the one documented for event data stores, since none is for trails). The three dots are
//! seen in real records, whose truncated `errorMessage` has 1,024 characters with them.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::record::{Envelope, InvalidRecord};

/// Largest record, in bytes.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;
const TEXT_BYTES_MAX: usize = 1024;
const TRUNCATED: &str = "...";
/// Most bytes of `requestParameters` and `responseElements`.
pub const PARAMETERS_BYTES_MAX: usize = 100 * 1024;
const DETAILS_BYTES_MAX: usize = 28 * 1024;
const OMITTED: &str = r#"{"omitted":true}"#;

/// The order in which members of a record over 256 KB are cut.
pub const CUT_ORDER: [&str; 10] = [
    "annotation",
    "requestID",
    "additionalEventData",
    "serviceEventDetails",
    "userAgent",
    "errorCode",
    "eventContext",
    "responseElements",
    "requestParameters",
    "errorMessage",
];

/// A record that was over a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitted {
    /// The record, now within the limits.
    pub record: Vec<u8>,
    /// The members whose content was cut.
    pub cut: Vec<&'static str>,
}

/// A member's value that gives way to a shorter one.
struct Edit<'a> {
    member: &'static str,
    raw: &'a RawValue,
    with: String,
}

/// `None` for a record within the limits; fails when it cannot be brought within them.
pub fn fit(envelope: &Envelope<'_>) -> Result<Option<Fitted>, InvalidRecord> {
    if envelope.text().len() <= RECORD_BYTES_MAX {
        return Ok(None);
    }
    let mut edits = over_their_limit(envelope);
    let mut size = envelope.text().len() - saved(&edits);
    for member in CUT_ORDER {
        if size <= RECORD_BYTES_MAX {
            break;
        }
        if let Some(raw) = value_of(envelope, member) {
            edits.retain(|edit| edit.member != member);
            edits.push(Edit { member, raw, with: emptied(raw) });
            size = envelope.text().len() - saved(&edits);
        }
    }
    if size > RECORD_BYTES_MAX {
        return Err(too_large(envelope.text().len()));
    }
    edits.sort_by_key(|edit| edit.raw.get().as_ptr());
    Ok((!edits.is_empty()).then(|| apply(envelope.text(), &edits)))
}

/// The error for a record of more bytes than any cut brings within the limits.
#[must_use]
pub fn too_large(size_bytes: usize) -> InvalidRecord {
    InvalidRecord {
        member: "record".into(),
        found: format!("{size_bytes} bytes"),
        expected: format!("at most {RECORD_BYTES_MAX} bytes once oversized members are cut"),
        offset: RECORD_BYTES_MAX,
    }
}

fn over_their_limit<'a>(envelope: &Envelope<'a>) -> Vec<Edit<'a>> {
    let members = envelope.members();
    let texts = [
        ("userAgent", members.user_agent),
        ("errorCode", members.error_code),
        ("errorMessage", members.error_message),
        ("requestID", members.request_id),
    ];
    let contents = [
        ("requestParameters", members.request_parameters, PARAMETERS_BYTES_MAX),
        ("responseElements", members.response_elements, PARAMETERS_BYTES_MAX),
        ("serviceEventDetails", members.service_event_details, PARAMETERS_BYTES_MAX),
        ("additionalEventData", members.additional_event_data, DETAILS_BYTES_MAX),
        ("edgeDeviceDetails", members.edge_device_details, DETAILS_BYTES_MAX),
    ];
    let truncated = texts
        .into_iter()
        .filter_map(|(member, raw)| Some(Edit { member, raw: raw?, with: truncated(raw?)? }));
    let omitted = contents.into_iter().filter_map(|(member, raw, bytes_max)| {
        let raw = raw.filter(|raw| raw.get().len() > bytes_max)?;
        Some(Edit { member, raw, with: OMITTED.into() })
    });
    truncated.chain(omitted).collect()
}

/// The JSON of a string cut to 1 KB; `None` when it is no longer than that, or no string.
fn truncated(raw: &RawValue) -> Option<String> {
    if raw.get().len() <= TEXT_BYTES_MAX {
        return None;
    }
    let text: String = serde_json::from_str(raw.get()).ok()?;
    match short(&text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(short) => serde_json::to_string(&short).ok(),
    }
}

/// A text of at most 1 KB: as it is, or truncated.
#[must_use]
pub fn short(text: &str) -> Cow<'_, str> {
    if text.len() <= TEXT_BYTES_MAX {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(TEXT_BYTES_MAX - TRUNCATED.len());
    Cow::Owned(format!("{}{TRUNCATED}", &text[..end]))
}

fn emptied(raw: &RawValue) -> String {
    if raw.get().starts_with('"') { r#""""#.into() } else { OMITTED.into() }
}

fn value_of<'a>(envelope: &Envelope<'a>, member: &str) -> Option<&'a RawValue> {
    let members = envelope.members();
    let raw = match member {
        "annotation" => members.annotation,
        "requestID" => members.request_id,
        "additionalEventData" => members.additional_event_data,
        "serviceEventDetails" => members.service_event_details,
        "userAgent" => members.user_agent,
        "errorCode" => members.error_code,
        "eventContext" => members.event_context,
        "responseElements" => members.response_elements,
        "requestParameters" => members.request_parameters,
        "errorMessage" => members.error_message,
        _ => None,
    };
    raw.filter(|raw| raw.get().len() > OMITTED.len())
}

fn saved(edits: &[Edit<'_>]) -> usize {
    edits.iter().map(|edit| edit.raw.get().len().saturating_sub(edit.with.len())).sum()
}

fn apply(text: &str, edits: &[Edit<'_>]) -> Fitted {
    let mut record = Vec::with_capacity(text.len());
    let mut copied = 0;
    for edit in edits {
        let start = edit.raw.get().as_ptr() as usize - text.as_ptr() as usize;
        record.extend_from_slice(&text.as_bytes()[copied..start]);
        record.extend_from_slice(edit.with.as_bytes());
        copied = start + edit.raw.get().len();
    }
    record.extend_from_slice(&text.as_bytes()[copied..]);
    Fitted { record, cut: edits.iter().map(|edit| edit.member).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(record: &str) -> Option<Fitted> {
        fit(&Envelope::parse(record.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_record_of_256_kb_is_not_touched_whatever_its_members() {
        let agent = "u".repeat(5 * 1024);
        let opening = format!(r#"{{"userAgent":"{agent}","requestParameters":""#);
        let filler = "p".repeat(RECORD_BYTES_MAX - opening.len() - 2);
        let largest = format!(r#"{opening}{filler}"}}"#);
        assert_eq!(largest.len(), RECORD_BYTES_MAX);
        assert_eq!(fitted(&largest), None);
        assert_eq!(fitted("{}"), None);
    }

    #[test]
    fn texts_are_truncated_at_a_character_and_contents_omitted() {
        let agent = "é".repeat(600);
        let record = format!(
            r#"{{"a": 1 ,"userAgent":"{agent}x","requestParameters":{{"p":"{}"}},"additionalEventData":{{"d":"{}"}},"z":2}}"#,
            "p".repeat(250 * 1024),
            "d".repeat(28 * 1024),
        );
        let fitted = fitted(&record).unwrap();
        let expected = format!(
            r#"{{"a": 1 ,"userAgent":"{}...","requestParameters":{{"omitted":true}},"additionalEventData":{{"omitted":true}},"z":2}}"#,
            "é".repeat(510),
        );
        assert_eq!(String::from_utf8(fitted.record).unwrap(), expected);
        assert_eq!(fitted.cut, ["userAgent", "requestParameters", "additionalEventData"]);
    }

    #[test]
    fn a_record_over_256_kb_loses_members_in_the_documented_order() {
        let filler = "c".repeat(90 * 1024);
        let record = format!(
            r#"{{"annotation":"{filler}","eventContext":{{"c":"{filler}"}},"responseElements":{{"r":"{filler}"}},"requestParameters":{{"p":"{filler}"}}}}"#
        );
        let fitted = fitted(&record).unwrap();
        assert_eq!(fitted.cut, ["annotation", "eventContext"]);
        assert!(fitted.record.starts_with(br#"{"annotation":"","eventContext":{"omitted":true},"#));
        assert!(fitted.record.len() <= RECORD_BYTES_MAX);
    }

    #[test]
    fn a_record_that_no_cut_brings_within_256_kb_is_refused() {
        let record = format!(r#"{{"invented":"{}"}}"#, "x".repeat(RECORD_BYTES_MAX));
        let error = fit(&Envelope::parse(record.as_bytes()).unwrap()).unwrap_err();
        assert_eq!(error.member, "record");
        assert!(error.found.contains("262159 bytes"), "{error}");
    }
}
