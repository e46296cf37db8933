//! What `cairn validate` prints: lines as `aws cloudtrail validate-logs` has them, or JSON lines.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::Ordering;
use std::time::Duration;

use integrity::{Count, Counters, Event, Problem, Scope, Standing, Summary};
use model::KeyPrefix;
use serde_json::{Value, json};

use crate::json_out::for_stdout;

const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const PLAIN: &str = "\x1b[0m";
const CLEAR_LINE: &str = "\r\x1b[2K";

/// A report on its way to stdout.
pub(super) struct Report {
    is_json: bool,
    is_coloured: bool,
    shows_progress: bool,
    is_progress_shown: bool,
    what: String,
    requested: (String, String),
    unreadable: u64,
    has_told: bool,
}

impl Report {
    pub(super) fn new(is_json: bool, scope: &Scope, prefix: Option<&KeyPrefix>) -> Report {
        let what = match &scope.trail {
            Some(trail) => format!("for trail {trail}"),
            None => {
                let prefix = prefix.map_or(String::new(), |prefix| format!("/{prefix}"));
                format!("in s3://{}{prefix}", scope.bucket)
            }
        };
        let from = scope.from.map_or("the first digest".to_owned(), |from| from.to_string());
        let has_colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Report {
            is_json,
            is_coloured: !is_json && has_colour && io::stdout().is_terminal(),
            shows_progress: io::stderr().is_terminal(),
            is_progress_shown: false,
            what,
            requested: (from, scope.to.to_string()),
            unreadable: 0,
            has_told: false,
        }
    }

    pub(super) fn begin(&self) -> io::Result<()> {
        let (from, to) = &self.requested;
        match self.is_json {
            true => Ok(()),
            false => {
                writeln!(
                    io::stdout(),
                    "Validating log files {} between {from} and {to}\n",
                    self.what
                )
            }
        }
    }

    pub(super) fn tell(&mut self, event: &Event) -> io::Result<()> {
        self.clear_progress();
        self.has_told = true;
        let standing = match event {
            Event::Found(found) => {
                self.unreadable += u64::from(found.problem == Problem::Unreadable);
                Some(found.status)
            }
            Event::Valid { .. } => None,
        };
        let mut out = io::stdout().lock();
        if self.is_json {
            return writeln!(out, "{}", for_stdout(&json_of(event).to_string()));
        }
        let colour = match standing.filter(|_| self.is_coloured) {
            Some(Standing::Invalid) => RED,
            Some(Standing::Unverified) => YELLOW,
            _ => return writeln!(out, "{event}"),
        };
        writeln!(out, "{colour}{event}{PLAIN}")
    }

    /// Writes the sums; gives back how many objects could not be read.
    pub(super) fn finish(&mut self, summary: &Summary) -> io::Result<u64> {
        let mut out = io::stdout().lock();
        match self.is_json {
            true => {
                let mut line = json!(summary);
                line["type"] = "summary".into();
                line["foundFrom"] = json!(summary.found_from.map(|at| at.to_string()));
                line["foundTo"] = json!(summary.found_to.map(|at| at.to_string()));
                writeln!(out, "{line}")?;
            }
            false => out.write_all(self.sums(summary).as_bytes())?,
        }
        out.flush()?;
        Ok(self.unreadable)
    }

    fn sums(&self, summary: &Summary) -> String {
        let (from, to) = &self.requested;
        let blank = if self.has_told { "\n" } else { "" };
        let mut text = format!("{blank}Results requested for {from} to {to}\n");
        if summary.chains == 0 {
            return text + "No digests found\n";
        }
        text += &match summary.found_from.zip(summary.found_to) {
            None => "No valid digests found in range\n\n".to_owned(),
            Some((from, to)) => format!("Results found for {from} to {to}:\n\n"),
        };
        let ratios = [
            (summary.digest_files, "digest files"),
            (summary.backfill_digest_files, "backfill digest files"),
            (summary.log_files, "log files"),
        ];
        for (count, what) in ratios.into_iter().filter(|(count, _)| count.total() > 0) {
            text += &ratio(count, what);
        }
        let rests = [
            (summary.log_files_not_checked, "log files not checked: no valid digest lists them"),
            (
                summary.log_files_not_yet_listed,
                "log files not yet listed: younger than the newest digest",
            ),
            (summary.log_files_not_covered, "log files of times without digests"),
            (summary.other_invalid, "other findings INVALID"),
            (summary.notes, "notes"),
        ];
        for (count, what) in rests.into_iter().filter(|(count, _)| *count > 0) {
            text += &format!("{count} {what}\n");
        }
        text
    }

    /// A line on the terminal that says how far it is.
    pub(super) fn show_progress(&mut self, counters: &Counters, since: Duration) {
        if !self.shows_progress {
            return;
        }
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let (digests, files) = (read(&counters.digests), read(&counters.log_files));
        let rate = (digests + files) * 1000 / u64::try_from(since.as_millis()).unwrap_or(1).max(1);
        let line = format!(
            "{digests} digests, {files} log files, {} MB read, {rate} objects/s, {} findings",
            read(&counters.bytes) / 1_000_000,
            read(&counters.findings)
        );
        let _ = write!(io::stderr(), "{CLEAR_LINE}{line}");
        self.is_progress_shown = true;
    }

    pub(super) fn clear_progress(&mut self) {
        if std::mem::take(&mut self.is_progress_shown) {
            let _ = write!(io::stderr(), "{CLEAR_LINE}");
        }
    }
}

/// `N/M WHAT valid[, K/M WHAT INVALID][, U/M WHAT UNVERIFIED]`
fn ratio(count: Count, what: &str) -> String {
    let total = count.total();
    let mut text = format!("{}/{total} {what} valid", count.valid);
    for (some, standing) in [(count.invalid, "INVALID"), (count.unverified, "UNVERIFIED")] {
        if some > 0 {
            text += &format!(", {some}/{total} {what} {standing}");
        }
    }
    text + "\n"
}

fn json_of(event: &Event) -> Value {
    let (mut line, kind) = match event {
        Event::Found(found) => (json!(found), "finding"),
        Event::Valid { subject, s3_bucket, s3_object } => {
            let line = json!({ "subject": subject, "s3Bucket": s3_bucket, "s3Object": s3_object });
            (line, "valid")
        }
    };
    line["type"] = kind.into();
    line
}
