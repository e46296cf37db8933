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
const SERVICE: &str = "cloudtrail-data";

/// The credentials of the environment; `None` where there are none.
pub async fn credentials() -> Option<Credentials> {
    let provider = aws::load().await.credentials_provider()?;
    provider.provide_credentials().await.ok()
}

/// Signs a request.
pub fn signed(
    mut request: Request<Bytes>,
    credentials: &Credentials,
    region: &Region,
    now: Timestamp,
) -> anyhow::Result<Request<Bytes>> {
    let identity = credentials.clone().into();
    let since_1970 = Duration::from_millis(now.as_millis().unsigned_abs());
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region.as_str())
        .name(SERVICE)
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
