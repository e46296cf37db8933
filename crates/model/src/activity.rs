//! Events of programs outside AWS, as `PutAuditEvents` takes them by a channel: the integration
//! schema, checked, and the `ActivityAuditLog` record that is stored for it.
//!
//! ```text
//! {"eventVersion":"1.11","eventCategory":"ActivityAuditLog","eventType":"ActivityLog","eventID":…,
//!  "eventTime":…,"awsRegion":…,"recipientAccountId":…,
//!  "metadata":{"ingestionTime":…,"channelARN":…},"eventData":{…as sent…}}
//! ```
//!
//! `eventData` stays byte for byte what the sender wrote. The eventID is derived from the channel,
//! the sender's `id` and the data, so that a repeated call gets the same one and is recorded once.
//! AWS documents the members but no value of `eventVersion`; Cairn writes the newest.
//! Source: AWS CloudTrail User Guide, "CloudTrail Lake integrations event schema".

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::category::Category;
use crate::depth::{DEPTH_MAX, too_deep};
use crate::event::{Event, Identity};
use crate::ids::{AccountId, Region};
use crate::limits::RECORD_BYTES_MAX;
use crate::record::shape;
use crate::time::Timestamp;

const EVENT_VERSION: &str = "1.11";
const PARAMETERS_BYTES_MAX: usize = 100 * 1024;
const ADDITIONAL_BYTES_MAX: usize = 28 * 1024;

/// What the schema asks of the channel that an event came by.
#[derive(Clone, Copy, Debug)]
pub struct ActivityChannel<'a> {
    /// The channel's ARN.
    pub arn: &'a str,
    /// Its owner: the only recipient that it takes events for.
    pub account: &'a AccountId,
    /// Its Region, the event's `awsRegion`.
    pub region: &'a Region,
    /// Its `Source`: `Custom`, or the only `eventSource` that it takes.
    pub source: &'a str,
}

/// An event that `PutAuditEvents` refuses, with the code that its answer carries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct RefusedActivity {
    /// `FieldNotFound`, `FieldTooLong`, `InvalidData`, `InvalidRecipient` or `InvalidEventSource`.
    pub code: &'static str,
    /// Names the field, what was found and what is expected.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Schema<'a> {
    #[serde(borrow)]
    version: Option<&'a RawValue>,
    #[serde(borrow)]
    user_identity: Option<&'a RawValue>,
    #[serde(borrow)]
    user_agent: Option<&'a RawValue>,
    #[serde(borrow)]
    event_source: Option<&'a RawValue>,
    #[serde(borrow)]
    event_name: Option<&'a RawValue>,
    #[serde(borrow)]
    event_time: Option<&'a RawValue>,
    #[serde(borrow, rename = "UID")]
    uid: Option<&'a RawValue>,
    #[serde(borrow)]
    request_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    response_elements: Option<&'a RawValue>,
    #[serde(borrow)]
    error_code: Option<&'a RawValue>,
    #[serde(borrow)]
    error_message: Option<&'a RawValue>,
    #[serde(borrow, rename = "sourceIPAddress")]
    source_ip_address: Option<&'a RawValue>,
    #[serde(borrow)]
    recipient_account_id: Option<&'a RawValue>,
    #[serde(borrow)]
    additional_event_data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserIdentity<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    principal_id: Option<&'a RawValue>,
    #[serde(borrow)]
    details: Option<&'a RawValue>,
}

impl Event {
    /// Checks one event of the integration schema and makes the record that is stored for it.
    ///
    /// `id` is the sender's id of the event, `data` the JSON text of `eventData`, `now` the
    /// ingestion time.
    pub fn from_activity(
        channel: &ActivityChannel<'_>,
        id: &str,
        data: &str,
        now: Timestamp,
    ) -> Result<Event, RefusedActivity> {
        let data = data.trim_matches([' ', '\t', '\r', '\n']);
        // Of an array serde would take the members by their order.
        if !data.starts_with('{') {
            return Err(refuse("InvalidData", "eventData is not one JSON object".into()));
        }
        let schema: Schema<'_> = serde_json::from_str(data).map_err(|error| {
            refuse("InvalidData", format!("eventData is not one JSON object: {error}"))
        })?;
        check(&schema, channel)?;
        let time = event_time(&schema)?;
        let identity = Identity::of(&[channel.arn.as_bytes(), id.as_bytes(), data.as_bytes()]);
        let record = stored_record(channel, data, identity, time, now);
        if record.len() > RECORD_BYTES_MAX {
            return Err(too_long(
                "eventData",
                data.len(),
                RECORD_BYTES_MAX - (record.len() - data.len()),
            ));
        }
        if too_deep(&record).is_some() {
            let message = format!("eventData: found values nested deeper than {}", DEPTH_MAX - 1);
            return Err(refuse("InvalidData", message));
        }
        Ok(Event {
            identity,
            account: channel.account.clone(),
            region: channel.region.clone(),
            category: Category::ActivityAuditLog,
            is_global: false,
            time: Some(time),
            record: Bytes::from(record),
        })
    }
}

/// The GUID of an event whose sender gives it none: UUID version 8 (RFC 9562) over its identity.
#[must_use]
pub fn event_id(identity: Identity) -> String {
    let mut bytes = identity.0;
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn stored_record(
    channel: &ActivityChannel<'_>,
    data: &str,
    identity: Identity,
    time: Timestamp,
    now: Timestamp,
) -> String {
    let ActivityChannel { arn, account, region, .. } = channel;
    let event_id = event_id(identity);
    let arn = serde_json::to_string(arn).expect("a string always serializes");
    format!(
        r#"{{"eventVersion":"{EVENT_VERSION}","eventCategory":"ActivityAuditLog","eventType":"ActivityLog","eventID":"{event_id}","eventTime":"{time}","awsRegion":"{region}","recipientAccountId":"{account}","metadata":{{"ingestionTime":"{now}","channelARN":{arn}}},"eventData":{data}}}"#
    )
}

fn check(schema: &Schema<'_>, channel: &ActivityChannel<'_>) -> Result<(), RefusedActivity> {
    required_text("version", schema.version, 256)?;
    check_identity(schema.user_identity)?;
    let source = required_text("eventSource", schema.event_source, 1024)?;
    required_text("eventName", schema.event_name, 1024)?;
    required_text("UID", schema.uid, 1024)?;
    let recipient = required_text("recipientAccountId", schema.recipient_account_id, 1024)?;
    for (field, raw, bytes_max) in [
        ("userAgent", schema.user_agent, 1024),
        ("errorCode", schema.error_code, 256),
        ("errorMessage", schema.error_message, 256),
    ] {
        optional_text(field, raw, bytes_max)?;
    }
    for (field, raw, bytes_max) in [
        ("requestParameters", schema.request_parameters, PARAMETERS_BYTES_MAX),
        ("responseElements", schema.response_elements, PARAMETERS_BYTES_MAX),
        ("additionalEventData", schema.additional_event_data, ADDITIONAL_BYTES_MAX),
    ] {
        optional_object(field, raw, bytes_max)?;
    }
    check_address(schema.source_ip_address)?;
    if recipient != channel.account.as_str() {
        let owner = channel.account;
        return Err(refuse(
            "InvalidRecipient",
            format!("recipientAccountId must be the account of the channel, {owner}"),
        ));
    }
    if channel.source != "Custom" && source != channel.source {
        let expected = channel.source;
        return Err(refuse(
            "InvalidEventSource",
            format!("eventSource must be the channel's source, {expected}"),
        ));
    }
    Ok(())
}

fn check_identity(raw: Option<&RawValue>) -> Result<(), RefusedActivity> {
    let raw = raw.ok_or_else(|| missing("userIdentity"))?;
    optional_object("userIdentity", Some(raw), usize::MAX)?;
    let identity: UserIdentity<'_> =
        serde_json::from_str(raw.get()).map_err(|_| wrong("userIdentity", raw, "an object"))?;
    required_text("userIdentity.type", identity.kind, 128)?;
    required_text("userIdentity.principalId", identity.principal_id, 1024)?;
    optional_object("userIdentity.details", identity.details, usize::MAX)
}

fn check_address(raw: Option<&RawValue>) -> Result<(), RefusedActivity> {
    match (raw, optional_text("sourceIPAddress", raw, 256)?) {
        (Some(raw), Some(text)) if text.parse::<std::net::IpAddr>().is_err() => {
            Err(wrong("sourceIPAddress", raw, "an IPv4 or IPv6 address"))
        }
        _ => Ok(()),
    }
}

fn event_time(schema: &Schema<'_>) -> Result<Timestamp, RefusedActivity> {
    let raw = schema.event_time.ok_or_else(|| missing("eventTime"))?;
    let text = required_text("eventTime", Some(raw), 256)?;
    Timestamp::parse(&text)
        .ok_or_else(|| wrong("eventTime", raw, "a time as yyyy-MM-DDTHH:mm:ss in UTC"))
}

fn required_text(
    field: &str,
    raw: Option<&RawValue>,
    bytes_max: usize,
) -> Result<String, RefusedActivity> {
    optional_text(field, raw, bytes_max)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| missing(field))
}

fn optional_text(
    field: &str,
    raw: Option<&RawValue>,
    bytes_max: usize,
) -> Result<Option<String>, RefusedActivity> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(None) };
    let text: String =
        serde_json::from_str(raw.get()).map_err(|_| wrong(field, raw, "a string"))?;
    if text.len() > bytes_max {
        return Err(too_long(field, text.len(), bytes_max));
    }
    Ok(Some(text))
}

fn optional_object(
    field: &str,
    raw: Option<&RawValue>,
    bytes_max: usize,
) -> Result<(), RefusedActivity> {
    match raw {
        Some(raw) if raw.get().len() > bytes_max => {
            Err(too_long(field, raw.get().len(), bytes_max))
        }
        Some(raw) if !raw.get().starts_with('{') && raw.get() != "null" => {
            Err(wrong(field, raw, "a JSON object"))
        }
        _ => Ok(()),
    }
}

fn missing(field: &str) -> RefusedActivity {
    refuse("FieldNotFound", format!("{field} is required"))
}

fn too_long(field: &str, found: usize, bytes_max: usize) -> RefusedActivity {
    refuse("FieldTooLong", format!("{field} has {found} bytes; at most {bytes_max} are allowed"))
}

fn wrong(field: &str, raw: &RawValue, expected: &str) -> RefusedActivity {
    refuse("InvalidData", format!("{field}: found {}, expected {expected}", shape(raw.get())))
}

fn refuse(code: &'static str, message: String) -> RefusedActivity {
    RefusedActivity { code, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Envelope;

    const DATA: &str = r#"{"version":"1.0","userIdentity":{"type":"User","principalId":"amy","details":{"team":"a"}},"eventSource":"shop.example","eventName":"Order","eventTime":"2026-01-02T03:04:05","UID":"u-1","requestParameters":{"n":1},"sourceIPAddress":"192.0.2.1","recipientAccountId":"111111111111"}"#;

    fn send(id: &str, data: &str, source: &str) -> Result<Event, RefusedActivity> {
        let channel = ActivityChannel {
            arn: "arn:aws:cloudtrail:eu-west-1:111111111111:channel/11111111-2222-3333-4444-555555555555",
            account: &"111111111111".parse().unwrap(),
            region: &"eu-west-1".parse().unwrap(),
            source,
        };
        Event::from_activity(&channel, id, data, Timestamp::parse("2026-01-02T03:04:09Z").unwrap())
    }

    #[test]
    fn an_event_of_the_schema_becomes_an_activity_record_around_untouched_data() {
        let event = send("a", DATA, "Custom").unwrap();
        let record = String::from_utf8(event.record.to_vec()).unwrap();
        let id = event_id(event.identity);
        assert_eq!(
            record,
            format!(
                r#"{{"eventVersion":"1.11","eventCategory":"ActivityAuditLog","eventType":"ActivityLog","eventID":"{id}","eventTime":"2026-01-02T03:04:05Z","awsRegion":"eu-west-1","recipientAccountId":"111111111111","metadata":{{"ingestionTime":"2026-01-02T03:04:09Z","channelARN":"arn:aws:cloudtrail:eu-west-1:111111111111:channel/11111111-2222-3333-4444-555555555555"}},"eventData":{DATA}}}"#
            )
        );
        let envelope = Envelope::parse(record.as_bytes()).unwrap();
        assert_eq!(envelope.category(), Category::ActivityAuditLog);
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "8", "UUID version 8: {id}");
    }

    #[test]
    fn a_repeated_event_has_the_same_identity_and_another_one_has_not() {
        let first = send("a", DATA, "Custom").unwrap().identity;
        assert_eq!(send("a", DATA, "Custom").unwrap().identity, first);
        assert_ne!(send("b", DATA, "Custom").unwrap().identity, first);
        assert_ne!(send("a", &DATA.replace("u-1", "u-2"), "Custom").unwrap().identity, first);
    }

    #[test]
    fn an_event_whose_record_would_exceed_256_kb_is_refused() {
        let fitting = RECORD_BYTES_MAX - send("a", DATA, "Custom").unwrap().record.len();
        let padded =
            |bytes: usize| DATA.replace(r#""a"}"#, &format!(r#""a{}"}}"#, "x".repeat(bytes)));
        assert_eq!(send("a", &padded(fitting), "Custom").unwrap().record.len(), RECORD_BYTES_MAX);
        assert_eq!(send("a", &padded(fitting + 1), "Custom").unwrap_err().code, "FieldTooLong");
    }

    #[test]
    fn every_rule_of_the_schema_has_its_code() {
        let long = format!(r#""userAgent":"{}","UID""#, "a".repeat(1025));
        let large = format!(r#"{{"n":"{}"}}"#, "x".repeat(PARAMETERS_BYTES_MAX));
        for (from, to, code) in [
            (r#""version":"1.0","#, "", "FieldNotFound"),
            (r#""UID":"u-1","#, "", "FieldNotFound"),
            (r#""principalId":"amy","#, "", "FieldNotFound"),
            (r#""eventTime":"2026-01-02T03:04:05""#, r#""eventTime":"yesterday""#, "InvalidData"),
            (r#""UID""#, &long, "FieldTooLong"),
            (r#"{"n":1}"#, &large, "FieldTooLong"),
            (r#"{"n":1}"#, "[1]", "InvalidData"),
            (
                r#"{"type":"User","principalId":"amy","details":{"team":"a"}}"#,
                r#"["User","amy",null]"#,
                "InvalidData",
            ),
            (r#""192.0.2.1""#, r#""here""#, "InvalidData"),
            (r#""111111111111""#, r#""222222222222""#, "InvalidRecipient"),
            ("{\"version\"", "{\"version", "InvalidData"),
        ] {
            let data = DATA.replace(from, to);
            assert_ne!(data, DATA, "{from}");
            assert_eq!(send("a", &data, "Custom").unwrap_err().code, code, "{from} -> {to}");
        }
        assert_eq!(send("a", DATA, "other.example").unwrap_err().code, "InvalidEventSource");
        assert!(send("a", DATA, "shop.example").is_ok());
    }
}
