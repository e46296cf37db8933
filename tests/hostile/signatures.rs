//! Signatures that are none, are broken, or are not of this time, key, service or body.

use crate::case::{Case, record};

const MOMENT: &str = "20260309T140500Z";
const SCOPE: &str = "20260309/eu-west-1/cloudtrail/aws4_request";
const HOST: &str = "SignedHeaders=host";

/// A call with these headers of a signature.
fn call(name: &str, headers: &[String]) -> Case {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    Case::with(name, "POST / HTTP/1.1", &headers, "{}")
}

/// A bulk body with these headers of a signature.
fn bulk(name: &str, headers: &[String]) -> Case {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    Case::with(name, "POST /v1/events HTTP/1.1", &headers, record("unproven"))
}

fn date(moment: &str) -> String {
    format!("X-Amz-Date: {moment}")
}

pub fn cases(key: &str) -> Vec<Case> {
    let signature = format!("Signature={}", "0".repeat(64));
    let with = |members: &str| format!("Authorization: AWS4-HMAC-SHA256 {members}");
    let scoped = |scope: &str| with(&format!("Credential={key}/{scope}, {HOST}, {signature}"));
    let right = scoped(SCOPE);
    let at = |moment: &str| [right.clone(), date(moment)];
    let now = |authorization: String| [authorization, date(MOMENT)];
    let of = |credential: &str| now(with(&format!("Credential={credential}, {HOST}, {signature}")));
    let signing = |headers: &str| {
        let headers = format!("SignedHeaders={headers}");
        now(with(&format!("Credential={key}/{SCOPE}, {headers}, {signature}")))
    };
    let data = SCOPE.replace("/cloudtrail/", "/cloudtrail-data/");
    let body = |word: &str| [scoped(&data), date(MOMENT), format!("X-Amz-Content-Sha256: {word}")];
    let presigned = |name: &str, expires: &str| {
        let credential = format!("{key}/{SCOPE}").replace('/', "%2F");
        let line = format!(
            "POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={MOMENT}&X-Amz-Expires={expires}&X-Amz-SignedHeaders=host&X-Amz-{signature} HTTP/1.1"
        );
        Case::with(name, &line, "", "{}")
    };
    vec![
        call("no signature", &[]),
        bulk("a bulk body without a signature", &[]),
        call("an authorization that is empty", &now("Authorization:".into())),
        call("a name and a password", &now("Authorization: Basic eDp5".into())),
        call("a signature with two keys", &now("Authorization: AWS4-ECDSA-P256-SHA256 x".into())),
        call("an algorithm and no more", &now(with(""))),
        call("members without values", &now(with("Credential, SignedHeaders, Signature"))),
        call("no credential", &now(with(&format!("{HOST}, {signature}")))),
        call("no list of headers", &now(with(&format!("Credential={key}/{SCOPE}, {signature}")))),
        call("no signature in it", &now(with(&format!("Credential={key}/{SCOPE}, {HOST}")))),
        call(
            "a member twice",
            &now(with(&format!("Credential={key}/{SCOPE}, {HOST}, {HOST}, {signature}"))),
        ),
        call("two authorizations", &[right.clone(), right.clone(), date(MOMENT)]),
        call("no date", std::slice::from_ref(&right)),
        call("two dates", &[right.clone(), date(MOMENT), date(MOMENT)]),
        call("a date that is none", &at("yesterday")),
        call("a date of the year 0", &at("00000101T000000Z")),
        call("a signature of 16 minutes ago", &at("20260309T134900Z")),
        call("a signature of tomorrow", &at("20260310T140500Z")),
        call("a scope without a Region", &of(&format!("{key}/20260309/cloudtrail/aws4_request"))),
        call("a scope with a part too many", &of(&format!("{key}/x/{SCOPE}"))),
        call("a scope of another day", &of(&format!("{key}/{}", SCOPE.replace("0309", "0308")))),
        call(
            "a scope that ends otherwise",
            &of(&format!("{key}/{}", SCOPE.replace("aws4", "aws5"))),
        ),
        call(
            "a scope of another service",
            &of(&format!("{key}/{}", SCOPE.replace("cloudtrail", "s3"))),
        ),
        bulk(
            "a bulk body for another service",
            &of(&format!("{key}/{}", SCOPE.replace("cloudtrail", "s3"))),
        ),
        call("a key that nobody has", &of(&format!("AKIAIOSFODNN7EXAMPLE/{SCOPE}"))),
        call("an account in place of a key", &of(&format!("111111111111/{SCOPE}"))),
        call("a key with marks of a script", &of(&format!("<script>/{SCOPE}"))),
        call("a key of 8 KB", &of(&format!("{}/{SCOPE}", "A".repeat(8 << 10)))),
        call("a key out of the tree", &of(&format!("..%2F..%2Faccounts.json/{SCOPE}"))),
        call("headers without the host", &signing("x-amz-date")),
        call("a header that is not there", &signing("host;x-absent")),
        call("the host a thousand times", &signing(&["host"; 1_000].join(";"))),
        call("a signature that is not right", &now(right.clone())),
        call("a signature of 63 digits", &now(right.replacen("Signature=0", "Signature=", 1))),
        call("a signature in no digits", &now(right.replacen("Signature=0", "Signature=x", 1))),
        call(
            "a token where none belongs",
            &[right.clone(), date(MOMENT), "X-Amz-Security-Token: x".into()],
        ),
        bulk("a hash of another body", &body(&"0".repeat(64))),
        bulk("an unsigned body under a signature that is not right", &body("UNSIGNED-PAYLOAD")),
        bulk(
            "chunks under a signature that is not right",
            &body("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ),
        bulk("chunks that nobody knows", &body("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")),
        presigned("a URL that is not right", "60"),
        presigned("a URL for no time", "0"),
        presigned("a URL for more than a week", "604801"),
        presigned("a URL for less than no time", "-1"),
        Case::with(
            "a URL without its members",
            &format!("POST /?X-Amz-{signature} HTTP/1.1"),
            "",
            "{}",
        ),
        Case::raw(
            "no Host",
            format!(
                "POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n{}\r\n{}\r\n\r\n{{}}",
                right,
                date(MOMENT)
            ),
        ),
    ]
}
