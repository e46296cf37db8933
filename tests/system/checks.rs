//! What CreateTrail and UpdateTrail try outside, on a real LocalStack.
//!
//! LocalStack enforces no policy and assumes roles that are not there: what is denied is tested with
//! answers made for it, in `crates/daemon/tests/checks.rs`.

use api::Check;
use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use daemon::checks::Checks;
use trails::{Definitions, LogGroup, Trail};

use crate::support::bucket::keys;
use crate::support::localstack::{LocalStack, endpoint, sdk};

/// LocalStack takes a key of 12 digits for the account.
const ACCOUNT: &str = "730000000001";
const REGION: &str = "eu-west-1";

async fn config() -> SdkConfig {
    sdk(&endpoint(), ACCOUNT, REGION).await
}

fn trail(bucket: &str) -> Trail {
    let arn = format!("arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/checked");
    Trail::new(arn.parse().unwrap(), bucket.parse().unwrap())
}

/// The exception, or what was found.
async fn outcome(check: Check) -> Result<Option<String>, &'static str> {
    // The daemon's own Region and account are others.
    let checks = Checks::new(&sdk(&endpoint(), "test", "us-east-1").await);
    checks.check(&check, &Definitions::default()).await.map_err(|problem| problem.code)
}

#[tokio::test]
async fn a_bucket_that_is_there_gets_its_markers_as_often_as_it_is_checked() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("checked").await;
    let check = |bucket: &str, validates_log_files| {
        let trail = Trail { prefix: Some("p".parse().unwrap()), ..trail(bucket) };
        Check::Bucket { trail: trail.into(), validates_log_files }
    };
    assert_eq!(outcome(check(&bucket, false)).await, Ok(None));
    let marker = format!("p/AWSLogs/{ACCOUNT}/CloudTrail/");
    assert_eq!(keys(&localstack, &bucket).await, std::slice::from_ref(&marker));
    assert_eq!(outcome(check(&bucket, true)).await, Ok(None));
    let digests = format!("p/AWSLogs/{ACCOUNT}/CloudTrail-Digest/");
    assert_eq!(keys(&localstack, &bucket).await, [digests, marker]);
    let missing = outcome(check(&localstack.name("missing"), true)).await;
    assert_eq!(missing, Err("S3BucketDoesNotExistException"));
}

#[tokio::test]
async fn a_key_is_found_by_each_of_its_names_and_must_be_enabled() {
    let Some(localstack) = LocalStack::find().await else { return };
    let kms = aws_sdk_kms::Client::new(&config().await);
    let made = kms.create_key().send().await.unwrap().key_metadata.unwrap();
    let (id, arn) = (made.key_id, made.arn.unwrap());
    let alias = format!("alias/{}", localstack.name("checked"));
    kms.create_alias().alias_name(&alias).target_key_id(&id).send().await.unwrap();
    let check = |key: &str| Check::Key { key: key.into(), trail: trail("bucket").into() };
    let alias_arn = format!("arn:aws:kms:{REGION}:{ACCOUNT}:{alias}");
    for named in [&id, &arn, &alias, &alias_arn] {
        assert_eq!(outcome(check(named)).await, Ok(Some(arn.clone())), "{named}");
    }
    let missing = format!("alias/{}", localstack.name("missing"));
    assert_eq!(outcome(check(&missing)).await, Err("InsufficientEncryptionPolicyException"));
    kms.disable_key().key_id(&id).send().await.unwrap();
    assert_eq!(outcome(check(&alias)).await, Err("KmsException"));
}

#[tokio::test]
async fn a_topic_must_be_there() {
    let Some(localstack) = LocalStack::find().await else { return };
    let sns = aws_sdk_sns::Client::new(&config().await);
    let topic = sns.create_topic().name(localstack.name("checked")).send().await.unwrap();
    let topic = topic.topic_arn.unwrap();
    let check = |topic: &str| {
        let topic = Some(topic.parse().unwrap());
        Check::Topic { trail: Trail { topic, ..trail("bucket") }.into() }
    };
    assert_eq!(outcome(check(&topic)).await, Ok(None));
    let missing = outcome(check(&format!("{topic}-missing"))).await;
    assert_eq!(missing, Err("InsufficientSnsTopicPolicyException"));
}

#[tokio::test]
async fn a_log_group_must_be_there_and_gets_a_stream_without_events() {
    let Some(localstack) = LocalStack::find().await else { return };
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config().await);
    let group = localstack.name("checked");
    logs.create_log_group().log_group_name(&group).send().await.unwrap();
    let check = |group: &str| {
        let arn = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*");
        let role_arn = format!("arn:aws:iam::{ACCOUNT}:role/CloudTrail_CloudWatchLogs_Role");
        Check::LogGroup { group: LogGroup { arn, role_arn }, trail: trail("bucket").into() }
    };
    for _ in 0..2 {
        assert_eq!(outcome(check(&group)).await, Ok(None));
    }
    let streams = logs.describe_log_streams().log_group_name(&group).send().await.unwrap();
    let names: Vec<&str> =
        streams.log_streams().iter().map(|stream| stream.log_stream_name().unwrap()).collect();
    assert_eq!(names, [format!("{ACCOUNT}_CloudTrail_{REGION}")]);
    let events = async || {
        let events = logs.get_log_events().log_group_name(&group).log_stream_name(names[0]);
        events.send().await.unwrap().events.unwrap_or_default().len()
    };
    assert_eq!(events().await, 0, "what proves the permission is not kept");
    let event = InputLogEvent::builder().timestamp(now_millis(&logs, &group).await).message("kept");
    let put = logs.put_log_events().log_group_name(&group).log_stream_name(names[0]);
    put.log_events(event.build().unwrap()).send().await.unwrap();
    assert_eq!(events().await, 1, "others are");
    let missing = outcome(check(&localstack.name("missing"))).await;
    assert_eq!(missing, Err("InvalidCloudWatchLogsLogGroupArnException"));
}

/// What time it is by LocalStack: when the group was made.
async fn now_millis(logs: &aws_sdk_cloudwatchlogs::Client, group: &str) -> i64 {
    let groups = logs.describe_log_groups().log_group_name_prefix(group).send().await.unwrap();
    groups.log_groups()[0].creation_time().unwrap()
}
