//! S3, through the AWS SDK.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Region, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::EncodingType;
use bytes::BytesMut;
use model::Timestamp;
use outbox::brief;

use super::{Entry, Object, Source, SourceError, Whole};

/// How often a call is tried, the first time included.
const ATTEMPTS: u32 = 5;

/// How often an object is read whose body breaks off, the first time included.
const BODY_TRIES: u32 = 3;
/// What is told of a body that breaks off.
const BROKEN_OFF: &str = "IncompleteBody";

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

    /// Reads an object, again when its body breaks off: the SDK tries only the beginning again.
    pub(super) async fn get(
        &self,
        source: &Source,
        bucket: &str,
        key: &str,
        bytes_max: u64,
    ) -> Result<Object, SourceError> {
        let mut tries = 1;
        loop {
            match self.get_once(source, bucket, key, bytes_max).await {
                Err(error) if error.code == BROKEN_OFF && tries < BODY_TRIES => tries += 1,
                read => return read,
            }
        }
    }

    async fn get_once(
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
            code: BROKEN_OFF.into(),
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
            let asked = asked.delimiter("/").encoding_type(EncodingType::Url);
            let asked = asked.set_continuation_token(token.take());
            let page = match asked.send().await {
                Ok(page) => page,
                Err(error) if self.has_moved(bucket, &error) => continue,
                Err(error) => {
                    return Err(source_error(format!("s3://{bucket}/{prefix}"), &error));
                }
            };
            let decode = decoder(page.encoding_type());
            let found = page.common_prefixes().iter().filter_map(|found| found.prefix());
            names.extend(found.filter_map(|found| {
                let found = decode(found);
                Some(found.strip_prefix(prefix)?.strip_suffix('/')?.to_owned())
            }));
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
        // Plain XML cannot hold every key.
        let asked = asked.encoding_type(EncodingType::Url);
        let asked = match &self.next {
            Next::End => return Ok(None),
            Next::First if self.after.is_empty() => asked,
            Next::First => asked.start_after(&self.after),
            Next::Token(token) => asked.continuation_token(token),
        };
        let place = || format!("s3://{}/{}", self.bucket, self.prefix);
        let page = asked.send().await.map_err(|error| source_error(place(), &error))?;
        let decode = decoder(page.encoding_type());
        let entries = page.contents().iter().filter_map(|object| {
            let modified = object.last_modified().and_then(|at| at.to_millis().ok());
            let modified = modified.map(Timestamp::from_millis);
            Some(Entry { key: decode(object.key()?), modified })
        });
        let entries = entries.collect();
        self.next = match page.next_continuation_token {
            Some(token) if page.is_truncated == Some(true) => Next::Token(token),
            _ => Next::End,
        };
        Ok(Some(entries))
    }
}

/// Reads the keys of a listing: encoded only if the answer says so, as not everybody can.
fn decoder(encoding: Option<&EncodingType>) -> fn(&str) -> String {
    match encoding {
        Some(EncodingType::Url) => decode,
        _ => str::to_owned,
    }
}

/// A key that is percent-encoded as in a query, where a plus is a space. What is no UTF-8 then is no
/// key of S3.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let hex = behind.get(..2).filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let hex = hex.and_then(|hex| str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        rest = behind;
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use aws_sdk_s3::config::Credentials;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers the n-th request with what `answer` gives, and closes the connection.
    async fn source(
        answer: impl Fn(u32, &str) -> String + Send + 'static,
    ) -> (Source, Arc<AtomicU32>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        #[allow(clippy::disallowed_methods)] // ends with the test
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(connection.read_u8().await.unwrap());
                }
                let number = count.fetch_add(1, Ordering::Relaxed);
                let answer = answer(number, &String::from_utf8(request).unwrap());
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let builder = Builder::new()
            .endpoint_url(endpoint)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("a", "b", None, None, "test"));
        (Source::s3(builder, true), asked)
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_read_again() {
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\n";
        let (third, asked) =
            source(move |number, _| head.to_owned() + if number < 2 { "ab" } else { "abcd" }).await;
        let Object::Whole(whole) = third.get("b", "k", 10).await.unwrap() else { panic!() };
        assert_eq!((&whole.bytes[..], asked.load(Ordering::Relaxed)), (&b"abcd"[..], 3));
        let (never, asked) = source(move |_, _| head.to_owned() + "ab").await;
        let error = never.get("b", "k", 10).await.err().unwrap();
        assert_eq!((error.code.as_str(), asked.load(Ordering::Relaxed)), (BROKEN_OFF, 3));
    }

    #[tokio::test]
    async fn a_key_that_xml_cannot_hold_is_listed() {
        let (source, _) = source(|_, request| {
            let is_encoded = request.contains("encoding-type=url");
            let (key, folder) = match is_encoded {
                true => ("a/%01%2B+%C3%A9", "a/%02%25/"),
                false => ("a/\u{1}+ é", "a/\u{2}%/"),
            };
            let encoding = if is_encoded { "<EncodingType>url</EncodingType>" } else { "" };
            let body = format!(
                "<ListBucketResult>{encoding}<Contents><Key>{key}</Key></Contents><CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes></ListBucketResult>"
            );
            let length = body.len();
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        })
        .await;
        let page = source.list("b", "a/", "").next_page().await.unwrap().unwrap();
        let keys: Vec<&str> = page.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["a/\u{1}+ é"]);
        assert_eq!(source.folders("b", "a/").await.unwrap(), ["\u{2}%"]);
    }

    #[test]
    fn what_is_no_encoding_stays_as_it_is() {
        for (encoded, expected) in [
            ("a/b", "a/b"),
            ("%41%2f%", "A/%"),
            ("%4", "%4"),
            ("%zz%+1", "%zz% 1"),
            ("a+b%2B", "a b+"),
        ] {
            assert_eq!(decode(encoded), expected);
        }
    }
}
