//! The examples of the documentation, and each rule in the smallest case that shows it.
//!
//! Sources: AWS CloudTrail User Guide, "Logging management events", "Logging data events", "Logging
//! network activity events"; API Reference, `DataResource`, `AdvancedFieldSelector`, `CreateTrail`.

#![allow(clippy::needless_pass_by_value)] // JSON is written where it is used

use cairn_trails::{EventSelectors, Facts, Trail};
use serde_json::{Value, json};

use crate::{event, is_taken, set_of};

/// Advanced selectors, as `aws cloudtrail put-event-selectors` takes them.
fn advanced(selectors: Value) -> EventSelectors {
    EventSelectors::of_call(None, Some(serde_json::from_value(selectors).unwrap())).unwrap()
}

/// One advanced selector: its category, and more fields.
fn of(category: &str, fields: Value) -> EventSelectors {
    let mut all = vec![json!({ "Field": "eventCategory", "Equals": [category] })];
    all.extend(fields.as_array().unwrap().iter().cloned());
    advanced(json!([{ "FieldSelectors": all }]))
}

/// S3 object events with one more field.
fn objects(field: Value) -> EventSelectors {
    let kind = json!({ "Field": "resources.type", "Equals": ["AWS::S3::Object"] });
    of("Data", json!([kind, field]))
}

fn basic(selectors: Value) -> EventSelectors {
    EventSelectors::of_call(Some(serde_json::from_value(selectors).unwrap()), None).unwrap()
}

/// A basic selector for resources of one type, without management events.
fn basic_data(kind: &str, values: &[&str]) -> EventSelectors {
    basic(json!([{
        "ReadWriteType": "All",
        "IncludeManagementEvents": false,
        "DataResources": [{ "Type": kind, "Values": values }],
        "ExcludeManagementEventSources": [],
    }]))
}

fn management(source: &str, name: &str, read_only: bool) -> Value {
    json!({
        "eventCategory": "Management", "managementEvent": true,
        "eventSource": source, "eventName": name, "readOnly": read_only,
    })
}

/// An S3 data event as CloudTrail writes it: the object, and its bucket.
fn object_event(name: &str, read_only: bool, bucket: &str, key: &str) -> Value {
    json!({
        "eventCategory": "Data", "managementEvent": false, "eventType": "AwsApiCall",
        "eventSource": "s3.amazonaws.com", "eventName": name, "readOnly": read_only,
        "userIdentity": { "arn": "arn:aws:sts::111111111111:assumed-role/analyst/bob" },
        "resources": [
            { "type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::{bucket}/{key}") },
            { "type": "AWS::S3::Bucket", "ARN": format!("arn:aws:s3:::{bucket}"), "accountId": "111111111111" },
        ],
    })
}

fn data_event(kind: &str, arn: &str) -> Value {
    json!({ "eventCategory": "Data", "readOnly": true, "resources": [{ "type": kind, "ARN": arn }] })
}

fn network_event(more: Value) -> Value {
    let mut record = json!({
        "eventCategory": "NetworkActivity", "eventType": "AwsVpceEvent",
        "eventSource": "kms.amazonaws.com", "eventName": "Decrypt", "vpcEndpointId": "vpce-1",
    });
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    record
}

#[track_caller]
fn check(selectors: &EventSelectors, cases: &[(Value, bool)]) {
    for (record, expected) in cases {
        assert_eq!(is_taken(selectors, record), *expected, "{selectors:?} of {record}");
    }
}

#[test]
fn without_selectors_all_management_events_are_taken_and_nothing_else() {
    check(
        &EventSelectors::Default,
        &[
            (management("ec2.amazonaws.com", "RunInstances", false), true),
            (management("ec2.amazonaws.com", "DescribeInstances", true), true),
            (object_event("GetObject", true, "bucket", "key"), false),
            (network_event(json!({})), false),
            (json!({ "eventCategory": "Insight" }), false),
        ],
    );
    let stored = basic(json!([{
        "ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [],
        "ExcludeManagementEventSources": [],
    }]));
    check(&stored, &[(management("ec2.amazonaws.com", "RunInstances", false), true)]);
    check(&stored, &[(object_event("GetObject", true, "bucket", "key"), false)]);
}

#[test]
fn a_write_only_trail_takes_run_instances_and_not_get_console_output() {
    let of_type = |kind: &str| {
        basic(json!([{
            "ReadWriteType": kind, "IncludeManagementEvents": true,
            "DataResources": [{ "Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::bucket/"] }],
            "ExcludeManagementEventSources": [],
        }]))
    };
    let run = management("ec2.amazonaws.com", "RunInstances", false);
    let get = management("ec2.amazonaws.com", "GetConsoleOutput", true);
    let put_object = object_event("PutObject", false, "bucket", "key");
    let get_object = object_event("GetObject", true, "bucket", "key");
    let silent = json!({ "eventCategory": "Management", "eventName": "ConsoleLogin" });
    for (kind, reads, writes) in
        [("WriteOnly", false, true), ("ReadOnly", true, false), ("All", true, true)]
    {
        check(
            &of_type(kind),
            &[
                (run.clone(), writes),
                (get.clone(), reads),
                (put_object.clone(), writes),
                (get_object.clone(), reads),
                (silent.clone(), writes),
            ],
        );
    }
}

#[test]
fn kms_and_the_data_api_of_rds_may_be_left_out() {
    let kms = management("kms.amazonaws.com", "Decrypt", true);
    let rds = management("rdsdata.amazonaws.com", "ExecuteStatement", false);
    let iam = management("iam.amazonaws.com", "CreateUser", false);
    let without_kms = basic(json!([{
        "ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [],
        "ExcludeManagementEventSources": ["kms.amazonaws.com"],
    }]));
    check(&without_kms, &[(kms.clone(), false), (rds.clone(), true), (iam.clone(), true)]);
    let without_either = of(
        "Management",
        json!([{ "Field": "eventSource", "NotEquals": ["kms.amazonaws.com", "rdsdata.amazonaws.com"] }]),
    );
    check(&without_either, &[(kms, false), (rds, false), (iam, true)]);
}

#[test]
fn one_selector_of_several_is_enough() {
    let writes_and_kms_reads = advanced(json!([
        { "Name": "writes", "FieldSelectors": [
            { "Field": "eventCategory", "Equals": ["Management"] },
            { "Field": "readOnly", "Equals": ["false"] },
        ] },
        { "Name": "objects", "FieldSelectors": [
            { "Field": "eventCategory", "Equals": ["Data"] },
            { "Field": "resources.type", "Equals": ["AWS::S3::Object"] },
        ] },
    ]));
    check(
        &writes_and_kms_reads,
        &[
            (management("ec2.amazonaws.com", "RunInstances", false), true),
            (management("ec2.amazonaws.com", "DescribeInstances", true), false),
            (object_event("GetObject", true, "bucket", "key"), true),
        ],
    );
}

#[test]
fn objects_are_named_by_bucket_and_prefix() {
    let get = |bucket: &str, key: &str| object_event("GetObject", true, bucket, key);
    for all in ["arn:aws:s3", "arn:aws:s3:::"] {
        check(
            &basic_data("AWS::S3::Object", &[all]),
            &[
                (get("bucket", "key"), true),
                (data_event("AWS::S3::AccessPoint", "arn:aws:s3:eu-west-1:1:accesspoint/a"), false),
            ],
        );
    }
    check(
        &basic_data("AWS::S3::Object", &["arn:aws:s3:::bucket/"]),
        &[
            (get("bucket", "key"), true),
            (get("bucket", "a/b/c"), true),
            (get("bucket-2", "key"), false),
            (get("other", "bucket/key"), false),
        ],
    );
    check(
        &basic_data("AWS::S3::Object", &["arn:aws:s3:::bucket/my", "arn:aws:s3:::other/"]),
        &[
            (get("bucket", "my-image.jpg"), true),
            (get("bucket", "example"), false),
            (get("other", "example"), true),
        ],
    );
    let listing = json!({ "eventCategory": "Data", "resources": [
        { "type": "AWS::S3::Object", "ARNPrefix": "arn:aws:s3:::bucket/" },
    ] });
    check(&basic_data("AWS::S3::Object", &["arn:aws:s3:::bucket/"]), &[(listing, true)]);
}

#[test]
fn functions_and_tables_are_named_exactly() {
    let function = |name: &str| {
        data_event(
            "AWS::Lambda::Function",
            &format!("arn:aws:lambda:us-west-2:111111111111:function:{name}"),
        )
    };
    check(
        &basic_data(
            "AWS::Lambda::Function",
            &["arn:aws:lambda:us-west-2:111111111111:function:hello"],
        ),
        &[(function("hello"), true), (function("hello-2"), false), (function("he"), false)],
    );
    check(
        &basic_data("AWS::Lambda::Function", &["arn:aws:lambda"]),
        &[(function("hello"), true), (object_event("GetObject", true, "bucket", "key"), false)],
    );
    let table = "arn:aws:dynamodb:us-west-2:111111111111:table/orders";
    let in_table = |name: &str| {
        data_event(
            "AWS::DynamoDB::Table",
            &format!("arn:aws:dynamodb:us-west-2:111111111111:table/{name}"),
        )
    };
    check(
        &basic_data("AWS::DynamoDB::Table", &[table]),
        &[(in_table("orders"), true), (in_table("orders-old"), false)],
    );
    check(&basic_data("AWS::DynamoDB::Table", &["arn:aws:dynamodb"]), &[(in_table("x"), true)]);
}

#[test]
fn a_table_brings_the_events_of_its_streams() {
    let table = "arn:aws:dynamodb:us-west-2:111111111111:table/orders";
    let stream = data_event(
        "AWS::DynamoDB::Stream",
        "arn:aws:dynamodb:us-west-2:111111111111:table/orders/stream/2026-01-02T03:04:05.678",
    );
    let of_type = |kind: &str, fields: Value| {
        let mut all = vec![json!({ "Field": "resources.type", "Equals": [kind] })];
        all.extend(fields.as_array().unwrap().iter().cloned());
        of("Data", all.into())
    };
    let arn = |arn: &str| json!([{ "Field": "resources.ARN", "Equals": [arn] }]);
    let taken = [(stream.clone(), true)];
    check(&of_type("AWS::DynamoDB::Table", json!([])), &taken);
    check(&of_type("AWS::DynamoDB::Table", arn(table)), &taken);
    check(&of_type("AWS::DynamoDB::Stream", json!([])), &taken);
    check(&basic_data("AWS::DynamoDB::Table", &[table]), &taken);
    check(&basic_data("AWS::DynamoDB::Table", &["arn:aws:dynamodb"]), &taken);
    let left = [(stream, false)];
    check(&of_type("AWS::DynamoDB::Table", arn(&format!("{table}-old"))), &left);
    check(&basic_data("AWS::DynamoDB::Table", &[&format!("{table}-old")]), &left);
    let of_table = data_event("AWS::DynamoDB::Table", table);
    check(&of_type("AWS::DynamoDB::Stream", json!([])), &[(of_table, false)]);
}

#[test]
fn advanced_selectors_narrow_data_events_down() {
    let put = object_event("PutObject", false, "bucket", "key");
    let get = object_event("GetObject", true, "bucket", "key");
    let delete = object_event("DeleteObject", false, "logs", "2026/key");
    for (field, [takes_put, takes_get, takes_delete]) in [
        (json!({ "Field": "readOnly", "Equals": ["false"] }), [true, false, true]),
        (json!({ "Field": "readOnly", "Equals": ["true", "false"] }), [true, true, true]),
        (
            json!({ "Field": "eventName", "Equals": ["PutObject", "GetObject"] }),
            [true, true, false],
        ),
        (json!({ "Field": "eventName", "StartsWith": ["Put", "Del"] }), [true, false, true]),
        (
            json!({ "Field": "eventName", "NotEquals": ["PutObject", "GetObject"] }),
            [false, false, true],
        ),
        (
            json!({ "Field": "resources.ARN", "NotStartsWith": ["arn:aws:s3:::logs/"] }),
            [true, true, false],
        ),
        (
            json!({ "Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::logs/"] }),
            [false, false, true],
        ),
        (json!({ "Field": "resources.ARN", "EndsWith": ["bucket/key"] }), [true, true, false]),
        (
            json!({ "Field": "resources.ARN", "Equals": ["arn:aws:s3:::bucket/key"] }),
            [true, true, false],
        ),
        (json!({ "Field": "eventSource", "Equals": ["s3.amazonaws.com"] }), [true, true, true]),
        (json!({ "Field": "eventType", "NotEquals": ["AwsServiceEvent"] }), [true, true, true]),
        (
            json!({ "Field": "userIdentity.arn", "StartsWith": ["arn:aws:sts::111111111111:assumed-role/analyst/"] }),
            [true, true, true],
        ),
        (
            json!({ "Field": "userIdentity.arn", "Equals": ["arn:aws:sts::111111111111:assumed-role/analyst"] }),
            [false, false, false],
        ),
        (
            json!({ "Field": "sessionCredentialFromConsole", "NotEquals": ["true"] }),
            [true, true, true],
        ),
    ] {
        check(
            &objects(field),
            &[(put.clone(), takes_put), (get.clone(), takes_get), (delete.clone(), takes_delete)],
        );
    }
}

#[test]
fn of_one_field_the_positive_are_ored_and_the_negative_anded() {
    let get = [(object_event("GetObject", true, "bucket", "key"), true)];
    let not = [(object_event("GetObject", true, "bucket", "key"), false)];
    let name = |operators: Value| {
        let mut field = operators;
        field["Field"] = "eventName".into();
        objects(field)
    };
    check(&name(json!({ "Equals": ["PutObject"], "StartsWith": ["Get"] })), &get);
    check(&name(json!({ "Equals": ["PutObject"], "EndsWith": ["Object"] })), &get);
    check(&name(json!({ "Equals": ["PutObject"], "StartsWith": ["Del"] })), &not);
    check(&name(json!({ "StartsWith": ["Get"], "NotEquals": ["GetObject"] })), &not);
    check(&name(json!({ "StartsWith": ["Get"], "NotEndsWith": ["Acl"] })), &get);
    check(&name(json!({ "NotStartsWith": ["Put"], "NotEndsWith": ["Object"] })), &not);
    check(&name(json!({ "Equals": ["getobject"] })), &not);
    check(&name(json!({ "Equals": ["Get*"] })), &not);
    check(&name(json!({ "StartsWith": ["*"] })), &not);
}

#[test]
fn a_field_that_the_record_lacks_meets_only_what_leaves_out() {
    let record = json!({ "eventCategory": "Data", "resources": [{ "type": "AWS::S3::Object" }] });
    for field in ["eventName", "eventSource", "eventType", "userIdentity.arn"] {
        check(&objects(json!({ "Field": field, "StartsWith": ["x"] })), &[(record.clone(), false)]);
        check(
            &objects(json!({ "Field": field, "NotStartsWith": ["x"] })),
            &[(record.clone(), true)],
        );
    }
    check(
        &objects(json!({ "Field": "readOnly", "Equals": ["false"] })),
        &[(record.clone(), false)],
    );
    check(&objects(json!({ "Field": "resources.ARN", "StartsWith": ["a"] })), &[(record, false)]);
}

#[test]
fn any_of_several_resources_may_be_selected_and_none_may_be_left_out() {
    let resource = |key: &str| json!({ "type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::bucket/{key}") });
    for count in [2, 4, 5, 100] {
        let mut resources: Vec<Value> = (1..count).map(|n| resource(&format!("k{n}"))).collect();
        resources.push(resource("last"));
        let batch = json!({ "eventCategory": "Data", "resources": resources });
        let arn = |operator: &str, arn: &str| {
            objects(json!({ "Field": "resources.ARN", operator: [arn] }))
        };
        check(&arn("Equals", "arn:aws:s3:::bucket/last"), &[(batch.clone(), true)]);
        check(&arn("Equals", "arn:aws:s3:::bucket/none"), &[(batch.clone(), false)]);
        check(&arn("NotEquals", "arn:aws:s3:::bucket/last"), &[(batch.clone(), false)]);
        check(&arn("NotEquals", "arn:aws:s3:::bucket/none"), &[(batch, true)]);
    }
}

#[test]
fn console_sessions_are_told_apart() {
    let mut console = object_event("GetObject", true, "bucket", "key");
    console["sessionCredentialFromConsole"] = "true".into();
    let other = object_event("GetObject", true, "bucket", "key");
    let only = objects(json!({ "Field": "sessionCredentialFromConsole", "Equals": ["true"] }));
    check(&only, &[(console.clone(), true), (other.clone(), false)]);
    let none = objects(json!({ "Field": "sessionCredentialFromConsole", "NotEquals": ["true"] }));
    check(&none, &[(console, false), (other, true)]);
}

#[test]
fn network_activity_is_selected_by_source_endpoint_and_error() {
    let of_kms = |more: Value| {
        let mut all = vec![json!({ "Field": "eventSource", "Equals": ["kms.amazonaws.com"] })];
        all.extend(more.as_array().unwrap().iter().cloned());
        of("NetworkActivity", all.into())
    };
    let denied = json!({ "errorCode": "VpceAccessDenied" });
    check(
        &of_kms(json!([])),
        &[
            (network_event(json!({})), true),
            (network_event(json!({ "eventSource": "ec2.amazonaws.com" })), false),
            (management("kms.amazonaws.com", "Decrypt", true), false),
        ],
    );
    check(
        &of_kms(json!([{ "Field": "errorCode", "Equals": ["VpceAccessDenied"] }])),
        &[
            (network_event(denied), true),
            (network_event(json!({})), false),
            (network_event(json!({ "errorCode": "AccessDenied" })), false),
        ],
    );
    check(
        &of_kms(json!([{ "Field": "vpcEndpointId", "NotEquals": ["vpce-1"] }])),
        &[
            (network_event(json!({})), false),
            (network_event(json!({ "vpcEndpointId": "vpce-2" })), true),
        ],
    );
}

#[test]
fn what_aws_keeps_in_event_data_stores_is_taken_by_category() {
    for category in ["Insight", "Aggregated", "ActivityAuditLog"] {
        check(
            &of(category, json!([])),
            &[
                (json!({ "eventCategory": category }), true),
                (management("ec2.amazonaws.com", "RunInstances", false), false),
            ],
        );
    }
}

#[test]
fn records_of_cloudtrails_own_deliveries_are_taken_unless_recursive_logging_is_off() {
    let delivery = |source: &str, name: &str, service: &str| {
        let mut record = object_event(name, false, "bucket", "key");
        record["eventSource"] = source.into();
        record["userIdentity"] = json!({ "type": "AWSService", "invokedBy": service });
        record
    };
    let cloudtrail = "cloudtrail.amazonaws.com";
    let cases = [
        (delivery("s3.amazonaws.com", "PutObject", cloudtrail), false),
        (delivery("logs.amazonaws.com", "PutLogEvents", cloudtrail), false),
        (delivery("s3.amazonaws.com", "PutObject", "config.amazonaws.com"), true),
        (delivery("s3.amazonaws.com", "GetBucketAcl", cloudtrail), true),
        (delivery("logs.amazonaws.com", "PutObject", cloudtrail), true),
        (object_event("PutObject", false, "bucket", "key"), true),
    ];
    let all = objects(json!({ "Field": "eventName", "NotEquals": ["x"] }));
    for (record, without) in cases {
        let event = event(&record);
        for (recursive_logging, expected) in [(true, true), (false, without)] {
            let mut set = set_of(all.clone());
            set.trails = vec![Trail { recursive_logging, ..set.trails[0].clone() }];
            let is_taken = set.takers(&Facts::of(&event)).next().is_some();
            assert_eq!(is_taken, expected, "{record}");
        }
    }
}

#[test]
fn escapes_in_a_record_change_nothing() {
    let record = r#"{"eventCategory":"Data","eventName":"Get\u004fbject","readOnly":true,
        "userIdentity":{"arn":"arn:aws:iam::1:user\/a"},
        "resources":[{"\u0074ype":"AWS::S3::Object","ARN":"arn:aws:s3:::bucket\/k"}]}"#;
    let record: &[u8] = record.as_bytes();
    let sender = model::Sender {
        account: "111111111111".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    };
    let event = model::Event::from_record(bytes::Bytes::copy_from_slice(record), &sender).unwrap();
    let facts = Facts::of(&event.event);
    for field in [
        json!({ "Field": "eventName", "Equals": ["GetObject"] }),
        json!({ "Field": "userIdentity.arn", "Equals": ["arn:aws:iam::1:user/a"] }),
        json!({ "Field": "resources.ARN", "Equals": ["arn:aws:s3:::bucket/k"] }),
    ] {
        assert_eq!(set_of(objects(field.clone())).takers(&facts).count(), 1, "{field}");
    }
}
