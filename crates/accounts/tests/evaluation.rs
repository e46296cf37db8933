//! The evaluation of IAM policies, as tables: every element and operator, and the traps.
#![allow(clippy::unwrap_used)]

use accounts::{Call, Context, Decision, Denial, Policy, PolicyKind, Principal, User, authorize};
use cairn_accounts as accounts;
use model::{AccountId, Timestamp};

const OWN: &str = "111111111111";
const OTHER: &str = "222222222222";
const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/audit";

fn account(id: &str) -> AccountId {
    id.parse().unwrap()
}

fn root(id: &str) -> Principal {
    Principal::root(account(id))
}

/// The user amy of an account, with policies of these statements.
fn amy(id: &str, policies: &[&str]) -> Principal {
    let policy = |statements: &&str| Policy::parse(&document(statements), PolicyKind::Identity);
    let user = User {
        name: "amy".parse().unwrap(),
        id: "AIDAAMYAMYAMYAMYAMYAM".into(),
        policies: policies.iter().map(|statements| policy(statements).unwrap()).collect(),
    };
    Principal { user: Some(user), ..root(id) }
}

fn document(statements: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#)
}

fn resource_policy(statements: &str) -> Policy {
    Policy::parse(&document(statements), PolicyKind::Resource).unwrap()
}

fn judge(principal: &Principal, action: &str, resource: &str, context: &Context) -> Decision {
    let call = Call {
        principal,
        action,
        resource,
        resource_account: &account(OWN),
        resource_policy: None,
        context,
    };
    authorize(&call)
}

fn is_allowed(statements: &str, action: &str, resource: &str) -> bool {
    let principal = amy(OWN, &[statements]);
    judge(&principal, action, resource, &Context::default()) == Decision::Allowed
}

#[test]
fn actions_are_named_without_regard_to_case_and_with_wildcards() {
    for (action, called, expected) in [
        (r#""*""#, "cloudtrail:GetTrail", true),
        (r#""cloudtrail:*""#, "cloudtrail:GetTrail", true),
        (r#""cloudtrail:*""#, "cloudtrail-data:PutAuditEvents", false),
        (r#""cloudtrail:GetTrail""#, "cloudtrail:GetTrail", true),
        (r#""CloudTrail:getTRAIL""#, "cloudtrail:GetTrail", true),
        (r#""cloudtrail:GetTrail""#, "cloudtrail:GetTrailStatus", false),
        (r#""cloudtrail:GetTrailStatus""#, "cloudtrail:GetTrail", false),
        (r#""cloudtrail:Get*""#, "cloudtrail:GetTrailStatus", true),
        (r#""cloudtrail:get*status""#, "cloudtrail:GetTrailStatus", true),
        (r#""cloudtrail:*Trail*""#, "cloudtrail:Trail", true),
        (r#""cloudtrail:*Trail?""#, "cloudtrail:ListTrails", true),
        (r#""cloudtrail:*Trail?""#, "cloudtrail:GetTrail", false),
        (r#""cloudtrail:Ge?Trail""#, "cloudtrail:GetTrail", true),
        (r#""cloudtrail:Get?Trail""#, "cloudtrail:GetTrail", false),
        (r#"["s3:*","cloudtrail:GetTrail"]"#, "cloudtrail:GetTrail", true),
        (r#"["s3:*","sns:*"]"#, "cloudtrail:GetTrail", false),
    ] {
        let allow = format!(r#"{{"Effect":"Allow","Action":{action},"Resource":"*"}}"#);
        assert_eq!(is_allowed(&allow, called, TRAIL), expected, "{action} on {called}");
        let allow = allow.replace("\"Action\"", "\"NotAction\"");
        assert_eq!(is_allowed(&allow, called, TRAIL), !expected, "all but {action} on {called}");
    }
}

#[test]
fn resources_are_compared_part_by_part_and_with_regard_to_case() {
    for (resource, called, expected) in [
        (r#""*""#, TRAIL, true),
        (r#""*""#, "*", true),
        (r#""arn:aws:cloudtrail:*:*:trail/*""#, "*", false),
        (r#""arn:aws:cloudtrail:eu-west-1:111111111111:trail/audit""#, TRAIL, true),
        (r#""arn:aws:cloudtrail:eu-west-1:111111111111:trail/Audit""#, TRAIL, false),
        (r#""arn:aws:cloudtrail:eu-west-1:111111111111:trail/aud""#, TRAIL, false),
        (r#""arn:aws:cloudtrail:*:111111111111:trail/*""#, TRAIL, true),
        (r#""arn:aws:cloudtrail:*:222222222222:trail/*""#, TRAIL, false),
        (r#""arn:aws:cloudtrail:eu-*:*:trail/a?dit""#, TRAIL, true),
        (r#""arn:*:cloudtrail:*:*:*""#, TRAIL, true),
        (r#""arn:aws:s3:*:*:*""#, TRAIL, false),
        // A wildcard ends at the colon of its part.
        (r#""arn:aws:cloudtrail:*:trail/audit:x""#, TRAIL, false),
        (r#""arn:aws:cloudtrail:eu-west-1*:*:trail/audit""#, TRAIL, true),
        // Behind the fifth colon a colon is text.
        (
            r#""arn:aws:logs:eu-west-1:1:log-group:*""#,
            "arn:aws:logs:eu-west-1:1:log-group:a:*",
            true,
        ),
        (r#"["arn:aws:s3:::b","arn:aws:cloudtrail:*:*:*"]"#, TRAIL, true),
    ] {
        let allow = format!(r#"{{"Effect":"Allow","Action":"*","Resource":{resource}}}"#);
        assert_eq!(
            is_allowed(&allow, "cloudtrail:GetTrail", called),
            expected,
            "{resource} on {called}"
        );
        let allow = allow.replace("\"Resource\"", "\"NotResource\"");
        let others = is_allowed(&allow, "cloudtrail:GetTrail", called);
        assert_eq!(others, !expected, "all but {resource} on {called}");
    }
}

const ABSENT: &[&str] = &[];

/// Whether a condition holds, in an Allow; a Deny must see the same.
#[track_caller]
fn check(operator: &str, values: &str, found: &[&str], expected: bool) {
    let condition = format!(r#""Condition":{{"{operator}":{{"My:Key":{values}}}}}"#);
    let mut context = Context::default();
    context.set_all("mY:kEY", found.iter().map(|value| (*value).to_owned()));
    let statement =
        |effect| format!(r#"{{"Effect":"{effect}","Action":"*","Resource":"*",{condition}}}"#);
    let principal = amy(OWN, &[&statement("Allow")]);
    let decision = judge(&principal, "s3:GetObject", "*", &context);
    let shown = format!("{operator} {values} on {found:?}");
    assert_eq!(decision == Decision::Allowed, expected, "{shown}");
    let all = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    let principal = amy(OWN, &[&statement("Deny"), all]);
    let decision = judge(&principal, "s3:GetObject", "*", &context);
    assert_eq!(decision == Decision::Denied(Denial::ByIdentity), expected, "deny: {shown}");
}

#[test]
fn text_operators() {
    check("StringEquals", r#""a""#, &["a"], true);
    check("StringEquals", r#""a""#, &["A"], false);
    check("StringEquals", r#"["a","b"]"#, &["b"], true);
    check("StringEquals", r#""a*""#, &["ab"], false);
    check("StringEquals", r#""a*""#, &["a*"], true);
    check("StringNotEquals", r#""a""#, &["b"], true);
    check("StringNotEquals", r#""a""#, &["a"], false);
    // Several values of a negated operator: none of them.
    check("StringNotEquals", r#"["a","b"]"#, &["a"], false);
    check("StringNotEquals", r#"["a","b"]"#, &["c"], true);
    check("StringEqualsIgnoreCase", r#""aB""#, &["Ab"], true);
    check("StringNotEqualsIgnoreCase", r#""aB""#, &["Ab"], false);
    check("StringLike", r#""a*c?""#, &["abbcd"], true);
    check("StringLike", r#""a*c?""#, &["abbc"], false);
    check("StringLike", r#""A*""#, &["ab"], false);
    check("StringLike", r#""*a*""#, &["ba"], true);
    check("StringLike", r#""""#, &[""], true);
    check("StringNotLike", r#"["a*","*z"]"#, &["buzz"], false);
    check("StringNotLike", r#"["a*","*z"]"#, &["bus"], true);
    check("BinaryEquals", r#""QmluYXJ5""#, &["QmluYXJ5"], true);
    check("BinaryEquals", r#""QmluYXJ5""#, &["qmluyxj5"], false);
}

#[test]
fn numbers_and_dates_are_compared_as_such() {
    check("NumericEquals", r#""10""#, &["10.0"], true);
    check("NumericEquals", "10", &["10"], true);
    check("NumericEquals", "[9, 10]", &["10"], true);
    check("NumericNotEquals", "[9, 10]", &["10"], false);
    check("NumericNotEquals", "[9, 10]", &["11"], true);
    check("NumericLessThan", "10", &["9"], true);
    check("NumericLessThan", "10", &["10"], false);
    check("NumericLessThanEquals", "10", &["10"], true);
    check("NumericGreaterThan", "-1.5", &["-1"], true);
    check("NumericGreaterThan", "9", &["10"], true);
    check("NumericGreaterThanEquals", "10", &["10"], true);
    check("NumericGreaterThanEquals", "10", &["9.99"], false);
    for no_number in ["ten", "", "inf", "NaN", "0x10"] {
        check("NumericLessThan", "10", &[no_number], false);
        check("NumericNotEquals", "10", &[no_number], true);
    }
    let noon = "2026-05-04T12:00:00Z";
    check("DateEquals", r#""2026-05-04T12:00:00Z""#, &[noon], true);
    check("DateEquals", r#""2026-05-04T14:00:00+02:00""#, &[noon], true);
    check("DateEquals", "1777896000", &[noon], true);
    check("DateEquals", r#""1777896000""#, &[noon], true);
    check("DateEquals", r#""2026-05-04T12:00:00Z""#, &["1777896000"], true);
    check("DateNotEquals", r#""2026-05-04T12:00:00Z""#, &[noon], false);
    check("DateLessThan", r#""2026-05-04""#, &[noon], false);
    check("DateGreaterThan", r#""2026-05-04""#, &[noon], true);
    check("DateLessThan", r#""2026-05-04T12:00:00Z""#, &[noon], false);
    check("DateLessThanEquals", r#""2026-05-04T12:00:00Z""#, &[noon], true);
    check("DateGreaterThanEquals", r#""2026-05-04T12:00:01Z""#, &[noon], false);
    check("DateLessThan", r#""2026-05-04""#, &["yesterday"], false);
}

#[test]
fn booleans_and_addresses() {
    check("Bool", r#""true""#, &["true"], true);
    check("Bool", "true", &["true"], true);
    check("Bool", "false", &["true"], false);
    check("Bool", r#""True""#, &["true"], true);
    check("Bool", "false", &["no"], false);
    check("IpAddress", r#""203.0.113.0/24""#, &["203.0.113.9"], true);
    check("IpAddress", r#""203.0.113.0/24""#, &["203.0.114.9"], false);
    check("IpAddress", r#""203.0.113.77/24""#, &["203.0.113.9"], true);
    check("IpAddress", r#""203.0.113.9""#, &["203.0.113.9"], true);
    check("IpAddress", r#""203.0.113.9/32""#, &["203.0.113.8"], false);
    check("IpAddress", r#""0.0.0.0/0""#, &["203.0.113.9"], true);
    check("IpAddress", r#""0.0.0.0/0""#, &["2001:db8::1"], false);
    check("IpAddress", r#""::/0""#, &["203.0.113.9"], false);
    check("IpAddress", r#""2001:db8::/32""#, &["2001:db8:ffff::1"], true);
    check("IpAddress", r#""203.0.113.0/24""#, &["::ffff:203.0.113.9"], true);
    check("IpAddress", r#""0.0.0.0/0""#, &["cloudformation.amazonaws.com"], false);
    check("NotIpAddress", r#"["10.0.0.0/8","192.168.0.0/16"]"#, &["192.168.3.4"], false);
    check("NotIpAddress", r#"["10.0.0.0/8","192.168.0.0/16"]"#, &["203.0.113.9"], true);
}

#[test]
fn arn_operators_take_wildcards_within_each_part() {
    for operator in ["ArnEquals", "ArnLike"] {
        check(operator, r#""arn:aws:cloudtrail:*:111111111111:trail/*""#, &[TRAIL], true);
        check(operator, r#""arn:aws:*:*:*:*""#, &[TRAIL], true);
        check(operator, r#""arn:aws:cloudtrail:*:trail/audit:x""#, &[TRAIL], false);
        check(operator, r#""arn:aws:cloudtrail:EU-WEST-1:*:*""#, &[TRAIL], false);
        check(operator, r#""*""#, &["anything"], true);
        check(operator, r#""arn:aws:s3:::b""#, &["arn:aws:s3:::b"], true);
        check(operator, r#""arn:aws:s3:::*""#, &["b"], false);
    }
    for operator in ["ArnNotEquals", "ArnNotLike"] {
        check(operator, r#"["arn:aws:s3:::*","arn:aws:sns:*:*:*"]"#, &[TRAIL], true);
        check(operator, r#"["arn:aws:s3:::*","arn:aws:cloudtrail:*:*:*"]"#, &[TRAIL], false);
    }
}

#[test]
fn what_an_absent_key_does() {
    for (operator, values) in [
        ("StringEquals", r#""a""#),
        ("StringLike", r#""*""#),
        ("NumericLessThan", "1"),
        ("DateGreaterThan", r#""2000-01-01""#),
        ("Bool", "false"),
        ("BinaryEquals", r#""QQ==""#),
        ("IpAddress", r#""0.0.0.0/0""#),
        ("ArnLike", r#""*""#),
    ] {
        check(operator, values, ABSENT, false);
        check(&format!("{operator}IfExists"), values, ABSENT, true);
        check(&format!("ForAllValues:{operator}"), values, ABSENT, true);
        check(&format!("ForAnyValue:{operator}"), values, ABSENT, false);
        check(&format!("ForAnyValue:{operator}IfExists"), values, ABSENT, true);
    }
    for (operator, values) in [
        ("StringNotEquals", r#""a""#),
        ("StringNotLike", r#""*""#),
        ("NumericNotEquals", "1"),
        ("DateNotEquals", r#""2000-01-01""#),
        ("NotIpAddress", r#""0.0.0.0/0""#),
        ("ArnNotLike", r#""*""#),
    ] {
        check(operator, values, ABSENT, true);
        check(&format!("{operator}IfExists"), values, ABSENT, true);
        check(&format!("ForAnyValue:{operator}"), values, ABSENT, false);
    }
    // IfExists says nothing of a key that is there.
    check("StringEqualsIfExists", r#""a""#, &["b"], false);
    check("Null", "true", ABSENT, true);
    check("Null", r#""true""#, &["a"], false);
    check("Null", "false", &["a"], true);
    check("Null", "false", ABSENT, false);
}

#[test]
fn keys_with_several_values() {
    check("ForAllValues:StringEquals", r#"["a","b"]"#, &["a", "b"], true);
    check("ForAllValues:StringEquals", r#"["a","b"]"#, &["a", "c"], false);
    check("ForAnyValue:StringEquals", r#"["a","b"]"#, &["c", "b"], true);
    check("ForAnyValue:StringEquals", r#"["a","b"]"#, &["c", "d"], false);
    check("ForAllValues:StringNotEquals", r#"["a","b"]"#, &["c", "d"], true);
    check("ForAllValues:StringNotEquals", r#"["a","b"]"#, &["c", "a"], false);
    check("ForAnyValue:StringNotEquals", r#"["a","b"]"#, &["a", "c"], true);
    check("ForAnyValue:StringNotEquals", r#"["a","b"]"#, &["a", "b"], false);
    check("ForAllValues:StringLike", r#""t*""#, &["team", "type"], true);
    check("ForAnyValue:StringLike", r#""t*""#, &["name"], false);
    check("ForAllValues:NumericLessThan", "10", &["9", "11"], false);
    check("StringEquals", r#""a""#, &["b", "a"], true);
    check("StringNotEquals", r#""a""#, &["b", "a"], false);
}

#[test]
fn all_conditions_of_a_statement_must_hold() {
    let conditions = r#"{"StringEquals":{"my:a":"1","my:b":"2"},"Bool":{"my:c":true}}"#;
    let allow =
        format!(r#"{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{conditions}}}"#);
    let principal = amy(OWN, &[&allow]);
    for (values, expected) in [
        (["1", "2", "true"], true),
        (["0", "2", "true"], false),
        (["1", "0", "true"], false),
        (["1", "2", "false"], false),
    ] {
        let mut context = Context::default();
        for (key, value) in ["my:a", "my:b", "my:c"].into_iter().zip(values) {
            context.set(key, value);
        }
        let decision = judge(&principal, "s3:GetObject", "*", &context);
        assert_eq!(decision == Decision::Allowed, expected, "{values:?}");
    }
}

#[test]
fn variables_stand_for_values_and_not_for_patterns() {
    let trail = |name: &str| format!("arn:aws:cloudtrail:eu-west-1:111111111111:trail/{name}");
    let mut context = Context::default();
    context.set("aws:PrincipalTag/team", "*");
    for (resource, called, expected) in [
        ("${aws:username}-logs", "amy-logs", true),
        ("${AWS:UserName}-logs", "amy-logs", true),
        ("${aws:username}-logs", "bob-logs", false),
        ("${aws:username}*", "amy", true),
        // The value `*` is the character, not the wildcard.
        ("${aws:PrincipalTag/team}-logs", "blue-logs", false),
        ("${aws:PrincipalTag/team}-logs", "*-logs", true),
        ("${my:absent}", "", false),
        ("${my:absent}*", "amy", false),
        ("${my:absent, 'amy'}", "amy", true),
        ("a${*}b", "a*b", true),
        ("a${*}b", "axb", false),
        ("a${?}b", "axb", false),
        ("a${$}b", "a$b", true),
    ] {
        let allow =
            format!(r#"{{"Effect":"Allow","Action":"*","Resource":"{}"}}"#, trail(resource));
        let decision = judge(&amy(OWN, &[&allow]), "cloudtrail:GetTrail", &trail(called), &context);
        assert_eq!(decision == Decision::Allowed, expected, "{resource} on {called}");
    }
    check("StringEquals", r#""${aws:username}""#, &["amy"], true);
    check("StringEqualsIgnoreCase", r#""${aws:username}""#, &["AMY"], true);
    check("StringLike", r#""home/${aws:username}/*""#, &["home/amy/x"], true);
    check("StringEquals", r#"["${my:absent}","b"]"#, &["b"], true);
    check(
        "ArnEquals",
        r#""arn:aws:iam::${aws:PrincipalAccount}:user/*""#,
        &["arn:aws:iam::111111111111:user/amy"],
        true,
    );
    check("ArnEquals", r#""${aws:PrincipalArn}""#, &["arn:aws:iam::111111111111:user/amy"], true);
}

#[test]
fn a_variable_without_a_value_neither_widens_an_allow_nor_narrows_a_deny() {
    let all = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    let but = r#""Action":"*","NotResource":"arn:aws:s3:::${my:absent}/*""#;
    let unless = r#""Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:username":"${my:absent}"}}"#;
    for rest in [but, unless] {
        let allow = format!(r#"{{"Effect":"Allow",{rest}}}"#);
        assert!(!is_allowed(&allow, "s3:GetObject", "arn:aws:s3:::b/k"), "{rest}");
        let deny = format!(r#"[{{"Effect":"Deny",{rest}}},{all}]"#);
        assert!(!is_allowed(&deny, "s3:GetObject", "arn:aws:s3:::b/k"), "{rest}");
    }
}

#[test]
fn variables_are_text_in_policies_of_2008() {
    let policy = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}"}}"#;
    let policy = Policy::parse(policy, PolicyKind::Identity).unwrap();
    let mut principal = amy(OWN, &[]);
    principal.user.as_mut().unwrap().policies = [policy].into();
    let decision = |bucket| judge(&principal, "s3:ListBucket", bucket, &Context::default());
    assert_eq!(decision("arn:aws:s3:::amy"), Decision::Denied(Denial::NotByIdentity));
    assert_eq!(decision("arn:aws:s3:::${aws:username}"), Decision::Allowed);
}

#[test]
fn an_explicit_deny_wins_wherever_it_stands() {
    let allow = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    let deny = r#"{"Effect":"Deny","Action":"cloudtrail:StopLogging","Resource":"*"}"#;
    let together = [format!("[{allow},{deny}]"), format!("[{deny},{allow}]")];
    let alone = [[allow, deny], [deny, allow]];
    let principals = together.iter().map(|both| amy(OWN, &[both]));
    for principal in principals.chain(alone.iter().map(|each| amy(OWN, each))) {
        let decide = |action| judge(&principal, action, TRAIL, &Context::default());
        assert_eq!(decide("cloudtrail:StopLogging"), Decision::Denied(Denial::ByIdentity));
        assert_eq!(decide("cloudtrail:StartLogging"), Decision::Allowed);
    }
}

#[test]
fn a_user_without_policies_may_do_nothing_and_root_all_in_its_own_account() {
    let nothing = Context::default();
    let denied = Decision::Denied(Denial::NotByIdentity);
    assert_eq!(judge(&amy(OWN, &[]), "cloudtrail:GetTrail", TRAIL, &nothing), denied);
    assert_eq!(judge(&root(OWN), "cloudtrail:DeleteTrail", TRAIL, &nothing), Decision::Allowed);
    let foreign = Decision::Denied(Denial::NotByResource);
    assert_eq!(judge(&root(OTHER), "cloudtrail:GetTrail", TRAIL, &nothing), foreign);
}

#[test]
fn the_caller_and_the_account_are_condition_keys() {
    let holds = |principal: &Principal, operator: &str, key: &str, value: &str| {
        let condition = format!(r#"{{"{operator}":{{"{key}":"{value}"}}}}"#);
        let policy = format!(
            r#"{{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{condition}}}"#
        );
        let policy = resource_policy(&policy);
        let call = Call {
            principal,
            action: "s3:GetObject",
            resource: "*",
            resource_account: &account(OWN),
            resource_policy: Some(&policy),
            context: &Context::at(Timestamp::parse("2026-05-04T12:00:00Z").unwrap()),
        };
        authorize(&call) == Decision::Allowed
    };
    let amy_long = amy(OWN, &[]);
    let since = Timestamp::parse("2026-05-04T11:00:00Z");
    let amy_short = Principal { session_since: since, ..amy(OWN, &[]) };
    for (key, value) in [
        ("aws:PrincipalArn", "arn:aws:iam::111111111111:user/amy"),
        ("aws:PrincipalAccount", OWN),
        ("aws:PrincipalType", "User"),
        ("aws:username", "amy"),
        ("aws:userid", "AIDAAMYAMYAMYAMYAMYAM"),
        ("aws:ResourceAccount", OWN),
        ("aws:EpochTime", "1777896000"),
    ] {
        assert!(holds(&amy_long, "StringEquals", key, value), "{key}");
    }
    assert!(holds(&amy_long, "DateEquals", "aws:CurrentTime", "2026-05-04T12:00:00Z"));
    assert!(holds(&amy_long, "Null", "aws:TokenIssueTime", "true"));
    assert!(holds(&amy_short, "DateEquals", "aws:TokenIssueTime", "2026-05-04T11:00:00Z"));
    assert!(holds(&amy_short, "Bool", "aws:MultiFactorAuthPresent", "false"));
    assert!(!holds(&amy_long, "Bool", "aws:MultiFactorAuthPresent", "false"));
    // A foreign root needs the resource's policy; it has an account's type and no name.
    let foreign = root(OTHER);
    assert!(!holds(&foreign, "StringEquals", "aws:PrincipalType", "User"));
    assert!(holds(&foreign, "StringEquals", "aws:PrincipalType", "Account"));
    assert!(holds(&foreign, "Null", "aws:username", "true"));
}

#[test]
fn a_caller_cannot_choose_the_keys_that_speak_of_it() {
    let allow = r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":"bob"}}}"#;
    let mut context = Context::default();
    context.set("aws:username", "bob");
    let decision = judge(&amy(OWN, &[allow]), "s3:GetObject", "*", &context);
    assert_eq!(decision, Decision::Denied(Denial::NotByIdentity));
}

#[test]
fn policies_of_a_resource_and_of_the_user_across_accounts() {
    use Denial::{ByIdentity, ByResource, NotByIdentity, NotByResource};
    let allow = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    let deny = r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#;
    let denied = Decision::Denied;
    let own = |statements: &[&str]| amy(OWN, statements);
    let other = |statements: &[&str]| amy(OTHER, statements);
    for (principal, effect, names, expected) in [
        // In the resource's account either suffices.
        (own(&[allow]), "", "", Decision::Allowed),
        (own(&[]), "Allow", r#"{"AWS":"arn:aws:iam::111111111111:user/amy"}"#, Decision::Allowed),
        (own(&[]), "Allow", r#""*""#, Decision::Allowed),
        (own(&[]), "Allow", r#"{"AWS":"*"}"#, Decision::Allowed),
        (
            own(&[]),
            "Allow",
            r#"{"AWS":"arn:aws:iam::111111111111:user/bob"}"#,
            denied(NotByIdentity),
        ),
        (
            own(&[]),
            "Allow",
            r#"{"AWS":["222222222222","arn:aws:iam::111111111111:user/amy"]}"#,
            Decision::Allowed,
        ),
        (own(&[]), "Allow", r#"{"Service":"cloudtrail.amazonaws.com"}"#, denied(NotByIdentity)),
        // The account is named, which decides itself by the user's policies.
        (own(&[]), "Allow", r#"{"AWS":"111111111111"}"#, denied(NotByIdentity)),
        (own(&[allow]), "Allow", r#"{"AWS":"111111111111"}"#, Decision::Allowed),
        (own(&[deny]), "Allow", r#""*""#, denied(ByIdentity)),
        (own(&[allow]), "Deny", r#""*""#, denied(ByResource)),
        (own(&[allow]), "Deny", r#"{"AWS":"111111111111"}"#, denied(ByResource)),
        (own(&[allow]), "Deny", r#"{"AWS":"222222222222"}"#, Decision::Allowed),
        (root(OWN), "Deny", r#""*""#, Decision::Allowed),
        // From another account both must allow.
        (other(&[allow]), "", "", denied(NotByResource)),
        (other(&[]), "Allow", r#""*""#, denied(NotByIdentity)),
        (other(&[allow]), "Allow", r#""*""#, Decision::Allowed),
        (other(&[allow]), "Allow", r#"{"AWS":"222222222222"}"#, Decision::Allowed),
        (
            other(&[allow]),
            "Allow",
            r#"{"AWS":"arn:aws:iam::222222222222:root"}"#,
            Decision::Allowed,
        ),
        (
            other(&[allow]),
            "Allow",
            r#"{"AWS":"arn:aws:iam::222222222222:user/amy"}"#,
            Decision::Allowed,
        ),
        (other(&[allow]), "Allow", r#"{"AWS":"111111111111"}"#, denied(NotByResource)),
        (other(&[deny, allow]), "Allow", r#""*""#, denied(ByIdentity)),
        (other(&[allow]), "Deny", r#"{"AWS":"222222222222"}"#, denied(ByResource)),
        (root(OTHER), "Allow", r#"{"AWS":"222222222222"}"#, Decision::Allowed),
        (root(OTHER), "Allow", r#"{"AWS":"333333333333"}"#, denied(NotByResource)),
        (root(OTHER), "Deny", r#""*""#, denied(ByResource)),
    ] {
        let statement = format!(
            r#"{{"Effect":"{effect}","Principal":{names},"Action":"cloudtrail:*","Resource":"*"}}"#
        );
        let policy = (!effect.is_empty()).then(|| resource_policy(&statement));
        let call = Call {
            principal: &principal,
            action: "cloudtrail:GetChannel",
            resource: "arn:aws:cloudtrail:eu-west-1:111111111111:channel/1",
            resource_account: &account(OWN),
            resource_policy: policy.as_ref(),
            context: &Context::default(),
        };
        assert_eq!(authorize(&call), expected, "{} {effect} {names}", principal.arn());
    }
}

#[test]
fn denials_read_as_those_of_aws() {
    let message = |denial: Denial| denial.message(&amy(OWN, &[]), "cloudtrail:CreateTrail", TRAIL);
    let user = "User: arn:aws:iam::111111111111:user/amy is not authorized to perform: cloudtrail:CreateTrail on resource: arn:aws:cloudtrail:eu-west-1:111111111111:trail/audit";
    for (denial, reason) in [
        (
            Denial::NotByIdentity,
            "because no identity-based policy allows the cloudtrail:CreateTrail action",
        ),
        (
            Denial::NotByResource,
            "because no resource-based policy allows the cloudtrail:CreateTrail action",
        ),
        (Denial::ByIdentity, "with an explicit deny in an identity-based policy"),
        (Denial::ByResource, "with an explicit deny in a resource-based policy"),
    ] {
        assert_eq!(message(denial), format!("{user} {reason}"));
    }
}
