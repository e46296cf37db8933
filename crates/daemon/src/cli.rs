//! The command line: what can be typed, and which function does it.
//!
//! Exit codes: 0 done, 1 the command ran and found or did something wrong (a record was refused, a
//! check failed), 2 the command line or the configuration is wrong or the command could not run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::Flags;
use crate::{
    account, consume, doctor, import, lookup, prove, put, query, salvage, serve_command,
    tail_command, trail_explain, validate,
};

/// Records API activity and delivers it as AWS CloudTrail does.
#[derive(Debug, Parser)]
#[command(name = "cairn", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    #[command(
        after_help = "Examples:\n  cairn serve --config cairn.toml\n  AWS_ENDPOINT_URL=http://127.0.0.1:4566 cairn serve --config cairn.toml --interval 10s\n\nSIGTERM or Ctrl-C stops: the door closes, the journal seals, deliveries go on for up to 30 s.\nSIGHUP reads trails, channels, accounts, the fan-out and the history's settings again."
    )]
    Serve(Serve),
    /// Send CloudTrail records to a daemon
    #[command(
        after_help = "Examples:\n  cairn put events.ndjson\n  cairn put 111111111111_CloudTrail_eu-west-1_20260309T1405Z_aB3dE6gH9jK2mN5p.json.gz\n  generate | cairn put -\n\nTakes one record a line, {\"Records\":[…]} or an array, gzip or not. Sending a file again is safe:\nwhat is recorded is recognised. Exit code 1: some records were refused."
    )]
    Put(put::Put),
    /// Find events in the history, and show or store them
    #[command(after_help = lookup::AFTER_HELP)]
    Lookup(Box<lookup::Lookup>),
    /// Follow events live, as they are recorded
    #[command(after_help = tail_command::AFTER_HELP)]
    Tail(Box<tail_command::Tail>),
    /// Read records from the log files that a queue announces
    #[command(
        after_help = "Examples:\n  cairn consume --queue audit --idle-polls 1 | jq .eventName\n  cairn consume --queue https://sqs.eu-west-1.amazonaws.com/111111111111/audit\n\nWrites one record a line to stdout. A message is deleted after its records were written. Works\non queues behind CloudTrail's own topics too. Credentials, Region and endpoint are the AWS SDK's."
    )]
    Consume(consume::Consume),
    /// Try everything that delivery needs, and say what is missing
    #[command(
        after_help = "Examples:\n  cairn doctor --config cairn.toml\n  cairn doctor --health\n\nSets up topics and queues of the fan-out as the daemon does, puts each trail's marker object and\nreads it back, reads its bucket's ACL, publishes CloudTrail's validation message\nand looks for it on the queues. Prints the policy statement that is missing. Exit code 1: a check\nfailed."
    )]
    Doctor(doctor::Doctor),
    /// Read the records that a damaged journal segment still holds
    #[command(
        after_help = "Example, for a daemon whose health names a damaged segment:\n  systemctl stop cairn\n  mv /var/lib/cairn/journal/0000019a01c2b3d4.segment /root/\n  systemctl start cairn\n  cairn salvage /root/0000019a01c2b3d4.segment > records.json\n  cairn put records.json\n\nWrites {\"Records\":[…]} to stdout, each record as it was recorded, and says on stderr which bytes are\nlost. Records that do not name their account and Region are written by --account and --region; which\nthere are is said. The daemon must have been started without the segment before its records are put again: one\nthat knows them takes them for retries. Files of the segment that were delivered before it was\ndamaged are then delivered twice; readers drop the doubles by eventID. Exit code 1: something is lost."
    )]
    Salvage(salvage::Salvage),
    /// Create accounts, users and access keys, and say what users may do
    #[command(
        after_help = "Examples:\n  cairn account create 111122223333 --alias acme\n  cairn account create-user 111122223333 amy --administrator\n  eval \"$(cairn account create-key 111122223333 amy)\"\n  cairn account create-user 111122223333 auditor --policy read-only.json\n  eval \"$(cairn account create-session 111122223333 auditor --duration 1h)\"\n  cairn account show 111122223333\n\nA secret is shown once, when it is created. A daemon that runs sees changes within a second.\nChanges are kept in accounts.json of the data directory; its secrets are encrypted with\naccounts.key beside it, or with the key that accounts_key names: keep that one apart, and a copy\nof the data directory gives no secret away. Exit code 1: the change was refused."
    )]
    Account(account::Account),
    /// Say whether log files are as they were delivered, by their digests
    #[command(after_help = validate::AFTER_HELP)]
    Validate(validate::Validate),
    /// Prove that a record is in the log, by a file that anybody can check
    #[command(after_help = prove::AFTER_HELP)]
    Prove(prove::Prove),
    /// Bring the log files of a bucket into the history
    #[command(after_help = import::AFTER_HELP)]
    Import(import::Import),
    /// Ask the history, or log files anywhere, in SQL
    #[command(after_help = query::AFTER_HELP)]
    Query(query::Query),
    /// Look at trails
    #[command(subcommand)]
    Trail(Trail),
}

#[derive(Debug, Subcommand)]
enum Trail {
    /// Say which trails take the records of a file, and why or why not
    #[command(
        after_help = "Examples:\n  cairn trail explain --config cairn.toml events.ndjson\n  cairn trail explain --config cairn.toml --trail audit --json - < event.json | jq .trails\n\nTakes one record a line, {\"Records\":[…]} or an array, gzip or not. Nothing is sent or recorded. The trails\nare those of the configuration, and those that the API made in the data directory; a daemon may be\nrunning there. Exit code 1: some of the file are no records that would be recorded."
    )]
    Explain(trail_explain::Explain),
}

/// Flags of `cairn serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// The configuration file; without it the defaults hold and there are no trails
    #[arg(long, value_name = "FILE", env = "CAIRN_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where the journal, the registry and parked files are
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Where to listen [default: 127.0.0.1:4580]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Longest time that an event waits before its log file is made [default: 5m]
    #[arg(long, value_name = "DURATION")]
    interval: Option<String>,
    /// auto, human or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// error, warn, info, debug, trace, or levels by target
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

impl Serve {
    /// As the configuration takes them.
    #[must_use]
    pub fn flags(&self) -> Flags {
        Flags {
            data_dir: self.data_dir.clone(),
            accounts_key: None,
            listen: self.listen.clone(),
            interval: self.interval.clone(),
            log_format: self.log_format.clone(),
            log_level: self.log_level.clone(),
        }
    }
}

/// What a command that ran says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All went well.
    Good,
    /// It ran, and found or did something wrong.
    Bad,
}

impl Cli {
    /// Does what was asked.
    pub async fn run(self) -> anyhow::Result<Verdict> {
        match self.command {
            Command::Serve(serve) => serve_command::run(&serve).await,
            Command::Put(put) => put.run().await,
            Command::Lookup(lookup) => lookup.run().await,
            Command::Tail(tail) => tail.run().await,
            Command::Consume(consume) => consume.run().await,
            Command::Doctor(doctor) => doctor.run().await,
            Command::Salvage(salvage) => salvage.run(),
            Command::Account(account) => account.run(),
            Command::Validate(validate) => validate.run().await,
            Command::Prove(prove) => prove.run().await,
            Command::Import(import) => import.run().await,
            Command::Query(query) => query.run().await,
            Command::Trail(Trail::Explain(explain)) => explain.run(),
        }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> ExitCode {
        match verdict {
            Verdict::Good => ExitCode::SUCCESS,
            Verdict::Bad => ExitCode::from(1),
        }
    }
}
