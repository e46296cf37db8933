//! Files as they come, and files that should not come.

use bytes::Bytes;

use super::world::{gzip, log_file};
use crate::RECORD_BYTES;
use crate::unpack::{InvalidLogFile, unpack};

const BYTES_MAX: usize = 1 << 20;

#[track_caller]
fn check(object: impl Into<Bytes>, records: &[&str]) {
    let unpacked = unpack(object.into(), BYTES_MAX).unwrap();
    let found: Vec<&str> = unpacked.iter().map(|record| record.json()).collect();
    assert_eq!(found, records);
}

#[track_caller]
fn check_invalid(object: impl Into<Bytes>, expected: &str) {
    let error = unpack(object.into(), BYTES_MAX).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn records_come_out_as_they_were_written() {
    let odd = r#"{ "a" : 1.688560107857E9,"b":"\u003d/\/",  "a":[{}] }"#;
    check(gzip(&log_file(&[odd, "{}"])), &[odd, "{}"]);
    check(
        gzip(&format!(" {{\"x\":[1],\"Records\": [ {odd}\n,{{}} ],\"y\":{{}}}}\n")),
        &[odd, "{}"],
    );
}

#[test]
fn a_file_that_was_unpacked_on_the_way_is_read_as_it_is() {
    check(log_file(&["{}"]), &["{}"]);
}

#[test]
fn a_file_of_several_gzip_members_is_read_to_its_end() {
    let members = [gzip(r#"{"Records":[{},"#), gzip(r#"{"b":1}]}"#)].concat();
    check(members, &["{}", r#"{"b":1}"#]);
}

#[test]
fn a_bare_array_is_a_log_file_and_nested_arrays_are_flattened() {
    check(gzip(r#"[{"a":1},{"a":2}]"#), &[r#"{"a":1}"#, r#"{"a":2}"#]);
    check(gzip(r#"[[{"a":1},[{"a":2}]],[],{"a":3}]"#), &[r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#]);
    check(gzip(r#"{"Records":[[{"a":1}],{"a":2}]}"#), &[r#"{"a":1}"#, r#"{"a":2}"#]);
    check(gzip(&format!("[{}]", ["[{}]"; 20].join(","))), &["{}"; 20]);
}

#[test]
fn a_file_without_records_is_valid() {
    check(gzip(&log_file(&[])), &[]);
    check(gzip("[]"), &[]);
}

#[test]
fn a_file_that_is_no_log_file_is_refused_with_the_reason() {
    check_invalid("hello", "not a CloudTrail log file");
    check_invalid(vec![0xff, 0xfe, 0x00], "not text");
    check_invalid(gzip("hello"), "not a CloudTrail log file");
    check_invalid(gzip(r#"{"digestEndTime":"x"}"#), "missing field `Records`");
    check_invalid(gzip(r#"{"Records":[],"Records":[{}]}"#), "duplicate field `Records`");
    check_invalid(gzip(r#"{"Records":null}"#), "array of records");
    check_invalid(gzip(r#"{"Records":[{},null]}"#), "a record is an object");
    check_invalid(gzip(r#"{"Records":[{}]"#), "EOF");
    check_invalid(gzip(r#"{"Records":[{}]} {"Records":[{}]}"#), "trailing");
    check_invalid(
        gzip(&format!("{}{}", "[".repeat(50_000), "]".repeat(50_000))),
        "arrays in arrays",
    );
}

#[test]
fn a_gzip_that_is_cut_short_or_damaged_is_refused() {
    let whole = gzip(&log_file(&["{}"]));
    check_invalid(whole[..whole.len() - 4].to_vec(), "not whole gzip");
    check_invalid(whole[..2].to_vec(), "not whole gzip");
    check_invalid([whole.as_slice(), b"tail"].concat(), "not whole gzip");
}

#[test]
fn a_bomb_is_refused_before_it_unfolds() {
    let bomb = gzip(&" ".repeat(50 * BYTES_MAX));
    assert!(bomb.len() < BYTES_MAX);
    check_invalid(bomb.clone(), "larger than 1048576 bytes");
    // The damage lies beyond the limit: whoever meets it has unfolded too much.
    check_invalid(bomb[..bomb.len() - 8].to_vec(), "larger than 1048576 bytes");
    check_invalid(vec![b' '; BYTES_MAX + 1], "larger than 1048576 bytes");
}

#[test]
fn a_swarm_of_empty_records_is_refused_before_it_is_listed() {
    let records = vec!["{}"; BYTES_MAX / RECORD_BYTES];
    check_invalid(gzip(&log_file(&records)), "larger than 1048576 bytes");
}

#[test]
fn a_file_may_be_just_as_large_as_the_limit() {
    let file = log_file(&["{}", "{}"]);
    let needed = file.len() + 2 * RECORD_BYTES;
    assert_eq!(unpack(gzip(&file).into(), needed).unwrap().len(), 2);
    let error = unpack(gzip(&file).into(), needed - 1).unwrap_err();
    assert!(matches!(error, InvalidLogFile::TooBig { .. }));
}

#[test]
fn a_record_on_several_lines_is_put_on_one() {
    let record = &unpack("[{\"a\":\r\n\"x\\ny\"}]".into(), BYTES_MAX).unwrap()[0];
    assert_eq!(record.line(), "{\"a\":  \"x\\ny\"}");
    assert_eq!(record.json(), "{\"a\":\r\n\"x\\ny\"}");
}
