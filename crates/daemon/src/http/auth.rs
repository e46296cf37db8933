//! Who calls: what a request says of it, and the proof.
//!
//! ```text
//! head ─ Auth::claim ─► Claim ─ its account, and how the body is signed
//!                         └─ prove(hash of the body) ─► Caller, or a SignatureError
//! ```
//!
//! In the mode `sigv4` a claim is Signature Version 4, in the header or in the query, by an access
//! key of [`accounts`]. Nothing is believed of it before it is proven: until then its body is held in
//! a room of its own ([`super::whole`]), and nothing of it is used. The key is looked up once more when
//! the body has come: a key that was deleted meanwhile is unknown. In the mode `localstack` every
//! claim is believed ([`super::caller`]).
//!
//! What a signature must be scoped to stands with each route. Source of the exceptions and their
//! texts: AWS, "Common Error Types".

use std::sync::Arc;

use accounts::{Accounts, TokenRefused};
use api::Caller;
use axum::http::request::Parts;
use model::{AccountId, Timestamp};
use sigv4::{Chunks, Payload, SignatureError, Signed, SigningKey};
use tokio::sync::watch;

use super::caller;

/// How callers prove who they are.
pub enum Auth {
    /// They are believed.
    Localstack,
    /// By the signatures of these accounts, which may change.
    Sigv4(watch::Receiver<Arc<Accounts>>),
}

/// What a request says of its caller. Not to be believed before [`Claim::prove`].
pub(super) struct Claim<'a> {
    account: AccountId,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Believed(Box<Caller>),
    Signed(Box<Signed<'a>>, &'a watch::Receiver<Arc<Accounts>>),
}

/// A caller who is known.
pub(super) struct Proven {
    pub(super) caller: Caller,
    /// What takes the body, if it comes in signed chunks.
    pub(super) chunks: Option<Chunks>,
}

/// Where a signature holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    /// The services that it may be scoped to, the first of them the one to be named.
    pub(super) services: &'static [&'static str],
    /// Whether bodies may come without a signature or in chunks, as they may to S3.
    pub(super) takes_streams: bool,
}

impl Auth {
    /// Whether callers are believed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Auth::Localstack)
    }

    /// A caller who was proven some time ago, as it is now: with the policies that it has by now.
    /// `None` when its access key is gone, or its session over.
    pub(super) fn again(&self, caller: &Caller, now: Timestamp) -> Option<Caller> {
        let Auth::Sigv4(accounts) = self else { return Some(caller.clone()) };
        let known = Arc::clone(&accounts.borrow());
        let credential = known.find(&caller.access_key).filter(|found| !found.is_over(now))?;
        let (region, access_key) = (caller.region.clone(), caller.access_key.clone());
        Some(Caller::new(credential.principal.clone(), region, access_key))
            .filter(|again| again.account == caller.account)
    }

    /// What a request says of its caller, as far as that makes sense.
    pub(super) fn claim<'a>(
        &'a self,
        head: &'a Parts,
        scope: Scope,
        now: Timestamp,
    ) -> Result<Claim<'a>, SignatureError> {
        let accounts = match self {
            Auth::Localstack => {
                let caller = caller::believed(head);
                let account = caller.account.clone();
                return Ok(Claim { account, kind: Kind::Believed(Box::new(caller)) });
            }
            Auth::Sigv4(accounts) => accounts,
        };
        let request = sigv4::Request {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
        };
        let mut signed = Signed::read(request, seconds(now))?;
        if scope.takes_streams {
            signed = signed.streamed()?;
        }
        signed.check_service(scope.services)?;
        let known = Arc::clone(&accounts.borrow());
        let credential = known.find(signed.access_key_id()).ok_or(SignatureError::UnknownKey)?;
        let account = credential.principal.account.clone();
        Ok(Claim { account, kind: Kind::Signed(Box::new(signed), accounts) })
    }
}

impl Claim<'_> {
    /// The account that it is of, it says.
    pub(super) fn account(&self) -> &AccountId {
        &self.account
    }

    /// Whether it is taken as it is.
    pub(super) fn is_believed(&self) -> bool {
        matches!(self.kind, Kind::Believed(_))
    }

    /// Whether it covers a header; one that is believed covers all.
    pub(super) fn signs(&self, header: &str) -> bool {
        match &self.kind {
            Kind::Believed(_) => true,
            Kind::Signed(signed, _) => signed.signs(header),
        }
    }

    /// Whether it is about the body as a whole, so that nothing of that can be used before it is here.
    pub(super) fn is_about_the_whole_body(&self) -> bool {
        matches!(&self.kind, Kind::Signed(signed, _) if signed.payload() == Payload::Hashed)
    }

    /// The caller, if the signature is right; of a body that is signed as a whole, with its hash.
    pub(super) fn prove(
        self,
        body_sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<Proven, SignatureError> {
        let (signed, accounts) = match self.kind {
            Kind::Believed(caller) => return Ok(Proven { caller: *caller, chunks: None }),
            Kind::Signed(signed, accounts) => (signed, accounts),
        };
        let known = Arc::clone(&accounts.borrow());
        let credential = known.find(signed.access_key_id()).ok_or(SignatureError::UnknownKey)?;
        credential.check_token(signed.session_token(), now).map_err(|refused| match refused {
            TokenRefused::Expired => SignatureError::ExpiredToken,
            TokenRefused::Invalid => SignatureError::UnknownKey,
        })?;
        let key = SigningKey::derive(credential.secret.expose(), signed.scope());
        signed.verify(&key, body_sha256)?;
        let region = signed.region().parse().map_err(|_| {
            let message = "Credential should be scoped to a valid Region.";
            SignatureError::Invalid(message.into())
        })?;
        let access_key = signed.access_key_id().to_owned();
        let caller = Caller::new(credential.principal.clone(), region, access_key);
        Ok(Proven { caller, chunks: signed.chunks(&key)? })
    }
}

fn seconds(now: Timestamp) -> i64 {
    now.as_millis().div_euclid(1000)
}
