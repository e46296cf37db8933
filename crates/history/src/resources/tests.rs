//! What events of the common services are about, by the names that their records say.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::{NAME_BYTES_MAX, RESOURCES_MAX};
use crate::summary::Summary;

#[allow(clippy::needless_pass_by_value)] // as expectations are written
fn check(record: &Value, expected: Expect) {
    let record = record.to_string();
    let summary = Summary::of(record.as_bytes());
    let lines = summary
        .resources
        .iter()
        .map(|resource| format!("{} {}\n", resource.kind.as_deref().unwrap_or("-"), resource.name));
    expected.assert_eq(&lines.collect::<String>());
}

#[allow(clippy::needless_pass_by_value)] // as JSON is written
fn call(source: &str, request: Value, response: Value) -> Value {
    json!({ "eventSource": source, "requestParameters": request, "responseElements": response })
}

#[test]
fn a_user_is_known_by_name_id_and_arn() {
    let user = json!({
        "path": "/", "userName": "amy", "userId": "AIDAEXAMPLE1",
        "arn": "arn:aws:iam::111111111111:user/amy", "createDate": "Nov 23, 2026 2:00:00 AM",
    });
    let record = call("iam.amazonaws.com", json!({ "userName": "amy" }), json!({ "user": user }));
    check(
        &record,
        expect![[r#"
        AWS::IAM::User arn:aws:iam::111111111111:user/amy
        AWS::IAM::User AIDAEXAMPLE1
        AWS::IAM::User amy
    "#]],
    );
}

#[test]
fn a_session_is_known_by_its_arn_its_id_and_its_name_and_so_are_its_key_and_its_role() {
    let record = call(
        "sts.amazonaws.com",
        json!({ "roleArn": "arn:aws:iam::111111111111:role/path/admin", "roleSessionName": "amy" }),
        json!({
            "credentials": { "accessKeyId": "ASIAEXAMPLE1", "sessionToken": "IQoJ", "expiration": "x" },
            "assumedRoleUser": {
                "assumedRoleId": "AROAEXAMPLE1:amy",
                "arn": "arn:aws:sts::111111111111:assumed-role/admin/amy",
            },
        }),
    );
    check(
        &record,
        expect![[r#"
        AWS::STS::AssumedRole arn:aws:sts::111111111111:assumed-role/admin/amy
        AWS::STS::AssumedRole AROAEXAMPLE1:amy
        AWS::IAM::AccessKey ASIAEXAMPLE1
        AWS::IAM::Role arn:aws:iam::111111111111:role/path/admin
        AWS::STS::AssumedRole amy
    "#]],
    );
}

#[test]
fn a_key_is_known_by_its_id_and_its_arn_whichever_the_call_names() {
    let arn = "arn:aws:kms:eu-west-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let own = json!([{ "accountId": "111111111111", "type": "AWS::KMS::Key", "ARN": arn }]);
    let by = |named: &str| {
        let mut record = call("kms.amazonaws.com", json!({ "keyId": named }), Value::Null);
        record["resources"] = own.clone();
        record
    };
    check(
        &by("1234abcd-12ab-34cd-56ef-1234567890ab"),
        expect![[r#"
        AWS::KMS::Key 1234abcd-12ab-34cd-56ef-1234567890ab
        AWS::KMS::Key arn:aws:kms:eu-west-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab
    "#]],
    );
    check(
        &by(arn),
        expect![[r#"
        AWS::KMS::Key arn:aws:kms:eu-west-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab
        AWS::KMS::Key 1234abcd-12ab-34cd-56ef-1234567890ab
    "#]],
    );
    check(
        &by("alias/logs"),
        expect![[r#"
        AWS::KMS::Alias alias/logs
        AWS::KMS::Key arn:aws:kms:eu-west-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab
        AWS::KMS::Key 1234abcd-12ab-34cd-56ef-1234567890ab
    "#]],
    );
}

#[test]
fn instances_are_known_by_the_form_of_their_ids_and_names_by_their_parameters() {
    let record = call(
        "ec2.amazonaws.com",
        json!({
            "instancesSet": { "items": [{ "imageId": "ami-0123456789abcdef0", "keyName": "amy" }] },
            "clientToken": "1234abcd-12ab-34cd-56ef-1234567890ab",
        }),
        json!({
            "reservationId": "r-0123456789abcdef0",
            "instancesSet": { "items": [{
                "instanceId": "i-0123456789abcdef0", "subnetId": "subnet-01234567",
                "groupSet": { "items": [{ "groupId": "sg-0123456789abcdef0", "groupName": "web" }] },
                "networkInterfaceSet": { "items": [{ "networkInterfaceId": "eni-0123456789abcdef0" }] },
                "vpcId": "vpc-01234567", "privateDnsName": "ip-10-0-0-1.ec2.internal",
            }] },
        }),
    );
    check(
        &record,
        expect![[r#"
        AWS::EC2::SecurityGroup sg-0123456789abcdef0
        AWS::EC2::SecurityGroup web
        AWS::EC2::Instance i-0123456789abcdef0
        AWS::EC2::NetworkInterface eni-0123456789abcdef0
        AWS::EC2::Subnet subnet-01234567
        AWS::EC2::VPC vpc-01234567
        AWS::EC2::Ami ami-0123456789abcdef0
        AWS::EC2::KeyPair amy
    "#]],
    );
}

#[test]
fn common_services_name_what_they_are_about_by_parameters() {
    let trail = json!({
        "name": "logs", "s3BucketName": "bucket", "snsTopicName": "news", "kmsKeyId": "alias/logs",
        "trailARN": "arn:aws:cloudtrail:eu-west-1:111111111111:trail/logs",
    });
    let mut record = call("cloudtrail.amazonaws.com", trail, Value::Null);
    record["eventName"] = "CreateTrail".into();
    check(
        &record,
        expect![[r#"
        AWS::KMS::Alias alias/logs
        AWS::CloudTrail::Trail logs
        AWS::S3::Bucket bucket
        AWS::SNS::Topic news
        AWS::CloudTrail::Trail arn:aws:cloudtrail:eu-west-1:111111111111:trail/logs
    "#]],
    );
    for (source, request, expected) in [
        (
            "s3.amazonaws.com",
            json!({ "bucketName": "b", "key": "k", "Host": "h" }),
            expect![[r#"
            AWS::S3::Bucket b
        "#]],
        ),
        (
            "lambda.amazonaws.com",
            json!({ "functionName": "f" }),
            expect![[r#"
            AWS::Lambda::Function f
        "#]],
        ),
        (
            "rds.amazonaws.com",
            json!({ "dBInstanceIdentifier": "db" }),
            expect![[r#"
            AWS::RDS::DBInstance db
        "#]],
        ),
        (
            "dynamodb.amazonaws.com",
            json!({ "tableName": "t", "key": { "id": "1" } }),
            expect![[r#"
            AWS::DynamoDB::Table t
        "#]],
        ),
        (
            "sqs.amazonaws.com",
            json!({ "queueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q" }),
            expect![[r#"
                AWS::SQS::Queue https://sqs.eu-west-1.amazonaws.com/1/q
            "#]],
        ),
        (
            "sns.amazonaws.com",
            json!({ "topicArn": "arn:aws:sns:eu-west-1:1:t" }),
            expect![[r#"
            AWS::SNS::Topic arn:aws:sns:eu-west-1:1:t
        "#]],
        ),
        (
            "logs.amazonaws.com",
            json!({ "logGroupName": "g" }),
            expect![[r#"
            AWS::Logs::LogGroup g
        "#]],
        ),
        (
            "secretsmanager.amazonaws.com",
            json!({ "secretId": "s" }),
            expect![[r#"
            AWS::SecretsManager::Secret s
        "#]],
        ),
        (
            "cloudformation.amazonaws.com",
            json!({ "stackName": "s" }),
            expect![[r#"
            AWS::CloudFormation::Stack s
        "#]],
        ),
        (
            "ecs.amazonaws.com",
            json!({ "cluster": "c", "services": ["one", "two"] }),
            expect![[r#"
            AWS::ECS::Cluster c
            AWS::ECS::Service one
            AWS::ECS::Service two
        "#]],
        ),
        (
            "ssm.amazonaws.com",
            json!({ "name": "/a/b", "instanceId": "i-0123456789abcdef0" }),
            expect![[r#"
                AWS::EC2::Instance i-0123456789abcdef0
                - /a/b
            "#]],
        ),
    ] {
        check(&call(source, request, Value::Null), expected);
    }
}

#[test]
fn what_a_name_is_of_is_told_by_the_call() {
    for (name, kind) in [("StopLogging", "AWS::CloudTrail::Trail"), ("CreateChannel", "-")] {
        let mut record = call("cloudtrail.amazonaws.com", json!({ "name": "shop" }), Value::Null);
        record["eventName"] = name.into();
        let text = record.to_string();
        let summary = Summary::of(text.as_bytes());
        let [one] = &summary.resources[..] else { panic!("{summary:?}") };
        assert_eq!((one.kind.as_deref().unwrap_or("-"), &*one.name), (kind, "shop"), "{name}");
    }
}

#[test]
fn of_a_service_that_is_not_known_parameters_that_are_names_count() {
    let request = json!({
        "workspaceId": "ws-1", "displayName": "amy", "accountId": "111111111111", "size": "large",
        "nested": { "deepName": "not told" }, "arn": "arn:aws:grafana:eu-west-1:1:/workspaces/1",
    });
    check(
        &call("grafana.amazonaws.com", request, Value::Null),
        expect![[r#"
        - arn:aws:grafana:eu-west-1:1:/workspaces/1
        - amy
        - ws-1
    "#]],
    );
}

#[test]
fn patterns_and_other_texts_are_no_resources() {
    let policy = json!({ "Statement": [{ "Resource": "arn:aws:s3:::b/*", "Action": "s3:*" }] });
    let request =
        json!({ "bucketName": "b", "bucketPolicy": policy, "text": "see arn:aws:s3:::c" });
    check(
        &call("s3.amazonaws.com", request, Value::Null),
        expect![[r#"
        AWS::S3::Bucket b
    "#]],
    );
    for id in ["i-0123", "x-01234567", "i-0123456G", "i-", "-01234567", "i-0123456789abcdef01"] {
        check(&call("ec2.amazonaws.com", json!({ "instanceId": id }), Value::Null), expect![""]);
    }
}

#[test]
fn the_record_s_own_resources_count_also_without_a_type() {
    let mut record = call("s3.amazonaws.com", Value::Null, Value::Null);
    record["resources"] = json!([
        { "type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/k" },
        { "ARN": "arn:aws:s3:::b", "accountId": "111111111111" },
        { "ARN": "arn:aws:unknown:::thing" },
        { "type": "AWS::S3::Object", "ARNPrefix": "arn:aws:s3:::b/" },
        { "type": "AWS::S3::Object" }, "odd", 7,
    ]);
    check(
        &record,
        expect![[r#"
        AWS::S3::Object arn:aws:s3:::b/k
        AWS::S3::Bucket arn:aws:s3:::b
        - arn:aws:unknown:::thing
        AWS::S3::Object arn:aws:s3:::b/
    "#]],
    );
}

#[test]
fn there_are_so_many_at_most_and_none_too_long_to_be_looked_up() {
    let names: Vec<String> =
        (0..1_000).map(|number| format!("arn:aws:sns:r:1:t{number}")).collect();
    let record = call("sns.amazonaws.com", json!({ "topics": names }), Value::Null).to_string();
    assert_eq!(Summary::of(record.as_bytes()).resources.len(), RESOURCES_MAX);
    let longest = "b".repeat(NAME_BYTES_MAX);
    for (name, resources) in [(longest.clone(), 1), (longest + "b", 0)] {
        let record =
            call("s3.amazonaws.com", json!({ "bucketName": name }), Value::Null).to_string();
        assert_eq!(Summary::of(record.as_bytes()).resources.len(), resources);
    }
}
