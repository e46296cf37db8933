//! A signed request: who says to have sent it, and the proof of it.

use std::borrow::Cow;

use http::{HeaderMap, header};
use sha2::{Digest, Sha256};

use crate::authorization::{self, header};
use crate::canonical::{self, PathRule};
use crate::chunks::Chunks;
use crate::credential::Credential;
use crate::encoding::{Hash, from_hex, to_hex};
use crate::error::SignatureError;
use crate::key::SigningKey;
use crate::payload::{Payload, UNSIGNED, is_s3};
use crate::presigned;
use crate::time::{Moment, SKEW_SECONDS};

/// What is signed of an HTTP request, besides its body.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// The path as it was received, still encoded.
    pub path: &'a str,
    /// The query as it was received, without its `?`; empty when there is none.
    pub query: &'a str,
    /// All headers, `host` among them.
    pub headers: &'a HeaderMap,
}

/// What a signature says, in the header or in the query, before anything is believed of it.
pub(crate) struct Claims<'a> {
    pub credential: Cow<'a, str>,
    pub signed_headers: Cow<'a, str>,
    pub signature: Cow<'a, str>,
    pub date: Cow<'a, str>,
    /// Seconds for which a presigned URL holds.
    pub expires: Option<i64>,
    pub token: Option<Cow<'a, str>>,
    pub content_sha256: Option<Cow<'a, str>>,
}

/// A request that says who sent it. Nothing of it is to be believed before [`Signed::verify`].
pub struct Signed<'a> {
    request: Request<'a>,
    credential: Credential<'a>,
    moment: Moment,
    signed_headers: Cow<'a, str>,
    signature: Hash,
    token: Option<Cow<'a, str>>,
    payload: Payload,
    content_sha256: Option<Cow<'a, str>>,
}

impl<'a> Signed<'a> {
    /// Reads what a request says of its signer, in the header or in the query, and checks all that
    /// needs no secret: form, scope, and that its moment is not too far from `now` (seconds since
    /// 1970-01-01T00:00:00Z).
    ///
    /// # Errors
    /// Any but [`SignatureError::UnknownKey`] and [`SignatureError::ExpiredToken`].
    pub fn read(request: Request<'a>, now: i64) -> Result<Signed<'a>, SignatureError> {
        let authorization = header(request.headers, header::AUTHORIZATION.as_str())?;
        let claims = match (presigned::read(request.headers, request.query)?, authorization) {
            (None, None) => return Err(SignatureError::MissingToken),
            (None, Some(authorization)) => authorization::read(request.headers, authorization)?,
            (Some(claims), None) => claims,
            (Some(_), Some(_)) => {
                return Err(SignatureError::incomplete(
                    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or \
                     the Authorization header should be specified.",
                ));
            }
        };
        let moment = Moment::read(&claims.date)?;
        check_moment(moment, claims.expires, now)?;
        if !claims.signed_headers.split(';').any(|name| name == "host") {
            return Err(SignatureError::invalid(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            ));
        }
        let credential = Credential::read(claims.credential)?;
        if credential.date() != moment.date() {
            return Err(SignatureError::invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{}' != '{}', from '{}'.",
                credential.date(),
                moment.date(),
                claims.date
            )));
        }
        let is_presigned = claims.expires.is_some();
        let said = claims.content_sha256.as_deref();
        let payload = Payload::read(credential.service(), is_presigned, said)?;
        Ok(Signed {
            request,
            credential,
            moment,
            signed_headers: claims.signed_headers,
            signature: from_hex(claims.signature.as_bytes()).ok_or(SignatureError::Mismatch)?,
            token: claims.token,
            payload,
            content_sha256: claims.content_sha256,
        })
    }

    /// The same of a route that takes bodies in a stream, whatever its service: unsigned or in chunks,
    /// if `x-amz-content-sha256` says so.
    ///
    /// # Errors
    /// [`SignatureError::Incomplete`] for a kind of chunks that is not known.
    pub fn streamed(mut self) -> Result<Signed<'a>, SignatureError> {
        self.payload = Payload::of_word(self.content_sha256.as_deref())?;
        Ok(self)
    }

    /// The access key whose secret is said to have signed.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        self.credential.access_key_id()
    }

    /// What the key signed for: `20150830/us-east-1/iam/aws4_request`.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.credential.scope()
    }

    /// The day of the scope, `20150830`, which is that of the moment.
    #[must_use]
    pub fn date(&self) -> &str {
        self.credential.date()
    }

    /// The Region of the scope, as it was sent.
    #[must_use]
    pub fn region(&self) -> &str {
        self.credential.region()
    }

    /// The service of the scope, as it was sent.
    #[must_use]
    pub fn service(&self) -> &str {
        self.credential.service()
    }

    /// When it was signed, in seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn signed_at(&self) -> i64 {
        self.moment.seconds
    }

    /// The session token. It need not be signed: compare it with the one that was issued.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Whether the signature covers a header, named in small letters.
    #[must_use]
    pub fn signs(&self, header: &str) -> bool {
        self.signed_headers.split(';').any(|name| name == header)
    }

    /// What the signature says of the body.
    #[must_use]
    pub fn payload(&self) -> Payload {
        self.payload
    }

    /// Checks that the scope is of one of these services.
    ///
    /// # Errors
    /// [`SignatureError::Invalid`], with the first of them as the one that it should be.
    pub fn check_service(&self, services: &[&str]) -> Result<(), SignatureError> {
        if services.contains(&self.service()) {
            return Ok(());
        }
        let expected = services.first().copied().unwrap_or_default();
        Err(SignatureError::invalid(format!(
            "Credential should be scoped to correct service: '{expected}'."
        )))
    }

    /// Checks that the signature is the one that this key makes of the request and its body.
    ///
    /// `body_sha256` counts when [`Signed::payload`] is [`Payload::Hashed`].
    ///
    /// # Errors
    /// [`SignatureError::Mismatch`] when the secret is another one or something signed was changed;
    /// [`SignatureError::Invalid`] when the body is not the one that `x-amz-content-sha256` is of;
    /// [`SignatureError::Incomplete`] when a signed header is not there.
    pub fn verify(&self, key: &SigningKey, body_sha256: &[u8; 32]) -> Result<(), SignatureError> {
        let digest = to_hex(body_sha256);
        let payload = match (self.payload, &self.content_sha256) {
            (Payload::Hashed, None) => &digest,
            (Payload::Hashed, Some(said)) if said.as_bytes() == digest => &digest[..],
            (Payload::Hashed, Some(_)) => {
                return Err(SignatureError::invalid(
                    "The provided 'x-amz-content-sha256' header does not match what was computed.",
                ));
            }
            (_, Some(said)) => said.as_bytes(),
            (_, None) => UNSIGNED.as_bytes(),
        };
        let rule = if is_s3(self.service()) { PathRule::AsSent } else { PathRule::Normalised };
        let canonical = canonical::request(&self.request, rule, &self.signed_headers, payload)?;
        let hash = to_hex(&Sha256::digest(canonical).into());
        let parts = [
            authorization::ALGORITHM.as_bytes(),
            b"\n",
            self.moment.as_str().as_bytes(),
            b"\n",
            self.scope().as_bytes(),
            b"\n",
            &hash,
        ];
        if key.verifies(&parts, &self.signature) { Ok(()) } else { Err(SignatureError::Mismatch) }
    }

    /// What takes the chunks of the body, when [`Signed::payload`] is [`Payload::Chunked`]. To be used
    /// once the request is verified.
    ///
    /// # Errors
    /// [`SignatureError::Incomplete`] without a number in `x-amz-decoded-content-length`.
    pub fn chunks(&self, key: &SigningKey) -> Result<Option<Chunks>, SignatureError> {
        let Payload::Chunked { has_trailer } = self.payload else { return Ok(None) };
        let length = header(self.request.headers, "x-amz-decoded-content-length")?;
        let length = length.and_then(|text| text.parse().ok()).ok_or_else(|| {
            SignatureError::incomplete("'x-amz-decoded-content-length' must say the body's length.")
        })?;
        let place = format!("{}\n{}\n", self.moment.as_str(), self.scope());
        Ok(Some(Chunks::new(key.clone(), place, &self.signature, length, has_trailer)))
    }
}

fn check_moment(moment: Moment, expires: Option<i64>, now: i64) -> Result<(), SignatureError> {
    let earliest = now.saturating_sub(expires.unwrap_or(SKEW_SECONDS));
    let latest = now.saturating_add(SKEW_SECONDS);
    if (earliest..=latest).contains(&moment.seconds) {
        return Ok(());
    }
    let (signed, now) = (moment.as_str(), Moment::at(now));
    let now = now.as_str();
    Err(SignatureError::invalid(if moment.seconds > latest {
        let latest = Moment::at(latest);
        let latest = latest.as_str();
        format!(
            "Signature not yet current: {signed} is still later than {latest} ({now} + 15 min.)"
        )
    } else {
        let age_max = expires.map_or("15 min.".to_owned(), |seconds| format!("{seconds} s."));
        let earliest = Moment::at(earliest);
        let earliest = earliest.as_str();
        format!("Signature expired: {signed} is now earlier than {earliest} ({now} - {age_max})")
    }))
}
