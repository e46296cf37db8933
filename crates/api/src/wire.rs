//! AWS JSON 1.1: what comes in, and the exact bytes that go out.
//!
//! A call is `POST /` with `X-Amz-Target: PREFIX.OPERATION` and a JSON object. A success is 200 with a
//! JSON object, an error `{"__type":"TrailNotFoundException","message":"…"}` with a short name and
//! without blanks. Members that no operation knows are passed over; members of a wrong type are
//! refused. Times are numbers of seconds.

use bytes::Bytes;
use model::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::exception::Exception;

/// The content type of all answers.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// The largest body: 500 selector values of 2,048 characters, and room for the JSON around them.
pub const BODY_BYTES_MAX: usize = 2 << 20;
/// What stands before the operation's name; both are in use.
const PREFIXES: [&str; 2] =
    ["CloudTrail_20131101", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"];

/// One call, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `X-Amz-Target`.
    pub target: String,
    /// The body.
    pub body: Bytes,
    /// `x-amzn-RequestId` of the answer.
    pub request_id: String,
    /// Where it came from.
    pub source_ip: String,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `Host`.
    pub host: Option<String>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// A JSON object.
    pub body: Vec<u8>,
}

/// The name of the operation that a target names.
pub(crate) fn operation_of(target: &str) -> Result<&str, Exception> {
    let named = target.rsplit_once('.').filter(|(prefix, _)| PREFIXES.contains(prefix));
    named.map(|(_, name)| name).ok_or_else(unknown_operation)
}

/// `UnknownOperationException`.
pub(crate) fn unknown_operation() -> Exception {
    Exception::new("UnknownOperationException", "")
}

/// The members of a call; none where there is no body.
pub(crate) fn members(body: &[u8]) -> Result<Value, Exception> {
    if body.trim_ascii().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let members: Value = serde_json::from_slice(body)
        .map_err(|error| Exception::serialization(format!("The body is not JSON: {error}")))?;
    if members.is_object() {
        Ok(members)
    } else {
        Err(Exception::serialization("The body must be a JSON object."))
    }
}

/// The input of an operation.
pub(crate) fn input<I: DeserializeOwned>(members: &Value) -> Result<I, Exception> {
    I::deserialize(members).map_err(|error| Exception::serialization(error.to_string()))
}

/// The output of an operation.
pub(crate) fn output<O: Serialize>(output: &O) -> Value {
    serde_json::to_value(output).expect("outputs always serialize")
}

/// A time as seconds since 1970, with milliseconds.
#[allow(dead_code)]
pub(crate) fn epoch<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[allow(clippy::cast_precision_loss)] // milliseconds of today have 41 bits
    let seconds = |time: &Timestamp| time.as_millis() as f64 / 1000.0;
    time.as_ref().map(seconds).serialize(serializer)
}

impl Answer {
    pub(crate) fn of(result: &Result<Value, Exception>) -> Answer {
        match result {
            Ok(output) => Answer { status: 200, body: output.to_string().into_bytes() },
            Err(exception) => Answer::refused(exception),
        }
    }

    /// The answer to a call that is refused.
    #[must_use]
    pub fn refused(exception: &Exception) -> Answer {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(rename = "__type")]
            kind: &'a str,
            message: &'a str,
        }
        let body = Body { kind: exception.code, message: &exception.message };
        let body = serde_json::to_vec(&body).expect("texts always serialize");
        Answer { status: exception.status, body }
    }
}
