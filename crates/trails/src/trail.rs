//! A trail: which events of which accounts go to which bucket. Whether one event is among them is for
//! [`crate::rules`] to say.

use model::{BucketName, Destination, KeyPrefix, TopicArn, TrailArn};
use serde::{Deserialize, Serialize};

use crate::event_selectors::EventSelectors;
use crate::invalid_selector::InvalidSelector;

/// One trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// Owner, home Region and name.
    pub arn: TrailArn,
    /// Where log files go.
    pub bucket: BucketName,
    /// `S3KeyPrefix`.
    pub prefix: Option<KeyPrefix>,
    /// `SnsTopicName`, as an ARN.
    pub topic: Option<TopicArn>,
    /// `KmsKeyId`: SSE-KMS with this key; without it SSE-S3.
    pub kms_key: Option<String>,
    /// `IsMultiRegionTrail`.
    pub is_multi_region: bool,
    /// `IncludeGlobalServiceEvents`.
    pub include_global_service_events: bool,
    /// `IsOrganizationTrail`.
    pub is_organization: bool,
    /// Whether logging is started.
    pub is_logging: bool,
    /// Which events it takes.
    pub selectors: EventSelectors,
    /// `RecursiveLogging`: whether it takes the records of CloudTrail's own deliveries.
    #[serde(default = "yes")]
    pub recursive_logging: bool,
}

fn yes() -> bool {
    true
}

/// A trail that contradicts CloudTrail's rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrail {
    /// AWS answers `InvalidParameterCombinationException`.
    #[error("Multi-Region trail must include global service events.")]
    MultiRegionWithoutGlobal,
    /// AWS answers `InvalidSnsTopicNameException`.
    #[error("SNS topic {0} is a FIFO topic; CloudTrail publishes to standard topics only")]
    FifoTopic(TopicArn),
    /// AWS answers `InvalidEventSelectorsException`.
    #[error(transparent)]
    Selectors(#[from] InvalidSelector),
}

impl Trail {
    /// A trail with CreateTrail's defaults that is logging.
    #[must_use]
    pub fn new(arn: TrailArn, bucket: BucketName) -> Trail {
        Trail {
            arn,
            bucket,
            prefix: None,
            topic: None,
            kms_key: None,
            is_multi_region: false,
            include_global_service_events: true,
            is_organization: false,
            is_logging: true,
            selectors: EventSelectors::Default,
            recursive_logging: true,
        }
    }

    /// Checks what the types of the members cannot.
    pub fn check(&self) -> Result<(), InvalidTrail> {
        if self.is_multi_region && !self.include_global_service_events {
            return Err(InvalidTrail::MultiRegionWithoutGlobal);
        }
        if let Some(topic) = self.topic.as_ref().filter(|topic| topic.is_fifo()) {
            return Err(InvalidTrail::FifoTopic(topic.clone()));
        }
        Ok(self.selectors.check()?)
    }

    /// Where the trail's log files go, and who is told.
    #[must_use]
    pub fn destination(&self) -> Destination {
        Destination {
            bucket: self.bucket.clone(),
            kms_key: self.kms_key.clone(),
            topic: self.topic.clone(),
        }
    }
}
