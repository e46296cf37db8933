//! A queue as configuration names it: by name, by ARN or by URL.

use std::fmt;
use std::str::FromStr;

use model::ids::{AccountId, InvalidId, Region, TopicName, partition_of};

const EXPECTED: &str = "a queue's name, ARN (arn:aws:sqs:REGION:ACCOUNT:NAME) or URL";

/// A queue, as configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueRef {
    /// In the topic's Region and the caller's account; made when absent.
    Name(TopicName),
    /// In the ARN's Region and account; made when absent, if the account is the caller's.
    Arn(QueueArn),
    /// A queue that exists.
    Url(String),
}

impl QueueRef {
    /// Whether it is a FIFO queue, which cannot get the messages of a standard topic.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.to_string().ends_with(".fifo")
    }

    /// The Region, where the reference says it.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        match self {
            QueueRef::Name(_) => None,
            QueueRef::Arn(arn) => Some(arn.region.clone()),
            QueueRef::Url(url) => region_of_url(url),
        }
    }
}

impl FromStr for QueueRef {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<QueueRef, InvalidId> {
        if text.starts_with("https://") || text.starts_with("http://") {
            return Ok(QueueRef::Url(text.to_owned()));
        }
        if text.starts_with("arn:") {
            return text.parse().map(QueueRef::Arn);
        }
        text.parse().map(QueueRef::Name).map_err(|_| invalid(text))
    }
}

impl fmt::Display for QueueRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueueRef::Name(name) => name.fmt(formatter),
            QueueRef::Arn(arn) => arn.fmt(formatter),
            QueueRef::Url(url) => formatter.write_str(url),
        }
    }
}

/// A queue: `arn:PARTITION:sqs:REGION:ACCOUNT:NAME`.
#[derive(Clone, PartialEq, Eq)]
pub struct QueueArn {
    /// The queue's Region.
    pub region: Region,
    /// The queue's owner.
    pub account: AccountId,
    /// The queue's name.
    pub name: TopicName,
}

impl FromStr for QueueArn {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<QueueArn, InvalidId> {
        let parts: Vec<&str> = text.split(':').collect();
        let [_, _, _, region, account, name] = parts[..] else { return Err(invalid(text)) };
        let arn = QueueArn {
            region: region.parse().map_err(|_| invalid(text))?,
            account: account.parse().map_err(|_| invalid(text))?,
            name: name.parse().map_err(|_| invalid(text))?,
        };
        if arn.to_string() == text { Ok(arn) } else { Err(invalid(text)) }
    }
}

impl fmt::Display for QueueArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partition = partition_of(&self.region);
        write!(formatter, "arn:{partition}:sqs:{}:{}:{}", self.region, self.account, self.name)
    }
}

impl fmt::Debug for QueueArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The Region in `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`.
fn region_of_url(url: &str) -> Option<Region> {
    let host = url.split_once("://")?.1.split('/').next()?;
    host.strip_prefix("sqs.")?.split('.').next()?.parse().ok()
}

fn invalid(text: &str) -> InvalidId {
    InvalidId { found: text.chars().take(200).collect(), expected: EXPECTED }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_named_by_name_arn_or_url() {
        for (text, region, fifo) in [
            ("siem", None, false),
            ("siem.fifo", None, true),
            ("arn:aws:sqs:eu-west-1:111122223333:siem", Some("eu-west-1"), false),
            ("arn:aws-cn:sqs:cn-north-1:111122223333:siem.fifo", Some("cn-north-1"), true),
            ("https://sqs.eu-west-1.amazonaws.com/111122223333/siem", Some("eu-west-1"), false),
            ("http://127.0.0.1:4566/queue/us-east-1/000000000000/siem", None, false),
        ] {
            let queue: QueueRef = text.parse().unwrap();
            assert_eq!(queue.to_string(), text);
            assert_eq!(queue.region().as_ref().map(Region::as_str), region, "{text}");
            assert_eq!(queue.is_fifo(), fifo, "{text}");
        }
    }

    #[test]
    fn what_names_no_queue_is_refused() {
        for text in [
            "",
            "a queue",
            "arn:aws:sns:eu-west-1:111122223333:siem",
            "arn:aws:sqs:cn-north-1:111122223333:siem",
            "arn:aws:sqs:eu-west-1:1:siem",
            "arn:aws:sqs:eu-west-1:111122223333:a:b",
        ] {
            assert!(text.parse::<QueueRef>().is_err(), "{text:?}");
        }
    }
}
