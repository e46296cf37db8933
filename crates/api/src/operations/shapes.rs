//! Shapes that several operations take or answer. What is not set is left out.

use serde::{Deserialize, Serialize};
use trails::{EventSelectors, TrailDefinition};

use crate::caller::Caller;
use crate::names::trail_resource;
use crate::operation::Input;

/// The input of operations that take a trail and nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NamedTrail {
    /// A name or an ARN.
    pub(crate) name: String,
}

impl Input for NamedTrail {
    fn resource(&self, caller: &Caller) -> String {
        trail_resource(caller, &self.name)
    }
}

/// The output of operations that have none.
#[derive(Serialize)]
pub(crate) struct Nothing {}

/// A trail, as CreateTrail and UpdateTrail answer.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Settings {
    name: String,
    s3_bucket_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    s3_key_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sns_topic_name: Option<String>,
    #[serde(rename = "SnsTopicARN", skip_serializing_if = "Option::is_none")]
    pub(crate) sns_topic_arn: Option<String>,
    include_global_service_events: bool,
    is_multi_region_trail: bool,
    #[serde(rename = "TrailARN")]
    trail_arn: String,
    log_file_validation_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_watch_logs_log_group_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_watch_logs_role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    is_organization_trail: bool,
    recursive_logging: bool,
}

/// A trail, as GetTrail and DescribeTrails show it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Described {
    #[serde(flatten)]
    settings: Settings,
    home_region: String,
    has_custom_event_selectors: bool,
    has_insight_selectors: bool,
}

/// A trail, as ListTrails shows it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Listed {
    #[serde(rename = "TrailARN")]
    trail_arn: String,
    name: String,
    home_region: String,
}

impl Settings {
    pub(crate) fn of(one: &TrailDefinition) -> Settings {
        let TrailDefinition { trail, log_group, .. } = one;
        Settings {
            name: trail.arn.name.to_string(),
            s3_bucket_name: trail.bucket.to_string(),
            s3_key_prefix: trail.prefix.as_ref().map(ToString::to_string),
            sns_topic_name: one.topic_name.clone(),
            sns_topic_arn: trail.topic.as_ref().map(ToString::to_string),
            include_global_service_events: trail.include_global_service_events,
            is_multi_region_trail: trail.is_multi_region,
            trail_arn: trail.arn.to_string(),
            log_file_validation_enabled: one.validates_log_files,
            cloud_watch_logs_log_group_arn: log_group.as_ref().map(|group| group.arn.clone()),
            cloud_watch_logs_role_arn: log_group.as_ref().map(|group| group.role_arn.clone()),
            kms_key_id: trail.kms_key.clone(),
            is_organization_trail: trail.is_organization,
            recursive_logging: trail.recursive_logging,
        }
    }
}

impl Described {
    pub(crate) fn of(one: &TrailDefinition) -> Described {
        Described {
            settings: Settings::of(one),
            home_region: one.trail.arn.home_region.to_string(),
            has_custom_event_selectors: one.has_custom_selectors
                || one.trail.selectors != EventSelectors::Default,
            has_insight_selectors: !one.insights.is_empty(),
        }
    }
}

impl Listed {
    pub(crate) fn of(one: &TrailDefinition) -> Listed {
        let arn = &one.trail.arn;
        Listed {
            trail_arn: arn.to_string(),
            name: arn.name.to_string(),
            home_region: arn.home_region.to_string(),
        }
    }
}
