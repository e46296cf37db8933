//! Policies that are refused: where, and what is said.
#![allow(clippy::unwrap_used)]

use cairn_accounts::{POLICY_BYTES_MAX, Policy, PolicyKind};

#[track_caller]
fn check(kind: PolicyKind, text: &str, place: &str, problem: &str) {
    let error = Policy::parse(text, kind).expect_err(text);
    assert_eq!(error.place, place, "{text}: {error}");
    assert!(error.problem.contains(problem), "{text}: {error}");
}

/// A policy with one statement that is right but for what is replaced.
fn with(from: &str, to: &str) -> String {
    let right = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}]}"#;
    assert!(Policy::parse(right, PolicyKind::Identity).is_ok());
    assert!(right.contains(from), "{from}");
    right.replace(from, to)
}

#[test]
fn a_policy_that_is_not_understood_in_full_is_refused_with_the_place() {
    let check = |text: String, place: &str, problem: &str| {
        check(PolicyKind::Identity, &text, place, problem);
    };
    check(String::new(), "policy", "no valid JSON");
    check("[]".into(), "policy", "expected an object");
    check("{}".into(), "policy", "at least one member");
    check(with("}]}", "}]"), "policy", "no valid JSON");
    check(with("]}", "]} x"), "policy", "no valid JSON");
    check(with("2012-10-17", "2012-10-18"), "Version", "2012-10-17");
    check(with(r#""2012-10-17""#, "2012"), "Version", "2012-10-17");
    check(
        with(r#""Version""#, r#""version""#),
        "policy",
        "unknown element \"version\"; known are Version, Id, Statement",
    );
    check(with(r#""Statement":["#, r#""Id":1,"Statement":["#), "Id", "expected text");
    check(r#"{"Version":"2012-10-17"}"#.into(), "Statement", "missing");
    check(r#"{"Statement":[]}"#.into(), "Statement", "expected one statement or a list");
    check(r#"{"Statement":["a"]}"#.into(), "Statement[0]", "expected an object");
    check(
        with(r#""Effect":"Allow""#, r#""Effect":"allow""#),
        "Statement[0].Effect",
        "\"Allow\" or \"Deny\"",
    );
    check(with(r#""Effect":"Allow","#, ""), "Statement[0].Effect", "\"Allow\" or \"Deny\"");
    check(with(r#""Effect""#, r#""Sid":"a b","Effect""#), "Statement[0].Sid", "letters and digits");
    check(
        with(r#""Action":"s3:*""#, r#""Action":"s3""#),
        "Statement[0].Action",
        "\"s3\": expected SERVICE:ACTION",
    );
    check(with("s3:*", "*:*"), "Statement[0].Action", "expected SERVICE:ACTION");
    check(with("s3:*", "s3:"), "Statement[0].Action", "expected SERVICE:ACTION");
    check(with("s3:*", "s3:Get${aws:username}"), "Statement[0].Action", "expected SERVICE:ACTION");
    check(with(r#""s3:*""#, "[]"), "Statement[0].Action", "at least one value");
    check(with(r#""s3:*""#, "1"), "Statement[0].Action", "expected text or a list of texts");
    check(with(r#""Action":"s3:*","#, ""), "Statement[0]", "expected Action or NotAction");
    check(
        with(r#""Action""#, r#""NotAction":"*","Action""#),
        "Statement[0]",
        "both Action and NotAction",
    );
    check(
        with(r#""Resource":"*""#, r#""Resource":"bucket""#),
        "Statement[0].Resource",
        "ARN of six parts",
    );
    check(
        with(r#""Resource":"*""#, r#""Resource":"arn:aws:s3:*""#),
        "Statement[0].Resource",
        "ARN of six parts",
    );
    check(
        with(r#""Resource":"*""#, r#""Resource":"arn:aws:*:::b""#),
        "Statement[0].Resource",
        "service is spelled out",
    );
    check(
        with(r#""Resource":"*""#, r#""Resource":"*:aws:s3:::b""#),
        "Statement[0].Resource",
        "begins with \"arn:\"",
    );
    check(
        with(r#""Resource":"*""#, r#""Resource":"arn:aws:s3:::${aws:username""#),
        "Statement[0].Resource",
        "not closed",
    );
    check(
        with(r#""Resource":"*""#, r#""Resource":"arn:aws:s3:::${name}""#),
        "Statement[0].Resource",
        "expected a condition key",
    );
    check(
        with(r#""Resource":"*""#, r#""Resource":"arn:aws:s3:::${aws:username, x}""#),
        "Statement[0].Resource",
        "'default'",
    );
    check(
        with(r#""Resource""#, r#""Principal":"*","Resource""#),
        "Statement[0].Principal",
        "a user's policy has none",
    );
    check(with(r#""Bool""#, r#""bool""#), "Statement[0].Condition.\"bool\"", "unknown operator");
    check(
        with(r#""Bool""#, r#""NullIfExists""#),
        "Statement[0].Condition.\"NullIfExists\"",
        "unknown operator",
    );
    check(
        with(r#""Bool""#, r#""ForSome:Bool""#),
        "Statement[0].Condition.\"ForSome:Bool\"",
        "unknown operator",
    );
    check(
        with("aws:SecureTransport", "SecureTransport"),
        "Statement[0].Condition.\"Bool\".\"SecureTransport\"",
        "expected a condition key",
    );
    check(
        with(r#""true""#, r#""yes""#),
        "Statement[0].Condition.\"Bool\".\"aws:SecureTransport\"",
        "\"yes\": expected \"true\" or \"false\"",
    );
    check(
        with(r#""true""#, r#"["true",null]"#),
        "Statement[0].Condition.\"Bool\".\"aws:SecureTransport\"",
        "expected text, a number",
    );
    check(
        with("Bool", "NumericEquals"),
        "Statement[0].Condition.\"NumericEquals\".\"aws:SecureTransport\"",
        "\"true\": expected a number",
    );
    check(
        with("Bool", "DateEquals"),
        "Statement[0].Condition.\"DateEquals\".\"aws:SecureTransport\"",
        "expected a date",
    );
    check(
        with("Bool", "IpAddress"),
        "Statement[0].Condition.\"IpAddress\".\"aws:SecureTransport\"",
        "expected an IP address",
    );
    for range in ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8"] {
        let text = with("Bool", "IpAddress").replace("\"true\"", &format!("\"{range}\""));
        check(
            text,
            "Statement[0].Condition.\"IpAddress\".\"aws:SecureTransport\"",
            "expected an IP address",
        );
    }
    check(
        with(r#""true""#, r#""${aws:username}""#),
        "Statement[0].Condition.\"Bool\".\"aws:SecureTransport\"",
        "variables stand in string and ARN operators only",
    );
    check(
        with(r#"{"aws:SecureTransport":"true"}"#, "{}"),
        "Statement[0].Condition.\"Bool\"",
        "at least one member",
    );
    check(
        with(r#"{"Bool":{"aws:SecureTransport":"true"}}"#, "{}"),
        "Statement[0].Condition",
        "at least one member",
    );
}

#[test]
fn members_that_stand_twice_are_refused() {
    for (from, to) in [
        (r#""Effect":"Allow""#, r#""Effect":"Deny","Effect":"Allow""#),
        (r#""Condition":{"#, r#""Condition":{"Bool":{"aws:ViaAWSService":"true"}},"Condition":{"#),
        (r#""Bool":{"#, r#""Bool":{"aws:ViaAWSService":"true"},"Bool":{"#),
        (
            r#""aws:SecureTransport":"true""#,
            r#""aws:SecureTransport":"false","aws:SecureTransport":"true""#,
        ),
    ] {
        check(PolicyKind::Identity, &with(from, to), "policy", "stands twice");
    }
    let twice = r#"[{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"}]"#;
    let text = format!(r#"{{"Statement":{twice}}}"#);
    check(PolicyKind::Identity, &text, "Statement[2].Sid", "Statement[0] has this Sid");
}

#[test]
fn a_resources_policy_names_principals_that_can_be_told() {
    for (principal, problem) in [
        ("", "missing"),
        (r#""Principal":"111111111111","#, "expected \"*\" or an object"),
        (r#""Principal":{},"#, "at least one member"),
        (r#""Principal":{"aws":"*"},"#, "unknown element"),
        (r#""Principal":{"AWS":[]},"#, "at least one value"),
        (r#""Principal":{"AWS":"amy"},"#, "expected an account of 12 digits"),
        (r#""Principal":{"AWS":"arn:aws:s3:::b"},"#, "expected an account of 12 digits"),
        (r#""Principal":{"AWS":"arn:aws:iam::111111111111:user/*"},"#, "no wildcards"),
        (r#""Principal":{"AWS":"arn:aws:iam::1:user/amy"},"#, "not 12 digits"),
        (r#""NotPrincipal":{"AWS":"111111111111"},"#, "not supported"),
    ] {
        let statement = format!(r#"{{"Effect":"Allow",{principal}"Action":"*","Resource":"*"}}"#);
        let text = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
        let error = Policy::parse(&text, PolicyKind::Resource).expect_err(&text);
        assert!(error.place.starts_with("Statement."), "{error}");
        assert!(error.problem.contains(problem), "{text}: {error}");
    }
}

#[test]
fn a_policy_has_a_longest_length_and_a_deepest_depth() {
    let padded = |bytes: usize| {
        let text = with("", "");
        format!("{text}{}", " ".repeat(bytes - text.len()))
    };
    assert!(Policy::parse(&padded(POLICY_BYTES_MAX), PolicyKind::Identity).is_ok());
    check(PolicyKind::Identity, &padded(POLICY_BYTES_MAX + 1), "policy", "at most 10240");
    let deep = format!("{{\"Statement\":{}{}}}", "[".repeat(4000), "]".repeat(4000));
    check(PolicyKind::Identity, &deep, "policy", "recursion limit");
}
