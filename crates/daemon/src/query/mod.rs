//! `cairn query`: SQL over the history, and over log files anywhere.
//!
//! The engine is in the crate `query`, which a plain build does without; see the feature `sql`. Here are
//! the flags, the ways to write an answer, and the prompt.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::Verdict;
use crate::config::parse_duration;

#[cfg(feature = "sql")]
mod output;
#[cfg(feature = "sql")]
mod prompt;
#[cfg(feature = "sql")]
mod run;
#[cfg(feature = "sql")]
mod sources;

/// What `cairn query --help` says at its end.
pub const AFTER_HELP: &str = "\
Examples:
  cairn query --config cairn.toml \"SELECT eventName, count(*) AS n FROM events GROUP BY 1 ORDER BY n DESC LIMIT 10\"
  cairn query --data-dir /var/lib/cairn --output csv -o refused.csv \"SELECT eventTime, userIdentity.arn, eventName FROM events WHERE errorCode = 'AccessDenied' AND eventTime > date_add('day', -7, now())\"
  cairn query --from s3://trail-logs/AWSLogs/111122223333/ \"SELECT eventTime, element_at(requestParameters, 'bucketName') AS bucket FROM events WHERE eventName = 'DeleteBucket'\"
  cairn query --from ./logs          (a prompt; .help says what it knows)

There is one table, events, with CloudTrail Lake's columns and functions; DESCRIBE events shows them.
An event data store's id is as good a name for it, so that queries for Lake run as they are. Only
SELECT is possible.

The history is that of a data directory, with its daemon at work or without: what the daemon has
acknowledged is found. It is read by this process, which takes nothing from the daemon. --from reads log
files of CloudTrail or of Cairn (gzip or not), or Parquet files of a history, instead: s3://BUCKET/PREFIX, a
folder or a file; may be repeated. Log files are unpacked into temporary Parquet first. Credentials,
Region and endpoint of S3 are the AWS SDK's.

Exit codes: 0 done; 1 some log files could not be read, and the answer is without them; 2 the query is
wrong, there was no answer, or it was interrupted.";

/// Flags of `cairn query`. A build without SQL takes them too, to say that it has none.
#[derive(Debug, Args)]
#[cfg_attr(not(feature = "sql"), allow(dead_code))]
pub struct Query {
    /// One SELECT; - is stdin. Without it there is a prompt, on a terminal
    #[arg(value_name = "SQL")]
    sql: Option<String>,
    /// The daemon's configuration file, for its data directory
    #[arg(long, value_name = "FILE", env = "CAIRN_CONFIG")]
    config: Option<PathBuf>,
    /// The daemon's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Log files or Parquet files instead of the history: s3://BUCKET/PREFIX, a folder or a file
    #[arg(long, value_name = "PLACE", conflicts_with_all = ["config", "data_dir"])]
    from: Vec<String>,
    /// How the answer is written [default: table on a terminal, csv elsewhere]
    #[arg(long, value_name = "FORMAT", value_enum)]
    output: Option<Format>,
    /// The same as --output json
    #[arg(long, conflicts_with = "output")]
    json: bool,
    /// Write the answer to this file
    #[arg(short = 'o', long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Memory for sorting and grouping; more goes to temporary files
    #[arg(long, value_name = "SIZE", default_value = "512MB", value_parser = size)]
    memory: usize,
    /// A query that takes longer is called off
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    timeout: Duration,
    /// Threads that compute [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Where temporary files go [default: the system's directory for them]
    #[arg(long, value_name = "DIR")]
    temp_dir: Option<PathBuf>,
    /// Size of temporary files, at most
    #[arg(long, value_name = "SIZE", default_value = "20GB", value_parser = size)]
    temp_size: usize,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For spreadsheets: what one may take for a formula has an apostrophe in front.
    Csv,
    /// An array of objects.
    Json,
    /// One object a line.
    Ndjson,
    /// For other engines; needs -o.
    Parquet,
}

impl Query {
    /// Answers.
    #[cfg(feature = "sql")]
    pub async fn run(self) -> anyhow::Result<Verdict> {
        run::run(self).await
    }

    /// Says that it can't, and who can.
    #[cfg(not(feature = "sql"))]
    #[allow(clippy::unused_async)]
    pub async fn run(self) -> anyhow::Result<Verdict> {
        anyhow::bail!("{NO_SQL}")
    }
}

/// What a build without the engine says.
pub const NO_SQL: &str = "this build has no SQL, whose engine takes longer to build than all the rest; the published images have it, and so has\n  cargo build --release --locked --package cairn-daemon --features sql";

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected a duration with its unit, such as 5m".into())
}

/// `512MB`, `2GB`, in powers of 1024.
fn size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let shift = match text[digits.len()..].trim().to_ascii_uppercase().as_str() {
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        _ => return Err("expected a size with its unit, such as 512MB".into()),
    };
    let number: usize = digits.parse().map_err(|_| "expected a size such as 512MB".to_owned())?;
    let bytes = number.checked_mul(1 << shift).filter(|bytes| *bytes >= 1 << 20);
    bytes.ok_or_else(|| "expected a size of 1MB or more".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("512MB", 512 << 20), ("2 gb", 2 << 30), ("2048KiB", 2 << 20)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["512", "MB", "1KB", "-1MB", "99999999999999GB", "1.5GB", ""] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
