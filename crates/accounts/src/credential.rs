//! A credential: the secret that a call is signed with, and whom it speaks for.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;

use crate::principal::Principal;
use crate::secret::Secret;

/// An access key that may sign calls.
#[derive(Clone, Debug)]
pub struct Credential {
    /// `AKIA…`, or `ASIA…` for a session.
    pub access_key_id: String,
    /// What calls are signed with.
    pub secret: Secret,
    /// Whom it speaks for.
    pub principal: Principal,
    /// What a session asks for beside the signature.
    pub(crate) session: Option<SessionProof>,
}

#[derive(Clone, Debug)]
pub(crate) struct SessionProof {
    pub(crate) expires: Timestamp,
    pub(crate) token_sha256: String,
}

/// Why the token that came with a call is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// The session is over: `ExpiredTokenException`.
    #[error("The security token included in the request is expired")]
    Expired,
    /// The token is missing, another, or stands where none belongs:
    /// `UnrecognizedClientException`.
    #[error("The security token included in the request is invalid.")]
    Invalid,
}

impl Credential {
    /// Checks the session token of a call (`X-Amz-Security-Token`): access keys that stay have
    /// none.
    pub fn check_token(&self, token: Option<&str>, now: Timestamp) -> Result<(), TokenRefused> {
        let (session, token) = match (&self.session, token) {
            (None, None) => return Ok(()),
            (Some(session), Some(token)) => (session, token),
            _ => return Err(TokenRefused::Invalid),
        };
        let hash = token_sha256(token);
        verify_slices_are_equal(hash.as_bytes(), session.token_sha256.as_bytes())
            .map_err(|_| TokenRefused::Invalid)?;
        if now >= session.expires { Err(TokenRefused::Expired) } else { Ok(()) }
    }

    /// Whether it is a session that is over, for a call that lasts.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.session.as_ref().is_some_and(|session| now >= session.expires)
    }
}

/// What is kept of a session token. It has 384 random bits: nobody finds it from its hash.
pub(crate) fn token_sha256(token: &str) -> String {
    STANDARD.encode(digest(&SHA256, token.as_bytes()))
}
