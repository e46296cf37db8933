//! `cairn consume`: the reference reader on the command line; records as NDJSON on stdout.

use std::io::Write;

use anyhow::{Context, anyhow};
use clap::Args;
use consumer::{Consumer, Counts, Jitter, LogFile, Options, Poison, S3Objects, SqsQueue};
use tokio::io::{AsyncWriteExt, Stdout};
use tokio::sync::Notify;

use crate::cli::Verdict;
use crate::interrupt::stopped;
use crate::json_out::for_stdout;
use crate::logging::{LogFormat, LogLevel};
use crate::{aws, logging};

/// Flags of `cairn consume`.
#[derive(Debug, Args)]
pub struct Consume {
    /// The queue: its name or its URL
    #[arg(long, value_name = "NAME|URL")]
    queue: String,
    /// End after so many polls without a message [default: go on]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    idle_polls: Option<u32>,
    /// End after the message with which so many records were written [default: go on]
    #[arg(long, value_name = "N")]
    max_records: Option<u64>,
    /// Seconds that one poll waits for a message
    #[arg(long, value_name = "1..20", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=20))]
    wait: u32,
    /// Move what cannot be read to the queue under this URL [default: leave it]
    #[arg(long, value_name = "URL")]
    dead_letter: Option<String>,
    /// Print the counts to stderr at the end, as JSON
    #[arg(long)]
    json: bool,
}

impl Consume {
    /// Reads until Ctrl-C, SIGTERM, or the flags say to end.
    pub async fn run(self) -> anyhow::Result<Verdict> {
        logging::init(LogFormat::Auto, &LogLevel::parse("warn").expect("a level"))?;
        let config = aws::load().await;
        let sqs = aws_sdk_sqs::Client::new(&config);
        let url = queue_url(&sqs, &self.queue).await?;
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(aws::is_path_style(&config));
        let objects = S3Objects::new(aws_sdk_s3::Client::from_conf(s3.build()));
        let options = Options {
            wait_seconds: self.wait,
            poison: self.dead_letter.clone().map_or(Poison::Leave, Poison::DeadLetter),
            idle_polls_max: self.idle_polls,
            records_max: self.max_records,
            ..Options::default()
        };
        let mut consumer =
            Consumer::new(SqsQueue::new(sqs, url), objects, Jitter::random(), options)?;
        let gauge = consumer.gauge();
        // A pipe that nobody reads stays broken: reading ends, as for `cairn consume | head`.
        let closed = Notify::new();
        let mut sink = async |file: LogFile| {
            let written = write(&mut tokio::io::stdout(), &file).await;
            if written.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
                closed.notify_one();
            }
            written
        };
        let ended = async {
            tokio::select! {
                () = stopped() => {}
                () = closed.notified() => {}
            }
        };
        consumer.run(&mut sink, ended).await?;
        self.show(&gauge.read())?;
        Ok(Verdict::Good)
    }

    fn show(&self, counts: &Counts) -> anyhow::Result<()> {
        let mut out = std::io::stderr();
        if self.json {
            writeln!(
                out,
                "{}",
                serde_json::json!({
                    "messages": counts.received,
                    "files": counts.files,
                    "records": counts.records,
                    "duplicates": counts.duplicates,
                })
            )?;
        } else {
            writeln!(
                out,
                "{} records of {} files; {} duplicates suppressed",
                counts.records, counts.files, counts.duplicates
            )?;
        }
        Ok(())
    }
}

/// Writes a file's records, one a line, and flushes: the message is deleted after that.
async fn write(out: &mut Stdout, file: &LogFile) -> std::io::Result<()> {
    for record in &file.records {
        out.write_all(for_stdout(&record.line()).as_bytes()).await?;
        out.write_all(b"\n").await?;
    }
    out.flush().await
}

async fn queue_url(sqs: &aws_sdk_sqs::Client, queue: &str) -> anyhow::Result<String> {
    if queue.starts_with("http://") || queue.starts_with("https://") {
        return Ok(queue.to_owned());
    }
    let found = sqs.get_queue_url().queue_name(queue).send().await;
    let found = found.map_err(|error| match error.as_service_error() {
        Some(_) => anyhow!(
            "queue {queue} was not found here; give its name or its URL ({})",
            outbox::brief(&error)
        ),
        None => anyhow!(
            "queue {queue} could not be looked up: {}; are AWS_ENDPOINT_URL and credentials set?",
            outbox::brief(&error)
        ),
    })?;
    found.queue_url.with_context(|| format!("queue {queue} has no URL"))
}
