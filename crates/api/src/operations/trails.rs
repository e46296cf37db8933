//! Trails: made, changed, described, deleted.

use serde::{Deserialize, Serialize};
use trails::{EventSelectors, TrailDefinition};

use crate::context::Context;
use crate::exception::Exception;
use crate::names::{sees, trail_arn};
use crate::operation::Input;

/// The input of DescribeTrails.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DescribeTrails {
    trail_name_list: Option<Vec<String>>,
    include_shadow_trails: Option<bool>,
}

impl Input for DescribeTrails {}

/// The output of DescribeTrails.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrailList {
    trail_list: Vec<Trail>,
}

/// A trail as GetTrail and DescribeTrails show it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Trail {
    name: String,
    s3_bucket_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    s3_key_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sns_topic_name: Option<String>,
    #[serde(rename = "SnsTopicARN", skip_serializing_if = "Option::is_none")]
    sns_topic_arn: Option<String>,
    include_global_service_events: bool,
    is_multi_region_trail: bool,
    home_region: String,
    #[serde(rename = "TrailARN")]
    trail_arn: String,
    log_file_validation_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_watch_logs_log_group_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_watch_logs_role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    has_custom_event_selectors: bool,
    has_insight_selectors: bool,
    is_organization_trail: bool,
    recursive_logging: bool,
}

impl Trail {
    fn of(one: &TrailDefinition) -> Trail {
        let TrailDefinition { trail, log_group, .. } = one;
        Trail {
            name: trail.arn.name.to_string(),
            s3_bucket_name: trail.bucket.to_string(),
            s3_key_prefix: trail.prefix.as_ref().map(ToString::to_string),
            sns_topic_name: one.topic_name.clone(),
            sns_topic_arn: trail.topic.as_ref().map(ToString::to_string),
            include_global_service_events: trail.include_global_service_events,
            is_multi_region_trail: trail.is_multi_region,
            home_region: trail.arn.home_region.to_string(),
            trail_arn: trail.arn.to_string(),
            log_file_validation_enabled: one.validates_log_files,
            cloud_watch_logs_log_group_arn: log_group.as_ref().map(|group| group.arn.clone()),
            cloud_watch_logs_role_arn: log_group.as_ref().map(|group| group.role_arn.clone()),
            kms_key_id: trail.kms_key.clone(),
            has_custom_event_selectors: one.has_custom_selectors
                || trail.selectors != EventSelectors::Default,
            has_insight_selectors: false,
            is_organization_trail: trail.is_organization,
            recursive_logging: trail.recursive_logging,
        }
    }
}

pub(crate) fn describe(
    context: &Context<'_>,
    input: &DescribeTrails,
) -> Result<TrailList, Exception> {
    let Context { caller, definitions, .. } = context;
    let names = input.trail_name_list.as_deref().unwrap_or_default();
    let named = names.iter().map(|name| trail_arn(caller, name)).collect::<Result<Vec<_>, _>>()?;
    let with_shadows = input.include_shadow_trails.unwrap_or(true);
    let is_listed = |one: &&TrailDefinition| {
        let arn = &one.trail.arn;
        let is_home = arn.home_region == caller.region;
        let is_here = is_home || (with_shadows && one.trail.is_multi_region);
        let is_meant = if named.is_empty() { is_here } else { named.contains(arn) };
        is_meant && sees(definitions, &caller.account, one)
    };
    let trail_list = definitions.trails.iter().filter(is_listed).map(Trail::of).collect();
    Ok(TrailList { trail_list })
}
