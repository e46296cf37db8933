//! `cairn tail`: events of a daemon live, as they are recorded.
//!
//! A connection that is lost is made again, and the tail goes on where it was: what was recorded
//! meanwhile comes first, as far as the history has it.
//!
//! Exit codes: 0 when it is interrupted, or nobody reads what it writes; 2 the command line is wrong,
//! the daemon can't be reached at first, or refuses.

mod feed;
mod show;

use std::fmt::Write as _;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use model::{AccountId, Region, Timestamp};
use serde_json::{Map, Value};

use self::feed::{Broken, Feed, Line, Place};
use self::show::Show;
use crate::cli::Verdict;
use crate::interrupt::stopped;
use crate::json_out::for_stdout;
use crate::lookup::request::escaped;
use crate::lookup::{accounts, categories, duration};
use crate::serve::{entropy, wall_clock};
use crate::signing::{self, Signer};

/// Examples, for the help.
pub const AFTER_HELP: &str = r#"Examples:
  cairn tail
  cairn tail 'eventName=Delete*,Put*' eventSource=s3
  cairn tail 'errorCode=*' --since 10m
  cairn tail readOnly=false 'userIdentity.arn=*/alice' 'requestParameters.bucketName!=logs'
  cairn tail --accounts all --json | jq -r .eventName
  cairn tail --selectors '[{"FieldSelectors":[{"Field":"eventName","StartsWith":["Delete"]}]}]'

An event is shown when all filters hold. FIELD is a member of records, with dots for what is in it; VALUE
has * for any characters, and commas between several of which one must fit. FIELD=* holds where there is any
value, FIELD!=* where there is none. Letters of values are told apart by case. Quote * for the shell.
Sources may be written without .amazonaws.com.

Events of all Regions and categories are shown, of the caller's account unless --accounts says more. The
caller needs cloudtrail:LookupEvents, and each tail is recorded as such a call, in the first of --region or in
the Region of AWS_REGION or of the profile, else us-east-1. On a terminal an event is a
line for people; elsewhere, or with --json, its record in a line of JSON. Where events are missing, because
they came faster than they were read, stands how many: in JSON {"missed":N,"startTime":…,"endTime":…}, with
"atMost":true or "atLeast":true where they could not be counted.

A connection that is lost is made again, and goes on with what was recorded meanwhile as far as the history
has it: events that it does not keep (by default all but management events and Insights), and those that were
recorded more than an hour after they happened, are then missing.

Exit code 0: interrupted (Ctrl-C), or nobody reads the output any more. 2: the command line is wrong, or the
daemon refused or could not be reached."#;

/// The longest pause before a connection is made again; the first one is a second.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The longest text of selectors: they stand in a URL.
const SELECTORS_BYTES_MAX: u64 = 12 << 10;

/// Flags of `cairn tail`.
#[derive(Debug, Args)]
pub struct Tail {
    /// What must hold of events: FIELD=VALUE or FIELD!=VALUE
    #[arg(value_name = "FILTER", value_parser = filter)]
    filters: Vec<String>,
    /// Advanced event selectors as CloudTrail has them, one of which must take the event: JSON, or a file
    #[arg(long, value_name = "JSON|FILE", help_heading = "Events")]
    selectors: Option<String>,
    /// Begin with what happened in this time, 24h at most, as far as the history has it
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Events")]
    since: Option<Duration>,
    /// Of these categories, with commas between, or all (default): management, data, insight, …
    #[arg(long, value_name = "NAME,…|all", value_parser = categories, help_heading = "Where")]
    category: Option<String>,
    /// Of these Regions, with commas between; all without it
    #[arg(long, value_name = "REGION,…", value_delimiter = ',', help_heading = "Where")]
    region: Vec<Region>,
    /// Of all Regions, as without it
    #[arg(long, conflicts_with = "region", help_heading = "Where")]
    all_regions: bool,
    /// Of these accounts of the organization, with commas between, or all; for those who administer it
    #[arg(long, value_name = "ID,…|all", value_parser = accounts, help_heading = "Where")]
    accounts: Option<String>,
    /// Write records as JSON, one a line, also on a terminal
    #[arg(long, help_heading = "Output")]
    json: bool,
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

fn filter(text: &str) -> Result<String, String> {
    let term: Result<tail::Term, _> = text.parse();
    term.map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Why following ended.
enum Ended {
    /// Nobody reads what is written.
    Unread,
    Failed(anyhow::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Ended {
        match error.kind() {
            ErrorKind::BrokenPipe => Ended::Unread,
            _ => Ended::Failed(error.into()),
        }
    }
}

impl Tail {
    /// Follows until it is interrupted.
    pub async fn run(self) -> anyhow::Result<Verdict> {
        let query = self.query(wall_clock())?;
        let is_terminal = io::stdout().is_terminal();
        let has_colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let show =
            Show { is_coloured: is_terminal && has_colour, has_accounts: self.accounts.is_some() };
        let show = (is_terminal && !self.json).then_some(show);
        tokio::select! {
            ended = self.follow(&query, show) => match ended {
                Ended::Unread => Ok(Verdict::Good),
                Ended::Failed(error) => Err(error),
            },
            () = stopped() => Ok(Verdict::Good),
        }
    }

    /// Follows, and connects again when the daemon is lost.
    async fn follow(&self, query: &str, show: Option<Show>) -> Ended {
        let (region, account) = (self.region.first(), self.account.as_ref());
        let signer = match Signer::new("cairn-tail", signing::API, region, account).await {
            Ok(signer) => signer,
            Err(error) => return Ended::Failed(error),
        };
        let place = Place { endpoint: &self.endpoint, signer };
        let (mut position, mut pause) = (None, Duration::ZERO);
        let (mut was_open, mut was_lost) = (false, false);
        loop {
            let broken = match Feed::open(&place, &behind(query, position.as_deref())).await {
                Ok(mut feed) => {
                    was_open = true;
                    if std::mem::take(&mut was_lost) {
                        say(
                            "connected again; what was recorded meanwhile follows, as far as the history has it",
                        );
                    }
                    match write_all(&mut feed, show, &mut position, &mut pause).await {
                        Ok(broken) => broken,
                        Err(error) => return error.into(),
                    }
                }
                Err(broken) => broken,
            };
            let (why, wait) = match broken {
                Broken::ForGood(error) => return Ended::Failed(error),
                Broken::Unreached(error) if !was_open => return Ended::Failed(error),
                Broken::Unreached(error) => (format!("{error:#}"), Duration::ZERO),
                Broken::ForNow(why, wait) => (why, wait),
            };
            if !was_lost {
                say(&format!("{why}; trying again"));
            }
            was_lost = was_open;
            pause = (pause * 2).clamp(Duration::from_secs(1), PAUSE_MAX);
            tokio::time::sleep(pause.max(wait).mul_f64(0.75 + 0.5 * chance())).await;
        }
    }

    /// The query of the URL.
    fn query(&self, now: Timestamp) -> anyhow::Result<String> {
        let mut query = String::new();
        let mut add = |name: &str, value: &str| {
            let mark = if query.is_empty() { "" } else { "&" };
            let _ = write!(query, "{mark}{name}={}", escaped(value));
        };
        for filter in &self.filters {
            add("filter", filter);
        }
        if let Some(selectors) = &self.selectors {
            add("eventSelectors", &read_selectors(selectors)?);
        }
        if !self.region.is_empty() {
            let names: Vec<&str> = self.region.iter().map(Region::as_str).collect();
            add("regions", &names.join(","));
        }
        for (name, value) in [("accountIds", &self.accounts), ("eventCategories", &self.category)] {
            if let Some(value) = value {
                add(name, value);
            }
        }
        if let Some(since) = self.since {
            let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
            let from = Timestamp::from_millis(now.as_millis().saturating_sub(since));
            add("startTime", &from.to_iso_seconds());
        }
        Ok(query)
    }
}

/// The query of a tail that goes on behind a position: the past before it has been told.
fn behind(query: &str, position: Option<&str>) -> String {
    let Some(position) = position else { return query.to_owned() };
    let rest = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("startTime="));
    let position = format!("after={}", escaped(position));
    rest.chain([position.as_str()]).collect::<Vec<_>>().join("&")
}

/// Writes what comes, until the tail breaks off. A connection that says something is a good one: the
/// next pause is short again.
async fn write_all(
    feed: &mut Feed,
    show: Option<Show>,
    position: &mut Option<String>,
    pause: &mut Duration,
) -> io::Result<Broken> {
    let mut has_begun = false;
    loop {
        let mut line = match feed.next().await {
            Ok(line) => line,
            Err(broken) => return Ok(broken),
        };
        if std::mem::replace(&mut has_begun, true) {
            *pause = Duration::ZERO;
        }
        let reached = line.position.take();
        write(&line, show)?;
        if reached.is_some() {
            *position = reached;
        }
        if line.end.is_some() {
            // Credentials may be new ones by now; who is denied all the same is told so then.
            return Ok(Broken::ForNow(line.message, Duration::ZERO));
        }
    }
}

fn write(line: &Line, show: Option<Show>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match (&line.event, line.missed, show) {
        (Some(_), _, Some(show)) => writeln!(out, "{}", show.event(line)),
        (Some(record), _, None) => writeln!(out, "{}", for_stdout(record.get())),
        (None, Some(_), Some(show)) => writeln!(out, "{}", show.missed(line)),
        (None, Some(count), None) => {
            say(&show::missed(line));
            let mut members = Map::new();
            members.insert("missed".into(), count.into());
            if line.at_most {
                members.insert("atMost".into(), true.into());
            }
            if line.at_least {
                members.insert("atLeast".into(), true.into());
            }
            members.insert("startTime".into(), line.start_time.as_str().into());
            members.insert("endTime".into(), line.end_time.as_str().into());
            writeln!(out, "{}", for_stdout(&Value::Object(members).to_string()))
        }
        (None, None, _) => Ok(()),
    }?;
    out.flush()
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "cairn tail: {}", integrity::Plain(text));
}

/// A number from 0 to 1: readers of a daemon that was away should not come back all at once.
fn chance() -> f64 {
    f64::from(u32::try_from(entropy() >> 32).expect("32 bits")) / f64::from(u32::MAX)
}

/// Selectors as they are given, or from a file; in one line.
fn read_selectors(given: &str) -> anyhow::Result<String> {
    let text = if given.trim_start().starts_with('[') {
        given.to_owned()
    } else {
        let file = given.strip_prefix("file://").unwrap_or(given);
        let size = Path::new(file).metadata().with_context(|| format!("--selectors {file}"))?.len();
        anyhow::ensure!(
            size <= SELECTORS_BYTES_MAX,
            "--selectors {file}: {size} bytes are too many for a tail; at most {SELECTORS_BYTES_MAX} are taken"
        );
        std::fs::read_to_string(file).with_context(|| format!("--selectors {file}"))?
    };
    let json: Value = serde_json::from_str(&text).context("--selectors is not JSON")?;
    Ok(json.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use expect_test::{Expect, expect};

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        tail: Tail,
    }

    fn check(words: &[&str], expected: &Expect) {
        let words = ["tail"].iter().chain(words);
        let said = match Typed::try_parse_from(words) {
            Ok(Typed { tail }) => {
                tail.query(Timestamp::parse("2026-03-09T14:05:00Z").unwrap()).unwrap()
            }
            Err(error) => error.to_string().lines().next().unwrap().to_owned(),
        };
        expected.assert_eq(&said);
    }

    #[test]
    fn a_query_says_what_was_typed() {
        check(&[], &expect![""]);
        check(
            &["eventName=Delete*,a b", "errorCode!=*", "--since", "10m"],
            &expect![
                "filter=eventName%3DDelete%2A%2Ca%20b&filter=errorCode%21%3D%2A&startTime=2026-03-09T13%3A55%3A00Z"
            ],
        );
        check(
            &["--region", "eu-west-1,us-east-1", "--accounts", "all", "--category", "data"],
            &expect!["regions=eu-west-1%2Cus-east-1&accountIds=ALL&eventCategories=Data"],
        );
        check(
            &["--selectors", r#"[{"FieldSelectors": []}]"#],
            &expect!["eventSelectors=%5B%7B%22FieldSelectors%22%3A%5B%5D%7D%5D"],
        );
        check(
            &["evntName=a"],
            &expect![[
                r#"error: invalid value 'evntName=a' for '[FILTER]...': field "evntName" is unknown: write eventName; .evntName is a member of your own"#
            ]],
        );
    }

    #[test]
    fn a_tail_goes_on_behind_what_it_was_told() {
        let query = "filter=a%3Db&startTime=2026-03-09T13%3A55%3A00Z";
        assert_eq!(behind(query, None), query);
        assert_eq!(
            behind(query, Some("0000019a01c2b3d4.17")),
            "filter=a%3Db&after=0000019a01c2b3d4.17"
        );
        assert_eq!(behind("", Some("1.2")), "after=1.2");
    }
}
