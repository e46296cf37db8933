//! IAM policies: what is accepted is understood as a plain reader of its text understands it, and
//! judged as its statements are one by one.

use accounts::{
    Call, Context, Decision, Denial, POLICY_BYTES_MAX, Policy, PolicyKind, Principal, User,
    authorize,
};
use serde_json::{Value, json};

use crate::Target;

/// The text of a policy, of a user and of a resource.
pub const POLICY: Target =
    Target { name: "policy", run: policy, seeds, words: WORDS, short_runs: 4_000 };

const OWN: &str = "111111111111";
/// What is done, to what.
const CALLS: [(&str, &str); 4] = [
    ("cloudtrail:GetTrail", "arn:aws:cloudtrail:eu-west-1:111111111111:trail/audit"),
    ("cloudtrail:StopLogging", "arn:aws:cloudtrail:eu-west-1:111111111111:trail/amy"),
    ("s3:GetObject", "arn:aws:s3:::b/k"),
    ("cloudtrail:ListTrails", "*"),
];
const WORDS: &[&str] = &[
    "\"Version\":\"2012-10-17\"",
    "\"Statement\":[",
    "\"Effect\":\"Deny\"",
    "\"NotAction\":",
    "\"NotResource\":",
    "\"Principal\":{\"AWS\":",
    "\"Condition\":{\"StringLike\":{\"aws:username\":",
    "\"ForAllValues:StringEquals\":{",
    "\"NumericLessThanIfExists\":{",
    "\"DateGreaterThan\":{\"aws:CurrentTime\":",
    "\"IpAddress\":{\"aws:SourceIp\":",
    "\"ArnLike\":{\"aws:PrincipalArn\":",
    "\"Null\":{",
    "${aws:username}",
    "${my:absent, 'x'}",
    "${*}",
    "arn:aws:cloudtrail:*:*:trail/*",
    "cloudtrail:*",
    "*",
    "?",
    "[]",
    "{}",
    "true",
    "1e400",
];

fn seeds() -> Vec<Vec<u8>> {
    let conditions = r#"{"StringLike":{"aws:username":["a*","${aws:userid}"]},"NumericLessThan":{"my:number":3},"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"},"IpAddress":{"aws:SourceIp":["10.0.0.0/8","2001:db8::/32"]},"Bool":{"aws:SecureTransport":"false"},"ForAnyValue:StringEquals":{"aws:TagKeys":["team","b"]},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"},"Null":{"my:absent":"true"}}"#;
    let texts = [
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#.to_owned(),
        format!(r#"{{"Version":"2012-10-17","Id":"i","Statement":[{{"Sid":"A1","Effect":"Allow","Action":["cloudtrail:Get*","s3:*"],"Resource":"*","Condition":{conditions}}}]}}"#),
        r#"{"Statement":[{"Effect":"Allow","NotAction":"cloudtrail:Stop*","Resource":"arn:aws:cloudtrail:*:111111111111:trail/a?dit"},{"Effect":"Deny","Action":"s3:Get*","NotResource":["arn:aws:s3:::b/*","arn:aws:s3:::c"]}]}"#.to_owned(),
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:cloudtrail:*:*:trail/${aws:username}"}]}"#.to_owned(),
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["222222222222","arn:aws:iam::111111111111:user/amy"],"Service":"cloudtrail.amazonaws.com"},"Action":"s3:*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"s3:Put*","Resource":"*"}]}"#.to_owned(),
    ];
    texts.map(String::into_bytes).into()
}

fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(policy) = Policy::parse(text, PolicyKind::Resource) {
        resource(&policy);
    }
    let Ok(policy) = Policy::parse(text, PolicyKind::Identity) else { return };
    assert!(text.len() <= POLICY_BYTES_MAX);
    let value: Value = serde_json::from_str(text).expect("a policy is JSON");
    let statements = match &value["Statement"] {
        Value::Array(several) => several.clone(),
        one => vec![one.clone()],
    };
    for (action, resource) in CALLS {
        let mut expected = Decision::Denied(Denial::NotByIdentity);
        for statement in &statements {
            let alone = match value.get("Version") {
                Some(version) => json!({ "Version": version, "Statement": statement }),
                None => json!({ "Statement": statement }),
            };
            let alone = Policy::parse(&alone.to_string(), PolicyKind::Identity);
            let decision = judge(alone.expect("a part of a policy is one"), action, resource);
            let applies = decision != Decision::Denied(Denial::NotByIdentity);
            if applies {
                let denies = Decision::Denied(Denial::ByIdentity);
                let effect =
                    if statement["Effect"] == "Allow" { Decision::Allowed } else { denies };
                assert_eq!(decision, effect, "{statement}");
            }
            if !text.contains('$') {
                let names = names(statement, action, resource);
                assert!(names || !applies, "{statement} does not name {action} on {resource}");
                let is_bare = statement.get("Condition").is_none();
                assert!(applies || !(names && is_bare), "{statement} names {action} on {resource}");
            }
            expected = match (expected, decision) {
                (Decision::Denied(Denial::ByIdentity), _) => expected,
                (_, Decision::Denied(Denial::NotByIdentity)) => expected,
                (_, decision) => decision,
            };
        }
        assert_eq!(judge(policy.clone(), action, resource), expected, "{action} on {resource}");
    }
}

/// Whoever is outside needs the resource's policy, and its root has the last word.
fn resource(policy: &Policy) {
    let account = OWN.parse().expect("an account");
    let principals = [amy(OWN, None), amy("222222222222", None), amy("333333333333", None)];
    for (action, resource) in CALLS {
        let decide = |principal: &Principal, resource_policy| {
            let context = context();
            let call = Call {
                principal,
                action,
                resource,
                resource_account: &account,
                resource_policy,
                context: &context,
            };
            authorize(&call)
        };
        let root = Principal::root(account.clone());
        assert_eq!(decide(&root, Some(policy)), Decision::Allowed);
        for principal in &principals[1..] {
            assert_ne!(decide(principal, Some(policy)), Decision::Allowed, "both must allow");
        }
        decide(&principals[0], Some(policy));
    }
}

fn amy(account: &str, policy: Option<Policy>) -> Principal {
    let name = "amy".parse().expect("a name");
    let user = User { name, id: "AIDAAMY".into(), policies: policy.into_iter().collect() };
    Principal { user: Some(user), ..Principal::root(account.parse().expect("an account")) }
}

fn context() -> Context {
    let mut context = Context::at(model::Timestamp::from_millis(1_777_896_000_000));
    context.set("aws:SourceIp", "10.1.2.3");
    context.set("aws:SecureTransport", "false");
    context.set("my:number", "2");
    context.set_all("aws:TagKeys", ["team".to_owned(), "a".to_owned()]);
    context
}

fn judge(policy: Policy, action: &str, resource: &str) -> Decision {
    authorize(&Call {
        principal: &amy(OWN, Some(policy)),
        action,
        resource,
        resource_account: &OWN.parse().expect("an account"),
        resource_policy: None,
        context: &context(),
    })
}

/// Whether a statement without variables names an action on a resource, conditions left aside.
fn names(statement: &Value, action: &str, resource: &str) -> bool {
    let lower = |text: &str| text.to_ascii_lowercase();
    let is_action = |pattern: &str| is_like(lower(pattern).as_bytes(), lower(action).as_bytes());
    let is_resource = |pattern: &str| {
        let parts = |text| str::splitn(text, 6, ':').collect::<Vec<&str>>();
        let (patterns, texts) = (parts(pattern), parts(resource));
        let mut pairs = patterns.iter().zip(&texts);
        let is_alike = pairs.all(|(pattern, text)| is_like(pattern.as_bytes(), text.as_bytes()));
        pattern == "*" || (patterns.len() == texts.len() && is_alike)
    };
    either(statement, ["Action", "NotAction"], is_action)
        && either(statement, ["Resource", "NotResource"], is_resource)
}

fn either(statement: &Value, [name, not_name]: [&str; 2], is_one: impl Fn(&str) -> bool) -> bool {
    let any = |value: &Value| match value {
        Value::Array(several) => {
            several.iter().any(|pattern| is_one(pattern.as_str().expect("a text")))
        }
        one => is_one(one.as_str().expect("a text")),
    };
    statement.get(name).map_or_else(|| !any(&statement[not_name]), any)
}

/// By the definition of a wildcard; texts are ASCII where it matters, since those of the calls are.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    // Which beginnings of the text the pattern so far stands for.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for &character in pattern {
        let mut next = vec![false; text.len() + 1];
        for end in 0..=text.len() {
            next[end] = match character {
                b'*' => reached[..=end].contains(&true),
                b'?' => end > 0 && reached[end - 1],
                plain => end > 0 && reached[end - 1] && text[end - 1] == plain,
            };
        }
        reached = next;
    }
    reached[text.len()]
}
