//! Bulk intake: CloudTrail records by the stream, in bounded memory.
//!
//! `POST /v1/events` takes one record a line (NDJSON), `{"Records":[…]}` or a JSON array, as they
//! are or as gzip, with or without `Content-Encoding: gzip`. Records are recorded while the body
//! still comes in; the answer is sent when all of them are durable:
//!
//! ```text
//! {"records":3,"recorded":1,"duplicates":1,"refused":1,
//!  "refusals":[{"record":2,"error":"…"}],"remarks":[{"record":0,"remark":"…"}]}
//! ```
//!
//! `record` counts from 0. A refused record spoils no other. `remarks` name odd members of records
//! that were kept, and members that were cut from records over 256 KB. At most [`LISTED_MAX`] of each
//! are listed. Status: 200; 400 when nothing in the body was a record, or it broke off; 503, with
//! `Retry-After`, when the journal refuses. After any error the body may be sent again: what is
//! recorded is recognised, as long as the body holds fewer events than half of the window
//! (`journal.dedup_window`). More are better sent in parts, as `cairn put` does.
//!
//! A signature is scoped to `cloudtrail-data`, or `cloudtrail`. Nothing of a body is used before it is
//! proven: one whose hash is signed is read whole first, and may have [`SIGNED_BYTES_MAX`]; one of any
//! length comes in signed chunks (`STREAMING-AWS4-HMAC-SHA256-PAYLOAD`), each of which is proven by
//! itself, or unsigned (`UNSIGNED-PAYLOAD`), if its sender trusts the way that it takes.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use model::{Event, Sender};
use producer::{Outcome, Refusal};
use serde::{Deserialize, Serialize};
use sigv4::CHUNK_BYTES_MAX;

use super::auth::{Proven, Scope};
use super::input::{Broken, Input};
use super::room::{CALL_BYTES, Held, NoRoom};
use super::splitter::{Piece, RECORD_BYTES_MAX, Splitter};
use super::whole::{self, Measure, NotTaken};
use super::{RETRY_AFTER, Site, aws_error, no_room, not_proven, refuse, told};

/// Refusals and remarks that an answer lists.
pub const LISTED_MAX: usize = 100;
/// Events that go to the journal together.
const GROUP_EVENTS_MAX: usize = 1_000;
const GROUP_BYTES_MAX: usize = 1 << 20;
/// What a decoder of gzip holds: its state, and its text of one step.
const GZIP_BYTES: usize = 96 << 10;
/// No text begins so: gzip is known without its header too.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Text is split in steps of this size: a record takes two bytes of it at least.
const TEXT_BYTES: usize = 32 << 10;
/// What a body holds on its way to its records: what was read of it at once, and a step of text.
const BODY_BYTES: usize = 128 << 10;
/// What a step of text and its records hold until they are a group's, if the records are not large.
const STEP_BYTES: usize = 64 << 10;
/// What an event holds besides its record.
const EVENT_BYTES: usize = 256;
/// The largest body whose hash is signed.
pub const SIGNED_BYTES_MAX: usize = 4 << 20;
/// What a body in signed chunks holds besides: a chunk on its way, and what is proven of it.
const CHUNKED_BYTES: usize = 2 * CHUNK_BYTES_MAX;
const SCOPE: Scope = Scope { services: &["cloudtrail-data", "cloudtrail"], takes_streams: true };
const MEASURE: Measure = Measure { bytes_max: SIGNED_BYTES_MAX, factor: 1 };
/// How long a group waits for its turn, and a body for memory.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// The answer: what became of the records of a body. `cairn put` reads it, and sums up several.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Answer {
    /// Records seen, refused ones included.
    pub records: u64,
    /// Of these, new and durable.
    pub recorded: u64,
    /// Of these, durable before.
    pub duplicates: u64,
    /// Of these, refused.
    pub refused: u64,
    /// The first refused records.
    pub refusals: Vec<Refused>,
    /// What was odd about the first records that were kept though odd.
    pub remarks: Vec<Remark>,
    /// Why the rest of the body was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A record that was refused.
#[derive(Debug, Deserialize, Serialize)]
pub struct Refused {
    /// Its place, from 0.
    pub record: u64,
    /// Why.
    pub error: String,
}

/// A record that was kept though odd.
#[derive(Debug, Deserialize, Serialize)]
pub struct Remark {
    /// Its place, from 0.
    pub record: u64,
    /// What is odd, and what was done about it.
    pub remark: String,
}

/// Why the rest of a body is not read.
enum Stop {
    /// The body's fault.
    Body(String),
    /// The journal's.
    Journal(Refusal),
    /// Nobody's: there is no memory for it now.
    NoRoom(NoRoom),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Journal(refusal)
    }
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Stop {
        Stop::Body(broken.0)
    }
}

impl From<NoRoom> for Stop {
    fn from(no_room: NoRoom) -> Stop {
        Stop::NoRoom(no_room)
    }
}

/// Takes a body.
pub async fn handle(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    let Some(is_gzip) = is_gzip(&head) else {
        let message = "Content-Encoding must be gzip or identity";
        let refusal =
            aws_error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message);
        return refuse(&site, body, refusal).await;
    };
    let claim = match site.auth.claim(&head, SCOPE, site.parts.now().wall) {
        Ok(claim) => claim,
        Err(error) => return refuse(&site, body, not_proven(&site, &error)).await,
    };
    // Held besides while it is read whole.
    let mut whole_held = None;
    let (Proven { caller, chunks }, whole_bytes) = if claim.is_about_the_whole_body() {
        match whole::read(&site, claim, &mut body, MEASURE).await {
            Ok(whole) => {
                let bytes = whole.body.len();
                body = Body::from(whole.body);
                whole_held = Some(whole.held);
                (whole.proven, bytes)
            }
            Err(error) => return refuse(&site, body, refusal(&site, &error)).await,
        }
    } else {
        match claim.prove(&[0; 32], site.parts.now().wall) {
            Ok(proven) => (proven, 0),
            Err(error) => return refuse(&site, body, not_proven(&site, &error)).await,
        }
    };
    if let Err(denied) = site.permit(&caller, &head, None, None) {
        let denied = aws_error(StatusCode::FORBIDDEN, denied.code, &denied.message);
        return refuse(&site, body, denied).await;
    }
    let announced = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
    let body_bytes = announced.map_or(BODY_BYTES, |bytes| bytes.saturating_mul(2).min(BODY_BYTES));
    // What it holds until its first bytes tell text from gzip, which is known without its header too.
    let chunk_bytes = if chunks.is_some() { CHUNKED_BYTES } else { 0 };
    let floor = CALL_BYTES
        + body_bytes
        + GZIP_BYTES
        + STEP_BYTES.min(body_bytes)
        + whole_bytes
        + chunk_bytes;
    let sender = Sender { account: caller.account, region: caller.region };
    let held = match whole_held {
        Some(mut held) => held.hold(floor, WAIT_MAX).await.map(|()| held),
        None => site.room.enter(&sender.account, floor, WAIT_MAX).await,
    };
    let held = match held {
        Ok(held) => held,
        Err(full) => return refuse(&site, body, no_room(&site, full)).await,
    };
    let mut bulk = Bulk {
        sender,
        site: &site,
        held,
        floor,
        step: STEP_BYTES.min(body_bytes),
        besides: 0,
        group: Vec::new(),
        group_bytes: 0,
        answer: Answer::default(),
    };
    let mut input = Input::new(body, chunks);
    let mut stopped = bulk.take(&mut input, is_gzip).await;
    // What came whole before the body broke off counts.
    if let Err(Stop::Body(_)) = stopped
        && let Err(refusal) = bulk.record().await
    {
        stopped = Err(refusal.into());
    }
    let answer = bulk.end();
    if let Err(Stop::NoRoom(_)) = stopped {
        site.metrics.refused_call("memory");
    }
    let is_stopped = stopped.is_err();
    let response = respond(answer, stopped);
    if is_stopped { refuse(&site, input.into_rest(), response).await } else { response }
}

/// Whether a body is said to be gzip; `None` when it is said to be something else.
fn is_gzip(head: &Parts) -> Option<bool> {
    let encoding = head.headers.get(header::CONTENT_ENCODING);
    let encoding = encoding.map_or("identity", |value| value.to_str().unwrap_or("?"));
    let encoding = encoding.to_ascii_lowercase();
    // Whether it comes in chunks says its signature.
    let encoding = encoding.strip_prefix("aws-chunked").unwrap_or(&encoding);
    match encoding.trim_start_matches([',', ' ']) {
        "gzip" | "x-gzip" => Some(true),
        "identity" | "" => Some(false),
        _ => None,
    }
}

fn refusal(site: &Site, error: &NotTaken) -> Response {
    match error {
        NotTaken::NoRoom(full) => no_room(site, *full),
        NotTaken::Signature(error) => not_proven(site, error),
        NotTaken::TooLarge(_) => {
            let message = format!(
                "{error} of one whose hash is signed: send it in parts, in signed chunks \
                 (x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD), or unsigned \
                 (x-amz-content-sha256: UNSIGNED-PAYLOAD)"
            );
            aws_error(StatusCode::PAYLOAD_TOO_LARGE, "ValidationException", &message)
        }
        NotTaken::BrokeOff(_) => {
            aws_error(StatusCode::BAD_REQUEST, "ValidationException", &error.to_string())
        }
    }
}

fn respond(mut answer: Answer, stopped: Result<(), Stop>) -> Response {
    let status = match stopped {
        Ok(()) if answer.records > 0 && answer.refused == answer.records => StatusCode::BAD_REQUEST,
        Ok(()) => StatusCode::OK,
        Err(Stop::Body(error)) => {
            answer.error = Some(error);
            StatusCode::BAD_REQUEST
        }
        Err(Stop::Journal(refusal)) => {
            answer.error = Some(told(&refusal));
            StatusCode::SERVICE_UNAVAILABLE
        }
        Err(Stop::NoRoom(no_room)) => {
            answer.error = Some(no_room.to_string());
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    let mut response = (status, axum::Json(answer)).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

/// One body on its way into the journal.
struct Bulk<'a> {
    site: &'a Site,
    sender: Sender,
    held: Held,
    /// What it holds while no group is begun: enough to go on, if no record is large.
    floor: usize,
    /// Of this, what a step of text may hold.
    step: usize,
    /// What the last step of text holds besides the group: records that are still to come whole,
    /// and those that were not looked at.
    besides: usize,
    group: Vec<Event>,
    /// What the group holds: the text of its records, refused ones between them included.
    group_bytes: usize,
    answer: Answer,
}

impl Bulk<'_> {
    async fn take(&mut self, input: &mut Input, is_gzip: bool) -> Result<(), Stop> {
        let mut splitter = Splitter::default();
        let mut gzip = is_gzip.then(|| MultiGzDecoder::new(Vec::new()));
        let mut begun = Some(input.beginning(GZIP_MAGIC.len()).await?);
        if gzip.is_none() && begun.as_ref().is_some_and(|data| data.starts_with(&GZIP_MAGIC)) {
            gzip = Some(MultiGzDecoder::new(Vec::new()));
        }
        if gzip.is_none() {
            self.floor -= GZIP_BYTES;
            self.held.keep(self.floor);
        }
        while let Some(data) = match begun.take() {
            Some(begun) => Some(begun),
            None => input.next().await?,
        } {
            let Some(gzip) = &mut gzip else {
                self.take_text(&data, &mut splitter).await?;
                continue;
            };
            let mut packed = &data[..];
            while !packed.is_empty() {
                // Stops at 32 KiB of text, however little input that takes.
                let taken = gzip.write(packed).map_err(bad_gzip)?;
                if taken == 0 {
                    return Err(bad_gzip(std::io::ErrorKind::WriteZero.into()));
                }
                packed = &packed[taken..];
                let text = std::mem::take(gzip.get_mut());
                self.take_text(&text, &mut splitter).await?;
            }
        }
        if let Some(gzip) = gzip {
            let text = gzip.finish().map_err(bad_gzip)?;
            self.take_text(&text, &mut splitter).await?;
        }
        let mut pieces = Vec::new();
        let finished = splitter.finish(&mut pieces);
        self.take_pieces(pieces).await?;
        self.record().await?;
        finished.map_err(|broken| Stop::Body(broken.to_string()))
    }

    async fn take_text(&mut self, text: &[u8], splitter: &mut Splitter) -> Result<(), Stop> {
        for text in text.chunks(TEXT_BYTES) {
            let mut pieces = Vec::new();
            let broken = splitter.push(text, &mut pieces);
            // Its records share one copy of the text, but the first, which may have begun before.
            let text_bytes = text.len() + pieces.first().map_or(0, bytes_of);
            let pieces_bytes = pieces.capacity() * size_of::<Piece>();
            self.make_room(splitter.held() + pieces_bytes + text_bytes).await?;
            self.group_bytes += text_bytes;
            self.take_pieces(pieces).await?;
            self.besides = splitter.held();
            if self.held.has_reserve() {
                // Others wait for it: it is kept for a record that is not whole, and for no group.
                self.record().await?;
            }
            broken.map_err(|broken| Stop::Body(broken.to_string()))?;
        }
        Ok(())
    }

    /// Holds what is needed besides the group; without memory for both the group goes first.
    async fn make_room(&mut self, besides: usize) -> Result<(), Stop> {
        self.besides = besides;
        if self.held.try_hold(self.needed() + self.group_bytes) {
            return Ok(());
        }
        self.record().await?;
        Ok(self.held.hold(self.needed(), WAIT_MAX).await?)
    }

    /// What it holds while no group is begun.
    fn needed(&self) -> usize {
        self.floor + self.besides.saturating_sub(self.step)
    }

    async fn take_pieces(&mut self, pieces: Vec<Piece>) -> Result<(), Stop> {
        for piece in pieces {
            self.take_piece(piece);
            if self.group.len() >= GROUP_EVENTS_MAX || self.group_bytes >= GROUP_BYTES_MAX {
                self.record().await?;
            }
        }
        Ok(())
    }

    fn take_piece(&mut self, piece: Piece) {
        let record = self.answer.records;
        self.answer.records += 1;
        match piece {
            Piece::TooLong => {
                self.refuse(record, format!("record: longer than {RECORD_BYTES_MAX} bytes"));
            }
            Piece::Record(bytes) => self.take_record(record, bytes),
        }
    }

    fn take_record(&mut self, record: u64, bytes: Bytes) {
        let accepted = match Event::from_record(bytes, &self.sender) {
            Ok(accepted) => accepted,
            Err(error) => return self.refuse(record, error.to_string()),
        };
        let account = &accepted.event.account;
        if let Err(why) = self.site.files(&self.sender.account, account) {
            return self.refuse(record, why);
        }
        self.site.metrics.accepted(&accepted);
        for oddity in &accepted.oddities {
            let kept = match oddity.member {
                "eventTime" => "the record is kept as it is",
                "awsRegion" => "the record is filed under its sender's Region",
                _ => "the record is filed under its sender's account",
            };
            self.remark(record, format!("{oddity}; {kept}"));
        }
        for member in &accepted.cut {
            self.remark(record, format!("{member}: cut, because the record is larger than 256 KB"));
        }
        self.group_bytes += EVENT_BYTES;
        self.group.push(accepted.event);
    }

    /// Makes the group durable; the next one begins.
    async fn record(&mut self) -> Result<(), Refusal> {
        let group = std::mem::take(&mut self.group);
        self.group_bytes = 0;
        let outcomes = self.site.record(&self.sender.account, group, WAIT_MAX).await?;
        self.held.keep(self.needed());
        for outcome in outcomes {
            match outcome {
                Outcome::Recorded => self.answer.recorded += 1,
                Outcome::Again => self.answer.duplicates += 1,
            }
        }
        Ok(())
    }

    /// Gives its memory back.
    fn end(self) -> Answer {
        self.answer
    }

    fn refuse(&mut self, record: u64, error: String) {
        self.site.metrics.refused_event("InvalidData");
        self.answer.refused += 1;
        if self.answer.refusals.len() < LISTED_MAX {
            self.answer.refusals.push(Refused { record, error });
        }
    }

    fn remark(&mut self, record: u64, remark: String) {
        if self.answer.remarks.len() < LISTED_MAX {
            self.answer.remarks.push(Remark { record, remark });
        }
    }
}

fn bytes_of(piece: &Piece) -> usize {
    match piece {
        Piece::Record(bytes) => bytes.len(),
        Piece::TooLong => 0,
    }
}

#[allow(clippy::needless_pass_by_value)] // the shape that map_err wants
fn bad_gzip(error: std::io::Error) -> Stop {
    Stop::Body(format!("the body is not whole gzip: {error}"))
}
