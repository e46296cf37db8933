//! The record of a call to the API, as CloudTrail records the calls of `cloudtrail.amazonaws.com`.
//!
//! Parameters keep the caller's spelling but for their first letters, which are small. Reads have no
//! `responseElements`, and neither have refused calls.
//! Source: AWS CloudTrail User Guide, "CloudTrail record contents".

use bytes::Bytes;
use model::{AccountId, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::caller::Caller;
use crate::exception::Exception;
use crate::wire::Request;

/// What a call was, and what became of it.
pub(crate) struct Told<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) request: &'a Request,
    pub(crate) operation: &'a str,
    pub(crate) read_only: bool,
    /// The members of the call; `None` of one whose caller may not see what they name.
    pub(crate) parameters: Option<&'a Value>,
    pub(crate) result: &'a Result<Value, Exception>,
    pub(crate) event_id: Uuid,
    pub(crate) now: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    event_version: &'static str,
    user_identity: Value,
    event_time: String,
    event_source: &'static str,
    event_name: &'a str,
    aws_region: &'a str,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
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

impl Told<'_> {
    /// The record's bytes.
    pub(crate) fn record(&self) -> Bytes {
        let exception = self.result.as_ref().err();
        let elements = self.result.as_ref().ok().filter(|_| !self.read_only);
        let record = Record {
            event_version: "1.11",
            user_identity: self.caller.user_identity(),
            event_time: self.now.to_iso_seconds(),
            event_source: "cloudtrail.amazonaws.com",
            event_name: self.operation,
            aws_region: self.caller.region.as_str(),
            source_ip_address: &self.request.source_ip,
            user_agent: self.request.user_agent.as_deref(),
            error_code: exception.map(|exception| error_code(exception.code)),
            error_message: exception.map(|exception| exception.message.as_str()),
            request_parameters: self.parameters.map_or(Value::Null, elements_of),
            response_elements: elements.map_or(Value::Null, elements_of),
            request_id: &self.request.request_id,
            event_id: self.event_id.to_string(),
            read_only: self.read_only,
            event_type: "AwsApiCall",
            management_event: true,
            recipient_account_id: &self.caller.account,
            event_category: "Management",
            tls_details: None,
        };
        serde_json::to_vec(&record).expect("texts always serialize").into()
    }
}

/// Records say `AccessDenied` where the wire says `AccessDeniedException`.
fn error_code(code: &str) -> &str {
    if code == "AccessDeniedException" { "AccessDenied" } else { code }
}

/// An object with small first letters; nothing, where it is empty.
fn elements_of(members: &Value) -> Value {
    match members {
        Value::Object(members) if members.is_empty() => Value::Null,
        members => with_small_letters(members),
    }
}

fn with_small_letters(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let small = |(name, value): (&String, &Value)| {
                let mut rest = name.chars();
                let first = rest.next().map(|first| first.to_ascii_lowercase());
                (first.into_iter().chain(rest).collect(), with_small_letters(value))
            };
            Value::Object(members.iter().map(small).collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.iter().map(with_small_letters).collect()),
        other => other.clone(),
    }
}
