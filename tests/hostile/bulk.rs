//! Bodies of the bulk intake that are partly good, too large, or hold nothing.

use model::limits::RECORD_BYTES_MAX;

use crate::case::{Case, record};

pub fn cases() -> Vec<Case> {
    let (one, two) = (record("part-1"), record("part-2"));
    let long = |bytes: usize| format!(r#"{{"invented":"{}"}}"#, "x".repeat(bytes - 15));
    let cut = |with: &str| format!(r#"{{"eventID":"cut","requestParameters":{with}}}"#);
    let odd =
        r#"{"eventID":"odd","recipientAccountId":"1","awsRegion":"../..","eventTime":"soon"}"#;
    let foreign = r#"{"eventID":"refused","recipientAccountId":"999999999999"}"#;
    let unending = format!("{{\"Records\":[{},{},", record("part-3"), record("part-4"));
    let broken = format!("[{} {}]", record("part-5"), record("refused"));
    let behind = format!("{{\"Records\":[{}]}} and more", record("part-6"));
    let members = format!("{{\"Records\":[{}],\"x\":1}}", record("part-7"));
    let pretty = "{\n  \"eventID\": \"refused\"\n}\n";
    vec![
        Case::bulk("nothing", ""),
        Case::bulk("blanks", " \t\r\n\n"),
        Case::bulk("an empty list", "{\"Records\":[]}"),
        Case::bulk("a bad line between good ones", format!("{one}\n{{\n{two}\n"))
            .keeps(one)
            .keeps(two),
        Case::bulk("a record over several lines outside an array", pretty),
        Case::bulk("an array that does not end", unending)
            .keeps(record("part-3"))
            .keeps(record("part-4")),
        Case::bulk("an array without a comma", broken).keeps(record("part-5")),
        Case::bulk("text behind Records", behind).keeps(record("part-6")),
        Case::bulk("members behind Records", members).keeps(record("part-7")),
        Case::bulk("the same record twice", format!("{0}\n{0}", record("twice")))
            .keeps(record("twice")),
        Case::bulk("an account that is not served", foreign),
        Case::bulk("an account, a Region and a time that are none", odd).keeps(odd),
        Case::bulk("a record of 256 KB and a byte", long(RECORD_BYTES_MAX + 1)),
        Case::bulk(
            "a record that is brought within 256 KB",
            cut(&format!("\"{}\"", "p".repeat(RECORD_BYTES_MAX))),
        )
        .keeps(cut(r#"{"omitted":true}"#)),
        Case::bulk("a record of 1 MiB and a byte", long((1 << 20) + 1)),
        Case::bulk("a line of 8 MiB", "x".repeat(8 << 20)),
        Case::bulk("150 bad lines, of which 100 are listed", "[]x\n".repeat(150)),
        Case::bulk("3,000 bad lines", "{\n".repeat(3_000)),
    ]
}
