//! `cairn validate`: are the log files of a bucket, or of a copy of one, as they were delivered?
//!
//! [`integrity`] does the work; here are the flags, the public keys, the report and the file to go on
//! from.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use integrity::{DigestFolder, Kept, Keys, Progress, Scope, Summary, Validation};
use model::Timestamp;

use crate::aws;
use crate::cli::Verdict;
use crate::interrupt::stopped;
use crate::serve::wall_clock;

pub(crate) mod cloudtrail;
pub(crate) mod place;
mod report;
mod resume_file;

use place::{Delivered, Place, explained, keys_of, moment};
use report::Report;
use resume_file::ResumeFile;

/// What `cairn validate --help` says at its end.
pub const AFTER_HELP: &str = "\
Examples:
  cairn validate --trail-arn arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit
  cairn validate --s3-bucket trail-logs --start-time 2026-03-01 --end-time 2026-04-01
  cairn validate --s3-bucket trail-logs --resume validation.json --json > findings.jsonl

Without a network, from a copy of the bucket and a file of public keys:
  aws s3 sync s3://trail-logs copy
  aws cloudtrail list-public-keys --start-time 2015-10-01 --end-time 2026-04-01 > keys.json
  cairn validate --directory copy --s3-bucket trail-logs --keys keys.json
A copy has no metadata, where signatures are: that of a digest is taken from the digest after it, that
of the newest one from a file beside it:
  aws s3api head-object --bucket trail-logs --key KEY > copy/KEY.metadata.json

Keys are asked of CloudTrail for each Region, or taken from --keys alone: the JSON of
list-public-keys, or PEM. A PEM file does not tell when its key was valid; then that is not checked.
Endpoints, credentials and Region are the AWS SDK's; for keys of a Cairn set
AWS_ENDPOINT_URL_CLOUDTRAIL=http://127.0.0.1:4580.

The report goes to stdout: a line for each finding as `aws cloudtrail validate-logs` has them, then
the sums. INVALID: not as it was delivered. UNVERIFIED: could not be found out. note: nothing is wrong
with it. --json: a JSON object a line, {\"type\":\"finding\",…}, at the end {\"type\":\"summary\",…}.

Exit codes: 0 all is valid; 1 something is INVALID, or a copy has lost a signature; 2 it could not be
done: the command line, no access, objects that could not be read, no digests at all, interrupted.";

/// How often the terminal is told how far it is.
const LOOK: Duration = Duration::from_millis(250);
/// How many looks there are between two writes of the file to go on from.
const LOOKS_A_SAVE: u32 = 20;

/// Flags of `cairn validate`.
#[derive(Debug, Args)]
pub struct Validate {
    #[command(flatten)]
    place: Place,
    /// From this moment on, in UTC [default: the first digest]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    start_time: Option<Timestamp>,
    /// Up to this moment, in UTC [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    end_time: Option<Timestamp>,
    /// Public keys to trust, instead of asking CloudTrail; may be repeated
    #[arg(long, value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Objects that are read at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// Keep in this file how far it is, and go on from there
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Tell what is valid too
    #[arg(long)]
    verbose: bool,
    /// Print one line of JSON for each finding, and one for the sums
    #[arg(long)]
    json: bool,
}

impl Validate {
    /// Validates, and reports to stdout.
    pub async fn run(self) -> anyhow::Result<Verdict> {
        let now = wall_clock();
        if self.start_time > Some(self.end_time.unwrap_or(now)) {
            bail!("--start-time must be before --end-time");
        }
        let resume = self.resume.clone().map(|path| ResumeFile::open(path, &self.asked(), now));
        let resume = resume.transpose()?;
        let kept = resume.as_ref().map_or(Kept::new(self.asked(), now), ResumeFile::kept);
        let now = kept.begun;
        let config = aws::load().await;
        let keys = keys_of("--keys", &self.keys)?;
        let Delivered { source, bucket, folders } = self.place.find(&config).await?;
        let scope = Scope {
            bucket,
            trail: self.place.trail_arn.clone(),
            from: self.start_time,
            to: self.end_time.unwrap_or(now),
            now,
            tells_valid: self.verbose,
        };
        let keys = match keys {
            Some(keys) => keys,
            None => {
                let asked = folders.iter().filter(|folder| scope.is_about(folder));
                let asked: Vec<DigestFolder> = asked.cloned().collect();
                let asked = integrity::digest::with_digests(&source, &scope.bucket, &asked).await;
                let asked = asked.map_err(|error| explained(&error))?;
                match asked.is_empty() {
                    true => Keys::default(),
                    false => {
                        let range = (scope.from, scope.to);
                        cloudtrail::public_keys(&config, &asked, range).await?
                    }
                }
            }
        };
        let progress = Arc::new(Progress::new(kept));
        let validation = Validation {
            source,
            scope,
            keys,
            concurrency: self.concurrency.into(),
            counters: Arc::default(),
            progress,
        };
        self.validate(validation, folders, resume).await
    }

    /// What makes another run the same.
    fn asked(&self) -> String {
        let Validate { place, start_time, end_time, keys, .. } = self;
        format!("{place:?} {start_time:?} {end_time:?} {keys:?}")
    }

    async fn validate(
        &self,
        validation: Validation,
        folders: Vec<DigestFolder>,
        resume: Option<ResumeFile>,
    ) -> anyhow::Result<Verdict> {
        let scope = validation.scope.clone();
        let (counters, progress) =
            (Arc::clone(&validation.counters), Arc::clone(&validation.progress));
        let report = Mutex::new(Report::new(self.json, &scope, self.place.s3_prefix.as_ref()));
        let report = || report.lock().unwrap_or_else(PoisonError::into_inner);
        report().begin()?;
        let mut tell = |event| report().tell(&event);
        let mut ended = std::pin::pin!(integrity::validate(validation, folders, &mut tell));
        let mut stopped = std::pin::pin!(stopped());
        let mut look = tokio::time::interval(LOOK);
        let mut looks = 0_u32;
        let ended = loop {
            tokio::select! {
                ended = &mut ended => break ended,
                () = &mut stopped => {
                    report().clear_progress();
                    match &resume {
                        Some(resume) => {
                            resume.save(&progress.kept())?;
                            bail!("interrupted; the same command goes on from there");
                        }
                        None => bail!("interrupted; --resume FILE makes a run that can go on"),
                    }
                }
                _ = look.tick() => {
                    looks += 1;
                    report().show_progress(&counters, LOOK * looks);
                    if looks.is_multiple_of(LOOKS_A_SAVE) && let Some(resume) = &resume {
                        resume.save(&progress.kept())?;
                    }
                }
            }
        };
        report().clear_progress();
        let summary: Summary = match ended {
            Ok(summary) => summary,
            Err(error) => {
                if let Some(resume) = &resume {
                    resume.save(&progress.kept())?;
                }
                return match error {
                    integrity::ValidateError::Source(error) => Err(explained(&error)),
                    error => Err(error.into()),
                };
            }
        };
        let unreadable = report().finish(&summary)?;
        if summary.chains == 0 {
            bail!("No digests found: nothing was validated");
        }
        if let Some(resume) = resume {
            resume.remove()?;
        }
        match (summary.has_invalid(), unreadable) {
            (true, _) => Ok(Verdict::Bad),
            (false, 1..) => {
                bail!("{unreadable} objects could not be read: nothing is known of them")
            }
            (false, 0) if summary.has_unverified() => Ok(Verdict::Bad),
            (false, 0) => Ok(Verdict::Good),
        }
    }
}
