//! An endpoint on loopback that answers as a test says, and clients of SNS and SQS that ask it.

#![allow(clippy::unwrap_used, dead_code)]

mod endpoint;

#[allow(unused_imports)] // not every test that stands on this needs all of it
pub use endpoint::{ACCOUNT, Answer, HeadedAnswer, Request, serve, serve_headed};

/// An answer of SNS.
pub fn sns_answer(action: &str, result: &str) -> Answer {
    let body =
        format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>");
    Some((200, body))
}

/// An error of SNS.
pub fn sns_error(status: u16, code: &str) -> Answer {
    let error = format!("<Type>Sender</Type><Code>{code}</Code><Message>no</Message>");
    Some((status, format!("<ErrorResponse><Error>{error}</Error></ErrorResponse>")))
}

pub fn sns_config(url: &str) -> aws_sdk_sns::Config {
    use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region};
    aws_sdk_sns::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new(ACCOUNT, "secret", None, None, "test"))
        .build()
}

pub fn sqs_config(url: &str) -> aws_sdk_sqs::Config {
    use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
    aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new(ACCOUNT, "secret", None, None, "test"))
        .build()
}
