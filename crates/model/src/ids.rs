//! Identifiers, parsed once: accounts, Regions, organizations, trails, topics, batches.
//!
//! Each type admits only text that is safe inside an object key and that AWS would accept in that
//! place; the parse error says what was found and what is expected.
//! Sources: AWS General Reference (account ids, Regions, ARNs); CloudTrail API Reference (`Name`).

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Text that does not name what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {expected}")]
pub struct InvalidId {
    /// The text, cut to 200 characters.
    pub found: String,
    /// What is expected, to follow "is not".
    pub expected: &'static str,
}

impl InvalidId {
    fn new(found: &str, expected: &'static str) -> InvalidId {
        InvalidId { found: found.chars().take(200).collect(), expected }
    }
}

/// ASCII text of at most `N` bytes, kept in place: every event holds two of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Short<const N: usize> {
    /// The text and zeros, which no text holds: so they are ordered as texts are.
    bytes: [u8; N],
    length: u8,
}

impl<const N: usize> From<&str> for Short<N> {
    fn from(text: &str) -> Short<N> {
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Short { bytes, length: u8::try_from(text.len()).expect("N is less than 256") }
    }
}

impl<const N: usize> Deref for Short<N> {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.length)]).expect("it is ASCII")
    }
}

/// Text of a fixed grammar, compared and ordered by its bytes.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident($text:ty), $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name($text);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok($name(text.into())) } else { Err(InvalidId::new(text, $expected)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), formatter)
            }
        }
    };
}

identifier!(
    /// An AWS account: 12 digits.
    AccountId(Short<12>),
    "an account id of 12 digits",
    |text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
);

identifier!(
    /// A Region's code, such as `eu-west-1`: lower-case letters, digits and inner hyphens.
    ///
    /// New Regions appear every year, so the grammar is checked and not a list.
    Region(Short<32>),
    "a Region code of 2 to 32 lower-case letters, digits and inner hyphens, such as eu-west-1",
    |text| {
        (2..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
    }
);

identifier!(
    /// An organization's id: `o-` and 10 to 32 lower-case letters and digits.
    OrganizationId(Arc<str>),
    "an organization id: o- and 10 to 32 lower-case letters and digits",
    |text| text.strip_prefix("o-").is_some_and(|rest| {
        (10..=32).contains(&rest.len())
            && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
);

identifier!(
    /// A bucket's name by the rules of S3: 3 to 63 of lower-case letters, digits, dots and hyphens.
    BucketName(Arc<str>),
    "a bucket name of 3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit",
    |text| {
        let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        (3..=63).contains(&text.len())
            && text.bytes().all(|byte| edge(byte) || byte == b'.' || byte == b'-')
            && text.bytes().next().is_some_and(edge)
            && text.bytes().last().is_some_and(edge)
            && !text.contains("..")
    }
);

identifier!(
    /// A trail's `S3KeyPrefix`: at most 200 characters, not empty, without `AWSLogs/`.
    KeyPrefix(Arc<str>),
    "a key prefix of 1 to 200 characters without AWSLogs/ and control characters",
    |text| {
        !text.is_empty()
            && text.chars().count() <= 200
            && !text.chars().any(char::is_control)
            && !text.contains("AWSLogs/")
    }
);

identifier!(
    /// A trail's name: 3 to 128 letters, digits, `.`, `_`, `-`; letters or digits at both ends; no
    /// two of `.`, `_`, `-` side by side; not shaped like an IPv4 address.
    TrailName(Arc<str>),
    "a trail name: 3 to 128 letters, digits, periods, underscores and hyphens, beginning and ending with a letter or digit, no two of . _ - side by side, not an IP address",
    |text| {
        let mark = |byte: u8| matches!(byte, b'.' | b'_' | b'-');
        (3..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
            && !text.bytes().next().is_some_and(mark)
            && !text.bytes().last().is_some_and(mark)
            && !text.as_bytes().windows(2).any(|pair| mark(pair[0]) && mark(pair[1]))
            && text.parse::<std::net::Ipv4Addr>().is_err()
    }
);

identifier!(
    /// A channel's name: 3 to 128 letters, digits, `.`, `_`, `-`.
    ChannelName(Arc<str>),
    "a channel name of 3 to 128 letters, digits, periods, underscores and hyphens",
    |text| {
        let mark = |byte: u8| matches!(byte, b'.' | b'_' | b'-');
        (3..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
    }
);

identifier!(
    /// The name of a log group of CloudWatch Logs: 1 to 512 letters, digits and `. - _ / #`.
    LogGroupName(Arc<str>),
    "a log group name of 1 to 512 letters, digits and . - _ / #",
    |text| {
        (1..=512).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte))
    }
);

identifier!(
    /// The name of an SNS topic or an SQS queue: 1 to 256 letters, digits, `_` and `-`, or that and
    /// `.fifo`.
    TopicName(Arc<str>),
    "a topic name of 1 to 256 letters, digits, underscores and hyphens",
    |text| {
        let plain = text.strip_suffix(".fifo").unwrap_or(text);
        (1..=256).contains(&text.len())
            && !plain.is_empty()
            && plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    }
);

/// The partition that a Region belongs to: `aws`, `aws-cn`, `aws-us-gov`, …
#[must_use]
pub fn partition_of(region: &Region) -> &'static str {
    let text = region.as_str();
    match () {
        () if text.starts_with("cn-") => "aws-cn",
        () if text.starts_with("us-gov-") => "aws-us-gov",
        () if text.starts_with("us-isob-") => "aws-iso-b",
        () if text.starts_with("us-iso-") => "aws-iso",
        () => "aws",
    }
}

/// The Region in which a partition's global services are recorded.
#[must_use]
pub fn leading_region_of(region: &Region) -> &'static str {
    match partition_of(region) {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        "aws-iso" => "us-iso-east-1",
        "aws-iso-b" => "us-isob-east-1",
        _ => "us-east-1",
    }
}

/// A trail: `arn:PARTITION:cloudtrail:HOMEREGION:ACCOUNT:trail/NAME`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrailArn {
    /// The account that owns the trail; of an organization trail, the management account.
    pub account: AccountId,
    /// The Region where the trail was made.
    pub home_region: Region,
    /// Its name, unique in that account and Region.
    pub name: TrailName,
}

impl fmt::Display for TrailArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partition = partition_of(&self.home_region);
        write!(
            formatter,
            "arn:{partition}:cloudtrail:{}:{}:trail/{}",
            self.home_region, self.account, self.name
        )
    }
}

impl fmt::Debug for TrailArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for TrailArn {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let refuse =
            || InvalidId::new(text, "a trail ARN: arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME");
        let [region, account, resource] = arn_parts(text, "cloudtrail").ok_or_else(refuse)?;
        let name = resource.strip_prefix("trail/").ok_or_else(refuse)?;
        let arn = TrailArn {
            account: account.parse().map_err(|_| refuse())?,
            home_region: region.parse().map_err(|_| refuse())?,
            name: name.parse()?,
        };
        if arn.to_string() == text { Ok(arn) } else { Err(refuse()) }
    }
}

/// An SNS topic: `arn:PARTITION:sns:REGION:ACCOUNT:NAME`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TopicArn {
    /// The topic's Region.
    pub region: Region,
    /// The topic's owner.
    pub account: AccountId,
    /// The topic's name.
    pub name: TopicName,
}

impl TopicArn {
    /// Whether this is a FIFO topic, which CloudTrail refuses (`InvalidSnsTopicNameException`).
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.name.as_str().ends_with(".fifo")
    }
}

impl fmt::Display for TopicArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partition = partition_of(&self.region);
        write!(formatter, "arn:{partition}:sns:{}:{}:{}", self.region, self.account, self.name)
    }
}

impl fmt::Debug for TopicArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for TopicArn {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let refuse = || InvalidId::new(text, "a topic ARN: arn:aws:sns:REGION:ACCOUNT:NAME");
        let [region, account, name] = arn_parts(text, "sns").ok_or_else(refuse)?;
        let arn = TopicArn {
            region: region.parse().map_err(|_| refuse())?,
            account: account.parse().map_err(|_| refuse())?,
            name: name.parse().map_err(|_| refuse())?,
        };
        if arn.to_string() == text { Ok(arn) } else { Err(refuse()) }
    }
}

/// A log group, and all of its streams: `arn:PARTITION:logs:REGION:ACCOUNT:log-group:NAME:*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogGroupArn {
    /// The group's Region.
    pub region: Region,
    /// The group's owner.
    pub account: AccountId,
    /// The group's name.
    pub name: LogGroupName,
}

impl fmt::Display for LogGroupArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogGroupArn { region, account, name } = self;
        write!(formatter, "arn:{}:logs:{region}:{account}:log-group:{name}:*", partition_of(region))
    }
}

impl fmt::Debug for LogGroupArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for LogGroupArn {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let refuse = || {
            InvalidId::new(text, "a log group ARN: arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*")
        };
        let [region, account, resource] = arn_parts(text, "logs").ok_or_else(refuse)?;
        let name = resource.strip_prefix("log-group:").and_then(|rest| rest.strip_suffix(":*"));
        let arn = LogGroupArn {
            region: region.parse().map_err(|_| refuse())?,
            account: account.parse().map_err(|_| refuse())?,
            name: name.ok_or_else(refuse)?.parse().map_err(|_| refuse())?,
        };
        if arn.to_string() == text { Ok(arn) } else { Err(refuse()) }
    }
}

macro_rules! arn_as_string {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(arn: $name) -> String {
                arn.to_string()
            }
        }
    };
}

arn_as_string!(TrailArn);
arn_as_string!(TopicArn);
arn_as_string!(LogGroupArn);

/// Region, account and resource of an ARN of one service.
fn arn_parts<'a>(text: &'a str, service: &str) -> Option<[&'a str; 3]> {
    let mut parts = text.splitn(6, ':');
    let known =
        parts.next()? == "arn" && parts.next()?.starts_with("aws") && parts.next()? == service;
    known.then_some(())?;
    Some([parts.next()?, parts.next()?, parts.next()?])
}

/// A batch: one journal segment, from its opening to its seal.
///
/// The number is the opening time in milliseconds since 1970, raised where needed so that each
/// batch of a journal has a higher number than all before it, whatever the clock does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BatchId(pub u64);

impl fmt::Display for BatchId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr>(valid: &[&str], invalid: &[&str]) {
        for text in valid {
            assert!(text.parse::<T>().is_ok(), "{text:?} is valid");
        }
        for text in invalid {
            assert!(text.parse::<T>().is_err(), "{text:?} is invalid");
        }
    }

    #[test]
    fn identifiers_follow_the_rules_of_aws() {
        check::<AccountId>(
            &["000000000000", "111122223333"],
            &["", "1234", "1111222233334", "11112222333x", "١١١١٢٢٢٢٣٣٣٣"],
        );
        check::<Region>(
            &["eu-west-1", "us-gov-west-1", "us-north-2r"],
            &["", "EU-WEST-1", "-", "eu/west", "...", "a"],
        );
        check::<OrganizationId>(&["o-abc123defg"], &["o-", "abc123defg", "o-ABC123DEFG"]);
        check::<BucketName>(&["log-bucket", "a.b.c"], &["ab", "Log", "-a-", "a..b", "a/b"]);
        check::<KeyPrefix>(&["logs", "a/b"], &["", "AWSLogs/", "a/AWSLogs/b", "a\nb"]);
    }

    #[test]
    fn trail_names_follow_the_rules_of_cloudtrail() {
        let long = "a".repeat(128);
        let too_long = "a".repeat(129);
        check::<TrailName>(
            &["abc", "a-b", "a.b_c-d", &long],
            &["ab", &too_long, "-ab", "ab-", "a--b", "a._b", "192.168.5.4", "a b", "é11"],
        );
    }

    #[test]
    fn arns_carry_the_partition_of_their_region() {
        for text in [
            "arn:aws:cloudtrail:eu-west-1:111111111111:trail/all",
            "arn:aws-us-gov:cloudtrail:us-gov-west-1:111111111111:trail/all",
        ] {
            assert_eq!(text.parse::<TrailArn>().unwrap().to_string(), text);
        }
        check::<TrailArn>(
            &[],
            &[
                "arn:aws:cloudtrail:cn-north-1:111111111111:trail/all",
                "arn:aws:cloudtrail:eu-west-1:1:trail/all",
                "all",
            ],
        );
        check::<LogGroupArn>(
            &["arn:aws:logs:eu-west-1:111111111111:log-group:/a/b.c-d_e#1:*"],
            &[
                "arn:aws:logs:eu-west-1:111111111111:log-group:a",
                "arn:aws:logs:eu-west-1:111111111111:log-group::*",
                "arn:aws:logs:eu-west-1:111111111111:log-group:a:log-stream:b:*",
                "arn:aws:logs:cn-north-1:111111111111:log-group:a:*",
            ],
        );
        check::<TopicArn>(
            &["arn:aws:sns:eu-west-1:111111111111:news"],
            &["news", "arn:aws:sns:eu-west-1:111111111111:a:b"],
        );
        assert!(
            "arn:aws:sns:eu-west-1:111111111111:news.fifo".parse::<TopicArn>().unwrap().is_fifo()
        );
    }
}
