//! [`Objects`] on the AWS SDK.
//!
//! Uses `GetObject` (policy: `s3:GetObject`, and `kms:Decrypt` for SSE-KMS). The SDK hands over the
//! bytes as they are stored: it does not act on `Content-Encoding: gzip`. S3 answers 403 instead of
//! 404 for a missing object to callers without `s3:ListBucket`.
//!
//! Source: Amazon S3 API Reference, GetObject.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};

use crate::sdk_error;
use crate::service::{GetError, Objects, ServiceError};

const OPERATION: &str = "s3:GetObject";

/// S3, with the buckets that `client` reaches.
#[derive(Clone, Debug)]
pub struct S3Objects {
    client: Client,
}

impl S3Objects {
    /// Objects read with `client`'s region, endpoint and credentials.
    #[must_use]
    pub fn new(client: Client) -> S3Objects {
        S3Objects { client }
    }
}

impl Objects for S3Objects {
    async fn get(&self, bucket: &str, key: &str, bytes_max: usize) -> Result<Bytes, GetError> {
        let request = self.client.get_object().bucket(bucket).key(key);
        let object = request.send().await.map_err(|error| get_error(&error))?;
        let declared = object.content_length.and_then(|length| usize::try_from(length).ok());
        if declared.is_some_and(|length| length > bytes_max) {
            return Err(GetError::TooBig { bytes_max });
        }
        collect(object.body, bytes_max).await
    }
}

/// The length is counted again: the header may be missing or wrong.
async fn collect(mut body: ByteStream, bytes_max: usize) -> Result<Bytes, GetError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk =
            chunk.map_err(|error| ServiceError::new(OPERATION, sdk_error::chain(&error)))?;
        if bytes.len() + chunk.len() > bytes_max {
            return Err(GetError::TooBig { bytes_max });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

fn get_error(error: &SdkError<GetObjectError>) -> GetError {
    match error.as_service_error() {
        Some(refusal) if refusal.is_no_such_key() => GetError::Missing,
        _ => GetError::Unavailable(sdk_error::service(OPERATION, error)),
    }
}
