//! One chain of digests, and what its next digest is: state that is small and durable, and functions
//! of it.
//!
//! ```text
//!  begun ─► starting digest ─► interval ─► interval ─► … ─► final digest ─► ended ─► begun again
//!           of the hour before                              at a stop         └► backfill digests
//! ```
//!
//! A digest is made in two steps. Prepared: its exact bytes and its signature are on disk. Then it
//! is put, read back, and the chain goes on from it. A crash in between puts the same bytes again.

use std::time::Duration;

use model::digest::{
    ALGORITHM, GENERATED, HASH_ALGORITHM, SIGNATURE, SIGNATURE_ALGORITHM, sha256_hex,
};
use model::{BucketName, ChainId, Digest, DigestKind, KeyPrefix, ListedFile, Timestamp};
use serde::{Deserialize, Serialize};

use super::receipts::Receipt;
use crate::store::Metadata;

/// When more digests than this are owed, the first of them covers all before: 31 days of hours.
const OWED_MAX: u32 = 31 * 24;
/// A final digest waits so long at least, if its interval ends sooner.
const GRACE: Duration = Duration::from_secs(300);
const SECOND: Duration = Duration::from_secs(1);

/// A chain's durable state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Which one.
    pub id: ChainId,
    /// The stretch of the trail's logging that it is of (see [`super::watched`]).
    pub epoch: u64,
    /// Its intervals end at this moment and whole intervals after it.
    pub since: Timestamp,
    /// Where the next digest begins.
    pub next_start: Timestamp,
    /// The newest digest.
    pub previous: Option<Previous>,
    /// The newest backfill digest.
    pub previous_backfill: Option<Previous>,
    /// The number of the last receipts file that it has listed all of.
    pub listed_through: u64,
    /// A digest on its way.
    pub prepared: Option<Box<Prepared>>,
    /// Whether its final digest is written.
    pub is_ended: bool,
    /// Whether any digest is written: its digests never end before the last one, also when it begins again.
    pub has_written: bool,
}

/// A digest that is in its bucket, as its successor names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key.
    pub key: String,
    /// SHA-256 of its uncompressed bytes.
    pub sha256: String,
    /// Its signature.
    pub signature: String,
}

/// A digest whose bytes are decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// What it is of.
    pub cut: Cut,
    /// Where it goes.
    pub bucket: BucketName,
    /// Under which key.
    pub key: String,
    /// Its bytes before compression: JSON.
    pub body: String,
    /// Its signature.
    pub signature: String,
    /// The number of the last receipts file that is listed.
    pub through: u64,
    /// How many log files it lists.
    pub files: usize,
}

/// The stretch of time that a digest is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Of which kind it is.
    pub kind: DigestKind,
    /// `digestStartTime`.
    pub start: Timestamp,
    /// `digestEndTime`.
    pub end: Timestamp,
    /// Whether the chain ends with it.
    pub is_final: bool,
}

/// What a chain's trail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It goes on.
    Running,
    /// It was stopped at this moment. Its final digest waits for what was recorded before, but no
    /// longer than to the end of the interval, or of the next one if five minutes are not over.
    Closing {
        /// The stop.
        at: Timestamp,
        /// Whether all that was recorded before is delivered.
        is_drained: bool,
    },
    /// It writes no digests any more, or began anew.
    Over,
}

impl Chain {
    /// A chain that begins with the digest of the interval before `since`, and lists what comes
    /// after the receipts file of this number.
    #[must_use]
    pub fn new(
        id: ChainId,
        epoch: u64,
        since: Timestamp,
        interval: Duration,
        listed_through: u64,
    ) -> Chain {
        Chain {
            id,
            epoch,
            since,
            next_start: before(since, interval),
            previous: None,
            previous_backfill: None,
            listed_through,
            prepared: None,
            is_ended: false,
            has_written: false,
        }
    }

    /// An ended chain begins again, after its last digest in any case: keys of a chain are told apart
    /// by the second.
    pub fn restart(&mut self, epoch: u64, since: Timestamp, interval: Duration) {
        let last_end = self.next_start;
        self.epoch = epoch;
        self.previous = None;
        self.is_ended = false;
        self.begin(since.max(last_end.plus(SECOND)), interval);
    }

    /// A chain of which nothing is written begins at this moment.
    pub fn begin(&mut self, since: Timestamp, interval: Duration) {
        self.since = since;
        self.next_start = before(since, interval);
    }

    /// Whether it goes on from a time that lies ahead: the clock was wrong then, or is now.
    #[must_use]
    pub fn is_ahead(&self, interval: Duration, now: Timestamp) -> bool {
        self.next_start > now.plus(interval)
    }

    /// The end of the interval that begins at `next_start`.
    #[must_use]
    pub fn next_end(&self, interval: Duration) -> Timestamp {
        next_on_grid(self.since, interval, self.next_start)
    }

    /// What the next digest is of; `None` when there is none yet. `unlisted_since` says since when
    /// receipts wait.
    #[must_use]
    pub fn next_cut(
        &self,
        course: Course,
        interval: Duration,
        now: Timestamp,
        unlisted_since: Option<Timestamp>,
    ) -> Option<Cut> {
        let start = self.next_start;
        if self.is_ended {
            // What came too late for the final digest.
            let waits_since = unlisted_since?;
            let is_due = match course {
                Course::Closing { is_drained, .. } => {
                    is_drained || now >= next_on_grid(self.since, interval, waits_since.min(now))
                }
                Course::Running | Course::Over => true,
            };
            let end = whole_second(now).max(start.plus(SECOND));
            return is_due.then_some(Cut {
                kind: DigestKind::Backfill,
                start,
                end,
                is_final: true,
            });
        }
        let next_end = self.next_end(interval);
        if now >= next_end {
            let owed = next_on_grid(
                self.since,
                interval,
                before(now, interval.saturating_mul(OWED_MAX + 1)),
            );
            let end = next_end.max(owed);
            let is_final = matches!(course, Course::Closing { at, .. } if at.plus(GRACE) <= end);
            return Some(Cut { kind: DigestKind::Standard, start, end, is_final });
        }
        let is_final = match course {
            Course::Running => false,
            Course::Closing { is_drained, .. } => is_drained,
            Course::Over => true,
        };
        // Its first digest ends where it begins, and is owed even if the clock was set back.
        let end = match self.previous {
            Some(_) => whole_second(now).max(start.plus(SECOND)).min(next_end),
            None => next_end,
        };
        is_final.then_some(Cut { kind: DigestKind::Standard, start, end, is_final })
    }

    /// The digest of a stretch, to be signed by the key of this fingerprint.
    #[must_use]
    pub fn digest(
        &self,
        cut: Cut,
        bucket: &BucketName,
        prefix: Option<&KeyPrefix>,
        fingerprint: String,
        receipts: &[Receipt],
    ) -> Digest {
        let iso = |time: Option<Timestamp>| time.map(Timestamp::to_iso_seconds);
        let previous = self.previous_of(cut.kind);
        let listed = receipts.iter().map(|receipt| ListedFile {
            s3_bucket: receipt.bucket.to_string(),
            s3_object: receipt.key.clone(),
            hash_value: receipt.sha256.clone(),
            hash_algorithm: HASH_ALGORITHM.to_owned(),
            newest_event_time: iso(receipt.newest),
            oldest_event_time: iso(receipt.oldest),
        });
        Digest {
            aws_account_id: self.id.account.to_string(),
            digest_start_time: cut.start.to_iso_seconds(),
            digest_end_time: cut.end.to_iso_seconds(),
            digest_s3_bucket: bucket.to_string(),
            digest_s3_object: self.id.key(prefix, cut.end, cut.kind),
            digest_public_key_fingerprint: fingerprint,
            digest_signature_algorithm: SIGNATURE_ALGORITHM.to_owned(),
            newest_event_time: iso(receipts.iter().filter_map(|receipt| receipt.newest).max()),
            oldest_event_time: iso(receipts.iter().filter_map(|receipt| receipt.oldest).min()),
            previous_digest_s3_bucket: previous.map(|previous| previous.bucket.to_string()),
            previous_digest_s3_object: previous.map(|previous| previous.key.clone()),
            previous_digest_hash_value: previous.map(|previous| previous.sha256.clone()),
            previous_digest_hash_algorithm: previous.map(|_| HASH_ALGORITHM.to_owned()),
            previous_digest_signature: previous.map(|previous| previous.signature.clone()),
            log_files: listed.collect(),
        }
    }

    /// The chain after the digest that was on its way is in its bucket.
    #[must_use]
    pub fn delivered(mut self) -> Chain {
        let Some(prepared) = self.prepared.take() else { return self };
        let Prepared { cut, bucket, key, body, signature, through, .. } = *prepared;
        let sha256 = sha256_hex(body.as_bytes());
        let previous = Some(Previous { bucket, key, sha256, signature });
        self.listed_through = self.listed_through.max(through);
        self.next_start = cut.end;
        self.has_written = true;
        match cut.kind {
            DigestKind::Standard => {
                self.previous = previous;
                self.is_ended = cut.is_final;
            }
            DigestKind::Backfill => self.previous_backfill = previous,
        }
        self
    }

    fn previous_of(&self, kind: DigestKind) -> Option<&Previous> {
        match kind {
            DigestKind::Standard => self.previous.as_ref(),
            DigestKind::Backfill => self.previous_backfill.as_ref(),
        }
    }
}

impl Prepared {
    /// The object's user metadata.
    #[must_use]
    pub fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::from([
            (SIGNATURE.to_owned(), self.signature.clone()),
            (ALGORITHM.to_owned(), SIGNATURE_ALGORITHM.to_owned()),
        ]);
        if self.cut.kind == DigestKind::Backfill {
            let generated = self.cut.end.to_iso_seconds().replace('Z', ".000Z");
            metadata.insert(GENERATED.to_owned(), generated);
        }
        metadata
    }
}

/// The first moment after `after` that lies whole intervals from `since`.
fn next_on_grid(since: Timestamp, interval: Duration, after: Timestamp) -> Timestamp {
    let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
    let passed = after.as_millis().saturating_sub(since.as_millis());
    let ahead = interval - passed.rem_euclid(interval);
    Timestamp::from_millis(after.as_millis().saturating_add(ahead))
}

/// The last moment up to `until` that lies whole intervals from `since`.
#[must_use]
pub fn last_on_grid(since: Timestamp, interval: Duration, until: Timestamp) -> Timestamp {
    before(next_on_grid(since, interval, until), interval)
}

/// The next whole second.
#[must_use]
pub fn whole_second(time: Timestamp) -> Timestamp {
    time.round_up_to(SECOND)
}

fn before(time: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(time.as_millis().saturating_sub(by))
}
