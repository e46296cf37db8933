//! The query: its parameters, and the form in which they are signed.
//!
//! A parameter is what stands between `&`, its value what stands behind the first `=`, perhaps
//! nothing. `+` is a blank. Signed are all but `X-Amz-Signature`: decoded and encoded anew, sorted by
//! name and then by value, each with its `=`.

use std::borrow::Cow;

use crate::encoding::{push_encoded, split_decoded};

/// The parameters as they were sent, still encoded.
pub(crate) fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// A name or a value, decoded; what is not UTF-8 is replaced, and will match nothing.
pub(crate) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    decode(text, |byte| bytes.push(byte));
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// Appends what is signed of a query.
pub(crate) fn push_canonical(out: &mut Vec<u8>, query: &str) {
    if query.is_empty() {
        return;
    }
    let mut encoded = Vec::with_capacity(query.len() + 64);
    let mut places = Vec::new();
    for (name, value) in parameters(query) {
        let start = encoded.len();
        decode(name, |byte| push_encoded(&mut encoded, byte));
        let middle = encoded.len();
        if encoded[start..] == *b"X-Amz-Signature" {
            encoded.truncate(start);
            continue;
        }
        decode(value, |byte| push_encoded(&mut encoded, byte));
        places.push((start, middle, encoded.len()));
    }
    let pair = |(start, middle, end)| (&encoded[start..middle], &encoded[middle..end]);
    places.sort_unstable_by(|one, other| pair(*one).cmp(&pair(*other)));
    for (index, place) in places.into_iter().enumerate() {
        let (name, value) = pair(place);
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

fn decode(text: &str, mut take: impl FnMut(u8)) {
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = split_decoded(rest) {
        take(if rest[0] == b'+' { b' ' } else { byte });
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: &str) {
        let mut out = Vec::new();
        push_canonical(&mut out, query);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{query}");
    }

    #[test]
    fn parameters_are_encoded_anew_and_sorted() {
        check("", "");
        check("a", "a=");
        check("a=", "a=");
        check("&&a=1&", "a=1");
        check("=1", "=1");
        check("b=2&a=2&a=1&a", "a=&a=1&a=2&b=2");
        // By name first: as whole texts they would stand the other way round.
        check("a-b=1&a=2", "a=2&a-b=1");
        check("B=1&a=2&A=3", "A=3&B=1&a=2");
        check("a=b=c", "a=b%3Dc");
        check("a=1+2%2B3%203", "a=1%202%2B3%203");
        check("a=%7e%2d%5f%2E*'()/", "a=~-_.%2A%27%28%29%2F");
        check("a=%c3%A9&a=é", "a=%C3%A9&a=%C3%A9");
        check("a=%&b=%2&c=%zz&d=%%32", "a=%25&b=%252&c=%25zz&d=%252");
        check("a=%00", "a=%00");
        check("X-Amz-Signature=1&x-amz-signature=2&X%2DAmz-Signature=3", "x-amz-signature=2");
    }
}
