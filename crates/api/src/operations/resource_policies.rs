//! GetResourcePolicy, PutResourcePolicy and DeleteResourcePolicy: who of other accounts may send
//! events to a channel.
//!
//! A policy is one that IAM takes, and besides: it speaks of `cloudtrail-data:PutAuditEvents` only,
//! in at most 20 statements of at most 50 principals. It is kept and told as it was put.
//! Source: AWS CloudTrail API Reference, `PutResourcePolicy`.

use accounts::{Policy, PolicyKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trails::Channel;

use super::channels;
use super::shapes::Nothing;
use crate::caller::Caller;
use crate::context::Context;
use crate::exception::Exception;
use crate::operation::{Input, Plan};
use crate::resource_arn::{ResourceArn, is_uuid};

/// The only action that a channel's policy may allow or deny.
const ACTION: &str = "cloudtrail-data:PutAuditEvents";
const POLICY_BYTES_MAX: usize = 8192;
const STATEMENTS_MAX: usize = 20;
const PRINCIPALS_MAX: usize = 50;

/// The input of PutResourcePolicy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutResourcePolicy {
    resource_arn: String,
    resource_policy: String,
}

impl Input for PutResourcePolicy {
    fn resource(&self, _caller: &Caller) -> String {
        self.resource_arn.clone()
    }
}

/// The input of GetResourcePolicy and DeleteResourcePolicy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NamedResource {
    resource_arn: String,
}

impl Input for NamedResource {
    fn resource(&self, _caller: &Caller) -> String {
        self.resource_arn.clone()
    }
}

/// The output of PutResourcePolicy and GetResourcePolicy.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PolicyOfResource {
    resource_arn: String,
    resource_policy: String,
}

/// PutResourcePolicy.
pub(crate) fn put(
    context: &Context<'_>,
    input: &PutResourcePolicy,
) -> Result<Plan<PolicyOfResource>, Exception> {
    let PutResourcePolicy { resource_arn, resource_policy } = input;
    find(context, resource_arn)?;
    let channel = channels::changeable(context, resource_arn)?;
    check(resource_policy)?;
    let definitions = channels::with_channel(context, &channel.id, |channel| {
        channel.policy = Some(resource_policy.clone());
    });
    let output = PolicyOfResource {
        resource_arn: resource_arn.clone(),
        resource_policy: resource_policy.clone(),
    };
    Ok(Plan { definitions, output, checks: Vec::new() })
}

/// GetResourcePolicy.
pub(crate) fn get(
    context: &Context<'_>,
    input: &NamedResource,
) -> Result<PolicyOfResource, Exception> {
    let channel = find(context, &input.resource_arn)?;
    let resource_policy = channel.policy.clone().ok_or_else(|| none(channel))?;
    Ok(PolicyOfResource { resource_arn: input.resource_arn.clone(), resource_policy })
}

/// DeleteResourcePolicy.
pub(crate) fn delete(
    context: &Context<'_>,
    input: &NamedResource,
) -> Result<Plan<Nothing>, Exception> {
    let channel = find(context, &input.resource_arn)?;
    channels::changeable(context, &input.resource_arn)?;
    if channel.policy.is_none() {
        return Err(none(channel));
    }
    let definitions = channels::with_channel(context, &channel.id, |channel| channel.policy = None);
    Ok(Plan { definitions, output: Nothing {}, checks: Vec::new() })
}

fn find<'a>(context: &Context<'a>, text: &str) -> Result<&'a Channel, Exception> {
    let Some(arn) = ResourceArn::parse(text) else {
        let message = format!(
            "{text} is not the ARN of a channel: arn:PARTITION:cloudtrail:REGION:ACCOUNT:channel/UUID."
        );
        return Err(Exception::new("ResourceARNNotValidException", message));
    };
    let missing =
        || Exception::new("ResourceNotFoundException", format!("There is no resource {text}."));
    match arn.kind {
        "channel" if is_uuid(arn.id) => channels::find(context, text).map_err(|_| missing()),
        "channel" | "eventdatastore" | "dashboard" => Err(missing()),
        other => {
            let message =
                format!("Resources of type {other} have no resource policies; channels do.");
            Err(Exception::new("ResourceTypeNotSupportedException", message))
        }
    }
}

fn none(channel: &Channel) -> Exception {
    let message = format!("{} has no resource policy.", channel.arn());
    Exception::new("ResourcePolicyNotFoundException", message)
}

fn check(text: &str) -> Result<(), Exception> {
    let refuse = |message: String| Exception::new("ResourcePolicyNotValidException", message);
    if !(1..=POLICY_BYTES_MAX).contains(&text.len()) {
        return Err(refuse(format!(
            "The policy has {} bytes; 1 to {POLICY_BYTES_MAX} are allowed.",
            text.len()
        )));
    }
    let parsed = Policy::parse(text, PolicyKind::Resource);
    parsed.map_err(|error| refuse(format!("The policy is refused: {error}.")))?;
    let policy: Value = serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
    let statements = one_or_several(&policy["Statement"]);
    if statements.len() > STATEMENTS_MAX {
        return Err(refuse(format!("The policy has more than {STATEMENTS_MAX} statements.")));
    }
    for statement in statements {
        let is_ours = |action: &Value| {
            action.as_str().is_some_and(|action| action.eq_ignore_ascii_case(ACTION))
        };
        if statement["Action"].is_null()
            || !one_or_several(&statement["Action"]).iter().all(is_ours)
        {
            return Err(refuse(format!("The only Action of a channel's policy is {ACTION}.")));
        }
        let principals = match &statement["Principal"] {
            Value::Object(kinds) => kinds.values().map(|one| one_or_several(one).len()).sum(),
            _ => 1,
        };
        if principals > PRINCIPALS_MAX {
            return Err(refuse(format!(
                "A statement has {principals} principals; at most {PRINCIPALS_MAX} are allowed."
            )));
        }
    }
    Ok(())
}

/// The elements of a list; of anything else, itself.
fn one_or_several(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}
