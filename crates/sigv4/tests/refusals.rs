//! What is refused, as which exception, and with what words; and what is taken all the same.
#![allow(clippy::unwrap_used)]

mod support;

use cairn_sigv4::{EXPIRES_SECONDS_MAX, SKEW_SECONDS, SignatureError};
use support::signer::{SIGNER, Signer, replace_parameter};
use support::{SECRET, SIGNED_AT, Sent};

const MISMATCH: &str = "The request signature we calculated does not match the signature you \
    provided. Check your AWS Secret Access Key and signing method. Consult the service \
    documentation for details.";
const TARGET: &str = "CloudTrail_20131101.DescribeTrails";
const TOKEN: &str = "FwoGZXIvYXdzEBYaDH//token+==";

/// What clients of AWS JSON 1.1 send.
fn call() -> Sent {
    Sent::new("POST /", r#"{"trailNameList":[]}"#)
        .with("accept", "*/*")
        .with("content-type", "application/x-amz-json-1.1")
        .with("x-amz-target", TARGET)
}

fn presigned(expires: u64) -> Sent {
    let signer = Signer { expires: Some(expires), token: Some(TOKEN), ..SIGNER };
    signer.sign(&Sent::new("GET /events?a=1", ""))
}

#[track_caller]
fn check_at(now: i64, sent: &Sent, secret: &str, exception: &str, text: &str) {
    let error = sent.verify(secret, now).expect_err("it is refused");
    assert_eq!((error.code(), &*error.to_string()), (exception, text));
}

#[track_caller]
fn check(sent: &Sent, exception: &str, text: &str) {
    check_at(SIGNED_AT, sent, SECRET, exception, text);
}

#[track_caller]
fn check_mismatch(sent: &Sent) {
    check(sent, "InvalidSignatureException", MISMATCH);
}

/// The call, signed, with its `Authorization` changed.
fn edited(from: &str, to: &str) -> Sent {
    let signed = SIGNER.sign(&call());
    let authorization = signed.header("authorization").to_owned();
    assert!(authorization.contains(from), "{authorization}");
    signed.set("authorization", &authorization.replace(from, to))
}

#[test]
fn a_change_of_anything_signed_is_a_mismatch() {
    let signed = SIGNER.sign(&call());
    assert_eq!(signed.verify(SECRET, SIGNED_AT), Ok(()));
    check_mismatch(&Sent { body: b"{}".into(), ..signed.clone() });
    check_mismatch(&Sent { method: "PUT".into(), ..signed.clone() });
    check_mismatch(&Sent { path: "/x".into(), ..signed.clone() });
    check_mismatch(&Sent { query: "a".into(), ..signed.clone() });
    check_mismatch(&signed.clone().set("x-amz-target", "CloudTrail_20131101.DeleteTrail"));
    check_mismatch(&signed.clone().set("host", "example.amazonaws.com:443"));
    check_mismatch(&signed.clone().with("content-type", "application/x-amz-json-1.1"));
    check_mismatch(&signed.set("x-amz-date", "20150830T123601Z"));
    check_mismatch(&edited("/us-east-1/", "/us-east-2/"));
    check_mismatch(&edited("/cloudtrail/", "/cloudtrail-data/"));
    check_mismatch(&edited("content-type;host", "host;content-type"));
    check_mismatch(&edited(";x-amz-target", ""));
}

#[test]
fn another_secret_is_a_mismatch() {
    let other = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY ";
    check_at(SIGNED_AT, &SIGNER.sign(&call()), other, "InvalidSignatureException", MISMATCH);
    check_at(SIGNED_AT, &SIGNER.sign(&call()), "", "InvalidSignatureException", MISMATCH);
}

#[test]
fn a_signature_of_another_form_is_a_mismatch() {
    let signed = SIGNER.sign(&call());
    let hex = signed.header("authorization").rsplit('=').next().unwrap().to_owned();
    for other in [&hex.to_uppercase(), &hex[1..], &format!("{hex}00"), "", &"g".repeat(64)] {
        check_mismatch(&edited(&hex, other));
    }
}

#[test]
fn a_signed_header_that_is_not_there_is_named() {
    let mut signed = SIGNER.sign(&call());
    signed.headers.remove("x-amz-target");
    check(
        &signed,
        "IncompleteSignatureException",
        "'x-amz-target' is named as a SignedHeader, but it does not exist in the HTTP request.",
    );
}

#[test]
fn a_scope_of_another_day_or_end_is_refused() {
    check(
        &edited("/20150830/", "/20150829/"),
        "InvalidSignatureException",
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
         '20150829' != '20150830', from '20150830T123600Z'.",
    );
    check(
        &edited("aws4_request", "aws5_request"),
        "InvalidSignatureException",
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'.",
    );
    for credential in
        ["a/b/c/d", "a/20150830/c/d/aws4_request/e", "/20150830/c/d/aws4_request", "a"]
    {
        let old = "AKIDEXAMPLE/20150830/us-east-1/cloudtrail/aws4_request";
        let text = format!(
            "Credential must have exactly 5 slash-delimited elements, \
             e.g. keyid/date/region/service/term, got '{credential}'"
        );
        check(&edited(old, credential), "IncompleteSignatureException", &text);
    }
}

#[test]
fn a_scope_of_another_service_is_told_the_right_one() {
    let signed = SIGNER.sign(&call());
    let signed = signed.read(SIGNED_AT).unwrap();
    assert_eq!(signed.check_service(&["cloudtrail-data", "cloudtrail"]), Ok(()));
    assert_eq!(
        signed.check_service(&["sts", "iam"]).unwrap_err().to_string(),
        "Credential should be scoped to correct service: 'sts'."
    );
}

#[test]
fn a_replay_outside_of_fifteen_minutes_is_refused() {
    let signed = SIGNER.sign(&call());
    for seconds in [-SKEW_SECONDS, 0, SKEW_SECONDS] {
        assert_eq!(signed.verify(SECRET, SIGNED_AT + seconds), Ok(()), "{seconds}");
    }
    check_at(
        SIGNED_AT + SKEW_SECONDS + 1,
        &signed,
        SECRET,
        "InvalidSignatureException",
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z \
         (20150830T125101Z - 15 min.)",
    );
    check_at(
        SIGNED_AT - SKEW_SECONDS - 1,
        &signed,
        SECRET,
        "InvalidSignatureException",
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z \
         (20150830T122059Z + 15 min.)",
    );
    for now in [i64::MIN, i64::MAX] {
        assert!(signed.verify(SECRET, now).is_err());
    }
}

#[test]
fn who_signs_nothing_misses_the_token() {
    check(&call(), "MissingAuthenticationTokenException", "Missing Authentication Token");
    for scheme in ["Bearer abc", "Basic YTpi", ""] {
        let sent = call().with("authorization", scheme);
        check(&sent, "MissingAuthenticationTokenException", "Missing Authentication Token");
    }
}

#[test]
fn a_header_without_all_its_parts_is_told_which() {
    let check = |sent: &Sent, text: &str| check(sent, "IncompleteSignatureException", text);
    check(
        &call().with("authorization", "AWS4-HMAC-SHA256"),
        "Authorization header requires 'Credential' parameter. \
         Authorization header requires 'Signature' parameter. \
         Authorization header requires 'SignedHeaders' parameter. \
         Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
    );
    check(&edited("Signature=", "Sign="), "Authorization header requires 'Signature' parameter.");
    check(
        &edited("Credential=", "Credential "),
        "'Credential' not a valid key=value pair (missing equal-sign) in Authorization header.",
    );
    check(&edited("Signature=", "Credential=a, Signature="), "'Credential' must be given once.");
    check(
        &edited("SHA256", "SHA512"),
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512' (only AWS4-HMAC-SHA256 for now).",
    );
    let signed = SIGNER.sign(&call());
    for name in ["authorization", "x-amz-date"] {
        let twice = signed.clone().with(name, signed.header(name));
        check(&twice, &format!("'{name}' must be given once."));
    }
    check(
        &signed.clone().set("x-amz-date", "2015-08-30"),
        "Date must be in ISO-8601 'basic format'. Got '2015-08-30'. \
         See http://en.wikipedia.org/wiki/ISO_8601",
    );
    check(
        &signed.set("x-amz-date", "2015083é"),
        "The value of 'x-amz-date' must be visible ASCII characters.",
    );
}

#[test]
fn host_must_be_signed_and_nothing_else_need_be() {
    check(
        &Signer { unsigned: vec!["host"], ..SIGNER }.sign(&call()),
        "InvalidSignatureException",
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    );
    let unsigned = vec!["x-amz-date", "x-amz-target", "x-amz-security-token"];
    let signed = Signer { unsigned, token: Some(TOKEN), ..SIGNER }.sign(&call());
    assert!(signed.header("authorization").contains("SignedHeaders=accept;content-type;host,"));
    assert_eq!(signed.verify(SECRET, SIGNED_AT), Ok(()));
    // The moment is signed all the same. The token is told as it came, for the caller to compare.
    check_mismatch(&signed.clone().set("x-amz-date", "20150830T123601Z"));
    let other = signed.set("x-amz-security-token", "other");
    assert_eq!(other.verify(SECRET, SIGNED_AT), Ok(()));
    assert_eq!(other.read(SIGNED_AT).unwrap().session_token(), Some("other"));
}

#[test]
fn a_signed_session_token_cannot_be_changed_or_left_out() {
    let signed = Signer { token: Some(TOKEN), ..SIGNER }.sign(&call());
    assert_eq!(signed.verify(SECRET, SIGNED_AT), Ok(()));
    assert_eq!(signed.read(SIGNED_AT).unwrap().session_token(), Some(TOKEN));
    check_mismatch(&signed.clone().set("x-amz-security-token", &TOKEN[1..]));
    let mut without = signed;
    without.headers.remove("x-amz-security-token");
    assert_eq!(
        without.verify(SECRET, SIGNED_AT).unwrap_err().code(),
        "IncompleteSignatureException"
    );
}

#[test]
fn the_members_of_the_header_stand_in_any_order_with_blanks_and_commas() {
    let signed = SIGNER.sign(&call());
    let authorization = signed.header("authorization").to_owned();
    let (_, members) = authorization.split_once(' ').unwrap();
    let members: Vec<&str> = members.split(", ").collect();
    for (separator, order) in [(",", [2, 1, 0]), (" ", [1, 0, 2]), (" ,, \t", [0, 1, 2])] {
        let members = order.map(|index| members[index]).join(separator);
        let sent = signed.clone().set("authorization", &format!("AWS4-HMAC-SHA256  {members},"));
        assert_eq!(sent.verify(SECRET, SIGNED_AT), Ok(()), "{separator}");
    }
}

#[test]
fn the_moment_may_stand_in_the_header_date() {
    let signed = Signer { unsigned: vec!["x-amz-date"], ..SIGNER }.sign(&call());
    let mut without = signed;
    without.headers.remove("x-amz-date");
    for date in ["20150830T123600Z", "Sun, 30 Aug 2015 12:36:00 GMT"] {
        assert_eq!(without.clone().with("date", date).verify(SECRET, SIGNED_AT), Ok(()), "{date}");
    }
    check_mismatch(&without.with("date", "Sun, 30 Aug 2015 12:36:01 GMT"));
}

#[test]
fn a_body_that_is_not_of_its_hash_is_refused() {
    let signed = Signer { says_hash: true, ..SIGNER }.sign(&call());
    assert_eq!(signed.verify(SECRET, SIGNED_AT), Ok(()));
    let text = "The provided 'x-amz-content-sha256' header does not match what was computed.";
    let other = Sent { body: b"{}".into(), ..signed.clone() };
    check(&other, "InvalidSignatureException", text);
    let upper = signed.header("x-amz-content-sha256").to_uppercase();
    check(&signed.set("x-amz-content-sha256", &upper), "InvalidSignatureException", text);
}

#[test]
fn only_s3_takes_bodies_that_are_not_signed() {
    let text = "The provided 'x-amz-content-sha256' header does not match what was computed.";
    for payload in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    ] {
        let signed = Signer { payload: Some(payload), says_hash: true, ..SIGNER }.sign(&call());
        check(&signed, "InvalidSignatureException", text);
    }
    let s3 = Signer { service: "s3", says_hash: true, ..SIGNER };
    let signed = Signer { payload: Some("UNSIGNED-PAYLOAD"), ..s3.clone() }.sign(&call());
    assert_eq!(Sent { body: b"{}".into(), ..signed }.verify(SECRET, SIGNED_AT), Ok(()));
    let payload = Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    check(
        &Signer { payload, ..s3 }.sign(&call()),
        "IncompleteSignatureException",
        "'STREAMING-UNSIGNED-PAYLOAD-TRAILER' is not supported; STREAMING-AWS4-HMAC-SHA256-PAYLOAD, \
         STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER and UNSIGNED-PAYLOAD are.",
    );
}

#[test]
fn a_presigned_url_holds_for_as_long_as_it_says() {
    let signed = presigned(3_600);
    for seconds in [-SKEW_SECONDS, 0, 3_600] {
        assert_eq!(signed.verify(SECRET, SIGNED_AT + seconds), Ok(()), "{seconds}");
    }
    check_at(
        SIGNED_AT + 3_601,
        &signed,
        SECRET,
        "InvalidSignatureException",
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z \
         (20150830T133601Z - 3600 s.)",
    );
    check_at(
        SIGNED_AT - SKEW_SECONDS - 1,
        &signed,
        SECRET,
        "InvalidSignatureException",
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z \
         (20150830T122059Z + 15 min.)",
    );
    let week = presigned(EXPIRES_SECONDS_MAX.unsigned_abs());
    assert_eq!(week.verify(SECRET, SIGNED_AT + EXPIRES_SECONDS_MAX), Ok(()));
}

#[test]
fn a_change_of_a_presigned_url_is_a_mismatch() {
    let signed = presigned(3_600);
    assert_eq!(signed.read(SIGNED_AT).unwrap().session_token(), Some(TOKEN));
    for (name, value) in [
        ("X-Amz-Security-Token", Some("other")),
        ("X-Amz-Security-Token", None),
        ("X-Amz-Expires", Some("3601")),
        ("X-Amz-Date", Some("20150830T123601Z")),
        ("a", Some("2")),
        ("a", None),
        ("b", Some("")),
    ] {
        check_mismatch(&replace_parameter(&signed, name, value));
    }
    check_mismatch(&Sent { path: "/event".into(), ..signed.clone() });
    check_mismatch(&Sent { body: b"x".into(), ..signed.clone() });
    check_mismatch(&signed.set("host", "example.com"));
}

#[test]
fn a_presigned_url_without_all_its_parts_is_told_which() {
    let signed = presigned(3_600);
    let check = |sent: &Sent, text: &str| check(sent, "IncompleteSignatureException", text);
    for name in ["Algorithm", "Credential", "Signature", "SignedHeaders", "Date", "Expires"] {
        let name = format!("X-Amz-{name}");
        check(
            &replace_parameter(&signed, &name, None),
            &format!(
                "AWS query-string parameters must include '{name}'. \
                 Re-examine the query-string parameters."
            ),
        );
        let twice = Sent { query: format!("{}&{name}=", signed.query), ..signed.clone() };
        check(&twice, &format!("'{name}' must be given once."));
    }
    for expires in ["0", "604801", "-1", "+5", "", "1.5", "99999999999999999999"] {
        let text =
            format!("X-Amz-Expires must be a number of seconds from 1 to 604800, got '{expires}'.");
        check(&replace_parameter(&signed, "X-Amz-Expires", Some(expires)), &text);
    }
    check(
        &replace_parameter(&signed, "X-Amz-Algorithm", Some("AWS4-ECDSA-P256-SHA256")),
        "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for now).",
    );
    check(
        &signed.with("authorization", "AWS4-HMAC-SHA256"),
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the \
         Authorization header should be specified.",
    );
}

#[test]
fn every_refusal_has_the_exception_that_clients_look_for() {
    for (error, code, text) in [
        (
            SignatureError::UnknownKey,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        (
            SignatureError::ExpiredToken,
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
    ] {
        assert_eq!((error.code(), &*error.to_string()), (code, text));
    }
}
