//! Why a request is not taken for what it says it is: the exception that AWS answers, and its text.
//!
//! Texts are those of AWS's JSON services where they are known. They repeat what the client sent of
//! its own (dates, scopes, names), never what it should have sent: no signature that would have been
//! right, no secret, no canonical request.

use std::borrow::Cow;

use thiserror::Error;

/// A request whose caller is not proven.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// Nothing says who calls.
    #[error("Missing Authentication Token")]
    MissingToken,
    /// A part of the signature is missing, or cannot be read.
    #[error("{0}")]
    Incomplete(Cow<'static, str>),
    /// The signature is not for this day, moment, Region or service.
    #[error("{0}")]
    Invalid(Cow<'static, str>),
    /// The signature is another one than the secret and the request give.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your \
         AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
    /// There is no such access key, or its session token is another one. Made by who knows the keys.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The session that the token stands for has ended. Made by who knows the keys.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
}

impl SignatureError {
    /// The name of the exception, as AWS's JSON services give it in `__type`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            SignatureError::MissingToken => "MissingAuthenticationTokenException",
            SignatureError::Incomplete(_) => "IncompleteSignatureException",
            SignatureError::Invalid(_) | SignatureError::Mismatch => "InvalidSignatureException",
            SignatureError::UnknownKey => "UnrecognizedClientException",
            SignatureError::ExpiredToken => "ExpiredTokenException",
        }
    }

    pub(crate) fn incomplete(text: impl Into<Cow<'static, str>>) -> SignatureError {
        SignatureError::Incomplete(text.into())
    }

    pub(crate) fn invalid(text: impl Into<Cow<'static, str>>) -> SignatureError {
        SignatureError::Invalid(text.into())
    }
}
