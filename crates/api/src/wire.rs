//! AWS JSON 1.1: what comes in, and the exact bytes that go out.
//!
//! A call is `POST /` with `X-Amz-Target: PREFIX.OPERATION` and a JSON object. A success is 200 with a
//! JSON object, an error `{"__type":"TrailNotFoundException","message":"…"}` with a short name and
//! without blanks. Members that no operation knows are passed over; members of a wrong type are
//! refused. A member that is `null` is as good as absent. Times are numbers of seconds.

use std::fmt::Display;

use bytes::Bytes;
use model::Timestamp;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::exception::Exception;

/// The content type of all answers.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// The largest body: 500 selector values of 2,048 characters, and room for the JSON around them.
pub const BODY_BYTES_MAX: usize = 2 << 20;
/// Levels of objects and lists in a body. Records, which hold it, take 100.
const DEPTH_MAX: usize = 32;
/// Values of one body at most; the largest call that AWS takes has some thousands.
const VALUES_MAX: usize = 20_000;
/// What a body's bytes come to: itself, its members, the plan, the record.
pub const BODY_FACTOR: usize = 4;
/// What an object with one member takes, as the largest of all values.
const VALUE_BYTES: usize = 700;
/// What stands before the operation's name; both are in use.
const PREFIXES: [&str; 2] =
    ["CloudTrail_20131101", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"];

/// One call, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `X-Amz-Target`.
    pub target: String,
    /// Whether the signature names the target.
    pub is_target_signed: bool,
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

/// What a body takes in memory once it is parsed, in bytes: every value of JSON costs, however short
/// it is written.
///
/// # Errors
/// `SerializationException` when there are more values than any operation has.
pub fn weight(body: &[u8]) -> Result<usize, Exception> {
    let (mut values, mut is_text, mut is_escaped) = (0, false, false);
    for byte in body {
        match byte {
            _ if std::mem::take(&mut is_escaped) => {}
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            b'{' | b'[' | b',' | b':' if !is_text => values += 1,
            _ => {}
        }
    }
    if values > VALUES_MAX {
        let message = format!("The body has more than {VALUES_MAX} values.");
        return Err(Exception::serialization(message));
    }
    Ok(BODY_FACTOR * body.len() + VALUE_BYTES * values)
}

/// The members of a call; none where there is no body. A member that is `null` is absent.
pub(crate) fn members(body: &[u8]) -> Result<Value, Exception> {
    if body.trim_ascii().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let mut members: Value = serde_json::from_slice(body)
        .map_err(|error| Exception::serialization(format!("The body is not JSON: {error}")))?;
    if !members.is_object() {
        return Err(Exception::serialization("The body must be a JSON object."));
    }
    tidy(&mut members, DEPTH_MAX)?;
    Ok(members)
}

/// Takes out what is `null`, and refuses what no operation has: lists of lists, which would pass for
/// lists of objects, and deep values, which no record may hold.
fn tidy(value: &mut Value, depth_max: usize) -> Result<(), Exception> {
    let Some(depth_max) = depth_max.checked_sub(1) else {
        let message = format!("The body is nested deeper than {DEPTH_MAX} levels.");
        return Err(Exception::serialization(message));
    };
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().try_for_each(|member| tidy(member, depth_max))
        }
        Value::Array(elements) if elements.iter().any(Value::is_array) => {
            Err(Exception::serialization("A list cannot hold lists."))
        }
        Value::Array(elements) => {
            elements.iter_mut().try_for_each(|element| tidy(element, depth_max))
        }
        _ => Ok(()),
    }
}

/// The input of an operation; a refusal names the member.
pub(crate) fn input<I: DeserializeOwned>(members: &Value) -> Result<I, Exception> {
    serde_path_to_error::deserialize(members).map_err(|error| {
        let place = error.path().iter().next().map(|_| error.path().to_string());
        let text = error.inner().to_string();
        // serde's words for a member that is not optional.
        let missing = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        match (missing, place) {
            (Some(name), None) => missing_member(name),
            (Some(name), Some(place)) => missing_member(&format!("{place}.{name}")),
            (None, None) => Exception::serialization(text),
            (None, Some(place)) => Exception::serialization(format!("{place}: {text}")),
        }
    })
}

/// A member that must be there is not.
pub(crate) fn missing_member(name: &str) -> Exception {
    invalid_member(format!(
        "Value null at '{}' failed to satisfy constraint: Member must not be null",
        with_small_letter(name)
    ))
}

/// A member breaks a rule that the operation's model states, such as a length.
pub(crate) fn invalid_member(problem: impl Display) -> Exception {
    let message = format!("1 validation error detected: {problem}");
    Exception::new("ValidationException", message)
}

/// A member's name as records and messages spell it.
pub(crate) fn with_small_letter(name: &str) -> String {
    let mut rest = name.chars();
    let first = rest.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(rest).collect()
}

/// The output of an operation.
pub(crate) fn output<O: Serialize>(output: &O) -> Value {
    serde_json::to_value(output).expect("outputs always serialize")
}

/// A time as the SDKs send it, a number of seconds since 1970, or as text; `None` when it is absent.
pub(crate) fn time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let time = match &value {
        #[allow(clippy::cast_possible_truncation)] // what is out of range is clamped
        Value::Number(seconds) => seconds
            .as_f64()
            .map(|seconds| Timestamp::from_millis((seconds * 1000.0).round() as i64)),
        Value::String(text) => Timestamp::parse(text),
        _ => None,
    };
    let expected =
        "expected a number of seconds since 1970, or a text such as 2026-05-04T03:02:01Z";
    time.map(Some).ok_or_else(|| D::Error::custom(expected))
}

/// A time as seconds since 1970, with milliseconds.
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

    /// The same, of an output that is text already.
    pub(crate) fn of_text(result: Result<Vec<u8>, Exception>) -> Answer {
        match result {
            Ok(body) => Answer { status: 200, body },
            Err(exception) => Answer::refused(&exception),
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
