//! What a person reads when a trail took an event, or did not.

use cairn_trails::{EventSelectors, Facts, Rules, Trail, TrailSet};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::{event, trail};

#[track_caller]
fn check(trail: Trail, record: &Value, expected: &Expect) {
    let event = event(record);
    let set = TrailSet { trails: vec![trail], ..TrailSet::default() };
    let facts = Facts::of(&event);
    let explanation = Rules::of(&set).explain(&facts).next().unwrap();
    let mark = |holds| if holds { '+' } else { '-' };
    let mut lines = vec![format!("taken: {}", explanation.is_taken)];
    for condition in explanation.conditions {
        lines.push(format!("{} {}", mark(condition.holds), condition.because));
    }
    for selector in explanation.selectors {
        lines.push(format!("{} {}", mark(selector.is_match), selector.title));
        for condition in selector.conditions {
            lines.push(format!("  {} {}", mark(condition.holds), condition.because));
        }
    }
    expected.assert_eq(&lines.join("\n"));
}

fn with(selectors: Value) -> Trail {
    let selectors: Vec<_> = serde_json::from_value(selectors).unwrap();
    Trail { selectors: selectors.into(), ..trail("one", "111111111111", "eu-west-1") }
}

#[test]
fn each_condition_of_a_selector_has_its_reason() {
    let selectors = json!([
        { "Name": "objects of b1", "FieldSelectors": [
            { "Field": "eventCategory", "Equals": ["Data"] },
            { "Field": "resources.type", "Equals": ["AWS::S3::Object"] },
            { "Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::b1/"], "NotEndsWith": [".tmp"] },
            { "Field": "eventName", "NotStartsWith": ["List"] },
            { "Field": "userIdentity.arn", "NotEquals": ["arn:aws:iam::111111111111:user/a"] },
        ] },
        { "FieldSelectors": [
            { "Field": "eventCategory", "Equals": ["Management"] },
            { "Field": "eventSource", "NotEquals": ["a", "b", "c", "d", "e"] },
            { "Field": "errorCode", "Equals": ["VpceAccessDenied"] },
        ] },
    ]);
    let record = |arn: &str| {
        json!({ "eventCategory": "Data", "eventName": "GetObject", "eventSource": "s3.amazonaws.com",
            "resources": [{ "type": "AWS::S3::Object", "ARN": arn }, { "type": "AWS::S3::Bucket" }] })
    };
    check(
        with(selectors.clone()),
        &record("arn:aws:s3:::b1/k"),
        &expect![[r#"
            taken: true
            + the trail and the event are of account 111111111111
            + its logging is started
            + the trail sees eu-west-1, and the event is of eu-west-1
            + no global service recorded the event
            + selector 1, "objects of b1"
              + eventCategory is "Data", as selected
              + eventName is "GetObject", which nothing leaves out (NotStartsWith "List")
              + resources.type is "AWS::S3::Object", as selected
              + resources.ARN is "arn:aws:s3:::b1/k", as selected (it begins with "arn:aws:s3:::b1/")
              + the record has no userIdentity.arn, so nothing leaves it out
            - selector 2
              - eventCategory is "Data", which is not selected (Equals "Management")
              + eventSource is "s3.amazonaws.com", which nothing leaves out (NotEquals "a", NotEquals "b", NotEquals "c" and 2 more)
              - the record has no errorCode, which must be there (Equals "VpceAccessDenied")"#]],
    );
    check(
        with(selectors.clone()),
        &record("arn:aws:s3:::b1/k.tmp"),
        &expect![[r#"
            taken: false
            + the trail and the event are of account 111111111111
            + its logging is started
            + the trail sees eu-west-1, and the event is of eu-west-1
            + no global service recorded the event
            - selector 1, "objects of b1"
              + eventCategory is "Data", as selected
              + eventName is "GetObject", which nothing leaves out (NotStartsWith "List")
              + resources.type is "AWS::S3::Object", as selected
              - resources.ARN is "arn:aws:s3:::b1/k.tmp", which the selector leaves out (it ends with ".tmp")
              + the record has no userIdentity.arn, so nothing leaves it out
            - selector 2
              - eventCategory is "Data", which is not selected (Equals "Management")
              + eventSource is "s3.amazonaws.com", which nothing leaves out (NotEquals "a", NotEquals "b", NotEquals "c" and 2 more)
              - the record has no errorCode, which must be there (Equals "VpceAccessDenied")"#]],
    );
    check(
        with(selectors),
        &record("arn:aws:s3:::b2/k"),
        &expect![[r#"
            taken: false
            + the trail and the event are of account 111111111111
            + its logging is started
            + the trail sees eu-west-1, and the event is of eu-west-1
            + no global service recorded the event
            - selector 1, "objects of b1"
              + eventCategory is "Data", as selected
              + eventName is "GetObject", which nothing leaves out (NotStartsWith "List")
              + resources.type is "AWS::S3::Object", as selected
              - resources.ARN is "arn:aws:s3:::b2/k", which is not selected (StartsWith "arn:aws:s3:::b1/")
              + the record has no userIdentity.arn, so nothing leaves it out
            - selector 2
              - eventCategory is "Data", which is not selected (Equals "Management")
              + eventSource is "s3.amazonaws.com", which nothing leaves out (NotEquals "a", NotEquals "b", NotEquals "c" and 2 more)
              - the record has no errorCode, which must be there (Equals "VpceAccessDenied")"#]],
    );
}

#[test]
fn a_basic_selector_is_explained_by_its_kinds_of_events() {
    let selectors = json!({ "EventSelectors": [{
        "ReadWriteType": "WriteOnly", "IncludeManagementEvents": true,
        "DataResources": [
            { "Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::b1/"] },
            { "Type": "AWS::Lambda::Function", "Values": ["arn:aws:lambda"] },
        ],
        "ExcludeManagementEventSources": ["kms.amazonaws.com"],
    }] });
    let selectors: EventSelectors = serde_json::from_value(selectors).unwrap();
    let one = Trail { selectors, ..trail("one", "111111111111", "eu-west-1") };
    let record = json!({ "eventCategory": "Management", "eventSource": "kms.amazonaws.com" });
    check(
        one,
        &record,
        &expect![[r#"
            taken: false
            + the trail and the event are of account 111111111111
            + its logging is started
            + the trail sees eu-west-1, and the event is of eu-west-1
            + no global service recorded the event
            - selector 1, management events
              + eventCategory is "Management", as selected
              + the record has no readOnly, so nothing leaves it out
              - eventSource is "kms.amazonaws.com", which the selector leaves out
            - selector 1, data events of AWS::S3::Object
              - eventCategory is "Management", which is not selected (Equals "Data")
              + the record has no readOnly, so nothing leaves it out
              - the record has no resources.type, which must be there (Equals "AWS::S3::Object")
              - the record has no resources.ARN, which must be there (StartsWith "arn:aws:s3:::b1/")
            - selector 1, data events of AWS::Lambda::Function
              - eventCategory is "Management", which is not selected (Equals "Data")
              + the record has no readOnly, so nothing leaves it out
              - the record has no resources.type, which must be there (Equals "AWS::Lambda::Function")"#]],
    );
}

#[test]
fn what_keeps_a_whole_trail_from_an_event_is_said() {
    let off = Trail {
        is_logging: false,
        recursive_logging: false,
        include_global_service_events: false,
        ..trail("off", "222222222222", "us-east-1")
    };
    let iam = json!({ "eventCategory": "Management", "eventSource": "iam.amazonaws.com", "awsRegion": "us-east-1" });
    check(
        off.clone(),
        &iam,
        &expect![[r#"
        taken: false
        - the trail is of account 222222222222, and the event of account 111111111111
        - its logging is stopped
        + the trail sees us-east-1, and the event is of us-east-1
        - a global service recorded the event, and IncludeGlobalServiceEvents is off
        + the event is no delivery of CloudTrail's own
        + the default selector
          + eventCategory is "Management", as selected"#]],
    );
    let delivery = json!({ "eventCategory": "Data", "eventSource": "s3.amazonaws.com", "eventName": "PutObject",
        "userIdentity": { "invokedBy": "cloudtrail.amazonaws.com" }, "recipientAccountId": "222222222222" });
    check(
        off,
        &delivery,
        &expect![[r#"
            taken: false
            + the trail and the event are of account 222222222222
            - its logging is stopped
            - the trail sees us-east-1 alone, and the event is of eu-west-1
            + no global service recorded the event
            - the event is a delivery of CloudTrail's own, and RecursiveLogging is off
            - the default selector
              - eventCategory is "Data", which is not selected (Equals "Management")"#]],
    );
    let organizations = Trail {
        is_organization: true,
        is_multi_region: true,
        ..trail("org", "222222222222", "us-east-1")
    };
    check(
        organizations,
        &iam,
        &expect![[r#"
        taken: false
        - the trail is its organization's, and account 111111111111 does not belong to that
        + its logging is started
        + the trail sees every Region, and so us-east-1
        + a global service recorded the event, and the trail includes those
        + the default selector
          + eventCategory is "Management", as selected"#]],
    );
}
