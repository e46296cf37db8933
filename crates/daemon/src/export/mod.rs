//! Downloads of the history: records as JSON, one a line, or as a table in CSV.
//!
//! ```text
//! begin ─► page, page, … ─► end
//! json:    {"Records":[  record,record,…  ]}      as log files and the console's downloads
//! ndjson:                record⏎record⏎…
//! csv:     header⏎       row⏎row⏎…                see `columns`
//! ```
//!
//! Records of `json` and `ndjson` are the bytes of their log files; only a line break between members
//! becomes a blank where a line is a record.

pub mod columns;
pub mod csv;

use clap::ValueEnum;

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One record a line.
    Ndjson,
    /// `{"Records":[…]}`.
    Json,
    /// The columns of the console's downloads, and more.
    Csv,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 3] = [Format::Ndjson, Format::Json, Format::Csv];

    /// As queries name it; also the ending of a file's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Ndjson => "ndjson",
            Format::Json => "json",
            Format::Csv => "csv",
        }
    }

    /// By its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    /// `Content-Type`. Source: RFC 4180 for `header`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Ndjson => "application/x-ndjson",
            Format::Json => "application/json",
            Format::Csv => "text/csv; charset=utf-8; header=present",
        }
    }
}

/// Writes records, one after the other.
#[derive(Debug)]
pub struct Writer {
    format: Format,
    is_first: bool,
}

impl Writer {
    /// Nothing is written yet.
    #[must_use]
    pub fn new(format: Format) -> Writer {
        Writer { format, is_first: true }
    }

    /// What stands before all records.
    pub fn begin(&self, out: &mut Vec<u8>) {
        match self.format {
            Format::Ndjson => {}
            Format::Json => out.extend_from_slice(b"{\"Records\":["),
            Format::Csv => csv::row(columns::ALL.iter().map(|column| column.name), out),
        }
    }

    /// A record.
    pub fn record(&mut self, record: &[u8], out: &mut Vec<u8>) {
        let is_first = std::mem::replace(&mut self.is_first, false);
        match self.format {
            Format::Ndjson => {
                let start = out.len();
                out.extend_from_slice(record);
                // Within a text they are escaped: those that are left are white space.
                for byte in &mut out[start..] {
                    if matches!(byte, b'\n' | b'\r') {
                        *byte = b' ';
                    }
                }
                out.push(b'\n');
            }
            Format::Json => {
                if !is_first {
                    out.push(b',');
                }
                out.extend_from_slice(record);
            }
            Format::Csv => csv::row(columns::cells(record), out),
        }
    }

    /// What stands behind all records.
    pub fn end(&self, out: &mut Vec<u8>) {
        if self.format == Format::Json {
            out.extend_from_slice(b"]}\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(format: Format, records: &[&str]) -> String {
        let (mut writer, mut out) = (Writer::new(format), Vec::new());
        writer.begin(&mut out);
        for record in records {
            writer.record(record.as_bytes(), &mut out);
        }
        writer.end(&mut out);
        String::from_utf8(out).unwrap()
    }

    const SPANS_LINES: &str = "{\n  \"eventID\": \"1\",\r\n  \"text\": \"a\\nb\"\n}";

    #[test]
    fn json_keeps_the_bytes_of_each_record() {
        assert_eq!(written(Format::Json, &[]), "{\"Records\":[]}\n");
        let two = written(Format::Json, &[SPANS_LINES, r#"{"n":1.0E1}"#]);
        assert_eq!(two, format!("{{\"Records\":[{SPANS_LINES},{{\"n\":1.0E1}}]}}\n"));
    }

    #[test]
    fn a_record_that_spans_lines_becomes_one_line_and_stays_the_same() {
        let lines = written(Format::Ndjson, &[SPANS_LINES, r#"{"eventID":"2"}"#]);
        let values: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(values, [json!({"eventID": "1", "text": "a\nb"}), json!({"eventID": "2"})]);
    }

    #[test]
    fn a_table_without_rows_has_its_header() {
        let csv = written(Format::Csv, &[]);
        assert!(csv.starts_with("User name,AWS access key,Event time,"), "{csv}");
        assert_eq!(csv.matches("\r\n").count(), 1);
    }

    #[test]
    fn formats_are_known_by_their_names() {
        for format in Format::ALL {
            assert_eq!(Format::from_name(format.name()), Some(format));
        }
        assert_eq!(Format::from_name("CSV"), None);
    }
}
