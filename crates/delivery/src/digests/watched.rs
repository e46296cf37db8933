//! Which trails write digests, and since when: one stretch of logging after the other.
//!
//! | what happens | what becomes of the trail's chains |
//! | --- | --- |
//! | logging or validation is switched on | they begin, with a starting digest |
//! | logging is stopped, the trail is deleted | a final digest, when all that was recorded before is delivered, or the interval ends (five minutes later at the soonest); what comes later goes into backfill digests |
//! | validation is switched off | a final digest at once; what comes later is in none |
//! | logging was stopped and started in the meantime | a final digest at once, and a starting digest after it |
//!
//! Source: AWS CloudTrail User Guide, "CloudTrail digest file structure".

use std::collections::BTreeMap;
use std::time::Duration;

use model::{BatchId, BucketName, KeyPrefix, OrganizationId, Timestamp, TrailArn};
use serde::{Deserialize, Serialize};
use trails::Definitions;

use super::chain::{Course, whole_second};

/// How long the final digests are tried of a trail whose validation was switched off.
const OFF_MAX: Duration = Duration::from_secs(3600);

/// A trail that writes digests, or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// The trail.
    pub trail: TrailArn,
    /// Where its digests go.
    pub place: Place,
    /// Tells stretches of logging apart.
    pub epoch: u64,
    /// When this stretch began: its chains' intervals count from here.
    pub since: Timestamp,
    /// `StartLoggingTime`, by which a stop in the meantime is known.
    pub logging_started: Option<Timestamp>,
    /// The number of the last receipts file before the trail was watched.
    pub after: u64,
    /// What it is about.
    pub phase: Phase,
}

/// Where the digests of a trail go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// `S3BucketName`.
    pub bucket: BucketName,
    /// `S3KeyPrefix`.
    pub prefix: Option<KeyPrefix>,
    /// `KmsKeyId`.
    pub kms_key: Option<String>,
    /// Of an organization trail.
    pub organization: Option<OrganizationId>,
}

/// What a trail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// It logs, and validation is on.
    Running,
    /// It was stopped or deleted.
    Stopped {
        /// When that was seen.
        at: Timestamp,
        /// The last batch whose events were recorded before.
        boundary: BatchId,
        /// Whether the trail is gone, or validates nothing any more. Else it may start again, and all its
        /// chains with it.
        is_deleted: bool,
    },
    /// Validation was switched off.
    Off {
        /// When that was seen.
        at: Timestamp,
    },
}

impl Watched {
    /// Whether its log files get receipts.
    #[must_use]
    pub fn wants_receipts(&self) -> bool {
        !matches!(self.phase, Phase::Off { .. })
    }

    /// Whether its last digests were refused for so long that they are given up. Whoever switches
    /// validation off may do so because the bucket takes no digests.
    #[must_use]
    pub fn is_given_up(&self, now: Timestamp, give_up_after: Duration) -> bool {
        match self.phase {
            Phase::Running => false,
            Phase::Stopped { at, .. } => now.since(at) > give_up_after,
            Phase::Off { at } => now.since(at) > OFF_MAX,
        }
    }

    /// What a chain of an epoch is to do. `is_drained` says whether all that was recorded before a stop
    /// is delivered.
    #[must_use]
    pub fn course(&self, epoch: u64, is_drained: bool) -> Course {
        match self.phase {
            Phase::Stopped { at, .. } if epoch == self.epoch => Course::Closing { at, is_drained },
            Phase::Running if epoch == self.epoch => Course::Running,
            _ => Course::Over,
        }
    }
}

/// The trails that are watched after these definitions came into force. `boundary` is the last batch
/// that was recorded before, `after` the number of the last receipts file. `last_epoch` is the highest
/// one of which anything is left, also of a trail that is gone: its chains may be found again.
#[must_use]
pub fn define(
    watched: &BTreeMap<TrailArn, Watched>,
    definitions: &Definitions,
    now: Timestamp,
    boundary: BatchId,
    after: u64,
    last_epoch: u64,
) -> BTreeMap<TrailArn, Watched> {
    let now_millis = u64::try_from(now.as_millis()).unwrap_or_default();
    let mut next_epoch = now_millis.max(last_epoch + 1);
    let mut defined = BTreeMap::new();
    let mut insert = |one: Watched| drop(defined.insert(one.trail.clone(), one));
    for definition in &definitions.trails {
        let trail = &definition.trail;
        let before = watched.get(&trail.arn);
        let organization = definitions.organization.as_ref().filter(|_| trail.is_organization);
        let place = Place {
            bucket: trail.bucket.clone(),
            prefix: trail.prefix.clone(),
            kms_key: trail.kms_key.clone(),
            organization: organization.map(|organization| organization.id.clone()),
        };
        let logging_started =
            definitions.logging.get(&trail.arn).and_then(|logging| logging.started);
        let is_on = trail.is_logging && definition.validates_log_files;
        let goes_on = before.filter(|one| {
            one.phase == Phase::Running
                && one.logging_started == logging_started
                // Its digests lie in other folders: other chains begin.
                && one.place.organization == place.organization
        });
        match (is_on, goes_on, before) {
            (true, Some(before), _) => insert(Watched { place, ..before.clone() }),
            (true, None, before) => {
                insert(Watched {
                    trail: trail.arn.clone(),
                    place,
                    epoch: next_epoch,
                    since: whole_second(now),
                    logging_started,
                    after: before.map_or(after, |before| before.after),
                    phase: Phase::Running,
                });
                next_epoch += 1;
            }
            (false, _, Some(before)) => {
                let before = Watched { place, ..before.clone() };
                insert(match (trail.is_logging, definition.validates_log_files) {
                    (true, _) => off(before, now),
                    (false, true) => stopped(before, now, boundary),
                    (false, false) => deleted(stopped(before, now, boundary)),
                });
            }
            (false, _, None) => {}
        }
    }
    for (trail, before) in watched {
        let deleted = || deleted(stopped(before.clone(), now, boundary));
        defined.entry(trail.clone()).or_insert_with(deleted);
    }
    defined
}

fn stopped(watched: Watched, now: Timestamp, boundary: BatchId) -> Watched {
    match watched.phase {
        Phase::Running => {
            let phase = Phase::Stopped { at: now, boundary, is_deleted: false };
            Watched { phase, ..watched }
        }
        Phase::Stopped { .. } | Phase::Off { .. } => watched,
    }
}

fn deleted(watched: Watched) -> Watched {
    match watched.phase {
        Phase::Stopped { at, boundary, .. } => {
            let phase = Phase::Stopped { at, boundary, is_deleted: true };
            Watched { phase, ..watched }
        }
        Phase::Running | Phase::Off { .. } => watched,
    }
}

fn off(watched: Watched, now: Timestamp) -> Watched {
    match watched.phase {
        Phase::Off { .. } => watched,
        Phase::Running | Phase::Stopped { .. } => {
            Watched { phase: Phase::Off { at: now }, ..watched }
        }
    }
}

/// The moment at which a chain begins whose first log file was delivered now: on the trail's own
/// minute and second.
#[must_use]
pub fn begin(watched: &Watched, interval: Duration, now: Timestamp) -> Timestamp {
    let begun = super::chain::last_on_grid(watched.since, interval, now);
    // A beginning that lies further ahead is of a clock that was wrong.
    match watched.since > now.plus(interval) {
        true => begun,
        false => begun.max(watched.since),
    }
}
