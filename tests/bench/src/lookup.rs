//! `lookup_p50_ms`, `lookup_p99_ms`, `lookups_per_s`, `visible_p99_ms`, `history_bytes_per_event`,
//! `history_rss_mb`: the event history, as clients of LookupEvents find it.
//!
//! A [`Past`] of ninety days (10 million events; `--events N` for another number) is stored and merged
//! by the history itself, in batches as large as a segment's, before the daemon starts:
//! `history_store_events_per_s` says how fast. Then, with Signature Version 4, each call verified,
//! authorized, answered and recorded:
//!
//! - for each attribute a frequent value and rare ones, event ids that are there and one that is not, and
//!   no attribute at all: one connection asks for the newest 50 over all ninety days, once to warm up
//!   and then over and over. The worst median and the worst 99th percentile of all cases are the figures.
//! - sixteen connections ask for full pages of frequent values: `lookups_per_s`.
//!
//! `visible_p99_ms` is another daemon's, that takes 10,000 events a second: from the acknowledgement of
//! one more event to the first lookup that finds it by its id. Wall-clock figures, all but the bytes.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_credential_types::Credentials;
use disk::RealDisk;
use history::calendar::Moment;
use history::{History, HistoryError, Settings};
use model::{BatchId, Timestamp};

use crate::api::{self, REGION};
use crate::daemon::{Cairn, Site};
use crate::figures::{Wanted, figure, say};
use crate::http::Connection;
use crate::load::{self, Sent};
use crate::past::{Event, Past};
use crate::process::{now, wall_clock};
use crate::records::{self, OWNER, mix};
use crate::requests::{Ids, Request};
use crate::sql;

/// As many as fill a segment.
const BATCH_EVENTS: u64 = 40_000;
const CONNECTIONS: usize = 16;
/// Rare values of one attribute, and event ids.
const VALUES: usize = 50;
/// Events a second while another one is looked for, and how many are sent together.
const RATE: u64 = 10_000;
const TOGETHER: u64 = 100;

/// The figures of this module.
pub fn names() -> Vec<String> {
    [
        "lookup_p50_ms",
        "lookup_p99_ms",
        "lookups_per_s",
        "history_bytes_per_event",
        "history_rss_mb",
        "history_store_events_per_s",
    ]
    .map(str::to_owned)
    .into()
}

/// What is asked for, over and over.
struct Case {
    name: &'static str,
    /// Attributes with their values, as the call has them.
    attributes: Vec<Option<(&'static str, String)>>,
    /// What each answer says.
    answer: Answer,
}

#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Full,
    Some,
    None,
}

/// Measures and prints them, and those of [`sql`] over the same history.
pub fn measure(wanted: &Wanted) -> Result<()> {
    let events = wanted.events.unwrap_or(wanted.pick(200_000, 10_000_000));
    let end = wall_clock().as_millis() - 3_600_000;
    let past = Past { events, end: Timestamp::from_millis(end) };
    let (site, key) = Site::signed(&records::pairs(1))?;
    fill(&site.data(), &past)?;
    if wanted.any(&names()) {
        look_up(wanted, &past, &site, &key)?;
    }
    if wanted.any(&sql::names()) {
        sql::measure(wanted, &site.data())?;
    }
    Ok(())
}

fn look_up(wanted: &Wanted, past: &Past, site: &Site, key: &Credentials) -> Result<()> {
    let daemon = site.start()?;
    say(&format!("the daemon is ready after {:.2} s", daemon.start_seconds));
    let sign = |(attribute, answer): (&Option<(&str, String)>, &str)| -> Result<Request> {
        let members = members(attribute.as_ref());
        let host = daemon.address().to_string();
        let call = api::signed(&host, "LookupEvents", &members, key)?;
        Ok(Request::call(&call, &members, answer))
    };
    let cases = cases(past);
    let mut calls = 0;
    let (mut worst_p50, mut worst_p99) = (0.0_f64, 0.0_f64);
    for case in &cases {
        let of = case.attributes.iter().map(|attribute| sign((attribute, case.answer.text())));
        let requests = of.collect::<Result<Vec<Request>>>()?;
        let warm = load::each_once(daemon.address(), &requests)?;
        let time = Duration::from_millis(wanted.pick(300, 2_000));
        let sent = load::during(daemon.address(), vec![requests], time)?;
        calls += warm.waits.len() + sent.waits.len();
        let (p50, p99) = (sent.percentile_ms(50), sent.percentile_ms(99));
        say(&format!(
            "{}: {} lookups, half in {p50:.2} ms, 99 of 100 in {p99:.2} ms; first ones: half in {:.2} ms",
            case.name,
            sent.waits.len(),
            warm.percentile_ms(50),
        ));
        worst_p50 = worst_p50.max(p50);
        worst_p99 = worst_p99.max(p99);
    }
    figure("lookup_p50_ms", worst_p50, "ms")?;
    figure("lookup_p99_ms", worst_p99, "ms")?;
    let full = cases.iter().filter(|case| case.answer == Answer::Full);
    let full = full.flat_map(|case| &case.attributes);
    let full = full.map(|attribute| sign((attribute, Answer::Full.text())));
    let full = full.collect::<Result<Vec<Request>>>()?;
    let time = Duration::from_secs(wanted.pick(1, 5));
    let sent = load::during(daemon.address(), vec![full; CONNECTIONS], time)?;
    calls += sent.waits.len();
    #[allow(clippy::cast_precision_loss)] // fewer than 2^53
    figure("lookups_per_s", sent.waits.len() as f64 / sent.seconds, "1/s")?;
    let spent = daemon.spent()?;
    say(&format!("{calls} lookups, {:.1} CPU s", spent.cpu_seconds));
    figure("history_rss_mb", spent.peak_memory_mb, "MB")?;
    daemon.finish(u64::try_from(calls)?)?;
    Ok(())
}

/// Stores a past as the daemon would.
fn fill(data: &Path, past: &Past) -> Result<()> {
    let disk = Arc::new(RealDisk::open(data)?);
    let history = History::open(disk, Settings::default(), &[])?;
    let begun = now();
    let moment = || Moment { wall: past.end.plus(Duration::from_secs(1)), uptime: begun.elapsed() };
    for first in (0..past.events).step_by(usize::try_from(BATCH_EVENTS)?) {
        let numbers = first..(first + BATCH_EVENTS).min(past.events);
        let batch = BatchId(u64::try_from(past.event(first).time.as_millis())?);
        let count = numbers.end - numbers.start;
        history.store(batch, count, || -> Result<_, HistoryError> {
            let rows =
                (0..).zip(numbers).map(|(index, number)| past.event(number).row(batch, index));
            Ok(rows.collect())
        })?;
        history.retired(batch);
        while history.tend(moment())? {}
        if first / BATCH_EVENTS % 25 == 24 {
            let stored = first + BATCH_EVENTS;
            say(&format!("{stored} events in {:.0} s", begun.elapsed().as_secs_f64()));
        }
    }
    while history.tend(moment())? {}
    let seconds = begun.elapsed().as_secs_f64();
    let report = history.report();
    ensure!(report.rows == past.events, "{} of {} events are kept", report.rows, past.events);
    let mut bytes = 0;
    for file in fs::read_dir(data.join(history::DIRECTORY))? {
        bytes += file?.metadata()?.len();
    }
    say(&format!("{} events in {} files after {seconds:.1} s", report.rows, report.files));
    #[allow(clippy::cast_precision_loss)] // fewer than 2^53
    {
        figure("history_store_events_per_s", past.events as f64 / seconds, "1/s")?;
        figure("history_bytes_per_event", bytes as f64 / past.events as f64, "bytes")?;
    }
    Ok(())
}

/// The members of a call.
fn members(attribute: Option<&(&str, String)>) -> String {
    match attribute {
        None => "{}".into(),
        Some((name, value)) => format!(
            r#"{{"LookupAttributes":[{{"AttributeKey":"{name}","AttributeValue":"{value}"}}]}}"#
        ),
    }
}

impl Answer {
    fn text(self) -> &'static str {
        match self {
            Answer::Full => "\"NextToken\":\"",
            Answer::Some => "\"CloudTrailEvent\":",
            Answer::None => "\"Events\":[]",
        }
    }
}

/// Frequent values, and rare ones that the past has in the owner's history in one Region.
fn cases(past: &Past) -> Vec<Case> {
    let step = (past.events / 20_000).max(1);
    let seen = (0..past.events).step_by(usize::try_from(step).expect("less than 2^64"));
    let seen: Vec<Event> = seen.map(|number| past.event(number)).collect();
    let own: Vec<&Event> =
        seen.iter().filter(|one| one.account == OWNER && one.region == REGION).collect();
    let spread = |value: fn(&Event) -> String| {
        let step = (own.len() / VALUES).max(1);
        own.iter().step_by(step).map(|one| value(one)).take(VALUES).collect::<Vec<String>>()
    };
    let frequent = |value: fn(&Event) -> String| vec![most_frequent(&own, value)];
    let rare = |value: fn(&Event) -> String| rarest(&own, value);
    let case = |name, attribute: &'static str, values: Vec<String>, answer| Case {
        name,
        attributes: values.into_iter().map(|value| Some((attribute, value))).collect(),
        answer,
    };
    let (full, some, none) = (Answer::Full, Answer::Some, Answer::None);
    vec![
        Case { name: "no attribute", attributes: vec![None], answer: full },
        case("EventName, frequent", "EventName", frequent(|one| one.name.clone()), full),
        case("EventName, rare", "EventName", rare(|one| one.name.clone()), some),
        case("EventSource, frequent", "EventSource", frequent(|one| one.source.clone()), full),
        case("EventSource, rare", "EventSource", rare(|one| one.source.clone()), some),
        case("ReadOnly true", "ReadOnly", vec!["true".into()], full),
        case("ReadOnly false", "ReadOnly", vec!["false".into()], full),
        case("Username, frequent", "Username", frequent(|one| one.user.clone()), full),
        case("Username, rare", "Username", rare(|one| one.user.clone()), some),
        case("ResourceType, frequent", "ResourceType", vec!["AWS::S3::Bucket".into()], full),
        case("ResourceType, absent", "ResourceType", vec!["AWS::Absent::Type".into()], none),
        case("ResourceName, frequent", "ResourceName", frequent(|one| one.bucket.clone()), full),
        case("ResourceName, rare", "ResourceName", rare(|one| one.bucket.clone()), some),
        case("AccessKeyId, spread", "AccessKeyId", spread(|one| one.key.clone()), some),
        case("AccessKeyId, rare", "AccessKeyId", rare(|one| one.key.clone()), some),
        case("EventId", "EventId", spread(|one| one.id.clone()), some),
        case("EventId, absent", "EventId", vec!["no-such-event".into()], none),
    ]
}

fn counted<'a>(own: &[&'a Event], value: fn(&Event) -> String) -> Vec<(usize, String, &'a Event)> {
    let mut counts: std::collections::BTreeMap<String, (usize, &Event)> = Default::default();
    for one in own {
        counts.entry(value(one)).or_insert((0, one)).0 += 1;
    }
    counts.into_iter().map(|(value, (count, one))| (count, value, one)).collect()
}

fn most_frequent(own: &[&Event], value: fn(&Event) -> String) -> String {
    let counted = counted(own, value);
    let most = counted.into_iter().max_by_key(|(count, _, _)| *count);
    most.map(|(_, value, _)| value).unwrap_or_default()
}

fn rarest(own: &[&Event], value: fn(&Event) -> String) -> Vec<String> {
    let mut counted = counted(own, value);
    // Among equals in an order that says nothing.
    counted.sort_by_key(|(count, _, one)| (*count, mix(one.time.as_millis().unsigned_abs())));
    counted.into_iter().map(|(_, value, _)| value).take(VALUES).collect()
}

/// `visible_p99_ms`.
pub fn measure_visible(wanted: &Wanted) -> Result<()> {
    let site = Site::new(&records::pairs(1))?;
    let daemon = site.start()?;
    let (stop, taken) = (AtomicBool::new(false), AtomicU64::new(0));
    let address = daemon.address();
    let mut waits = Vec::new();
    let events = std::thread::scope(|scope| -> Result<u64> {
        let load = scope.spawn(|| steady(address, &stop, &taken));
        let probed = probe(&daemon, wanted.pick(50, 1_000), &mut waits);
        stop.store(true, Ordering::Relaxed);
        let sent = load.join().map_err(|_| anyhow::anyhow!("the load panicked"))??;
        probed.map(|lookups| sent + lookups)
    })?;
    let sent = Sent { waits, ..Sent::default() };
    let spent = daemon.spent()?;
    say(&format!(
        "{} events taken meanwhile, {:.1} CPU s; half are visible in {:.2} ms",
        taken.load(Ordering::Relaxed),
        spent.cpu_seconds,
        sent.percentile_ms(50),
    ));
    daemon.finish(events)?;
    figure("visible_p99_ms", sent.percentile_ms(99), "ms")
}

/// Sends events at a steady rate until it is told to stop; how many were acknowledged.
#[allow(clippy::disallowed_methods)] // a rate is kept by the real clock
fn steady(address: SocketAddr, stop: &AtomicBool, taken: &AtomicU64) -> Result<u64> {
    let records = records::records(usize::try_from(TOGETHER)?, &records::pairs(1));
    let mut request = Request::bulk(&records);
    let (mut connection, mut answer) = (Connection::open(address)?, Vec::new());
    let (mut ids, begun) = (Ids::new(), now());
    while !stop.load(Ordering::Relaxed) {
        let due = Duration::from_secs_f64(
            f64::from(u32::try_from(taken.load(Ordering::Relaxed))?)
                / f64::from(u32::try_from(RATE)?),
        );
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        request.renew(&mut ids);
        while connection.ask(request.bytes(), &mut answer)? == 503 {}
        ensure!(request.is_taken(std::str::from_utf8(&answer)?), "not all were taken");
        taken.fetch_add(request.events(), Ordering::Relaxed);
    }
    Ok(taken.load(Ordering::Relaxed))
}

/// Sends one event after the other, and looks each up until it is found; how many calls and events
/// the daemon recorded.
fn probe(daemon: &Cairn<'_>, probes: usize, waits: &mut Vec<Duration>) -> Result<u64> {
    let record = records::records(1, &records::pairs(1));
    let mut request = Request::bulk(&record);
    let (mut connection, mut answer) = (Connection::open(daemon.address())?, Vec::new());
    let mut ids = Ids::new();
    let mut recorded = 0;
    for _ in 0..probes {
        request.renew(&mut ids);
        while connection.ask(request.bytes(), &mut answer)? == 503 {}
        ensure!(request.is_taken(std::str::from_utf8(&answer)?), "it was not taken");
        let acknowledged = now();
        let event: serde_json::Value = serde_json::from_slice(request.body())?;
        let id = event["eventID"].as_str().context("a record has an eventID")?;
        let members = members(Some(&("EventId", id.to_owned())));
        let lookup = Request::call(&api::unsigned("LookupEvents"), &members, id);
        loop {
            connection.ask(lookup.bytes(), &mut answer)?;
            recorded += 1;
            if lookup.is_taken(std::str::from_utf8(&answer)?) {
                break;
            }
        }
        waits.push(acknowledged.elapsed());
        recorded += 1;
    }
    waits.sort_unstable();
    Ok(recorded)
}
