//! What each error of AWS means for CreateTrail and UpdateTrail: tables of what a service answers and
//! what the caller is told.

#![allow(clippy::unwrap_used)]

#[path = "../../notifier/tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::Check;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use cairn_daemon::checks::Checks;
use support::{HeadedAnswer, Request, serve_headed};
use trails::trail_set::Organization;
use trails::{Definitions, LogGroup, Trail};

const INTERNAL: &str = "InternalFailure 500: An internal error occurred; the log of the daemon says \
    more. Try again.";
const KEY: &str = "arn:aws:kms:eu-west-1:111111111111:key/11111111-2222-3333-4444-555555555555";
const GROUP: &str = "arn:aws:logs:eu-west-1:111111111111:log-group:trail/logs:*";

fn trail() -> Trail {
    let arn = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/all".parse().unwrap();
    Trail::new(arn, "log-bucket".parse().unwrap())
}

fn bucket(trail: Trail) -> Check {
    Check::Bucket { trail: trail.into(), validates_log_files: false }
}

fn key(named: &str) -> Check {
    Check::Key { key: named.into(), trail: trail().into() }
}

fn topic() -> Check {
    let topic = Some("arn:aws:sns:ap-south-1:222222222222:news".parse().unwrap());
    Check::Topic { trail: Trail { topic, ..trail() }.into() }
}

fn log_group() -> Check {
    let role_arn = "arn:aws:iam::111111111111:role/logs".to_owned();
    Check::LogGroup { group: LogGroup { arn: GROUP.into(), role_arn }, trail: trail().into() }
}

/// What the daemon asks, `SERVICE WHAT`, and the answer to it.
type Aws = dyn Fn(&str, &Request) -> HeadedAnswer + Send + Sync;

/// What was asked, in order, with the Region that it was asked in.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<(String, String)>>>);

impl Asked {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(what, _)| what.clone()).collect()
    }

    fn regions(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(_, region)| region.clone()).collect()
    }
}

/// An AWS that answers as a test says; `None` of `answer` means: as when all is well.
fn aws(
    answer: impl Fn(&str, &Request) -> Option<HeadedAnswer> + Send + Sync + 'static,
) -> (Checks, Asked) {
    let asked = Asked::default();
    let seen = asked.clone();
    let all_is_well: Box<Aws> = Box::new(well);
    let endpoint = serve_headed(move |request| {
        let what = what(request);
        seen.0.lock().unwrap().push((what.clone(), request.region().to_owned()));
        answer(&what, request).unwrap_or_else(|| all_is_well(&what, request))
    });
    (checks(&endpoint), asked)
}

fn checks(endpoint: &str) -> Checks {
    let credentials = Credentials::new(support::ACCOUNT, "secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    Checks::with_timeout(&config, Duration::from_millis(500))
}

fn what(request: &Request) -> String {
    match (request.headers.get("x-amz-target"), request.body.starts_with("Action=")) {
        (Some(target), _) => target.rsplit('.').next().unwrap().to_owned(),
        (None, true) => request.form()["Action"].clone(),
        (None, false) => request.target.clone(),
    }
}

fn well(what: &str, _: &Request) -> HeadedAnswer {
    let body = match what {
        "GenerateDataKey" => format!(r#"{{"KeyId":"{KEY}","Plaintext":"","CiphertextBlob":""}}"#),
        "AssumeRole" => {
            let credentials = "<AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey>\
                <SessionToken>T</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>";
            format!(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials>{credentials}</Credentials>\
                 </AssumeRoleResult></AssumeRoleResponse>"
            )
        }
        "Publish" => support::sns_answer("Publish", "<MessageId>1</MessageId>").unwrap().1,
        "GET /log-bucket/" => "<AccessControlPolicy></AccessControlPolicy>".into(),
        put if put.starts_with("PUT ") => String::new(),
        _ => "{}".into(),
    };
    Some((200, "etag: \"1\"\r\n".into(), body))
}

/// An error of S3, of the services that speak JSON, and of those that speak XML.
fn error(what: &str, status: u16, code: &str, message: &str) -> HeadedAnswer {
    let body = match what {
        "AssumeRole" | "Publish" => format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        ),
        _ if what.contains(' ') => {
            format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>")
        }
        _ => format!(r#"{{"__type":"{code}","message":"{message}"}}"#),
    };
    Some((status, String::new(), body))
}

async fn outcome(checks: &Checks, check: &Check) -> String {
    match checks.check(check, &Definitions::default()).await {
        Ok(found) => found.unwrap_or_else(|| "well".into()),
        Err(problem) => format!("{} {}: {}", problem.code, problem.status, problem.message),
    }
}

/// Checks what the caller is told when one call fails with a code, and all others are well.
async fn refuses(check: &Check, call: &'static str, errors: &[(u16, &str, &str, &str)]) {
    for (status, code, message, expected) in errors {
        let (status, code, message) = (*status, code.to_string(), message.to_string());
        let (checks, _) = aws({
            let (code, message) = (code.clone(), message.clone());
            move |what, _| (what == call).then(|| error(what, status, &code, &message))
        });
        assert_eq!(outcome(&checks, check).await, *expected, "{call}: {status} {code} {message}");
    }
}

const MARKER: &str = "PUT /log-bucket/AWSLogs/111111111111/CloudTrail/";
const NO_BUCKET: &str = "S3BucketDoesNotExistException 400: S3 bucket log-bucket does not exist!";
const BAD_POLICY: &str = "InsufficientS3BucketPolicyException 400: Incorrect S3 bucket policy is \
    detected for bucket: log-bucket";
const BAD_KEY_POLICY: &str = "InsufficientEncryptionPolicyException 400: Insufficient permissions to \
    access S3 bucket log-bucket or KMS key arn:aws:kms:eu-west-1:111111111111:key/\
    11111111-2222-3333-4444-555555555555.";
const BAD_KEY: &str = "KmsException 400: KMS key arn:aws:kms:eu-west-1:111111111111:key/\
    11111111-2222-3333-4444-555555555555 cannot be used: it must be a symmetric encryption key that is \
    enabled and not pending deletion.";
const NO_KEY: &str = "KmsKeyNotFoundException 400: KMS key arn:aws:kms:eu-west-1:111111111111:key/\
    11111111-2222-3333-4444-555555555555 is not found. Name a key of the bucket's Region by its id, \
    alias or ARN.";

#[tokio::test]
async fn a_bucket_that_is_not_there_or_refuses_is_told_from_one_that_does_not_answer() {
    let errors = [
        (404, "NoSuchBucket", "", NO_BUCKET),
        (403, "AccessDenied", "", BAD_POLICY),
        (403, "AllAccessDisabled", "", BAD_POLICY),
        (400, "InvalidRequest", "the bucket takes no ACL", BAD_POLICY),
        (403, "InvalidAccessKeyId", "", INTERNAL),
        (403, "SignatureDoesNotMatch", "", INTERNAL),
        (400, "ExpiredToken", "", INTERNAL),
        (503, "SlowDown", "", INTERNAL),
        (500, "InternalError", "", INTERNAL),
    ];
    refuses(&bucket(trail()), "GET /log-bucket/", &errors).await;
    refuses(&bucket(trail()), MARKER, &errors).await;
}

#[tokio::test]
async fn a_key_that_s3_may_not_use_for_the_marker_is_told_from_the_bucket() {
    let encrypted = Trail { kms_key: Some(KEY.into()), ..trail() };
    let denied = "User: x is not authorized to perform: kms:GenerateDataKey on resource: y";
    let errors = [
        (403, "AccessDenied", denied, BAD_KEY_POLICY),
        (400, "KMS.NotFoundException", "Key does not exist", BAD_KEY_POLICY),
        (400, "KMS.NotFoundException", "Invalid arn eu-west-1", NO_KEY),
        (400, "KMS.DisabledException", "the key is disabled", BAD_KEY),
        (400, "KMS.KMSInvalidStateException", "the key is pending deletion", BAD_KEY),
        (403, "AccessDenied", "Access Denied", BAD_POLICY),
    ];
    refuses(&bucket(encrypted), MARKER, &errors).await;
}

#[tokio::test]
async fn the_acl_is_read_and_all_markers_are_put_whatever_becomes_of_the_others() {
    let organization = Organization {
        id: "o-abc123defg".parse().unwrap(),
        management_account: "111111111111".parse().unwrap(),
        members: Vec::new(),
    };
    let definitions = Definitions { organization: Some(organization), ..Definitions::default() };
    let trail = Trail { is_organization: true, prefix: Some("p".parse().unwrap()), ..trail() };
    let check = Check::Bucket { trail: trail.into(), validates_log_files: true };
    let (checks, asked) =
        aws(|what, _| what.starts_with("GET").then(|| error(what, 403, "AccessDenied", "")));
    let problem = checks.check(&check, &definitions).await.unwrap_err();
    assert_eq!(problem.code, "InsufficientS3BucketPolicyException");
    let mut all = asked.all();
    all.sort();
    let expected = [
        "GET /log-bucket/",
        "PUT /log-bucket/p/AWSLogs/111111111111/CloudTrail-Digest/",
        "PUT /log-bucket/p/AWSLogs/111111111111/CloudTrail/",
        "PUT /log-bucket/p/AWSLogs/o-abc123defg/111111111111/CloudTrail-Digest/",
        "PUT /log-bucket/p/AWSLogs/o-abc123defg/111111111111/CloudTrail/",
    ];
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_refusal_says_more_than_a_call_that_did_not_answer() {
    let (checks, _) = aws(|what, _| match what {
        MARKER => Some(error(what, 403, "AccessDenied", "")),
        _ => Some(None),
    });
    assert_eq!(outcome(&checks, &bucket(trail())).await, BAD_POLICY);
}

#[tokio::test]
async fn a_marker_is_put_as_a_log_file_is() {
    let headers = Arc::new(Mutex::new(BTreeMap::new()));
    let seen = Arc::clone(&headers);
    let (checks, _) = aws(move |what, request| {
        if what == MARKER {
            seen.lock().unwrap().clone_from(&request.headers);
            assert_eq!(request.body, "");
        }
        None
    });
    let encrypted = Trail { kms_key: Some("alias/logs".into()), ..trail() };
    assert_eq!(outcome(&checks, &bucket(encrypted)).await, "well");
    let headers = headers.lock().unwrap();
    for (name, value) in [
        ("x-amz-acl", "bucket-owner-full-control"),
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
        ("content-length", "0"),
        ("x-amz-server-side-encryption", "aws:kms"),
        (
            "x-amz-server-side-encryption-aws-kms-key-id",
            "arn:aws:kms:eu-west-1:111111111111:alias/logs",
        ),
    ] {
        assert_eq!(headers.get(name).map(String::as_str), Some(value), "{name}: {headers:?}");
    }
    assert!(!headers.contains_key("if-none-match"), "an earlier marker may be replaced");
}

#[tokio::test]
async fn a_bucket_of_another_region_is_asked_there() {
    let (checks, asked) = aws(|what, request| {
        let is_elsewhere = what.contains("log-bucket") && request.region() != "eu-central-1";
        let head = "x-amz-bucket-region: eu-central-1\r\n".to_owned();
        let body = "<Error><Code>PermanentRedirect</Code></Error>".to_owned();
        is_elsewhere.then_some(Some((301, head, body)))
    });
    assert_eq!(outcome(&checks, &bucket(trail())).await, "well");
    let regions = asked.regions();
    let count = |region: &str| regions.iter().filter(|asked| *asked == region).count();
    assert_eq!((count("us-east-1"), count("eu-central-1")), (2, 2), "{regions:?}");
}

#[tokio::test]
async fn a_key_is_known_by_its_id_alias_or_arn_and_asked_in_its_own_region() {
    let id = "11111111-2222-3333-4444-555555555555";
    let multi_region = "mrk-1234567890abcdef1234567890abcdef";
    for (named, asked_for, region) in [
        ("alias/a/b_c-d", "arn:aws:kms:eu-west-1:111111111111:alias/a/b_c-d", "eu-west-1"),
        (id, KEY, "eu-west-1"),
        (
            multi_region,
            &format!("arn:aws:kms:eu-west-1:111111111111:key/{multi_region}"),
            "eu-west-1",
        ),
        (KEY, KEY, "eu-west-1"),
        (
            "arn:aws:kms:us-west-2:222222222222:alias/theirs",
            "arn:aws:kms:us-west-2:222222222222:alias/theirs",
            "us-west-2",
        ),
    ] {
        let body = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&body);
        let (checks, asked) = aws(move |_, request| {
            seen.lock().unwrap().clone_from(&request.body);
            None
        });
        assert_eq!(outcome(&checks, &key(named)).await, KEY, "{named}");
        assert_eq!(
            (asked.all(), asked.regions()),
            (vec!["GenerateDataKey".to_owned()], vec![region.to_owned()])
        );
        let body: serde_json::Value = serde_json::from_str(&body.lock().unwrap()).unwrap();
        let context = serde_json::json!({ "aws:cloudtrail:arn": trail().arn.to_string() });
        assert_eq!(body["KeyId"], asked_for);
        assert_eq!((&body["KeySpec"], &body["EncryptionContext"]), (&"AES_256".into(), &context));
    }
}

#[tokio::test]
async fn a_key_that_makes_no_sense_is_not_asked_for() {
    let (checks, asked) = aws(|_, _| None);
    for named in [
        "",
        "alias/",
        "alias/a b",
        "key/11111111-2222-3333-4444-555555555555x",
        "mrk-12",
        "my-key",
        "arn:aws:s3:::log-bucket",
        "arn:aws:kms:eu-west-1:111:key/11111111-2222-3333-4444-555555555555",
        "arn:aws-cn:kms:eu-west-1:111111111111:alias/a",
        "arn:aws:kms:../:111111111111:alias/a",
    ] {
        let outcome = outcome(&checks, &key(named)).await;
        assert!(outcome.starts_with("KmsKeyNotFoundException 400: "), "{named}: {outcome}");
    }
    assert_eq!(asked.all(), [""; 0]);
}

#[tokio::test]
async fn a_key_that_refuses_is_told_from_one_that_does_not_answer() {
    refuses(
        &key(KEY),
        "GenerateDataKey",
        &[
            (400, "NotFoundException", "Key does not exist", BAD_KEY_POLICY),
            (400, "NotFoundException", "Invalid arn eu-west-1", NO_KEY),
            (400, "AccessDeniedException", "no", BAD_KEY_POLICY),
            (400, "DisabledException", "no", BAD_KEY),
            (400, "KMSInvalidStateException", "no", BAD_KEY),
            (400, "InvalidKeyUsageException", "no", BAD_KEY),
            (400, "ThrottlingException", "no", INTERNAL),
            (400, "ExpiredTokenException", "no", INTERNAL),
            (500, "KMSInternalException", "no", INTERNAL),
            (503, "DependencyTimeoutException", "no", INTERNAL),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_topic_gets_the_validation_message_in_its_own_region() {
    let message = Arc::new(Mutex::new(BTreeMap::new()));
    let seen = Arc::clone(&message);
    let (checks, asked) = aws(move |_, request| {
        *seen.lock().unwrap() = request.form();
        None
    });
    assert_eq!(outcome(&checks, &topic()).await, "well");
    assert_eq!(asked.regions(), ["ap-south-1"]);
    assert_eq!(message.lock().unwrap()["Message"], "CloudTrail validation message.");
    assert_eq!(message.lock().unwrap()["TopicArn"], "arn:aws:sns:ap-south-1:222222222222:news");
}

#[tokio::test]
async fn a_topic_that_refuses_is_told_from_one_that_does_not_answer() {
    let refused = "InsufficientSnsTopicPolicyException 400: SNS Topic does not exist or the topic \
        policy is incorrect!";
    let suspended = "CloudTrailInvalidClientTokenIdException 400: The account of the SNS topic is \
        suspended, or SNS does not know the daemon's credentials.";
    refuses(
        &topic(),
        "Publish",
        &[
            (404, "NotFound", "", refused),
            (403, "AuthorizationError", "", refused),
            (400, "KMSAccessDenied", "", refused),
            (403, "InvalidClientTokenId", "", suspended),
            (400, "Throttling", "", INTERNAL),
            (500, "InternalError", "", INTERNAL),
        ],
    )
    .await;
}

const BAD_ROLE: &str = "InvalidCloudWatchLogsRoleArnException 400: Access denied. Verify in IAM that \
    the role has adequate trust relationships.";
const BAD_GROUP: &str = "InvalidCloudWatchLogsLogGroupArnException 400: Access denied. Verify in IAM \
    that the role has adequate permissions.";

#[tokio::test]
async fn a_role_or_a_log_group_that_refuses_is_told_from_one_that_does_not_answer() {
    let of_role = [
        (403, "AccessDenied", "", BAD_ROLE),
        (400, "ValidationError", "", BAD_ROLE),
        (403, "RegionDisabledException", "", BAD_ROLE),
        (403, "ExpiredToken", "", INTERNAL),
        (400, "Throttling", "", INTERNAL),
        (500, "InternalFailure", "", INTERNAL),
    ];
    refuses(&log_group(), "AssumeRole", &of_role).await;
    let of_group = [
        (400, "ResourceNotFoundException", "", BAD_GROUP),
        (400, "AccessDeniedException", "", BAD_GROUP),
        (400, "ThrottlingException", "", INTERNAL),
        (500, "InternalFailure", "", INTERNAL),
        (503, "ServiceUnavailableException", "", INTERNAL),
    ];
    refuses(&log_group(), "CreateLogStream", &of_group).await;
    refuses(&log_group(), "PutLogEvents", &of_group).await;
    let there = (400, "ResourceAlreadyExistsException", "", "well");
    refuses(&log_group(), "CreateLogStream", &[there]).await;
}

#[tokio::test]
async fn a_log_group_is_tried_by_its_role_and_keeps_nothing_but_the_stream() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bodies);
    let (checks, asked) = aws(move |what, request| {
        let by = request.headers["authorization"].split(['=', '/']).nth(1).unwrap().to_owned();
        seen.lock().unwrap().push((by, request.body.clone()));
        assert!(what != "AssumeRole" || request.form()["RoleArn"].ends_with(":role/logs"));
        None
    });
    assert_eq!(outcome(&checks, &log_group()).await, "well");
    assert_eq!(asked.all(), ["AssumeRole", "CreateLogStream", "PutLogEvents"]);
    assert_eq!(asked.regions(), ["eu-west-1"; 3]);
    let bodies = bodies.lock().unwrap();
    let by: Vec<&str> = bodies.iter().map(|(by, _)| by.as_str()).collect();
    assert_eq!(by, [support::ACCOUNT, "A", "A"], "the role's credentials are used");
    let names =
        r#""logGroupName":"trail/logs","logStreamName":"111111111111_CloudTrail_eu-west-1""#;
    assert_eq!(bodies[1].1, format!("{{{names}}}"));
    let event = r#"{"timestamp":0,"message":"CloudTrail validation message."}"#;
    assert_eq!(bodies[2].1, format!(r#"{{{names},"logEvents":[{event}]}}"#));
}

/// Not one exception of the trail's: what nobody answers may be well.
#[tokio::test]
async fn who_does_not_answer_refuses_nothing() {
    let (silent, _) = aws(|_, _| Some(None));
    let closed = checks("http://127.0.0.1:1");
    for checks in [&silent, &closed] {
        for check in [bucket(trail()), key(KEY), topic(), log_group()] {
            assert_eq!(outcome(checks, &check).await, INTERNAL, "{check:?}");
        }
    }
}
