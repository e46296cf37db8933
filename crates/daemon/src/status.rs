//! How each trail fares at its bucket, topic and log group: what GetTrailStatus tells, over restarts.
//!
//! Delivery and notifier note it as they go; here it is kept in one small file, `status.json`, which
//! is replaced as a whole when something changed, every few seconds and at the stop. A crash costs
//! what came since: the next delivery says it again. A damaged file costs what it held, with a warning,
//! and stops nothing.
//!
//! | change of definitions | what becomes of the status |
//! | --- | --- |
//! | a trail is removed | it is forgotten, on disk too before the change is over: a trail that takes its name begins anew |
//! | a trail has another topic | the error of the former one is forgotten |
//! | a trail loses its log group | so does its status |
//! | a trail writes no digests any more | so does its status |
//!
//! Source: AWS CloudTrail API Reference, `GetTrailStatus`.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::TrailStatus;
use disk::Disk;
use model::{TopicArn, TrailArn};
use outbox::{Status, Statuses};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use trails::Definitions;

/// The file, in the data directory.
pub const FILE: &str = "status.json";

/// How often it is written at most.
const WRITE_EVERY: Duration = Duration::from_secs(5);

/// What delivery, notifier and logs note, and the file that keeps it.
#[derive(Debug)]
pub struct StatusBook {
    disk: Arc<dyn Disk>,
    deliveries: Statuses,
    notices: Statuses,
    logs: Statuses,
    digests: Statuses,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The trails that are defined, and their topics.
    topics: BTreeMap<TrailArn, Option<TopicArn>>,
    /// What the file holds.
    written: Vec<u8>,
}

/// What the file holds of a trail.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Entry {
    topic: Option<TopicArn>,
    delivery: Status,
    notification: Status,
    cloudwatch_logs: Status,
    digests: Status,
}

impl StatusBook {
    /// Reads the file, and gives what it says of trails that are still defined to those who note it
    /// from now on.
    #[must_use]
    pub fn open(
        disk: Arc<dyn Disk>,
        [deliveries, notices, logs, digests]: [Statuses; 4],
        definitions: &Definitions,
    ) -> StatusBook {
        let mut state = State::default();
        for (trail, entry) in read(&*disk) {
            deliveries.restore(&trail, entry.delivery);
            notices.restore(&trail, entry.notification);
            logs.restore(&trail, entry.cloudwatch_logs);
            digests.restore(&trail, entry.digests);
            state.topics.insert(trail, entry.topic);
        }
        let book =
            StatusBook { disk, deliveries, notices, logs, digests, state: Mutex::new(state) };
        book.define(definitions);
        book
    }

    /// How a trail fares.
    #[must_use]
    pub fn of(&self, trail: &TrailArn) -> TrailStatus {
        let (delivery, notification) = (self.deliveries.of(trail), self.notices.of(trail));
        let (logs, digests) = (self.logs.of(trail), self.digests.of(trail));
        TrailStatus {
            latest_delivery_time: delivery.latest_time,
            latest_delivery_error: delivery.latest_error,
            latest_notification_time: notification.latest_time,
            latest_notification_error: notification.latest_error,
            latest_cloudwatch_logs_delivery_time: logs.latest_time,
            latest_cloudwatch_logs_delivery_error: logs.latest_error,
            latest_digest_delivery_time: digests.latest_time,
            latest_digest_delivery_error: digests.latest_error,
        }
    }

    /// These definitions come into force.
    pub fn define(&self, definitions: &Definitions) {
        let mut state = self.lock();
        let mut topics = BTreeMap::new();
        for definition in &definitions.trails {
            let (trail, topic) = (&definition.trail.arn, &definition.trail.topic);
            match state.topics.remove(trail) {
                // What its namesake left behind, late results of files on their way among it.
                None => self.forget(trail),
                Some(before) if before != *topic => self.notices.clear_error(trail),
                Some(_) => {}
            }
            self.deliveries.define(trail);
            self.notices.define(trail);
            match definition.log_group {
                Some(_) => self.logs.define(trail),
                None => self.logs.forget(trail),
            }
            match definition.validates_log_files {
                true => self.digests.define(trail),
                false => self.digests.forget(trail),
            }
            topics.insert(trail.clone(), topic.clone());
        }
        let removed = std::mem::replace(&mut state.topics, topics);
        removed.keys().for_each(|trail| self.forget(trail));
        if !removed.is_empty() {
            self.write(&mut state);
        }
    }

    /// A topic took the validation message: if it is still the trail's, its error is past.
    pub fn proved(&self, trail: &TrailArn, topic: Option<&TopicArn>) {
        if self.lock().topics.get(trail).is_some_and(|known| known.as_ref() == topic) {
            self.notices.clear_error(trail);
        }
    }

    /// Writes the file when something changed.
    pub fn save(&self) {
        self.write(&mut self.lock());
    }

    /// Saves now and then until `stopping` is set.
    pub async fn run(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(WRITE_EVERY);
        while !*stopping.borrow_and_update() {
            let book = Arc::clone(&self);
            if let Err(error) = tokio::task::spawn_blocking(move || book.save()).await {
                std::panic::resume_unwind(error.into_panic());
            }
            tokio::select! {
                _ = tick.tick() => {}
                _ = stopping.changed() => {}
            }
        }
    }

    fn forget(&self, trail: &TrailArn) {
        for statuses in [&self.deliveries, &self.notices, &self.logs, &self.digests] {
            statuses.forget(trail);
        }
    }

    fn write(&self, state: &mut State) {
        let entries: BTreeMap<&TrailArn, Entry> =
            state.topics.iter().map(|(trail, topic)| (trail, self.entry(trail, topic))).collect();
        let bytes = serde_json::to_vec(&entries).expect("statuses always serialize");
        if bytes == state.written {
            return;
        }
        match disk::replace(&*self.disk, FILE, &bytes) {
            Ok(()) => state.written = bytes,
            Err(error) => tracing::warn!(file = FILE, %error, "trail status could not be stored"),
        }
    }

    fn entry(&self, trail: &TrailArn, topic: &Option<TopicArn>) -> Entry {
        Entry {
            topic: topic.clone(),
            delivery: self.deliveries.of(trail),
            notification: self.notices.of(trail),
            cloudwatch_logs: self.logs.of(trail),
            digests: self.digests.of(trail),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(disk: &dyn Disk) -> BTreeMap<TrailArn, Entry> {
    let read = disk::read(disk, FILE);
    let parsed = read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::other));
    match parsed {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => {
            tracing::warn!(file = FILE, %error, "trail status is unreadable and begins anew");
            BTreeMap::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use disk::SimulatedDisk;
    use disk::simulated::{Fault, Operation};
    use model::Timestamp;
    use trails::{LogGroup, Trail, TrailDefinition};

    use super::*;

    fn arn(name: &str) -> TrailArn {
        format!("arn:aws:cloudtrail:eu-west-1:111111111111:trail/{name}").parse().unwrap()
    }

    fn topic(name: &str) -> Option<TopicArn> {
        Some(format!("arn:aws:sns:eu-west-1:111111111111:{name}").parse().unwrap())
    }

    fn trail(name: &str, topic: Option<TopicArn>) -> TrailDefinition {
        let trail = Trail { topic, ..Trail::new(arn(name), "bucket".parse().unwrap()) };
        let (arn, role_arn) = ("group".to_owned(), "role".to_owned());
        let log_group = Some(LogGroup { arn, role_arn });
        TrailDefinition { log_group, validates_log_files: true, ..trail.into() }
    }

    fn defined(trails: &[TrailDefinition]) -> Definitions {
        Definitions { trails: trails.to_vec(), ..Definitions::default() }
    }

    /// A process on a disk, with its four notebooks.
    fn start(disk: &SimulatedDisk, trails: &[TrailDefinition]) -> (StatusBook, [Statuses; 4]) {
        let statuses = [(); 4].map(|()| Statuses::default());
        let book = StatusBook::open(Arc::new(disk.clone()), statuses.clone(), &defined(trails));
        (book, statuses)
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// One that has seen good and bad everywhere.
    fn experienced() -> TrailStatus {
        TrailStatus {
            latest_delivery_time: Some(at(1)),
            latest_delivery_error: Some("AccessDenied".into()),
            latest_notification_time: Some(at(2)),
            latest_notification_error: Some("NotFound".into()),
            latest_cloudwatch_logs_delivery_time: Some(at(3)),
            latest_cloudwatch_logs_delivery_error: Some("ResourceNotFoundException".into()),
            latest_digest_delivery_time: Some(at(4)),
            latest_digest_delivery_error: Some("KMS.DisabledException".into()),
        }
    }

    fn experience([deliveries, notices, logs, digests]: &[Statuses; 4], trail: &TrailArn) {
        for (statuses, time, error) in [
            (deliveries, 1, "AccessDenied"),
            (notices, 2, "NotFound"),
            (logs, 3, "ResourceNotFoundException"),
            (digests, 4, "KMS.DisabledException"),
        ] {
            statuses.succeeded(trail, at(time));
            statuses.refused(trail, error);
        }
    }

    #[test]
    fn what_was_saved_survives_power_loss_and_the_rest_is_lost() {
        let (disk, trails) = (SimulatedDisk::default(), [trail("one", topic("news"))]);
        let (book, statuses) = start(&disk, &trails);
        experience(&statuses, &arn("one"));
        book.save();
        statuses[0].succeeded(&arn("one"), at(9));
        disk.lose_power(&mut |_| 0);
        let (book, statuses) = start(&disk, &trails);
        assert_eq!(book.of(&arn("one")), experienced());
        statuses[1].succeeded(&arn("one"), at(10));
        let status = book.of(&arn("one"));
        assert_eq!(status.latest_notification_time, Some(at(10)));
        assert_eq!(status.latest_notification_error, None);
        assert_eq!(status.latest_delivery_error, experienced().latest_delivery_error);
    }

    #[test]
    fn nothing_is_written_while_nothing_changes() {
        let (disk, trails) = (SimulatedDisk::default(), [trail("one", None)]);
        let (book, _) = start(&disk, &trails);
        book.save();
        disk.fail(Fault::once(Operation::Write));
        book.save();
        assert!(disk::replace(&disk, "other", b"one").is_err(), "nothing met the fault before");
    }

    #[test]
    fn a_trail_inherits_nothing_from_one_that_had_its_name() {
        let disk = SimulatedDisk::default();
        let trails = [trail("one", None), trail("two", None)];
        let (book, statuses) = start(&disk, &trails);
        experience(&statuses, &arn("one"));
        experience(&statuses, &arn("two"));
        book.save();
        book.define(&defined(&trails[1..]));
        assert_eq!(book.of(&arn("one")), TrailStatus::default());
        // A file that was on its way when the trail went.
        statuses[0].succeeded(&arn("one"), at(9));
        book.define(&defined(&trails));
        assert_eq!(book.of(&arn("one")), TrailStatus::default());
        // Killed before anything else is saved.
        let (book, _) = start(&disk, &trails);
        assert_eq!(book.of(&arn("one")), TrailStatus::default());
        assert_eq!(book.of(&arn("two")), experienced());
    }

    #[test]
    fn what_a_change_of_destination_ends_is_forgotten_and_nothing_else() {
        let before = trail("one", topic("news"));
        let check = |after: TrailDefinition, expected: TrailStatus| {
            let disk = SimulatedDisk::default();
            let (book, statuses) = start(&disk, std::slice::from_ref(&before));
            experience(&statuses, &arn("one"));
            book.save();
            book.define(&defined(std::slice::from_ref(&after)));
            assert_eq!(book.of(&arn("one")), expected, "as it runs");
            // The same when the configuration changed while nothing ran.
            let (book, _) = start(&disk, std::slice::from_ref(&after));
            assert_eq!(book.of(&arn("one")), expected, "after a restart");
        };
        check(before.clone(), experienced());
        let without_error = TrailStatus { latest_notification_error: None, ..experienced() };
        check(trail("one", topic("other")), without_error);
        let without_logs = TrailStatus {
            latest_cloudwatch_logs_delivery_time: None,
            latest_cloudwatch_logs_delivery_error: None,
            ..experienced()
        };
        let without_digests = TrailStatus {
            latest_digest_delivery_time: None,
            latest_digest_delivery_error: None,
            ..experienced()
        };
        check(TrailDefinition { validates_log_files: false, ..before.clone() }, without_digests);
        check(TrailDefinition { log_group: None, ..before.clone() }, without_logs);
    }

    #[test]
    fn a_topic_that_proves_itself_is_freed_of_its_error_if_it_is_the_trails() {
        let (book, statuses) = start(&SimulatedDisk::default(), &[trail("one", topic("news"))]);
        experience(&statuses, &arn("one"));
        book.proved(&arn("one"), topic("other").as_ref());
        assert_eq!(book.of(&arn("one")), experienced(), "an update may still fail");
        book.proved(&arn("one"), topic("news").as_ref());
        assert_eq!(book.of(&arn("one")).latest_notification_error, None);
    }

    #[test]
    fn a_damaged_file_and_a_disk_that_refuses_stop_nothing() {
        let (disk, trails) = (SimulatedDisk::default(), [trail("one", None)]);
        for damaged in [&b""[..], b"{", b"[]", br#"{"one":{}}"#] {
            disk::replace(&disk, FILE, damaged).unwrap();
            let (book, statuses) = start(&disk, &trails);
            assert_eq!(book.of(&arn("one")), TrailStatus::default());
            experience(&statuses, &arn("one"));
            disk.fail(Fault::once(Operation::Write));
            book.save();
            book.save();
            let (book, _) = start(&disk, &trails);
            assert_eq!(
                book.of(&arn("one")),
                experienced(),
                "what was not written is written later"
            );
        }
    }
}
