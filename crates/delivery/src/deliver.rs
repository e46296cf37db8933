//! Delivery: each log file is placed, or parked on disk until its bucket takes it.
//!
//! A lane is what refuses or accepts together: a trail and its bucket. A file is tried once; when
//! that fails, or while the lane refuses anyway, it is parked (see [`outbox`]), so that the batch it
//! comes from can be retired and the journal does not fill up for everybody. Parked files of a lane
//! go out oldest first, one at a time; as soon as one of them went, new files are not parked any more.
//!
//! Work on the disk is done off the async threads. A parked file keeps its name and bucket, and is
//! encrypted with the key that its trail has when it is tried again.
//!
//! What always holds: a file is forgotten here only by [`Delivery::forget`], which the caller calls
//! when its notice is safe. A crash before that delivers it again, and meets the object in place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use disk::{Disk, ItemId};
use model::log_file::LogFileHeader;
use model::{BucketName, LogFile, Timestamp};
use outbox::{FirstFailure, LaneReport, Outbox, OutboxError, Remedy, RetrySettings, Statuses};
use tokio::sync::Semaphore;

use crate::place::{Placed, place, read_back};
use crate::store::{ObjectStore, StoreError};

/// The directory of parked files, in the data directory.
pub const DIRECTORY: &str = "spill";

/// A file that is in its bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// What is known of the file.
    pub header: LogFileHeader,
    /// Its key.
    pub key: String,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// S3 holds exactly these bytes under that key.
    Delivered(Box<Delivered>),
    /// The file is safe on disk and goes out when its bucket takes it.
    Parked,
}

/// A parked file whose turn has come; hand it to [`Delivery::retry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    lane: String,
    item: ItemId,
}

/// Why a file could be neither delivered nor parked: it stays where it came from.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The disk, or the lane's bound.
    #[error("a log file could not be parked: {0}")]
    Outbox(#[from] OutboxError),
    /// The disk does not let the parked files be read at the start.
    #[error("a parked log file could not be read: {0}")]
    Unreadable(String),
}

/// Delivers log files to one store.
#[derive(Debug)]
pub struct Delivery<S> {
    store: S,
    concurrency: usize,
    statuses: Statuses,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    outbox: Outbox,
    uploads: HashMap<BucketName, Arc<Semaphore>>,
    foreign_objects: u64,
    /// Parked files that are in their buckets and not forgotten yet. The file of one may be gone: a
    /// removal can fail after it took the name away.
    delivered: HashMap<ItemId, Delivered>,
}

impl<S: ObjectStore> Delivery<S> {
    /// Opens delivery and finds the parked files. `spill_bytes_max` bounds each lane; `concurrency`
    /// the uploads to one bucket.
    pub fn open(
        store: S,
        disk: Arc<dyn Disk>,
        spill_bytes_max: u64,
        concurrency: usize,
        retry: RetrySettings,
    ) -> Result<Delivery<S>, DeliveryError> {
        let outbox = Outbox::open(disk, DIRECTORY, spill_bytes_max, retry)?;
        let state = State {
            outbox,
            uploads: HashMap::new(),
            foreign_objects: 0,
            delivered: HashMap::new(),
        };
        let (statuses, state) = (Statuses::default(), Arc::new(Mutex::new(state)));
        Ok(Delivery { store, concurrency, statuses, state })
    }

    /// Delivers a file, or parks it. `random` is drawn from 0 to 1, for the pause after a failure.
    pub async fn deliver(
        &self,
        file: LogFile,
        now: Timestamp,
        random: f64,
    ) -> Result<Settled, DeliveryError> {
        let lane = lane(&file.header);
        if self.state().outbox.has_refused(&lane, now) {
            return self.park(lane, file, now).await;
        }
        match self.attempt(&lane, &file, now, random).await {
            Ok(delivered) => Ok(Settled::Delivered(Box::new(delivered))),
            Err(_) => self.park(lane, file, now).await,
        }
    }

    /// The parked files whose turn has come.
    pub fn take_due(&self, now: Timestamp) -> Vec<Parked> {
        let due = self.state().outbox.take_due(now);
        due.into_iter().map(|due| Parked { lane: due.lane, item: due.item }).collect()
    }

    /// Tries a parked file again; `None` when its bucket still refuses. `kms_key` says what the file
    /// is to be encrypted with.
    pub async fn retry(
        &self,
        parked: &Parked,
        kms_key: impl FnOnce(&LogFileHeader) -> Option<String>,
        now: Timestamp,
        random: f64,
    ) -> Result<Option<Delivered>, DeliveryError> {
        let item = parked.item;
        if let Some(delivered) = self.state().delivered.get(&item) {
            return Ok(Some(delivered.clone()));
        }
        let mut file = match self.with_disk(move |state| state.read(item)).await {
            Ok(file) => file,
            Err(Unreadable::ForGood(error)) => {
                self.set_aside(parked, &error).await?;
                return Ok(None);
            }
            Err(Unreadable::ForNow(error)) => {
                self.keep(parked, &error, now, random);
                return Ok(None);
            }
        };
        file.header.destination.kms_key = kms_key(&file.header);
        let tried = self.attempt(&parked.lane, &file, now, random).await;
        match &tried {
            Ok(delivered) => drop(self.state().delivered.insert(item, delivered.clone())),
            Err(_) => self.state().outbox.release(item),
        }
        Ok(tried.ok())
    }

    /// A parked file was delivered, but it could not be forgotten or its notice is not safe: it
    /// stays parked, and its lane pauses.
    pub fn keep(&self, parked: &Parked, error: &str, now: Timestamp, random: f64) {
        let mut state = self.state();
        state.outbox.failed(&parked.lane, error, now, random);
        state.outbox.release(parked.item);
    }

    /// A parked file was delivered and its notice is safe: it is forgotten, durably.
    pub async fn forget(&self, parked: &Parked) -> Result<(), DeliveryError> {
        let item = parked.item;
        let forget = move |state: &mut State| {
            state.outbox.remove(item)?;
            state.delivered.remove(&item);
            Ok(())
        };
        self.with_disk(forget).await
    }

    /// Sets files aside that have been refused for too long. They are kept on disk.
    pub async fn expire(&self, now: Timestamp) -> Result<usize, DeliveryError> {
        let expire = move |state: &mut State| {
            let expired = state.outbox.expire(now)?;
            for item in &expired {
                state.delivered.remove(&item.item);
                let (lane, file) = (&item.lane, item.item);
                tracing::error!(lane, %file, "a log file was refused for too long and is set aside");
            }
            Ok(expired.len())
        };
        self.with_disk(expire).await
    }

    /// The content of a log file that lies in its bucket; `None` when it is gone, or is another one.
    pub async fn read_back(
        &self,
        bucket: &BucketName,
        key: &str,
        sha256: &str,
        bytes_max: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        read_back(&self.store, bucket, key, sha256, bytes_max).await
    }

    /// How trails fare at their buckets.
    pub fn statuses(&self) -> &Statuses {
        &self.statuses
    }

    /// The lanes that refuse or hold parked files.
    pub fn lanes(&self) -> Vec<LaneReport> {
        self.state().outbox.lanes()
    }

    /// The files that are parked, read from the disk. Damaged ones are left out: nothing is known of
    /// what they hold, and they are set aside when their turn comes.
    pub fn parked_files(&self) -> Result<Vec<LogFileHeader>, DeliveryError> {
        let state = self.state();
        let mut files = Vec::new();
        for item in state.outbox.items() {
            match state.read(item) {
                Ok(file) => files.push(file.header),
                Err(Unreadable::ForGood(_)) => {}
                Err(Unreadable::ForNow(error)) => return Err(DeliveryError::Unreadable(error)),
            }
        }
        Ok(files)
    }

    /// Files on disk that were given up: damaged, or refused for too long.
    pub fn set_aside_files(&self) -> Vec<String> {
        self.state().outbox.set_aside().to_vec()
    }

    /// Objects met under a derived name that Cairn did not put there.
    pub fn foreign_objects(&self) -> u64 {
        self.state().foreign_objects
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does work that waits for the disk off the async threads.
    async fn with_disk<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State) -> R + Send + 'static,
    ) -> R {
        let state = Arc::clone(&self.state);
        let locked = move || work(&mut state.lock().unwrap_or_else(PoisonError::into_inner));
        match tokio::task::spawn_blocking(locked).await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn park(
        &self,
        lane: String,
        file: LogFile,
        now: Timestamp,
    ) -> Result<Settled, DeliveryError> {
        let park = move |state: &mut State| {
            state.outbox.park(&lane, &file.to_bytes(), now)?;
            Ok(Settled::Parked)
        };
        self.with_disk(park).await
    }

    async fn set_aside(&self, parked: &Parked, error: &str) -> Result<(), DeliveryError> {
        tracing::error!(
            lane = parked.lane,
            error,
            "a parked log file is unreadable and is set aside"
        );
        let item = parked.item;
        self.with_disk(move |state| Ok(state.outbox.set_aside_damaged(item)?)).await
    }

    async fn attempt(
        &self,
        lane: &str,
        file: &LogFile,
        now: Timestamp,
        random: f64,
    ) -> Result<Delivered, StoreError> {
        let uploads = self.uploads(&file.header.destination.bucket);
        let permit = uploads.acquire().await.expect("the semaphore is never closed");
        let placed = place(&self.store, file).await;
        drop(permit);
        match placed {
            Ok(placed) => Ok(self.succeeded(lane, file, placed, now)),
            Err(error) => {
                self.failed(lane, file, &error, now, random);
                Err(error)
            }
        }
    }

    fn uploads(&self, bucket: &BucketName) -> Arc<Semaphore> {
        let mut state = self.state();
        let uploads = state.uploads.entry(bucket.clone());
        Arc::clone(uploads.or_insert_with(|| Arc::new(Semaphore::new(self.concurrency))))
    }

    fn succeeded(&self, lane: &str, file: &LogFile, placed: Placed, now: Timestamp) -> Delivered {
        let mut state = self.state();
        let trail = &file.header.name.trail;
        self.statuses.succeeded(trail, now);
        state.foreign_objects += placed.foreign.len() as u64;
        if state.outbox.succeeded(lane) {
            tracing::info!(%trail, bucket = %file.header.destination.bucket, "the bucket takes log files again");
        }
        for key in &placed.foreign {
            tracing::error!(%trail, bucket = %file.header.destination.bucket, key, "a foreign object holds the name of a log file");
        }
        Delivered { header: file.header.clone(), key: placed.key }
    }

    fn failed(&self, lane: &str, file: &LogFile, error: &StoreError, now: Timestamp, random: f64) {
        let mut state = self.state();
        let trail = &file.header.name.trail;
        if error.is_of_the_destination() {
            self.statuses.refused(trail, &error.code);
        }
        if state.outbox.failed(lane, &error.to_string(), now, random) == FirstFailure::Yes {
            tracing::warn!(%trail, bucket = %file.header.destination.bucket, %error, "the bucket refuses log files; they are parked and tried again");
        }
    }
}

/// Why a parked file could not be read.
enum Unreadable {
    /// Its bytes are not what was parked.
    ForGood(String),
    /// The disk refused; it may not the next time.
    ForNow(String),
}

impl State {
    fn read(&self, item: ItemId) -> Result<LogFile, Unreadable> {
        let bytes = self.outbox.read(item).map_err(|error| match error.remedy() {
            Remedy::SetAside => Unreadable::ForGood(error.to_string()),
            Remedy::Retry => Unreadable::ForNow(error.to_string()),
        })?;
        LogFile::from_bytes(&bytes).map_err(|error| Unreadable::ForGood(error.to_string()))
    }
}

fn lane(header: &LogFileHeader) -> String {
    format!("{} {}", header.name.trail, header.destination.bucket)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use disk::SimulatedDisk;
    use disk::simulated::{Fault, Operation};
    use flate2::{Compression, write::GzEncoder};
    use model::{BatchId, Destination, Folder, LogFileName};
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::memory::{Fault as StoreFault, MemoryStore};
    use crate::store::Put;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn file(bucket: &str, batch: u64) -> LogFile {
        let content = format!(r#"{{"Records":[{{"eventID":"{batch}"}}]}}"#);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        std::io::Write::write_all(&mut gzip, content.as_bytes()).unwrap();
        let name = LogFileName {
            prefix: None,
            organization: None,
            account: "111111111111".parse().unwrap(),
            folder: Folder::CloudTrail,
            region: "eu-west-1".parse().unwrap(),
            sealed_at: NOW,
            batch: BatchId(batch),
            journal: 1,
            trail: format!("arn:aws:cloudtrail:eu-west-1:111111111111:trail/to-{bucket}")
                .parse()
                .unwrap(),
            part: 0,
        };
        let destination =
            Destination { bucket: bucket.parse().unwrap(), kms_key: None, topic: None };
        let sha256 = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        let header = LogFileHeader {
            name,
            destination,
            sha256,
            records: 1,
            uncompressed_bytes: content.len() as u64,
            oldest: None,
            newest: None,
        };
        LogFile { header, body: Bytes::from(gzip.finish().unwrap()) }
    }

    fn delivery(disk: &SimulatedDisk) -> Delivery<MemoryStore> {
        Delivery::open(
            MemoryStore::default(),
            Arc::new(disk.clone()),
            1 << 20,
            4,
            RetrySettings::default(),
        )
        .unwrap()
    }

    fn error(code: &str) -> StoreError {
        StoreError { code: code.into(), message: "planned".into() }
    }

    fn put(file: &LogFile, attempt: u32, body: Bytes) -> Put {
        Put {
            bucket: file.header.destination.bucket.clone(),
            key: file.header.name.key(attempt),
            body,
            kms_key: None,
            metadata: crate::store::Metadata::new(),
            trail: file.header.name.trail.clone(),
        }
    }

    #[tokio::test]
    async fn a_file_that_is_there_already_is_delivered_and_not_doubled() {
        let delivery = delivery(&SimulatedDisk::default());
        for _ in 0..2 {
            let settled = delivery.deliver(file("one", 1), NOW, 0.5).await.unwrap();
            let Settled::Delivered(delivered) = settled else { panic!("{settled:?}") };
            assert_eq!(delivered.key, file("one", 1).header.name.key(0));
        }
        assert_eq!(delivery.store.objects().len(), 1);
        assert_eq!(delivery.foreign_objects(), 0);
    }

    #[tokio::test]
    async fn an_object_of_the_same_content_is_ours_however_it_was_compressed() {
        let delivery = delivery(&SimulatedDisk::default());
        let file = file("one", 1);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
        std::io::Write::write_all(&mut gzip, br#"{"Records":[{"eventID":"1"}]}"#).unwrap();
        let other = Bytes::from(gzip.finish().unwrap());
        assert_ne!(other, file.body);
        delivery.store.plant(put(&file, 0, other));
        delivery.deliver(file, NOW, 0.5).await.unwrap();
        assert_eq!(delivery.store.objects().len(), 1);
    }

    #[tokio::test]
    async fn a_foreign_object_is_told_and_the_file_takes_its_next_name() {
        for foreign in [&b""[..], b"not gzip", b"\x1f\x8b\x08"] {
            let delivery = delivery(&SimulatedDisk::default());
            let file = file("one", 1);
            delivery.store.plant(put(&file, 0, Bytes::from_static(foreign)));
            for _ in 0..2 {
                let settled = delivery.deliver(file.clone(), NOW, 0.5).await.unwrap();
                let Settled::Delivered(delivered) = settled else { panic!("{settled:?}") };
                assert_eq!(delivered.key, file.header.name.key(1));
            }
            assert_eq!(delivery.store.objects().len(), 2);
            assert_eq!(delivery.foreign_objects(), 2);
        }
    }

    #[tokio::test]
    async fn only_what_was_delivered_is_read_back_and_no_more_than_that() {
        let file = file("one", 1);
        let (bucket, key) = (&file.header.destination.bucket, file.header.name.key(0));
        let (sha256, bytes) = (&file.header.sha256, file.header.uncompressed_bytes);
        let gzip = |content: &[u8]| {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            std::io::Write::write_all(&mut gzip, content).unwrap();
            Bytes::from(gzip.finish().unwrap())
        };
        let bomb = gzip(&vec![b' '; 64 << 10]);
        // Our text first, and much behind it.
        let long = Bytes::from([&file.body[..], &[0; 4096]].concat());
        for (object, is_ours) in [
            (file.body.clone(), true),
            (bomb, false),
            (long, false),
            (gzip(br#"{"Records":[{"eventID":"2"}]}"#), false),
        ] {
            let delivery = delivery(&SimulatedDisk::default());
            delivery.store.plant(put(&file, 0, object));
            let read = delivery.read_back(bucket, &key, sha256, bytes).await.unwrap();
            let expected = is_ours.then(|| br#"{"Records":[{"eventID":"1"}]}"#.to_vec());
            assert_eq!(read, expected);
            assert!(read.is_none_or(|content| content.capacity() <= 64));
        }
    }

    #[tokio::test]
    async fn a_refused_file_is_parked_survives_power_loss_and_goes_out() {
        let disk = SimulatedDisk::default();
        let first = delivery(&disk);
        let trail = file("one", 1).header.name.trail;
        first.statuses().define(&trail);
        first.store.refuse("one", Some(error("AccessDenied")));
        for batch in 1..=2 {
            assert_eq!(first.deliver(file("one", batch), NOW, 0.5).await.unwrap(), Settled::Parked);
        }
        assert_eq!(first.statuses().of(&trail).latest_error.as_deref(), Some("AccessDenied"));
        disk.lose_power(&mut |_| 0);

        let second = delivery(&disk);
        let parked: Vec<String> =
            second.parked_files().unwrap().iter().map(|header| header.name.key(0)).collect();
        let mut keys = Vec::new();
        for _ in 0..2 {
            let due = second.take_due(NOW);
            assert_eq!(due.len(), 1, "one file of a lane at a time");
            keys.push(second.retry(&due[0], |_| None, NOW, 0.5).await.unwrap().unwrap().key);
            second.forget(&due[0]).await.unwrap();
        }
        assert_eq!(keys, [file("one", 1).header.name.key(0), file("one", 2).header.name.key(0)]);
        assert_eq!(parked, keys);
        assert!(second.take_due(NOW).is_empty() && second.parked_files().unwrap().is_empty());
        assert_eq!(second.statuses().of(&trail).latest_error, None);
    }

    #[tokio::test]
    async fn a_bucket_that_takes_one_parked_file_takes_new_ones_at_once() {
        let delivery = delivery(&SimulatedDisk::default());
        delivery.store.refuse("one", Some(error("AccessDenied")));
        for batch in 1..=3 {
            delivery.deliver(file("one", batch), NOW, 0.5).await.unwrap();
        }
        delivery.store.refuse("one", None);
        let later = NOW.plus(Duration::from_secs(600));
        let settled = delivery.deliver(file("one", 4), later, 0.5).await.unwrap();
        assert_eq!(settled, Settled::Parked, "the oldest file tries it");
        let due = delivery.take_due(later);
        delivery.retry(&due[0], |_| None, later, 0.5).await.unwrap().unwrap();
        delivery.forget(&due[0]).await.unwrap();
        let settled = delivery.deliver(file("one", 5), later, 0.5).await.unwrap();
        assert!(matches!(settled, Settled::Delivered(_)), "the backlog does not grow any more");
        assert_eq!(delivery.parked_files().unwrap().len(), 3);
    }

    #[tokio::test]
    async fn a_parked_file_that_the_disk_does_not_give_now_is_tried_again() {
        let disk = SimulatedDisk::default();
        let delivery = delivery(&disk);
        delivery.store.refuse("one", Some(error("AccessDenied")));
        delivery.deliver(file("one", 1), NOW, 0.5).await.unwrap();
        delivery.store.refuse("one", None);
        disk.fail(Fault::once(Operation::Read));
        let later = NOW.plus(Duration::from_secs(600));
        let due = delivery.take_due(later);
        assert_eq!(delivery.retry(&due[0], |_| None, later, 0.5).await.unwrap(), None);
        assert!(delivery.set_aside_files().is_empty(), "a passing error gives nothing up");
        let later = later.plus(Duration::from_secs(600));
        let due = delivery.take_due(later);
        assert!(delivery.retry(&due[0], |_| None, later, 0.5).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_refusing_bucket_holds_up_no_other() {
        let delivery = delivery(&SimulatedDisk::default());
        delivery.store.refuse("one", Some(error("NoSuchBucket")));
        assert_eq!(delivery.deliver(file("one", 1), NOW, 0.5).await.unwrap(), Settled::Parked);
        let settled = delivery.deliver(file("two", 1), NOW, 0.5).await.unwrap();
        assert!(matches!(settled, Settled::Delivered(_)));
    }

    #[tokio::test]
    async fn a_lost_answer_does_not_double_the_file() {
        let delivery = delivery(&SimulatedDisk::default());
        let trail = file("one", 1).header.name.trail;
        delivery.statuses().define(&trail);
        delivery.store.plan([Some(StoreFault::After(error("Timeout")))]);
        assert_eq!(delivery.deliver(file("one", 1), NOW, 0.0).await.unwrap(), Settled::Parked);
        let later = NOW.plus(Duration::from_secs(600));
        let due = delivery.take_due(later);
        let delivered = delivery.retry(&due[0], |_| None, later, 0.5).await.unwrap().unwrap();
        assert_eq!(delivered.key, file("one", 1).header.name.key(0));
        assert_eq!(delivery.store.objects().len(), 1);
        assert_eq!(
            delivery.statuses().of(&trail).latest_error,
            None,
            "a time-out is not the bucket's"
        );
    }

    #[tokio::test]
    async fn a_full_lane_refuses_and_the_file_stays_where_it_came_from() {
        let disk = SimulatedDisk::default();
        let store = MemoryStore::default();
        store.refuse("one", Some(error("AccessDenied")));
        let delivery =
            Delivery::open(store, Arc::new(disk), 1, 4, RetrySettings::default()).unwrap();
        assert!(
            delivery.deliver(file("one", 1), NOW, 0.5).await.is_ok(),
            "an empty lane takes one"
        );
        assert!(matches!(
            delivery.deliver(file("one", 2), NOW, 0.5).await,
            Err(DeliveryError::Outbox(OutboxError::Full { .. }))
        ));
    }
}
