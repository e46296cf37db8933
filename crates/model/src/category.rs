//! Event categories, and the folder of an object key that each goes to.
//!
//! Sources: AWS CloudTrail User Guide, "CloudTrail record contents" (`eventCategory`, `eventType`)
//! and "Finding your CloudTrail log files".

use serde::{Deserialize, Serialize};

/// What kind of event a record is: its `eventCategory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Category {
    /// Control plane calls, sign-ins, console actions.
    Management,
    /// Calls on or in a resource.
    Data,
    /// Calls through a VPC endpoint.
    NetworkActivity,
    /// Unusual activity.
    Insight,
    /// Data events summed up over five minutes.
    Aggregated,
    /// Events of programs outside AWS, sent by `PutAuditEvents`.
    ActivityAuditLog,
    /// AWS Config items.
    ConfigurationItem,
    /// AWS Audit Manager evidence.
    Evidence,
}

/// A folder of log files. One file never mixes folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Folder {
    /// Management and data events.
    CloudTrail,
    /// Insight events.
    Insight,
    /// Network activity events.
    NetworkActivity,
    /// Aggregated events.
    Aggregated,
    /// Events of programs outside AWS. AWS keeps these in event data stores only; delivering them
    /// by a trail is Cairn's extension, and a folder of its own keeps them away from readers that
    /// expect API calls.
    ActivityAuditLog,
    /// Configuration items, kept apart for the same reason.
    ConfigurationItem,
    /// Evidence, kept apart for the same reason.
    Evidence,
}

const NAMES: [(Category, &str); 8] = [
    (Category::Management, "Management"),
    (Category::Data, "Data"),
    (Category::NetworkActivity, "NetworkActivity"),
    (Category::Insight, "Insight"),
    (Category::Aggregated, "Aggregated"),
    (Category::ActivityAuditLog, "ActivityAuditLog"),
    (Category::ConfigurationItem, "ConfigurationItem"),
    (Category::Evidence, "Evidence"),
];

impl Category {
    /// From the value of `eventCategory`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Category> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(category, _)| *category)
    }

    /// The value of `eventCategory`.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(known, _)| *known == self).expect("every category has a name").1
    }

    /// From an `eventType` that only one category has.
    #[must_use]
    pub fn from_event_type(event_type: &str) -> Option<Category> {
        match event_type {
            "AwsVpceEvent" | "AwsVpceEvents" => Some(Category::NetworkActivity),
            "AwsCloudTrailInsight" => Some(Category::Insight),
            "AwsAggregatedEvent" => Some(Category::Aggregated),
            "ActivityLog" => Some(Category::ActivityAuditLog),
            "AwsConfigurationItem" => Some(Category::ConfigurationItem),
            "AwsAuditManagerEvidence" => Some(Category::Evidence),
            _ => None,
        }
    }

    /// The folder that records of this category go to.
    #[must_use]
    pub fn folder(self) -> Folder {
        match self {
            Category::Management | Category::Data => Folder::CloudTrail,
            Category::NetworkActivity => Folder::NetworkActivity,
            Category::Insight => Folder::Insight,
            Category::Aggregated => Folder::Aggregated,
            Category::ActivityAuditLog => Folder::ActivityAuditLog,
            Category::ConfigurationItem => Folder::ConfigurationItem,
            Category::Evidence => Folder::Evidence,
        }
    }
}

impl Folder {
    /// The folder's name in keys and file names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Folder::CloudTrail => "CloudTrail",
            Folder::Insight => "CloudTrail-Insight",
            Folder::NetworkActivity => "CloudTrail-NetworkActivity",
            Folder::Aggregated => "CloudTrail-Aggregated",
            Folder::ActivityAuditLog => "CloudTrail-ActivityAuditLog",
            Folder::ConfigurationItem => "CloudTrail-ConfigurationItem",
            Folder::Evidence => "CloudTrail-Evidence",
        }
    }

    /// Whether the stamps of this folder lie on the five-minute grid; those of others are minutes.
    #[must_use]
    pub fn has_five_minute_grid(self) -> bool {
        self == Folder::CloudTrail
    }
}
