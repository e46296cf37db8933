//! `cairn import`: the log files of a bucket, or of a copy of one, into the history of a daemon.
//!
//! ```text
//! folders, by day ─► listings ─► log files: read, checked, compared with their digests
//!   (in order)                      (many at once)        │ records, cut out
//!                                                         ▼
//!          report ◄─ answers, in order ◄─ POST /v1/history/import ◄─ bodies of many log files
//! ```
//!
//! All goes in one order, by day and key: what is told of one moment of it is enough to go on from there.
//! What is sent twice is known by the daemon.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use futures_util::stream::FuturesOrdered;
use futures_util::{StreamExt, stream};
use integrity::{Pool, SourceError, Word};
use model::{AccountId, KeyPrefix, OrganizationId, Region, Timestamp};

use crate::aws;
use crate::cli::Verdict;
use crate::http::import::Answer;
use crate::interrupt::stopped;
use crate::serve::wall_clock;
use crate::validate::place::{explained, moment};

mod digests;
mod pack;
mod place;
mod read;
mod report;
mod resume_file;
mod send;
mod walk;

use digests::{Asked, Digests, Told};
use pack::{Packed, Packer, Part};
use place::Place;
use read::{Outcome, Sound, read};
use report::{Progress, Read, Report, Wrong};
use resume_file::{Kept, ResumeFile};
use send::Daemon;
use walk::{Days, Job};

/// What `cairn import --help` says at its end.
pub const AFTER_HELP: &str = "\
Examples:
  cairn import s3://trail-logs
  cairn import s3://trail-logs/prefix --since 2026-03-01 --until 2026-04-01 --account 111122223333
  cairn import s3://trail-logs --resume import.json --source-profile audit
  aws s3 sync s3://trail-logs copy && cairn import copy --keys keys.json
  cairn import s3://trail-logs --dry-run --json | jq .logFiles

Reads the log files below [PREFIX/]AWSLogs/, of AWS's CloudTrail or of a Cairn, and files their
records in the history of a running daemon. What is there already is skipped, so any part may be
imported again. What the daemon does not keep, by age or category, is counted and left out.

Where there are digests, each log file must be as its digest says: those that are not, that none
lists though it should, or whose digest is missing or not valid, are reported and not imported;
--unverified imports them too. Public keys are asked of CloudTrail for each Region, or taken from
--keys. Without digests log files are taken as they are, and that is said.

Signed with the AWS credentials of the environment, which must be a key of `cairn account
create-key` that may cloudtrail:StartImport: of the account whose records they are, or of its
organization's management account. Where the bucket takes other ones, --source-profile names them.

--json prints one object at the end. Exit codes: 0 all is imported; 1 something was wrong: log files
or records that were not taken, digests that do not verify; 2 it could not be done, or was
interrupted: with --resume the same command goes on from there.";

/// How often the terminal is told how far it is.
const LOOK: Duration = Duration::from_millis(250);
/// Bodies that are on their way at a time.
const SENDS: usize = 2;
/// A log file is delivered within this time of its events, or a little later: beyond `--until` so much is
/// looked at.
const LATE: Duration = Duration::from_secs(24 * 3600);

/// Flags of `cairn import`.
#[derive(Debug, Args)]
pub struct Import {
    /// The bucket, with what stands before AWSLogs/ in its keys; or a copy of it, its files named by
    /// their keys
    #[arg(value_name = "s3://BUCKET[/PREFIX] | DIR")]
    source: String,
    /// What stands before AWSLogs/ in a copy
    #[arg(long, value_name = "PREFIX")]
    s3_prefix: Option<KeyPrefix>,
    /// Only events from this moment on, in UTC [default: all that the daemon keeps]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only events up to this moment, in UTC; what was delivered more than a day later is not looked at
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Only this account's log files; may be repeated
    #[arg(long, value_name = "12 DIGITS")]
    account: Vec<AccountId>,
    /// Only this Region's log files; may be repeated
    #[arg(long, value_name = "REGION")]
    region: Vec<Region>,
    /// Only this organization's log files
    #[arg(long, value_name = "O-ID")]
    organization_id: Option<OrganizationId>,
    /// Public keys to trust, instead of asking CloudTrail; may be repeated
    #[arg(long, value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Import log files that are not as their digests say, too
    #[arg(long)]
    unverified: bool,
    /// Keep in this file how far it is, and go on from there
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Read and check all, send nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// The profile of the AWS configuration that reads the bucket [default: the environment]
    #[arg(long, value_name = "NAME")]
    source_profile: Option<String>,
    /// Objects that are read at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// The daemon
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:4580",
        env = "CAIRN_ENDPOINT"
    )]
    endpoint: String,
}

/// What is known of an object, and of what is in it.
enum Judged {
    /// Imported by the run that this one goes on from.
    Before,
    /// No log file, by its name.
    Other,
    /// Delivered outside of the times that are asked for.
    Outside,
    /// Delivered before what the daemon keeps.
    TooOld,
    /// It was read.
    Read(Outcome, Word),
}

/// What judging needs.
struct Judge {
    place: Place,
    digests: Digests,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    kept_from: Option<Timestamp>,
    through: Option<walk::Mark>,
}

/// What is read, in order, on its way into bodies.
struct Shelf {
    packer: Packer,
    read: Read,
    has_digests: bool,
    is_lenient: bool,
    sends: bool,
}

impl Import {
    /// Imports, and reports to stdout.
    pub async fn run(self) -> anyhow::Result<Verdict> {
        if self.since.is_some_and(|since| self.until.is_some_and(|until| since > until)) {
            bail!("--since must be before --until");
        }
        let now = wall_clock();
        let asked = self.asked();
        let (resume, kept) = match self.resume.clone() {
            Some(path) => {
                let (file, kept) = ResumeFile::open(path, &asked, now)?;
                (Some(file), kept)
            }
            None => (None, Kept::new(asked, now)),
        };
        let daemon = match self.dry_run {
            true => None,
            false => Some(Daemon::new(&self.endpoint).await?),
        };
        // Who may not import, or has no daemon, should know before anything is read.
        let kept_from = match &daemon {
            Some(daemon) => daemon.ask().await?,
            None => None,
        };
        let config = aws::load_profile(self.source_profile.as_deref()).await;
        let mut place = Place::new(&self, &config)?;
        let mut report = Report::new(self.json);
        report.begin(&place.name, daemon.as_ref().map(|_| self.endpoint.as_str()))?;
        let folders = place.find().await?;
        let since = self.since.max(kept_from);
        let asked =
            Asked { folders: &folders, keys: &self.keys, since, now, is_lenient: self.unverified };
        let digests = Digests::read(&place, &config, &asked, |told| match told {
            Told::Note(note) => report.note(note),
            Told::Finding(found) => {
                let shown = place.show(&found.s3_object);
                report.tell_digest(Wrong::new("digest", &shown, found.message))
            }
        });
        let digests = digests.await?;
        let to = self.until.map(|until| until.plus(LATE));
        let days = Days::find(&place.source, &place.bucket, &folders, (since, to)).await;
        let days = days.map_err(|error| explained(&error))?;
        let shelf = Shelf {
            packer: Packer::new(place.name.clone(), (self.since, self.until)),
            read: kept.read.clone(),
            has_digests: !digests.is_empty(),
            is_lenient: self.unverified,
            sends: daemon.is_some(),
        };
        let judge = Judge {
            place,
            digests,
            since: self.since,
            until: to,
            kept_from,
            through: kept.read.tally.through.clone(),
        };
        self.import(judge, days, shelf, daemon, report, (resume, kept)).await
    }

    /// What makes another run the same.
    fn asked(&self) -> String {
        let Import { source, s3_prefix, since, until, account, region, organization_id, .. } = self;
        let Import { unverified, dry_run, endpoint, .. } = self;
        format!(
            "{source:?} {s3_prefix:?} {since:?} {until:?} {account:?} {region:?} {organization_id:?} {unverified} {dry_run} {endpoint:?}"
        )
    }

    async fn import(
        &self,
        judge: Judge,
        days: Days,
        mut shelf: Shelf,
        daemon: Option<Daemon>,
        mut report: Report,
        (resume, mut kept): (Option<ResumeFile>, Kept),
    ) -> anyhow::Result<Verdict> {
        let (judge, daemon) = (Arc::new(judge), daemon.map(Arc::new));
        let concurrency = usize::from(self.concurrency);
        let (readers, senders) = (Pool::new(concurrency), Pool::new(SENDS));
        let (total, begun) = (days.total, Arc::clone(&days.begun));
        let jobs = stream::try_unfold(days, async |mut days| {
            let job = days.next().await?;
            Ok::<_, SourceError>(job.map(|job| (job, days)))
        });
        let reads = jobs.map(|job| {
            let (judge, readers) = (Arc::clone(&judge), &readers);
            async move {
                let job = job?;
                let judged = readers.run(async move {
                    let judged = judge.judge(&job).await;
                    (job, judged)
                });
                Ok::<_, SourceError>(judged.await)
            }
        });
        let mut reads = pin!(reads.buffered(concurrency * 2).fuse());
        let mut ready: VecDeque<Packed> = VecDeque::new();
        let mut sends = FuturesOrdered::new();
        let mut is_read = false;
        let records_before = shelf.read.tally.records;
        let mut stopped = pin!(stopped());
        let mut look = tokio::time::interval(LOOK);
        let mut looks = 0_u32;
        let ended: anyhow::Result<()> = loop {
            while sends.len() < SENDS
                && let Some(packed) = ready.pop_front()
            {
                let daemon = daemon.clone().expect("what is packed is sent");
                sends.push_back(senders.run(async move {
                    let answer = daemon.send(packed.body.clone()).await;
                    (packed, answer)
                }));
            }
            if is_read && sends.is_empty() {
                break Ok(());
            }
            tokio::select! {
                biased;
                () = &mut stopped => break Err(anyhow::anyhow!("interrupted")),
                _ = look.tick() => {
                    looks += 1;
                    report.catch_up(&shelf.read.named, &kept.sent.named)?;
                    report.show_progress(&Progress {
                        date: shelf.read.tally.through.as_ref().map_or("", |mark| mark.date()).to_owned(),
                        read: shelf.read.tally.read,
                        records: shelf.read.tally.records,
                        fresh: shelf.read.tally.records - records_before,
                        done: begun.load(Ordering::Relaxed),
                        total,
                        since: LOOK * looks,
                    });
                }
                Some((packed, answer)) = sends.next(), if !sends.is_empty() => match answer {
                    Ok(answer) => {
                        let refusals = named(&answer, &packed.parts, &judge.place);
                        kept.sent.add(&answer, refusals);
                        kept.read.follow(&shelf.read, packed.tally);
                        if let Some(resume) = &resume {
                            resume.save(&kept)?;
                        }
                    }
                    Err(error) => break Err(error),
                },
                read = reads.next(), if !is_read && ready.is_empty() => match read {
                    None => {
                        is_read = true;
                        ready.extend(shelf.packer.take(shelf.read.tally.clone())?);
                    }
                    Some(Err(error)) => break Err(explained(&error)),
                    Some(Ok((job, Judged::Before))) => {
                        drop(job);
                        report.pass();
                    }
                    Some(Ok((job, judged))) => {
                        let shown = judge.place.show(&job.entry.key);
                        if !matches!(judged, Judged::Read(Outcome::LogFile(_), _)) {
                            ready.extend(shelf.take(&job, judged, &shown)?);
                            continue;
                        }
                        let taken = tokio::task::spawn_blocking(move || {
                            let full = shelf.take(&job, judged, &shown);
                            (shelf, full)
                        });
                        let full;
                        (shelf, full) = taken.await?;
                        ready.extend(full?);
                    }
                },
            }
        };
        report.catch_up(&shelf.read.named, &kept.sent.named)?;
        report.clear_progress();
        if let Err(error) = ended {
            return match resume {
                Some(_) => {
                    Err(error
                        .context("the import did not end; the same command goes on from there"))
                }
                None => {
                    Err(error
                        .context("the import did not end; --resume FILE makes one that can go on"))
                }
            };
        }
        let is_good = report.finish(&shelf.read, &kept.sent, self.dry_run)?;
        if let Some(resume) = resume {
            resume.remove()?;
        }
        Ok(if is_good { Verdict::Good } else { Verdict::Bad })
    }
}

impl Judge {
    async fn judge(&self, job: &Job) -> Judged {
        if self.through.as_ref().is_some_and(|through| job.mark <= *through) {
            return Judged::Before;
        }
        let Some(stamp) = job.stamp else { return Judged::Other };
        // A log file holds nothing that is younger than its stamp.
        if self.since.is_some_and(|since| stamp < since)
            || self.until.is_some_and(|until| stamp > until)
        {
            return Judged::Outside;
        }
        if self.kept_from.is_some_and(|from| stamp < from) {
            return Judged::TooOld;
        }
        let Place { source, bucket, .. } = &self.place;
        let word = self.digests.ask(bucket, job, stamp);
        let mut outcome = read(source, bucket, &job.entry.key).await;
        if !source.is_copy() && !is_as_told(&outcome, word) {
            // What differs is read twice before it is said.
            outcome = read(source, bucket, &job.entry.key).await;
        }
        Judged::Read(outcome, word)
    }
}

fn is_as_told(outcome: &Outcome, word: Word) -> bool {
    match (outcome, word) {
        (Outcome::Wrong(_), _) => false,
        (Outcome::LogFile(sound), Word::Hash(hash)) => sound.hash == hash,
        (Outcome::LogFile(_), _) => true,
    }
}

impl Shelf {
    /// Takes what comes next; gives the bodies that are full.
    fn take(&mut self, job: &Job, judged: Judged, shown: &str) -> std::io::Result<Vec<Packed>> {
        let before = self.read.tally.clone();
        self.read.tally.through = Some(job.mark.clone());
        let (outcome, word) = match judged {
            Judged::Before => return Ok(Vec::new()),
            Judged::Other => {
                self.read.pass_over(shown);
                return Ok(Vec::new());
            }
            Judged::Outside => {
                self.read.tally.outside += 1;
                return Ok(Vec::new());
            }
            Judged::TooOld => {
                self.read.tally.too_old += 1;
                return Ok(Vec::new());
            }
            Judged::Read(outcome, word) => (outcome, word),
        };
        self.read.tally.read += 1;
        let sound = match outcome {
            Outcome::LogFile(sound) => sound,
            Outcome::Wrong(why) => {
                self.read.miss(shown, &why);
                return Ok(Vec::new());
            }
        };
        self.read.tally.bytes += sound.bytes();
        if !self.is_wanted(&sound, word, shown) {
            return Ok(Vec::new());
        }
        self.read.tally.records += sound.records;
        if !self.sends {
            return Ok(Vec::new());
        }
        self.packer.add(job, &sound, &before, &mut self.read, shown)
    }

    /// Whether a log file is imported, by what digests say of it.
    fn is_wanted(&mut self, sound: &Sound, word: Word, shown: &str) -> bool {
        let why = match word {
            Word::Hash(hash) if sound.hash == hash => {
                self.read.tally.verified += 1;
                return true;
            }
            Word::NotYet => {
                self.read.tally.not_yet_listed += 1;
                return true;
            }
            Word::NotCovered => {
                self.read.tally.without_digests += u64::from(self.has_digests);
                return true;
            }
            Word::Hash(_) => "it is not as its digest says: the hash differs",
            Word::InDoubt => "the digest that may list it is missing or not valid",
            Word::NotListed => "no digest lists it",
        };
        match self.is_lenient {
            true => self.read.take_unverified(shown, why),
            false => self.read.miss(shown, why),
        }
        self.is_lenient
    }
}

/// The refused records of a body, by their log files.
fn named(answer: &Answer, parts: &[Part], place: &Place) -> Vec<Wrong> {
    let refusals = answer.refusals.iter().map(|refused| {
        let part = parts.get(refused.part);
        let shown = part.map_or(String::new(), |part| place.show(&part.key));
        let first = part.map_or(0, |part| part.first);
        let wrong = Wrong::new("record", &shown, refused.error.clone());
        Wrong { record: Some(first + refused.record as u64), ..wrong }
    });
    refusals.collect()
}
