//! The AWS SDK's side of [`Queue`] and [`Objects`], against answers as AWS sends them.

use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_types::retry::RetryConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::world::{gzip, log_file};
use crate::{GetError, Message, Objects, Queue, Receipt, S3Objects, ServiceError, SqsQueue};

const QUEUE_URL: &str = "https://sqs.eu-west-1.amazonaws.com/111111111111/trail";

/// Answers each request in turn, and gives back what was asked.
async fn answer(listener: TcpListener, answers: Vec<Vec<u8>>) -> Vec<String> {
    let mut asked = Vec::new();
    for answer in answers {
        let (mut connection, _) = listener.accept().await.unwrap();
        asked.push(read_request(&mut connection).await);
        connection.write_all(&answer).await.unwrap();
        connection.shutdown().await.unwrap();
    }
    asked
}

async fn read_request(connection: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let mut chunk = [0; 4_096];
        let read = connection.read(&mut chunk).await.unwrap();
        request.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| body.len() >= length.parse().unwrap()) {
                return text.into_owned();
            }
        }
    }
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    (listener, endpoint)
}

fn credentials() -> Credentials {
    Credentials::new("key", "secret", None, None, "test")
}

async fn get(answered: Vec<u8>, bytes_max: usize) -> Result<Vec<u8>, GetError> {
    let (listener, endpoint) = listen().await;
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(credentials())
        .retry_config(RetryConfig::disabled())
        .force_path_style(true)
        .endpoint_url(endpoint)
        .build();
    let objects = S3Objects::new(aws_sdk_s3::Client::from_conf(config));
    let asked = answer(listener, vec![answered]);
    let (got, asked) = tokio::join!(objects.get("log-bucket", "my logs/a+b", bytes_max), asked);
    assert!(asked[0].starts_with("GET /log-bucket/my%20logs/a%2Bb?"), "{}", asked[0]);
    got.map(|bytes| bytes.to_vec())
}

#[tokio::test]
async fn an_object_comes_as_it_is_stored_although_it_says_gzip() {
    let packed = gzip(&log_file(&["{}"]));
    let headers = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    let got = get(http("200 OK", headers, &packed), 1_000).await;
    assert_eq!(got.unwrap(), packed);
}

#[tokio::test]
async fn an_object_over_the_limit_is_not_collected() {
    // No more than the head comes: whoever waits for the body gets something else to say.
    let mut declared = http("200 OK", "", &[b' '; 101]);
    declared.truncate(declared.len() - 101);
    assert!(matches!(get(declared, 100).await, Err(GetError::TooBig { bytes_max: 100 })));
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
        10\r\n0123456789abcdef\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";
    assert_eq!(get(chunked.to_vec(), 32).await.unwrap().len(), 32);
    let refused = get(chunked.to_vec(), 31).await;
    assert!(matches!(refused, Err(GetError::TooBig { bytes_max: 31 })));
}

#[tokio::test]
async fn a_missing_object_is_told_from_a_forbidden_one() {
    let error = |code: &str| format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
    let missing = get(http("404 Not Found", "", error("NoSuchKey").as_bytes()), 100).await;
    assert!(matches!(missing, Err(GetError::Missing)));
    for (status, code) in [("403 Forbidden", "AccessDenied"), ("404 Not Found", "NoSuchBucket")] {
        let refused = get(http(status, "", error(code).as_bytes()), 100).await;
        let text = refused.unwrap_err().to_string();
        assert_eq!(text, format!("s3:GetObject failed: {code}: m"));
    }
}

#[tokio::test]
async fn an_object_that_breaks_off_is_an_outage() {
    let mut cut = http("200 OK", "", &[b' '; 50]);
    cut.truncate(cut.len() - 10);
    assert!(matches!(get(cut, 100).await, Err(GetError::Unavailable(_))));
}

async fn queue() -> (TcpListener, SqsQueue) {
    let (listener, endpoint) = listen().await;
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(credentials())
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint)
        .build();
    (listener, SqsQueue::new(aws_sdk_sqs::Client::from_conf(config), QUEUE_URL))
}

fn json(status: &str, body: &str) -> Vec<Vec<u8>> {
    vec![http(status, "Content-Type: application/x-amz-json-1.0\r\n", body.as_bytes())]
}

#[track_caller]
fn check_asked(asked: &[String], operation: &str, body: &serde_json::Value) {
    let (head, sent) = asked[0].split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("AmazonSQS.{operation}")), "{head}");
    let sent: serde_json::Value = serde_json::from_str(sent).unwrap();
    assert_eq!(&sent, body);
}

#[tokio::test]
async fn a_poll_asks_for_the_count_of_receives() {
    let (listener, queue) = queue().await;
    let answered = r#"{"Messages":[
        {"Body":"b","ReceiptHandle":"r","MessageId":"m","Attributes":{"ApproximateReceiveCount":"3"}},
        {"Body":"c","ReceiptHandle":"s","MessageId":"n"}]}"#;
    let receive = queue.receive(10, Duration::from_secs(20), Duration::from_secs(60));
    let (got, asked) = tokio::join!(receive, answer(listener, json("200 OK", answered)));
    let message = |body: &str, receipt: &str, receives| Message {
        body: body.into(),
        receipt: Receipt(receipt.into()),
        receives,
    };
    assert_eq!(got.unwrap(), [message("b", "r", 3), message("c", "s", 1)]);
    let body = serde_json::json!({
        "QueueUrl": QUEUE_URL, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20,
        "VisibilityTimeout": 60, "MessageSystemAttributeNames": ["ApproximateReceiveCount"],
    });
    check_asked(&asked, "ReceiveMessage", &body);
}

#[tokio::test]
async fn a_renewal_passes_over_receipts_that_have_lapsed() {
    let hide = async |answered: &str| -> (Result<(), ServiceError>, Vec<String>) {
        let (listener, queue) = queue().await;
        let receipts = [Receipt("r".into()), Receipt("s".into())];
        let hide = queue.hide(&receipts, Duration::from_secs(60));
        tokio::join!(hide, answer(listener, json("200 OK", answered)))
    };
    let (hidden, asked) = hide(
        r#"{"Successful":[{"Id":"0"}],"Failed":[{"Id":"1","SenderFault":true,"Code":"MessageNotInflight"}]}"#,
    )
    .await;
    assert_eq!(hidden, Ok(()));
    let entry = |id: &str, receipt: &str| serde_json::json!({"Id": id, "ReceiptHandle": receipt, "VisibilityTimeout": 60});
    let entries = [entry("0", "r"), entry("1", "s")];
    let body = serde_json::json!({"QueueUrl": QUEUE_URL, "Entries": entries});
    check_asked(&asked, "ChangeMessageVisibilityBatch", &body);
    let (failed, _) = hide(
        r#"{"Successful":[{"Id":"0"}],"Failed":[{"Id":"1","SenderFault":false,"Code":"InternalError"}]}"#,
    )
    .await;
    let text = failed.unwrap_err().to_string();
    assert_eq!(text, "sqs:ChangeMessageVisibility failed: InternalError");
}

#[tokio::test]
async fn a_dead_letter_carries_its_reason() {
    let (listener, queue) = queue().await;
    let send = queue.send("https://dead", "body", "why\u{0}");
    // The SDK compares the checksum of the body.
    let answered = r#"{"MessageId":"m","MD5OfMessageBody":"841a2d689ad86bd1611447453c22c6fc"}"#;
    let (sent, asked) = tokio::join!(send, answer(listener, json("200 OK", answered)));
    assert_eq!(sent, Ok(()));
    let body = serde_json::json!({
        "QueueUrl": "https://dead", "MessageBody": "body",
        "MessageAttributes": {"cairn-reason": {"DataType": "String", "StringValue": "why\u{fffd}"}},
    });
    check_asked(&asked, "SendMessage", &body);
}

#[tokio::test]
async fn an_error_of_the_queue_says_what_was_denied() {
    let (listener, queue) = queue().await;
    let receipt = Receipt("r".into());
    let answered = r#"{"__type":"com.amazon.coral.service#AccessDeniedException","message":"User: x is not authorized to perform: sqs:deletemessage"}"#;
    let (deleted, asked) =
        tokio::join!(queue.delete(&receipt), answer(listener, json("403 Forbidden", answered)));
    let text = deleted.unwrap_err().to_string();
    assert_eq!(
        text,
        "sqs:DeleteMessage failed: AccessDeniedException: User: x is not authorized to perform: \
         sqs:deletemessage"
    );
    let body = serde_json::json!({"QueueUrl": QUEUE_URL, "ReceiptHandle": "r"});
    check_asked(&asked, "DeleteMessage", &body);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_an_outage_that_says_why() {
    let (listener, queue) = queue().await;
    drop(listener);
    let error = queue.delete(&Receipt("r".into())).await.unwrap_err();
    assert!(error.cause.contains("refused"), "{error}");
}
