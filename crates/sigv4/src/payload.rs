//! What a signature says of the body.
//!
//! The hash of the body is part of every signature, but S3 also takes words in its place, in
//! `x-amz-content-sha256`: that the body is not signed, which a presigned URL means without a word, or
//! that it comes in chunks with signatures of their own.

use crate::error::SignatureError;

/// What the signature says of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Its hash is part of the signature.
    Hashed,
    /// Nothing. S3 only, and [`crate::Signed::streamed`].
    Unsigned,
    /// It comes in chunks, each with its own signature: [`crate::Signed::chunks`]. S3 only, and
    /// [`crate::Signed::streamed`].
    Chunked {
        /// Whether signed headers follow the last chunk.
        has_trailer: bool,
    },
}

pub(crate) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
const CHUNKED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
const CHUNKED_WITH_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";

/// S3 and the services that speak as it does.
pub(crate) fn is_s3(service: &str) -> bool {
    matches!(service, "s3" | "s3express" | "s3-object-lambda" | "s3-outposts")
}

impl Payload {
    /// What the value of `x-amz-content-sha256` means to this service.
    pub(crate) fn read(
        service: &str,
        is_presigned: bool,
        content_sha256: Option<&str>,
    ) -> Result<Payload, SignatureError> {
        match content_sha256 {
            _ if !is_s3(service) => Ok(Payload::Hashed),
            None if is_presigned => Ok(Payload::Unsigned),
            said => Payload::of_word(said),
        }
    }

    /// What the value of `x-amz-content-sha256` means where the words of S3 are taken.
    pub(crate) fn of_word(content_sha256: Option<&str>) -> Result<Payload, SignatureError> {
        match content_sha256 {
            Some(UNSIGNED) => Ok(Payload::Unsigned),
            Some(CHUNKED) => Ok(Payload::Chunked { has_trailer: false }),
            Some(CHUNKED_WITH_TRAILER) => Ok(Payload::Chunked { has_trailer: true }),
            Some(other) if other.starts_with("STREAMING-") => {
                Err(SignatureError::incomplete(format!(
                    "'{other}' is not supported; {CHUNKED}, {CHUNKED_WITH_TRAILER} and {UNSIGNED} are."
                )))
            }
            _ => Ok(Payload::Hashed),
        }
    }
}
