//! Whether a caller may make a call, by the policies of its user.
//!
//! Operations act in the caller's own account, so its own policies decide: what belongs to another
//! account is not there for it, whatever a policy says.
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS
//! CloudTrail"; IAM User Guide, "AWS global condition context keys".

use accounts::{Call, Context, Decision, authorize};
use model::{AccountId, Timestamp, TrailArn};
use serde_json::Value;
use trails::{Channel, Definitions, Tag};

use crate::caller::Caller;
use crate::exception::Exception;

/// What policies may ask of any call, but for what speaks of the caller.
#[must_use]
pub fn context(
    caller: &Caller,
    now: Timestamp,
    source_ip: &str,
    user_agent: Option<&str>,
) -> Context {
    let mut context = Context::at(now);
    context.set("aws:SourceIp", source_ip);
    context.set("aws:RequestedRegion", caller.region.as_str());
    context.set("aws:SecureTransport", "false");
    if let Some(user_agent) = user_agent {
        context.set("aws:UserAgent", user_agent);
    }
    context
}

/// Adds the tags that a call gives, and those of the resource that it names.
pub(crate) fn add_tags(
    context: &mut Context,
    definitions: &Definitions,
    account: &AccountId,
    resource: &str,
    given: Option<&Value>,
) {
    for Tag { key, value } in tags_of(definitions, account, resource) {
        context.set(&format!("aws:ResourceTag/{key}"), value.as_deref().unwrap_or_default());
    }
    let given: Vec<(&str, &str)> = given
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|tag| {
            let value = tag.get("Value").and_then(Value::as_str).unwrap_or_default();
            Some((tag.get("Key")?.as_str()?, value))
        })
        .collect();
    for (key, value) in &given {
        context.set(&format!("aws:RequestTag/{key}"), *value);
    }
    context.set_all("aws:TagKeys", given.iter().map(|(key, _)| (*key).to_owned()));
}

/// The tags of an account's trail or channel.
fn tags_of<'a>(definitions: &'a Definitions, account: &AccountId, resource: &str) -> &'a [Tag] {
    if resource.contains(":channel/") {
        let is_meant = |one: &&Channel| one.account == *account && resource.ends_with(&one.id);
        let mut channels = definitions.channels.iter().filter(is_meant);
        return channels.find(|one| one.arn() == resource).map_or(&[], |one| &one.tags);
    }
    let arn = resource.parse().ok().filter(|arn: &TrailArn| arn.account == *account);
    arn.and_then(|arn| definitions.trail(&arn)).map_or(&[], |one| &one.tags)
}

/// Refuses a call that the policies do not allow.
///
/// # Errors
/// `AccessDeniedException`, with AWS's text.
pub fn check(call: &Call<'_>) -> Result<(), Exception> {
    match authorize(call) {
        Decision::Allowed => Ok(()),
        Decision::Denied(denial) => {
            let message = denial.message(call.principal, call.action, call.resource);
            Err(Exception::new(ACCESS_DENIED, message))
        }
    }
}

/// The exception of a call that is not allowed.
pub(crate) const ACCESS_DENIED: &str = "AccessDeniedException";
