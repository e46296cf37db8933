//! `cairn put`: sends CloudTrail records from files or stdin to a daemon's bulk intake.
//!
//! Files are split here and sent in parts that the daemon's window of known events covers many times
//! over: a part is sent again while the daemon is busy, and doubles nothing.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::cli::Verdict;
use crate::http::bulk::{Answer, Refused, Remark, SIGNED_BYTES_MAX};
use crate::http::splitter::{Piece, RECORD_BYTES_MAX, Splitter};
use crate::http_client;
use crate::json_out::for_stdout;
use crate::serve::wall_clock;
use crate::signing::{self, Signer};
use crate::unpack::{STEP_BYTES, Unpack};

const CHUNK_BYTES: usize = 64 << 10;
/// What is sent together, when another record is more than fits: a body that is signed as a whole.
const PART_BYTES_MAX: usize = SIGNED_BYTES_MAX - RECORD_BYTES_MAX - 16;
const PART_RECORDS_MAX: usize = 10_000;
/// How often a part is sent again when the daemon is busy.
const TRIES: u32 = 30;
/// Refusals that are shown of each file.
const SHOWN_MAX: usize = 100;

/// Flags of `cairn put`.
#[derive(Debug, Args)]
pub struct Put {
    /// Files with records; - is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The daemon
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:4580",
        env = "CAIRN_ENDPOINT"
    )]
    endpoint: String,
    /// Send as this account, without a signature: for a daemon with auth = "localstack"
    #[arg(long, value_name = "12 DIGITS")]
    account: Option<model::AccountId>,
    /// File records that name no Region under this one
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    region: model::Region,
    /// Print the totals as JSON
    #[arg(long)]
    json: bool,
}

impl Put {
    /// Sends all files.
    pub async fn run(self) -> anyhow::Result<Verdict> {
        let mut totals = Answer::default();
        let (region, account) = (Some(&self.region), self.account.as_ref());
        let signer = Signer::new("cairn-put", signing::EVENTS, region, account).await?;
        let sender = Sender { put: &self, signer };
        for file in &self.files {
            let name = file.display().to_string();
            let of_file = sender.send_file(file).await.with_context(|| name.clone())?;
            show_refusals(&name, &of_file);
            add(&mut totals, of_file);
        }
        self.show(&totals)?;
        let is_good = totals.refused == 0 && totals.error.is_none();
        Ok(if is_good { Verdict::Good } else { Verdict::Bad })
    }

    fn show(&self, totals: &Answer) -> anyhow::Result<()> {
        let mut out = std::io::stdout();
        if self.json {
            writeln!(out, "{}", for_stdout(&serde_json::to_string(totals)?))?;
        } else {
            let Answer { records, recorded, duplicates, refused, .. } = totals;
            writeln!(
                out,
                "{records} records: {recorded} recorded, {duplicates} recorded before, {refused} refused"
            )?;
        }
        Ok(())
    }
}

/// Sends files, signed if there is something to sign with.
struct Sender<'a> {
    put: &'a Put,
    signer: Signer,
}

impl Sender<'_> {
    async fn send_file(&self, file: &Path) -> anyhow::Result<Answer> {
        if file.as_os_str() == "-" {
            return self.send_all(tokio::io::stdin(), None).await;
        }
        let opened = tokio::fs::File::open(file).await?;
        let size = opened.metadata().await?.len();
        self.send_all(opened, Some(size)).await
    }

    async fn send_all(
        &self,
        mut input: impl AsyncRead + Unpin,
        size: Option<u64>,
    ) -> anyhow::Result<Answer> {
        let mut upload = Upload::new(self);
        let mut unpack = Unpack::Unknown;
        let mut progress = Progress::new(size, self.put.json);
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let length = fill(&mut input, &mut chunk).await?;
            if length == 0 {
                break;
            }
            unpack.begin(&chunk[..length]);
            for packed in chunk[..length].chunks(STEP_BYTES) {
                let is_whole = match unpack.text(packed) {
                    Ok(text) => upload.take(&text).await?,
                    Err(error) => upload.break_off(format!("{error:#}")).await?,
                };
                if !is_whole {
                    return Ok(upload.totals);
                }
            }
            progress.read(length);
        }
        let is_whole = match unpack.finish() {
            Ok(text) => upload.take(&text).await?,
            Err(error) => upload.break_off(format!("{error:#}")).await?,
        };
        if is_whole { upload.finish().await } else { Ok(upload.totals) }
    }

    /// Sends a part, again while the daemon is busy.
    async fn send_part(&self, body: &Bytes) -> anyhow::Result<Answer> {
        for _ in 0..TRIES {
            let answer = http_client::send(self.request(body.clone()).await?).await?;
            if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
                return self.read(&answer).await;
            }
            let told: Answer = serde_json::from_slice(answer.body()).unwrap_or_default();
            let reason = told.error.unwrap_or_else(|| "the daemon is busy".into());
            let _ = writeln!(std::io::stderr(), "cairn put: {reason}; trying again");
            tokio::time::sleep(http_client::retry_after(answer.headers())).await;
        }
        bail!("the daemon stayed busy; send the rest again later")
    }

    async fn request(&self, body: Bytes) -> anyhow::Result<Request<http_client::Body>> {
        let endpoint = &self.put.endpoint;
        let uri = format!("{}/v1/events", endpoint.trim_end_matches('/'));
        let request = Request::post(uri).body(body);
        let request = request.with_context(|| format!("--endpoint {endpoint:?} is not a URL"))?;
        let request = self.signer.sign(request, wall_clock()).await?;
        Ok(request.map(|body| Full::new(body).map_err(|never| match never {}).boxed()))
    }

    /// What a part was answered.
    async fn read(&self, answer: &Response<Bytes>) -> anyhow::Result<Answer> {
        let status = answer.status();
        let text = || String::from_utf8_lossy(answer.body());
        if status == StatusCode::FORBIDDEN {
            let told: http_client::Told = serde_json::from_slice(answer.body()).unwrap_or_default();
            let advice = self.signer.advice().await;
            bail!("{}: {} ({advice})", told.kind, told.message);
        }
        if status != StatusCode::OK && status != StatusCode::BAD_REQUEST {
            bail!("{status}: {}", text());
        }
        serde_json::from_slice(answer.body())
            .with_context(|| format!("{status}: not an answer of Cairn: {}", text()))
    }
}

/// One file on its way, part by part.
struct Upload<'a> {
    sender: &'a Sender<'a>,
    splitter: Splitter,
    pieces: Vec<Piece>,
    part: Vec<u8>,
    /// Which records of the file the part holds.
    numbers: Vec<u64>,
    totals: Answer,
}

impl Upload<'_> {
    fn new<'a>(sender: &'a Sender<'a>) -> Upload<'a> {
        Upload {
            sender,
            splitter: Splitter::default(),
            pieces: Vec::new(),
            part: Vec::new(),
            numbers: Vec::new(),
            totals: Answer::default(),
        }
    }

    /// Takes more of the file's text; false when the rest cannot be read.
    async fn take(&mut self, text: &[u8]) -> anyhow::Result<bool> {
        let broken = self.splitter.push(text, &mut self.pieces).err();
        self.take_pieces().await?;
        match broken {
            Some(broken) => self.break_off(broken.to_string()).await,
            None => Ok(true),
        }
    }

    /// The rest of the file cannot be read; what came whole before is sent.
    async fn break_off(&mut self, error: String) -> anyhow::Result<bool> {
        self.flush().await?;
        self.totals.error = Some(error);
        Ok(false)
    }

    async fn finish(mut self) -> anyhow::Result<Answer> {
        let broken = std::mem::take(&mut self.splitter).finish(&mut self.pieces).err();
        self.take_pieces().await?;
        self.flush().await?;
        self.totals.error = broken.map(|broken| broken.to_string());
        Ok(self.totals)
    }

    async fn take_pieces(&mut self) -> anyhow::Result<()> {
        for piece in std::mem::take(&mut self.pieces) {
            let number = self.totals.records;
            self.totals.records += 1;
            match piece {
                Piece::TooLong => {
                    self.refuse(number, format!("record: longer than {RECORD_BYTES_MAX} bytes"));
                }
                Piece::Record(record) => self.push(number, &record),
            }
            if self.part.len() >= PART_BYTES_MAX || self.numbers.len() >= PART_RECORDS_MAX {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// One line for each record; one that spans lines stands in an array of its own.
    fn push(&mut self, number: u64, record: &[u8]) {
        let spans_lines = record.contains(&b'\n');
        let (before, behind): (&[u8], &[u8]) =
            if spans_lines { (b"[", b"]\n") } else { (b"", b"\n") };
        self.part.extend_from_slice(before);
        self.part.extend_from_slice(record);
        self.part.extend_from_slice(behind);
        self.numbers.push(number);
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        if self.numbers.is_empty() {
            return Ok(());
        }
        let body = Bytes::from(std::mem::take(&mut self.part));
        let numbers = std::mem::take(&mut self.numbers);
        let answer = self.sender.send_part(&body).await?;
        let number = |record: u64| {
            usize::try_from(record).ok().and_then(|place| numbers.get(place)).copied()
        };
        self.totals.recorded += answer.recorded;
        self.totals.duplicates += answer.duplicates;
        let unlisted = answer.refused.saturating_sub(answer.refusals.len() as u64);
        for refused in answer.refusals {
            self.refuse(number(refused.record).unwrap_or(refused.record), refused.error);
        }
        self.totals.refused += unlisted;
        let remarks = answer.remarks.into_iter().map(|remark| Remark {
            record: number(remark.record).unwrap_or(remark.record),
            remark: remark.remark,
        });
        self.totals.remarks.extend(remarks);
        self.totals.remarks.truncate(SHOWN_MAX);
        answer.error.map_or(Ok(()), |error| Err(anyhow::anyhow!(error)))
    }

    fn refuse(&mut self, record: u64, error: String) {
        self.totals.refused += 1;
        if self.totals.refusals.len() < SHOWN_MAX {
            self.totals.refusals.push(Refused { record, error });
        }
    }
}

fn add(totals: &mut Answer, other: Answer) {
    totals.records += other.records;
    totals.recorded += other.recorded;
    totals.duplicates += other.duplicates;
    totals.refused += other.refused;
    totals.refusals.extend(other.refusals);
    totals.remarks.extend(other.remarks);
    totals.error = totals.error.take().or(other.error);
}

/// Reads until the buffer is full or the input ends.
async fn fill(input: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match input.read(&mut buffer[length..]).await? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

fn show_refusals(name: &str, totals: &Answer) {
    let mut out = std::io::stderr();
    for Refused { record, error } in &totals.refusals {
        let _ = writeln!(out, "{name}: record {}, counted from 1: {error}", record + 1);
    }
    let listed = totals.refusals.len() as u64;
    if totals.refused > listed {
        let _ = writeln!(out, "{name}: and {} more refused records", totals.refused - listed);
    }
    if let Some(error) = &totals.error {
        let _ = writeln!(out, "{name}: {error}; what came before was sent");
    }
}

/// A line on the terminal that says how far a long file is.
struct Progress {
    read: u64,
    size: Option<u64>,
    shown: u64,
    is_on: bool,
}

impl Progress {
    const STEP_BYTES: u64 = 8 << 20;

    fn new(size: Option<u64>, is_quiet: bool) -> Progress {
        Progress { read: 0, size, shown: 0, is_on: !is_quiet && std::io::stderr().is_terminal() }
    }

    fn read(&mut self, bytes: usize) {
        self.read += bytes as u64;
        if self.is_on && self.read - self.shown >= Self::STEP_BYTES {
            self.shown = self.read;
            let of = self.size.map_or(String::new(), |size| format!(" of {} MiB", size >> 20));
            let _ = write!(std::io::stderr(), "\r{} MiB{of} read", self.read >> 20);
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
