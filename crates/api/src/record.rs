//! The record of a call to the API, as CloudTrail records the calls of `cloudtrail.amazonaws.com`.
//!
//! Parameters keep the caller's spelling but for their first letters, which are small. Reads have no
//! `responseElements`, and neither have refused calls. What is longer than CloudTrail's limit for
//! its member is cut here, so that no call is too large to be recorded.
//! Source: AWS CloudTrail User Guide, "CloudTrail record contents".

use std::borrow::Cow;

use bytes::Bytes;
use model::{AccountId, Timestamp, limits};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::authorize::ACCESS_DENIED;
use crate::caller::Caller;
use crate::exception::Exception;
use crate::wire::{self, Request, with_small_letter};

/// What a call was, and what became of it.
pub struct Told<'a> {
    /// Who called.
    pub caller: &'a Caller,
    /// The call, as it came.
    pub request: &'a Request,
    /// The operation's name.
    pub operation: &'a str,
    /// The members of the call; `None` of one whose caller may not see what they name.
    pub parameters: Option<&'a Value>,
    /// Those that are times: they are told as texts.
    pub times: &'static [&'static str],
    /// What was answered.
    pub result: &'a Result<Value, Exception>,
    /// The record's `eventID`.
    pub event_id: Uuid,
    /// When it was answered.
    pub now: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    event_version: &'static str,
    user_identity: Identity,
    event_time: String,
    event_source: &'static str,
    event_name: &'a str,
    aws_region: &'a str,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<Cow<'a, str>>,
    request_parameters: Value,
    response_elements: Value,
    #[serde(rename = "requestID")]
    request_id: &'a str,
    #[serde(rename = "eventID")]
    event_id: String,
    read_only: bool,
    event_type: &'static str,
    management_event: bool,
    recipient_account_id: &'a AccountId,
    event_category: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_details: Option<Value>,
}

/// `userIdentity`, its members in CloudTrail's order.
struct Identity(Value);

impl Serialize for Identity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const ORDER: [&str; 7] = [
            "type",
            "principalId",
            "arn",
            "accountId",
            "accessKeyId",
            "userName",
            "sessionContext",
        ];
        let members = ORDER.iter().filter_map(|name| Some((name, self.0.get(name)?)));
        serializer.collect_map(members)
    }
}

impl Told<'_> {
    /// The record's bytes.
    ///
    /// # Panics
    /// Never: texts always serialize.
    #[must_use]
    pub fn record(&self) -> Bytes {
        let exception = self.result.as_ref().err();
        let read_only = is_read_only(self.operation);
        let elements = self.result.as_ref().ok().filter(|_| !read_only);
        let record = Record {
            event_version: "1.11",
            user_identity: Identity(self.caller.user_identity()),
            event_time: self.now.to_iso_seconds(),
            event_source: "cloudtrail.amazonaws.com",
            event_name: self.operation,
            aws_region: self.caller.region.as_str(),
            source_ip_address: &self.request.source_ip,
            user_agent: self.request.user_agent.as_deref().map(limits::short),
            error_code: exception.map(|exception| error_code(exception.code)),
            error_message: exception.map(|exception| limits::short(&exception.message)),
            request_parameters: self.parameters.map_or(Value::Null, |members| {
                if self.times.is_empty() {
                    return elements_of(members);
                }
                elements_of(&with_texts(members, self.times))
            }),
            response_elements: elements.map_or(Value::Null, elements_of),
            request_id: &self.request.request_id,
            event_id: self.event_id.to_string(),
            read_only,
            event_type: "AwsApiCall",
            management_event: true,
            recipient_account_id: &self.caller.account,
            event_category: "Management",
            tls_details: None,
        };
        serde_json::to_vec(&record).expect("texts always serialize").into()
    }
}

/// Whether an operation only tells: its name says so.
fn is_read_only(operation: &str) -> bool {
    const VERBS: [&str; 5] = ["Describe", "Get", "List", "Lookup", "Search"];
    VERBS.iter().any(|verb| operation.starts_with(verb))
}

/// Records say `AccessDenied` where the wire says `AccessDeniedException`.
fn error_code(code: &str) -> &str {
    if code == ACCESS_DENIED { "AccessDenied" } else { code }
}

/// The members, and of them those that are times as `2026-05-04T03:02:01Z`.
fn with_texts(members: &Value, times: &[&str]) -> Value {
    let mut members = members.clone();
    for name in times {
        let Some(member) = members.get_mut(name) else { continue };
        if let Ok(Some(time)) = wire::time(&*member) {
            *member = time.to_iso_seconds().into();
        }
    }
    members
}

/// An object with small first letters; nothing, where it is empty; a mark, where it is too long.
fn elements_of(members: &Value) -> Value {
    match members {
        Value::Object(members) if members.is_empty() => Value::Null,
        members if members.to_string().len() > limits::PARAMETERS_BYTES_MAX => {
            json!({ "omitted": true })
        }
        members => with_small_letters(members),
    }
}

fn with_small_letters(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let small = |(name, value): (&String, &Value)| {
                (with_small_letter(name), with_small_letters(value))
            };
            Value::Object(members.iter().map(small).collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.iter().map(with_small_letters).collect()),
        other => other.clone(),
    }
}
