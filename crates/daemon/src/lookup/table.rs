//! Events as a table for people: one line each, newest first.
//!
//! Columns are as wide as the first [`MEASURED_MAX`] rows need, and stay so. On a terminal a line is
//! cut where the screen ends; elsewhere it is whole. Control characters are shown as escapes: a
//! record must not write to a terminal what it likes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use history::Summary;
use integrity::Plain;
use jiff::tz::TimeZone;
use model::Timestamp;

use super::screen::Screen;
use crate::export::columns::Fields;

/// Rows that decide on widths.
const MEASURED_MAX: usize = 200;
/// Letters of a column, but the last one.
const WIDTH_MAX: usize = 40;
const RED: &str = "\x1b[31m";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// A table that grows.
pub(super) struct Table {
    has_accounts: bool,
    zone: Option<TimeZone>,
    is_coloured: bool,
    /// Letters of a line; 0 is any number.
    columns: usize,
    /// Rows that are not written yet, as long as widths are not known.
    waiting: Vec<Row>,
    widths: Vec<usize>,
}

struct Row {
    cells: Vec<String>,
    is_error: bool,
    is_change: bool,
}

impl Table {
    /// Without rows yet.
    pub(super) fn new(screen: &Screen, has_accounts: bool, is_local: bool) -> Table {
        Table {
            has_accounts,
            zone: is_local.then(TimeZone::system),
            is_coloured: screen.is_coloured,
            columns: screen.columns.into(),
            waiting: Vec::new(),
            widths: Vec::new(),
        }
    }

    /// Takes a record.
    pub(super) fn push(&mut self, record: &[u8], out: &mut impl Write) -> io::Result<()> {
        let row = self.row(record);
        if !self.widths.is_empty() {
            return self.write(&row, out);
        }
        self.waiting.push(row);
        if self.waiting.len() >= MEASURED_MAX { self.flush(out) } else { Ok(()) }
    }

    /// Writes what is not written yet. Without rows nothing is written, not even a header.
    pub(super) fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.waiting.is_empty() { Ok(()) } else { self.flush(out) }
    }

    fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        let header = self.header();
        let rows = std::mem::take(&mut self.waiting);
        let letters = |column: usize| {
            let cells = [&header].into_iter().chain(rows.iter().map(|row| &row.cells));
            cells.map(|cells| cells[column].chars().count()).max().unwrap_or_default()
        };
        self.widths = (0..header.len()).map(|column| letters(column).min(WIDTH_MAX)).collect();
        let line = self.line(&header);
        match self.is_coloured {
            true => writeln!(out, "{DIM}{line}{PLAIN}")?,
            false => writeln!(out, "{line}")?,
        }
        rows.iter().try_for_each(|row| self.write(row, out))
    }

    fn header(&self) -> Vec<String> {
        let time = if self.zone.is_some() { "TIME (LOCAL)" } else { "TIME (UTC)" };
        let mut header = vec![time];
        if self.has_accounts {
            header.push("ACCOUNT");
        }
        header.extend(["USER", "EVENT", "SOURCE", "REGION", "ADDRESS", "RESOURCES OR ERROR"]);
        header.into_iter().map(str::to_owned).collect()
    }

    fn row(&self, record: &[u8]) -> Row {
        let (fields, summary) = (Fields::of(record), Summary::of(record));
        let (code, message) = (fields.text("errorCode"), fields.text("errorMessage"));
        let is_error = !code.is_empty();
        let last = match (is_error, message.is_empty()) {
            (true, true) => code,
            (true, false) => format!("{code}: {message}"),
            (false, _) => resources(&summary),
        };
        let mut cells = vec![self.time(&fields.text("eventTime"))];
        if self.has_accounts {
            cells.push(fields.text("recipientAccountId"));
        }
        let source = fields.text("eventSource");
        cells.extend([
            summary.username.as_deref().unwrap_or("-").to_owned(),
            fields.text("eventName"),
            source.strip_suffix(".amazonaws.com").unwrap_or(&source).to_owned(),
            fields.text("awsRegion"),
            fields.text("sourceIPAddress"),
            last,
        ]);
        let cells = cells.iter().map(|cell| Plain(cell).to_string()).collect();
        Row { cells, is_error, is_change: summary.read_only == Some(false) }
    }

    /// `2026-03-09 14:05:00`; what is no time, as it is.
    fn time(&self, text: &str) -> String {
        let Some(moment) = Timestamp::parse(text) else { return text.to_owned() };
        let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
        let moment = jiff::Timestamp::from_millisecond(moment.as_millis());
        let moment = moment.map(|moment| moment.to_zoned(zone));
        moment.map_or_else(|_| text.to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
    }

    fn write(&self, row: &Row, out: &mut impl Write) -> io::Result<()> {
        let line = self.line(&row.cells);
        let colour = match (row.is_error, row.is_change) {
            _ if !self.is_coloured => return writeln!(out, "{line}"),
            (true, _) => RED,
            (false, true) => BOLD,
            (false, false) => return writeln!(out, "{line}"),
        };
        writeln!(out, "{colour}{line}{PLAIN}")
    }

    fn line(&self, cells: &[String]) -> String {
        let last = cells.len() - 1;
        let mut line = String::new();
        for (cell, width) in cells[..last].iter().zip(&self.widths) {
            line += &format!("{:<width$}  ", shortened(cell, *width));
        }
        line += &cells[last];
        let line = line.trim_end();
        match self.columns {
            0 => line.to_owned(),
            columns => shortened(line, columns),
        }
    }
}

/// What the event is about: of each kind the shortest of its names, which are ids and ARNs too.
fn resources(summary: &Summary<'_>) -> String {
    let mut shortest: BTreeMap<Option<&str>, &str> = BTreeMap::new();
    for resource in &summary.resources {
        let name = shortest.entry(resource.kind.as_deref()).or_insert(&resource.name);
        if resource.name.len() < name.len() {
            *name = &resource.name;
        }
    }
    shortest.into_values().collect::<Vec<_>>().join(", ")
}

/// A text of so many letters at most.
fn shortened(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(letters.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const RECORDS: [&str; 4] = [
        r#"{"eventTime":"2026-03-09T14:05:00Z","eventName":"ListBuckets","eventSource":"s3.amazonaws.com","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.1","readOnly":true,"userIdentity":{"type":"IAMUser","userName":"amy"},"recipientAccountId":"111122223333"}"#,
        r#"{"eventTime":"2026-03-09T14:04:00Z","eventName":"DeleteBucket","eventSource":"s3.amazonaws.com","awsRegion":"eu-west-1","sourceIPAddress":"2001:db8::1","readOnly":false,"errorCode":"AccessDenied","errorMessage":"not you","userIdentity":{"type":"IAMUser","userName":"bob"},"recipientAccountId":"444455556666"}"#,
        r#"{"eventTime":"2026-03-09T14:03:00Z","eventName":"CreateUser","eventSource":"iam.amazonaws.com","awsRegion":"us-east-1","sourceIPAddress":"AWS Internal","readOnly":false,"userIdentity":{"type":"IAMUser","userName":"žluťoučký\u001b[2J"},"recipientAccountId":"111122223333"}"#,
        r#"{"eventTime":"noon","eventName":"AVeryLongNameOfAnEventThatNobodyWouldWantToReadToItsEnd"}"#,
    ];

    fn check(screen: &Screen, has_accounts: bool, expected: &Expect) {
        let (mut table, mut out) = (Table::new(screen, has_accounts, false), Vec::new());
        for record in RECORDS {
            table.push(record.as_bytes(), &mut out).unwrap();
        }
        table.finish(&mut out).unwrap();
        expected.assert_eq(&String::from_utf8(out).unwrap().replace('\x1b', "␛"));
    }

    #[test]
    fn elsewhere_lines_are_whole_and_plain() {
        check(
            &Screen::none(),
            false,
            &expect![[r#"
            TIME (UTC)           USER                EVENT                                     SOURCE  REGION     ADDRESS       RESOURCES OR ERROR
            2026-03-09 14:05:00  amy                 ListBuckets                               s3      us-east-1  192.0.2.1
            2026-03-09 14:04:00  bob                 DeleteBucket                              s3      eu-west-1  2001:db8::1   AccessDenied: not you
            2026-03-09 14:03:00  žluťoučký\u{1b}[2J  CreateUser                                iam     us-east-1  AWS Internal
            noon                 -                   AVeryLongNameOfAnEventThatNobodyWouldWa…
        "#]],
        );
    }

    #[test]
    fn a_terminal_has_colour_and_an_end() {
        let screen = Screen { is_terminal: true, rows: 24, columns: 60, is_coloured: true };
        check(
            &screen,
            false,
            &expect![[r#"
            ␛[2mTIME (UTC)           USER                EVENT             …␛[0m
            2026-03-09 14:05:00  amy                 ListBuckets       …
            ␛[31m2026-03-09 14:04:00  bob                 DeleteBucket      …␛[0m
            ␛[1m2026-03-09 14:03:00  žluťoučký\u{1b}[2J  CreateUser        …␛[0m
            noon                 -                   AVeryLongNameOfAnE…
        "#]],
        );
    }

    #[test]
    fn accounts_are_told_apart_where_there_are_several() {
        check(
            &Screen::none(),
            true,
            &expect![[r#"
            TIME (UTC)           ACCOUNT       USER                EVENT                                     SOURCE  REGION     ADDRESS       RESOURCES OR ERROR
            2026-03-09 14:05:00  111122223333  amy                 ListBuckets                               s3      us-east-1  192.0.2.1
            2026-03-09 14:04:00  444455556666  bob                 DeleteBucket                              s3      eu-west-1  2001:db8::1   AccessDenied: not you
            2026-03-09 14:03:00  111122223333  žluťoučký\u{1b}[2J  CreateUser                                iam     us-east-1  AWS Internal
            noon                               -                   AVeryLongNameOfAnEventThatNobodyWouldWa…
        "#]],
        );
    }

    #[test]
    fn no_rows_are_no_table() {
        let (mut table, mut out) = (Table::new(&Screen::none(), false, false), Vec::new());
        table.finish(&mut out).unwrap();
        assert_eq!(out, b"");
    }

    #[test]
    fn a_long_table_is_written_before_it_ends() {
        let (mut table, mut out) = (Table::new(&Screen::none(), false, false), Vec::new());
        for _ in 1..MEASURED_MAX {
            table.push(RECORDS[0].as_bytes(), &mut out).unwrap();
        }
        assert_eq!(out, b"");
        table.push(RECORDS[0].as_bytes(), &mut out).unwrap();
        table.push(RECORDS[0].as_bytes(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 1 + MEASURED_MAX + 1);
    }

    #[test]
    fn the_shortest_name_of_each_resource_is_shown() {
        let resource = |kind: &'static str, name: &'static str| history::ResourceName {
            kind: Some(kind.into()),
            name: name.into(),
        };
        let summary = Summary {
            resources: vec![
                resource("AWS::IAM::User", "AIDAEXAMPLE"),
                resource("AWS::IAM::User", "amy"),
                resource("AWS::IAM::User", "arn:aws:iam::111122223333:user/amy"),
                resource("AWS::IAM::AccessKey", "AKIA1"),
            ],
            ..Summary::default()
        };
        assert_eq!(resources(&summary), "AKIA1, amy");
    }
}
