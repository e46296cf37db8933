//! Which events a trail takes: by basic event selectors, by advanced ones, or by neither, which stands
//! for all management events.
//!
//! Basic selectors are ORed. One takes management events, unless it says otherwise, and the data events
//! of the resources that it names; `ReadWriteType` holds for both.
//! Source: AWS CloudTrail API Reference, `EventSelector`, `DataResource`, `PutEventSelectors`.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::check_advanced::{self, Form};
use crate::check_basic;
use crate::invalid_selector::InvalidSelector;
use crate::selector::AdvancedEventSelector;

/// The selectors of one trail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub enum EventSelectors {
    /// None was ever put: all management events.
    #[default]
    Default,
    /// `EventSelectors`.
    Basic(Vec<EventSelector>),
    /// `AdvancedEventSelectors`.
    Advanced(Vec<AdvancedEventSelector>),
}

/// A basic event selector, in the shape of the AWS API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventSelector {
    /// Reading calls, writing calls, or both.
    pub read_write_type: ReadWriteType,
    /// Whether it takes management events.
    pub include_management_events: bool,
    /// The resources whose data events it takes.
    pub data_resources: Vec<DataResource>,
    /// Event sources whose management events it leaves out.
    pub exclude_management_event_sources: Vec<String>,
}

/// `ReadWriteType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadWriteType {
    /// Both.
    #[default]
    All,
    /// Calls that change nothing.
    ReadOnly,
    /// Calls that may change something.
    WriteOnly,
}

impl FromStr for ReadWriteType {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<ReadWriteType, InvalidSelector> {
        match text {
            "All" => Ok(ReadWriteType::All),
            "ReadOnly" => Ok(ReadWriteType::ReadOnly),
            "WriteOnly" => Ok(ReadWriteType::WriteOnly),
            other => Err(InvalidSelector::ReadWriteType(other.into())),
        }
    }
}

/// Resources of one type, in the shape of the AWS API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataResource {
    /// `AWS::S3::Object`, `AWS::Lambda::Function` or `AWS::DynamoDB::Table`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// ARNs, or the beginnings of ARNs of objects.
    pub values: Vec<String>,
}

/// As they are written down: a list is of advanced selectors, and an empty one the default.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Advanced(Vec<AdvancedEventSelector>),
    Basic {
        #[serde(rename = "EventSelectors")]
        basic: Vec<EventSelector>,
    },
}

impl From<Stored> for EventSelectors {
    fn from(stored: Stored) -> EventSelectors {
        match stored {
            Stored::Advanced(none) if none.is_empty() => EventSelectors::Default,
            Stored::Advanced(selectors) => EventSelectors::Advanced(selectors),
            Stored::Basic { basic } => EventSelectors::Basic(basic),
        }
    }
}

impl From<EventSelectors> for Stored {
    fn from(selectors: EventSelectors) -> Stored {
        match selectors {
            EventSelectors::Default => Stored::Advanced(Vec::new()),
            EventSelectors::Advanced(selectors) => Stored::Advanced(selectors),
            EventSelectors::Basic(basic) => Stored::Basic { basic },
        }
    }
}

impl Default for EventSelector {
    fn default() -> EventSelector {
        EventSelector {
            read_write_type: ReadWriteType::All,
            include_management_events: true,
            data_resources: Vec::new(),
            exclude_management_event_sources: Vec::new(),
        }
    }
}

impl From<Vec<AdvancedEventSelector>> for EventSelectors {
    /// Advanced selectors; none of them are the default.
    fn from(selectors: Vec<AdvancedEventSelector>) -> EventSelectors {
        Stored::Advanced(selectors).into()
    }
}

impl EventSelectors {
    /// What PutEventSelectors asks for: basic selectors, or advanced ones, by AWS's rules.
    pub fn of_call(
        basic: Option<Vec<EventSelector>>,
        advanced: Option<Vec<AdvancedEventSelector>>,
    ) -> Result<EventSelectors, InvalidSelector> {
        match (basic, advanced) {
            (Some(_), Some(_)) => Err(InvalidSelector::Both),
            (None, Some(advanced)) => {
                check_advanced::check(&advanced, Form::Api)?;
                Ok(EventSelectors::Advanced(advanced))
            }
            (basic, None) => {
                let basic = basic.unwrap_or_default();
                check_basic::check(&basic)?;
                Ok(EventSelectors::Basic(basic))
            }
        }
    }

    /// Checks what any trail may have: what [`EventSelectors::of_call`] gives, and besides what
    /// the configuration may say.
    pub fn check(&self) -> Result<(), InvalidSelector> {
        match self {
            EventSelectors::Default => Ok(()),
            EventSelectors::Basic(selectors) => check_basic::check(selectors),
            EventSelectors::Advanced(selectors) => {
                check_advanced::check(selectors, Form::Configuration)
            }
        }
    }
}
