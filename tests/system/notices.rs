//! What a topic's queues receive: the validation message, then one notice for each file in S3.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::bucket::Bucket;
use crate::support::cairn::Site;
use crate::support::configuration::{Trail, fan_out};
use crate::support::generated::event;
use crate::support::localstack::{LocalStack, Queue};

const ACCOUNT: &str = "720000000001";
const VALIDATION: &str = "CloudTrail validation message.";

#[tokio::test]
async fn raw_and_enveloped_queues_of_one_topic_hear_of_each_file_once_and_after_it_is_there() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("announced").await;
    let topic = localstack.topic("files");
    let trail = Trail::new("announced", ACCOUNT, "eu-west-1", &bucket)
        .multi_region()
        .prefix("a+b c/ü")
        .topic(&topic);
    let queues = fan_out(&topic, &localstack.name("enveloped"), &localstack.name("raw"));
    let site = Site::new(&format!("{trail}{queues}"));
    let daemon = site.start().await;
    let enveloped = localstack.queue_of_fan_out("enveloped").await;
    let raw = localstack.queue_of_fan_out("raw").await;
    assert_eq!(raw.take_all(1).await, [VALIDATION]);
    assert_eq!(message_of(&enveloped.take_all(1).await[0], &topic), VALIDATION);

    let regions = ["eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-south-1"];
    for round in 0..3 {
        let records: Vec<String> = regions
            .iter()
            .enumerate()
            .map(|(n, region)| event(ACCOUNT, region, 10 * round + n))
            .collect();
        daemon.record(&records).await;
        // Whoever hears of a file finds it: each message is looked after as it comes.
        let heard = raw.take_all(regions.len()).await;
        for body in &heard {
            let (_, key) = bucket_and_key(body);
            localstack.s3.head_object().bucket(&bucket).key(key).send().await.unwrap();
        }
        assert_eq!(heard.len(), regions.len(), "one notice for each file: {heard:?}");
        check_golden(&heard, &bucket);
        let same: BTreeSet<String> = take_messages(&enveloped, regions.len(), &topic).await;
        assert_eq!(same, heard.into_iter().collect(), "both queues hear the same");
        daemon.settle().await;
    }
    let metrics = daemon.finish().await;
    assert_eq!(metrics.sum("cairn_notices_published"), 15);
    let bucket = Bucket::read(&localstack, &bucket, ("", "")).await;
    assert_eq!(bucket.files.len(), 15);
    assert_eq!((raw.held().await, enveloped.held().await), (0, 0), "nothing was said twice");
}

/// Byte for byte as CloudTrail writes it: compact, two members in this order, one plain key.
fn check_golden(bodies: &[String], bucket: &str) {
    for body in bodies {
        let (named, key) = bucket_and_key(body);
        assert_eq!(named, bucket);
        assert!(
            key.starts_with("a+b c/ü/AWSLogs/720000000001/CloudTrail/"),
            "plain, not encoded: {key}"
        );
        assert_eq!(*body, format!(r#"{{"s3Bucket":"{bucket}","s3ObjectKey":["{key}"]}}"#));
    }
}

fn bucket_and_key(body: &str) -> (String, String) {
    let body: Value = serde_json::from_str(body).unwrap();
    let keys = body["s3ObjectKey"].as_array().unwrap();
    assert_eq!(keys.len(), 1, "{body}");
    (body["s3Bucket"].as_str().unwrap().into(), keys[0].as_str().unwrap().into())
}

async fn take_messages(queue: &Queue, count: usize, topic: &str) -> BTreeSet<String> {
    let bodies = queue.take_all(count).await;
    assert_eq!(bodies.len(), count);
    bodies.iter().map(|body| message_of(body, topic)).collect()
}

/// The message in an envelope of SNS, which has no subject and no attributes.
fn message_of(envelope: &str, topic: &str) -> String {
    let envelope: Value = serde_json::from_str(envelope).unwrap();
    assert_eq!(envelope["Type"], "Notification", "{envelope}");
    assert_eq!(envelope["TopicArn"], topic, "{envelope}");
    for absent in ["Subject", "MessageAttributes"] {
        let value = &envelope[absent];
        assert!(value.is_null() || value.as_object().is_some_and(|v| v.is_empty()), "{envelope}");
    }
    envelope["Message"].as_str().unwrap().into()
}
