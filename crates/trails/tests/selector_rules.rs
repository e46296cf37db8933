//! What PutEventSelectors takes and what it refuses, with which words.
#![allow(clippy::unwrap_used)]

use cairn_trails::{
    AdvancedEventSelector, DataResource, EventSelector, EventSelectors, InvalidSelector,
    ReadWriteType,
};
use serde_json::{Value, json};

/// One advanced selector of a category, with more fields.
fn of(category: &str, fields: &[Value]) -> Value {
    let mut all = vec![json!({ "Field": "eventCategory", "Equals": [category] })];
    all.extend_from_slice(fields);
    json!([{ "FieldSelectors": all }])
}

fn field(name: &str, operator: &str, values: &[&str]) -> Value {
    json!({ "Field": name, operator: values })
}

fn of_type(name: &str) -> Value {
    field("resources.type", "Equals", &[name])
}

fn put_advanced(selectors: &Value) -> Result<EventSelectors, InvalidSelector> {
    let selectors = serde_json::from_value(selectors.clone()).unwrap();
    EventSelectors::of_call(None, Some(selectors))
}

#[track_caller]
fn taken(selectors: &Value) {
    let put = put_advanced(selectors).unwrap_or_else(|error| panic!("{selectors}: {error}"));
    put.check().unwrap();
}

#[track_caller]
fn refused(selectors: &Value, text: &str) {
    assert_eq!(put_advanced(selectors).unwrap_err().to_string(), text, "{selectors}");
    let parsed: Vec<AdvancedEventSelector> = serde_json::from_value(selectors.clone()).unwrap();
    assert!(EventSelectors::Advanced(parsed).check().is_err(), "{selectors}");
}

fn basic(resources: &[(&str, &[&str])]) -> EventSelector {
    let resource = |(kind, values): &(&str, &[&str])| DataResource {
        kind: (*kind).to_owned(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    let data_resources = resources.iter().map(resource).collect();
    EventSelector { data_resources, ..EventSelector::default() }
}

fn put_basic(selectors: &[EventSelector]) -> Result<EventSelectors, InvalidSelector> {
    EventSelectors::of_call(Some(selectors.to_vec()), None)
}

#[track_caller]
fn refused_basic(selectors: &[EventSelector], text: &str) {
    assert_eq!(put_basic(selectors).unwrap_err().to_string(), text, "{selectors:?}");
    assert!(EventSelectors::Basic(selectors.to_vec()).check().is_err(), "{selectors:?}");
}

const OBJECT: &str = "AWS::S3::Object";
const FUNCTION: &str = "AWS::Lambda::Function";
const TABLE: &str = "AWS::DynamoDB::Table";

#[test]
fn a_call_names_either_kind_of_selectors() {
    let advanced = AdvancedEventSelector::of_categories(&[model::Category::Management]);
    let both = EventSelectors::of_call(Some(vec![EventSelector::default()]), Some(advanced));
    assert_eq!(
        both.unwrap_err().to_string(),
        "You can select events by using either EventSelectors or AdvancedEventSelectors, but not both."
    );
    let neither = EventSelectors::of_call(None, None).unwrap_err();
    assert_eq!(neither, InvalidSelector::BasicCount);
}

#[test]
fn one_to_five_basic_selectors_are_taken() {
    let count = "Specify a valid number of selectors (1 to 5) for your trail";
    refused_basic(&[], count);
    put_basic(&vec![EventSelector::default(); 5]).unwrap();
    refused_basic(&vec![EventSelector::default(); 6], count);
}

#[test]
fn the_read_write_type_is_one_of_three() {
    for (text, expected) in [
        ("All", ReadWriteType::All),
        ("ReadOnly", ReadWriteType::ReadOnly),
        ("WriteOnly", ReadWriteType::WriteOnly),
    ] {
        assert_eq!(text.parse(), Ok(expected));
    }
    let wrong = "read-only".parse::<ReadWriteType>().unwrap_err();
    assert_eq!(wrong.to_string(), "Value read-only for ReadWriteType is invalid.");
}

#[test]
fn only_kms_and_the_data_api_of_rds_are_left_out_of_management_events() {
    let excluding = |sources: &[&str], include_management_events| EventSelector {
        include_management_events,
        exclude_management_event_sources: sources.iter().map(|one| (*one).to_owned()).collect(),
        ..EventSelector::default()
    };
    put_basic(&[excluding(&["kms.amazonaws.com", "rdsdata.amazonaws.com"], true)]).unwrap();
    put_basic(&[excluding(&[], false)]).unwrap();
    refused_basic(
        &[excluding(&["s3.amazonaws.com"], true)],
        "Value s3.amazonaws.com for ExcludeManagementEventSources is invalid; use kms.amazonaws.com or rdsdata.amazonaws.com",
    );
    refused_basic(
        &[excluding(&["kms.amazonaws.com"], false)],
        "ExcludeManagementEventSources needs IncludeManagementEvents to be true",
    );
}

#[test]
fn data_resources_of_basic_selectors_have_known_forms() {
    let function = "arn:aws:lambda:us-west-2:111111111111:function:f";
    let table = "arn:aws:dynamodb:us-west-2:111111111111:table/t";
    put_basic(&[basic(&[
        (OBJECT, &["arn:aws:s3", "arn:aws:s3:::", "arn:aws:s3:::b1/", "arn:aws-cn:s3:::b.2/a*"]),
        (FUNCTION, &["arn:aws:lambda", function]),
        (TABLE, &["arn:aws:dynamodb", "arn:aws-us-gov:dynamodb", table]),
    ])])
    .unwrap();
    for (kind, value) in [
        (OBJECT, "arn:aws:s3:::*"),
        (OBJECT, "arn:aws:s3:::*/*"),
        (OBJECT, "arn:aws:s3:::/"),
        (OBJECT, "arn:aws:s3:::bucket"),
        (OBJECT, "bucket/"),
        (OBJECT, "arn:aws:lambda"),
        (OBJECT, "arn:gcp:s3"),
        (OBJECT, ""),
        (FUNCTION, "arn:aws:s3"),
        (FUNCTION, "arn:aws:lambda:*"),
        (FUNCTION, "arn:aws:lambda:us-west-2:111111111111:function:*"),
        (FUNCTION, "arn:aws:lambda:us-west-2:111111111111:function:f:1"),
        (FUNCTION, "arn:aws:lambda:us-west-2:1:function:f"),
        (FUNCTION, "arn:aws:lambda::111111111111:function:f"),
        (TABLE, "arn:aws:dynamodb:us-west-2:111111111111:table/"),
        (TABLE, "arn:aws:dynamodb:us-west-2:111111111111:table/t/stream/1"),
        (TABLE, "arn:aws:lambda:us-west-2:111111111111:table/t"),
    ] {
        refused_basic(
            &[basic(&[(kind, &[value])])],
            &format!("Value {value} for DataResources.Values is invalid."),
        );
    }
    refused_basic(
        &[basic(&[("AWS::S3::Bucket", &["arn:aws:s3"])])],
        "Value AWS::S3::Bucket for DataResources.Type is invalid.",
    );
}

#[test]
fn at_most_250_data_resources_are_named_over_all_selectors() {
    let buckets = |count: usize| {
        let values = (0..count).map(|n| format!("arn:aws:s3:::bucket-{n}/")).collect();
        let data_resources = vec![DataResource { kind: OBJECT.into(), values }];
        EventSelector { data_resources, ..EventSelector::default() }
    };
    put_basic(&[buckets(250)]).unwrap();
    put_basic(&[buckets(125), buckets(125), basic(&[(OBJECT, &["arn:aws:s3"])])]).unwrap();
    refused_basic(
        &[buckets(125), buckets(126)],
        "Specify a valid number of data resources (1 to 250) for your trail; 251 are given",
    );
    refused_basic(
        &[basic(&[(OBJECT, &[])])],
        "Specify a valid number of data resources (1 to 250) for your trail; 0 are given",
    );
}

#[test]
fn an_advanced_selector_names_its_category() {
    let required = "The following fields are required: [eventCategory].";
    refused(&json!([{ "FieldSelectors": [] }]), required);
    refused(&json!([{ "FieldSelectors": [field("readOnly", "Equals", &["true"])] }]), required);
    let not = field("eventCategory", "NotEquals", &["Data"]);
    refused(&json!([{ "FieldSelectors": [not] }]), required);
    for category in ["Management", "Insight", "Aggregated", "ActivityAuditLog"] {
        taken(&of(category, &[]));
    }
    for category in ["Date", "management", "Evidence", "ConfigurationItem", ""] {
        refused(
            &of(category, &[]),
            &format!(
                "eventCategory {category:?} is unknown; use one of Management, Data, NetworkActivity, Insight, Aggregated, ActivityAuditLog"
            ),
        );
    }
    let twice = field("eventCategory", "Equals", &["Dat"]);
    assert!(put_advanced(&of("Management", &[twice])).is_err());
}

/// The fields of each category, with the operators that they take.
const ALLOWED: &[(&str, &[(&str, &str)])] = &[
    ("Management", &[("eventCategory", "E"), ("readOnly", "E"), ("eventSource", "e")]),
    (
        "Data",
        &[
            ("eventCategory", "E"),
            ("resources.type", "E"),
            ("readOnly", "E"),
            ("eventName", "ESXesx"),
            ("resources.ARN", "ESXesx"),
            ("eventSource", "ESXesx"),
            ("eventType", "ESXesx"),
            ("userIdentity.arn", "ESXesx"),
            ("sessionCredentialFromConsole", "Ee"),
        ],
    ),
    (
        "NetworkActivity",
        &[
            ("eventCategory", "E"),
            ("eventSource", "E"),
            ("eventName", "ESXesx"),
            ("vpcEndpointId", "ESXesx"),
            ("errorCode", "E"),
            ("userIdentity.arn", "ESXesx"),
        ],
    ),
    ("Insight", &[("eventCategory", "E")]),
    ("Aggregated", &[("eventCategory", "E")]),
    ("ActivityAuditLog", &[("eventCategory", "E")]),
];

#[test]
fn each_category_has_its_fields_and_each_field_its_operators() {
    let fields = [
        ("eventCategory", None),
        ("readOnly", Some("true")),
        ("eventSource", Some("kms.amazonaws.com")),
        ("resources.type", Some(OBJECT)),
        ("eventName", Some("GetObject")),
        ("resources.ARN", Some("arn:aws:s3:::bucket/key")),
        ("eventType", Some("AwsApiCall")),
        ("userIdentity.arn", Some("arn:aws:iam::111111111111:user/a")),
        ("sessionCredentialFromConsole", Some("true")),
        ("vpcEndpointId", Some("vpce-1")),
        ("errorCode", Some("VpceAccessDenied")),
    ];
    let operators = [
        ("E", "Equals"),
        ("S", "StartsWith"),
        ("X", "EndsWith"),
        ("e", "NotEquals"),
        ("s", "NotStartsWith"),
        ("x", "NotEndsWith"),
    ];
    for (category, allowed) in ALLOWED {
        for (name, value) in fields {
            for (letter, operator) in operators {
                let required = match *category {
                    "Data" if name != "resources.type" => Some(of_type(OBJECT)),
                    "NetworkActivity" if name != "eventSource" => {
                        Some(field("eventSource", "Equals", &["kms.amazonaws.com"]))
                    }
                    _ => None,
                };
                let more = field(name, operator, &[value.unwrap_or(category)]);
                let all: Vec<Value> = required.into_iter().chain([more]).collect();
                let is_allowed = allowed
                    .iter()
                    .any(|(allowed, letters)| *allowed == name && letters.contains(letter));
                let put = put_advanced(&of(category, &all));
                assert_eq!(put.is_ok(), is_allowed, "{category}: {name} {operator}: {put:?}");
            }
        }
    }
    refused(
        &of("Management", &[field("eventName", "Equals", &["x"])]),
        "field \"eventName\" cannot be used with eventCategory Management; use one of eventCategory, eventSource, readOnly",
    );
    refused(
        &of("Management", &[field("eventSource", "Equals", &["kms.amazonaws.com"])]),
        "field \"eventSource\" does not take Equals with eventCategory Management; use NotEquals",
    );
}

#[test]
fn data_events_are_of_one_known_type_of_resource() {
    let invalid = "The resources.type field value is not valid.";
    taken(&of("Data", &[of_type("AWS::XRay::Trace")]));
    refused(&of("Data", &[of_type("AWS::S3::Objekt")]), invalid);
    refused(&of("Data", &[of_type("AWS::S3::Object\nAWS::S3::AccessPoint")]), invalid);
    refused(&of("Data", &[field("resources.type", "Equals", &[OBJECT, TABLE])]), invalid);
    refused(&of("Data", &[of_type(OBJECT), of_type(TABLE)]), invalid);
}

#[test]
fn only_the_configuration_selects_all_types_of_resources_and_all_sources() {
    for (category, missing) in [("Data", "resources.type"), ("NetworkActivity", "eventSource")] {
        let all = of(category, &[]);
        let error = put_advanced(&all).unwrap_err().to_string();
        assert_eq!(error, format!("The following fields are required: [{missing}]."));
        let parsed: Vec<AdvancedEventSelector> = serde_json::from_value(all).unwrap();
        EventSelectors::Advanced(parsed).check().unwrap();
    }
}

#[test]
fn network_activity_is_of_one_known_source() {
    let source = |values: &[&str]| of("NetworkActivity", &[field("eventSource", "Equals", values)]);
    taken(&source(&["kms.amazonaws.com"]));
    for wrong in [&["iam.amazonaws.com"][..], &["kms.amazonaws.com", "s3.amazonaws.com"]] {
        let text = format!(
            "field \"eventSource\" does not take the value {:?}; use one source that has network activity events, such as \"kms.amazonaws.com\"",
            wrong.join(", ")
        );
        refused(&source(wrong), &text);
    }
    let denied = field("errorCode", "Equals", &["AccessDenied"]);
    let source = field("eventSource", "Equals", &["kms.amazonaws.com"]);
    refused(
        &of("NetworkActivity", &[source, denied]),
        "field \"errorCode\" does not take the value \"AccessDenied\"; use \"VpceAccessDenied\"",
    );
}

#[test]
fn flags_are_texts() {
    refused(
        &of("Management", &[field("readOnly", "Equals", &["True"])]),
        "field \"readOnly\" does not take the value \"True\"; use \"true\" or \"false\"",
    );
    let console = field("sessionCredentialFromConsole", "NotEquals", &["false"]);
    refused(
        &of("Data", &[of_type(OBJECT), console]),
        "field \"sessionCredentialFromConsole\" does not take the value \"false\"; use \"true\"",
    );
}

#[test]
fn equals_takes_whole_arns_and_the_others_any_text() {
    let arn = |kind: &str, operator: &str, arn: &str| {
        of("Data", &[of_type(kind), field("resources.ARN", operator, &[arn])])
    };
    let function = "arn:aws:lambda:us-west-2:111111111111:function:f";
    for (kind, exact) in [
        (OBJECT, "arn:aws:s3:::bucket/key"),
        (FUNCTION, function),
        (TABLE, "arn:aws:dynamodb:us-west-2:111111111111:table/t"),
        ("AWS::SNS::Topic", "arn:aws:sns:us-west-2:111111111111:topic"),
        ("AWS::S3::AccessPoint", "arn:aws:s3:us-west-2:111111111111:accesspoint/a"),
    ] {
        taken(&arn(kind, "Equals", exact));
        taken(&arn(kind, "NotEquals", exact));
    }
    for (kind, wrong) in [
        (OBJECT, "arn:aws:s3:::bucket/"),
        (OBJECT, "arn:aws:s3:::bucket"),
        (OBJECT, "bucket/key"),
        (FUNCTION, "arn:aws:lambda:us-west-2:111111111111:function:f:1"),
        (FUNCTION, "arn:aws:lambda:us-west-2:111111111111:function:f:prod"),
        (FUNCTION, "arn:aws:lambda:us-west-2:111111111111:function:f:$LATEST"),
        (TABLE, "arn:aws:dynamodb:us-west-2:111111111111:table/t/index/i"),
        ("AWS::SNS::Topic", "topic"),
        ("AWS::SNS::Topic", "arn:aws:sns:us-west-2:111111111111:"),
    ] {
        let text = format!(
            "The specified ARN {wrong} is not valid. Verify that the ARN is properly formatted."
        );
        for operator in ["Equals", "NotEquals"] {
            refused(&arn(kind, operator, wrong), &text);
        }
        for operator in ["StartsWith", "EndsWith", "NotStartsWith", "NotEndsWith"] {
            taken(&arn(kind, operator, wrong));
        }
    }
}

#[test]
fn at_most_500_selectors_and_values_are_taken() {
    let count = "Specify between 1 and 500 selectors for your trail.";
    refused(&json!([]), count);
    let one = of("Management", &[])[0].clone();
    taken(&Value::Array(vec![one.clone(); 500]));
    refused(&Value::Array(vec![one; 501]), count);
    let names = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("Name{n}")).collect();
        of("Data", &[of_type(OBJECT), json!({ "Field": "eventName", "NotEquals": names })])
    };
    taken(&names(498));
    refused(&names(499), "the selectors hold 501 values; at most 500 are allowed");
}

#[test]
fn names_and_values_have_their_lengths() {
    let named = |name: &str| {
        let mut selectors = of("Management", &[]);
        selectors[0]["Name"] = name.into();
        selectors
    };
    taken(&named(""));
    taken(&named(&"é".repeat(1000)));
    refused(&named(&"x".repeat(1001)), "Name has more than 1000 characters");
    let value =
        |value: &str| of("Data", &[of_type(OBJECT), field("eventName", "Equals", &[value])]);
    taken(&value(&"é".repeat(2048)));
    let length = "field \"eventName\" has a value outside 1 to 2048 characters";
    refused(&value(&"x".repeat(2049)), length);
    refused(&value(""), length);
}

#[test]
fn fields_are_known_and_compared_with_something() {
    let with = |more: Value| of("Management", &[more]);
    let names = "Field is not of 1 to 1000 letters, digits, dots, underscores and vertical bars";
    for name in ["", "event name", "event-name", &"x".repeat(1001)] {
        refused(&with(field(name, "Equals", &["x"])), names);
    }
    refused(
        &with(field("eventname", "Equals", &["x"])),
        "field \"eventname\" is unknown; use one of errorCode, eventCategory, eventName, eventSource, eventType, readOnly, resources.ARN, resources.type, sessionCredentialFromConsole, userIdentity.arn, vpcEndpointId",
    );
    let none = "field \"readOnly\" needs at least one value under Equals, StartsWith, EndsWith, NotEquals, NotStartsWith or NotEndsWith";
    refused(&with(json!({ "Field": "readOnly" })), none);
    refused(&with(field("readOnly", "Equals", &[])), none);
}
