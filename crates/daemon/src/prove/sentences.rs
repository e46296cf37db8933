//! What is proven, in sentences, or as JSON.
//!
//! Records and digests are others' words: what a terminal would act on is escaped, what is long cut.

use std::fmt::Write;

use integrity::proof::{Broken, Link, Proven, ProvenDigest};
use model::Envelope;
use serde::Serialize;
use serde_json::value::RawValue;

/// Characters of a text that are shown.
const SHOWN_MAX: usize = 300;

/// What is not proven, whatever is.
const NOT_PROVEN: [&str; 5] = [
    "that the key is the log's: take it from where you trust",
    "that what the record says is true",
    "that nothing else happened",
    "that there is no other chain of digests",
    "the time, by any other clock than the signer's",
];

/// What was found out, for people.
pub(super) fn text(proven: &Result<Proven, Broken>, without_keys: Option<&str>) -> String {
    match proven {
        Ok(proven) => told(proven, without_keys),
        Err(Broken { link, message }) => {
            let link = match link {
                Link::Record => "the record is not in the log file",
                Link::LogFile => "the log file is not the one that the digest lists",
                Link::Digest => "the digest is none",
                Link::Signature => "the digest is not signed by a key that you gave",
                Link::Next => "the digest after it does not go on from it",
            };
            format!("NOT PROVEN: {link}.\n{}\n", cut(message, 3 * SHOWN_MAX))
        }
    }
}

fn told(proven: &Proven, without_keys: Option<&str>) -> String {
    let Proven { event_id, record_count, records, log_file, digest, next, .. } = proven;
    let mut text = match digest.is_verified {
        true => "PROVEN:\n".to_owned(),
        false => "All fits together, but the signature was not verified:\n".to_owned(),
    };
    let mut say = |sentence: String| {
        let _ = writeln!(text, "{sentence}");
    };
    for record in records {
        let Event { time, name, source, user, .. } = Event::of(record);
        let [time, name, source, user] = [time, name, source, user]
            .map(|told| told.map_or("(not told)".to_owned(), |told| plain(&told)));
        let event_id = plain(event_id);
        say(format!("The record {event_id} tells of {name} of {source}, by {user}, at {time}."));
    }
    if *record_count > 1 {
        say(format!("{record_count} records of the log file have this eventID."));
    }
    let (place, sha256) = (place(&log_file.s3_bucket, &log_file.s3_object), &log_file.sha256);
    say(format!("It is in the log file {place}\n  whose content has the SHA-256 {sha256}."));
    let ProvenDigest { start_time, end_time, trail, home_region, account, region, .. } = digest;
    let kind = if digest.is_backfill { "backfill digest" } else { "digest" };
    let organization = digest.organization.as_ref();
    let organization = organization.map_or(String::new(), |id| format!(", organization {id}"));
    say(format!(
        "That log file is listed in the {kind} of {start_time} to {end_time}, of trail {trail} (home\n  Region {home_region}){organization}, account {account}, Region {region}: {}",
        self::place(&digest.s3_bucket, &digest.s3_object)
    ));
    match without_keys {
        _ if digest.is_verified => say(format!("That digest is signed by {}.", key(digest))),
        why => {
            let fingerprint = plain(&digest.fingerprint);
            let why = why.unwrap_or("no key was given");
            say(format!(
                "It says that the key {fingerprint} signed it; that was not verified: {why}."
            ));
        }
    }
    if let Some(next) = next {
        let ProvenDigest { start_time, end_time, .. } = next;
        let signed = match next.is_verified {
            true => format!(", and is signed by {}", key(next)),
            false => String::new(),
        };
        say(format!(
            "The digest after it, of {start_time} to {end_time}, names its hash and its signature{signed}:\n  {}",
            self::place(&next.s3_bucket, &next.s3_object)
        ));
    }
    if let Some(why) = &proven.next_not_verified {
        say(format!("The digest after it proves nothing here: {}.", cut(why, 3 * SHOWN_MAX)));
    }
    say(format!("\nNot proven: {}.", NOT_PROVEN.join("; ")));
    text
}

fn key(digest: &ProvenDigest) -> String {
    let fingerprint = &digest.fingerprint;
    match &digest.key_valid {
        Some((from, to)) => format!("the key {fingerprint}, valid from {from} to {to}"),
        None => {
            format!("the key {fingerprint} (when that was valid is not told, and so not verified)")
        }
    }
}

fn place(bucket: &str, key: &str) -> String {
    format!("s3://{}/{}", plain(bucket), cut(key, 4 * SHOWN_MAX))
}

fn plain(text: &str) -> String {
    cut(text, SHOWN_MAX)
}

fn cut(text: &str, shown_max: usize) -> String {
    let end = text.floor_char_boundary(shown_max);
    let more = if end < text.len() { "…" } else { "" };
    format!("{}{more}", text[..end].escape_debug())
}

/// What a record says of itself; absent where it does not.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "eventTime")]
    time: Option<String>,
    #[serde(rename = "eventName")]
    name: Option<String>,
    #[serde(rename = "eventSource")]
    source: Option<String>,
    #[serde(rename = "userIdentity")]
    user: Option<String>,
}

impl Event {
    fn of(record: &str) -> Event {
        let envelope = Envelope::parse(record.as_bytes()).ok();
        let envelope = envelope.as_ref();
        let own = |text: std::borrow::Cow<'_, str>| text.into_owned();
        Event {
            time: envelope
                .and_then(|it| it.event_time().ok().flatten())
                .map(|time| time.to_iso_seconds()),
            name: envelope.and_then(Envelope::event_name).map(own),
            source: envelope.and_then(Envelope::event_source).map(own),
            user: envelope.and_then(|it| it.user_arn().or_else(|| it.invoked_by())).map(own),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    /// Links, signatures and all.
    proven: bool,
    #[serde(flatten)]
    told: Option<&'a Proven>,
    #[serde(flatten)]
    broken: Option<&'a Broken>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    records: Vec<Box<RawValue>>,
    not_proven: &'a [&'a str],
}

/// What was found out, as one line of JSON.
pub(super) fn json(
    proven: &Result<Proven, Broken>,
    has_records: bool,
) -> serde_json::Result<String> {
    let (told, broken) = (proven.as_ref().ok(), proven.as_ref().err());
    let records = told.filter(|_| has_records).map_or(&[][..], |told| &told.records);
    let records = records.iter().map(|record| RawValue::from_string(record.clone()));
    serde_json::to_string(&Report {
        proven: told.is_some_and(|told| told.digest.is_verified),
        told,
        broken,
        records: records.collect::<Result<_, _>>()?,
        not_proven: &NOT_PROVEN,
    })
}
