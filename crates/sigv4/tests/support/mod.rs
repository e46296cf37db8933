//! A request as it arrives, and what is made of it.
#![allow(dead_code)] // each test file uses a part

use cairn_sigv4::{Request, SignatureError, Signed, SigningKey};
pub mod signer;

use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

pub const KEY_ID: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30T12:36:00Z
pub const SIGNED_AT: i64 = 1_440_938_160;

/// An HTTP request.
#[derive(Clone, Debug)]
pub struct Sent {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Sent {
    /// `GET /path?query`, to example.amazonaws.com.
    pub fn new(line: &str, body: &str) -> Sent {
        let (method, target) = line.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (method, path, query) = (method.into(), path.into(), query.into());
        let sent = Sent { method, path, query, headers: HeaderMap::new(), body: body.into() };
        sent.with("host", "example.amazonaws.com")
    }

    /// With one more header.
    pub fn with(mut self, name: &str, value: &str) -> Sent {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        self
    }

    /// With this header in place of all of its name.
    pub fn set(mut self, name: &str, value: &str) -> Sent {
        self.headers.remove(name);
        self.with(name, value)
    }

    /// With one more parameter.
    pub fn and(mut self, name: &str, value: &str) -> Sent {
        let mark = if self.query.is_empty() { "" } else { "&" };
        self.query = format!("{}{mark}{name}={}", self.query, escaped(value));
        self
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub fn request(&self) -> Request<'_> {
        let Sent { method, path, query, headers, .. } = self;
        Request { method, path, query, headers }
    }

    pub fn read(&self, now: i64) -> Result<Signed<'_>, SignatureError> {
        Signed::read(self.request(), now)
    }

    /// Reads it, and verifies it with a key made of this secret, which is that of [`KEY_ID`].
    pub fn verify(&self, secret: &str, now: i64) -> Result<(), SignatureError> {
        let signed = self.read(now)?;
        if signed.access_key_id() != KEY_ID {
            return Err(SignatureError::UnknownKey);
        }
        let key = SigningKey::derive(secret, signed.scope());
        signed.verify(&key, &Sha256::digest(&self.body).into())
    }
}

/// Each byte but letters, digits and `-._~`, encoded.
pub fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
