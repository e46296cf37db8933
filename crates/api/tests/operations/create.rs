//! CreateTrail.

use serde_json::{Value, json};

use crate::world::{Client, World};
use crate::{ACCOUNT, REGION};

const TOPIC: &str = "arn:aws:sns:us-east-1:222222222222:news";
const GROUP: &str = "arn:aws:logs:eu-west-1:111111111111:log-group:audit:*";
const ROLE: &str = "arn:aws:iam::111111111111:role/CloudTrail_CloudWatchLogs_Role";
const KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

fn client() -> Client {
    World::new().caller(ACCOUNT, REGION)
}

#[tokio::test]
async fn the_answer_has_the_defaults_and_nothing_that_is_not_set() {
    let answer = client().ok("CreateTrail", json!({ "Name": "abc", "S3BucketName": "logs" })).await;
    let expected = json!({
        "Name": "abc",
        "S3BucketName": "logs",
        "IncludeGlobalServiceEvents": true,
        "IsMultiRegionTrail": false,
        "TrailARN": "arn:aws:cloudtrail:eu-west-1:111111111111:trail/abc",
        "LogFileValidationEnabled": false,
        "IsOrganizationTrail": false,
        "RecursiveLogging": true,
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn the_answer_has_all_that_is_set() {
    let given = json!({
        "S3KeyPrefix": "a/b",
        "SnsTopicName": TOPIC,
        "IncludeGlobalServiceEvents": true,
        "IsMultiRegionTrail": true,
        "EnableLogFileValidation": true,
        "CloudWatchLogsLogGroupArn": GROUP,
        "CloudWatchLogsRoleArn": ROLE,
        "KmsKeyId": KEY,
        "IsOrganizationTrail": false,
        "TagsList": [{ "Key": "team", "Value": "audit" }, { "Key": "bare" }],
        "RecursiveLogging": false,
    });
    let world = World::new();
    let answer = world.caller(ACCOUNT, REGION).make("abc", given).await;
    let expected = json!({
        "Name": "abc",
        "S3BucketName": "logs",
        "S3KeyPrefix": "a/b",
        "SnsTopicName": TOPIC,
        "SnsTopicARN": TOPIC,
        "IncludeGlobalServiceEvents": true,
        "IsMultiRegionTrail": true,
        "TrailARN": "arn:aws:cloudtrail:eu-west-1:111111111111:trail/abc",
        "LogFileValidationEnabled": true,
        "CloudWatchLogsLogGroupArn": GROUP,
        "CloudWatchLogsRoleArn": ROLE,
        "KmsKeyId": format!("arn:aws:kms:eu-west-1:111111111111:key/{KEY}"),
        "IsOrganizationTrail": false,
        "RecursiveLogging": false,
    });
    assert_eq!(answer, expected);
    let tags = serde_json::to_value(&world.definitions().trails[0].tags).unwrap();
    assert_eq!(tags, json!([{ "Key": "team", "Value": "audit" }, { "Key": "bare" }]));
}

#[tokio::test]
async fn a_new_trail_does_not_log() {
    let client = client();
    client.make("abc", json!({})).await;
    let status = client.ok("GetTrailStatus", json!({ "Name": "abc" })).await;
    assert_eq!(status["IsLogging"], false);
    assert_eq!(status.get("StartLoggingTime"), None);
}

#[tokio::test]
async fn empty_texts_set_nothing() {
    let members = [
        "S3KeyPrefix",
        "SnsTopicName",
        "KmsKeyId",
        "CloudWatchLogsLogGroupArn",
        "CloudWatchLogsRoleArn",
    ];
    let empty = members.map(|member| (member.to_owned(), Value::from("")));
    let answer = client().make("abc", Value::Object(empty.into_iter().collect())).await;
    for member in members.iter().chain(["SnsTopicARN"].iter()) {
        assert_eq!(answer.get(member), None, "{member}");
    }
}

#[tokio::test]
async fn a_topic_by_its_name_is_of_the_home_region_and_keeps_its_spelling() {
    let answer = client().make("abc", json!({ "SnsTopicName": "news" })).await;
    assert_eq!(answer["SnsTopicName"], "news");
    assert_eq!(answer["SnsTopicARN"], "arn:aws:sns:eu-west-1:111111111111:news");
}

#[tokio::test]
async fn names_are_judged_by_their_rules() {
    let length = |name: &str, bound: &str| {
        let length = name.chars().count();
        format!("Trail name too {bound} characters. Specified name length: {length} characters.")
    };
    let short = |name| length(name, "short. Minimum allowed length: 3");
    let long = "a".repeat(129);
    let alphabet = "Trail name or ARN can only contain uppercase letters, lowercase letters, \
                    numbers, periods (.), hyphens (-), and underscores (_).";
    let first = "Trail name must starts with a letter or number.";
    let last = "Trail name must ends with a letter or number.";
    let marks = "Trail name cannot have two of the characters period (.), hyphen (-) and \
                 underscore (_) side by side, and cannot be an IP address.";
    let client = client();
    for (name, message) in [
        ("", short("")),
        ("a", short("a")),
        ("ab", short("ab")),
        ("éé", short("éé")),
        (long.as_str(), length(&long, "long. Maximum allowed length: 128")),
        ("-abc", first.into()),
        (".abc", first.into()),
        ("_abc", first.into()),
        ("abc-", last.into()),
        ("trail!", last.into()),
        ("my#trail", alphabet.into()),
        ("my trail", alphabet.into()),
        ("a/b", alphabet.into()),
        ("aéa", alphabet.into()),
        ("a--b", marks.into()),
        ("a._b", marks.into()),
        ("192.168.5.4", marks.into()),
    ] {
        let refused =
            client.refused("CreateTrail", json!({ "Name": name, "S3BucketName": "logs" }));
        assert_eq!(refused.await, ("InvalidTrailNameException".into(), message), "{name}");
    }
    for name in ["abc", "A.b_c-9", "1.2", &"a".repeat(128)] {
        client.make(name, json!({})).await;
        client.ok("DeleteTrail", json!({ "Name": name })).await;
    }
}

#[tokio::test]
async fn other_members_are_judged_by_their_rules() {
    let long = "x".repeat(257);
    let fifo_arn = "arn:aws:sns:eu-west-1:111111111111:ordered.fifo";
    let other = "arn:aws:sqs:eu-west-1:111111111111:news";
    let (prefix, long_bucket) = ("p".repeat(201), "b".repeat(64));
    let tags = |tags: usize| -> Value {
        (0..tags).map(|number| json!({ "Key": number.to_string() })).collect()
    };
    let client = client();
    for (member, value, code) in [
        ("S3BucketName", json!(""), "InvalidS3BucketNameException"),
        ("S3BucketName", json!("ab"), "InvalidS3BucketNameException"),
        ("S3BucketName", json!(long_bucket), "InvalidS3BucketNameException"),
        ("S3BucketName", json!("Logs"), "InvalidS3BucketNameException"),
        ("S3BucketName", json!("lo_gs"), "InvalidS3BucketNameException"),
        ("S3BucketName", json!("lo..gs"), "InvalidS3BucketNameException"),
        ("S3BucketName", json!("logs-"), "InvalidS3BucketNameException"),
        ("S3BucketName", json!("1.2.3.4"), "InvalidS3BucketNameException"),
        ("S3KeyPrefix", json!(prefix), "InvalidS3PrefixException"),
        ("S3KeyPrefix", json!("a/AWSLogs/b"), "InvalidS3PrefixException"),
        ("SnsTopicName", json!("a b"), "InvalidSnsTopicNameException"),
        ("SnsTopicName", json!(long), "InvalidSnsTopicNameException"),
        ("SnsTopicName", json!("ordered.fifo"), "InvalidSnsTopicNameException"),
        ("SnsTopicName", json!(fifo_arn), "InvalidSnsTopicNameException"),
        ("SnsTopicName", json!(other), "InvalidSnsTopicNameException"),
        ("TagsList", tags(51), "TagsLimitExceededException"),
    ] {
        let mut members = json!({ "Name": "abc", "S3BucketName": "logs" });
        members[member] = value;
        let refused = client.refused("CreateTrail", members.clone()).await;
        assert_eq!(refused.0, code, "{members}");
    }
    let long_arn = format!("arn:aws:sns:eu-west-1:111111111111:{}", "x".repeat(256));
    let refused = client.refused(
        "CreateTrail",
        json!({ "Name": "abc", "S3BucketName": "logs", "SnsTopicName": long_arn }),
    );
    assert_eq!(refused.await.0, "InvalidSnsTopicNameException");
    let fits = json!({ "S3KeyPrefix": "p".repeat(200), "SnsTopicName": "x".repeat(256) });
    client.make("abc", fits).await;
}

#[tokio::test]
async fn a_trail_of_all_regions_includes_global_services() {
    let both = json!({
        "Name": "abc",
        "S3BucketName": "logs",
        "IsMultiRegionTrail": true,
        "IncludeGlobalServiceEvents": false,
    });
    let (code, message) = client().refused("CreateTrail", both).await;
    assert_eq!(code, "InvalidParameterCombinationException");
    assert_eq!(message, "Multi-Region trail must include global service events.");
}

#[tokio::test]
async fn what_exists_is_not_made_again() {
    let client = client();
    client.make("abc", json!({})).await;
    let again = client.refused("CreateTrail", json!({ "Name": "abc", "S3BucketName": "logs" }));
    let (code, message) = again.await;
    assert_eq!(code, "TrailAlreadyExistsException");
    assert_eq!(message, "Trail abc already exists for customer: 111111111111");
}

#[tokio::test]
async fn what_the_configuration_defines_is_not_made_again() {
    let world = World::new().with_configured_trail(ACCOUNT, REGION, "kept");
    let members = json!({ "Name": "kept", "S3BucketName": "logs" });
    let refused = world.caller(ACCOUNT, REGION).refused("CreateTrail", members).await;
    assert_eq!(refused.0, "TrailAlreadyExistsException");
}

#[tokio::test]
async fn a_region_has_five_trails() {
    let world = World::new();
    let (here, there) = (world.caller(ACCOUNT, REGION), world.caller(ACCOUNT, "us-east-1"));
    for name in ["t-1", "t-2", "t-3", "t-4", "t-5"] {
        here.make(name, json!({})).await;
    }
    let full = (
        "MaximumNumberOfTrailsExceededException".to_owned(),
        "User: 111111111111 already has 5 trails in eu-west-1.".to_owned(),
    );
    let sixth = json!({ "Name": "t-6", "S3BucketName": "logs" });
    assert_eq!(here.refused("CreateTrail", sixth.clone()).await, full);
    // A trail of all Regions would be one too many there, wherever it is made.
    let mut of_all = sixth.clone();
    of_all["IsMultiRegionTrail"] = true.into();
    assert_eq!(there.refused("CreateTrail", of_all.clone()).await, full);
    there.ok("CreateTrail", sixth.clone()).await;
    world.caller("222222222222", REGION).ok("CreateTrail", sixth.clone()).await;
    here.ok("DeleteTrail", json!({ "Name": "t-1" })).await;
    here.ok("CreateTrail", sixth).await;
}

#[tokio::test]
async fn an_account_names_a_bounded_number_of_regions() {
    let world = World::new();
    for number in 0..64 {
        world.caller(ACCOUNT, &format!("xx-west-{number}")).make("abc", json!({})).await;
    }
    let one_more = world.caller(ACCOUNT, "xx-west-64");
    let channel = json!({ "Name": "abc", "Source": "Custom", "Destinations": [{
        "Type": "EVENT_DATA_STORE",
        "Location": "arn:aws:cloudtrail:xx-west-64:111111111111:eventdatastore/EXAMPLE-f852-4e8f-8bd1-bcf6cEXAMPLE",
    }]});
    let trail = json!({ "Name": "abc", "S3BucketName": "logs" });
    for (operation, members) in [("CreateTrail", trail), ("CreateChannel", channel)] {
        let refused = one_more.refused(operation, members).await;
        assert_eq!(refused.0, "OperationNotPermittedException", "{operation}: {}", refused.1);
    }
    world.caller(ACCOUNT, "xx-west-7").make("def", json!({})).await;
    world.caller("222222222222", "xx-west-64").make("abc", json!({})).await;
}

#[tokio::test]
async fn a_trail_of_all_regions_counts_in_each() {
    let world = World::new();
    let (here, there) = (world.caller(ACCOUNT, REGION), world.caller(ACCOUNT, "us-east-1"));
    for name in ["t-1", "t-2", "t-3", "t-4", "t-5"] {
        here.make(name, json!({ "IsMultiRegionTrail": true })).await;
    }
    let refused = there.refused("CreateTrail", json!({ "Name": "t-6", "S3BucketName": "logs" }));
    assert_eq!(refused.await.1, "User: 111111111111 already has 5 trails in us-east-1.");
}

/// Each row breaks one more rule, of which AWS looks earlier: the earliest is told.
#[tokio::test]
async fn rules_are_looked_at_in_the_order_of_aws() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    let mut members = json!({
        "Name": "abc",
        "S3BucketName": "logs",
        "SnsTopicName": "news",
        "KmsKeyId": KEY,
        "CloudWatchLogsLogGroupArn": GROUP,
    });
    let order = |members: &Value| {
        let members = members.clone();
        async { client.refused("CreateTrail", members).await.0 }
    };
    assert_eq!(order(&members).await, "InvalidCloudWatchLogsRoleArnException");
    let topic = "arn:aws:sns:eu-west-1:111111111111:news";
    world.refuse(topic, "InsufficientSnsTopicPolicyException", "no topic");
    assert_eq!(order(&members).await, "InsufficientSnsTopicPolicyException");
    world.refuse(KEY, "InsufficientEncryptionPolicyException", "no key");
    assert_eq!(order(&members).await, "InsufficientEncryptionPolicyException");
    world.refuse("logs", "S3BucketDoesNotExistException", "no bucket");
    assert_eq!(order(&members).await, "S3BucketDoesNotExistException");
    members["S3BucketName"] = "Logs".into();
    assert_eq!(order(&members).await, "InvalidS3BucketNameException");
    members["SnsTopicName"] = "a b".into();
    assert_eq!(order(&members).await, "InvalidSnsTopicNameException");
    members["IsMultiRegionTrail"] = true.into();
    members["IncludeGlobalServiceEvents"] = false.into();
    assert_eq!(order(&members).await, "InvalidParameterCombinationException");
    members["Name"] = "a".into();
    assert_eq!(order(&members).await, "InvalidTrailNameException");
    assert_eq!(client.described(json!({})).await, [""; 0]);
}

#[tokio::test]
async fn a_refused_trail_is_not_there_and_what_was_wrong_is_told() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    world.refuse("logs", "S3BucketDoesNotExistException", "S3 bucket logs does not exist!");
    let members = json!({ "Name": "abc", "S3BucketName": "logs" });
    let (code, message) = client.refused("CreateTrail", members).await;
    assert_eq!(code, "S3BucketDoesNotExistException");
    assert_eq!(message, "S3 bucket logs does not exist!");
    assert_eq!(client.described(json!({})).await, [""; 0]);
}
