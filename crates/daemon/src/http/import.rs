//! Import: log files that were delivered before, or elsewhere, into the history.
//!
//! `POST /v1/history/import` takes one JSON object for each log file, or part of one, gzip or not:
//!
//! ```text
//! {"account":"111122223333","region":"eu-west-1","delivered":"2026-03-09T14:05:00Z","records":[…]}
//! ```
//!
//! Account, Region and time are those of the log file's name. A record is filed under the account and
//! Region that it says, as all records are; one that says none, under its log file's. `from` and `until`
//! may say between which moments `eventTime` must be; other records are left out. Rows that are in the
//! history are left out too, so a body may be sent again. The answer is sent when all is durable:
//!
//! ```text
//! {"records":5,"added":2,"duplicates":1,"expired":0,"notKept":0,"outside":0,"odd":0,"refused":2,
//!  "refusals":[{"part":0,"record":3,"error":"…"}],"keptFrom":"2025-12-09T14:05:00Z"}
//! ```
//!
//! `part` and `record` count from 0; `keptFrom` is the oldest `eventTime` that is kept now. At most
//! [`LISTED_MAX`] refusals are listed. A body without any object imports nothing, and tells that.
//!
//! Who imports needs `cloudtrail:StartImport`. It may bring in the records of its own account; of
//! others only those for which it may send, as the management account of an organization. Each body
//! with records is an event `StartImport` of the caller's account, which tells the counts above.
//! Like other changes it is recorded when it is known what will become of it, and before any of it
//! is done. When the disk refuses it then, a second `StartImport` of the same request says so by
//! its `errorCode`: nothing may have become of what the first one tells.
//!
//! Status: 200; 400 when the body is not such objects; 403; 503 with `Retry-After` when the history or
//! the journal can't take it now. One body is taken at a time, unpacked and whole: nothing of it is
//! imported unless all of it could be read.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ::history::{Arrival, HistoryError, Imported};
use api::record::Told;
use api::{Caller, Exception, authorize};
use axum::extract::{Extension, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use model::{AccountId, Event, Region, Sender, Timestamp};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

use super::auth::Scope;
use super::permits::{source_ip, text};
use super::whole::{self, Measure, NotTaken, Whole};
use super::{RequestId, Site, aws_error, no_room, not_proven, refuse, unavailable};

/// The largest body, as it is sent.
pub const BODY_BYTES_MAX: usize = 4 << 20;
/// The same, unpacked.
pub const TEXT_BYTES_MAX: usize = 16 << 20;
/// Records of a body.
pub const RECORDS_MAX: usize = 50_000;
/// Log files of a body, or parts of them.
pub const PARTS_MAX: usize = 10_000;
/// Different `source`s of a body: its event tells them all.
const SOURCES_MAX: usize = 16;
const SOURCE_BYTES_MAX: usize = 4 << 10;
/// Refusals that an answer lists.
pub const LISTED_MAX: usize = 100;
/// Bodies that are unpacked at a time.
pub const IMPORTS_MAX: usize = 1;
/// How long a body waits for its turn.
const WAIT_MAX: Duration = Duration::from_secs(30);
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const SCOPE: Scope = Scope { services: &["cloudtrail", "cloudtrail-data"], takes_streams: false };
const MEASURE: Measure = Measure { bytes_max: BODY_BYTES_MAX, factor: 1 };
/// The action of IAM, without its service, and the name of the event.
const OPERATION: &str = "StartImport";
const REFUSED: &str = "the history takes nothing now; its operator's log says why";

/// A log file, or part of one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part<'a> {
    account: AccountId,
    region: Region,
    #[serde(deserialize_with = "moment")]
    delivered: Timestamp,
    #[serde(default, deserialize_with = "maybe_moment")]
    from: Option<Timestamp>,
    #[serde(default, deserialize_with = "maybe_moment")]
    until: Option<Timestamp>,
    /// Whose, as the sender names it: for the event that is recorded.
    #[serde(default)]
    source: Option<String>,
    #[serde(borrow, deserialize_with = "records")]
    records: Vec<&'a RawValue>,
}

/// Not more than a body may have: the list alone would take more memory than the body.
fn records<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<&'de RawValue>, D::Error> {
    struct Records;
    impl<'de> Visitor<'de> for Records {
        type Value = Vec<&'de RawValue>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a list of records")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut records = Vec::new();
            while let Some(record) = list.next_element()? {
                if records.len() == RECORDS_MAX {
                    let message = format!("more than {RECORDS_MAX} records; send them in parts");
                    return Err(A::Error::custom(message));
                }
                records.push(record);
            }
            Ok(records)
        }
    }
    list.deserialize_seq(Records)
}

fn moment<'de, D: Deserializer<'de>>(text: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(text)?;
    Timestamp::parse(&text)
        .ok_or_else(|| serde::de::Error::custom("expected a moment such as 2026-03-09T14:05:00Z"))
}

fn maybe_moment<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Timestamp>, D::Error> {
    moment(text).map(Some)
}

/// The answer: what became of the records of a body. `cairn import` reads it, and sums up many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Answer {
    /// Records seen; each is counted below once.
    pub records: u64,
    /// New and durable.
    pub added: u64,
    /// In the history before, or twice in the body.
    pub duplicates: u64,
    /// Older than what is kept.
    pub expired: u64,
    /// Of categories that are not kept.
    pub not_kept: u64,
    /// Outside of the times that were asked for.
    pub outside: u64,
    /// Not taken, as they are no records, or of accounts that the caller may not import.
    pub refused: u64,
    /// Of all, those with odd members, which are filed under their log file's account, Region or time.
    pub odd: u64,
    /// The first refused records.
    pub refusals: Vec<Refused>,
    /// The oldest `eventTime` that is kept now; `None` where anything may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_from: Option<String>,
}

/// A record that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Refused {
    /// Which log file of the body, from 0.
    pub part: usize,
    /// Its place there, from 0.
    pub record: usize,
    /// Why.
    pub error: String,
}

/// A body that was read.
#[derive(Default)]
struct Body {
    arrivals: Vec<Arrival>,
    parts: usize,
    sources: BTreeSet<String>,
    answer: Answer,
}

/// Why a body is not imported.
#[derive(Debug)]
enum Stop {
    /// It is not what it should be.
    Malformed(String),
    /// It may not be.
    Denied(Exception),
}

/// Why what was read is not imported.
enum Undone {
    /// The history takes it not.
    Refused(HistoryError),
    /// It could not be recorded, and is answered so.
    Unrecorded(Box<Response>),
}

impl From<HistoryError> for Undone {
    fn from(error: HistoryError) -> Undone {
        Undone::Refused(error)
    }
}

/// Takes a body.
pub async fn handle(
    State(site): State<Arc<Site>>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    request: Request,
) -> Response {
    let (head, mut body) = request.into_parts();
    let encoding = head.headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !["identity", "gzip"].iter().any(|one| encoding == one)) {
        let message = "Content-Encoding must be gzip or identity";
        let refusal =
            aws_error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message);
        return refuse(&site, body, refusal).await;
    }
    let claim = match site.auth.claim(&head, SCOPE, site.parts.now().wall) {
        Ok(claim) => claim,
        Err(error) => return refuse(&site, body, not_proven(&site, &error)).await,
    };
    let Whole { proven, body, held } = match whole::read(&site, claim, &mut body, MEASURE).await {
        Ok(whole) => whole,
        Err(error) => return refuse(&site, body, refusal(&site, &error)).await,
    };
    let call = Call {
        caller: proven.caller,
        source_ip: source_ip(&head),
        user_agent: text(&head, header::USER_AGENT.as_str()).map(str::to_owned),
        request_id,
        site,
    };
    let answer = call.import(body.into()).await;
    drop(held);
    answer
}

fn refusal(site: &Site, error: &NotTaken) -> Response {
    match error {
        NotTaken::NoRoom(full) => no_room(site, *full),
        NotTaken::Signature(error) => not_proven(site, error),
        NotTaken::TooLarge(_) => {
            let message = format!("{error}; send fewer log files at a time, or parts of one");
            aws_error(StatusCode::PAYLOAD_TOO_LARGE, "ValidationException", &message)
        }
        NotTaken::BrokeOff(_) => {
            aws_error(StatusCode::BAD_REQUEST, "ValidationException", &error.to_string())
        }
    }
}

/// One call, whose caller is known.
struct Call {
    site: Arc<Site>,
    caller: Caller,
    source_ip: String,
    user_agent: Option<String>,
    request_id: String,
}

impl Call {
    async fn import(self, body: Bytes) -> Response {
        let permitted = self.site.serves(&self.caller.account);
        let permitted = permitted
            .map_err(|message| Exception::new("AccessDeniedException", message))
            .and_then(|()| self.permit());
        if let Err(denied) = permitted {
            return self.deny(denied).await;
        }
        let turn = Arc::clone(&self.site.imports).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(WAIT_MAX, turn).await else {
            return busy("other imports are under way; import the rest in a moment");
        };
        // What can't be recorded is not imported: its work would be in vain.
        if let Err(refusal) = self.site.may_record() {
            return unavailable(&refusal);
        }
        let sha256: [u8; 32] = Sha256::digest(&body).into();
        let (site, importer) = (Arc::clone(&self.site), self.caller.account.clone());
        let read = tokio::task::spawn_blocking(move || {
            let text = unpack(body).map_err(Stop::Malformed);
            let may_file = |account: &AccountId| site.files(&importer, account);
            // The turn is over when the work is, also of a caller that has gone away.
            (text.and_then(|text| Body::read(&text, &may_file)), turn)
        });
        let (read, turn) = match read.await {
            Ok((Ok(read), turn)) => (read, turn),
            Ok((Err(Stop::Malformed(message)), _)) => {
                return aws_error(StatusCode::BAD_REQUEST, "ValidationException", &message);
            }
            Ok((Err(Stop::Denied(denied)), _)) => return self.deny(denied).await,
            Err(_) => return failed(),
        };
        if read.answer.records == 0 {
            let mut answer = read.answer;
            answer.kept_from = self.site.history.kept_from().map(Timestamp::to_iso_seconds);
            return axum::Json(answer).into_response();
        }
        if let Err(not_now) = self.site.history.may_import() {
            return busy(&not_now.to_string());
        }
        // Goes on to its end though the caller goes away.
        match tokio::task::spawn_blocking(move || self.add(read, &sha256, turn)).await {
            Ok(answer) => answer,
            Err(_) => failed(),
        }
    }

    /// Records what will become of a body, and brings it in; waits for the journal and for the disk.
    fn add(&self, read: Body, sha256: &[u8; 32], turn: OwnedSemaphorePermit) -> Response {
        let history = &self.site.history;
        let parameters = parameters(&read, sha256);
        let Body { arrivals, mut answer, .. } = read;
        let mut is_told = false;
        let imported = history.import_once_told(arrivals, |imported| {
            let result = Ok(elements(&answer.clone().with(*imported)));
            let recorded = Handle::current().block_on(self.record(&result, Some(&parameters)));
            is_told = recorded.is_ok();
            recorded.map_err(|answer| Undone::Unrecorded(Box::new(answer)))
        });
        drop(turn);
        match imported {
            Ok(imported) => {
                answer = answer.with(imported);
                answer.kept_from = history.kept_from().map(Timestamp::to_iso_seconds);
                axum::Json(answer).into_response()
            }
            Err(Undone::Unrecorded(unrecorded)) => *unrecorded,
            Err(Undone::Refused(not_now @ (HistoryError::Crowded | HistoryError::Behind))) => {
                busy(&not_now.to_string())
            }
            Err(Undone::Refused(error)) => {
                tracing::error!(%error, "the history takes no import");
                if is_told {
                    Handle::current().block_on(self.take_back(&parameters));
                }
                busy(REFUSED)
            }
        }
    }

    /// Records that nothing may have become of what was recorded.
    async fn take_back(&self, parameters: &Value) {
        let result = Err(Exception::unavailable(REFUSED));
        // It is answered all the same.
        if self.record(&result, Some(parameters)).await.is_err() {
            self.site.metrics.refused_call("unrecorded");
        }
    }

    fn permit(&self) -> Result<(), Exception> {
        let now = self.site.parts.now().wall;
        let user_agent = self.user_agent.as_deref();
        let context = authorize::context(&self.caller, now, &self.source_ip, user_agent);
        authorize::check(&accounts::Call {
            principal: &self.caller.principal,
            action: &format!("cloudtrail:{OPERATION}"),
            resource: "*",
            resource_account: &self.caller.account,
            resource_policy: None,
            context: &context,
        })
    }

    async fn deny(&self, denied: Exception) -> Response {
        let answer = aws_error(StatusCode::FORBIDDEN, denied.code, &denied.message);
        // It is answered all the same.
        if self.record(&Err(denied), None).await.is_err() {
            self.site.metrics.refused_call("unrecorded");
        }
        answer
    }

    /// Records the call.
    async fn record(
        &self,
        result: &Result<Value, Exception>,
        parameters: Option<&Value>,
    ) -> Result<(), Response> {
        let request = api::Request {
            is_target_signed: true,
            target: OPERATION.into(),
            body: Bytes::new(),
            request_id: self.request_id.clone(),
            source_ip: self.source_ip.clone(),
            user_agent: self.user_agent.clone(),
            host: None,
        };
        let parts = &self.site.parts;
        let told = Told {
            caller: &self.caller,
            request: &request,
            operation: OPERATION,
            parameters,
            times: &[],
            result,
            event_id: parts.draw(),
            now: parts.now().wall,
        };
        let Caller { account, region, .. } = &self.caller;
        let sender = Sender { account: account.clone(), region: region.clone() };
        let accepted = Event::from_record(told.record(), &sender).map_err(|_| failed())?;
        let recorded = self.site.record(account, vec![accepted.event], WAIT_MAX).await;
        recorded.map(drop).map_err(|refusal| unavailable(&refusal))
    }
}

/// `requestParameters` of the event.
fn parameters(body: &Body, sha256: &[u8; 32]) -> Value {
    let sha256: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "importSource": body.sources,
        "logFiles": body.parts,
        "records": body.answer.records,
        "bodySha256": sha256,
    })
}

/// `responseElements` of the event.
fn elements(answer: &Answer) -> Value {
    let Answer { added, duplicates, expired, not_kept, outside, refused, odd, .. } = answer;
    json!({
        "added": added,
        "duplicates": duplicates,
        "expired": expired,
        "notKept": not_kept,
        "outside": outside,
        "refused": refused,
        "odd": odd,
    })
}

impl Answer {
    fn with(self, imported: Imported) -> Answer {
        let Imported { added, duplicates, expired, not_kept } = imported;
        Answer { added, duplicates, expired, not_kept, ..self }
    }
}

fn busy(message: &str) -> Response {
    aws_error(StatusCode::SERVICE_UNAVAILABLE, "ThrottlingException", message)
}

fn failed() -> Response {
    let message = "the import failed; the daemon's log says why";
    aws_error(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", message)
}

fn unpack(body: Bytes) -> Result<Bytes, String> {
    if !body.starts_with(&GZIP_MAGIC) {
        return Ok(body);
    }
    let mut text = Vec::new();
    let mut gzip = MultiGzDecoder::new(&body[..]).take(TEXT_BYTES_MAX as u64 + 1);
    gzip.read_to_end(&mut text).map_err(|error| format!("the body is not whole gzip: {error}"))?;
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!(
            "the body has more than {TEXT_BYTES_MAX} bytes unpacked; send fewer log files at a time"
        ));
    }
    Ok(text.into())
}

/// Whether the records of an account may be brought in; why not.
type MayFile<'a> = &'a dyn Fn(&AccountId) -> Result<(), String>;

impl Body {
    fn read(text: &Bytes, may_file: MayFile<'_>) -> Result<Body, Stop> {
        let mut body = Body::default();
        let mut parts = serde_json::Deserializer::from_slice(text).into_iter::<Part<'_>>();
        while let Some(part) = parts.next() {
            let part = part.map_err(|error| {
                let (number, offset) = (body.parts, parts.byte_offset());
                Stop::Malformed(format!(
                    "log file {number} of the body, counted from 0, at byte {offset}: {error}"
                ))
            })?;
            if let Err(message) = may_file(&part.account) {
                let message = format!("log file {} of the body: {message}", body.parts);
                return Err(Stop::Denied(Exception::new("AccessDeniedException", message)));
            }
            body.take(part, text, may_file)?;
        }
        Ok(body)
    }

    fn take(&mut self, part: Part<'_>, text: &Bytes, may_file: MayFile<'_>) -> Result<(), Stop> {
        let Part { account, region, delivered, from, until, source, records } = part;
        let sender = Sender { account, region };
        if self.parts == PARTS_MAX {
            return Err(Stop::Malformed(format!(
                "the body has more than {PARTS_MAX} log files; send fewer at a time"
            )));
        }
        if let Some(source) = source {
            self.come_from(source)?;
        }
        if self.answer.records + records.len() as u64 > RECORDS_MAX as u64 {
            return Err(Stop::Malformed(format!(
                "the body has more than {RECORDS_MAX} records; send fewer log files at a time"
            )));
        }
        for (place, record) in records.into_iter().enumerate() {
            self.answer.records += 1;
            let record = text.slice_ref(record.get().as_bytes());
            let accepted = match Event::from_record(record, &sender) {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.refuse(place, error.to_string());
                    continue;
                }
            };
            if let Err(why) = may_file(&accepted.event.account) {
                self.refuse(place, why);
                continue;
            }
            self.answer.odd += u64::from(!accepted.oddities.is_empty());
            let arrival = Arrival::of(accepted.event, delivered);
            let is_asked = from.is_none_or(|from| from <= arrival.time())
                && until.is_none_or(|until| arrival.time() <= until);
            match is_asked {
                true => self.arrivals.push(arrival),
                false => self.answer.outside += 1,
            }
        }
        self.parts += 1;
        Ok(())
    }

    fn come_from(&mut self, source: String) -> Result<(), Stop> {
        let wrong = |what: String| {
            let number = self.parts;
            Err(Stop::Malformed(format!(
                "log file {number} of the body, counted from 0: source: {what}"
            )))
        };
        if source.len() > SOURCE_BYTES_MAX {
            let bytes = source.len();
            return wrong(format!("{bytes} bytes; expected {SOURCE_BYTES_MAX} at most"));
        }
        if self.sources.len() == SOURCES_MAX && !self.sources.contains(&source) {
            return wrong(format!(
                "the body has more than {SOURCES_MAX} different ones; send each by itself"
            ));
        }
        self.sources.insert(source);
        Ok(())
    }

    fn refuse(&mut self, record: usize, error: String) {
        self.answer.refused += 1;
        if self.answer.refusals.len() < LISTED_MAX {
            self.answer.refusals.push(Refused { part: self.parts, record, error });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: impl Iterator<Item = String>) -> Result<Body, String> {
        let text: String = parts.collect();
        Body::read(&text.into(), &|_| Ok(())).map_err(|stop| match stop {
            Stop::Malformed(message) => message,
            Stop::Denied(denied) => denied.message,
        })
    }

    fn part(source: &str) -> String {
        format!(
            r#"{{"account":"111122223333","region":"eu-west-1","delivered":"2026-03-09T14:05:00Z","source":"{source}","records":[]}}"#
        )
    }

    #[test]
    fn a_body_has_so_many_log_files() {
        let body = read((0..PARTS_MAX).map(|_| part("a"))).unwrap();
        assert_eq!((body.parts, body.sources.len()), (PARTS_MAX, 1));
        let error = read((0..=PARTS_MAX).map(|_| part("a"))).err().unwrap();
        assert_eq!(error, "the body has more than 10000 log files; send fewer at a time");
    }

    #[test]
    fn a_body_comes_from_so_many_sources() {
        let name = |number: usize| part(&format!("s3://trail-{}", number % SOURCES_MAX));
        assert_eq!(read((0..100).map(name)).unwrap().sources.len(), SOURCES_MAX);
        let error = read((0..=SOURCES_MAX).map(|number| part(&number.to_string()))).err().unwrap();
        assert_eq!(
            error,
            "log file 16 of the body, counted from 0: source: the body has more than 16 different ones; send each by itself"
        );
        assert!(read([part(&"x".repeat(SOURCE_BYTES_MAX))].into_iter()).is_ok());
        let error = read([part(&"x".repeat(SOURCE_BYTES_MAX + 1))].into_iter()).err().unwrap();
        assert_eq!(
            error,
            "log file 0 of the body, counted from 0: source: 4097 bytes; expected 4096 at most"
        );
    }
}
