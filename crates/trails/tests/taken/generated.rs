//! Trails and records drawn at random, of few words, so that they meet often.

use std::cell::Cell;

use cairn_trails::{
    AdvancedEventSelector, DataResource, EventSelector, EventSelectors, Facts, FieldSelector,
    Organization, ReadWriteType, Rules, Trail, TrailSet,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::{event, second, trail};

const ACCOUNTS: [&str; 4] = ["111111111111", "222222222222", "333333333333", "444444444444"];
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
const CATEGORIES: [&str; 7] =
    ["Management", "Data", "Data", "NetworkActivity", "Insight", "Aggregated", "ActivityAuditLog"];
const SOURCES: [&str; 5] = [
    "s3.amazonaws.com",
    "kms.amazonaws.com",
    "rdsdata.amazonaws.com",
    "logs.amazonaws.com",
    "iam.amazonaws.com",
];
const NAMES: [&str; 4] = ["GetObject", "PutObject", "PutLogEvents", "Get\"\\é"];
const TYPES: [&str; 4] =
    ["AWS::S3::Object", "AWS::Lambda::Function", "AWS::DynamoDB::Table", "AWS::DynamoDB::Stream"];
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111111111111:function:f";
const TABLE: &str = "arn:aws:dynamodb:eu-west-1:111111111111:table/t";
const STREAM: &str = "arn:aws:dynamodb:eu-west-1:111111111111:table/t/stream/2026";
const ARNS: [&str; 8] = [
    "arn:aws:s3:::bucket/",
    "arn:aws:s3:::bucket/a",
    "arn:aws:s3:::bucket/a/b",
    "arn:aws:s3:::other/a",
    FUNCTION,
    "arn:aws:lambda:eu-west-1:111111111111:function:f2",
    TABLE,
    STREAM,
];
const OTHERS: [&str; 5] =
    ["true", "false", "VpceAccessDenied", "vpce-1", "arn:aws:sts::111111111111:assumed-role/r/s"];
const EVENT_TYPES: [&str; 2] = ["AwsApiCall", "AwsVpceEvent"];
/// Beginnings and ends of the words above.
const PIECES: [&str; 10] = [
    "Get",
    "Object",
    "s3",
    ".amazonaws.com",
    "arn:aws:s3:::bucket/",
    "/a",
    "AWS::",
    "::Table",
    "é",
    "t",
];
const FIELDS: [&str; 12] = [
    "errorCode",
    "eventCategory",
    "eventName",
    "eventSource",
    "eventType",
    "readOnly",
    "resources.ARN",
    "resources.type",
    "sessionCredentialFromConsole",
    "userIdentity.arn",
    "vpcEndpointId",
    "unknown",
];

fn word() -> impl Strategy<Value = String> {
    let words =
        [&CATEGORIES[..], &SOURCES, &NAMES, &TYPES, &ARNS, &OTHERS, &EVENT_TYPES, &PIECES].concat();
    select(words).prop_map(str::to_owned)
}

/// A member of a record: a word, or what does not belong there, or nothing.
fn member(words: &'static [&'static str]) -> impl Strategy<Value = Option<Value>> {
    let odd = select(vec![Value::Null, json!(7), json!([]), json!({ "arn": "x" }), json!("")]);
    prop_oneof![
        12 => select(words).prop_map(|word| Some(word.into())),
        2 => Just(None),
        1 => odd.prop_map(Some),
    ]
}

fn resource() -> impl Strategy<Value = Value> {
    let parts = (member(&TYPES), member(&ARNS), member(&ARNS), 0..8);
    parts.prop_map(|(kind, arn, prefix, odd)| match odd {
        0 => json!("text"),
        1 => object([("type", kind), ("ARN", None), ("ARNPrefix", prefix)]),
        _ => object([("accountId", None), ("type", kind), ("ARN", arn)]),
    })
}

fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

fn record() -> impl Strategy<Value = Value> {
    let flag = prop_oneof![
        4 => any::<bool>().prop_map(|flag| Some(flag.into())),
        1 => member(&["true", "False", "no"]),
        1 => Just(None),
    ];
    let invoked_by = member(&["cloudtrail.amazonaws.com", "s3.amazonaws.com"]);
    let identity = (member(&OTHERS), invoked_by)
        .prop_map(|(arn, service)| Some(object([("arn", arn), ("invokedBy", service)])));
    let resources = prop_oneof![
        6 => vec(resource(), 0..8).prop_map(|all| Some(Value::Array(all))),
        1 => member(&["text"]),
    ];
    let filed = (member(&ACCOUNTS), member(&REGIONS), member(&CATEGORIES));
    let call = (member(&SOURCES), member(&NAMES), member(&EVENT_TYPES));
    let more = (member(&OTHERS), member(&OTHERS), member(&["true"]));
    (filed, call, more, flag, identity, resources).prop_map(
        |(filed, call, more, flag, identity, resources)| {
            object([
                ("recipientAccountId", filed.0),
                ("awsRegion", filed.1),
                ("eventCategory", filed.2),
                ("eventSource", call.0),
                ("eventName", call.1),
                ("eventType", call.2),
                ("errorCode", more.0),
                ("vpcEndpointId", more.1),
                ("sessionCredentialFromConsole", more.2),
                ("readOnly", flag),
                ("userIdentity", identity),
                ("resources", resources),
            ])
        },
    )
}

fn field_selector() -> impl Strategy<Value = FieldSelector> {
    let few = || prop_oneof![2 => Just(Vec::new()), 1 => vec(word(), 1..4)];
    let category = vec(select(&CATEGORIES[..]).prop_map(str::to_owned), 1..4).prop_map(|equals| {
        FieldSelector { field: "eventCategory".into(), equals, ..FieldSelector::default() }
    });
    let any = (select(&FIELDS[..]), [few(), few(), few()], [few(), few(), few()]).prop_map(
        |(
            field,
            [equals, starts_with, ends_with],
            [not_equals, not_starts_with, not_ends_with],
        )| {
            let field = field.to_owned();
            FieldSelector {
                field,
                equals,
                starts_with,
                ends_with,
                not_equals,
                not_starts_with,
                not_ends_with,
            }
        },
    );
    prop_oneof![1 => category, 3 => any]
}

fn advanced() -> impl Strategy<Value = EventSelectors> {
    let selector = vec(field_selector(), 1..4)
        .prop_map(|field_selectors| AdvancedEventSelector { name: None, field_selectors });
    vec(selector, 1..5).prop_map(EventSelectors::from)
}

fn basic() -> impl Strategy<Value = EventSelectors> {
    let resource = prop_oneof![
        subsequence(vec!["arn:aws:s3:::bucket/a", "arn:aws:s3:::other/", "arn:aws:s3"], 1..3)
            .prop_map(|values| (TYPES[0], values)),
        subsequence(vec![FUNCTION, "arn:aws:lambda"], 1..3).prop_map(|values| (TYPES[1], values)),
        subsequence(vec![TABLE, "arn:aws:dynamodb"], 1..3).prop_map(|values| (TYPES[2], values)),
    ];
    let resource = resource.prop_map(|(kind, values)| DataResource {
        kind: kind.into(),
        values: values.into_iter().map(str::to_owned).collect(),
    });
    let kinds = [ReadWriteType::All, ReadWriteType::ReadOnly, ReadWriteType::WriteOnly];
    let excluded = subsequence(vec!["kms.amazonaws.com", "rdsdata.amazonaws.com"], 0..3);
    let selector = (select(kinds.to_vec()), any::<bool>(), vec(resource, 0..3), excluded).prop_map(
        |(read_write_type, include_management_events, data_resources, excluded)| EventSelector {
            read_write_type,
            include_management_events,
            data_resources,
            exclude_management_event_sources: excluded.into_iter().map(str::to_owned).collect(),
        },
    );
    vec(selector, 1..4).prop_map(EventSelectors::Basic)
}

fn a_trail() -> impl Strategy<Value = Trail> {
    let selectors = prop_oneof![1 => Just(EventSelectors::Default), 4 => advanced(), 2 => basic()];
    let often = || prop::bool::weighted(0.8);
    let flags = (often(), often(), any::<bool>(), often(), any::<bool>());
    (select(&ACCOUNTS[..3]), select(&REGIONS[..]), selectors, flags).prop_map(
        |(account, region, selectors, (is_multi_region, is_global, is_org, is_logging, own))| {
            Trail {
                is_multi_region,
                include_global_service_events: is_global,
                is_organization: is_org,
                is_logging,
                recursive_logging: own,
                selectors,
                ..trail("trail", account, region)
            }
        },
    )
}

fn trail_set() -> impl Strategy<Value = TrailSet> {
    let organization = (any::<bool>(), subsequence(ACCOUNTS[1..].to_vec(), 0..3)).prop_map(
        |(is_there, members)| {
            is_there.then(|| Organization {
                id: "o-abc123defg".parse().unwrap(),
                management_account: ACCOUNTS[0].parse().unwrap(),
                members: members.iter().map(|account| account.parse().unwrap()).collect(),
            })
        },
    );
    (organization, vec(a_trail(), 1..6)).prop_map(|(organization, trails)| TrailSet {
        version: 1,
        organization,
        trails,
    })
}

#[test]
fn trails_take_what_a_plain_reading_of_the_documentation_takes() {
    let (taken, left) = (Cell::new(0), Cell::new(0));
    let config = Config { cases: 2000, failure_persistence: None, ..Config::default() };
    let ran = TestRunner::new(config).run(&(trail_set(), record()), |(set, record)| {
        let event = event(&record);
        let facts = Facts::of(&event);
        let expected: Vec<usize> = (0..set.trails.len())
            .filter(|place| second::takes(&set, &set.trails[*place], &event))
            .collect();
        let rules = Rules::of(&set);
        let takers: Vec<usize> = rules.takers(&facts).collect();
        prop_assert_eq!(&takers, &expected);
        prop_assert_eq!(rules.takers(&facts).collect::<Vec<_>>(), takers, "asked again");
        let by_set = set.takers(&facts).collect::<Vec<_>>();
        let by_place: Vec<_> = expected.iter().map(|place| &set.trails[*place]).collect();
        prop_assert_eq!(by_set, by_place);
        let explained: Vec<bool> = rules.explain(&facts).map(|one| one.is_taken).collect();
        let is_taker: Vec<bool> = (0..set.trails.len()).map(|n| expected.contains(&n)).collect();
        prop_assert_eq!(explained, is_taker);
        taken.set(taken.get() + expected.len());
        left.set(left.get() + set.trails.len() - expected.len());
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    let (taken, left) = (taken.get(), left.get());
    assert!(
        taken > 300 && left > 300,
        "{taken} taken and {left} left: hardly anything was compared"
    );
}

/// The words above reach each operator of each field, both ways.
#[test]
fn each_operator_of_each_field_takes_some_of_the_drawn_records_and_leaves_some() {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let operators =
        ["Equals", "StartsWith", "EndsWith", "NotEquals", "NotStartsWith", "NotEndsWith"];
    for field in FIELDS.into_iter().filter(|field| *field != "unknown") {
        for operator in operators {
            let mut is_seen = [false; 2];
            for _ in 0..3000 {
                let (value, mut record) = draw(&mut runner, &(word(), record()));
                record["recipientAccountId"] = ACCOUNTS[0].into();
                let selectors =
                    json!([{ "FieldSelectors": [{ "Field": field, operator: [value] }] }]);
                let selectors: Vec<_> = serde_json::from_value(selectors).unwrap();
                is_seen[usize::from(crate::is_taken(&selectors.into(), &record))] = true;
                if is_seen == [true; 2] {
                    break;
                }
            }
            assert_eq!(is_seen, [true; 2], "{field} {operator}");
        }
    }
}

fn draw<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}
