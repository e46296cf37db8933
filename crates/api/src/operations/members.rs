//! What CreateTrail and UpdateTrail have in common: their members, the rules for them, and what must
//! hold outside.
//!
//! A member that is left out keeps its value, or has its default in a new trail; `""` clears it. The
//! rules come in the order in which AWS looks: Regions, topic, bucket, prefix; then what must be tried
//! outside, and there, last, the pair of log group and role.
//! Source: AWS CloudTrail API Reference, "CreateTrail", "UpdateTrail".

use std::net::Ipv4Addr;

use model::{BucketName, KeyPrefix, TopicArn, TrailArn};
use serde::Deserialize;
use trails::{EventSelectors, LogGroup, Origin, Tag, Trail, TrailDefinition};

use super::log_group;
use crate::caller::Caller;
use crate::context::Context;
use crate::exception::Exception;
use crate::names::trail_resource;
use crate::operation::{Check, Input};
use crate::wire::missing_member;

/// A topic's name or ARN.
const TOPIC_BYTES_MAX: usize = 256;

/// The input of both. UpdateTrail takes no tags.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Members {
    pub(crate) name: String,
    pub(crate) s3_bucket_name: Option<String>,
    s3_key_prefix: Option<String>,
    pub(crate) sns_topic_name: Option<String>,
    include_global_service_events: Option<bool>,
    is_multi_region_trail: Option<bool>,
    enable_log_file_validation: Option<bool>,
    pub(super) cloud_watch_logs_log_group_arn: Option<String>,
    pub(super) cloud_watch_logs_role_arn: Option<String>,
    kms_key_id: Option<String>,
    pub(crate) is_organization_trail: Option<bool>,
    recursive_logging: Option<bool>,
    pub(crate) tags_list: Option<Vec<Tag>>,
}

impl Input for Members {
    const TAGS: Option<&'static str> = Some("TagsList");

    fn resource(&self, caller: &Caller) -> String {
        trail_resource(caller, &self.name)
    }
}

/// What a trail will be, and what must hold outside for that.
pub(crate) struct Draft {
    pub(crate) definition: TrailDefinition,
    pub(crate) checks: Vec<Result<Check, Exception>>,
}

/// A trail as the members want it: a new one, or what was before, changed.
pub(crate) fn draft(
    context: &Context<'_>,
    members: &Members,
    arn: TrailArn,
    before: Option<&TrailDefinition>,
) -> Result<Draft, Exception> {
    let (is_multi_region, include_global_service_events) = regions(members, before)?;
    let topic = topic(members, &arn, before)?;
    let bucket = bucket(members, before)?;
    let mut one = before.cloned().unwrap_or_else(|| new(arn, bucket.clone()));
    let log_group = log_group::of(members, &one.trail.arn, one.log_group.take());
    (one.topic_name, one.trail.topic) = topic.unzip();
    let trail = &mut one.trail;
    trail.bucket = bucket;
    trail.is_multi_region = is_multi_region;
    trail.include_global_service_events = include_global_service_events;
    set_text(&mut trail.prefix, members.s3_key_prefix.as_deref(), key_prefix)?;
    set_text(&mut trail.kms_key, members.kms_key_id.as_deref(), |key| Ok(key.to_owned()))?;
    set(&mut trail.is_organization, members.is_organization_trail);
    set(&mut trail.recursive_logging, members.recursive_logging);
    set(&mut one.validates_log_files, members.enable_log_file_validation);
    let checks = checks(&one, &log_group);
    // A key stays as it is named until the check outside has found its ARN.
    let key = one.trail.kms_key.as_mut();
    if let Some((arn, key)) = key.and_then(|key| Some((context.keys.get(key)?, key))) {
        key.clone_from(arn);
    }
    one.log_group = log_group.unwrap_or_default();
    Ok(Draft { definition: one, checks })
}

/// A trail with the defaults of CreateTrail: it does not log until it is told to.
fn new(arn: TrailArn, bucket: BucketName) -> TrailDefinition {
    let trail = Trail { is_logging: false, ..Trail::new(arn, bucket) };
    TrailDefinition { origin: Origin::Api, ..trail.into() }
}

/// `IsMultiRegionTrail` and `IncludeGlobalServiceEvents`.
fn regions(members: &Members, before: Option<&TrailDefinition>) -> Result<(bool, bool), Exception> {
    let old =
        before.map(|one| (one.trail.is_multi_region, one.trail.include_global_service_events));
    let (mut is_multi_region, mut includes_global) = old.unwrap_or((false, true));
    set(&mut is_multi_region, members.is_multi_region_trail);
    set(&mut includes_global, members.include_global_service_events);
    if is_multi_region && !includes_global {
        let message = "Multi-Region trail must include global service events.";
        return Err(Exception::new("InvalidParameterCombinationException", message));
    }
    Ok((is_multi_region, includes_global))
}

/// The topic: as it is named, and its ARN.
fn topic(
    members: &Members,
    trail: &TrailArn,
    before: Option<&TrailDefinition>,
) -> Result<Option<(String, TopicArn)>, Exception> {
    let mut topic =
        before.and_then(|one| Some((one.topic_name.clone()?, one.trail.topic.clone()?)));
    set_text(&mut topic, members.sns_topic_name.as_deref(), |named| {
        Ok((named.to_owned(), topic_arn(trail, named)?))
    })?;
    Ok(topic)
}

/// A bare name is of the trail's owner and home Region.
fn topic_arn(trail: &TrailArn, named: &str) -> Result<TopicArn, Exception> {
    let arn = if named.starts_with("arn:") {
        named.parse()
    } else {
        let (region, account) = (trail.home_region.clone(), trail.account.clone());
        named.parse().map(|name| TopicArn { region, account, name })
    };
    let refuse = |message| Exception::new("InvalidSnsTopicNameException", message);
    let arn = arn.map_err(|error| refuse(format!("{error}.")))?;
    if named.len() > TOPIC_BYTES_MAX {
        return Err(refuse(format!(
            "An SNS topic is named by {TOPIC_BYTES_MAX} characters at most."
        )));
    }
    if arn.is_fifo() {
        return Err(refuse(format!("SNS topic {named} is a FIFO topic. Use a standard topic.")));
    }
    Ok(arn)
}

fn bucket(members: &Members, before: Option<&TrailDefinition>) -> Result<BucketName, Exception> {
    match (members.s3_bucket_name.as_deref(), before) {
        (None, Some(before)) => Ok(before.trail.bucket.clone()),
        (None, None) => Err(missing_member("S3BucketName")),
        (Some(name), _) => bucket_name(name),
    }
}

fn bucket_name(name: &str) -> Result<BucketName, Exception> {
    let refuse = |message| Exception::new("InvalidS3BucketNameException", message);
    let bucket: BucketName = name.parse().map_err(|error| refuse(format!("{error}.")))?;
    if name.parse::<Ipv4Addr>().is_ok() {
        return Err(refuse(format!("{name} is not a bucket name: it is an IP address.")));
    }
    Ok(bucket)
}

fn key_prefix(prefix: &str) -> Result<KeyPrefix, Exception> {
    let refuse = |error| Exception::new("InvalidS3PrefixException", format!("{error}."));
    prefix.parse().map_err(refuse)
}

/// What must hold outside, in the order in which AWS looks.
fn checks(
    one: &TrailDefinition,
    log_group: &Result<Option<LogGroup>, Exception>,
) -> Vec<Result<Check, Exception>> {
    // Nothing outside depends on what is left out here: so a change of it meanwhile is no conflict.
    let selectors = EventSelectors::Default;
    let trail = Box::new(Trail { is_logging: false, selectors, ..one.trail.clone() });
    let bucket =
        Check::Bucket { trail: trail.clone(), validates_log_files: one.validates_log_files };
    let key = trail.kms_key.clone().map(|key| Check::Key { key, trail: trail.clone() });
    let topic = trail.topic.as_ref().map(|_| Check::Topic { trail: trail.clone() });
    let group = log_group.clone().transpose();
    let group = group.map(|group| group.map(|group| Check::LogGroup { group, trail }));
    let others = [Some(bucket), key, topic].into_iter().flatten().map(Ok);
    others.chain(group).collect()
}

fn set<T>(member: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *member = given;
    }
}

/// `""` clears.
fn set_text<T>(
    member: &mut Option<T>,
    given: Option<&str>,
    parse: impl Fn(&str) -> Result<T, Exception>,
) -> Result<(), Exception> {
    let parsed =
        given.map(|text| (!text.is_empty()).then(|| parse(text)).transpose()).transpose()?;
    set(member, parsed);
    Ok(())
}
