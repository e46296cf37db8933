//! LocalStack: where it is, and buckets, topics and queues that no other test has.

use std::io::Write;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Credentials;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, QueueAttributeName};

use super::http::Http;
use super::wait::eventually;

const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4566";
/// Characters of a name that no other test, and no other run, has.
const TAG_CHARACTERS: usize = 10;

/// Direct access to it.
pub struct LocalStack {
    pub s3: aws_sdk_s3::Client,
    pub sqs: aws_sdk_sqs::Client,
    tag: String,
}

/// A queue.
pub struct Queue {
    pub name: String,
    pub url: String,
    sqs: aws_sdk_sqs::Client,
}

/// Where LocalStack is.
pub fn endpoint() -> String {
    let named = std::env::var("AWS_ENDPOINT_URL").ok().filter(|named| !named.is_empty());
    named.unwrap_or_else(|| DEFAULT_ENDPOINT.into())
}

/// All that a process is told of its environment.
pub fn environment(endpoint: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".into()),
        ("AWS_SECRET_ACCESS_KEY", "test".into()),
        ("AWS_REGION", "us-east-1".into()),
        ("AWS_CONFIG_FILE", "/dev/null".into()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".into()),
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
    ]
}

/// SDK settings for an endpoint, with a key that LocalStack and Cairn take for an account.
pub async fn sdk(endpoint: &str, key: &str, region: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new(key, "test", None, None, "tests"))
        .load()
        .await
}

impl LocalStack {
    /// `None` when tests that need it were asked to be left out. Fails when it does not answer.
    pub async fn find() -> Option<LocalStack> {
        if std::env::var("CAIRN_SKIP_LOCALSTACK").is_ok_and(|value| value == "1") {
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            let _ = writeln!(
                std::io::stderr(),
                "{test} was SKIPPED: it needs LocalStack, and CAIRN_SKIP_LOCALSTACK=1"
            );
            return None;
        }
        let endpoint = endpoint();
        let answer = Http::new().get(&format!("{endpoint}/_localstack/health")).await;
        let answers = answer.as_ref().is_ok_and(|answer| answer.status == 200);
        assert!(
            answers,
            "no LocalStack answers at {endpoint} ({answer:?}): start one with `localstack/localstack \
             start`, or set CAIRN_SKIP_LOCALSTACK=1 to leave out the tests that need it"
        );
        let config = sdk(&endpoint, "test", "us-east-1").await;
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        Some(LocalStack {
            s3: aws_sdk_s3::Client::from_conf(s3),
            sqs: aws_sdk_sqs::Client::new(&config),
            tag: tag(),
        })
    }

    /// A name that nobody else has.
    pub fn name(&self, what: &str) -> String {
        format!("{what}-{}", self.tag)
    }

    pub async fn bucket(&self, what: &str) -> String {
        let name = self.name(what);
        self.s3.create_bucket().bucket(&name).send().await.unwrap();
        name
    }

    /// The ARN of a topic that a configuration may make.
    pub fn topic(&self, what: &str) -> String {
        format!("arn:aws:sns:us-east-1:000000000000:{}", self.name(what))
    }

    /// A new queue.
    pub async fn queue(&self, what: &str) -> Queue {
        let name = self.name(what);
        let made = self.sqs.create_queue().queue_name(&name).send().await.unwrap();
        Queue { name, url: made.queue_url.unwrap(), sqs: self.sqs.clone() }
    }

    /// A queue that the daemon's fan-out makes.
    pub async fn queue_of_fan_out(&self, what: &str) -> Queue {
        let name = self.name(what);
        let url = eventually("the fan-out makes the queue", async || {
            self.sqs.get_queue_url().queue_name(&name).send().await.ok()?.queue_url
        })
        .await;
        Queue { name, url, sqs: self.sqs.clone() }
    }
}

impl Queue {
    pub async fn send(&self, body: &str) {
        self.sqs.send_message().queue_url(&self.url).message_body(body).send().await.unwrap();
    }

    /// Takes the messages that are there now, at most ten.
    pub async fn take(&self) -> Vec<String> {
        let taken = self.sqs.receive_message().queue_url(&self.url).max_number_of_messages(10);
        let taken = taken.message_attribute_names("All").send().await.unwrap();
        let (mut bodies, mut read) = (Vec::new(), Vec::new());
        for message in taken.messages() {
            assert_eq!(message.message_attributes(), None, "CloudTrail's messages have none");
            let entry = DeleteMessageBatchRequestEntry::builder()
                .id(bodies.len().to_string())
                .receipt_handle(message.receipt_handle().unwrap());
            read.push(entry.build().unwrap());
            bodies.push(message.body().unwrap().to_owned());
        }
        if !read.is_empty() {
            let delete = self.sqs.delete_message_batch().queue_url(&self.url);
            let deleted = delete.set_entries(Some(read)).send().await.unwrap();
            assert!(deleted.failed().is_empty(), "{deleted:?}");
        }
        bodies
    }

    /// Takes messages until so many have come.
    pub async fn take_all(&self, count: usize) -> Vec<String> {
        let mut bodies = Vec::new();
        eventually(&format!("{count} messages in {}", self.name), async || {
            bodies.extend(self.take().await);
            (bodies.len() >= count).then_some(())
        })
        .await;
        bodies
    }

    /// Receives all that is there without deleting it, so many times over; it stays visible.
    pub async fn receive_in_vain(&self, times: usize) {
        let (visible, _) = self.counts().await;
        for _ in 0..times {
            let looked = self.sqs.receive_message().queue_url(&self.url).visibility_timeout(0);
            let looked = looked.max_number_of_messages(10).send().await.unwrap();
            assert_eq!(looked.messages().len(), visible as usize, "messages of {}", self.name);
        }
    }

    /// Messages that are not deleted: visible, and hidden while somebody works on them.
    pub async fn counts(&self) -> (u32, u32) {
        use QueueAttributeName::{
            ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesNotVisible as Hidden,
        };
        let asked = self.sqs.get_queue_attributes().queue_url(&self.url);
        let asked = asked.attribute_names(Visible).attribute_names(Hidden).send().await.unwrap();
        let count = |name| asked.attributes().unwrap()[&name].parse().unwrap();
        (count(Visible), count(Hidden))
    }

    pub async fn held(&self) -> u32 {
        let (visible, hidden) = self.counts().await;
        visible + hidden
    }
}

/// From the name of a new temporary directory: the file system sees to it that no two are alike.
fn tag() -> String {
    let directory =
        tempfile::Builder::new().prefix("").rand_bytes(TAG_CHARACTERS).tempdir().unwrap();
    directory.path().file_name().unwrap().to_str().unwrap().to_lowercase()
}
