//! Signatures on the calls that Cairn's own commands make, by the credentials that every AWS SDK
//! would find: environment, profile, instance or web identity.
//!
//! Credentials are kept until shortly before they expire, and then asked for again: those of roles
//! and of SSO end after an hour or so, imports and tails do not. The SDK's providers keep none
//! themselves; its clients do. Of those that do not say when they expire, as a session's in
//! `~/.aws/credentials`, nothing can be known before a call is refused; they are not renewed.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use hyper::{Request, header};
use model::{AccountId, Region, Timestamp};
use tokio::sync::Mutex;

use crate::aws;

/// The service that audit events are signed for.
pub const EVENTS: &str = "cloudtrail-data";
/// The service that calls of CloudTrail's own API are signed for.
pub const API: &str = "cloudtrail";

/// Credentials that expire so soon are renewed: as the SDK's clients do. A longer time would have
/// those that live no longer asked for before each call.
const MARGIN: Duration = Duration::from_secs(10);

/// Signs the calls of a command.
pub struct Signer {
    /// The command, which a call without a signature names instead of a key.
    command: &'static str,
    service: &'static str,
    region: Region,
    account: Option<AccountId>,
    credentials: Option<Renewed>,
}

/// Credentials, and where the next ones come from.
struct Renewed {
    provider: SharedCredentialsProvider,
    held: Mutex<Credentials>,
}

impl Signer {
    /// A signer with the credentials of the environment, if there are any; with none for a call as an
    /// account, which a daemon with `auth = "localstack"` takes without a signature. Without a Region it is
    /// the environment's.
    pub async fn new(
        command: &'static str,
        service: &'static str,
        region: Option<&Region>,
        account: Option<&AccountId>,
    ) -> anyhow::Result<Signer> {
        let region = match region {
            Some(region) => region.clone(),
            None => parsed(&aws::region().await)?,
        };
        let provider = match account {
            Some(_) => None,
            None => aws::load().await.credentials_provider(),
        };
        let credentials = match provider {
            Some(provider) => Renewed::new(provider).await,
            None => None,
        };
        Ok(Signer { command, service, region, account: account.cloned(), credentials })
    }

    /// The request, signed if there is something to sign with.
    pub async fn sign(
        &self,
        mut request: Request<Bytes>,
        now: Timestamp,
    ) -> anyhow::Result<Request<Bytes>> {
        if let Some(credentials) = &self.credentials {
            let credentials = credentials.get(now).await.context(
                "the AWS credentials expired, and there are no new ones: log in again, as with `aws sso login`",
            )?;
            return signed(request, credentials, self.service, &self.region, now);
        }
        let Signer { command, service, region, account, .. } = self;
        let name = account.as_ref().map_or(*command, AccountId::as_str);
        let scope =
            format!("AWS4-HMAC-SHA256 Credential={name}/00000000/{region}/{service}/aws4_request");
        request.headers_mut().insert(header::AUTHORIZATION, scope.parse()?);
        Ok(request)
    }

    /// What a caller can do whose signature, or lack of one, was refused.
    pub async fn advice(&self) -> String {
        match &self.credentials {
            None => "no AWS credentials were found, so that nothing was signed: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, to a key of `cairn account create-key`".into(),
            Some(found) => format!("signed with access key {}; `cairn account show` lists the daemon's", found.held.lock().await.access_key_id()),
        }
    }
}

/// CloudTrail's word for a Region of the SDK.
fn parsed(region: &aws_config::Region) -> anyhow::Result<Region> {
    let region = region.as_ref();
    region.parse().with_context(|| format!("the Region {region:?} of AWS_REGION or of the profile"))
}

impl Renewed {
    /// `None` where there are no credentials.
    async fn new(provider: SharedCredentialsProvider) -> Option<Renewed> {
        let held = provider.provide_credentials().await.ok()?;
        Some(Renewed { provider, held: Mutex::new(held) })
    }

    /// Those that hold now, as far as they say until when.
    async fn get(&self, now: Timestamp) -> Result<Credentials, CredentialsError> {
        let now = system_time(now);
        let mut held = self.held.lock().await;
        let left = held.expiry().map(|end| end.duration_since(now).unwrap_or_default());
        if left.is_some_and(|left| left <= MARGIN) {
            match self.provider.provide_credentials().await {
                Ok(renewed) => *held = renewed,
                Err(error) if left == Some(Duration::ZERO) => return Err(error),
                // They still hold; the next call tries again.
                Err(_) => {}
            }
        }
        Ok(held.clone())
    }
}

fn system_time(moment: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(moment.as_millis().unsigned_abs())
}

fn signed(
    mut request: Request<Bytes>,
    credentials: Credentials,
    service: &str,
    region: &Region,
    now: Timestamp,
) -> anyhow::Result<Request<Bytes>> {
    let identity = credentials.into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region.as_str())
        .name(service)
        .time(system_time(now))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use aws_credential_types::provider::future;

    use super::*;

    const HOUR: u64 = 3600;

    /// Gives keys 0, 1, 2, … that end an hour after each other, and none from `last` on.
    #[derive(Debug)]
    struct Sessions {
        given: Arc<AtomicU64>,
        last: u64,
        expire: bool,
    }

    impl ProvideCredentials for Sessions {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let number = self.given.fetch_add(1, Ordering::Relaxed);
            if number >= self.last {
                let error = CredentialsError::provider_error("nobody is logged in");
                return future::ProvideCredentials::ready(Err(error));
            }
            let end = SystemTime::UNIX_EPOCH + Duration::from_secs((number + 1) * HOUR);
            let end = self.expire.then_some(end);
            let key = Credentials::new(format!("KEY{number}"), "secret", None, end, "test");
            future::ProvideCredentials::ready(Ok(key))
        }
    }

    async fn signer(last: u64, expire: bool) -> (Signer, Arc<AtomicU64>) {
        let given = Arc::new(AtomicU64::new(0));
        let sessions = Sessions { given: Arc::clone(&given), last, expire };
        let credentials = Renewed::new(SharedCredentialsProvider::new(sessions)).await;
        let region = "eu-west-1".parse().unwrap();
        (Signer { command: "c", service: API, region, account: None, credentials }, given)
    }

    /// The key that signs at this second, or why none does.
    async fn key(signer: &Signer, second: u64) -> String {
        let now = Timestamp::from_millis(i64::try_from(second * 1000).unwrap());
        let request = Request::get("http://127.0.0.1/").body(Bytes::new()).unwrap();
        match signer.sign(request, now).await {
            Err(error) => format!("{error:#}"),
            Ok(signed) => {
                let scope = signed.headers()[header::AUTHORIZATION].to_str().unwrap();
                let scope = scope.split_once("Credential=").unwrap().1;
                scope.split('/').next().unwrap().to_owned()
            }
        }
    }

    #[tokio::test]
    async fn credentials_are_kept_and_renewed_before_they_expire() {
        let (signer, given) = signer(9, true).await;
        for (second, expected) in
            [(0, "KEY0"), (HOUR - 11, "KEY0"), (HOUR - 10, "KEY1"), (HOUR + 1, "KEY1")]
        {
            assert_eq!(key(&signer, second).await, expected, "{second}");
        }
        assert_eq!(given.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn credentials_that_can_not_be_renewed_are_used_to_their_end() {
        let (signer, _) = signer(1, true).await;
        assert_eq!(key(&signer, HOUR - 1).await, "KEY0");
        let why = key(&signer, HOUR).await;
        assert!(why.starts_with("the AWS credentials expired"), "{why}");
        assert!(signer.advice().await.starts_with("signed with access key KEY0"));
    }

    #[tokio::test]
    async fn those_without_an_end_are_asked_for_once_and_none_are_no_signature() {
        let (keeper, given) = signer(9, false).await;
        assert_eq!(key(&keeper, 0).await, "KEY0");
        assert_eq!(key(&keeper, 99 * HOUR).await, "KEY0");
        assert_eq!(given.load(Ordering::Relaxed), 1);
        let (without, given) = signer(0, false).await;
        assert_eq!(key(&without, 0).await, "c");
        assert_eq!(given.load(Ordering::Relaxed), 1);
        let account: AccountId = "111122223333".parse().unwrap();
        let without = Signer { account: Some(account), ..without };
        assert_eq!(key(&without, 0).await, "111122223333");
    }
}
