//! The contract of `Topic` on every implementation, as far as one process can see it. The numbers
//! are those of the contract.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cairn_notifier::memory::{Fault, MemoryTopic};
use cairn_notifier::sns::{PUBLISH_TIMEOUT, SnsTopic};
use cairn_notifier::{PublishError, Topic};
use model::ids::TopicArn;
use support::{Answer, Request, serve, sns_answer, sns_config, sns_error};
use tokio::time::timeout;

const MESSAGE: &str = r#"{"s3Bucket":"b","s3ObjectKey":["a b/+%ü&=.json.gz"]}"#;

fn topic(region: &str) -> TopicArn {
    format!("arn:aws:sns:{region}:111122223333:news").parse().unwrap()
}

/// Statements 1, 3 and 7: `Ok` means taken, byte for byte; the error has the service's code.
/// `got` says what the topic got, `refuse` makes it refuse.
async fn conforms(topics: &impl Topic, got: impl Fn() -> Vec<String>, refuse: impl Fn()) {
    let topic = topic("eu-west-1");
    for count in 1..=2 {
        topics.publish(&topic, MESSAGE).await.unwrap();
        assert_eq!(got(), vec![MESSAGE; count]);
    }
    refuse();
    let error = topics.publish(&topic, MESSAGE).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.topic_at_fault), ("AuthorizationError", true));
    assert_eq!(got().len(), 2);
}

#[tokio::test]
async fn memory_conforms() {
    let topics = MemoryTopic::new();
    let news = topic("eu-west-1");
    let refuse = || topics.refuse(&news, PublishError::refused("AuthorizationError", "no"));
    conforms(&topics, || topics.messages(&news), refuse).await;
}

#[tokio::test]
async fn sns_conforms() {
    let (got, refusing) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU32::new(0)));
    let (taken, refuses) = (Arc::clone(&got), Arc::clone(&refusing));
    let url = serve(move |request| {
        if refuses.load(Ordering::SeqCst) > 0 {
            return sns_error(403, "AuthorizationError");
        }
        taken.lock().unwrap().push(request.form()["Message"].clone());
        sns_answer("Publish", "<MessageId>1</MessageId>")
    });
    let topics = SnsTopic::new(&sns_config(&url));
    let refuse = || refusing.store(1, Ordering::SeqCst);
    conforms(&topics, || got.lock().unwrap().clone(), refuse).await;
}

/// Statement 3, and the Region of the topic: what goes over the wire is this and no more.
#[tokio::test]
async fn sns_gets_the_message_alone_in_the_topics_region() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&seen);
    let url = serve(move |request: &Request| {
        requests.lock().unwrap().push((request.region().to_owned(), request.form()));
        sns_answer("Publish", "<MessageId>1</MessageId>")
    });
    let topics = SnsTopic::new(&sns_config(&url));
    for region in ["eu-west-1", "ap-south-2", "eu-west-1"] {
        topics.publish(&topic(region), MESSAGE).await.unwrap();
        let (signed_for, form) = seen.lock().unwrap().pop().unwrap();
        assert_eq!(signed_for, region);
        let arn = topic(region).to_string();
        let expected = [
            ("Action", "Publish"),
            ("Message", MESSAGE),
            ("TopicArn", &arn),
            ("Version", "2010-03-31"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(form, BTreeMap::from(expected));
    }
}

async fn error_of(answer: impl Fn() -> Answer + Send + Sync + 'static) -> (PublishError, u32) {
    let tries = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&tries);
    let url = serve(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        answer()
    });
    let topics = SnsTopic::with_timeout(&sns_config(&url), Duration::from_millis(500));
    let error = topics.publish(&topic("eu-west-1"), MESSAGE).await.unwrap_err();
    (error, tries.load(Ordering::SeqCst))
}

/// Statement 7, and who is at fault.
#[tokio::test]
async fn an_error_of_sns_says_whether_the_topic_is_at_fault() {
    for (status, code, topic_at_fault, tries) in [
        (403, "AuthorizationError", true, 1),
        (404, "NotFound", true, 1),
        (400, "KMSAccessDenied", true, 1),
        (400, "InvalidParameter", true, 1),
        (403, "ExpiredToken", false, 1),
        (403, "InvalidClientTokenId", false, 1),
        (403, "SignatureDoesNotMatch", false, 1),
        (400, "Throttling", false, 3),
        (429, "QuotaExceeded", false, 1),
        (500, "InternalError", false, 3),
    ] {
        let (error, tried) = error_of(move || sns_error(status, code)).await;
        assert_eq!((error.code.as_str(), error.topic_at_fault), (code, topic_at_fault));
        assert_eq!(tried, tries, "{code}");
    }
    let (error, _) = error_of(|| Some((400, "<html>a proxy's page</html>".to_owned()))).await;
    assert!(!error.message.is_empty());
}

/// Statement 4, at a twentieth of its size.
#[tokio::test]
async fn a_publish_ends_in_time_when_nobody_answers() {
    let answer = timeout(Duration::from_secs(5), error_of(|| None)).await;
    let (error, tries) = answer.expect("a publish of half a second ends within five");
    assert_eq!((error.code.as_str(), error.topic_at_fault), ("NoAnswer", false));
    assert!((2..=3).contains(&tries), "{tries}");
    assert_eq!(PUBLISH_TIMEOUT, Duration::from_secs(10));

    let topics = SnsTopic::new(&sns_config("http://127.0.0.1:1"));
    let refused = topics.publish(&topic("eu-west-1"), MESSAGE).await.unwrap_err();
    assert_eq!(refused.code, "NoAnswer");
    assert!(refused.message.contains("refused"), "{}", refused.message);
}

/// Statement 2: an error proves nothing.
#[tokio::test]
async fn memory_can_take_a_message_and_lose_the_answer() {
    let (topics, news) = (MemoryTopic::new(), topic("eu-west-1"));
    topics.plant(&news, Fault::After(PublishError::no_answer("reset")));
    topics.publish(&news, MESSAGE).await.unwrap_err();
    assert_eq!((topics.messages(&news).len(), topics.tries(&news)), (1, 1));
}
