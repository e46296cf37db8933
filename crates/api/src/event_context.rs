//! Records as AWS's event history has them: without `eventContext`, which only event data stores are
//! given. All else stays as it is written.
//!
//! Source: AWS CloudTrail User Guide, "Enrich CloudTrail events by adding resource tag keys and IAM
//! global condition keys".

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

const MEMBER: &str = r#""eventContext""#;

/// The record without it.
pub(crate) fn left_out(record: &str) -> Cow<'_, str> {
    // Nearly all have none, and this is cheap.
    if !record.contains(MEMBER) {
        return Cow::Borrowed(record);
    }
    let Ok(Members(mut members)) = serde_json::from_str(record) else {
        return Cow::Borrowed(record);
    };
    let before = members.len();
    members.retain(|(name, _)| name.get() != MEMBER);
    if members.len() == before {
        return Cow::Borrowed(record);
    }
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{}", name.get(), value.get())).collect();
    Cow::Owned(format!("{{{}}}", members.join(",")))
}

/// Names and values as they are written, in their order.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(object: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a record")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = object.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        object.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_context_is_left_out_and_all_else_stays_as_it_is_written() {
        for (record, expected) in [
            (r#"{"a":1.0,"eventContext":{"b":2},"c":"\u00e9"}"#, r#"{"a":1.0,"c":"\u00e9"}"#),
            (r#"{ "eventContext" : null, "c" : [ 1 ] }"#, r#"{"c":[ 1 ]}"#),
            (
                r#"{"eventContext":1,"a\"b":2,"a":3,"a":4,"eventContext":5}"#,
                r#"{"a\"b":2,"a":3,"a":4}"#,
            ),
            (r#"{"eventContext":{}}"#, "{}"),
        ] {
            assert_eq!(left_out(record), expected);
        }
        for same in [
            r#"{ "a": 1 }"#,
            r#"{ "requestParameters": {"eventContext":1} }"#,
            r#"{ "eventName": "eventContext" }"#,
            r#""eventContext""#,
        ] {
            assert_eq!(left_out(same), same);
        }
    }
}
