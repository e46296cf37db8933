//! `cairn lookup`: finds events in a daemon's history, and shows or stores them.
//!
//! The daemon answers with records as they come ([`crate::http::history`]). A table and the ids are
//! made here, of one record a line; JSON and CSV go out as they come in.
//!
//! Exit codes: 0 done, also when nothing was found; 1 the answer broke off, so that what was written is
//! not whole; 2 the command line is wrong, the daemon can't be reached or refuses.

mod place;
mod progress;
pub(crate) mod request;
mod screen;
mod table;
mod tally;
pub mod terms;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use history::{Attribute, Summary};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use integrity::Plain;
use model::{AccountId, Category, Region, Timestamp};

use self::place::Place;
use self::progress::Progress;
use self::screen::Screen;
use self::table::Table;
use self::tally::Tally;
use crate::cli::Verdict;
use crate::config::parse_duration;
use crate::export::Format;

/// Examples, for the help.
pub const AFTER_HELP: &str = "\
Examples:
  cairn lookup
  cairn lookup EventName=DeleteBucket --since 7d --all-regions
  cairn lookup --username amy --read-only false --from 2026-03-01 --to 2026-03-09T14:05:00Z
  cairn lookup --resource-name arn:aws:s3:::shop --accounts all --all
  cairn lookup --event-id 4f5c2d1e-0000-4000-8000-000000000000 --output json | jq .Records[0]
  cairn lookup --since 90d --category all --all-regions -o audit.csv

Events have all values that are asked for, and come newest first. On a terminal a screenful is shown as a
table; --limit or --all asks for more. Elsewhere all events are written, one record a line, or as the
ending of -o's FILE says (.csv, .json, .ndjson). FILE gets its name when it is whole; until then it is
.FILE.*.part beside it. What a spreadsheet may take for a formula in CSV has an apostrophe in front.

Credentials are those that an AWS SDK would find; the Region is --region's, or that of AWS_REGION or of
the profile, else us-east-1. Each lookup is recorded as a LookupEvents call of its caller.

Exit code 0: done, also when nothing was found. 1: the answer broke off, and what was written is not whole.
2: the command line is wrong, or the daemon refused or could not be reached.";

/// Flags of `cairn lookup`.
#[derive(Debug, Args)]
pub struct Lookup {
    /// Values that events must have: EventName=DeleteBucket, username=amy
    #[arg(value_name = "NAME=VALUE", value_parser = filter)]
    filters: Vec<(Attribute, String)>,
    /// Events of this name, such as DeleteBucket
    #[arg(long, value_name = "NAME", help_heading = "Events")]
    event_name: Option<String>,
    /// The event of this id
    #[arg(long, value_name = "ID", help_heading = "Events")]
    event_id: Option<String>,
    /// Of this user, role session or service
    #[arg(long, value_name = "NAME", help_heading = "Events")]
    username: Option<String>,
    /// About this resource: a name, id or ARN; given several times, about all of them
    #[arg(long, value_name = "NAME", help_heading = "Events")]
    resource_name: Vec<String>,
    /// About a resource of this type, such as AWS::S3::Bucket
    #[arg(long, value_name = "TYPE", help_heading = "Events")]
    resource_type: Vec<String>,
    /// Of this service, such as s3.amazonaws.com
    #[arg(long, value_name = "SOURCE", help_heading = "Events")]
    event_source: Option<String>,
    /// Made with this access key
    #[arg(long, value_name = "ID", help_heading = "Events")]
    access_key_id: Option<String>,
    /// Those that only read, or only those that do not
    #[arg(long, value_name = "true|false", help_heading = "Events")]
    read_only: Option<bool>,
    /// Not older than this: 30m, 2h, 7d
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "from", help_heading = "Time")]
    since: Option<Duration>,
    /// Not older than this: 2026-03-09T14:05:00Z, or a day; in UTC if it has no offset
    #[arg(long, value_name = "TIME", value_parser = moment, help_heading = "Time")]
    from: Option<Timestamp>,
    /// Not newer than this
    #[arg(long, value_name = "TIME", value_parser = moment, help_heading = "Time")]
    to: Option<Timestamp>,
    /// Of these Regions, with commas between; calls are signed for the first
    #[arg(long, value_name = "REGION,…", value_delimiter = ',', help_heading = "Where")]
    region: Vec<Region>,
    /// Of all Regions
    #[arg(long, help_heading = "Where")]
    all_regions: bool,
    /// Of these accounts of the organization, with commas between, or all; for those who administer it
    #[arg(long, value_name = "ID,…|all", value_parser = accounts, help_heading = "Where")]
    accounts: Option<String>,
    /// Of these categories, with commas between, or all: management (default), data, insight, …
    #[arg(long, value_name = "NAME,…|all", value_parser = categories, help_heading = "Where")]
    category: Option<String>,
    /// So many events, the newest [default: a screenful on a terminal, elsewhere all]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Output")]
    limit: Option<u64>,
    /// All events
    #[arg(long, conflicts_with = "limit", help_heading = "Output")]
    all: bool,
    /// How events are written [default: table on a terminal, by FILE's ending, elsewhere ndjson]
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    output: Option<Output>,
    /// Write to a file
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output")]
    output_file: Option<PathBuf>,
    /// Show times of the table in this machine's time zone, not in UTC
    #[arg(long, help_heading = "Output")]
    local: bool,
    /// The daemon
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:4580",
        env = "CAIRN_ENDPOINT",
        help_heading = "Daemon"
    )]
    endpoint: String,
    /// Ask as this account, without a signature: for a daemon with auth = "localstack"
    #[arg(long, value_name = "12 DIGITS", help_heading = "Daemon")]
    account: Option<AccountId>,
}

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// {"Records":[…]}
    Json,
    /// One record a line.
    Ndjson,
    /// For spreadsheets.
    Csv,
    /// One eventID a line.
    Ids,
}

impl Output {
    /// What the daemon is asked for.
    fn format(self) -> Format {
        match self {
            Output::Json => Format::Json,
            Output::Csv => Format::Csv,
            Output::Table | Output::Ndjson | Output::Ids => Format::Ndjson,
        }
    }
}

/// How it is asked and shown.
struct Plan {
    output: Output,
    /// What was asked for, or what fits on the screen.
    limit: Option<u64>,
    /// Whether one more is asked for, to tell whether there are more.
    is_screenful: bool,
}

impl Lookup {
    /// Finds events.
    pub async fn run(self) -> anyhow::Result<Verdict> {
        let screen = Screen::look();
        let plan = self.plan(&screen);
        let answer = request::open(&self, plan.output.format(), plan.asked()).await?;
        let is_json = matches!(plan.output, Output::Json | Output::Ndjson);
        let place = Place::open(self.output_file.as_deref(), is_json)?;
        let mut sink = Sink::new(&self, &plan, &screen, place);
        let broken = match sink.take_all(answer).await {
            Ok(broken) => broken,
            // Whoever reads has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Verdict::Good),
            Err(error) => return Err(error).with_context(|| self.destination()),
        };
        if let Some(broken) = broken {
            let Sink { tally, place, .. } = sink;
            let left = place.leave()?;
            let count = tally.count;
            let _ = writeln!(
                io::stderr(),
                "cairn lookup: the answer broke off after {count} events ({broken}); what {left} holds is not whole: ask again, or for less by --from and --to"
            );
            return Ok(Verdict::Bad);
        }
        match sink.finish() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            finished => self.tell(&plan, &finished.with_context(|| self.destination())?),
        }
        Ok(Verdict::Good)
    }

    fn plan(&self, screen: &Screen) -> Plan {
        let output = self.output.unwrap_or_else(|| {
            let ending = self.output_file.as_deref().map(ending_of);
            match ending {
                None if screen.is_terminal => Output::Table,
                Some(Some(Format::Csv)) => Output::Csv,
                Some(Some(Format::Json)) => Output::Json,
                _ => Output::Ndjson,
            }
        });
        let is_shown = output == Output::Table && screen.is_terminal && self.output_file.is_none();
        let is_screenful = is_shown && self.limit.is_none() && !self.all;
        let limit = if is_screenful { Some(screen.events()) } else { self.limit };
        Plan { output, limit, is_screenful }
    }

    /// What is said besides, for people.
    fn tell(&self, plan: &Plan, done: &Done) {
        let mut out = io::stderr();
        let Done { count, has_more, bytes } = *done;
        if let Some(file) = &self.output_file {
            let size = progress::size(bytes);
            let _ = writeln!(out, "{count} events in {} ({size})", file.display());
        } else if count == 0 && plan.output == Output::Table {
            let _ = writeln!(out, "no events were found{}", self.advice());
        } else if has_more {
            let _ = writeln!(out, "the newest {count} are shown; --limit or --all shows more");
        }
    }

    /// Where else to look.
    fn advice(&self) -> String {
        let mut elsewhere = Vec::new();
        if !self.all_regions {
            elsewhere.push("--all-regions looks in all Regions");
        }
        if self.category.is_none() {
            elsewhere.push("--category all at data events too, as far as they are kept");
        }
        match elsewhere.is_empty() {
            true => String::new(),
            false => format!("; {}", elsewhere.join(", ")),
        }
    }

    fn destination(&self) -> String {
        let file = self.output_file.as_ref();
        file.map_or_else(|| "standard output".into(), |file| file.display().to_string())
    }

    /// Whether events of more than one account may come.
    fn is_of_several_accounts(&self) -> bool {
        self.accounts.as_ref().is_some_and(|accounts| accounts.len() != 12)
    }
}

impl Plan {
    /// How many events are asked for.
    fn asked(&self) -> Option<u64> {
        self.limit.map(|limit| limit.saturating_add(u64::from(self.is_screenful)))
    }
}

/// What came of it.
struct Done {
    count: u64,
    has_more: bool,
    bytes: u64,
}

/// Takes the answer, and writes what is to be seen of it.
struct Sink {
    shown: Shown,
    /// Events that may be shown.
    limit: u64,
    has_more: bool,
    tally: Tally,
    progress: Progress,
    place: Place,
}

/// What is written.
enum Shown {
    /// What comes.
    AsIs,
    /// A table, of records of which the last may not be whole yet.
    Table(Box<Table>, Vec<u8>),
    /// Ids, likewise.
    Ids(Vec<u8>),
}

impl Sink {
    fn new(lookup: &Lookup, plan: &Plan, screen: &Screen, place: Place) -> Sink {
        let shown = match plan.output {
            Output::Table => {
                let screen = match lookup.output_file {
                    None => screen.clone(),
                    Some(_) => Screen::none(),
                };
                let table = Table::new(&screen, lookup.is_of_several_accounts(), lookup.local);
                Shown::Table(Box::new(table), Vec::new())
            }
            Output::Ids => Shown::Ids(Vec::new()),
            Output::Json | Output::Ndjson | Output::Csv => Shown::AsIs,
        };
        // A line of progress must not run through what is shown.
        let shows_progress = !screen.is_terminal || lookup.output_file.is_some();
        Sink {
            shown,
            limit: plan.limit.unwrap_or(u64::MAX),
            has_more: false,
            tally: Tally::new(plan.output.format()),
            progress: Progress::new(shows_progress && io::stderr().is_terminal()),
            place,
        }
    }

    /// Takes an answer as it comes; gives back why it is not whole, if it is not.
    async fn take_all(&mut self, mut answer: Incoming) -> io::Result<Option<String>> {
        while let Some(frame) = answer.frame().await {
            match frame {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        self.take(&data)?;
                    }
                }
                Err(error) => return Ok(Some(error.to_string())),
            }
        }
        Ok(None)
    }

    fn take(&mut self, data: &[u8]) -> io::Result<()> {
        self.tally.take(data);
        self.progress.show(self.tally.count, data.len());
        match &mut self.shown {
            Shown::AsIs => self.place.write_all(data),
            Shown::Ids(rest) => lines(rest, data, |record| match Summary::of(record).event_id {
                Some(id) => writeln!(self.place, "{}", Plain(&id)),
                None => Ok(()),
            }),
            Shown::Table(table, rest) => lines(rest, data, |record| {
                if self.limit == 0 {
                    self.has_more = true;
                    return Ok(());
                }
                self.limit -= 1;
                table.push(record, &mut self.place)
            }),
        }
    }

    fn finish(mut self) -> io::Result<Done> {
        if let Shown::Table(table, _) = &mut self.shown {
            table.finish(&mut self.place)?;
        }
        let bytes = self.place.finish()?;
        let count = self.tally.count - u64::from(self.has_more);
        Ok(Done { count, has_more: self.has_more, bytes })
    }
}

/// Does something with each line that is whole; keeps the rest.
fn lines(
    rest: &mut Vec<u8>,
    data: &[u8],
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    for part in data.split_inclusive(|byte| *byte == b'\n') {
        rest.extend_from_slice(part);
        if part.ends_with(b"\n") {
            each(&rest[..rest.len() - 1])?;
            rest.clear();
        }
    }
    Ok(())
}

/// What a file's name asks for.
fn ending_of(file: &Path) -> Option<Format> {
    Format::from_name(&file.extension()?.to_str()?.to_ascii_lowercase())
}

fn filter(text: &str) -> Result<(Attribute, String), String> {
    let known = || Attribute::ALL.map(Attribute::name).join(", ");
    let Some((name, value)) = text.split_once('=') else {
        return Err(format!("expected NAME=VALUE, where NAME is one of {}", known()));
    };
    let Some(attribute) = terms::attribute(name) else {
        return Err(format!("events can't be looked up by {name:?}; known are {}", known()));
    };
    terms::check_value(attribute, value)?;
    Ok((attribute, value.to_owned()))
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected a duration such as 30m, 2h or 7d".into())
}

fn moment(text: &str) -> Result<Timestamp, String> {
    terms::moment(text)
        .ok_or_else(|| "expected a time such as 2026-03-09T14:05:00Z, or a day".into())
}

pub(crate) fn accounts(text: &str) -> Result<String, String> {
    list(text, "ids of 12 digits", |id| id.parse::<AccountId>().is_ok())
}

pub(crate) fn categories(text: &str) -> Result<String, String> {
    let is_known = |name: &str| terms::category(name).is_some();
    let known: Vec<Category> = text.split(',').filter_map(terms::category).collect();
    let checked = list(text, terms::CATEGORIES, is_known)?;
    // As the daemon writes them.
    match known.is_empty() {
        true => Ok(checked),
        false => Ok(known.iter().map(|one| one.name()).collect::<Vec<_>>().join(",")),
    }
}

fn list(text: &str, expected: &str, is_known: impl Fn(&str) -> bool) -> Result<String, String> {
    if text.eq_ignore_ascii_case("all") {
        return Ok("ALL".into());
    }
    match text.split(',').find(|word| !is_known(word)) {
        None => Ok(text.to_owned()),
        Some(word) => {
            Err(format!("{word:?} is none; expected {expected}, with commas between, or all"))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        lookup: Lookup,
    }

    fn typed(line: &str) -> Result<Lookup, String> {
        let words = ["lookup"].into_iter().chain(line.split_whitespace());
        Typed::try_parse_from(words).map(|typed| typed.lookup).map_err(|error| error.to_string())
    }

    fn planned(line: &str, screen: &Screen) -> (Output, Option<u64>, Option<u64>) {
        let plan = typed(line).unwrap().plan(screen);
        (plan.output, plan.limit, plan.asked())
    }

    #[test]
    fn a_terminal_gets_a_screenful_and_a_pipe_all_records() {
        let terminal = Screen { is_terminal: true, rows: 24, columns: 80, is_coloured: true };
        let pipe = Screen::none();
        assert_eq!(planned("", &terminal), (Output::Table, Some(21), Some(22)));
        assert_eq!(planned("--all", &terminal), (Output::Table, None, None));
        assert_eq!(planned("--limit 5", &terminal), (Output::Table, Some(5), Some(5)));
        assert_eq!(planned("--output csv", &terminal), (Output::Csv, None, None));
        assert_eq!(planned("-o a.CSV", &terminal), (Output::Csv, None, None));
        assert_eq!(planned("-o a.json", &pipe), (Output::Json, None, None));
        assert_eq!(planned("-o a.log", &terminal), (Output::Ndjson, None, None));
        assert_eq!(planned("-o a --output table", &terminal), (Output::Table, None, None));
        assert_eq!(planned("", &pipe), (Output::Ndjson, None, None));
        assert_eq!(planned("--output table", &pipe), (Output::Table, None, None));
    }

    #[test]
    fn what_makes_no_sense_is_said_with_what_would() {
        for (line, message) in [
            ("amy", "expected NAME=VALUE, where NAME is one of EventId, EventName, ReadOnly"),
            ("user=amy", "events can't be looked up by \"user\"; known are EventId"),
            ("ReadOnly=yes", "expected true or false"),
            ("Username=", "has 0 characters; expected 1 to 2000"),
            ("--since 2", "such as 30m, 2h or 7d"),
            ("--since 2h --from 2026-03-09", "cannot be used with"),
            ("--from noon", "such as 2026-03-09T14:05:00Z"),
            ("--accounts 1", "expected ids of 12 digits, with commas between, or all"),
            ("--category managment", "expected management, data"),
            ("--limit 0", "0 is not in 1.."),
            ("--limit 5 --all", "cannot be used with"),
            ("--region nowhere!", "--region"),
        ] {
            let said = typed(line).unwrap_err();
            assert!(said.contains(message), "{line}: {said}");
        }
    }

    #[test]
    fn lines_that_come_in_parts_are_seen_whole() {
        let (mut rest, mut seen) = (Vec::new(), Vec::new());
        for part in ["{\"a\"", ":1}\n{", "}\n", "{\"b\":2}\n{\"c"] {
            lines(&mut rest, part.as_bytes(), |line| {
                seen.push(String::from_utf8(line.to_vec()).unwrap());
                Ok(())
            })
            .unwrap();
        }
        assert_eq!(seen, ["{\"a\":1}", "{}", "{\"b\":2}"]);
        assert_eq!(rest, b"{\"c");
    }
}
