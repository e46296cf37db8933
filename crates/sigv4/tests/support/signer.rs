//! The other side: AWS's own signer for Rust (`aws-sigv4`), which knows nothing of this crate.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;

use super::{KEY_ID, SECRET, SIGNED_AT, Sent, escaped};

/// Who signs, for what, and where the signature goes.
#[derive(Clone, Debug)]
pub struct Signer {
    pub secret: &'static str,
    pub token: Option<&'static str>,
    pub service: &'static str,
    /// Headers that are not signed.
    pub unsigned: Vec<&'static str>,
    /// Seconds that a presigned URL holds; else the signature is in the header.
    pub expires: Option<u64>,
    /// Whether `x-amz-content-sha256` is sent.
    pub says_hash: bool,
    /// What is signed in place of the hash of the body.
    pub payload: Option<&'static str>,
}

pub const SIGNER: Signer = Signer {
    secret: SECRET,
    token: None,
    service: "cloudtrail",
    unsigned: Vec::new(),
    expires: None,
    says_hash: false,
    payload: None,
};

impl Signer {
    /// The request with its signature, or nothing when the signer cannot read it.
    pub fn try_sign(&self, sent: &Sent) -> Option<Sent> {
        let credentials =
            Credentials::new(KEY_ID, self.secret, self.token.map(str::to_owned), None, "test");
        let identity = credentials.into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name(self.service)
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(SIGNED_AT.unsigned_abs()))
            .settings(self.settings())
            .build()
            .unwrap();
        let mark = if sent.query.is_empty() { "" } else { "?" };
        let uri = format!("http://example.amazonaws.com{}{mark}{}", sent.path, sent.query);
        let headers: Option<Vec<(&str, &str)>> = sent
            .headers
            .iter()
            .map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value.as_bytes()).ok()?)))
            .collect();
        let body = match self.payload {
            Some("UNSIGNED-PAYLOAD") => SignableBody::UnsignedPayload,
            Some(payload) => SignableBody::Precomputed(payload.into()),
            None => SignableBody::Bytes(&sent.body),
        };
        let signable = SignableRequest::new(&sent.method, uri, headers?.into_iter(), body).ok()?;
        let output = sign(signable, &parameters.into()).ok()?;
        let (headers, query) = output.into_parts().0.into_parts();
        let mut sent = sent.clone();
        for header in headers {
            sent = sent.with(header.name(), header.value());
        }
        for (name, value) in query {
            sent = sent.and(name, &value);
        }
        Some(sent)
    }

    /// The request with its signature.
    pub fn sign(&self, sent: &Sent) -> Sent {
        self.try_sign(sent).unwrap_or_else(|| panic!("the signer cannot read {sent:?}"))
    }

    fn settings(&self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        settings.excluded_headers =
            Some(self.unsigned.iter().map(|name| Cow::Borrowed(*name)).collect());
        if let Some(expires) = self.expires {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_secs(expires));
        }
        if self.says_hash {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        if self.service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        settings
    }
}

/// A parameter of the query in place of the one of its name.
pub fn replace_parameter(sent: &Sent, name: &str, value: Option<&str>) -> Sent {
    let mark = format!("{name}=");
    let rest: Vec<&str> = sent.query.split('&').filter(|part| !part.starts_with(&mark)).collect();
    let changed = Sent { query: rest.join("&"), ..sent.clone() };
    match value {
        Some(value) => {
            Sent { query: format!("{}&{mark}{}", changed.query, escaped(value)), ..changed }
        }
        None => changed,
    }
}
