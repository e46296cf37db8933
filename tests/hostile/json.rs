//! JSON that is none, or hardly any.

use crate::case::{Case, record};

pub fn cases() -> Vec<Case> {
    let good = record("kept");
    let mut cases = vec![
        Case::bulk("an object that does not end", r#"{"eventID":"refused""#),
        Case::bulk("a string that does not end", r#"{"eventID":"refused}"#),
        Case::bulk("a trailing comma", r#"{"eventID":"refused",}"#),
        Case::bulk("a comment", r#"{"eventID":"refused" /* why */}"#),
        Case::bulk("a single quote", "{'eventID':'refused'}"),
        Case::bulk("NaN", r#"{"eventID":"refused","n":NaN}"#),
        Case::bulk("a number with a leading zero", r#"{"eventID":"refused","n":01}"#),
        Case::bulk("two records on a line", format!("{good}{good}")),
        Case::bulk("text", "hello"),
        Case::bulk("a number, a string, null and true, a line each", "1\n\"a\"\nnull\ntrue\n"),
        Case::bulk("an array of numbers", "[1,2]"),
        Case::bulk("arrays in an array", "[[{}]]"),
        Case::bulk("Records that is an object", r#"{"Records":{"eventID":"kept-1"}}"#)
            .keeps(r#"{"Records":{"eventID":"kept-1"}}"#),
        Case::bulk("a byte order mark", [b"\xef\xbb\xbf", good.as_bytes()].concat()),
        Case::bulk(
            "UTF-16",
            [0xff, 0xfe]
                .into_iter()
                .chain(good.bytes().flat_map(|byte| [byte, 0]))
                .collect::<Vec<u8>>(),
        ),
        Case::bulk("a byte that is not UTF-8 in a value", b"{\"eventID\":\"refused\xff\"}"),
        Case::bulk("a byte that is not UTF-8 in a name", b"{\"event\xc3ID\":\"refused\"}"),
        Case::bulk("an overlong encoding of a slash", b"{\"eventID\":\"refused\xc0\xaf\"}"),
        Case::bulk("half of a surrogate pair as UTF-8", b"{\"eventID\":\"refused\xed\xa0\x80\"}"),
        Case::bulk("a character cut off at the end", b"{\"eventID\":\"refused\"}\xe2\x82"),
        Case::bulk("a control character in a string", b"{\"eventID\":\"refused\x01\"}"),
        Case::bulk("a zero byte behind the record", [good.as_bytes(), b"\0"].concat()),
        Case::bulk("a line feed in a string", b"{\"eventID\":\"refused\n\"}"),
        Case::bulk("half of an escaped surrogate pair in a name", r#"{"\ud800":"refused"}"#),
        Case::bulk("an escape that is none", r#"{"eventID":"\x41"}"#),
        Case::bulk("the same known member twice", r#"{"eventID":"refused","eventID":"b"}"#),
        Case::bulk(
            "the account twice, once escaped",
            r#"{"recipientAccountId":"111111111111","recipientAccoun\u0074Id":"000000000000"}"#,
        ),
        Case::bulk("a name that is a number", r#"{1:"refused"}"#),
        Case::bulk("a colon too many", r#"{"eventID"::"refused"}"#),
    ];
    cases.extend(odd());
    cases
}

/// What JSON allows, and a plain reader may stumble over.
fn odd() -> Vec<Case> {
    let kept = |name: &str, member: &str| {
        let id = name.replace(' ', "-");
        let record = record(&format!("kept-{id}")).replace("{\"", &format!("{{{member},\""));
        Case::bulk(name, &record).keeps(record)
    };
    let deep = |depth: usize| format!(r#""p":{}{}"#, "[".repeat(depth), "]".repeat(depth));
    let refused = format!("{{\"eventID\":\"refused\",{}}}", deep(100_000));
    let objects = format!("{{\"p\":{}1{}}}", "{\"a\":".repeat(1_000), "}".repeat(1_000));
    vec![
        kept("a number beyond all floats", r#""n":1e999"#),
        kept("a number of a thousand digits", &format!("\"n\":{}", "9".repeat(1_000))),
        kept("half of an escaped surrogate pair in a value", r#""s":"\ud800""#),
        kept("an escaped zero byte", r#""s":"\u0000""#),
        kept("values as deep as they may be", &deep(99)),
        Case::bulk("values 100,000 deep", refused),
        Case::bulk("objects 1,000 deep", objects),
        Case::bulk("an empty object", "{}").keeps("{}"),
        kept("members that are not read twice", r#""invented":1,"invented":2"#),
        kept("an account that is none", r#""accountId":7"#),
    ]
}
