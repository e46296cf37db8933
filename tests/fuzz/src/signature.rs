//! Signatures: a request verifies exactly when its signature is the one that a second, slower reading
//! of the request gives; chunks come out as they were signed, or not at all.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use hmac::{Hmac, KeyInit, Mac};
use model::Timestamp;
use sha2::{Digest, Sha256};
use sigv4::{CHUNK_BYTES_MAX, Payload, Request, Signed, SigningKey};

use crate::Target;

/// A request: its line, headers, an empty line, a body. A signature of 64 zeros is put right.
pub const SIGNATURE: Target =
    Target { name: "signature", run: signature, seeds, words: WORDS, short_runs: 10_000 };
/// A body to be sent in chunks: behind the size of the chunks, that of the parts in which it comes
/// in, and the place of a byte to be changed (two bytes; 0 for none).
pub const CHUNKS: Target =
    Target { name: "chunks", run: chunks, seeds: chunk_seeds, words: &[], short_runs: 3_000 };

/// 2015-08-30T12:36:00Z
const NOW: i64 = 1_440_938_160;
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// Longer requests may be refused for their length.
const CANONICAL_LENGTH_MAX: usize = 64 << 10;

const WORDS: &[&str] = &[
    "0000000000000000000000000000000000000000000000000000000000000000",
    "AKIDEXAMPLE/20150830/us-east-1/cloudtrail/aws4_request",
    "AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request",
    "AWS4-HMAC-SHA256 ",
    "Credential=",
    "SignedHeaders=",
    "Signature=",
    "host;x-amz-date",
    ";x-one",
    "X-Amz-Expires=",
    "X-Amz-Signature=",
    "&x=%2f+%2B",
    "\nx-one: a  b\t c",
    "\nx-one:",
    "\ndate: Sun, 30 Aug 2015 12:36:00 GMT",
    "\nx-amz-date: 20150830T123600Z",
    "\nx-amz-content-sha256: UNSIGNED-PAYLOAD",
    "\nx-amz-security-token: t",
    "/../",
    "//",
    "/.",
    "%2F",
    "%",
    "+",
    "é",
    "\n\n",
];

fn seeds() -> Vec<Vec<u8>> {
    let zeros = "0".repeat(64);
    let header = |service: &str, list: &str| {
        format!(
            "host: example.amazonaws.com\nx-amz-date: 20150830T123600Z\nx-one: a  b\nx-one: c\n\
             authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/\
             aws4_request, SignedHeaders={list}, Signature={zeros}\n"
        )
    };
    let query = |service: &str| {
        format!(
            "b=2&a=+1&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2F\
             us-east-1%2F{service}%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&\
             X-Amz-SignedHeaders=host%3Bx-one&X-Amz-Signature={zeros}"
        )
    };
    let hash = hex(&Sha256::digest(b"{}").into());
    let hosted = "host: example.amazonaws.com\nx-one: a\n";
    [
        format!("POST /\n{}\n{{}}", header("cloudtrail", "host;x-amz-date;x-one")),
        format!("POST /\nx-amz-content-sha256: {hash}\n{}\n{{}}", header("s3", "host")),
        format!("GET /a/../b%20//c?z&a-b=1&a=%41\n{}", header("execute-api", "host;x-one")),
        format!("PUT /a/../b%2f//c?z&a=%41\n{}\nbody", header("s3", "host;x-amz-date")),
        format!("GET /?{}\n{hosted}", query("cloudtrail")),
        format!("GET /key?{}\n{hosted}", query("s3")),
    ]
    .map(String::into_bytes)
    .into()
}

struct Sent {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sent {
    fn read(text: &[u8]) -> Sent {
        let end = text.windows(2).position(|bytes| bytes == b"\n\n").unwrap_or(text.len());
        let (head, body) = text.split_at(end);
        let mut lines = head.split(|byte| *byte == b'\n');
        let line = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let (method, target) = line.split_once(' ').unwrap_or((&line, "/"));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
            let value = line.get(colon + 1..).unwrap_or_default().trim_ascii();
            let name = HeaderName::from_bytes(&line[..colon]);
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
        }
        let (method, path, query) = (method.into(), path.into(), query.into());
        let body = body.get(2..).unwrap_or_default().into();
        Sent { method, path, query, headers, body }
    }

    fn request(&self) -> Request<'_> {
        let Sent { method, path, query, headers, .. } = self;
        Request { method, path, query, headers }
    }

    fn header(&self, name: &str) -> Option<String> {
        Some(self.headers.get(name)?.to_str().ok()?.trim_matches([' ', '\t']).to_owned())
    }
}

fn signature(text: &[u8]) {
    let zeros = "0".repeat(64);
    let Some((claimed, expected)) = check(&Sent::read(text)) else { return };
    if claimed != zeros {
        return;
    }
    let (Some(expected), Some(at)) =
        (expected, text.windows(64).position(|bytes| bytes == zeros.as_bytes()))
    else {
        return;
    };
    let right = [&text[..at], expected.as_bytes(), &text[at + 64..]].concat();
    check(&Sent::read(&right));
}

/// Holds what a request says against the second reading; gives the signature that it has, and the one
/// that it should have.
fn check(sent: &Sent) -> Option<(String, Option<String>)> {
    let signed = Signed::read(sent.request(), NOW).ok()?;
    let key = SigningKey::derive(SECRET, signed.scope());
    let verified = signed.verify(&key, &Sha256::digest(&sent.body).into());
    let date = Timestamp::from_millis(signed.signed_at() * 1000).to_iso_seconds();
    let claims = Claims::read(sent, date.replace(['-', ':'], ""));
    let credential = [signed.access_key_id(), signed.date(), signed.region(), signed.service()];
    assert_eq!(claims.credential, format!("{}/aws4_request", credential.join("/")));
    assert_eq!(signed.session_token(), claims.token.as_deref());
    let said = claims.said_date.as_str();
    assert!(!said.ends_with('Z') || said == claims.date, "{said}");
    assert!((NOW - 604_800..=NOW + 900).contains(&signed.signed_at()));
    let (canonical, is_long) = claims.canonical(sent, signed.payload());
    if is_long {
        return None;
    }
    let expected = canonical.map(|canonical| claims.sign(&canonical));
    assert_eq!(verified.is_ok(), Some(&claims.signature) == expected.as_ref(), "{verified:?}");
    Some((claims.signature, expected))
}

/// What a request says that is known to be signed in some way.
struct Claims {
    credential: String,
    list: String,
    signature: String,
    said_date: String,
    /// As it is signed, whatever form it came in.
    date: String,
    token: Option<String>,
    content_sha256: Option<String>,
    is_presigned: bool,
}

impl Claims {
    fn read(sent: &Sent, date: String) -> Claims {
        let Some(authorization) = sent.header("authorization") else {
            let pairs = pairs(&sent.query);
            let get = |name: &str| {
                let pair = pairs.iter().find(|(found, _)| found == name.as_bytes());
                pair.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            };
            let must = |name: &str| get(name).expect("it was read");
            let content_sha256 = get("X-Amz-Content-Sha256");
            return Claims {
                credential: must("X-Amz-Credential"),
                list: must("X-Amz-SignedHeaders"),
                signature: must("X-Amz-Signature"),
                said_date: must("X-Amz-Date"),
                date,
                token: get("X-Amz-Security-Token"),
                content_sha256: content_sha256.or_else(|| sent.header("x-amz-content-sha256")),
                is_presigned: true,
            };
        };
        let words = authorization.replace([',', '\t'], " ");
        let must = |name: &str| {
            let word = words.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            word.expect("it was read").to_owned()
        };
        Claims {
            credential: must("Credential"),
            list: must("SignedHeaders"),
            signature: must("Signature"),
            said_date: sent.header("x-amz-date").or_else(|| sent.header("date")).expect("a date"),
            date,
            token: sent.header("x-amz-security-token"),
            content_sha256: sent.header("x-amz-content-sha256"),
            is_presigned: false,
        }
    }

    /// The canonical request, if all is there and right, and whether it is long.
    fn canonical(&self, sent: &Sent, payload: Payload) -> (Option<String>, bool) {
        let service = self.credential.rsplit('/').nth(1).expect("it was read");
        let is_s3 = ["s3", "s3express", "s3-object-lambda", "s3-outposts"].contains(&service);
        let digest = hex(&Sha256::digest(&sent.body).into());
        let body = match (payload, &self.content_sha256) {
            (Payload::Hashed, Some(said)) if *said != digest => return (None, false),
            (Payload::Hashed, _) => digest,
            (_, Some(said)) => said.clone(),
            (_, None) => "UNSIGNED-PAYLOAD".to_owned(),
        };
        assert!(payload == Payload::Hashed || is_s3);
        assert!(body != "UNSIGNED-PAYLOAD" || payload == Payload::Unsigned);
        assert!(self.content_sha256.is_some() || self.is_presigned || payload == Payload::Hashed);
        let path = if is_s3 { as_sent(&sent.path) } else { normalised(&sent.path) };
        let mut pairs: BTreeSet<(String, String, usize)> = BTreeSet::new();
        for (index, (name, value)) in pairs_of(&sent.query) {
            if name != b"X-Amz-Signature" {
                pairs.insert((encoded(&name), encoded(&value), index));
            }
        }
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value, _)| format!("{name}={value}")).collect();
        let mut headers = Vec::new();
        let mut length = sent.path.len() + sent.query.len();
        for name in self.list.split(';') {
            let values = sent.headers.get_all(name).iter().map(HeaderValue::as_bytes);
            let values: Vec<&[u8]> = values.collect();
            if values.is_empty() {
                return (None, false);
            }
            length += name.len() + values.iter().map(|value| value.len() + 1).sum::<usize>();
            if length > CANONICAL_LENGTH_MAX {
                return (None, true);
            }
            headers.extend_from_slice(name.as_bytes());
            headers.push(b':');
            headers
                .extend(values.iter().map(|value| folded(value)).collect::<Vec<_>>().join(&b','));
            headers.push(b'\n');
        }
        // Bytes that are no text stand for themselves: one character each, in both readings alike.
        let latin = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
        let lines = [&*sent.method, &path, &pairs.join("&")].map(|line| latin(line.as_bytes()));
        let rest = [&self.list, &body].map(|line| latin(line.as_bytes()));
        (Some(format!("{}\n{}\n{}", lines.join("\n"), latin(&headers), rest.join("\n"))), false)
    }

    /// The signature of a canonical request, each character of which is a byte.
    fn sign(&self, canonical: &str) -> String {
        let bytes: Vec<u8> =
            canonical.chars().map(|byte| u8::try_from(byte).expect("a byte each")).collect();
        let (_, scope) = self.credential.split_once('/').expect("it was read");
        let text = format!(
            "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
            self.date,
            hex(&Sha256::digest(bytes).into())
        );
        hex(&hmac(&derived(scope), text.as_bytes()))
    }
}

fn derived(scope: &str) -> [u8; 32] {
    let mut parts = scope.split('/').map(str::as_bytes);
    let mut next = || parts.next().expect("a scope has four parts");
    let day = hmac(format!("AWS4{SECRET}").as_bytes(), next());
    let region = hmac(&day, next());
    let service = hmac(&region, next());
    hmac(&service, next())
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn folded(value: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    for byte in value {
        let byte = if *byte == b'\t' { b' ' } else { *byte };
        if byte != b' ' || out.last().is_some_and(|last| *last != b' ') {
            out.push(byte);
        }
    }
    if out.last() == Some(&b' ') {
        out.pop();
    }
    out
}

fn encoded(bytes: &[u8]) -> String {
    let encode = |byte: &u8| match char::from(*byte) {
        plain @ ('A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~') => plain.to_string(),
        _ => format!("%{byte:02X}"),
    };
    bytes.iter().map(encode).collect()
}

/// The bytes that a text stands for, and whether each was encoded.
fn decoded(text: &str) -> Vec<(u8, bool)> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let text = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match text.map(|digits| u8::from_str_radix(digits, 16).expect("two digits")) {
            Some(byte) => (out.push((byte, true)), at += 3).1,
            None => (out.push((bytes[at], false)), at += 1).1,
        }
    }
    out
}

fn pairs(query: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let decoded = |text: &str| -> Vec<u8> {
        decoded(&text.replace('+', "%20")).into_iter().map(|(byte, _)| byte).collect()
    };
    let parts = query.split('&').filter(|part| !part.is_empty());
    let parts = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
    parts.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn pairs_of(query: &str) -> impl Iterator<Item = (usize, (Vec<u8>, Vec<u8>))> {
    pairs(query).into_iter().enumerate()
}

fn as_sent(path: &str) -> String {
    let encode = |&(byte, was_encoded): &(u8, bool)| match byte {
        b'/' if !was_encoded => "/".to_owned(),
        byte => encoded(&[byte]),
    };
    let path: String = decoded(path).iter().map(encode).collect();
    if path.is_empty() { "/".to_owned() } else { path }
}

/// By the rules of RFC 3986, 5.2.4, with runs of slashes as one.
fn normalised(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    let names: Vec<String> = names.iter().map(|name| encoded(name.as_bytes())).collect();
    let is_folder =
        ["/", "/.", "/.."].iter().any(|end| path.ends_with(end)) || ["", ".", ".."].contains(&path);
    let end = if is_folder && !names.is_empty() { "/" } else { "" };
    format!("/{}{end}", names.join("/"))
}

fn chunk_seeds() -> Vec<Vec<u8>> {
    let body = b"what is to be uploaded, in pieces of some size, each signed ".repeat(4);
    let seed = |options: [u8; 4]| [&options, body.as_slice()].concat();
    [[7, 3, 0, 0], [100, 255, 0, 0], [255, 1, 0, 90], [60, 200, 1, 1]].map(seed).into()
}

fn chunks(input: &[u8]) {
    let [size, part, high, low, body @ ..] = input else { return };
    let (size, part) = (usize::from(*size).max(1), usize::from(*part).max(1));
    let (change, has_trailer) = (usize::from(*high) << 8 | usize::from(*low), size % 2 == 1);
    let mut sent = upload(body, size, has_trailer);
    if let Some(byte) = sent.body.get_mut(change).filter(|_| change > 0) {
        *byte ^= 1;
    }
    let is_changed = change > 0 && change < sent.body.len();
    let signed = Signed::read(sent.request(), NOW).expect("a request in chunks");
    let key = SigningKey::derive(SECRET, signed.scope());
    signed.verify(&key, &[0; 32]).expect("the request itself is as it was signed");
    let mut ends = BTreeSet::new();
    for part in [part, sent.body.len()] {
        let mut chunks = signed.chunks(&key).expect("a length").expect("chunks");
        let mut verified = Vec::new();
        let mut parts = sent.body.chunks(part);
        let end = parts.try_for_each(|part| chunks.take(part, &mut verified));
        let end = end.and_then(|()| chunks.finish());
        assert_eq!(end.is_err(), is_changed, "{end:?}");
        assert!(body.starts_with(&verified), "only what was sent comes out");
        assert!(is_changed || verified == body, "all that was sent comes out");
        ends.insert(format!("{end:?} {}", verified.len()));
    }
    assert_eq!(ends.len(), 1, "the same however it comes in: {ends:?}");
    // Bytes of any kind: nothing comes out that is not signed.
    let mut chunks = signed.chunks(&key).expect("a length").expect("chunks");
    let mut verified = Vec::new();
    let _ = chunks.take(body, &mut verified);
    assert!(verified.is_empty() && verified.capacity() <= CHUNK_BYTES_MAX);
}

/// An upload of this body, in chunks of this size, with all its signatures.
fn upload(body: &[u8], size: usize, has_trailer: bool) -> Sent {
    let trailer = if has_trailer { "-TRAILER" } else { "" };
    let zeros = "0".repeat(64);
    let text = format!(
        "PUT /key\nhost: example.amazonaws.com\nx-amz-date: 20150830T123600Z\n\
         x-amz-decoded-content-length: {}\n\
         x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD{trailer}\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request, \
         SignedHeaders=host, Signature={zeros}",
        body.len()
    );
    let (_, seed) = check(&Sent::read(text.as_bytes())).expect("it is signed in some way");
    let mut previous = seed.expect("all of it is there");
    let mut sent = Sent::read(text.replace(&zeros, &previous).as_bytes());
    let key = derived("20150830/us-east-1/s3/aws4_request");
    let mut sign = |kind: &str, hashes: &[&[u8]]| {
        let hashes: Vec<String> =
            hashes.iter().map(|bytes| hex(&Sha256::digest(bytes).into())).collect();
        let text = format!(
            "AWS4-HMAC-SHA256-{kind}\n20150830T123600Z\n20150830/us-east-1/s3/aws4_request\n\
             {previous}\n{}",
            hashes.join("\n")
        );
        previous = hex(&hmac(&key, text.as_bytes()));
        previous.clone()
    };
    for chunk in body.chunks(size).chain([&[][..]]) {
        let head =
            format!("{:x};chunk-signature={}\r\n", chunk.len(), sign("PAYLOAD", &[b"", chunk]));
        sent.body.extend(head.into_bytes());
        sent.body.extend(chunk);
        if !chunk.is_empty() {
            sent.body.extend(b"\r\n");
        }
    }
    if has_trailer {
        let signature = sign("TRAILER", &[b"x-sum:abc\n"]);
        sent.body.extend(format!("X-Sum: abc\r\nx-amz-trailer-signature:{signature}\r\n").bytes());
    }
    sent.body.extend(b"\r\n");
    sent
}
