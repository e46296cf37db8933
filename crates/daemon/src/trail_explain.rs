//! `cairn trail explain`: which trails take the records of a file, and why or why not.
//!
//! The rules are those by which a daemon routes ([`trails::Rules`]); nothing is sent, recorded or
//! changed. With a configuration its trails count, and those that the API made in the data directory;
//! without one, all that the data directory's registry holds.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use model::{AccountId, Envelope, Event, Region, Sender};
use serde_json::json;
use trails::explain::{Condition, Explanation};
use trails::{Definitions, Facts, Rules, registry};

use crate::cli::Verdict;
use crate::config::{Flags, Settings};
use crate::http::splitter::{Piece, RECORD_BYTES_MAX, Splitter};
use crate::json_out::for_stdout;
use crate::unpack::{STEP_BYTES, Unpack};

const CHUNK_BYTES: u64 = 64 << 10;

/// Flags of `cairn trail explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// A file with records; - is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The configuration file whose trails are asked
    #[arg(long, value_name = "FILE", env = "CAIRN_CONFIG")]
    config: Option<PathBuf>,
    /// Where the registry is
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Only this trail
    #[arg(long, value_name = "NAME|ARN")]
    trail: Option<String>,
    /// File records that name no account under this one
    #[arg(long, value_name = "12 DIGITS", default_value = "000000000000")]
    account: AccountId,
    /// File records that name no Region under this one
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    region: Region,
    /// Print one line of JSON for each record
    #[arg(long)]
    json: bool,
}

impl Explain {
    /// Explains all records.
    pub fn run(self) -> anyhow::Result<Verdict> {
        let definitions = self.definitions()?;
        let set = definitions.trail_set(0);
        let output = Output {
            rules: Rules::of(&set),
            accounts: &definitions.accounts,
            sender: Sender { account: self.account.clone(), region: self.region.clone() },
            command: &self,
            out: BufWriter::new(io::stdout().lock()),
            records: 0,
            verdict: Verdict::Good,
        };
        let name = self.file.display().to_string();
        if self.file.as_os_str() == "-" {
            return output.read(io::stdin().lock()).context(name);
        }
        let file = File::open(&self.file).with_context(|| name.clone())?;
        output.read(file).context(name)
    }

    /// All that is defined, with no other trails than those that are asked.
    fn definitions(&self) -> anyhow::Result<Definitions> {
        let flags = Flags { data_dir: self.data_dir.clone(), ..Flags::default() };
        let settings = Settings::load(self.config.as_deref(), std::env::vars_os(), &flags)?;
        let stored = read_registry(&settings.data_dir)?;
        let mut all = match self.config {
            Some(_) => stored.with_configuration(settings.definitions)?,
            None => stored,
        };
        let known: Vec<String> = all.trails.iter().map(|one| one.trail.arn.to_string()).collect();
        if let Some(wanted) = &self.trail {
            all.trails.retain(|one| {
                let arn = &one.trail.arn;
                arn.name.to_string() == *wanted || arn.to_string() == *wanted
            });
        }
        match (&self.trail, known.as_slice()) {
            (_, []) => bail!(
                "there are no trails: name a configuration by --config, or a daemon's data directory by --data-dir"
            ),
            (Some(wanted), known) if all.trails.is_empty() => {
                bail!("--trail {wanted:?} is unknown; there are {}", known.join(", "))
            }
            _ => Ok(all),
        }
    }
}

/// What the API and the configuration defined in a data directory; nothing where no daemon was yet. A
/// daemon that runs is not disturbed.
pub fn read_registry(data_dir: &Path) -> anyhow::Result<Definitions> {
    let file = data_dir.join(registry::FILE);
    match std::fs::read(&file) {
        Ok(bytes) => Ok(registry::read(&bytes)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Definitions::default()),
        Err(error) => Err(error).context(file.display().to_string()),
    }
}

/// The records of one file on their way to stdout.
struct Output<'a, W: Write> {
    rules: Rules<'a>,
    /// The only ones that events are taken for; none listed means any.
    accounts: &'a [AccountId],
    sender: Sender,
    command: &'a Explain,
    out: W,
    records: u64,
    verdict: Verdict,
}

impl<W: Write> Output<'_, W> {
    fn read(mut self, mut input: impl Read) -> anyhow::Result<Verdict> {
        let (mut unpack, mut splitter) = (Unpack::Unknown, Splitter::default());
        let mut pieces = Vec::new();
        let mut chunk = Vec::new();
        while input.by_ref().take(CHUNK_BYTES).read_to_end(&mut chunk)? > 0 {
            unpack.begin(&chunk);
            for packed in chunk.chunks(STEP_BYTES) {
                let text = unpack.text(packed)?;
                let split = splitter.push(&text, &mut pieces);
                self.take(&mut pieces)?;
                split?;
            }
            chunk.clear();
        }
        let text = unpack.finish()?;
        let split = splitter.push(&text, &mut pieces);
        self.take(&mut pieces)?;
        split?;
        let split = splitter.finish(&mut pieces);
        self.take(&mut pieces)?;
        split?;
        self.out.flush()?;
        Ok(self.verdict)
    }

    fn take(&mut self, pieces: &mut Vec<Piece>) -> anyhow::Result<()> {
        for piece in pieces.drain(..) {
            self.records += 1;
            let event = match piece {
                Piece::TooLong => Err(format!("longer than {RECORD_BYTES_MAX} bytes")),
                Piece::Record(record) => self.event(record),
            };
            match event {
                Ok(event) => self.explain(&event)?,
                Err(error) => self.refuse(&error)?,
            }
        }
        Ok(())
    }

    fn event(&self, record: Bytes) -> Result<Event, String> {
        let accepted = Event::from_record(record, &self.sender);
        let event = accepted.map_err(|error| error.to_string())?.event;
        let is_served = self.accounts.is_empty() || self.accounts.contains(&event.account);
        match is_served {
            true => Ok(event),
            false => Err(format!("account {} is not served here", event.account)),
        }
    }

    fn refuse(&mut self, error: &str) -> io::Result<()> {
        self.verdict = Verdict::Bad;
        let record = self.records;
        match self.command.json {
            true => {
                let line = json!({ "record": record, "error": error }).to_string();
                writeln!(self.out, "{}", for_stdout(&line))
            }
            false => writeln!(self.out, "record {record} would be refused: {error}\n"),
        }
    }

    fn explain(&mut self, event: &Event) -> io::Result<()> {
        let facts = Facts::of(event);
        let trails: Vec<Explanation> = self.rules.explain(&facts).collect();
        let Event { account, region, category, record, .. } = event;
        let envelope = Envelope::parse(record).ok();
        let id = envelope.as_ref().and_then(Envelope::event_id);
        let name = envelope.as_ref().and_then(Envelope::event_name);
        let (number, category) = (self.records, category.name());
        if self.command.json {
            let line = json!({
                "record": number, "eventID": id, "eventName": name, "eventCategory": category,
                "account": account, "region": region, "trails": trails,
            });
            return writeln!(self.out, "{}", for_stdout(&line.to_string()));
        }
        let name = name.as_deref().unwrap_or("no eventName");
        let id = id.as_deref().unwrap_or("no eventID");
        writeln!(self.out, "record {number}: {name}, {category}, {id}")?;
        writeln!(self.out, "filed under account {account} in {region}")?;
        trails.iter().try_for_each(|trail| write_trail(&mut self.out, trail))?;
        writeln!(self.out)
    }
}

fn write_trail(out: &mut impl Write, explanation: &Explanation) -> io::Result<()> {
    let verb = if explanation.is_taken { "takes" } else { "does not take" };
    writeln!(out, "  trail {} {verb} it ({})", explanation.trail.name, explanation.trail)?;
    write_conditions(out, "    ", &explanation.conditions)?;
    for selector in &explanation.selectors {
        let verb = if selector.is_match { "matches" } else { "does not match" };
        writeln!(out, "    {} {verb}", selector.title)?;
        write_conditions(out, "      ", &selector.conditions)?;
    }
    Ok(())
}

fn write_conditions(
    out: &mut impl Write,
    indent: &str,
    conditions: &[Condition],
) -> io::Result<()> {
    conditions.iter().try_for_each(|condition| {
        let mark = if condition.holds { "yes" } else { "no " };
        writeln!(out, "{indent}{mark}  {}", condition.because)
    })
}
