//! The evaluation of policies against a second evaluator, the crate `iam-rs`, where that one is
//! right; where it is not; and what must hold of every policy.
#![allow(clippy::unwrap_used)]

use cairn_accounts::{
    Call, Context, Decision, Denial, Policy, PolicyKind, Principal, User, authorize,
};
use iam_rs::{
    Arn, ContextValue, IAMPolicy, IAMRequest, Principal as TheirPrincipal, PrincipalId,
    evaluate_policies,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

const OWN: &str = "111111111111";
const AMY: &str = "arn:aws:iam::111111111111:user/amy";

/// A condition key's values, as both take them.
type Found = Vec<(&'static str, ContextValue)>;

fn texts(value: &ContextValue) -> Vec<String> {
    match value {
        ContextValue::String(text) => vec![text.clone()],
        ContextValue::StringList(several) => several.clone(),
        ContextValue::Number(number) => vec![number.to_string()],
        ContextValue::Boolean(flag) => vec![flag.to_string()],
        other => panic!("{other:?} is not drawn"),
    }
}

fn ours(policies: &[Value], action: &str, resource: &str, found: &Found) -> Decision {
    let policies = policies.iter().map(|policy| {
        Policy::parse(&policy.to_string(), PolicyKind::Identity)
            .unwrap_or_else(|error| panic!("{policy}: {error}"))
    });
    let user =
        User { name: "amy".parse().unwrap(), id: "AIDAAMY".into(), policies: policies.collect() };
    let account = OWN.parse().unwrap();
    let principal = Principal { user: Some(user), ..Principal::root(OWN.parse().unwrap()) };
    let mut context = Context::default();
    for (key, value) in found {
        context.set_all(key, texts(value));
    }
    authorize(&Call {
        principal: &principal,
        action,
        resource,
        resource_account: &account,
        resource_policy: None,
        context: &context,
    })
}

fn theirs(policies: &[Value], action: &str, resource: &str, found: &Found) -> Decision {
    let policies: Vec<IAMPolicy> =
        policies.iter().map(|policy| IAMPolicy::from_json(&policy.to_string()).unwrap()).collect();
    let mut context = iam_rs::Context::new();
    for (key, value) in found {
        context.insert((*key).to_owned(), value.clone());
    }
    let request = IAMRequest::new_with_context(
        TheirPrincipal::Aws(PrincipalId::String(AMY.into())),
        action,
        Arn::parse(resource).unwrap(),
        context,
    );
    match evaluate_policies(&policies, &request).unwrap() {
        iam_rs::Decision::Allow => Decision::Allowed,
        iam_rs::Decision::Deny => Decision::Denied(Denial::ByIdentity),
        iam_rs::Decision::NotApplicable => Decision::Denied(Denial::NotByIdentity),
    }
}

const ACTIONS: [&str; 6] = [
    "s3:GetObject",
    "s3:PutObject",
    "S3:getobject",
    "sns:Publish",
    "cloudtrail:GetTrail",
    "cloudtrail:GetTrailStatus",
];
const ACTION_PATTERNS: [&str; 10] = [
    "*",
    "s3:*",
    "s3:Get*",
    "S3:GETOBJECT",
    "sns:Pub?ish",
    "cloudtrail:GetTrail",
    "cloudtrail:*Trail",
    "cloudtrail:*Trail*",
    "cloudtrail:Get?rail*",
    "sqs:*",
];
const RESOURCES: [&str; 5] = [
    "arn:aws:s3:::b/k",
    "arn:aws:s3:::b/K/k",
    "arn:aws:cloudtrail:eu-west-1:111111111111:trail/audit",
    "arn:aws:cloudtrail:us-east-1:222222222222:trail/b",
    "arn:aws:sns:eu-west-1:111111111111:topic",
];
const RESOURCE_PATTERNS: [&str; 10] = [
    "*",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b/k",
    "arn:aws:s3:::*/k",
    "arn:aws:s3:::?/?",
    "arn:aws:cloudtrail:*:*:trail/*",
    "arn:aws:cloudtrail:eu-*:111111111111:*",
    "arn:aws:cloudtrail:*:??????111111:trail/a*t",
    "arn:*:sns:*:*:topic",
    "arn:aws:sns:*:222222222222:*",
];

fn some(of: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![
        select(of).prop_map(|one| json!(one)),
        subsequence(of, 1..=3).prop_map(|several| json!(several)),
    ]
}

/// Operators that both know, with a key of the operator's type and values of the policy.
fn condition() -> impl Strategy<Value = (String, &'static str, Value)> {
    const WORDS: &[&str] = &["a", "A", "ab", "a*", "?", "*b*", ""];
    let names = |of: &'static [&'static str]| (select(of), prop_oneof![Just(""), Just("IfExists")]);
    let joined = |(name, ending): (&str, &str)| format!("{name}{ending}");
    let text = names(&[
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
    ]);
    let several = select(
        &[
            "ForAllValues:StringEquals",
            "ForAnyValue:StringEquals",
            "ForAllValues:StringNotEquals",
            "ForAnyValue:StringNotEquals",
            "ForAllValues:StringLike",
            "ForAnyValue:StringLike",
            "ForAllValues:StringNotLike",
            "ForAnyValue:StringNotLike",
        ][..],
    );
    let number = names(&[
        "NumericEquals",
        "NumericNotEquals",
        "NumericLessThan",
        "NumericLessThanEquals",
        "NumericGreaterThan",
        "NumericGreaterThanEquals",
    ]);
    let date = names(&[
        "DateEquals",
        "DateNotEquals",
        "DateLessThan",
        "DateLessThanEquals",
        "DateGreaterThan",
        "DateGreaterThanEquals",
    ]);
    let address = names(&["IpAddress", "NotIpAddress"]);
    const NUMBERS: &[&str] = &["1", "2", "2.5", "-3"];
    const DATES: &[&str] = &["2026-05-04T12:00:00Z", "2026-05-04T14:00:00+02:00", "1777896001"];
    const NETWORKS: &[&str] = &["10.0.0.0/8", "10.1.2.3", "0.0.0.0/0", "2001:db8::/32"];
    let flags = prop_oneof![Just(json!(true)), Just(json!("false"))];
    prop_oneof![
        (text, some(WORDS)).prop_map(move |(name, values)| (joined(name), "my:text", values)),
        (several, some(WORDS)).prop_map(|(name, values)| (name.to_owned(), "my:list", values)),
        (number, some(NUMBERS)).prop_map(move |(name, values)| (joined(name), "my:number", values)),
        (date, some(DATES)).prop_map(move |(name, values)| (joined(name), "my:date", values)),
        (address, some(NETWORKS)).prop_map(move |(name, values)| (joined(name), "my:ip", values)),
        (names(&["Bool"]), flags.clone()).prop_map(move |(name, value)| (
            joined(name),
            "my:flag",
            value
        )),
        (select(&["my:text", "my:list", "my:flag"][..]), flags).prop_map(|(key, value)| (
            "Null".to_owned(),
            key,
            value
        )),
    ]
}

fn found() -> impl Strategy<Value = Found> {
    let text =
        select(&["a", "A", "ab", "b", ""][..]).prop_map(|text| ContextValue::String(text.into()));
    // An empty list is the one thing of which "present" means something else to the crate.
    let list = subsequence(&["a", "ab", "b", "c"][..], 1..=3).prop_map(|several| {
        ContextValue::StringList(several.into_iter().map(str::to_owned).collect())
    });
    let number = select(&[1.0, 2.0, 2.5, 3.0][..]).prop_map(ContextValue::Number);
    let date = select(&["2026-05-04T12:00:00Z", "2026-05-04T12:00:01Z", "soon"][..])
        .prop_map(|text| ContextValue::String(text.into()));
    let address = select(&["10.1.2.3", "192.0.2.1", "2001:db8::1", "AWS Internal"][..])
        .prop_map(|text| ContextValue::String(text.into()));
    let flag = any::<bool>().prop_map(ContextValue::Boolean);
    let optional = proptest::option::of::<BoxedStrategy<ContextValue>>;
    let all = (
        optional(text.boxed()),
        optional(list.boxed()),
        optional(number.boxed()),
        optional(date.boxed()),
        optional(address.boxed()),
        optional(flag.boxed()),
    );
    all.prop_map(|(text, list, number, date, address, flag)| {
        let keys = ["my:text", "my:list", "my:number", "my:date", "my:ip", "my:flag"];
        let values = [text, list, number, date, address, flag];
        keys.into_iter().zip(values).filter_map(|(key, value)| Some((key, value?))).collect()
    })
}

fn statement() -> impl Strategy<Value = Value> {
    let of = |name: [&'static str; 2], patterns| (select(name.to_vec()), some(patterns));
    let parts = (
        prop_oneof![3 => Just("Allow"), 1 => Just("Deny")],
        of(["Action", "NotAction"], &ACTION_PATTERNS),
        of(["Resource", "NotResource"], &RESOURCE_PATTERNS),
        proptest::collection::vec(condition(), 0..3),
    );
    parts.prop_map(|(effect, (action, actions), (resource, resources), conditions)| {
        let mut statement = json!({ "Effect": effect, action: actions, resource: resources });
        for (operator, key, values) in conditions {
            statement["Condition"][operator][key] = values;
        }
        statement
    })
}

fn policies() -> impl Strategy<Value = Vec<Value>> {
    let policy = proptest::collection::vec(statement(), 1..4)
        .prop_map(|statements| json!({ "Version": "2012-10-17", "Statement": statements }));
    proptest::collection::vec(policy, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_judge_alike(
        policies in policies(),
        action in select(&ACTIONS[..]),
        resource in select(&RESOURCES[..]),
        found in found(),
    ) {
        let (ours, theirs) = (ours(&policies, action, resource, &found), theirs(&policies, action, resource, &found));
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn an_explicit_deny_wins_whatever_the_order(
        policies in policies(),
        at in any::<prop::sample::Index>(),
        action in select(&ACTIONS[..]),
        resource in select(&RESOURCES[..]),
        found in found(),
    ) {
        let deny = json!({ "Statement": { "Effect": "Deny", "Action": action, "Resource": resource } });
        let before = ours(&policies, action, resource, &found);
        let mut policies = policies;
        policies.insert(at.index(policies.len() + 1), deny);
        prop_assert_eq!(ours(&policies, action, resource, &found), Decision::Denied(Denial::ByIdentity));
        // Another action of the same policies is as it was.
        if before == Decision::Allowed {
            let of_other = policies.len() - 1;
            policies.remove(at.index(of_other + 1));
            prop_assert_eq!(ours(&policies, action, resource, &found), before);
        }
    }

    #[test]
    fn the_order_of_statements_and_policies_is_without_meaning(
        policies in policies(),
        action in select(&ACTIONS[..]),
        resource in select(&RESOURCES[..]),
        found in found(),
    ) {
        let mut statements: Vec<Value> = policies
            .iter()
            .flat_map(|policy| policy["Statement"].as_array().unwrap().clone())
            .collect();
        let expected = ours(&policies, action, resource, &found);
        statements.reverse();
        let each: Vec<Value> =
            statements.iter().map(|statement| json!({ "Version": "2012-10-17", "Statement": statement })).collect();
        prop_assert_eq!(ours(&each, action, resource, &found), expected);
    }

    /// By a reading of the text that knows nothing but names and prefixes.
    #[test]
    fn a_policy_grants_nothing_that_it_does_not_name(
        named in subsequence(&ACTIONS[..], 0..=3),
        prefix in select(&["s3", "cloudtrail", "sns"][..]),
        resources in subsequence(&RESOURCES[..], 0..=3),
        action in select(&ACTIONS[..]),
        resource in select(&RESOURCES[..]),
    ) {
        let actions: Vec<String> =
            named.iter().map(|&name| name.to_owned()).chain([format!("{prefix}:Get*")]).collect();
        let is_named = named.iter().any(|name| name.to_lowercase() == action.to_lowercase())
            || action.to_lowercase().starts_with(&format!("{prefix}:get"));
        let resources: Vec<&str> = resources.into_iter().chain(["arn:aws:sqs:::none"]).collect();
        let policy = json!({ "Statement": { "Effect": "Allow", "Action": actions, "Resource": resources } });
        let decision = ours(&[policy], action, resource, &Vec::new());
        prop_assert_eq!(decision == Decision::Allowed, is_named && resources.contains(&resource));
    }
}

/// Each of these the crate judges otherwise than AWS. If one fails, the crate has become better.
#[test]
fn why_the_crate_does_not_serve() {
    let statement = |statement: &str| {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let text = |key, value: &str| vec![(key, ContextValue::String(value.into()))];
    let trail = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/audit";
    let all = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    let denied = Decision::Denied(Denial::NotByIdentity);
    let when = |condition: &str| {
        format!(r#"{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}}}"#)
    };
    let on =
        |resource: &str| format!(r#"{{"Effect":"Allow","Action":"*","Resource":"{resource}"}}"#);
    for (why, policy, found, right, its) in [
        (
            "variables in conditions",
            when(r#"{"StringEquals":{"my:owner":"${aws:username}"}}"#),
            text("my:owner", "amy"),
            Decision::Allowed,
            denied,
        ),
        (
            "wildcards in the values of variables",
            on("arn:aws:cloudtrail:*:*:trail/${my:team}"),
            text("my:team", "*"),
            denied,
            Decision::Allowed,
        ),
        (
            "variables without a value",
            on("arn:aws:cloudtrail:*:*:trail/audit${my:team}"),
            Vec::new(),
            denied,
            Decision::Allowed,
        ),
        (
            "wildcards in ArnEquals",
            when(r#"{"ArnEquals":{"aws:SourceArn":"arn:aws:s3:::*"}}"#),
            text("aws:SourceArn", "arn:aws:s3:::b"),
            Decision::Allowed,
            denied,
        ),
        (
            "colons in ArnLike",
            when(r#"{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:1:topic"}}"#),
            text("aws:SourceArn", "arn:aws:sns:eu-west-1:2:x:1:topic"),
            denied,
            Decision::Allowed,
        ),
    ] {
        let policy = [statement(&policy)];
        assert_eq!(ours(&policy, "cloudtrail:GetTrail", trail, &found), right, "{why}");
        assert_eq!(theirs(&policy, "cloudtrail:GetTrail", trail, &found), its, "{why}");
    }
    // A misspelt element is passed over, and the statement holds without its condition.
    let misspelt = r#"{"Effect":"Allow","Action":"*","Resource":"*","Conditions":{}}"#;
    let misspelt = statement(misspelt);
    Policy::parse(&misspelt.to_string(), PolicyKind::Identity).unwrap_err();
    let action = "cloudtrail:GetTrail";
    assert_eq!(theirs(&[misspelt], action, trail, &Vec::new()), Decision::Allowed);
    // A denial for all services denies nothing.
    let deny = r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:*:*:*:*"}"#;
    let deny = statement(&format!("{deny},{all}"));
    Policy::parse(&deny.to_string(), PolicyKind::Identity).unwrap_err();
    assert_eq!(theirs(&[deny], action, trail, &Vec::new()), Decision::Allowed);
    // An account does not stand for its users.
    let named =
        format!(r#"{{"Effect":"Deny","Principal":{{"AWS":"{OWN}"}},"Action":"*","Resource":"*"}}"#);
    let named = statement(&format!("{named},{all}"));
    assert_eq!(theirs(&[named], action, trail, &Vec::new()), Decision::Allowed);
}
