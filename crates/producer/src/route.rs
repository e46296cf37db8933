//! Routing: from a sealed segment to the log files of each trail. A function of the segment.
//!
//! Each event goes into exactly one file of each trail that takes it. A file never mixes trails,
//! accounts, Regions or folders; one that would exceed 50 MB goes on in another part. Files come in
//! a fixed order, and events in a file in the order of their recording. Trails that select the same
//! events of an account and Region share one content, which is compressed once.

use std::collections::BTreeMap;

use disk::Disk;
use model::log_file::{CLOSING, OPENING, UNCOMPRESSED_BYTES_MAX};
use model::{
    AccountId, BatchId, Destination, Folder, Identity, LogFileName, Region, Timestamp, TrailArn,
};
use trails::{Facts, Rules, Trail, TrailSet};

use crate::frame::{self, Stored};
use crate::segment::{self, Contents, Damage, SegmentError};

/// A sealed segment, read.
#[derive(Debug)]
pub struct Batch {
    contents: Contents,
    sealed_at: Timestamp,
}

/// The files that a batch becomes.
#[derive(Debug, Default)]
pub struct Plan {
    /// What files hold; a content is used by one file or by those of several trails.
    pub contents: Vec<Content>,
    /// For each trail in force, how many events it did not take.
    pub unselected: BTreeMap<TrailArn, u64>,
}

/// The events of one or several files, and those files.
#[derive(Debug)]
pub struct Content {
    /// Places of the events in the batch.
    pub events: Vec<u32>,
    /// The files that hold them.
    pub files: Vec<(LogFileName, Destination)>,
}

/// What one file must not mix. The order of files is the order of these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Partition {
    account: AccountId,
    region: Region,
    folder: Folder,
}

impl Batch {
    /// Reads a sealed segment.
    pub fn read(disk: &dyn Disk, batch: BatchId) -> Result<Batch, SegmentError> {
        Batch::read_with(Vec::new(), disk, batch)
    }

    /// The same, into a buffer that was used before, see [`Batch::into_buffer`].
    pub fn read_with(
        buffer: Vec<u8>,
        disk: &dyn Disk,
        batch: BatchId,
    ) -> Result<Batch, SegmentError> {
        let file = segment::path(batch);
        let contents = Contents::read_with(buffer, disk, &file)?;
        match contents.sealed_at {
            Some(sealed_at) => Ok(Batch { contents, sealed_at }),
            None => Err(Damage { file, offset: 0, reason: "it lost its seal".into() }.into()),
        }
    }

    /// The batch's number.
    #[must_use]
    pub fn id(&self) -> BatchId {
        self.contents.header.batch
    }

    /// The trails in force when its events were recorded.
    #[must_use]
    pub fn trails(&self) -> &TrailSet {
        &self.contents.header.trails
    }

    /// How many events it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contents.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One event.
    pub fn event(&self, index: u32) -> Result<Stored<'_>, Damage> {
        frame::read_event(self.contents.payload(index)).ok_or_else(|| self.unreadable(index))
    }

    /// The time and the record of one event.
    pub fn record(&self, index: u32) -> Result<(Option<Timestamp>, &[u8]), Damage> {
        frame::read_record(self.contents.payload(index)).ok_or_else(|| self.unreadable(index))
    }

    /// The buffer that it was read into, for the next batch.
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        self.contents.into_buffer()
    }

    fn unreadable(&self, index: u32) -> Damage {
        let reason = format!("event {index} is not what this version writes");
        Damage { file: segment::path(self.id()), offset: 0, reason }
    }

    /// The identities of its events, to be stored before it is retired.
    #[must_use]
    pub fn identities(&self) -> Vec<Identity> {
        self.contents.payloads().filter_map(frame::read_identity).collect()
    }

    /// Decides the files.
    pub fn plan(&self) -> Result<Plan, Damage> {
        let trails = self.trails();
        let mut taken = vec![0_u64; trails.trails.len()];
        let rules = Rules::of(trails);
        let mut partitions: BTreeMap<Partition, BTreeMap<usize, Parts>> = BTreeMap::new();
        for index in 0..u32::try_from(self.len()).expect("a segment holds fewer than 2^32 events") {
            let event = self.event(index)?;
            let facts = Facts::new(
                &event.account,
                &event.region,
                event.category,
                event.is_global,
                event.record,
            );
            let mut takers = rules.takers(&facts);
            let Some(first) = takers.next() else { continue };
            let files = partitions.entry(Partition::of(&event)).or_default();
            for place in std::iter::once(first).chain(takers) {
                taken[place] += 1;
                files.entry(place).or_default().push(index, event.record.len());
            }
        }
        let contents = partitions
            .into_iter()
            .flat_map(|(partition, files)| self.contents_of(&partition, files));
        let unselected =
            |(trail, taken): (&Trail, u64)| (trail.arn.clone(), self.len() as u64 - taken);
        Ok(Plan {
            contents: contents.collect(),
            unselected: trails.trails.iter().zip(taken).map(unselected).collect(),
        })
    }

    /// The contents of one partition: trails with the same events share them.
    fn contents_of(&self, partition: &Partition, files: BTreeMap<usize, Parts>) -> Vec<Content> {
        let mut contents: Vec<Content> = Vec::new();
        for (place, parts) in files {
            let trail = &self.trails().trails[place];
            for (part, events) in (0..).zip(parts.events) {
                let file = (self.name(partition, trail, part), trail.destination());
                match contents.iter_mut().find(|content| content.events == events) {
                    Some(shared) => shared.files.push(file),
                    None => contents.push(Content { events, files: vec![file] }),
                }
            }
        }
        contents
    }

    fn name(&self, partition: &Partition, trail: &Trail, part: u32) -> LogFileName {
        LogFileName {
            prefix: trail.prefix.clone(),
            organization: self.trails().organization_of(trail).cloned(),
            account: partition.account.clone(),
            folder: partition.folder,
            region: partition.region.clone(),
            sealed_at: self.sealed_at,
            batch: self.id(),
            journal: self.contents.header.journal,
            trail: trail.arn.clone(),
            part,
        }
    }
}

impl Partition {
    fn of(event: &Stored<'_>) -> Partition {
        Partition {
            account: event.account.clone(),
            region: event.region.clone(),
            folder: event.category.folder(),
        }
    }
}

/// Events of one file, and of the next part when that one is full.
#[derive(Debug, Default)]
struct Parts {
    events: Vec<Vec<u32>>,
    last_bytes: usize,
}

impl Parts {
    fn push(&mut self, index: u32, record_bytes: usize) {
        let fits = self.last_bytes + record_bytes + 1 + CLOSING.len() <= UNCOMPRESSED_BYTES_MAX;
        match self.events.last_mut().filter(|_| fits) {
            Some(part) => {
                part.push(index);
                self.last_bytes += record_bytes + 1;
            }
            None => {
                self.events.push(vec![index]);
                self.last_bytes = OPENING.len() + record_bytes;
            }
        }
    }
}
