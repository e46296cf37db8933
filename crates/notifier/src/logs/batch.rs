//! The records of a log file, cut into batches that `PutLogEvents` takes.
//!
//! | bound | value |
//! | --- | --- |
//! | a batch | 10,000 events; 1,048,576 bytes, each event counting 26 more than its message |
//! | a record | 256 KB: CloudTrail sends no larger one to CloudWatch Logs |
//!
//! Sources: CloudWatch Logs API Reference, `PutLogEvents`; CloudTrail User Guide, "Sending events to
//! CloudWatch Logs".

use serde::Deserialize;
use serde_json::value::RawValue;

const BATCH_EVENTS_MAX: usize = 10_000;
const BATCH_BYTES_MAX: usize = 1_048_576;
const EVENT_OVERHEAD_BYTES: usize = 26;
const RECORD_BYTES_MAX: usize = 256 * 1024;

/// What is to be sent of a log file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Batches<'a> {
    /// Records, as they stand in the file and in its order.
    pub(crate) batches: Vec<Vec<&'a str>>,
    /// Records that are too large.
    pub(crate) skipped: u64,
}

#[derive(Deserialize)]
struct Container<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

/// Cuts the uncompressed content of a log file.
pub(crate) fn batches(content: &[u8]) -> Result<Batches<'_>, serde_json::Error> {
    let Container { records } = serde_json::from_slice(content)?;
    let mut cut = Batches::default();
    let mut room = 0;
    for record in records.into_iter().map(RawValue::get) {
        let bytes = record.len() + EVENT_OVERHEAD_BYTES;
        if record.len() > RECORD_BYTES_MAX {
            cut.skipped += 1;
            continue;
        }
        match cut.batches.last_mut().filter(|last| bytes <= room && last.len() < BATCH_EVENTS_MAX) {
            Some(last) => {
                last.push(record);
                room -= bytes;
            }
            None => {
                cut.batches.push(vec![record]);
                room = BATCH_BYTES_MAX - bytes;
            }
        }
    }
    Ok(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of so many bytes.
    fn record(bytes: usize) -> String {
        format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8))
    }

    fn file(records: &[String]) -> String {
        format!(r#"{{"Records":[{}]}}"#, records.join(","))
    }

    #[test]
    fn records_go_out_as_they_stand_and_in_order() {
        let file = r#"{"Records":[{ "a" : 1 },{"b":"ü\u00fc"}]}"#;
        let cut = batches(file.as_bytes()).unwrap();
        let expected = vec![vec![r#"{ "a" : 1 }"#, r#"{"b":"ü\u00fc"}"#]];
        assert_eq!(cut, Batches { batches: expected, skipped: 0 });
    }

    #[test]
    fn no_batch_is_larger_than_the_service_takes() {
        let half = BATCH_BYTES_MAX / 8 - EVENT_OVERHEAD_BYTES;
        for (bytes, count, expected) in [
            (half, 8, vec![8]),
            (half, 9, vec![8, 1]),
            (half + 1, 8, vec![7, 1]),
            (8, 10_001, vec![10_000, 1]),
        ] {
            let file = file(&vec![record(bytes); count]);
            let cut = batches(file.as_bytes()).unwrap();
            let lengths: Vec<usize> = cut.batches.iter().map(Vec::len).collect();
            assert_eq!(lengths, expected, "{count} of {bytes} bytes");
        }
    }

    #[test]
    fn a_record_that_is_too_large_is_skipped_alone() {
        let records = [record(10), record(RECORD_BYTES_MAX + 1), record(RECORD_BYTES_MAX)];
        let file = file(&records);
        let cut = batches(file.as_bytes()).unwrap();
        assert_eq!(cut.skipped, 1);
        assert_eq!(cut.batches, [[records[0].as_str(), records[2].as_str()]]);
    }
}
