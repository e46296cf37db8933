//! What a segment holds at this moment, for a process that reads beside the daemon.
//!
//! Such a reader takes no lock, so the file may be written, retired or used again while it reads. It
//! believes frames by their checksums, which cover the segment's nonce, and stops at the first that is
//! not true: what it gives was recorded, in its order and without gaps. The last of it may not be synced
//! yet, and be gone after a loss of power.

use bytes::Bytes;
use model::{BatchId, Event};

use crate::frame::{self, Kind};
use crate::segment::Header;

/// The beginning of a batch, or all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glimpse {
    /// Which batch.
    pub batch: BatchId,
    /// Its events, each with its place in the batch.
    pub events: Vec<(u32, Event)>,
}

/// Reads a segment's bytes; `None` of a file that is none, or not yet.
#[must_use]
pub fn peek(bytes: &Bytes) -> Option<Glimpse> {
    let (header, mut at) = Header::parse(bytes).ok()?;
    let mut events = Vec::new();
    let mut index = 0;
    while let Some(frame) = frame::at(bytes, at, header.nonce) {
        match frame.kind {
            Kind::Event => {
                let event = frame::read_event(frame.payload).map(|event| event.to_event());
                events.extend(event.map(|event| (index, event)));
                index += 1;
            }
            Kind::Synced => {}
            Kind::Seal => break,
        }
        at = frame.next;
    }
    Some(Glimpse { batch: header.batch, events })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use disk::SimulatedDisk;
    use model::Timestamp;
    use trails::TrailSet;

    use super::*;
    use crate::segment::{self, OpenSegment};
    use crate::testing::{event, spare};

    #[test]
    fn a_segment_is_read_as_far_as_it_is_written() {
        let disk = SimulatedDisk::default();
        let header = Header {
            batch: BatchId(7),
            journal: 3,
            nonce: 0x1122_3344_5566_7788,
            opened_at: Timestamp::from_millis(1),
            size_bytes: 8192,
            trails: Arc::new(TrailSet::default()),
        };
        let (path, file) = spare(&disk, 8192);
        let mut open = OpenSegment::create(&disk, &path, file, header).unwrap();
        let seen = || {
            let bytes = disk::read(&disk, &segment::path(BatchId(7))).unwrap();
            peek(&Bytes::from(bytes)).expect("a segment")
        };
        assert_eq!(seen(), Glimpse { batch: BatchId(7), events: Vec::new() });
        let events = ["a", "b", "c"].map(|id| event("111111111111", "eu-west-1", id));
        open.stage(&events[0]);
        open.stage(&events[1]);
        assert_eq!(seen().events.len(), 0, "what is staged is nowhere yet");
        open.commit().unwrap();
        open.stage(&events[2]);
        open.commit().unwrap();
        let all: Vec<(u32, Event)> = (0..).zip(events).collect();
        assert_eq!(seen().events, all);
        open.seal(Timestamp::from_millis(50)).unwrap();
        assert_eq!(seen().events, all, "no more than before the seal");
    }

    #[test]
    fn what_is_no_segment_is_none() {
        for bytes in [&b""[..], b"CAIRN", &[0; 4096]] {
            assert_eq!(peek(&Bytes::copy_from_slice(bytes)), None);
        }
    }
}
