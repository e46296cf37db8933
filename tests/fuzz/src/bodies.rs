//! Bodies of requests: the splitter against a simple second one, and the real handlers in front of a
//! real journal on a simulated disk. What they say was recorded is recorded, byte for byte, and
//! nothing else is.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use axum::response::Response;
use bytes::Bytes;
use daemon::health::Snapshot;
use daemon::http::auth::Auth;
use daemon::http::connections::Connections;
use daemon::http::history::Downloads;
use daemon::http::import::IMPORTS_MAX;
use daemon::http::room::Room;
use daemon::http::splitter::{BrokenStream, Piece, RECORD_BYTES_MAX, Splitter};
use daemon::http::tail::Tails;
use daemon::http::{DRAINS_MAX, Site, bulk, put_audit_events};
use daemon::metrics::Metrics;
use daemon::parts::Parts;
use daemon::reads::Reads;
use disk::{Disk, SimulatedDisk};
use flate2::Compression;
use flate2::write::GzEncoder;
use history::History;
use http_body_util::BodyExt;
use model::{BatchId, Event, Sender, Timestamp};
use producer::segment::Contents;
use producer::{Desk, Intake, Journal, JournalSettings, JournalState, Now, Writer, frame, segment};
use serde_json::Value;
use tail::{Hub, Limits, Place};
use tokio::sync::{Semaphore, watch};
use trails::{Channel, Definitions};

use crate::Target;
use crate::json::{self, ACTIVITY, AGGREGATED, RECORD, Second};

/// The splitter, by itself.
pub const SPLITTER: Target = Target {
    name: "splitter",
    run: splitter,
    seeds: splitter_seeds,
    words: json::WORDS,
    short_runs: 4_000,
};
/// The splitter and records that are too long.
pub const LONG_RECORDS: Target = Target {
    name: "long_records",
    run: long_records,
    seeds: long_seeds,
    words: json::WORDS,
    short_runs: 40,
};
/// `POST /v1/events`: a byte of options, a byte of the chunks' size, the body.
pub const BULK: Target =
    Target { name: "bulk", run: bulk, seeds: bulk_seeds, words: json::WORDS, short_runs: 600 };
/// `POST /PutAuditEvents`: the query, a line feed, the body.
pub const PUT_AUDIT_EVENTS: Target = Target {
    name: "put_audit_events",
    run: put_audit_events,
    seeds: put_seeds,
    words: PUT_WORDS,
    short_runs: 800,
};

const PUT_WORDS: &[&str] = &[
    "channelArn=",
    "&externalId=",
    "%00",
    "%ff",
    "+",
    "{\"auditEvents\":[",
    "\"id\":\"a\"",
    "\"eventData\":\"",
    "\"eventDataChecksum\":",
    "\\\"",
    "\\\\",
    "\\u0000",
    "{}",
    "[]",
    ",",
    "null",
];

/// Splits by chunks of these sizes, one after the other.
fn split(body: &[u8], sizes: &[usize]) -> (Vec<Piece>, Result<(), BrokenStream>) {
    let (mut pieces, mut splitter) = (Vec::new(), Splitter::default());
    let (mut rest, mut sizes) = (body, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = (*sizes.next().expect("endless")).clamp(1, rest.len());
        if let Err(broken) = splitter.push(&rest[..size], &mut pieces) {
            return (pieces, Err(broken));
        }
        rest = &rest[size..];
    }
    let end = splitter.finish(&mut pieces);
    (pieces, end)
}

fn splitter_seeds() -> Vec<Vec<u8>> {
    let seeds: [&[u8]; 7] = [
        b"{\"a\":1}\n{\"b\": 2}\r\n\n {\"c\":3} ",
        b"[{\"a\":1}, {\"b\":[2]} ]",
        b"{\"Records\":[{\"a\":\"}]\\\"{\"},{\"b\":{}}]}",
        b"{\n  \"Records\" : [\n {\n\"a\": 1}\n]\n}\n",
        b"{\"Records\":[]}\n{\"Records\":[{\"a\":1}]}\n[{\"b\":2}]{\"c\":3}",
        b"{\n{\"a\":1}\n",
        b"{\"Records\":1,\"a\":[2]}\nnonsense\n[",
    ];
    seeds.map(<[u8]>::to_vec).into()
}

fn long_seeds() -> Vec<Vec<u8>> {
    let seeds: [&[u8]; 3] = [
        b"{\"a\":\"\xfea\xff\"}\n{\"b\":2}",
        b"{\xfe \xff\"Records\":[{\"a\":1}]}",
        b"[{\"a\":\xfe[\xff\x02}",
    ];
    seeds.map(<[u8]>::to_vec).into()
}

/// `fe BYTE COUNT` in an input stands for that byte, COUNT times; for 255 as often as makes a record
/// too long, which is rare otherwise.
fn inflated(input: &[u8]) -> Vec<u8> {
    let (mut body, mut rest) = (Vec::new(), input);
    while let Some((first, more)) = rest.split_first() {
        match more {
            [byte, count, behind @ ..] if *first == 0xfe && body.len() < RECORD_BYTES_MAX => {
                let times = if *count == 255 { RECORD_BYTES_MAX } else { usize::from(*count) };
                body.resize(body.len() + times, *byte);
                rest = behind;
            }
            _ => {
                body.push(*first);
                rest = more;
            }
        }
    }
    body
}

fn long_records(input: &[u8]) {
    let body = inflated(input);
    let whole = split(&body, &[body.len()]);
    assert_eq!(whole, reference(&body), "the second splitter");
    assert_eq!(whole, split(&body, &[7, 1 << 16]));
}

fn splitter(body: &[u8]) {
    let (pieces, end) = split(body, &[body.len()]);
    assert_eq!((pieces.clone(), end.clone()), reference(body), "the second splitter");
    let sizes: Vec<usize> = body.iter().map(|byte| usize::from(*byte)).chain([1]).collect();
    for sizes in [sizes.as_slice(), &[1]] {
        assert_eq!(split(body, sizes), (pieces.clone(), end.clone()), "by {sizes:?}");
    }
    let lengths: usize = pieces.iter().map(|piece| piece_bytes(piece).map_or(0, Bytes::len)).sum();
    assert!(lengths <= body.len());
    for bytes in pieces.iter().filter_map(piece_bytes) {
        assert!(!bytes.is_empty() && bytes.len() <= RECORD_BYTES_MAX);
        assert_eq!(bytes.trim_ascii(), bytes);
    }
    agree_with_json(body, &pieces, &end);
}

fn piece_bytes(piece: &Piece) -> Option<&Bytes> {
    match piece {
        Piece::Record(bytes) => Some(bytes),
        Piece::TooLong => None,
    }
}

/// Where the whole body is one JSON value, what its records are is known.
fn agree_with_json(body: &[u8], pieces: &[Piece], end: &Result<(), BrokenStream>) {
    let Some(value) = json::value(body) else { return };
    let records = match &value {
        Value::Array(records) => records.clone(),
        Value::Object(members) if members.len() == 1 => match members.get("Records") {
            Some(Value::Array(records)) if !body.contains(&b'\\') => records.clone(),
            _ => return,
        },
        _ => return,
    };
    // A name that comes twice hides records from a plain reader.
    let names = body.windows(9).filter(|window| window == b"\"Records\"").count();
    if names > 1 || !records.iter().all(Value::is_object) || pieces.contains(&Piece::TooLong) {
        return;
    }
    assert_eq!(*end, Ok(()), "{value}");
    let found: Vec<Value> =
        pieces.iter().filter_map(piece_bytes).filter_map(|bytes| json::value(bytes)).collect();
    assert_eq!(found, records);
}

/// The second splitter: over the whole body at once.
fn reference(body: &[u8]) -> (Vec<Piece>, Result<(), BrokenStream>) {
    let mut pieces = Vec::new();
    let end = split_all(body, &mut pieces);
    let end = end.map_err(|(offset, expected)| BrokenStream {
        offset: offset as u64,
        found: match body.get(offset) {
            None => "the end".into(),
            Some(byte) if byte.is_ascii_graphic() => format!("{:?}", char::from(*byte)),
            Some(byte) => format!("byte 0x{byte:02x}"),
        },
        expected,
    });
    (pieces, end)
}

fn split_all(body: &[u8], pieces: &mut Vec<Piece>) -> Result<(), (usize, &'static str)> {
    let mut at = 0;
    loop {
        at = skip_blanks(body, at);
        let (container, array) = match (container(body, at), body.get(at)) {
            (_, None) => return Ok(()),
            (Some(start), _) => (true, start),
            (None, Some(b'[')) => (false, at + 1),
            _ => {
                let end = body[at..].iter().position(|byte| *byte == b'\n');
                let end = end.map_or(body.len(), |length| at + length);
                push(pieces, &body[at..end]);
                at = end;
                continue;
            }
        };
        at = split_array(body, array, pieces)?;
        if container {
            at = skip_blanks(body, at);
            if body.get(at) != Some(&b'}') {
                return Err((at, "} of {\"Records\":[…]}"));
            }
            at += 1;
        }
    }
}

fn split_array(
    body: &[u8],
    start: usize,
    pieces: &mut Vec<Piece>,
) -> Result<usize, (usize, &'static str)> {
    const UNENDED: &str = "the ] that ends the array of records";
    let mut at = start;
    loop {
        at = skip_blanks(body, at);
        match body.get(at) {
            None => return Err((at, UNENDED)),
            Some(b']') => return Ok(at + 1),
            Some(b'{') => {}
            Some(_) => return Err((at, "{ of a record, or ]")),
        }
        let length = value_length(&body[at..]).ok_or((body.len(), UNENDED))?;
        push(pieces, &body[at..at + length]);
        at = skip_blanks(body, at + length);
        match body.get(at) {
            None => return Err((at, UNENDED)),
            Some(b']') => return Ok(at + 1),
            Some(b',') => at += 1,
            Some(_) => return Err((at, ", or ] behind a record")),
        }
    }
}

fn push(pieces: &mut Vec<Piece>, text: &[u8]) {
    let text_without = text.trim_ascii();
    // A line counts with its blanks, as it comes in.
    if text.len() > RECORD_BYTES_MAX {
        pieces.push(Piece::TooLong);
    } else if !text_without.is_empty() {
        pieces.push(Piece::Record(Bytes::copy_from_slice(text_without)));
    }
}

fn value_length(text: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut at) = (0_u64, false, 0);
    loop {
        match (text.get(at)?, in_string) {
            (b'\\', true) => at += 1,
            (b'"', _) => in_string = !in_string,
            (b'{' | b'[', false) => depth += 1,
            (b'}' | b']', false) => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Behind `{"Records":[`, white space between its tokens allowed.
fn container(body: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    for token in [&b"{"[..], b"\"Records\"", b":", b"["] {
        at = skip_blanks(body, at);
        at = body[at..].starts_with(token).then(|| at + token.len())?;
    }
    Some(at)
}

fn skip_blanks(body: &[u8], at: usize) -> usize {
    let blanks = body[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    at + blanks.count()
}

/// A daemon's intake without the daemon: the real handlers, a real journal, a simulated disk.
struct World {
    disk: SimulatedDisk,
    site: Arc<Site>,
    desk: Desk,
    journal: watch::Receiver<JournalState>,
}

const NOW: Now = Now { wall: Timestamp::EPOCH, uptime: std::time::Duration::ZERO };
const JOURNAL: JournalSettings = JournalSettings {
    segment_bytes: 600 << 10,
    quota_bytes: 4 * (600 << 10),
    window_events: 10_000,
};

pub(crate) fn channel() -> Channel {
    let (account, region) =
        ("111111111111".parse().expect("12 digits"), "eu-west-1".parse().expect("a Region"));
    Channel::configured(account, region, "shop".parse().expect("a name"), "Custom".into())
}

impl World {
    fn new() -> World {
        let disk = SimulatedDisk::new();
        let journal: Arc<dyn Disk> = Arc::new(disk.clone());
        let random = Box::new(|| 0x0123_4567_89ab_cdef);
        let journal = Journal::open(journal, JOURNAL, Arc::default(), NOW.wall, random);
        let writer = Writer::new(journal.expect("an empty disk"), std::time::Duration::MAX);
        let (intake, desk, journal) = Intake::open(writer);
        let definitions = Definitions { channels: vec![channel()], ..Definitions::default() };
        let (clock, entropy) = (Arc::new(|| NOW), Arc::new(|| 7));
        let metrics = Arc::new(Metrics::default());
        let kept = history::Settings::default();
        let history = History::open(Arc::new(disk.clone()), kept, &[]).expect("an empty disk");
        let history = Arc::new(history);
        let hub = Hub::new(Limits::default(), Place::end_of(BatchId(0)));
        let reads = Reads::of_all_cores();
        let downloads = Downloads::new(
            Arc::clone(&history),
            Arc::clone(&reads),
            Arc::new(|_, _, _, _| unreachable!("the bodies are of other routes")),
            watch::Sender::new(false).subscribe(),
        );
        let site = Site {
            auth: Auth::Localstack,
            downloads,
            room: Room::new(64 << 20),
            unproven: Room::new(0),
            drains: Semaphore::new(DRAINS_MAX),
            connections: Connections::new(1, Arc::clone(&metrics)),
            tails: Tails::new(hub, Arc::clone(&history), reads),
            history,
            imports: Arc::new(Semaphore::new(IMPORTS_MAX)),
            parts: Parts { disk: Arc::new(disk.clone()), clock, entropy },
            intake,
            journal: journal.clone(),
            api: Arc::new(|_, _| unreachable!("the bodies are of other routes")),
            definitions: watch::Sender::new(Arc::new(definitions)).subscribe(),
            metrics,
            look: Arc::new(|| -> Snapshot { unreachable!("intake does not look at health") }),
        };
        World { disk, site: Arc::new(site), desk, journal }
    }

    /// Polls a call and serves the journal until it is answered.
    fn drive<T>(&mut self, call: impl Future<Output = T>) -> T {
        thread_local!(static RUNTIME: OnceCell<tokio::runtime::Runtime> = const { OnceCell::new() });
        let mut call = pin!(tokio::task::unconstrained(call));
        let future = std::future::poll_fn(|context| {
            loop {
                if let Poll::Ready(done) = call.as_mut().poll(context) {
                    return Poll::Ready(done);
                }
                if !self.desk.has_commands() {
                    return Poll::Pending;
                }
                self.desk.serve(NOW);
            }
        });
        RUNTIME.with(|runtime| {
            let build = || tokio::runtime::Builder::new_current_thread().enable_time().build();
            runtime.get_or_init(|| build().expect("a runtime")).block_on(future)
        })
    }

    fn answer(&mut self, response: Response) -> (StatusCode, Value) {
        let (head, body) = response.into_parts();
        let body = self.drive(body.collect()).expect("an answer has a body").to_bytes();
        let value = json::value(&body).unwrap_or_else(|| panic!("an answer is JSON: {body:?}"));
        (head.status, value)
    }

    /// The records in the journal, in order, as they would be found after a crash.
    fn recorded(&mut self) -> Vec<Bytes> {
        let intake = self.site.intake.clone();
        self.drive(intake.seal()).expect("the disk is sound");
        let sealed = self.journal.borrow().sealed.clone();
        let read = |batch| Contents::read(&self.disk, &segment::path(batch)).expect("sound");
        let record =
            |payload: &[u8]| frame::read_event(payload).expect("an event").to_event().record;
        let records = |contents: Contents| contents.payloads().map(record).collect::<Vec<Bytes>>();
        sealed.iter().flat_map(|sealed| records(read(sealed.batch))).collect()
    }
}

fn bulk_seeds() -> Vec<Vec<u8>> {
    let both = format!("{RECORD}\n{AGGREGATED}\nnonsense\n{RECORD}\n");
    let file = format!("{{\"Records\":[{RECORD},{AGGREGATED}]}}");
    let packed = gzip(file.as_bytes());
    [
        [&[0, 50][..], both.as_bytes()].concat(),
        [&[2, 0], file.as_bytes()].concat(),
        [&[1, 9], packed.as_slice()].concat(),
        [&[0, 0], packed.as_slice(), packed.as_slice(), b"rest"].concat(),
        vec![4, 0],
        b"\x0a\x01{}".to_vec(),
    ]
    .into()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text).and_then(|()| gzip.finish()).expect("memory takes everything")
}

fn chunked(body: Bytes, size: usize) -> Body {
    let size = if size == 0 { body.len().max(1) } else { size };
    let starts = (0..body.len()).step_by(size);
    let chunk = move |start: usize| body.slice(start..(start + size).min(body.len()));
    let chunks: Vec<Bytes> = starts.map(chunk).collect();
    Body::from_stream(futures_util::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>)))
}

fn bulk(input: &[u8]) {
    let [options, size, body @ ..] = input else { return };
    // 1: said to be gzip; 2: packed here, so that what is changed is inside; 4: said to be other.
    let is_packed_here = options & 2 != 0;
    let body = if is_packed_here { gzip(body) } else { body.to_vec() };
    let mut headers = HeaderMap::new();
    let encoding = match options & 5 {
        1 => Some("gzip"),
        4 => Some("identity"),
        5 => Some("br"),
        _ => None,
    };
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    let mut world = World::new();
    let site = Arc::clone(&world.site);
    let sent = chunked(Bytes::from(body.clone()), *size as usize);
    let mut request = Request::post("/v1/events").body(sent).expect("a request");
    *request.headers_mut() = headers;
    let response = world.drive(bulk::handle(State(site), request));
    let (status, answer) = world.answer(response);
    let recorded = world.recorded();
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        assert_eq!((encoding, recorded.len()), (Some("br"), 0));
        return;
    }
    assert!([StatusCode::OK, StatusCode::BAD_REQUEST].contains(&status), "{status} {answer}");
    let number =
        |name: &str| usize::try_from(answer[name].as_u64().expect("a count")).expect("few");
    assert_eq!(recorded.len(), number("recorded"), "{answer}");
    let sum = number("recorded") + number("duplicates") + number("refused");
    assert_eq!(number("records"), sum, "each record has its outcome: {answer}");
    if status == StatusCode::BAD_REQUEST {
        let all_refused = number("records") > 0 && number("records") == number("refused");
        assert!(answer["error"].is_string() || all_refused, "{answer}");
    }
    let unpacked = unpack(&body, encoding == Some("gzip"));
    let expected = expected(&unpacked);
    if answer["error"].is_null() {
        assert_eq!(recorded, expected, "all of it: {answer}");
    } else {
        assert!(expected.starts_with(&recorded), "a part of it, from the first: {answer}");
    }
}

/// The text of a body, as far as it can be unpacked: up to the last byte before the damage.
fn unpack(body: &[u8], is_said: bool) -> Vec<u8> {
    if !is_said && !body.starts_with(&[0x1f, 0x8b]) {
        return body.to_vec();
    }
    let mut gzip = flate2::write::MultiGzDecoder::new(Vec::new());
    for byte in body {
        if gzip.write_all(&[*byte]).and_then(|()| gzip.flush()).is_err() {
            break;
        }
    }
    let _ = gzip.try_finish();
    std::mem::take(gzip.get_mut())
}

/// What is to be recorded of a text: its records that are some, each once.
fn expected(text: &[u8]) -> Vec<Bytes> {
    let caller = daemon::http::caller::believed(&Request::new(()).into_parts().0);
    let caller = Sender { account: caller.account, region: caller.region };
    let mut seen = BTreeSet::new();
    let accepted = reference(text).0.into_iter().filter_map(|piece| match piece {
        Piece::Record(bytes) => Event::from_record(bytes, &caller).ok(),
        Piece::TooLong => None,
    });
    let events = accepted.map(|accepted| accepted.event);
    events.filter(|event| seen.insert(event.identity)).map(|event| event.record).collect()
}

fn put_seeds() -> Vec<Vec<u8>> {
    let arn = channel().arn();
    let call = |events: &[(&str, &str)]| {
        let event = |(id, data): &(&str, &str)| serde_json::json!({ "id": id, "eventData": data });
        let events: Vec<Value> = events.iter().map(event).collect();
        serde_json::json!({ "auditEvents": events }).to_string()
    };
    let calls = [
        format!("channelArn={arn}\n{}", call(&[("a", ACTIVITY), ("b", RECORD)])),
        format!("channelArn={arn}&externalId=x-1\n{}", call(&[("a", ACTIVITY), ("b", ACTIVITY)])),
        format!("channelArn={}\n{}", channel().id, call(&[("a", "nonsense"), ("b", AGGREGATED)])),
        format!("channelArn={arn}\n{{\"auditEvents\":[]}}"),
        "\n{}".to_owned(),
    ];
    calls.map(String::into_bytes).into()
}

fn put_audit_events(input: &[u8]) {
    let line = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let query: String = input[..line].iter().map(|byte| char::from(*byte)).collect();
    let Ok(uri) = format!("/PutAuditEvents?{query}").parse::<Uri>() else { return };
    let body = Bytes::copy_from_slice(input.get(line + 1..).unwrap_or_default());
    let mut world = World::new();
    let site = Arc::clone(&world.site);
    let sent = chunked(body.clone(), 0);
    let request = Request::post(uri).body(sent).expect("a request");
    let response = world.drive(put_audit_events::handle(State(site), request));
    let (status, answer) = world.answer(response);
    let recorded = world.recorded();
    if status != StatusCode::OK {
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        for member in ["__type", "message"] {
            assert!(answer[member].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
        }
        return assert!(recorded.is_empty(), "nothing of a refused call is recorded");
    }
    let call = match json::read(&body) {
        Second::Value(call) => call,
        Second::Unrepresentable => return,
        Second::Broken => panic!("a call is JSON"),
    };
    let sent: BTreeMap<&str, &str> = call["auditEvents"]
        .as_array()
        .expect("a call has a list of events")
        .iter()
        .map(|event| (text(event, "id"), text(event, "eventData")))
        .collect();
    let (successful, failed) = (list(&answer, "successful"), list(&answer, "failed"));
    let answered: BTreeSet<&str> =
        successful.iter().chain(failed).map(|outcome| text(outcome, "id")).collect();
    assert_eq!(answered.len(), successful.len() + failed.len());
    assert!(answered.iter().eq(sent.keys()), "each event has its outcome");
    let mut distinct = BTreeSet::new();
    for outcome in successful {
        let data = sent[text(outcome, "id")].trim_matches([' ', '\t', '\r', '\n']);
        let is_kept = |record: &&Bytes| {
            let stored = format!("\"eventData\":{data}}}");
            *record == data.as_bytes() || record.ends_with(stored.as_bytes())
        };
        let record = recorded.iter().find(is_kept);
        distinct.insert(record.unwrap_or_else(|| panic!("acknowledged, not recorded: {data}")));
        assert!(!text(outcome, "eventID").is_empty() || data.contains("\"eventI"));
    }
    assert!(distinct.len() <= recorded.len() && recorded.len() <= successful.len());
    for outcome in failed {
        assert!(
            !text(outcome, "errorCode").is_empty() && !text(outcome, "errorMessage").is_empty()
        );
    }
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("{member} is a text in {value}"))
}

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value[member].as_array().unwrap_or_else(|| panic!("{member} is a list in {value}"))
}
