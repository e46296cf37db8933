//! Bodies for the daemon: the records of many log files, or of a part of one, as gzip.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::Timestamp;
use serde_json::json;

use super::read::{Sound, too_long};
use super::report::{Read, Tally};
use super::walk::Job;
use crate::http::import::{BODY_BYTES_MAX, RECORDS_MAX, TEXT_BYTES_MAX};
use crate::http::splitter::RECORD_BYTES_MAX;

/// What stands around the records of a log file is less.
const FRAME_BYTES: usize = 8 << 10;
/// A body is full when another record might be too much.
const TEXT_FULL: usize = TEXT_BYTES_MAX - RECORD_BYTES_MAX - FRAME_BYTES;
const RECORDS_FULL: usize = RECORDS_MAX - 1;
/// The gzip of what is written may lag behind by less than the rest.
const BODY_FULL: usize = BODY_BYTES_MAX - 2 * RECORD_BYTES_MAX;
/// With so much of a day in it, a body does not wait for the next day.
const DAY_BYTES: usize = 1 << 20;

/// A body that is ready.
pub(super) struct Packed {
    pub(super) body: Bytes,
    /// What its parts are of.
    pub(super) parts: Vec<Part>,
    /// What is to be kept when it is acknowledged: all that is told of log files up to its end.
    pub(super) tally: Tally,
}

/// A log file, or a part of one, in a body.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) key: String,
    /// Which of its records is the first.
    pub(super) first: u64,
}

/// What is written.
pub(super) struct Packer {
    source: String,
    range: (Option<Timestamp>, Option<Timestamp>),
    date: String,
    body: Option<Body>,
}

struct Body {
    gzip: GzEncoder<Vec<u8>>,
    text_bytes: usize,
    records: usize,
    parts: Vec<Part>,
}

impl Body {
    fn new() -> Body {
        let gzip = GzEncoder::new(Vec::new(), Compression::fast());
        Body { gzip, text_bytes: 0, records: 0, parts: Vec::new() }
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        self.text_bytes += text.len();
        self.gzip.write_all(text)
    }

    fn is_full(&self) -> bool {
        self.text_bytes > TEXT_FULL
            || self.records >= RECORDS_FULL
            || self.gzip.get_ref().len() > BODY_FULL
    }

    fn finish(self, tally: Tally) -> io::Result<Packed> {
        Ok(Packed { body: self.gzip.finish()?.into(), parts: self.parts, tally })
    }
}

impl Packer {
    pub(super) fn new(source: String, range: (Option<Timestamp>, Option<Timestamp>)) -> Packer {
        Packer { source, range, date: String::new(), body: None }
    }

    /// Takes a log file; gives the bodies that are full. `before` is told of all log files before it,
    /// and `read` of it too, to which records are added that cannot be sent.
    pub(super) fn add(
        &mut self,
        job: &Job,
        sound: &Sound,
        before: &Tally,
        read: &mut Read,
        shown: &str,
    ) -> io::Result<Vec<Packed>> {
        let mut full = Vec::new();
        if self.date != job.mark.date() {
            self.date = job.mark.date().to_owned();
            if self.body.as_ref().is_some_and(|body| body.text_bytes > DAY_BYTES) {
                full.extend(self.take(before.clone())?);
            }
        }
        let stamp = job.stamp.expect("a log file has one");
        let mut head = json!({
            "account": job.folder.account,
            "region": job.folder.region,
            "delivered": stamp.to_iso_seconds(),
            "source": self.source,
        });
        let (from, until) = self.range;
        for (name, moment) in [("from", from), ("until", until)] {
            if let Some(moment) = moment {
                head[name] = moment.to_iso_seconds().into();
            }
        }
        let head = head.to_string();
        let head = format!("{},\"records\":[", head.trim_end_matches('}'));
        let mut number = 0;
        let mut is_open = false;
        let body = &mut self.body;
        sound.each_record(|record| {
            let place = number;
            number += 1;
            let Some(record) = record else {
                read.refuse(shown, place, too_long());
                return Ok(());
            };
            if is_open && body.as_ref().is_some_and(Body::is_full) {
                let mut whole = body.take().expect("there is one");
                whole.write(b"]}\n")?;
                is_open = false;
                full.push(whole.finish(before.clone())?);
            }
            let current = body.get_or_insert_with(Body::new);
            match is_open {
                true => current.write(b",")?,
                false => {
                    current.write(head.as_bytes())?;
                    current.parts.push(Part { key: job.entry.key.clone(), first: place });
                    is_open = true;
                }
            }
            current.records += 1;
            current.write(&record)
        })?;
        if is_open && let Some(body) = &mut self.body {
            body.write(b"]}\n")?;
        }
        if self.body.as_ref().is_some_and(Body::is_full) {
            full.extend(self.take(read.tally.clone())?);
        }
        Ok(full)
    }

    /// What is left, up to where `tally` tells.
    pub(super) fn take(&mut self, tally: Tally) -> io::Result<Option<Packed>> {
        self.body.take().map(|body| body.finish(tally)).transpose()
    }
}
