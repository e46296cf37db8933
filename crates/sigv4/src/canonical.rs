//! The canonical request: the one form of a request that its signer and we make independently, and
//! whose hash is signed.
//!
//! ```text
//! METHOD
//! path, encoded
//! query, encoded and sorted
//! name:value          for each signed header, in the order of the list; values of the same name
//! …                   joined by commas, runs of blanks made one
//!
//! list;of;signed;headers
//! hash of the body, or what stands for it
//! ```
//!
//! Source: AWS IAM User Guide, "Create a canonical request".

use http::HeaderMap;

use crate::encoding::{push_encoded, split_decoded};
use crate::error::SignatureError;
use crate::query;
use crate::signed::Request;

/// How long the method, path, query and headers may be in their canonical form, in bytes.
pub const CANONICAL_BYTES_MAX: usize = 128 << 10;

/// How a service has its paths signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathRule {
    /// As they are, each byte encoded once: S3, whose keys may hold `//` and `..`.
    AsSent,
    /// Without `.`, `..` and empty segments, and with what is encoded already encoded again.
    Normalised,
}

/// The canonical form of a request, of which these headers are signed.
pub(crate) fn request(
    request: &Request<'_>,
    rule: PathRule,
    signed_headers: &str,
    payload: &[u8],
) -> Result<Vec<u8>, SignatureError> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(request.method.as_bytes());
    out.push(b'\n');
    push_path(&mut out, request.path, rule);
    out.push(b'\n');
    query::push_canonical(&mut out, request.query);
    out.push(b'\n');
    for name in signed_headers.split(';') {
        push_header(&mut out, request.headers, name)?;
        // The list may name a header often: its value is not copied without end.
        if out.len() > CANONICAL_BYTES_MAX {
            return Err(SignatureError::incomplete(format!(
                "What is signed of the request is longer than {CANONICAL_BYTES_MAX} bytes."
            )));
        }
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload);
    Ok(out)
}

fn push_header(out: &mut Vec<u8>, headers: &HeaderMap, name: &str) -> Result<(), SignatureError> {
    let mut values = headers.get_all(name).iter().peekable();
    if values.peek().is_none() {
        return Err(SignatureError::incomplete(format!(
            "'{name}' is named as a SignedHeader, but it does not exist in the HTTP request."
        )));
    }
    out.extend_from_slice(name.as_bytes());
    let mut mark = b':';
    for value in values {
        out.push(mark);
        push_folded(out, value.as_bytes());
        mark = b',';
    }
    out.push(b'\n');
    Ok(())
}

/// A value without blanks around it, and with one blank for each run of them, between quotes too.
fn push_folded(out: &mut Vec<u8>, value: &[u8]) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

fn push_path(out: &mut Vec<u8>, path: &str, rule: PathRule) {
    let start = out.len();
    match rule {
        PathRule::AsSent => push_as_sent(out, path.as_bytes()),
        PathRule::Normalised => push_normalised(out, path),
    }
    if out.len() == start {
        out.push(b'/');
    }
}

fn push_as_sent(out: &mut Vec<u8>, path: &[u8]) {
    let mut rest = path;
    while let Some((byte, after)) = split_decoded(rest) {
        // An encoded slash is part of a name, and stays told from one between names.
        if rest[0] == b'/' {
            out.push(b'/');
        } else {
            push_encoded(out, byte);
        }
        rest = after;
    }
}

fn push_normalised(out: &mut Vec<u8>, path: &str) {
    let start = out.len();
    let mut is_folder = true;
    for segment in path.split('/') {
        is_folder = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => {
                let parent = out[start..].iter().rposition(|byte| *byte == b'/');
                out.truncate(start + parent.unwrap_or_default());
            }
            name => {
                out.push(b'/');
                name.bytes().for_each(|byte| push_encoded(out, byte));
            }
        }
    }
    if is_folder {
        out.push(b'/');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, as_sent: &str, normalised: &str) {
        for (rule, expected) in [(PathRule::AsSent, as_sent), (PathRule::Normalised, normalised)] {
            let mut out = Vec::new();
            push_path(&mut out, path, rule);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{path} {rule:?}");
        }
    }

    #[test]
    fn paths_are_signed_as_sent_for_s3_and_normalised_for_others() {
        check("", "/", "/");
        check("/", "/", "/");
        check("//", "//", "/");
        check("/example/..", "/example/..", "/");
        check("/example1/example2/../..", "/example1/example2/../..", "/");
        check("/../../a", "/../../a", "/a");
        check("/./", "/./", "/");
        check("/./example", "/./example", "/example");
        check("//example//", "//example//", "/example/");
        check("/a/.", "/a/.", "/a/");
        check("/a/b/..", "/a/b/..", "/a/");
        check("/a.b/..c/...", "/a.b/..c/...", "/a.b/..c/...");
        check("/example space/", "/example%20space/", "/example%20space/");
        check("/example%20space/", "/example%20space/", "/example%2520space/");
        check("/ሴ", "/%E1%88%B4", "/%E1%88%B4");
        check("/-._~09AZaz", "/-._~09AZaz", "/-._~09AZaz");
        check("/a+b*c", "/a%2Bb%2Ac", "/a%2Bb%2Ac");
        check("/a%2fb%2Fc%7e", "/a%2Fb%2Fc~", "/a%252fb%252Fc%257e");
        check("/test/@x/J%3D", "/test/%40x/J%3D", "/test/%40x/J%253D");
        check("/%", "/%25", "/%25");
    }

    #[test]
    fn runs_of_blanks_are_one_blank_in_quotes_too() {
        for (value, expected) in
            [("  a  ", "a"), ("\"a   b \t c\"", "\"a b c\""), ("", ""), ("   ", ""), ("a b", "a b")]
        {
            let mut out = Vec::new();
            push_folded(&mut out, value.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn a_header_that_is_listed_often_is_not_copied_without_end() {
        let mut headers = HeaderMap::new();
        headers.insert("host", "x".repeat(9_000).parse().unwrap());
        let large = Request { method: "GET", path: "/", query: "", headers: &headers };
        let canonical = |list: &str| request(&large, PathRule::AsSent, list, b"");
        assert!(canonical("host").is_ok());
        assert_eq!(
            canonical(&["host"; 1_000].join(";")).unwrap_err().to_string(),
            "What is signed of the request is longer than 131072 bytes."
        );
    }
}
