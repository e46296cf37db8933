//! What makes two records the same record.
//!
//! CloudTrail delivers an event more than once now and then, and copies carry the same `eventID`
//! for the same `recipientAccountId`. An API call seen by two accounts is two events: their ids
//! differ and only `sharedEventID` is equal, so that member decides nothing here. Aggregated
//! records spell the two `eventId` and `accountId`.
//!
//! Source: AWS CloudTrail User Guide, "CloudTrail record contents" and "Example sharedEventID".

use serde::Deserialize;
use serde_json::value::RawValue;

/// The event and the account it was recorded for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// `recipientAccountId`; empty in records older than version 1.02, which have none.
    pub account: String,
    /// `eventID`.
    pub event_id: String,
}

impl Identity {
    /// `None` when the record has no `eventID`, or one that is not a text.
    pub(crate) fn parse(record: &str) -> Option<Identity> {
        let members: Members<'_> = serde_json::from_str(record).ok()?;
        let event_id = text(members.event_id.or(members.aggregated_event_id))?;
        let account = text(members.account.or(members.aggregated_account)).unwrap_or_default();
        Some(Identity { account, event_id })
    }
}

/// Raw, because a member of an odd type must not hide the other.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(rename = "eventID", borrow)]
    event_id: Option<&'a RawValue>,
    #[serde(rename = "recipientAccountId", borrow)]
    account: Option<&'a RawValue>,
    #[serde(rename = "eventId", borrow)]
    aggregated_event_id: Option<&'a RawValue>,
    #[serde(rename = "accountId", borrow)]
    aggregated_account: Option<&'a RawValue>,
}

fn text(value: Option<&RawValue>) -> Option<String> {
    let text: String = serde_json::from_str(value?.get()).ok()?;
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(record: &str, expected: Option<(&str, &str)>) {
        let identity = Identity::parse(record);
        let found = identity.as_ref().map(|it| (it.account.as_str(), it.event_id.as_str()));
        assert_eq!(found, expected, "{record}");
    }

    #[test]
    fn a_record_is_known_by_its_account_and_event() {
        let account = "111111111111";
        check(
            r#"{"eventID":"e-1","recipientAccountId":"111111111111","sharedEventID":"s"}"#,
            Some((account, "e-1")),
        );
        check(r#"{"eventId":"e-1","accountId":"111111111111"}"#, Some((account, "e-1")));
        check(r#"{"eventID":"e\u002d1"}"#, Some(("", "e-1")));
        check(r#"{"eventID":"e-1","recipientAccountId":7}"#, Some(("", "e-1")));
        check(r#"{"eventID":null,"recipientAccountId":"111111111111"}"#, None);
        check(r#"{"eventID":"","recipientAccountId":"111111111111"}"#, None);
        check(r#"{"eventID":7}"#, None);
        check(r#"{"eventID":"a","eventID":"b"}"#, None);
        check(r#"{"sharedEventID":"s","recipientAccountId":"111111111111"}"#, None);
        check("{}", None);
    }
}
