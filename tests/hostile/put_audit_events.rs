//! Calls of PutAuditEvents: queries, bodies and events that are wrong.

use serde_json::json;
use trails::Channel;

use crate::case::{Case, call_of, record};

const GOOD: &str = r#"{"version":"1.0","userIdentity":{"type":"User","principalId":"amy"},"eventSource":"shop.example","eventName":"Order","eventTime":"2026-01-02T03:04:05Z","UID":"u-1","recipientAccountId":"111111111111"}"#;

fn channel() -> Channel {
    let (account, region) = ("111111111111".parse().unwrap(), "eu-west-1".parse().unwrap());
    Channel::configured(account, region, "shop".parse().unwrap(), "Custom".into())
}

pub fn cases() -> Vec<Case> {
    [queries(), bodies(), events()].concat()
}

fn queries() -> Vec<Case> {
    let body = call_of(&[("a", &record("refused"))]);
    let (arn, id) = (channel().arn(), channel().id);
    let by = |name: &str, query: &str| Case::call(name, query, &body);
    let kept = record("by-id");
    let of_other = "Authorization: AWS4-HMAC-SHA256 Credential=222222222222/20260102/eu-west-1/x/aws4_request\r\n";
    let line = format!("POST /PutAuditEvents?channelArn={arn} HTTP/1.1");
    vec![
        by("no query", ""),
        by("an empty channelArn", "?channelArn="),
        by("channelArn without a value", "?channelArn"),
        by("channelArn twice", &format!("?channelArn={arn}&channelArn={arn}")),
        by("a channelArn that is not UTF-8", "?channelArn=%ff%fe"),
        by(
            "a channelArn of a trail",
            "?channelArn=arn:aws:cloudtrail:eu-west-1:111111111111:trail/all",
        ),
        by("a channel that is not there", &format!("?channelArn={}", arn.replace("-8", "-9"))),
        by("a channel's name in place of its ARN", "?channelArn=shop"),
        by("a channelArn of control characters", "?channelArn=%1b%5b31m%0d%0aX:%201"),
        by("a channelArn of 8 KB", &format!("?channelArn={}", "a".repeat(8 << 10))),
        by("an externalId of one character", &format!("?channelArn={arn}&externalId=x")),
        by("an externalId with a blank", &format!("?channelArn={arn}&externalId=a+b")),
        by(
            "an externalId of 2,000 characters",
            &format!("?channelArn={arn}&externalId={}", "x".repeat(2_000)),
        ),
        Case::with("a channel of another account", &line, of_other, &body),
        Case::call(
            "a name of the query that nobody knows",
            &format!("?channelArn={id}&x=1"),
            call_of(&[("a", &kept)]),
        )
        .keeps(kept),
    ]
}

fn bodies() -> Vec<Case> {
    let query = format!("?channelArn={}", channel().arn());
    let with = |name: &str, body: &[u8]| Case::call(name, &query, body);
    let large = record("refused").replace("refused", &"x".repeat(200 << 10));
    let six: Vec<String> = (0..6).map(|number| number.to_string()).collect();
    let six: Vec<(&str, &str)> = six.iter().map(|id| (id.as_str(), large.as_str())).collect();
    let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|id| (id.as_str(), "{}")).collect();
    let id = |id: &str| call_of(&[(id, &record("refused"))]);
    vec![
        with("a call without a body", b""),
        with("a call that is not JSON", b"auditEvents=1"),
        with("a call that breaks off", br#"{"auditEvents":[{"id":"a","eventData":"{}""#),
        with("a call with a trailing comma", br#"{"auditEvents":[],}"#),
        with(
            "a call that is not UTF-8",
            b"{\"auditEvents\":[{\"id\":\"\xff\",\"eventData\":\"{}\"}]}",
        ),
        with("a call that is an array", b"[]"),
        with("a call whose members stand in an array", br#"[[["a","{}",null]]]"#),
        with("an event whose members stand in an array", br#"{"auditEvents":[["a","{}",null]]}"#),
        with("a call that is null", b"null"),
        with("a call 100,000 deep", "[".repeat(100_000).as_bytes()),
        with(
            "a member 100,000 deep",
            format!(r#"{{"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000)).as_bytes(),
        ),
        with("no auditEvents", b"{}"),
        with("auditEvents that is null", br#"{"auditEvents":null}"#),
        with("auditEvents that is an object", br#"{"auditEvents":{}}"#),
        with("auditEvents twice", br#"{"auditEvents":[],"auditEvents":[]}"#),
        with("no event", br#"{"auditEvents":[]}"#),
        with("101 events", call_of(&many).as_bytes()),
        with("events of more than 1 MB", call_of(&six).as_bytes()),
        with("a call of 5 MiB", &vec![b' '; 5 << 20]),
        with("an event without an id", br#"{"auditEvents":[{"eventData":"{}"}]}"#),
        with("an event without data", br#"{"auditEvents":[{"id":"a"}]}"#),
        with("an id that is a number", br#"{"auditEvents":[{"id":1,"eventData":"{}"}]}"#),
        with("an empty id", id("").as_bytes()),
        with("an id with a slash", id("../a").as_bytes()),
        with("an id of 129 characters", id(&"a".repeat(129)).as_bytes()),
        with("the same id twice", call_of(&[("a", "{}"), ("a", "{}")]).as_bytes()),
        with("data that is an object", br#"{"auditEvents":[{"id":"a","eventData":{}}]}"#),
        with(
            "data with half of a surrogate pair",
            br#"{"auditEvents":[{"id":"a","eventData":"\ud800"}]}"#,
        ),
    ]
}

fn events() -> Vec<Case> {
    let query = format!("?channelArn={}", channel().arn());
    let with = |name: &str, data: &str| Case::call(name, &query, call_of(&[("a", data)]));
    let without = |name: &str, member: &str| with(name, &GOOD.replace(member, ""));
    let checksum =
        json!({ "auditEvents": [{ "id": "a", "eventData": "{}", "eventDataChecksum": "AAAA" }] });
    let in_array = r#"["1.0",{"type":"User","principalId":"amy"},null,"s","n","2026-01-02T03:04:05Z","u",null,null,null,null,null,"111111111111",null]"#;
    let kept = GOOD.replace("u-1", "u-kept");
    let levels = format!("{}1{}", "{\"a\":".repeat(500), "}".repeat(500));
    let deep = format!("{{\"requestParameters\":{levels},");
    vec![
        Case::call("a checksum of other data", &query, checksum.to_string()),
        with("data that is not JSON", "hello"),
        with("data that is empty", ""),
        with("data that is an array", "[]"),
        with("data whose members stand in an array", in_array),
        with("data with a member twice", &GOOD.replace("\"UID\"", "\"UID\":\"a\",\"UID\"")),
        with("data of 256 KB and a byte", &record(&"x".repeat(256 << 10))),
        with("data of another account", &record("refused").replace("111111111111", "999999999999")),
        with("data for another recipient", &GOOD.replace("111111111111", "222222222222")),
        with("data with values 500 deep", &GOOD.replacen('{', &deep, 1)),
        with(
            "a user identity that is an array",
            &GOOD.replace(r#"{"type":"User","principalId":"amy"}"#, r#"["User","amy",null]"#),
        ),
        with("a time that is none", &GOOD.replace("2026-01-02T03", "2026-13-02T03")),
        with(
            "a user agent of 1,025 bytes",
            &GOOD.replacen('{', &format!("{{\"userAgent\":\"{}\",", "a".repeat(1_025)), 1),
        ),
        without("no UID", r#""UID":"u-1","#),
        without("no version and no UID", r#""version":"1.0","#),
        Case::call(
            "a good event among bad ones",
            &query,
            call_of(&[("a", "{"), ("b", &kept), ("c", "[1]")]),
        )
        .keeps(kept),
    ]
}
