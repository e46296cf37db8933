//! Signatures on the calls that Cairn's own commands make, by the credentials that every AWS SDK
//! would find: environment, profile, instance or web identity.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use hyper::Request;
use model::{Region, Timestamp};

use crate::aws;

/// The service that audit events are signed for.
pub const EVENTS: &str = "cloudtrail-data";
/// The service that calls of CloudTrail's own API are signed for.
pub const API: &str = "cloudtrail";

/// The credentials of the environment; `None` where there are none.
pub async fn credentials() -> Option<Credentials> {
    let provider = aws::load().await.credentials_provider()?;
    provider.provide_credentials().await.ok()
}

/// What a caller can do whose signature, or lack of one, was refused.
#[must_use]
pub fn advice(credentials: Option<&Credentials>) -> String {
    match credentials {
        None => "no AWS credentials were found, so that nothing was signed: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, to a key of `cairn account create-key`".into(),
        Some(found) => format!("signed with access key {}; `cairn account show` lists the daemon's", found.access_key_id()),
    }
}

/// Signs a request to a service, with what AWS's SDKs would find.
pub fn signed(
    mut request: Request<Bytes>,
    credentials: &Credentials,
    service: &str,
    region: &Region,
    now: Timestamp,
) -> anyhow::Result<Request<Bytes>> {
    let identity = credentials.clone().into();
    let since_1970 = Duration::from_millis(now.as_millis().unsigned_abs());
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region.as_str())
        .name(service)
        .time(SystemTime::UNIX_EPOCH + since_1970)
        .settings(SigningSettings::default())
        .build()
        .context("the signature")?
        .into();
    let signable = SignableRequest::new(
        request.method().as_str(),
        request.uri().to_string(),
        std::iter::empty(),
        SignableBody::Bytes(request.body()),
    );
    let output = sign(signable.context("the request to be signed")?, &parameters);
    let instructions = output.context("the signature")?.into_parts().0;
    instructions.apply_to_request_http1x(&mut request);
    Ok(request)
}
