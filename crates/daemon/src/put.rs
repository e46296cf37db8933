//! `cairn put`: sends CloudTrail records from files or stdin to a daemon's bulk intake.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::{Request, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt};

use crate::cli::Verdict;
use crate::http_client::{self, Body};

const CHUNK_BYTES: usize = 256 << 10;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// How often a file is sent again when the daemon is busy.
const TRIES: u32 = 30;

/// Flags of `cairn put`.
#[derive(Debug, Args)]
pub struct Put {
    /// Files with records; - is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The daemon
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4580", env = "CAIRN_ENDPOINT")]
    endpoint: String,
    /// File records that name no account under this one
    #[arg(long, value_name = "12 DIGITS")]
    account: Option<model::AccountId>,
    /// File records that name no Region under this one
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    region: model::Region,
    /// Print the totals as JSON
    #[arg(long)]
    json: bool,
}

/// The daemon's answer, and the sum of several.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Totals {
    records: u64,
    recorded: u64,
    duplicates: u64,
    refused: u64,
    refusals: Vec<serde_json::Value>,
    remarks: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Put {
    /// Sends all files.
    pub async fn run(self) -> anyhow::Result<Verdict> {
        let mut totals = Totals::default();
        for file in &self.files {
            let name = file.display().to_string();
            let answer = self.send(file).await.with_context(|| name.clone())?;
            self.show_file(&name, &answer);
            totals.add(answer);
        }
        self.show_totals(&totals)?;
        let is_good = totals.refused == 0 && totals.error.is_none();
        Ok(if is_good { Verdict::Good } else { Verdict::Bad })
    }

    /// Sends one file, again while the daemon is busy; stdin can be sent only once.
    async fn send(&self, file: &std::path::Path) -> anyhow::Result<Totals> {
        let is_stdin = file.as_os_str() == "-";
        for _ in 0..TRIES {
            let answer = if is_stdin {
                self.send_once(tokio::io::stdin(), None).await?
            } else {
                self.send_file(file).await?
            };
            if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
                return read(&answer);
            }
            let told: Totals = serde_json::from_slice(answer.body()).unwrap_or_default();
            let reason = told.error.unwrap_or_else(|| "the daemon is busy".into());
            if is_stdin {
                bail!("{reason}; {} records were recorded; send the same again", told.recorded);
            }
            let _ = writeln!(std::io::stderr(), "cairn put: {reason}; trying again");
            tokio::time::sleep(retry_after(&answer)).await;
        }
        bail!("the daemon stayed busy; nothing is lost by sending the file again later")
    }

    async fn send_file(&self, file: &std::path::Path) -> anyhow::Result<hyper::Response<Bytes>> {
        let mut opened = tokio::fs::File::open(file).await?;
        let size = opened.metadata().await?.len();
        opened.rewind().await?;
        self.send_once(opened, Some(size)).await
    }

    async fn send_once(
        &self,
        mut input: impl AsyncRead + Send + Sync + Unpin + 'static,
        size: Option<u64>,
    ) -> anyhow::Result<hyper::Response<Bytes>> {
        let mut first = vec![0; 2];
        let mut read = 0;
        while read < first.len() {
            match input.read(&mut first[read..]).await? {
                0 => break,
                more => read += more,
            }
        }
        first.truncate(read);
        let is_gzip = first == GZIP_MAGIC;
        let account = self.account.as_ref().map_or("cairn-put", model::AccountId::as_str);
        let scope = format!("AWS4-HMAC-SHA256 Credential={account}/00000000/{}/cloudtrail-data/aws4_request", self.region);
        let mut request = Request::post(format!("{}/v1/events", self.endpoint.trim_end_matches('/')))
            .header(header::AUTHORIZATION, scope);
        if is_gzip {
            request = request.header(header::CONTENT_ENCODING, "gzip");
        }
        let progress = Progress::new(size, self.json);
        http_client::send(request.body(body(Bytes::from(first), input, progress))?).await
    }

    fn show_file(&self, name: &str, answer: &Totals) {
        let mut out = std::io::stderr();
        for refusal in &answer.refusals {
            let _ = writeln!(out, "{name}: record {}: {}", refusal["record"], refusal["error"].as_str().unwrap_or("?"));
        }
        let listed = answer.refusals.len() as u64;
        if answer.refused > listed {
            let _ = writeln!(out, "{name}: and {} more refused records", answer.refused - listed);
        }
        if let Some(error) = &answer.error {
            let _ = writeln!(out, "{name}: {error}");
        }
    }

    fn show_totals(&self, totals: &Totals) -> anyhow::Result<()> {
        let mut out = std::io::stdout();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(totals)?)?;
        } else {
            let Totals { records, recorded, duplicates, refused, .. } = totals;
            writeln!(out, "{records} records: {recorded} recorded, {duplicates} recorded before, {refused} refused")?;
        }
        Ok(())
    }
}

impl Totals {
    fn add(&mut self, other: Totals) {
        self.records += other.records;
        self.recorded += other.recorded;
        self.duplicates += other.duplicates;
        self.refused += other.refused;
        self.refusals.extend(other.refusals);
        self.remarks.extend(other.remarks);
        self.error = self.error.take().or(other.error);
    }
}

fn read(answer: &hyper::Response<Bytes>) -> anyhow::Result<Totals> {
    let status = answer.status();
    if status != StatusCode::OK && status != StatusCode::BAD_REQUEST {
        bail!("{status}: {}", String::from_utf8_lossy(answer.body()));
    }
    serde_json::from_slice(answer.body()).with_context(|| {
        format!("{status}: not an answer of Cairn: {}", String::from_utf8_lossy(answer.body()))
    })
}

fn retry_after(answer: &hyper::Response<Bytes>) -> Duration {
    let seconds = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(2).min(60))
}

fn body(first: Bytes, input: impl AsyncRead + Send + Sync + Unpin + 'static, progress: Progress) -> Body {
    let chunks = stream::unfold((Some(first), input, progress), |(first, mut input, mut progress)| async {
        let chunk = match first {
            Some(first) => Ok(first),
            None => {
                let mut chunk = vec![0; CHUNK_BYTES];
                input.read(&mut chunk).await.map(|length| {
                    chunk.truncate(length);
                    Bytes::from(chunk)
                })
            }
        };
        match chunk {
            Ok(chunk) if chunk.is_empty() => None,
            Ok(chunk) => {
                progress.sent(chunk.len());
                Some((Ok(Frame::data(chunk)), (None, input, progress)))
            }
            Err(error) => Some((Err(error), (None, input, progress))),
        }
    });
    StreamBody::new(chunks).boxed()
}

/// A line on the terminal that says how far a long file is.
struct Progress {
    sent: u64,
    size: Option<u64>,
    shown: u64,
    is_on: bool,
}

impl Progress {
    const STEP_BYTES: u64 = 8 << 20;

    fn new(size: Option<u64>, is_quiet: bool) -> Progress {
        Progress { sent: 0, size, shown: 0, is_on: !is_quiet && std::io::stderr().is_terminal() }
    }

    fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        if self.is_on && self.sent - self.shown >= Self::STEP_BYTES {
            self.shown = self.sent;
            let of = self.size.map_or(String::new(), |size| format!(" of {} MiB", size >> 20));
            let _ = write!(std::io::stderr(), "\r{} MiB{of} sent", self.sent >> 20);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown > 0 {
            let _ = writeln!(std::io::stderr());
        }
    }
}
