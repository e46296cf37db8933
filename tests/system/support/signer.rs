//! Requests signed by AWS's own signer, at any time and for any scope.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use serde_json::Value;

/// An access key.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

/// How a request is signed.
#[derive(Clone, Debug)]
pub struct Signer {
    pub key: Key,
    pub service: &'static str,
    pub region: &'static str,
    /// Seconds from now.
    pub shift_seconds: i64,
    /// In the query, for so many seconds, and not in a header.
    pub expires_seconds: Option<u64>,
    /// The word in place of the body's hash.
    pub payload: Option<&'static str>,
}

/// A request that is signed: its URL, and its headers.
#[derive(Clone, Debug)]
pub struct SignedRequest {
    pub url: String,
    pub headers: Vec<(String, String)>,
    /// The signature alone.
    pub signature: String,
}

impl Key {
    /// As `cairn account` and AWS print it.
    pub fn read(json: &Value) -> Key {
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        Key {
            id: text("AccessKeyId").unwrap(),
            secret: text("SecretAccessKey").unwrap(),
            token: text("SessionToken"),
        }
    }

    pub fn signer(&self, service: &'static str) -> Signer {
        Signer {
            key: self.clone(),
            service,
            region: "us-east-1",
            shift_seconds: 0,
            expires_seconds: None,
            payload: None,
        }
    }
}

impl Signer {
    #[allow(clippy::disallowed_methods)] // the daemon goes by the real clock
    fn now() -> SystemTime {
        SystemTime::now()
    }

    /// Signs a GET.
    pub fn get(&self, url: &str) -> SignedRequest {
        self.sign("GET", url, &[], b"")
    }

    /// Signs a POST with these headers besides `Host`.
    pub fn post(&self, url: &str, headers: &[(&str, &str)], body: &[u8]) -> SignedRequest {
        self.sign("POST", url, headers, body)
    }

    fn sign(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> SignedRequest {
        let Key { id, secret, token } = &self.key;
        let identity = Credentials::new(id, secret, token.clone(), None, "tests").into();
        let shift = Duration::from_secs(self.shift_seconds.unsigned_abs());
        let now = Signer::now();
        let time = if self.shift_seconds < 0 { now - shift } else { now + shift };
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(time)
            .settings(self.settings())
            .build()
            .unwrap();
        let signed_body = match self.payload {
            Some("UNSIGNED-PAYLOAD") => SignableBody::UnsignedPayload,
            Some(word) => SignableBody::Precomputed(word.into()),
            None => SignableBody::Bytes(body),
        };
        let given = headers.iter().copied();
        let signable = SignableRequest::new(method, url, given, signed_body).unwrap();
        let (instructions, signature) = sign(signable, &parameters.into()).unwrap().into_parts();
        let (added, query) = instructions.into_parts();
        let mut headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        for header in added {
            headers.push((header.name().into(), header.value().into()));
        }
        let mut url = url.to_owned();
        for (name, value) in query {
            let mark = if url.contains('?') { '&' } else { '?' };
            url += &format!("{mark}{name}={}", escaped(&value));
        }
        SignedRequest { url, headers, signature }
    }

    fn settings(&self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        if let Some(seconds) = self.expires_seconds {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_secs(seconds));
        }
        if self.payload.is_some() {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings
    }
}

impl SignedRequest {
    /// With another value of a header.
    pub fn set(mut self, name: &str, value: &str) -> SignedRequest {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Without a header.
    pub fn without(mut self, name: &str) -> SignedRequest {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        &found.unwrap_or_else(|| panic!("no {name}: {self:?}")).1
    }

    pub fn headers(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
