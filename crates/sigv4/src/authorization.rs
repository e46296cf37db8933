//! The signature in the header: `Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…,
//! Signature=…`, its members in any order, with commas or blanks between them; the moment in
//! `X-Amz-Date`, or else in `Date`.

use std::borrow::Cow;

use http::HeaderMap;

use crate::error::SignatureError;
use crate::signed::Claims;

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What the header says; a scheme that is not AWS's is no signature at all.
pub(crate) fn read<'a>(
    headers: &'a HeaderMap,
    authorization: &'a str,
) -> Result<Claims<'a>, SignatureError> {
    let mut parts = authorization.split([' ', ',', '\t']).filter(|part| !part.is_empty());
    let algorithm = parts.next().unwrap_or_default();
    if !algorithm.starts_with("AWS4-") {
        return Err(SignatureError::MissingToken);
    }
    if algorithm != ALGORITHM {
        return Err(unsupported(algorithm));
    }
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in parts {
        let (name, value) = part.split_once('=').ok_or_else(|| {
            SignatureError::incomplete(format!(
                "'{part}' not a valid key=value pair (missing equal-sign) in Authorization header."
            ))
        })?;
        let member = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => continue,
        };
        if member.replace(value).is_some() {
            return Err(twice(name));
        }
    }
    let date = match header(headers, "x-amz-date")? {
        None => header(headers, "date")?,
        date => date,
    };
    let (Some(credential), Some(signed_headers), Some(signature), Some(date)) =
        (credential, signed_headers, signature, date)
    else {
        let complaints = [
            (credential.is_none(), "Authorization header requires 'Credential' parameter."),
            (signature.is_none(), "Authorization header requires 'Signature' parameter."),
            (signed_headers.is_none(), "Authorization header requires 'SignedHeaders' parameter."),
            (
                date.is_none(),
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            ),
        ];
        let complaints = complaints.iter().filter(|(is_missing, _)| *is_missing);
        let text: Vec<&str> = complaints.map(|(_, text)| *text).collect();
        return Err(SignatureError::incomplete(text.join(" ")));
    };
    Ok(Claims {
        credential: Cow::Borrowed(credential),
        signed_headers: Cow::Borrowed(signed_headers),
        signature: Cow::Borrowed(signature),
        date: Cow::Borrowed(date),
        expires: None,
        token: header(headers, "x-amz-security-token")?.map(Cow::Borrowed),
        content_sha256: header(headers, "x-amz-content-sha256")?.map(Cow::Borrowed),
    })
}

/// The value of a header that may be there once.
pub(crate) fn header<'a>(
    headers: &'a HeaderMap,
    name: &str,
) -> Result<Option<&'a str>, SignatureError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(twice(name));
    }
    let text = value.to_str().map_err(|_| {
        SignatureError::incomplete(format!(
            "The value of '{name}' must be visible ASCII characters."
        ))
    })?;
    Ok(Some(text.trim_ascii()))
}

pub(crate) fn twice(name: &str) -> SignatureError {
    SignatureError::incomplete(format!("'{name}' must be given once."))
}

pub(crate) fn unsupported(algorithm: &str) -> SignatureError {
    SignatureError::incomplete(format!(
        "Unsupported AWS 'algorithm': '{algorithm}' (only {ALGORITHM} for now)."
    ))
}
