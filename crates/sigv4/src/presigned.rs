//! The signature in the query: a presigned URL, `?X-Amz-Algorithm=…&X-Amz-Credential=…&X-Amz-Date=…&
//! X-Amz-Expires=…&X-Amz-SignedHeaders=…&X-Amz-Signature=…`, and `X-Amz-Security-Token` for a session.

use std::borrow::Cow;

use http::HeaderMap;

use crate::authorization::{ALGORITHM, header, twice, unsupported};
use crate::error::SignatureError;
use crate::query;
use crate::signed::Claims;

/// A presigned URL holds for a week at most.
pub const EXPIRES_SECONDS_MAX: i64 = 7 * 24 * 60 * 60;

const ALGORITHM_NAME: &str = "X-Amz-Algorithm";
const CREDENTIAL: &str = "X-Amz-Credential";
const SIGNATURE: &str = "X-Amz-Signature";
const SIGNED_HEADERS: &str = "X-Amz-SignedHeaders";
const DATE: &str = "X-Amz-Date";
const EXPIRES: &str = "X-Amz-Expires";
const TOKEN: &str = "X-Amz-Security-Token";
const CONTENT_SHA256: &str = "X-Amz-Content-Sha256";

/// In the order in which AWS complains of them; the last two may be missing.
const NAMES: [&str; 8] =
    [ALGORITHM_NAME, CREDENTIAL, SIGNATURE, SIGNED_HEADERS, DATE, EXPIRES, TOKEN, CONTENT_SHA256];

/// What the query says, or nothing when it is not signed.
pub(crate) fn read<'a>(
    headers: &'a HeaderMap,
    query: &'a str,
) -> Result<Option<Claims<'a>>, SignatureError> {
    let mut values: [Option<Cow<'a, str>>; 8] = Default::default();
    for (name, value) in query::parameters(query) {
        let name = query::decoded(name);
        let Some(place) = NAMES.iter().position(|known| name == *known) else { continue };
        if values[place].replace(query::decoded(value)).is_some() {
            return Err(twice(NAMES[place]));
        }
    }
    let [algorithm, credential, signature, signed_headers, date, expires, token, content_sha256] =
        values;
    if algorithm.is_none() && credential.is_none() && signature.is_none() {
        return Ok(None);
    }
    let missing = [&algorithm, &credential, &signature, &signed_headers, &date, &expires];
    let missing = missing.iter().zip(NAMES).filter(|(value, _)| value.is_none());
    let missing: Vec<&str> = missing.map(|(_, name)| name).collect();
    let (Some(algorithm), Some(credential), Some(signature), Some(signed_headers)) =
        (algorithm, credential, signature, signed_headers)
    else {
        return Err(incomplete(&missing));
    };
    let (Some(date), Some(expires)) = (date, expires) else { return Err(incomplete(&missing)) };
    if algorithm != ALGORITHM {
        return Err(unsupported(&algorithm));
    }
    let content_sha256 = match content_sha256 {
        None => header(headers, "x-amz-content-sha256")?.map(Cow::Borrowed),
        text => text,
    };
    let expires = Some(seconds(&expires)?);
    Ok(Some(Claims { credential, signed_headers, signature, date, expires, token, content_sha256 }))
}

fn incomplete(missing: &[&str]) -> SignatureError {
    let complaint = |name: &&str| format!("AWS query-string parameters must include '{name}'. ");
    let complaints: String = missing.iter().map(complaint).collect();
    SignatureError::incomplete(complaints + "Re-examine the query-string parameters.")
}

fn seconds(text: &str) -> Result<i64, SignatureError> {
    let seconds = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    seconds.filter(|seconds| (1..=EXPIRES_SECONDS_MAX).contains(seconds)).ok_or_else(|| {
        SignatureError::incomplete(format!(
            "{EXPIRES} must be a number of seconds from 1 to {EXPIRES_SECONDS_MAX}, got '{text}'."
        ))
    })
}
