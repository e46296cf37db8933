//! Three parts of one trail, each changed by one operation that changes several members together. Every
//! member of a part tells the number of the change that wrote it: so a mixture shows.

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::error::SdkError;
use aws_sdk_cloudtrail::operation::RequestId;
use aws_sdk_cloudtrail::types::{DataResource, EventSelector, Tag};

use crate::support::localstack::sdk;

pub const ACCOUNT: &str = "630000000001";
pub const REGION: &str = "eu-west-1";
pub const TRAIL: &str = "changed";

/// A part of the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// Prefix, log file validation and multi-Region, by UpdateTrail.
    Settings,
    /// Two selectors, by PutEventSelectors.
    Selectors,
    /// Three tags, by AddTags.
    Tags,
}

/// What became of a change.
#[derive(Debug)]
pub enum Outcome {
    /// It was acknowledged; this was the request.
    Acknowledged(String),
    /// The service answered that it did not happen.
    Refused(String),
    /// Nobody knows.
    Unanswered,
}

impl Register {
    pub const ALL: [Register; 3] = [Register::Settings, Register::Selectors, Register::Tags];

    /// Writes a number, which is over 0.
    pub async fn write(self, client: &Client, number: u64) -> Outcome {
        match self {
            Register::Settings => {
                let update = client.update_trail().name(TRAIL).s3_key_prefix(number.to_string());
                let update = update.enable_log_file_validation(number.is_multiple_of(2));
                outcome(update.is_multi_region_trail(number.is_multiple_of(2)).send().await)
            }
            Register::Selectors => {
                let put = client.put_event_selectors().trail_name(TRAIL);
                outcome(
                    put.event_selectors(selector(number))
                        .event_selectors(selector(number))
                        .send()
                        .await,
                )
            }
            Register::Tags => {
                let add = client.add_tags().resource_id(arn());
                let tags = ["a", "b", "c"]
                    .map(|key| Tag::builder().key(key).value(number.to_string()).build().unwrap());
                outcome(add.set_tags_list(Some(tags.to_vec())).send().await)
            }
        }
    }

    /// The number that is there; 0 before the first. Fails when it is a mixture.
    pub async fn read(self, client: &Client) -> u64 {
        let numbers: Vec<u64> = match self {
            Register::Settings => {
                let trail = client.get_trail().name(TRAIL).send().await.unwrap().trail.unwrap();
                let number: u64 = trail.s3_key_prefix().map_or(0, |prefix| prefix.parse().unwrap());
                let is_even = number > 0 && number.is_multiple_of(2);
                let flags = (trail.log_file_validation_enabled(), trail.is_multi_region_trail());
                assert_eq!(flags, (Some(is_even), Some(is_even)), "a mixture: {trail:?}");
                vec![number]
            }
            Register::Selectors => {
                let got = client.get_event_selectors().trail_name(TRAIL).send().await.unwrap();
                got.event_selectors().iter().map(number_of).collect()
            }
            Register::Tags => {
                let list = client.list_tags().resource_id_list(arn()).send().await.unwrap();
                let tags = list.resource_tag_list()[0].tags_list();
                tags.iter().map(|tag| tag.value().unwrap().parse().unwrap()).collect()
            }
        };
        let first = numbers.first().copied().unwrap_or(0);
        assert!(numbers.iter().all(|number| *number == first), "{self:?}: a mixture: {numbers:?}");
        let count = match self {
            Register::Settings => 1,
            Register::Selectors => 2,
            Register::Tags => 3,
        };
        assert!(first == 0 || numbers.len() == count, "{self:?}: a part is missing: {numbers:?}");
        first
    }
}

/// A client that tries nothing again by itself.
pub async fn client(url: &str) -> Client {
    let config = sdk(url, ACCOUNT, REGION).await;
    let once = aws_sdk_cloudtrail::config::retry::RetryConfig::disabled();
    let config = aws_sdk_cloudtrail::config::Builder::from(&config).retry_config(once);
    Client::from_conf(config.build())
}

fn arn() -> String {
    format!("arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{TRAIL}")
}

fn selector(number: u64) -> EventSelector {
    let bucket = format!("arn:aws:s3:::bucket-{number}/");
    let resource = DataResource::builder().r#type("AWS::S3::Object").values(bucket).build();
    EventSelector::builder().data_resources(resource).build()
}

/// Of the default selector 0.
fn number_of(selector: &EventSelector) -> u64 {
    let Some(resource) = selector.data_resources().first() else { return 0 };
    let value = resource.values()[0].strip_prefix("arn:aws:s3:::bucket-").unwrap();
    value.strip_suffix('/').unwrap().parse().unwrap()
}

fn outcome<O: RequestId, E: std::fmt::Debug>(answer: Result<O, SdkError<E>>) -> Outcome {
    match answer {
        Ok(answer) => Outcome::Acknowledged(answer.request_id().unwrap().to_owned()),
        Err(SdkError::ServiceError(error)) => Outcome::Refused(format!("{error:?}")),
        Err(_) => Outcome::Unanswered,
    }
}
