//! `cairn prove`: makes a file that proves that a record is in the log, or checks one.
//!
//! [`integrity::proof`] does the work; here are the flags, the public keys and the sentences.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, bail};
use aws_config::SdkConfig;
use clap::Args;
use integrity::proof::{BYTES_MAX, Broken, Listed, Made, MakeError, NotFound, Proven, Search};
use integrity::{Counters, Keys, Plain, Proof};
use model::Timestamp;

use crate::aws;
use crate::cli::Verdict;
use crate::serve::wall_clock;
use crate::validate::cloudtrail::public_keys;
use crate::validate::place::{Delivered, Place, explained, keys_of, moment};

mod sentences;

/// What `cairn prove --help` says at its end.
pub const AFTER_HELP: &str = "\
Examples:
  cairn prove 7f0c2e14-5d38-4c9b-9a51-0d8e6b3f2a71 --s3-bucket trail-logs -o proof.json
  cairn prove 7f0c2e14-5d38-4c9b-9a51-0d8e6b3f2a71 --s3-bucket trail-logs --start-time 2026-03-09 --end-time 2026-03-10
  cairn prove 7f0c2e14-5d38-4c9b-9a51-0d8e6b3f2a71 --directory copy --key keys.json
Whoever gets proof.json, with a key that they trust, and nothing else:
  aws cloudtrail list-public-keys --start-time 2026-03-01 --end-time 2026-04-01 > keys.json
  cairn prove --check proof.json --key keys.json
  cairn prove --check proof.json --key keys.json --record | jq

A proof has the whole log file in it, with all its records: a digest gives one hash of the file, and
only all of the file shows that. So look at what you give away. It also has the digest that lists the
file, and the one after it in the chain where there is one yet.

Proven is: the record is in that log file, the log file is listed in that digest, the digest is signed
by that key, and the digest after it names it. Not proven is: that the key is CloudTrail's, so take it
from where you trust; that what the record says is true; that nothing else happened; that there is no
other chain of digests. Times are those of the signer's clock.

The search reads the log files that digests of the last day list, newest first; --start-time and
--end-time search other times: those of the delivery, some minutes after the event. A record can be
proven when the digest of its hour is there. Endpoints, credentials and Region are the AWS SDK's; for
keys of a Cairn set AWS_ENDPOINT_URL_CLOUDTRAIL=http://127.0.0.1:4580.

Exit codes: 0 proven, or made; 1 not proven, or not found; 2 the input is unusable: no proof at all, no
keys, no access, a wrong command line.";

/// Searched when nothing else is said.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How often the terminal is told how far it is.
const LOOK: Duration = Duration::from_millis(250);
const CLEAR_LINE: &str = "\r\x1b[2K";

/// Flags of `cairn prove`.
#[derive(Debug, Args)]
pub struct Prove {
    /// The record's eventID
    #[arg(value_name = "EVENTID", required_unless_present = "check", conflicts_with = "check")]
    event_id: Option<String>,
    /// Check this proof instead of making one; - is stdin
    #[arg(long, value_name = "FILE", requires = "key")]
    check: Option<PathBuf>,
    /// Public keys to trust: PEM, or the JSON of list-public-keys; may be repeated
    #[arg(long, visible_alias = "keys", value_name = "FILE")]
    key: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// Search what was delivered from this moment on, in UTC [default: a day before the end]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    start_time: Option<Timestamp>,
    /// Search what was delivered up to this moment, in UTC [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    end_time: Option<Timestamp>,
    /// The log file that has the record: no search
    #[arg(long, value_name = "s3://BUCKET/KEY", value_parser = s3_place, conflicts_with = "start_time")]
    log_file: Option<(String, String)>,
    /// Objects that are read at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// Where to write the proof; - is stdout [default: EVENTID.proof.json]
    #[arg(long, short, value_name = "FILE", conflicts_with = "check")]
    output: Option<PathBuf>,
    /// Print the record to stdout, and what is proven to stderr
    #[arg(long, requires = "check")]
    record: bool,
    /// Print what is proven as JSON
    #[arg(long)]
    json: bool,
}

fn s3_place(text: &str) -> Result<(String, String), String> {
    let place = text.strip_prefix("s3://").and_then(|place| place.split_once('/'));
    let (bucket, key) = place.ok_or("not a place such as s3://BUCKET/KEY")?;
    Ok((bucket.to_owned(), key.to_owned()))
}

impl Prove {
    /// Makes a proof, or checks one.
    pub async fn run(self) -> anyhow::Result<Verdict> {
        match (&self.check, &self.event_id) {
            (Some(file), _) => self.check(file),
            (None, Some(event_id)) => self.make(event_id).await,
            (None, None) => bail!("name an EVENTID, or --check FILE"),
        }
    }

    fn check(&self, file: &Path) -> anyhow::Result<Verdict> {
        let name = || file.display().to_string();
        let keys = keys_of("--key", &self.key)?.context("--key FILE says whom to trust")?;
        let bytes = if file.as_os_str() == "-" {
            read(io::stdin().lock())
        } else {
            File::open(file).and_then(read)
        };
        let proof = Proof::parse(&bytes.with_context(name)?).with_context(name)?;
        let proven = proof.check(Some(&keys));
        self.show(&mut self.out(self.record && !self.json), &proven, None)?;
        let Ok(proven) = proven else { return Ok(Verdict::Bad) };
        if self.record && !self.json {
            let mut out = io::stdout().lock();
            for record in &proven.records {
                writeln!(out, "{record}")?;
            }
        }
        Ok(Verdict::Good)
    }

    async fn make(&self, event_id: &str) -> anyhow::Result<Verdict> {
        let output = self.output.clone().map_or_else(|| default_output(event_id), Ok)?;
        let to = self.end_time.unwrap_or_else(wall_clock);
        let day = i64::try_from(DAY.as_millis()).expect("a day");
        let from = self.start_time.unwrap_or(Timestamp::from_millis(to.as_millis() - day));
        if from > to {
            bail!("--start-time must be before --end-time");
        }
        let config = aws::load().await;
        let pinned = keys_of("--key", &self.key)?;
        let Delivered { source, bucket, folders } = self.place.find(&config).await?;
        let search = Search {
            source,
            bucket,
            trail: self.place.trail_arn.clone(),
            from,
            to,
            concurrency: self.concurrency.into(),
            counters: Arc::default(),
        };
        let found = async {
            match &self.log_file {
                Some((bucket, key)) => search.find_log_file(bucket, key).await,
                None => search.find(&folders, event_id).await,
            }
        };
        let listed = match watched(found, &search.counters, self.json).await {
            Ok(listed) => listed,
            Err(MakeError::NotFound(missed)) => return self.show_missed(&missed, (from, to)),
            Err(error) => return fail(error),
        };
        let made = match search.prove(event_id, &listed).await {
            Ok(made) => made,
            Err(error) => return fail(error),
        };
        let (keys, without_keys) = match pinned {
            Some(keys) => (Some(keys), None),
            None => match online_keys(&config, &listed, &search).await {
                Ok(keys) => (Some(keys), None),
                Err(error) => (None, Some(format!("{error:#}"))),
            },
        };
        self.write(&made, keys.as_ref(), without_keys.as_deref(), &output)
    }

    /// Checks a proof that was made, and writes it.
    fn write(
        &self,
        made: &Made,
        keys: Option<&Keys>,
        without_keys: Option<&str>,
        output: &Path,
    ) -> anyhow::Result<Verdict> {
        let is_stdout = output.as_os_str() == "-";
        let proven = made.proof.check(keys);
        let mut out = self.out(is_stdout);
        self.show(&mut out, &proven, without_keys)?;
        if proven.is_err() {
            writeln!(io::stderr(), "cairn prove: nothing was written")?;
            return Ok(Verdict::Bad);
        }
        let bytes = made.proof.to_bytes()?;
        if is_stdout {
            io::stdout().lock().write_all(&bytes)?;
            return Ok(Verdict::Good);
        }
        let name = output.display();
        std::fs::write(output, &bytes).with_context(|| name.to_string())?;
        if !self.json {
            if let Some(why) = &made.without_next {
                writeln!(out, "There is no digest after it in the proof: {why}.")?;
            }
            writeln!(
                out,
                "\nWritten to {name}, {} KB, with all records of the log file. To check it:\n  cairn prove --check {name} --key KEYS",
                bytes.len().div_ceil(1000)
            )?;
        }
        Ok(Verdict::Good)
    }

    /// Where sentences go: stderr where stdout is for something else.
    fn out(&self, is_taken: bool) -> Box<dyn Write> {
        if is_taken { Box::new(io::stderr()) } else { Box::new(io::stdout()) }
    }

    fn show(
        &self,
        out: &mut dyn Write,
        proven: &Result<Proven, Broken>,
        without_keys: Option<&str>,
    ) -> anyhow::Result<()> {
        match self.json {
            true => writeln!(out, "{}", sentences::json(proven, self.record)?)?,
            false => out.write_all(sentences::text(proven, without_keys).as_bytes())?,
        }
        Ok(())
    }

    fn show_missed(
        &self,
        missed: &NotFound,
        (from, to): (Timestamp, Timestamp),
    ) -> anyhow::Result<Verdict> {
        let NotFound { digests, log_files, newest, unreadable, troubles } = missed;
        let mut said = io::stderr().lock();
        let vain = match &self.log_file {
            Some((bucket, key)) => format!("none of {digests} digests lists s3://{bucket}/{key}"),
            None => format!(
                "the record is not in the {log_files} log files that {digests} digests list, of what was delivered from {from} to {to}; --start-time and --end-time search other times"
            ),
        };
        writeln!(said, "cairn prove: {}", Plain(&vain))?;
        let advice = match newest {
            Some(newest) => format!(
                "The newest digest there ends at {newest}; what was delivered later can be proven when its digest is there."
            ),
            None => {
                "There is no digest of that time: does the trail validate its log files?".into()
            }
        };
        writeln!(said, "{advice}")?;
        if *unreadable > 0 {
            writeln!(said, "{unreadable} objects could not be searched:")?;
            troubles.iter().try_for_each(|trouble| writeln!(said, "  {}", Plain(trouble)))?;
        }
        Ok(Verdict::Bad)
    }
}

/// What stands in the way of a proof that could be made.
fn fail(error: MakeError) -> anyhow::Result<Verdict> {
    match error {
        MakeError::Source(error) => Err(explained(&error)),
        MakeError::NotFound(_) | MakeError::Unprovable(_) => {
            writeln!(io::stderr(), "cairn prove: {}", Plain(&error.to_string()))?;
            Ok(Verdict::Bad)
        }
    }
}

/// The keys of the digest that was found, and of the one after it.
async fn online_keys(config: &SdkConfig, listed: &Listed, search: &Search) -> anyhow::Result<Keys> {
    let from = listed.digest.end.min(search.from);
    public_keys(config, std::slice::from_ref(&listed.folder), (Some(from), wall_clock())).await
}

/// Waits for a search; a line on the terminal says how far it is.
async fn watched<T>(search: impl Future<Output = T>, counters: &Counters, is_quiet: bool) -> T {
    let shows = !is_quiet && io::stderr().is_terminal();
    let mut search = std::pin::pin!(search);
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            found = &mut search => {
                if shows {
                    let _ = write!(io::stderr(), "{CLEAR_LINE}");
                }
                return found;
            }
            _ = look.tick(), if shows => {
                let Counters { digests, log_files, bytes, .. } = counters;
                let [digests, log_files, bytes] =
                    [digests, log_files, bytes].map(|counter| counter.load(Ordering::Relaxed));
                let megabytes = bytes / 1_000_000;
                let _ = write!(
                    io::stderr(),
                    "{CLEAR_LINE}searching: {digests} digests, {log_files} log files, {megabytes} MB read"
                );
            }
        }
    }
}

/// All of a proof, or a little more than one may have.
fn read(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// An eventID is a UUID; what is none may not be fit to name a file.
fn default_output(event_id: &str) -> anyhow::Result<PathBuf> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if event_id.is_empty() || event_id.len() > 100 || !event_id.bytes().all(is_plain) {
        bail!("{event_id:?} names no file: say by -o where to write the proof");
    }
    Ok(PathBuf::from(format!("{event_id}.proof.json")))
}
