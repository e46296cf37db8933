//! AddTags, RemoveTags and ListTags: of trails and channels.
//!
//! | ARN of | AddTags, RemoveTags | ListTags |
//! | --- | --- | --- |
//! | a trail that the caller does not see | `ResourceNotFoundException` | the same |
//! | a channel that the caller does not have | `ChannelNotFoundException` | `ResourceNotFoundException` |
//! | an event data store | `EventDataStoreNotFoundException` | the same |
//! | a dashboard | `ResourceNotFoundException` | the same |
//! | another resource of CloudTrail | `ResourceTypeNotSupportedException` | the same |
//!
//! Tags are given and taken where their resource was made; a trail's are listed in every Region.
//! Source: AWS CloudTrail API Reference; AWS Tagging User Guide (the characters).

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use trails::{Channel, Tag, TrailDefinition};

use super::shapes::Nothing;
use super::{channels, event_data_stores, with_trail};
use crate::caller::Caller;
use crate::context::Context;
use crate::exception::Exception;
use crate::names::{changeable, trail_name, visible};
use crate::operation::{Input, Plan};
use crate::resource_arn::ResourceArn;
use crate::wire::invalid_member;

const KEY_CHARACTERS_MAX: usize = 128;
const VALUE_CHARACTERS_MAX: usize = 256;
/// Most tags in one request.
const GIVEN_MAX: usize = 200;
/// Most resources in one request of ListTags.
const RESOURCES_MAX: usize = 20;

/// The input of AddTags and RemoveTags.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagsOfResource {
    resource_id: String,
    tags_list: Vec<Tag>,
}

impl Input for TagsOfResource {
    const TAGS: Option<&'static str> = Some("TagsList");

    fn resource(&self, _caller: &Caller) -> String {
        self.resource_id.clone()
    }
}

/// The input of ListTags.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListTags {
    resource_id_list: Vec<String>,
    next_token: Option<String>,
}

impl Input for ListTags {
    fn resources(&self, _caller: &Caller) -> Vec<String> {
        // One more than may be, which the operation then refuses.
        self.resource_id_list.iter().take(RESOURCES_MAX + 1).cloned().collect()
    }
}

/// The output of ListTags.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ResourceTagList {
    resource_tag_list: Vec<ResourceTag>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceTag {
    resource_id: String,
    tags_list: Vec<Tag>,
}

/// What has tags.
enum Tagged<'a> {
    Trail(&'a TrailDefinition),
    Channel(&'a Channel),
}

/// AddTags.
pub(crate) fn add(
    context: &Context<'_>,
    input: &TagsOfResource,
) -> Result<Plan<Nothing>, Exception> {
    let quota = context.quotas.tags;
    change(context, &input.resource_id, |tags| merged(tags, &input.tags_list, quota))
}

/// RemoveTags: by key, whatever the value.
pub(crate) fn remove(
    context: &Context<'_>,
    input: &TagsOfResource,
) -> Result<Plan<Nothing>, Exception> {
    change(context, &input.resource_id, |tags| {
        check(&input.tags_list)?;
        let stays = |tag: &&Tag| !input.tags_list.iter().any(|given| given.key == tag.key);
        Ok(tags.iter().filter(stays).cloned().collect())
    })
}

/// ListTags: in the order in which the resources are named.
pub(crate) fn list(context: &Context<'_>, input: &ListTags) -> Result<ResourceTagList, Exception> {
    if input.next_token.is_some() {
        let message = "NextToken is not one that ListTags gave; all tags are on the first page.";
        return Err(Exception::new("InvalidTokenException", message));
    }
    if !(1..=RESOURCES_MAX).contains(&input.resource_id_list.len()) {
        return Err(invalid_member(format_args!(
            "Value at 'resourceIdList' failed to satisfy constraint: Member must have length between 1 and {RESOURCES_MAX}"
        )));
    }
    let one = |arn: &String| {
        let tags = match tagged(context, arn) {
            Ok(Tagged::Trail(one)) => &one.tags,
            Ok(Tagged::Channel(channel)) => &channel.tags,
            Err(unknown) if unknown.code == "ChannelNotFoundException" => {
                return Err(not_found(arn));
            }
            Err(refused) => return Err(refused),
        };
        Ok(ResourceTag { resource_id: arn.clone(), tags_list: tags.clone() })
    };
    let resource_tag_list = input.resource_id_list.iter().map(one).collect::<Result<_, _>>()?;
    Ok(ResourceTagList { resource_tag_list })
}

/// The tags of a resource that has `existing` ones when it gets those `given`, whose values replace
/// others of the same keys.
pub(crate) fn merged(existing: &[Tag], given: &[Tag], quota: usize) -> Result<Vec<Tag>, Exception> {
    check(given)?;
    let mut tags = existing.to_vec();
    for tag in given {
        match tags.iter_mut().find(|other| other.key == tag.key) {
            Some(other) => other.value.clone_from(&tag.value),
            None => tags.push(tag.clone()),
        }
    }
    if tags.len() > quota {
        let message =
            format!("A resource can have at most {quota} tags; it would have {}.", tags.len());
        return Err(Exception::new("TagsLimitExceededException", message));
    }
    Ok(tags)
}

fn check(given: &[Tag]) -> Result<(), Exception> {
    let refuse = |message: String| Err(Exception::new("InvalidTagParameterException", message));
    if given.len() > GIVEN_MAX {
        let count = given.len();
        return refuse(format!(
            "A request can have at most {GIVEN_MAX} tags; this one has {count}."
        ));
    }
    let mut keys = HashSet::new();
    for Tag { key, value } in given {
        let is_allowed = |text: &str| {
            text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c))
        };
        let value = value.as_deref().unwrap_or_default();
        if !(1..=KEY_CHARACTERS_MAX).contains(&key.chars().count()) {
            return refuse(format!("A tag's key must have 1 to {KEY_CHARACTERS_MAX} characters."));
        }
        if value.chars().count() > VALUE_CHARACTERS_MAX {
            return refuse(format!(
                "The value of tag {key} is too long; at most {VALUE_CHARACTERS_MAX} characters are allowed."
            ));
        }
        if !is_allowed(key) || !is_allowed(value) {
            return refuse(format!(
                "Tag {key} has a character that is not allowed; use letters, numbers, spaces and _ . : / = + - @."
            ));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return refuse(format!("Tag {key} begins with aws:, which is reserved."));
        }
        if !keys.insert(key) {
            return refuse(format!("Tag {key} is given twice."));
        }
    }
    Ok(())
}

fn tagged<'a>(context: &Context<'a>, text: &str) -> Result<Tagged<'a>, Exception> {
    let Some(arn) = ResourceArn::parse(text) else {
        let message = format!(
            "{text} is not the ARN of a resource of CloudTrail: arn:PARTITION:cloudtrail:REGION:ACCOUNT:trail/NAME."
        );
        return Err(Exception::new("CloudTrailARNInvalidException", message));
    };
    match arn.kind {
        "trail" => {
            trail_name(arn.id)?;
            visible(context, text).map(Tagged::Trail).map_err(|_| not_found(text))
        }
        "channel" => channels::find(context, text).map(Tagged::Channel),
        "eventdatastore" => Err(event_data_stores::not_found(text)),
        "dashboard" => Err(not_found(text)),
        other => {
            let message =
                format!("Resources of type {other} have no tags; trails and channels do.");
            Err(Exception::new("ResourceTypeNotSupportedException", message))
        }
    }
}

fn change(
    context: &Context<'_>,
    arn: &str,
    changed: impl FnOnce(&[Tag]) -> Result<Vec<Tag>, Exception>,
) -> Result<Plan<Nothing>, Exception> {
    let definitions = match tagged(context, arn)? {
        Tagged::Trail(_) => {
            let one = changeable(context, arn).map_err(declared)?;
            let tags = changed(&one.tags)?;
            with_trail(context, &one.trail.arn, |one| one.tags = tags)
        }
        Tagged::Channel(_) => {
            let channel = channels::changeable(context, arn)?;
            let tags = changed(&channel.tags)?;
            channels::with_channel(context, &channel.id, |channel| channel.tags = tags)
        }
    };
    Ok(Plan { definitions, output: Nothing {}, checks: Vec::new() })
}

/// The operations on tags do not declare `InvalidHomeRegionException`.
fn declared(exception: Exception) -> Exception {
    match exception.code {
        "InvalidHomeRegionException" => {
            Exception { code: "OperationNotPermittedException", ..exception }
        }
        _ => exception,
    }
}

fn not_found(arn: &str) -> Exception {
    Exception::new("ResourceNotFoundException", format!("There is no resource {arn}."))
}
