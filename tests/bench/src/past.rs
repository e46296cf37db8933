//! Ninety days of events, with the skew of real trails: a few users, calls and resources make most of
//! them, and most users and resources are rare.
//!
//! Event `n` of a past is a function of `n`, so that any of its values can be asked for. Ranks are drawn
//! log-uniformly: rank `r` comes about `1 / (r · ln R)` often, as Zipf has it.

use bytes::Bytes;
use model::{AccountId, BatchId, Category, Region, Timestamp};

use crate::records::{OWNER, mix};

/// Users, and what they do, by rank.
const USERS: u64 = 18_000;
const CALLS: u64 = 600;
const RESOURCES: u64 = 1_000_000;
/// Just less than the history keeps.
const SPAN_MS: i64 = 89 * 24 * 3600 * 1000;
const HOUR_MS: i64 = 3600 * 1000;
/// Services; a call of rank `r` is one of service `r % 40`.
const SERVICES: u64 = 40;

/// A past that ends at some moment.
#[derive(Clone, Copy, Debug)]
pub struct Past {
    /// How many events it has.
    pub events: u64,
    /// When it ends.
    pub end: Timestamp,
}

/// One event, by what it is looked up by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub account: String,
    pub region: &'static str,
    pub time: Timestamp,
    pub id: String,
    pub name: String,
    pub source: String,
    pub user: String,
    pub key: String,
    pub bucket: String,
    pub is_read: bool,
    number: u64,
}

/// A rank from 0, the most frequent, to `ranks - 1`.
fn rank(draw: u64, ranks: u64) -> u64 {
    #[allow(clippy::cast_precision_loss)] // 53 bits are more than enough
    let (part, all) = ((draw >> 11) as f64 / (1_u64 << 53) as f64, ranks as f64);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // at least 1, less than ranks
    let rank = all.powf(part) as u64;
    rank.clamp(1, ranks) - 1
}

fn user(rank: u64) -> String {
    format!("user-{rank:05}")
}

fn bucket(rank: u64) -> String {
    format!("bucket-{:016x}", mix(rank))
}

fn call(rank: u64) -> (String, String) {
    const VERBS: [&str; 6] = ["Describe", "List", "Get", "Create", "Put", "Delete"];
    let verb = VERBS[usize::try_from(rank % 6).expect("less than six")];
    (format!("{verb}Thing{rank}"), format!("service{}.amazonaws.com", rank % SERVICES))
}

impl Past {
    /// Event `n`, from the oldest on.
    #[must_use]
    pub fn event(&self, number: u64) -> Event {
        let draw = |what: u64| mix(mix(number).wrapping_add(what));
        let events = i64::try_from(self.events.max(1)).expect("less than 2^63");
        let n = i64::try_from(number).expect("less than 2^63");
        let ms = i64::try_from(i128::from(n) * i128::from(SPAN_MS) / i128::from(events));
        let begin = self.end.as_millis() - SPAN_MS;
        // Whole seconds, as CloudTrail's.
        let time = (begin + ms.expect("within the span")) / 1000 * 1000;
        let by = rank(draw(1), USERS);
        let what = rank(draw(2), CALLS);
        let (name, source) = call(what);
        let hour = u64::try_from(time / HOUR_MS).expect("after 1970");
        // Seven of ten are the owner's, in one Region.
        let (account, region) = match draw(4) % 10 {
            0..7 => (OWNER.to_owned(), "us-east-1"),
            7..9 => (OWNER.to_owned(), "eu-west-1"),
            _ => (
                (OWNER.parse::<u64>().expect("digits") + 1 + draw(5) % 20).to_string(),
                "us-east-1",
            ),
        };
        Event {
            account,
            region,
            time: Timestamp::from_millis(time),
            id: uuid(draw(6), draw(7)),
            is_read: what % 6 < 3,
            name,
            source,
            user: user(by),
            key: format!("ASIA{:016X}", mix(by ^ hour << 32)),
            bucket: bucket(rank(draw(3), RESOURCES)),
            number,
        }
    }
}

fn uuid(one: u64, other: u64) -> String {
    let hex = format!("{one:016x}{other:016x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

impl Event {
    /// Its record, of about 1.4 KB.
    #[must_use]
    pub fn record(&self) -> String {
        let Event { account, region, id, name, source, user, key, bucket, is_read, number, .. } =
            self;
        let draw = |what: u64| mix(mix(*number).wrapping_add(what));
        let time = self.time.to_iso_seconds();
        let error = match draw(20) % 25 {
            0 => format!(
                r#","errorCode":"AccessDenied","errorMessage":"User: arn:aws:sts::{account}:assumed-role/deploy/{user} is not authorized to perform: {source}:{name} because no identity-based policy allows the action""#
            ),
            _ => String::new(),
        };
        let agents = [
            "aws-sdk-go-v2/1.36.3 ua/2.1 os/linux lang/go#1.23.6 md/GOOS#linux md/GOARCH#amd64 api/s3#1.78.0 m/E",
            "Boto3/1.37.4 md/Botocore#1.37.4 ua/2.1 os/linux#6.1.128-136.201.amzn2023.x86_64 lang/python#3.12.9 Botocore/1.37.4",
            "APN/1.0 HashiCorp/1.0 Terraform/1.10.5 (+https://www.terraform.io) terraform-provider-aws/5.88.0",
        ];
        let agent = agents[usize::try_from(draw(21) % 3).expect("less than three")];
        format!(
            r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"AROA4EXAMPLE7QZ0006:{user}","arn":"arn:aws:sts::{account}:assumed-role/deploy/{user}","accountId":"{account}","accessKeyId":"{key}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROA4EXAMPLE7QZ0006","arn":"arn:aws:iam::{account}:role/deploy","accountId":"{account}","userName":"deploy"}},"attributes":{{"creationDate":"{time}","mfaAuthenticated":"false"}}}}}},"eventTime":"{time}","eventSource":"{source}","eventName":"{name}","awsRegion":"{region}","sourceIPAddress":"10.{}.{}.{}","userAgent":"{agent}"{error},"requestParameters":{{"bucketName":"{bucket}","Host":"{bucket}.s3.{region}.amazonaws.com","encryptionContext":{{"aws:s3:arn":"arn:aws:s3:::{bucket}/{:x}"}}}},"responseElements":null,"additionalEventData":{{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","AuthenticationMethod":"AuthHeader","x-amz-id-2":"{:016x}{:016x}"}},"requestID":"{:016X}","eventID":"{id}","readOnly":{is_read},"resources":[{{"accountId":"{account}","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::{bucket}"}}],"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"{account}","eventCategory":"Management","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{bucket}.s3.{region}.amazonaws.com"}}}}"#,
            draw(10) % 3,
            draw(11) % 64,
            draw(12) % 256,
            draw(13),
            draw(14),
            draw(15),
            draw(16),
        )
    }

    /// As the journal hands it over.
    #[must_use]
    pub fn row(&self, batch: BatchId, index: u32) -> history::Row {
        let account: AccountId = self.account.parse().expect("twelve digits");
        let region: Region = self.region.parse().expect("a Region");
        history::Row {
            position: history::Position {
                time: self.time,
                sequence: history::Sequence { batch, index },
            },
            scope: history::Scope { account, region, category: Category::Management },
            record: Bytes::from(self.record()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashMap;

    use super::*;

    #[test]
    fn few_users_make_most_events_and_most_users_are_rare() {
        let past = Past { events: 100_000, end: Timestamp::from_millis(1_800_000_000_000) };
        let mut users: HashMap<String, u32> = HashMap::new();
        let mut bytes = 0;
        for number in 0..past.events {
            let event = past.event(number);
            bytes += event.record().len();
            *users.entry(event.user).or_default() += 1;
        }
        let most = users.values().max().unwrap();
        assert!(*most > 5_000, "{most}");
        let rare = users.values().filter(|count| **count <= 2).count();
        assert!(rare > users.len() / 3, "{rare} of {}", users.len());
        let mean = bytes as u64 / past.events;
        assert!((1_200..=1_700).contains(&mean), "{mean} bytes");
    }

    #[test]
    fn a_record_is_one_and_says_what_it_is_looked_up_by() {
        let past = Past { events: 1_000, end: Timestamp::from_millis(1_800_000_000_000) };
        for number in 0..past.events {
            let event = past.event(number);
            let record: serde_json::Value = serde_json::from_str(&event.record()).unwrap();
            assert_eq!(record["eventID"], *event.id);
            assert_eq!(record["eventName"], *event.name);
            assert_eq!(record["userIdentity"]["accessKeyId"], *event.key);
            assert!(event.time <= past.end);
        }
    }
}
