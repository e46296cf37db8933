//! Bodies for the daemon: the records of many log files, or of a part of one, as gzip.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::Timestamp;
use serde_json::json;
use serde_json::value::RawValue;

use super::read::{Sound, too_long};
use super::report::{Read, Tally};
use super::walk::Job;
use crate::http::import::{BODY_BYTES_MAX, PARTS_MAX, RECORDS_MAX, TEXT_BYTES_MAX};
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
            || self.parts.len() >= PARTS_MAX
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
            // The daemon takes no body in which something is none.
            if let Err(error) = serde_json::from_slice::<&RawValue>(&record) {
                read.refuse(shown, place, format!("record: not JSON: {error}"));
                return Ok(());
            }
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

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::ops::RangeInclusive;
    use std::sync::Arc;

    use flate2::read::GzDecoder;
    use integrity::source::{Entry, Memory, Stored};
    use integrity::{DigestFolder, Source};
    use model::Folder;
    use serde::Deserialize;

    use super::super::read::{Outcome, read};
    use super::super::walk::Mark;
    use super::*;

    #[derive(Deserialize)]
    struct Sent<'a> {
        account: &'a str,
        delivered: &'a str,
        #[serde(borrow)]
        records: Vec<&'a RawValue>,
    }

    fn job(number: usize) -> Job {
        let key = format!("{number}.json.gz");
        Job {
            mark: Mark::new("2026/03/09", &key),
            folder: Arc::new(DigestFolder {
                prefix: None,
                organization: None,
                account: "111111111111".parse().unwrap(),
                region: "eu-west-1".parse().unwrap(),
            }),
            kind: Folder::CloudTrail,
            entry: Entry { key, modified: None },
            stamp: Timestamp::parse("2026-03-09T14:05:00Z"),
        }
    }

    /// Records that do not compress, so long.
    fn records(seed: u64, count: u64, bytes: usize) -> Vec<String> {
        let mut state = seed | 1;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        (0..count)
            .map(|number| {
                let mut noise = String::new();
                while noise.len() < bytes {
                    noise.push_str(&format!("{:016x}", next()));
                }
                format!("{{ \"number\":{number},\n\"noise\":\"{noise}\"}}")
            })
            .collect()
    }

    /// Packs log files of these records; gives the bodies, unpacked, with what they are of.
    async fn pack(files: &[Vec<String>]) -> Vec<(String, Vec<Part>, Tally)> {
        let mut packer = Packer::new("here".into(), (None, None));
        let mut memory = Memory::default();
        for (number, records) in files.iter().enumerate() {
            let text = format!("{{\"Records\":[{}]}}", records.join(","));
            let stored = Stored { bytes: text.into(), metadata: None, modified: None };
            memory.objects.insert(("b".into(), job(number).entry.key), stored);
        }
        let source = Source::memory(memory);
        let (mut bodies, mut told) = (Vec::new(), Read::default());
        for number in 0..files.len() {
            let job = job(number);
            let read = read(&source, "b", &job.entry.key).await;
            let Outcome::LogFile(sound) = read else { panic!("it is sound") };
            let before = told.tally.clone();
            told.tally.through = Some(job.mark.clone());
            bodies.extend(packer.add(&job, &sound, &before, &mut told, "shown").unwrap());
        }
        bodies.extend(packer.take(told.tally.clone()).unwrap());
        let unpack = |packed: Packed| {
            assert!(packed.body.len() <= BODY_BYTES_MAX, "{}", packed.body.len());
            let mut text = String::new();
            GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
            assert!(text.len() <= TEXT_BYTES_MAX, "{}", text.len());
            (text, packed.parts, packed.tally)
        };
        bodies.into_iter().map(unpack).collect()
    }

    async fn check(files: &[Vec<String>], expected_bodies: RangeInclusive<usize>) {
        let bodies = pack(files).await;
        assert!(expected_bodies.contains(&bodies.len()), "{} bodies", bodies.len());
        let mut found: Vec<Vec<String>> = vec![Vec::new(); files.len()];
        let mut of_body = 0;
        for (text, parts, tally) in &bodies {
            let sent = serde_json::Deserializer::from_str(text).into_iter::<Sent<'_>>();
            let sent: Vec<Sent<'_>> = sent.map(Result::unwrap).collect();
            assert_eq!(sent.len(), parts.len());
            for (sent, part) in sent.iter().zip(parts) {
                assert_eq!(
                    (sent.account, sent.delivered),
                    ("111111111111", "2026-03-09T14:05:00Z")
                );
                let file: usize = part.key.trim_end_matches(".json.gz").parse().unwrap();
                assert_eq!(part.first, found[file].len() as u64);
                found[file].extend(sent.records.iter().map(|one| one.get().to_owned()));
                of_body += sent.records.len();
            }
            assert!(of_body <= RECORDS_MAX * bodies.len());
            // What is kept when it is acknowledged tells of whole log files alone.
            let whole =
                files.iter().zip(&found).take_while(|(all, found)| all.len() == found.len());
            let whole = whole.count();
            let through = whole.checked_sub(1).map(|last| job(last).mark);
            assert!(tally.through <= through, "{:?} {through:?}", tally.through);
        }
        assert_eq!(&found, files);
    }

    #[tokio::test]
    async fn small_log_files_go_together() {
        let files: Vec<Vec<String>> = (0..5).map(|seed| records(seed, 3, 50)).collect();
        check(&files, 1..=1).await;
    }

    #[tokio::test]
    async fn large_log_files_go_in_parts_and_no_body_is_too_large() {
        // Hexadecimal digits pack to half of their length.
        check(&[records(1, 10, 50), records(2, 40, 400_000), records(3, 10, 50)], 4..=8).await;
        let repeated = vec![format!("{{\"x\":\"{}\"}}", "y".repeat(1000)); 20_000];
        check(&[repeated], 2..=2).await;
    }

    #[tokio::test]
    async fn many_small_records_go_in_parts() {
        let small: Vec<String> = (0..RECORDS_MAX + 10).map(|n| format!("{{\"n\":{n}}}")).collect();
        check(&[small], 2..=2).await;
    }

    #[tokio::test]
    async fn a_log_file_without_records_is_no_body() {
        assert!(pack(&[Vec::new()]).await.is_empty());
    }
}
