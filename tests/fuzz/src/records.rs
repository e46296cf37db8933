//! Records and audit events: what is accepted is one JSON object, its bytes stay as they came, and
//! what was read of it is what a plain reader finds there.

use bytes::Bytes;
use model::depth::{DEPTH_MAX, too_deep};
use model::limits::{self, CUT_ORDER, RECORD_BYTES_MAX};
use model::{ActivityChannel, Envelope, Event, Sender, Timestamp};
use serde_json::Value;
use trails::{AdvancedEventSelector, EventSelectors, Facts, Field, Rules, Trail, TrailSet};

use crate::Target;
use crate::json::{self, ACTIVITY as ACTIVITY_DATA, AGGREGATED, RECORD as RECORD_TEXT, Second};

/// One record.
pub const RECORD: Target =
    Target { name: "record", run: record, seeds, words: json::WORDS, short_runs: 4_000 };
/// A record over 256 KB, drawn from the bytes.
pub const LIMITS: Target =
    Target { name: "limits", run: cut, seeds: cut_seeds, words: &[], short_runs: 200 };
/// Data of the integration schema.
pub const ACTIVITY: Target = Target {
    name: "activity",
    run: activity,
    seeds: activity_seeds,
    words: json::WORDS,
    short_runs: 4_000,
};
/// Selectors, and a record that they are asked about.
pub const SELECTORS: Target = Target {
    name: "selectors",
    run: selectors,
    seeds: selector_seeds,
    words: SELECTOR_WORDS,
    short_runs: 3_000,
};

const SELECTOR_WORDS: &[&str] = &[
    "\"Equals\":[",
    "\"StartsWith\":[",
    "\"NotEndsWith\":[",
    "\"Field\":\"resources.ARN\"",
    "\"Field\":\"eventCategory\"",
    "\"Field\":\"readOnly\"",
    "\"FieldSelectors\":[",
    "[]",
    "{}",
    "\"\"",
    "\"Data\"",
    "\"Management\"",
];
/// Members that are read as they stand; each may come once.
const MEMBERS: [&str; 6] =
    ["eventID", "eventName", "awsRegion", "userIdentity", "resources", "requestParameters"];

fn activity_seeds() -> Vec<Vec<u8>> {
    let identity = r#"{"type":"User","principalId":"amy","details":{"team":"a"}}"#;
    let in_array = ACTIVITY_DATA.replace(identity, r#"["User","amy",null]"#);
    let deep = format!("\"requestParameters\":{}1{}", "{\"a\":".repeat(98), "}".repeat(98));
    let deep = ACTIVITY_DATA.replace(r#""requestParameters":{"n":1}"#, &deep);
    vec![ACTIVITY_DATA.into(), b"{}".into(), in_array.into(), deep.into()]
}

fn seeds() -> Vec<Vec<u8>> {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
    vec![
        RECORD_TEXT.into(),
        AGGREGATED.into(),
        b"{}".into(),
        b"{\"a\":[[[]]],\"b\":1e3}".into(),
        deep.into(),
    ]
}

pub(crate) fn sender() -> Sender {
    Sender {
        account: "999999999999".parse().expect("12 digits"),
        region: "us-east-1".parse().expect("a Region"),
    }
}

fn record(bytes: &[u8]) {
    let taken = Event::from_record(Bytes::copy_from_slice(bytes), &sender());
    let envelope = match Envelope::parse(bytes) {
        Ok(envelope) => envelope,
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error}");
            assert!(!error.member.is_empty() && !error.expected.is_empty(), "{error}");
            assert!(taken.is_err(), "accepted though not a record: {error}");
            return;
        }
    };
    json::assert_object(bytes);
    assert_eq!(envelope.text().as_bytes(), bytes);
    if let Some(value) = json::value(bytes) {
        compare(&envelope, &value);
    }
    let accepted = match taken {
        Ok(accepted) => accepted,
        Err(error) => {
            let is_deep = too_deep(envelope.text()).is_some();
            return assert!(is_deep || bytes.len() > RECORD_BYTES_MAX, "{error}");
        }
    };
    assert!(depth(bytes) <= DEPTH_MAX, "every reader can read it");
    let event = &accepted.event;
    for oddity in &accepted.oddities {
        assert!(oddity.offset < bytes.len(), "{oddity}");
    }
    if bytes.len() <= RECORD_BYTES_MAX {
        assert_eq!(event.record, bytes, "the bytes leave as they came in");
        assert!(accepted.cut.is_empty());
    }
    let again = Event::from_record(Bytes::copy_from_slice(bytes), &sender()).expect("it was taken");
    assert_eq!(again, accepted, "a function of the bytes");
}

/// The second reading of depth.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut rest) = (0_usize, 0, json);
    while let [byte, more @ ..] = rest {
        rest = more;
        match byte {
            b'"' => {
                while let [byte, more @ ..] = rest {
                    rest = if *byte == b'\\' { more.get(1..).unwrap_or_default() } else { more };
                    if *byte == b'"' {
                        break;
                    }
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// What the envelope says and what a plain reader finds.
fn compare(envelope: &Envelope<'_>, value: &Value) {
    assert_eq!(envelope.event_name().as_deref(), value["eventName"].as_str());
    assert_eq!(envelope.event_source().as_deref(), value["eventSource"].as_str());
    assert_eq!(envelope.error_code().as_deref(), value["errorCode"].as_str());
    assert_eq!(envelope.user_arn().as_deref(), value["userIdentity"]["arn"].as_str());
    let present = |member: &&str| value.get(*member).is_some_and(|value| !value.is_null());
    let of_account = ["recipientAccountId", "accountId"].into_iter().find(|m| present(m));
    if let (Some(member), Ok(Some(account))) = (of_account, envelope.account()) {
        assert_eq!(Some(account.as_str()), value[member].as_str());
    }
    if let Ok(Some(region)) = envelope.region() {
        assert_eq!(Some(region.as_str()), value["awsRegion"].as_str());
    }
    let resources = value["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let objects: Vec<&Value> = resources.iter().filter(|entry| entry.is_object()).collect();
    let found = envelope.resources();
    assert_eq!(found.len(), objects.len());
    for (found, object) in found.iter().zip(objects) {
        assert_eq!(found.kind.as_deref(), object["type"].as_str());
    }
    for member in MEMBERS {
        let name = format!("\"{member}\"");
        let twice = format!("{{{name}:1,{}", &envelope.text()[1..]);
        if value.get(member).is_some() {
            assert!(Envelope::parse(twice.as_bytes()).is_err(), "{member} stands there twice");
        }
    }
}

/// Each four bytes of the input are a member of a large record: which, how long, made of what.
fn large(bytes: &[u8]) -> String {
    const OTHERS: [&str; 4] = ["edgeDeviceDetails", "invented", "eventID", "resources"];
    let names = [&CUT_ORDER[..], &OTHERS].concat();
    const FILLS: [&str; 5] = ["x", "é", "\\u0001", "\\\"", "😀"];
    let mut record = String::from("{\"z\":0");
    let mut seen = vec![false; names.len()];
    for member in bytes.chunks_exact(4) {
        let name = member[0] as usize % names.len();
        if record.len() > 2 * RECORD_BYTES_MAX || std::mem::replace(&mut seen[name], true) {
            continue;
        }
        let fill = FILLS[member[1] as usize % FILLS.len()];
        let filler = fill.repeat((member[2] as usize * 1024 + member[3] as usize) / fill.len());
        let name = names[name];
        let value = match member[1] >> 6 {
            0 | 1 => format!("\"{filler}\""),
            2 => format!("{{\"m\" : \"{filler}\"}}"),
            _ => format!("[1, \"{filler}\"]"),
        };
        record.push_str(&format!(", \"{name}\":{value}"));
    }
    record.push('}');
    record
}

fn cut_seeds() -> Vec<Vec<u8>> {
    let all = (0..14).flat_map(|name: u8| [name, name.wrapping_mul(31), 60, 1]).collect();
    vec![
        all,
        vec![8, 128, 255, 255, 4, 0, 8, 255],
        vec![11, 0, 255, 255, 0, 0, 9, 0],
        vec![4, 2, 255, 0, 5, 0, 9, 0],
    ]
}

fn cut(bytes: &[u8]) {
    let record = large(&bytes[..bytes.len().min(56)]);
    let envelope = Envelope::parse(record.as_bytes()).expect("made to be a record");
    let before = json::value(record.as_bytes()).expect("made to be a value");
    let fitted = match limits::fit(&envelope) {
        Ok(None) => return assert!(record.len() <= RECORD_BYTES_MAX),
        Ok(Some(fitted)) => fitted,
        Err(error) => {
            // What no cut may touch is too much by itself.
            let cuttable = |name: &str| CUT_ORDER.contains(&name) || name == "edgeDeviceDetails";
            let rest = before.as_object().expect("an object").iter();
            let rest: usize = rest
                .filter(|(name, _)| !cuttable(name))
                .map(|(name, value)| name.len() + value.to_string().len() + 8)
                .sum();
            assert!(rest + 14 * 64 + 64 * 1024 > RECORD_BYTES_MAX, "{error}");
            return;
        }
    };
    assert!(fitted.record.len() <= RECORD_BYTES_MAX && !fitted.cut.is_empty());
    let after = json::value(&fitted.record).expect("a cut record is a record");
    let (before, after) = (before.as_object().expect("one"), after.as_object().expect("one"));
    assert!(before.keys().eq(after.keys()), "no member is lost");
    for (name, value) in before {
        let is_cut = fitted.cut.contains(&name.as_str());
        assert_eq!(is_cut, after[name] != *value, "{name}");
    }
    let again = Envelope::parse(&fitted.record).expect("a record");
    assert_eq!(limits::fit(&again), Ok(None), "cut once and for all");
}

fn activity(bytes: &[u8]) {
    let Ok(data) = std::str::from_utf8(bytes) else { return };
    let (account, region) = ("111111111111".parse(), "eu-west-1".parse());
    let channel = ActivityChannel {
        arn: "arn:aws:cloudtrail:eu-west-1:111111111111:channel/a\"b",
        account: &account.expect("12 digits"),
        region: &region.expect("a Region"),
        source: "Custom",
    };
    let now = Timestamp::from_millis(1_767_323_049_000);
    let event = match Event::from_activity(&channel, "id-1", data, now) {
        Ok(event) => event,
        Err(refused) => {
            assert!(!refused.message.is_empty());
            return;
        }
    };
    json::assert_object(data.trim_ascii().as_bytes());
    json::assert_object(&event.record);
    assert!(event.record.len() <= RECORD_BYTES_MAX);
    let text = std::str::from_utf8(&event.record).expect("text in, text out");
    let stored = format!("\"eventData\":{}}}", data.trim_matches([' ', '\t', '\r', '\n']));
    assert!(text.ends_with(&stored), "eventData stays byte for byte");
    let envelope = Envelope::parse(&event.record).expect("what is stored is a record");
    assert_eq!(envelope.account(), Ok(Some(event.account.clone())));
    if let Second::Value(value) = json::read(data.as_bytes()) {
        assert_eq!(value["recipientAccountId"], "111111111111");
        assert!(value["userIdentity"].is_object() && value["UID"].is_string());
    }
}

fn selector_seeds() -> Vec<Vec<u8>> {
    let category = r#"{"Field":"eventCategory","Equals":["Data"]}"#;
    let more = r#"{"Field":"resources.ARN","StartsWith":["arn:aws:s3:::b"],"NotEndsWith":["x"]}"#;
    let flag = r#"{"Field":"readOnly","Equals":["true"],"NotStartsWith":["t"]}"#;
    let kind = r#"{"Field":"resources.type","Equals":["AWS::S3::Object"]}"#;
    let by_type = format!("[{category},{kind},{more}]");
    [
        format!("[{category}]"),
        format!("[{category},{more}]"),
        format!("[{category},{flag}]"),
        by_type,
    ]
    .map(|fields| format!("[{{\"Name\":\"n\",\"FieldSelectors\":{fields}}}]").into_bytes())
    .into()
}

fn selectors(bytes: &[u8]) {
    let Ok(selectors) = serde_json::from_slice::<Vec<AdvancedEventSelector>>(bytes) else { return };
    let text = serde_json::to_string(&selectors).expect("selectors serialize");
    assert_eq!(
        serde_json::from_str::<Vec<AdvancedEventSelector>>(&text).ok(),
        Some(selectors.clone())
    );
    let event = Event::from_record(Bytes::from_static(RECORD_TEXT.as_bytes()), &sender());
    let event = event.expect("a record").event;
    let all = EventSelectors::from(selectors.clone());
    let by_call = EventSelectors::of_call(None, Some(selectors.clone()));
    assert!(
        by_call.is_err() || all.check().is_ok(),
        "the API takes nothing that a trail cannot have"
    );
    let trail = |selectors: Vec<AdvancedEventSelector>| {
        let arn = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/all".parse().expect("an ARN");
        let trail = Trail::new(arn, "bucket".parse().expect("a bucket"));
        Trail { is_multi_region: true, selectors: selectors.into(), ..trail }
    };
    let takes = |selectors: Vec<AdvancedEventSelector>| {
        let set = TrailSet { trails: vec![trail(selectors)], ..TrailSet::default() };
        let (facts, rules) = (Facts::of(&event), Rules::of(&set));
        let is_taken = rules.takers(&facts).count() == 1;
        assert!(rules.explain(&facts).all(|one| one.is_taken == is_taken), "as explained");
        is_taken
    };
    // Also those that are refused: whatever stands in a segment is answered.
    let any = selectors.iter().any(|selector| takes(vec![selector.clone()]));
    if !selectors.is_empty() {
        assert_eq!(takes(selectors.clone()), any, "selectors are ORed");
    }
    for selector in &selectors {
        let value = serde_json::from_str(RECORD_TEXT).expect("a value");
        assert_eq!(takes(vec![selector.clone()]), is_selected(selector, &value), "{selector:?}");
    }
}

/// The rules of the API, read off a plain value.
fn is_selected(selector: &AdvancedEventSelector, record: &Value) -> bool {
    selector.field_selectors.iter().all(|field| {
        let values: Vec<String> = match field.field.split_once('.') {
            _ if Field::from_name(&field.field).is_none() => Vec::new(),
            Some(("resources", member)) => record["resources"]
                .as_array()
                .expect("an array")
                .iter()
                .filter_map(|resource| {
                    let prefix = (member == "ARN").then_some("ARNPrefix");
                    let found = resource[member].as_str();
                    found.or_else(|| resource[prefix?].as_str()).map(str::to_owned)
                })
                .collect(),
            Some((object, member)) => {
                record[object][member].as_str().map(str::to_owned).into_iter().collect()
            }
            None => match &record[&field.field] {
                Value::String(text) => vec![text.clone()],
                Value::Bool(flag) => vec![flag.to_string()],
                _ => Vec::new(),
            },
        };
        let hit = |equals: &[String], starts: &[String], ends: &[String]| {
            values.iter().any(|value| {
                equals.contains(value)
                    || starts.iter().any(|start| value.starts_with(start.as_str()))
                    || ends.iter().any(|end| value.ends_with(end.as_str()))
            })
        };
        let wants = !(field.equals.is_empty()
            && field.starts_with.is_empty()
            && field.ends_with.is_empty());
        (!wants || hit(&field.equals, &field.starts_with, &field.ends_with))
            && !hit(&field.not_equals, &field.not_starts_with, &field.not_ends_with)
    })
}
