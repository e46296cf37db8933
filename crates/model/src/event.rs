//! An event: one record on its way, with what routing needs to know of it.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::category::Category;
use crate::depth::{DEPTH_MAX, too_deep};
use crate::ids::{AccountId, Region, leading_region_of};
use crate::limits;
use crate::record::{Envelope, InvalidRecord, Oddity};
use crate::time::Timestamp;

/// Who sent a record: the authenticated caller, or the channel that it came by.
///
/// A record that does not say which account or Region it is for is filed under its sender's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The caller's account.
    pub account: AccountId,
    /// The Region that the caller spoke to.
    pub region: Region,
}

/// What tells an event from all others: 16 bytes of a SHA-256 over the account and what was sent.
///
/// Equal identities mean equal content: a repeated identity is a retry and is recorded once. Two
/// records that share an `eventID` but differ in content have two identities, so nobody can keep
/// an event out of the log by sending another one with its `eventID` first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(pub [u8; 16]);

impl Identity {
    /// Over parts that are told apart by their lengths.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Identity {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Identity(hash.finalize()[..16].try_into().expect("16 of 32 bytes"))
    }
}

/// One record, checked, with the account, Region and category that it is filed under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Tells a retry from a new event.
    pub identity: Identity,
    /// The account whose trails see the event.
    pub account: AccountId,
    /// The Region of the event.
    pub region: Region,
    /// What kind of event it is.
    pub category: Category,
    /// Whether a global service recorded it, in its partition's leading Region.
    pub is_global: bool,
    /// `eventTime`, where the record has a readable one.
    pub time: Option<Timestamp>,
    /// The record's bytes, as they came in; of more than 256 KB, as [`limits`] cut them.
    pub record: Bytes,
}

/// An accepted record, and what was odd about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The event to record.
    pub event: Event,
    /// Odd members: the event is filed under its sender's account or Region in their place.
    pub oddities: Vec<Oddity>,
    /// The members that were cut to bring the record within 256 KB.
    pub cut: Vec<&'static str>,
}

impl Event {
    /// Checks a CloudTrail record of any category, and files it.
    ///
    /// The bytes must be one JSON object without white space around it. Fails on what is no record,
    /// on values nested too deep to be read again, and on records that stay over 256 KB after
    /// CloudTrail's cuts.
    pub fn from_record(record: Bytes, sender: &Sender) -> Result<Accepted, InvalidRecord> {
        let envelope = Envelope::parse(&record)?;
        if let Some(offset) = too_deep(envelope.text()) {
            return Err(InvalidRecord {
                member: "record".into(),
                found: format!("values nested deeper than {DEPTH_MAX}"),
                expected: format!(
                    "at most {DEPTH_MAX} levels, which readers of log files can take"
                ),
                offset,
            });
        }
        let mut oddities = Vec::new();
        let account = keep(envelope.account(), &mut oddities).unwrap_or(sender.account.clone());
        let region = keep(envelope.region(), &mut oddities).unwrap_or(sender.region.clone());
        let time = keep(envelope.event_time(), &mut oddities);
        let category = envelope.category();
        let identity = Identity::of(&[account.as_str().as_bytes(), &record]);
        let is_global = is_global(&envelope, &region);
        let fitted = limits::fit(&envelope)?;
        let (record, cut) = match fitted {
            Some(fitted) => (Bytes::from(fitted.record), fitted.cut),
            None => (record, Vec::new()),
        };
        let event = Event { identity, account, region, category, is_global, time, record };
        Ok(Accepted { event, oddities, cut })
    }
}

fn keep<T>(named: Result<Option<T>, Oddity>, oddities: &mut Vec<Oddity>) -> Option<T> {
    named.unwrap_or_else(|oddity| {
        oddities.push(oddity);
        None
    })
}

/// Services that are recorded in their partition's leading Region whatever Region the caller is in.
/// Source: AWS CloudTrail User Guide, "Global service events".
const GLOBAL_SERVICES: [&str; 5] = [
    "cloudfront.amazonaws.com",
    "iam.amazonaws.com",
    "organizations.amazonaws.com",
    "route53.amazonaws.com",
    "sts.amazonaws.com",
];

fn is_global(envelope: &Envelope<'_>, region: &Region) -> bool {
    if region.as_str() != leading_region_of(region) {
        return false;
    }
    match envelope.event_source().as_deref() {
        // STS has regional endpoints too; today's records say which one was called.
        Some("sts.amazonaws.com") => envelope.is_global_endpoint().unwrap_or(true),
        Some(source) => GLOBAL_SERVICES.contains(&source),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender() -> Sender {
        Sender { account: "999999999999".parse().unwrap(), region: "eu-west-1".parse().unwrap() }
    }

    fn event(record: &str) -> Accepted {
        Event::from_record(Bytes::copy_from_slice(record.as_bytes()), &sender()).unwrap()
    }

    #[test]
    fn a_record_is_filed_where_it_says_and_else_under_its_sender() {
        for (record, account, region, oddities) in [
            (
                r#"{"recipientAccountId":"111111111111","awsRegion":"us-east-1"}"#,
                "111111111111",
                "us-east-1",
                0,
            ),
            (r#"{"eventName":"x"}"#, "999999999999", "eu-west-1", 0),
            (
                r#"{"recipientAccountId":"redacted","awsRegion":"..."}"#,
                "999999999999",
                "eu-west-1",
                2,
            ),
        ] {
            let accepted = event(record);
            assert_eq!(accepted.event.account.as_str(), account, "{record}");
            assert_eq!(accepted.event.region.as_str(), region, "{record}");
            assert_eq!(accepted.oddities.len(), oddities, "{record}");
            assert_eq!(accepted.event.record, record.as_bytes(), "{record}");
        }
    }

    #[test]
    fn a_retry_has_the_identity_of_what_it_repeats_and_nothing_else_has() {
        let first = event(r#"{"eventID":"1","eventName":"a"}"#).event.identity;
        assert_eq!(event(r#"{"eventID":"1","eventName":"a"}"#).event.identity, first);
        assert_ne!(event(r#"{"eventID":"1","eventName":"b"}"#).event.identity, first);
        assert_ne!(Identity::of(&[b"a", b"bc"]), Identity::of(&[b"ab", b"c"]));
    }

    #[test]
    fn global_services_are_known_in_the_leading_region_only() {
        for (source, region, more, global) in [
            ("iam.amazonaws.com", "us-east-1", "", true),
            ("iam.amazonaws.com", "us-gov-west-1", "", true),
            ("iam.amazonaws.com", "eu-west-1", "", false),
            ("ec2.amazonaws.com", "us-east-1", "", false),
            ("sts.amazonaws.com", "us-east-1", "", true),
            (
                "sts.amazonaws.com",
                "us-east-1",
                r#","additionalEventData":{"RequestDetails":{"endpointType":"regional"}}"#,
                false,
            ),
            (
                "sts.amazonaws.com",
                "us-east-1",
                r#","additionalEventData":{"RequestDetails":{"endpointType":"global"}}"#,
                true,
            ),
        ] {
            let record = format!(r#"{{"eventSource":"{source}","awsRegion":"{region}"{more}}}"#);
            assert_eq!(event(&record).event.is_global, global, "{record}");
        }
    }
}
