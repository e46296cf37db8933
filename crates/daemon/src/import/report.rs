//! What an import came to: what is told on the way, and the sums at its end.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use integrity::Plain;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::walk::Mark;
use crate::http::import::Answer;
use crate::json_out::for_stdout;

/// Wrong log files and records that are kept by name for the report; all are counted.
const NAMED_MAX: usize = 1_000;
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";
const CLEAR_LINE: &str = "\r\x1b[2K";

/// What was read, up to a moment of the walk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tally {
    /// Up to where it tells.
    pub(super) through: Option<Mark>,
    /// Log files that were read, and their size as they are stored.
    pub(super) read: u64,
    pub(super) bytes: u64,
    /// Records in them.
    pub(super) records: u64,
    /// Of the log files, those that are as their digests say.
    pub(super) verified: u64,
    /// Younger than the newest digest.
    pub(super) not_yet_listed: u64,
    /// Of times or kinds without digests.
    pub(super) without_digests: u64,
    /// Imported though they are not as their digests say, by `--unverified`.
    pub(super) unverified: u64,
    /// Delivered outside of the times that were asked for.
    pub(super) outside: u64,
    /// Older than what the daemon keeps.
    pub(super) too_old: u64,
    /// Objects that have no log file's name.
    pub(super) others: u64,
    /// Log files that were not imported.
    pub(super) wrong: u64,
    /// Records that were not sent.
    pub(super) refused: u64,
    /// How many of what is wrong are named.
    pub(super) named: usize,
}

/// What was read, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Read {
    pub(super) tally: Tally,
    pub(super) named: Vec<Wrong>,
}

/// What the daemon did with what it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sent {
    pub(super) sums: Answer,
    /// Bodies that were answered.
    pub(super) bodies: u64,
    pub(super) named: Vec<Wrong>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wrong {
    /// `logFile`, `record`, `digest` or `object`.
    pub(super) subject: String,
    pub(super) place: String,
    /// Of a record, which one of its log file, from 0.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) record: Option<u64>,
    pub(super) message: String,
}

impl Wrong {
    pub(super) fn new(subject: &str, place: &str, message: impl Into<String>) -> Wrong {
        let (subject, place) = (subject.to_owned(), place.to_owned());
        Wrong { subject, place, record: None, message: message.into() }
    }
}

fn name(named: &mut Vec<Wrong>, wrong: Wrong) {
    if named.len() < NAMED_MAX {
        named.push(wrong);
    }
}

impl Read {
    fn name(&mut self, wrong: Wrong) {
        name(&mut self.named, wrong);
        self.tally.named = self.named.len();
    }

    /// A log file that is not imported.
    pub(super) fn miss(&mut self, place: &str, why: &str) {
        self.tally.wrong += 1;
        self.name(Wrong::new("logFile", place, format!("not imported: {why}")));
    }

    /// A log file that is imported all the same.
    pub(super) fn take_unverified(&mut self, place: &str, why: &str) {
        self.tally.unverified += 1;
        self.name(Wrong::new("logFile", place, format!("imported, though {why}")));
    }

    /// An object that is no log file.
    pub(super) fn pass_over(&mut self, place: &str) {
        self.tally.others += 1;
        self.name(Wrong::new("object", place, "skipped: it has no log file's name"));
    }

    /// A record that is not sent.
    pub(super) fn refuse(&mut self, place: &str, record: u64, why: String) {
        self.tally.refused += 1;
        self.name(Wrong { record: Some(record), ..Wrong::new("record", place, why) });
    }

    /// Goes on to what another one, which is further, told then.
    pub(super) fn follow(&mut self, other: &Read, tally: Tally) {
        let new = other.named.get(self.named.len()..tally.named).unwrap_or_default();
        self.named.extend_from_slice(new);
        self.tally = tally;
    }
}

impl Sent {
    /// Adds an answer, of which the refusals are named.
    pub(super) fn add(&mut self, answer: &Answer, refusals: Vec<Wrong>) {
        let Answer { records, added, duplicates, expired, not_kept, outside, refused, odd, .. } =
            *answer;
        self.bodies += 1;
        self.sums.records += records;
        self.sums.added += added;
        self.sums.duplicates += duplicates;
        self.sums.expired += expired;
        self.sums.not_kept += not_kept;
        self.sums.outside += outside;
        self.sums.refused += refused;
        self.sums.odd += odd;
        refusals.into_iter().for_each(|wrong| name(&mut self.named, wrong));
    }
}

/// A report on its way to stdout.
pub(super) struct Report {
    is_json: bool,
    is_coloured: bool,
    shows_progress: bool,
    is_progress_shown: bool,
    /// What digests are not as they should be, and other things to be known.
    digests: Vec<Wrong>,
    pub(super) digests_wrong: u64,
    notes: Vec<String>,
    /// Log files that were imported before, by an interrupted run.
    before: u64,
    told: usize,
    told_sent: usize,
}

impl Report {
    pub(super) fn new(is_json: bool) -> Report {
        let has_colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Report {
            is_json,
            is_coloured: !is_json && has_colour && io::stdout().is_terminal(),
            shows_progress: io::stderr().is_terminal(),
            is_progress_shown: false,
            digests: Vec::new(),
            digests_wrong: 0,
            notes: Vec::new(),
            before: 0,
            told: 0,
            told_sent: 0,
        }
    }

    pub(super) fn begin(&self, name: &str, into: Option<&str>) -> io::Result<()> {
        match (self.is_json, into) {
            (true, _) => Ok(()),
            (false, Some(endpoint)) => writeln!(
                io::stdout(),
                "Importing {} into the history of {}",
                Plain(name),
                Plain(endpoint)
            ),
            (false, None) => {
                writeln!(io::stdout(), "Reading {}; nothing is sent", Plain(name))
            }
        }
    }

    /// Something to be known, that is not wrong.
    pub(super) fn note(&mut self, note: String) -> io::Result<()> {
        self.clear_progress();
        if !self.is_json {
            writeln!(io::stdout(), "note: {}", Plain(&note))?;
        }
        self.notes.push(note);
        Ok(())
    }

    /// A digest that is not as it should be.
    pub(super) fn tell_digest(&mut self, wrong: Wrong) -> io::Result<()> {
        self.digests_wrong += 1;
        self.tell(&wrong)?;
        name(&mut self.digests, wrong);
        Ok(())
    }

    /// Log files of an earlier run that this one goes on from.
    pub(super) fn pass(&mut self) {
        self.before += 1;
    }

    /// Tells what is new among what is named.
    pub(super) fn catch_up(&mut self, read: &[Wrong], sent: &[Wrong]) -> io::Result<()> {
        for wrong in read.get(self.told..).unwrap_or_default() {
            self.tell(wrong)?;
        }
        for wrong in sent.get(self.told_sent..).unwrap_or_default() {
            self.tell(wrong)?;
        }
        (self.told, self.told_sent) = (read.len(), sent.len());
        Ok(())
    }

    fn tell(&mut self, wrong: &Wrong) -> io::Result<()> {
        self.clear_progress();
        if self.is_json {
            return Ok(());
        }
        let (colour, plain) = if self.is_coloured { (RED, PLAIN) } else { ("", "") };
        let record = wrong.record.map_or(String::new(), |record| format!("\trecord {record}"));
        let (place, message) = (Plain(&wrong.place), Plain(&wrong.message));
        writeln!(io::stdout(), "{colour}{place}{record}\t{message}{plain}")
    }

    /// Writes the sums. True when nothing was wrong.
    pub(super) fn finish(&mut self, read: &Read, sent: &Sent, is_dry: bool) -> io::Result<bool> {
        self.clear_progress();
        let mut out = io::stdout().lock();
        match self.is_json {
            true => writeln!(out, "{}", for_stdout(&self.json(read, sent).to_string()))?,
            false => out.write_all(self.sums(read, sent, is_dry).as_bytes())?,
        }
        out.flush()?;
        let tally = &read.tally;
        let refused = tally.refused + sent.sums.refused;
        Ok(tally.wrong + tally.unverified + refused + self.digests_wrong == 0)
    }

    fn json(&self, read: &Read, sent: &Sent) -> Value {
        let (tally, sums) = (&read.tally, &sent.sums);
        let wrong: Vec<&Wrong> = [&self.digests, &read.named, &sent.named]
            .into_iter()
            .flatten()
            .take(NAMED_MAX)
            .collect();
        json!({
            "logFiles": {
                "read": tally.read,
                "bytes": tally.bytes,
                "importedBefore": self.before,
                "outside": tally.outside,
                "tooOld": tally.too_old,
                "wrong": tally.wrong,
                "verified": tally.verified,
                "notYetListed": tally.not_yet_listed,
                "withoutDigests": tally.without_digests,
                "unverified": tally.unverified,
            },
            "otherObjects": tally.others,
            "bodies": sent.bodies,
            "digestsWrong": self.digests_wrong,
            "records": {
                "read": tally.records,
                "added": sums.added,
                "duplicates": sums.duplicates,
                "expired": sums.expired,
                "notKept": sums.not_kept,
                "outside": sums.outside,
                "refused": tally.refused + sums.refused,
                "odd": sums.odd,
            },
            "wrong": wrong,
            "notes": self.notes,
        })
    }

    fn sums(&self, read: &Read, sent: &Sent, is_dry: bool) -> String {
        let list = |parts: &[(u64, &str)]| {
            let some = parts.iter().filter(|(count, _)| *count > 0);
            let some = some.map(|(count, what)| format!(", {} {what}", grouped(*count)));
            some.collect::<String>()
        };
        let (tally, sums) = (&read.tally, &sent.sums);
        let mut text = format!(
            "\n{} log files read{}\n",
            grouped(tally.read),
            list(&[
                (tally.wrong, "not imported"),
                (tally.unverified, "imported though not verified"),
                (self.before, "imported before"),
                (tally.outside, "delivered outside of the times asked for"),
                (tally.too_old, "older than what is kept"),
                (tally.others, "other objects"),
            ])
        );
        if tally.verified + tally.not_yet_listed > 0 {
            text += &format!(
                "{} verified by their digests{}\n",
                grouped(tally.verified),
                list(&[
                    (tally.not_yet_listed, "younger than the newest digest"),
                    (tally.without_digests, "of times without digests"),
                ])
            );
        }
        let refused = tally.refused + sums.refused;
        text += &match is_dry {
            true => {
                format!("{} records{}\n", grouped(tally.records), list(&[(refused, "refused")]))
            }
            false => format!(
                "{} records: {} added{}\n",
                grouped(tally.records),
                grouped(sums.added),
                list(&[
                    (sums.duplicates, "there before"),
                    (sums.expired, "older than what is kept"),
                    (sums.not_kept, "of categories that are not kept"),
                    (sums.outside, "outside of the times asked for"),
                    (refused, "refused"),
                    (sums.odd, "odd"),
                ])
            ),
        };
        let named = tally.named + sent.named.len() + self.digests.len();
        let all = tally.wrong + tally.unverified + tally.others + refused + self.digests_wrong;
        let unnamed = all.saturating_sub(named as u64);
        if unnamed > 0 {
            text += &format!("{} more are not named above\n", grouped(unnamed));
        }
        text
    }

    /// A line on the terminal that says how far it is.
    pub(super) fn show_progress(&mut self, progress: &Progress) {
        if !self.shows_progress {
            return;
        }
        let _ = write!(io::stderr(), "{CLEAR_LINE}{progress}");
        self.is_progress_shown = true;
    }

    pub(super) fn clear_progress(&mut self) {
        if std::mem::take(&mut self.is_progress_shown) {
            let _ = write!(io::stderr(), "{CLEAR_LINE}");
        }
    }
}

/// How far it is.
pub(super) struct Progress {
    pub(super) date: String,
    pub(super) read: u64,
    pub(super) records: u64,
    /// Of these, in this run.
    pub(super) fresh: u64,
    /// Folders of days.
    pub(super) done: usize,
    pub(super) total: usize,
    pub(super) since: Duration,
}

impl std::fmt::Display for Progress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Progress { date, read, records, fresh, done, total, since } = self;
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = fresh * 1000 / millis;
        write!(
            formatter,
            "{date}: {} log files, {} records, {} a second, folder {done} of {total}",
            grouped(*read),
            grouped(*records),
            grouped(rate)
        )?;
        // The first folders tell little.
        if *done >= 2 && since.as_secs() >= 2 && done < total {
            let left = since.as_secs() * (total - done) as u64 / *done as u64;
            let (hours, minutes, seconds) = (left / 3600, left / 60 % 60, left % 60);
            match hours {
                0 => write!(formatter, ", {minutes}:{seconds:02} left")?,
                _ => write!(formatter, ", {hours}:{minutes:02}:{seconds:02} left")?,
            }
        }
        Ok(())
    }
}

/// `1,234,567`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_long_it_takes_yet() {
        let progress = |done, seconds| Progress {
            date: "2026/03/09".into(),
            read: 1234,
            records: 1_000_000,
            fresh: 500_000,
            done,
            total: 40,
            since: Duration::from_secs(seconds),
        };
        for (done, seconds, expected) in [
            (10, 100, "5,000 a second, folder 10 of 40, 5:00 left"),
            (10, 2000, "250 a second, folder 10 of 40, 1:40:00 left"),
            (1, 100, "5,000 a second, folder 1 of 40"),
            (40, 100, "5,000 a second, folder 40 of 40"),
        ] {
            let line = progress(done, seconds).to_string();
            let head = "2026/03/09: 1,234 log files, 1,000,000 records, ";
            assert_eq!(line.strip_prefix(head), Some(expected));
        }
    }
}
