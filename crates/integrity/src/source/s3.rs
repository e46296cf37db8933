//! S3, through the AWS SDK.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Region, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use bytes::BytesMut;
use model::Timestamp;
use outbox::brief;

use super::{Entry, Object, Source, SourceError, Whole};

/// How often a call is tried, the first time included.
const ATTEMPTS: u32 = 5;

/// Buckets, each in a Region of its own.
#[derive(Debug)]
pub(super) struct Buckets {
    config: aws_sdk_s3::Config,
    clients: RwLock<HashMap<String, Client>>,
}

impl Buckets {
    pub(super) fn new(builder: Builder, path_style: bool) -> Buckets {
        // What is read is compared with a SHA-256 anyway: no need for another checksum.
        let config = builder
            .behavior_version(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .force_path_style(path_style)
            .build();
        Buckets { config, clients: RwLock::default() }
    }

    fn client(&self, bucket: &str) -> Client {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(bucket) {
            return client.clone();
        }
        drop(clients);
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        let client = Client::from_conf(self.config.clone());
        clients.entry(bucket.to_owned()).or_insert(client).clone()
    }

    /// Whether the answer says that the bucket is in another Region: its client asks there then.
    fn has_moved<E>(&self, bucket: &str, error: &SdkError<E>) -> bool {
        let Some(response) = error.raw_response() else { return false };
        let is_elsewhere = matches!(response.status().as_u16(), 301 | 307 | 400);
        let region = response.headers().get("x-amz-bucket-region").filter(|_| is_elsewhere);
        let Some(region) = region.map(|region| Region::new(region.to_owned())) else {
            return false;
        };
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        let is_known =
            clients.get(bucket).is_some_and(|held| held.config().region() == Some(&region));
        let config = self.config.to_builder().region(region).build();
        clients.insert(bucket.to_owned(), Client::from_conf(config));
        !is_known
    }

    pub(super) async fn get(
        &self,
        source: &Source,
        bucket: &str,
        key: &str,
        bytes_max: u64,
    ) -> Result<Object, SourceError> {
        let place = || format!("s3://{bucket}/{key}");
        let object = loop {
            match self.client(bucket).get_object().bucket(bucket).key(key).send().await {
                Ok(object) => break object,
                Err(error) if error.code() == Some("NoSuchKey") => return Ok(Object::Missing),
                Err(error) if self.has_moved(bucket, &error) => {}
                Err(error) => return Err(source_error(place(), &error)),
            }
        };
        let told = object.content_length().and_then(|length| u64::try_from(length).ok());
        if told.is_some_and(|length| length > bytes_max) {
            return Ok(Object::TooLong);
        }
        let share = source.share(told.unwrap_or(bytes_max)).await;
        let metadata = object.metadata().into_iter().flatten();
        let metadata = metadata.map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        let mut body = object.body;
        let capacity = told.unwrap_or_default().min(bytes_max);
        let mut bytes = BytesMut::with_capacity(usize::try_from(capacity).unwrap_or_default());
        while let Some(chunk) = body.try_next().await.map_err(|error| SourceError {
            place: place(),
            code: "Unreachable".into(),
            message: brief(&error),
        })? {
            if (bytes.len() + chunk.len()) as u64 > bytes_max {
                return Ok(Object::TooLong);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Object::Whole(Whole { bytes: bytes.freeze(), metadata: Some(metadata), _share: share }))
    }

    pub(super) fn list(&self, bucket: &str, prefix: &str, after: &str) -> Pages {
        Pages {
            client: self.client(bucket),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            after: after.to_owned(),
            next: Next::First,
        }
    }

    pub(super) async fn folders(
        &self,
        bucket: &str,
        prefix: &str,
    ) -> Result<Vec<String>, SourceError> {
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let asked = self.client(bucket).list_objects_v2().bucket(bucket).prefix(prefix);
            let asked = asked.delimiter("/").set_continuation_token(token.take());
            let page = match asked.send().await {
                Ok(page) => page,
                Err(error) if self.has_moved(bucket, &error) => continue,
                Err(error) => {
                    return Err(source_error(format!("s3://{bucket}/{prefix}"), &error));
                }
            };
            let found = page.common_prefixes().iter().filter_map(|found| found.prefix());
            let found = found.filter_map(|found| found.strip_prefix(prefix)?.strip_suffix('/'));
            names.extend(found.map(str::to_owned));
            match page.next_continuation_token {
                Some(next) if page.is_truncated == Some(true) => token = Some(next),
                _ => return Ok(names),
            }
        }
    }
}

/// Pages of ListObjectsV2.
pub(super) struct Pages {
    client: Client,
    bucket: String,
    prefix: String,
    after: String,
    next: Next,
}

enum Next {
    First,
    Token(String),
    End,
}

impl Pages {
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Entry>>, SourceError> {
        let asked = self.client.list_objects_v2().bucket(&self.bucket).prefix(&self.prefix);
        let asked = match &self.next {
            Next::End => return Ok(None),
            Next::First if self.after.is_empty() => asked,
            Next::First => asked.start_after(&self.after),
            Next::Token(token) => asked.continuation_token(token),
        };
        let place = || format!("s3://{}/{}", self.bucket, self.prefix);
        let page = asked.send().await.map_err(|error| source_error(place(), &error))?;
        let entries = page.contents().iter().filter_map(|object| {
            let modified = object.last_modified().and_then(|at| at.to_millis().ok());
            let modified = modified.map(Timestamp::from_millis);
            Some(Entry { key: object.key()?.to_owned(), modified })
        });
        let entries = entries.collect();
        self.next = match page.next_continuation_token {
            Some(token) if page.is_truncated == Some(true) => Next::Token(token),
            _ => Next::End,
        };
        Ok(Some(entries))
    }
}

fn source_error<E>(place: String, error: &SdkError<E>) -> SourceError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = match (error.code(), status) {
        (Some(code), _) => code.to_owned(),
        (None, Some(status)) => format!("Http{status}"),
        (None, None) => "Unreachable".to_owned(),
    };
    let message = match error.message() {
        Some(message) => message.to_owned(),
        None => brief(error),
    };
    SourceError { place, code, message }
}
