//! S3, through the AWS SDK.
//!
//! Properties of the objects, as CloudTrail gives them: `Content-Type: application/json`,
//! `Content-Encoding: gzip`, ACL `bucket-owner-full-control`, SSE-S3 or SSE-KMS with CloudTrail's
//! encryption context, a CRC64NVME checksum of the whole object, a digest's signature as user metadata.
//!
//! Create-only is `If-None-Match: *`. Some S3-compatible endpoints answer that they do not know it,
//! others ignore it silently. So before the first object of a bucket a HEAD looks whether its key is
//! taken, and when it is stored it is put a second time: an endpoint that keeps its word refuses.
//! Where it does not, or says that it cannot, a HEAD goes before each PUT from then on; between the
//! two another writer could slip in.
//!
//! An answer of S3 to a PUT, GET or HEAD of an object bears an `ETag`. A 200 without one comes from
//! something else in between (a gateway, a sign-in page), and proves nothing: the object may not be
//! there. So it counts as no answer. A body that is read is checked against the object's checksum, by
//! the SDK: what was cut or garbled on the way must not pass for a foreign object.
//! Source: AWS S3 API Reference, `PutObject`; the CloudTrail User Guide on its log files.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::{ByteStream, ByteStreamError};
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ObjectCannedAcl, ServerSideEncryption};
use base64::Engine;
use bytes::BytesMut;
use model::{BucketName, TrailArn};
use outbox::brief;

use crate::store::{Metadata, Object, ObjectStore, Put, PutOutcome, StoreError};

mod trial;

/// How long one call takes at most, the SDK's own second attempt included.
const CALL_MAX: Duration = Duration::from_secs(55);

/// How a bucket's endpoint keeps two writers from replacing each other's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CreateOnly {
    /// Not known yet.
    Unknown,
    /// It refuses a PUT with `If-None-Match: *` for a taken key.
    Conditional,
    /// It does not: a HEAD must look first.
    LookFirst,
}

#[derive(Clone, Debug)]
struct Bucket {
    client: Client,
    create_only: CreateOnly,
}

/// An [`ObjectStore`] that is S3, or an endpoint that speaks as S3 does. A clone is another
/// handle to the same.
#[derive(Clone, Debug)]
pub struct S3Store {
    config: aws_sdk_s3::Config,
    buckets: Arc<Mutex<HashMap<BucketName, Bucket>>>,
}

impl S3Store {
    /// From settings of the SDK: credentials, Region, endpoint. `path_style` addresses buckets in
    /// the path, for endpoints without a name for each bucket.
    #[must_use]
    pub fn new(builder: Builder, path_style: bool) -> S3Store {
        S3Store::with_timeout(builder, path_style, CALL_MAX)
    }

    /// The same, with another bound on one call: a connection takes at most an eleventh of it, each
    /// of two attempts five.
    #[must_use]
    pub fn with_timeout(builder: Builder, path_style: bool, timeout: Duration) -> S3Store {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(timeout / 11)
            .operation_attempt_timeout(timeout * 5 / 11)
            .operation_timeout(timeout)
            .build();
        let config = builder
            .behavior_version(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard().with_max_attempts(2))
            .timeout_config(timeouts)
            .force_path_style(path_style)
            .build();
        S3Store { config, buckets: Arc::default() }
    }

    fn bucket(&self, name: &BucketName) -> Bucket {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(name.clone()).or_insert_with(|| Bucket {
            client: Client::from_conf(self.config.clone()),
            create_only: CreateOnly::Unknown,
        });
        bucket.clone()
    }

    fn learn(&self, name: &BucketName, create_only: CreateOnly) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) =
            buckets.get_mut(name).filter(|bucket| bucket.create_only != create_only)
        {
            bucket.create_only = create_only;
            if create_only == CreateOnly::LookFirst {
                tracing::warn!(bucket = %name, "the endpoint does not refuse a PUT for a taken key; a HEAD goes before each PUT");
            }
        }
    }

    /// The bucket is in another Region than was asked: its client speaks to that one from now on.
    fn moved(&self, name: &BucketName, region: &str) {
        let config = self.config.to_builder().region(Region::new(region.to_owned())).build();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(name) {
            bucket.client = Client::from_conf(config);
        }
    }

    async fn put_once(&self, put: &Put) -> Result<PutOutcome, PutFailure> {
        let bucket = self.bucket(&put.bucket);
        if bucket.create_only == CreateOnly::LookFirst {
            return look_first(&bucket.client, put).await;
        }
        let is_unknown = bucket.create_only == CreateOnly::Unknown;
        if is_unknown && is_taken(&bucket.client, put).await? == Some(true) {
            return Ok(PutOutcome::Exists);
        }
        let outcome = conditional_put(&bucket.client, put).await;
        match &outcome {
            Ok(PutOutcome::Exists) => self.learn(&put.bucket, CreateOnly::Conditional),
            Ok(PutOutcome::Stored) if bucket.create_only == CreateOnly::Unknown => {
                let again = conditional_put(&bucket.client, put).await;
                match again {
                    Ok(PutOutcome::Exists) => self.learn(&put.bucket, CreateOnly::Conditional),
                    Ok(PutOutcome::Stored) => self.learn(&put.bucket, CreateOnly::LookFirst),
                    Err(_) => {}
                }
            }
            Err(PutFailure::NotImplemented) => self.learn(&put.bucket, CreateOnly::LookFirst),
            _ => {}
        }
        outcome
    }
}

/// Why a PUT failed, as far as another try may differ.
enum PutFailure {
    /// The endpoint does not know `If-None-Match` on a PUT.
    NotImplemented,
    /// The bucket is in this Region.
    Moved(String, StoreError),
    /// Anything else.
    Other(StoreError),
}

impl ObjectStore for S3Store {
    async fn put_new(&self, put: &Put) -> Result<PutOutcome, StoreError> {
        match self.put_once(put).await {
            Ok(outcome) => return Ok(outcome),
            Err(PutFailure::Other(error)) => return Err(error),
            Err(PutFailure::NotImplemented) => {}
            Err(PutFailure::Moved(region, _)) => self.moved(&put.bucket, &region),
        }
        self.put_once(put).await.map_err(|failure| match failure {
            PutFailure::Other(error) | PutFailure::Moved(_, error) => error,
            PutFailure::NotImplemented => StoreError {
                code: "NotImplemented".into(),
                message: "the endpoint takes no PUT of a log file".into(),
            },
        })
    }

    async fn read(
        &self,
        bucket: &BucketName,
        key: &str,
        bytes_max: u64,
    ) -> Result<Object, StoreError> {
        let client = self.bucket(bucket).client;
        let asked = client.get_object().bucket(bucket.as_str()).key(key);
        let object = match asked.checksum_mode(ChecksumMode::Enabled).send().await {
            Ok(object) => object,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(Object::Missing),
            Err(error) => return Err(store_error(&error)),
        };
        check_answer(object.e_tag())?;
        let length = object.content_length().and_then(|length| u64::try_from(length).ok());
        if length.is_some_and(|length| length > bytes_max) {
            return Ok(Object::TooLong);
        }
        let metadata = object.metadata.unwrap_or_default().into_iter().collect();
        collect(object.body, metadata, bytes_max).await.map_err(|error| StoreError {
            code: "Unreachable".into(),
            message: format!("{key}: {}", brief(&error)),
        })
    }
}

/// A body to its end, where the SDK compares its checksum. An answer need not tell its length.
async fn collect(
    mut body: ByteStream,
    metadata: Metadata,
    bytes_max: u64,
) -> Result<Object, ByteStreamError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.try_next().await? {
        if (bytes.len() + chunk.len()) as u64 > bytes_max {
            return Ok(Object::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Object::Whole(bytes.freeze(), metadata))
}

fn request(client: &Client, put: &Put) -> PutObjectFluentBuilder {
    let request = client
        .put_object()
        .bucket(put.bucket.as_str())
        .key(&put.key)
        .body(ByteStream::from(put.body.clone()))
        .content_type("application/json")
        .content_encoding("gzip")
        .acl(ObjectCannedAcl::BucketOwnerFullControl)
        .set_metadata(metadata(put))
        .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
    match &put.kms_key {
        None => request.server_side_encryption(ServerSideEncryption::Aes256),
        Some(key) => request
            .server_side_encryption(ServerSideEncryption::AwsKms)
            .ssekms_key_id(key)
            .ssekms_encryption_context(encryption_context(&put.bucket, &put.key, &put.trail)),
    }
}

/// The user metadata, of an object that has some.
fn metadata(put: &Put) -> Option<HashMap<String, String>> {
    let entries = || put.metadata.iter().map(|(name, value)| (name.clone(), value.clone()));
    (!put.metadata.is_empty()).then(|| entries().collect())
}

/// Base64 of the JSON of `aws:cloudtrail:arn` and `aws:s3:arn`.
fn encryption_context(bucket: &BucketName, key: &str, trail: &TrailArn) -> String {
    let partition = model::ids::partition_of(&trail.home_region);
    let context = serde_json::json!({
        "aws:cloudtrail:arn": trail.to_string(),
        "aws:s3:arn": format!("arn:{partition}:s3:::{bucket}/{key}"),
    });
    base64::engine::general_purpose::STANDARD.encode(context.to_string())
}

async fn conditional_put(client: &Client, put: &Put) -> Result<PutOutcome, PutFailure> {
    put_outcome(request(client, put).if_none_match("*").send().await)
}

async fn look_first(client: &Client, put: &Put) -> Result<PutOutcome, PutFailure> {
    match is_taken(client, put).await? {
        Some(true) => return Ok(PutOutcome::Exists),
        Some(false) => {}
        None => {
            let message = "whether the key is taken may not be known; HEAD takes s3:GetObject and s3:ListBucket";
            return Err(PutFailure::Other(StoreError {
                code: "AccessDenied".into(),
                message: message.into(),
            }));
        }
    }
    put_outcome(request(client, put).send().await)
}

fn put_outcome(
    answer: Result<PutObjectOutput, SdkError<PutObjectError>>,
) -> Result<PutOutcome, PutFailure> {
    match answer {
        Ok(answer) => {
            check_answer(answer.e_tag()).map_err(PutFailure::Other)?;
            Ok(PutOutcome::Stored)
        }
        Err(error) => put_failure(&error),
    }
}

/// Whether a success is S3's own.
fn check_answer(e_tag: Option<&str>) -> Result<(), StoreError> {
    match e_tag {
        Some(_) => Ok(()),
        None => Err(StoreError {
            code: "InvalidResponse".into(),
            message: "the answer has no ETag, as S3's answers have".into(),
        }),
    }
}

/// Whether an object has the key; `None` where that may not be known (S3 answers 403 for a missing
/// key to those who must not list). What is wrong with the bucket, the PUT will tell.
async fn is_taken(client: &Client, put: &Put) -> Result<Option<bool>, PutFailure> {
    let head = client.head_object().bucket(put.bucket.as_str()).key(&put.key).send().await;
    match head {
        Ok(answer) => {
            check_answer(answer.e_tag()).map_err(PutFailure::Other)?;
            Ok(Some(true))
        }
        Err(error) => match error.raw_response().map(|response| response.status().as_u16()) {
            Some(301 | 307 | 400 | 404) => Ok(Some(false)),
            Some(403) => Ok(None),
            _ => Err(PutFailure::Other(store_error(&error))),
        },
    }
}

fn put_failure(error: &SdkError<PutObjectError>) -> Result<PutOutcome, PutFailure> {
    match (error.code(), error.raw_response().map(|response| response.status().as_u16())) {
        (Some("PreconditionFailed"), _) | (_, Some(412)) => Ok(PutOutcome::Exists),
        (Some("NotImplemented"), _) | (_, Some(501)) => Err(PutFailure::NotImplemented),
        _ => Err(match region_elsewhere(error) {
            Some(region) => PutFailure::Moved(region, store_error(error)),
            None => PutFailure::Other(store_error(error)),
        }),
    }
}

/// The Region where the bucket is, when the answer says that it was asked for in another.
fn region_elsewhere<E>(error: &SdkError<E>) -> Option<String> {
    let response = error.raw_response()?;
    let is_elsewhere = matches!(response.status().as_u16(), 301 | 307 | 400);
    let region = response.headers().get("x-amz-bucket-region").filter(|_| is_elsewhere);
    region.map(str::to_owned)
}

fn store_error<E>(error: &SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = match (error, error.code(), status) {
        (SdkError::TimeoutError(_), ..) => "Timeout".to_owned(),
        (_, Some(code), _) => code.to_owned(),
        (_, None, Some(status)) => format!("Http{status}"),
        (_, None, None) => "Unreachable".to_owned(),
    };
    let message = match (error.message(), status) {
        (Some(message), _) => message.to_owned(),
        // An answer to a HEAD has no body that would say why.
        (None, Some(status)) => format!("the endpoint answered {status} and said nothing more"),
        (None, None) => brief(error),
    };
    StoreError { code, message }
}
