//! What a damaged segment still holds: every frame that checks out, and where the others were.
//!
//! A damaged segment is never read for delivery. This is for the operator who cannot restore it from
//! elsewhere: its true frames are told from chance by their checksums, which cover the segment's
//! nonce and their place. The nonce stands in the header; of a header that is damaged itself, in any
//! `synced` frame, which holds it and is checked by it.

use std::ops::Range;

use bytes::Bytes;
use memchr::memmem;
use model::Event;

use crate::frame::{self, HEADER_BYTES, Kind};
use crate::segment;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvage {
    /// Its events, in the order of their recording.
    pub events: Vec<Event>,
    /// Bytes that are no true frames, though true ones follow. Events that stood there are lost.
    pub lost: Vec<Range<usize>>,
    /// Where the true frames end.
    pub end: usize,
    /// How many events the segment was sealed with. `None` of one that was open, or that lost its
    /// seal: then nothing tells what stood behind `end`.
    pub sealed_with: Option<u64>,
}

impl Salvage {
    /// Whether nothing is lost.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.sealed_with == Some(self.events.len() as u64)
    }
}

/// Reads what is left of a segment; `None` when nothing tells its frames from chance.
#[must_use]
pub fn salvage(bytes: &Bytes) -> Option<Salvage> {
    let (nonce, start) = segment::beginning(bytes).or_else(|| Some((nonce_within(bytes)?, 0)))?;
    let mut found = Salvage { end: start, ..Salvage::default() };
    let mut at = start;
    while at + HEADER_BYTES <= bytes.len() {
        let Some(frame) = frame::at(bytes, at, nonce) else {
            at += 1;
            continue;
        };
        if at > found.end {
            found.lost.push(found.end..at);
        }
        match frame.kind {
            Kind::Event => {
                found.events.extend(frame::read_event(frame.payload).map(|event| event.to_event()));
            }
            Kind::Synced => {}
            Kind::Seal => found.sealed_with = segment::sealed_events(frame.payload),
        }
        at = frame.next;
        found.end = at;
    }
    Some(found)
}

/// The nonce that a `synced` frame holds and is checked by.
fn nonce_within(bytes: &[u8]) -> Option<u64> {
    let length = 8_u32.to_le_bytes();
    memmem::find_iter(bytes, &length).find_map(|at| {
        let payload = bytes.get(at + HEADER_BYTES..)?.first_chunk::<8>()?;
        let nonce = u64::from_le_bytes(*payload);
        frame::at(bytes, at, nonce).filter(|frame| frame.kind == Kind::Synced).map(|_| nonce)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use disk::SimulatedDisk;
    use model::{BatchId, Timestamp};
    use trails::TrailSet;

    use super::*;
    use crate::segment::{Header, OpenSegment};
    use crate::testing::{event, spare};

    const SIZE: u64 = 8192;

    /// A segment of eight events in four commits, and the place of each frame.
    fn segment() -> (Vec<u8>, Vec<Range<usize>>) {
        let disk = SimulatedDisk::default();
        let header = Header {
            batch: BatchId(7),
            journal: 3,
            nonce: 0x1122_3344_5566_7788,
            opened_at: Timestamp::from_millis(1),
            size_bytes: SIZE,
            trails: Arc::new(TrailSet::default()),
        };
        let (nonce, start) = (header.nonce, header.to_bytes().len());
        let (path, file) = spare(&disk, SIZE);
        let mut open = OpenSegment::create(&disk, &path, file, header).unwrap();
        for commit in 0..4 {
            open.stage(&event("111111111111", "eu-west-1", &format!("{commit} a")));
            open.stage(&event("111111111111", "eu-west-1", &format!("{commit} b")));
            open.commit().unwrap();
        }
        open.seal(Timestamp::from_millis(50)).unwrap();
        let bytes = disk::read(&disk, &segment::path(BatchId(7))).unwrap();
        let mut frames = Vec::new();
        let mut at = start;
        while let Some(frame) = frame::at(&bytes, at, nonce) {
            frames.push(at..frame.next);
            at = frame.next;
        }
        (bytes, frames)
    }

    fn found_in(bytes: &[u8]) -> Salvage {
        salvage(&Bytes::copy_from_slice(bytes)).expect("frames are told from chance")
    }

    #[test]
    fn a_whole_segment_gives_all_its_records() {
        let (bytes, frames) = segment();
        let found = found_in(&bytes);
        let end = frames.last().unwrap().end;
        assert_eq!((found.events.len(), found.lost.len(), found.end), (8, 0, end));
        assert!(found.is_whole());
        assert_eq!(found.events[0], event("111111111111", "eu-west-1", "0 a"));
    }

    #[test]
    fn a_flipped_bit_loses_its_own_frame_and_no_other() {
        let (whole, frames) = segment();
        let all = found_in(&whole).events;
        for frame in &frames {
            let mut bytes = whole.clone();
            bytes[frame.start + HEADER_BYTES + 1] ^= 4;
            let found = found_in(&bytes);
            let is_last = frame == frames.last().unwrap();
            assert_eq!(
                found.lost.as_slice(),
                if is_last { &[] } else { std::slice::from_ref(frame) }
            );
            let is_event = whole[frame.start + 8] == Kind::Event as u8;
            assert_eq!(found.events.len(), all.len() - usize::from(is_event));
            assert_eq!(found.is_whole(), !is_event, "the seal stands twice");
            assert!(found.events.iter().all(|event| all.contains(event)));
        }
    }

    #[test]
    fn without_its_header_a_segment_is_read_by_its_marks() {
        let (mut bytes, _) = segment();
        bytes[..64].fill(0xff);
        let found = found_in(&bytes);
        assert_eq!(found.events.len(), 8);
        assert_eq!(found.lost.len(), 1, "{:?}", found.lost);
    }

    #[test]
    fn a_segment_that_was_cut_short_gives_what_is_left() {
        let (bytes, frames) = segment();
        let found = found_in(&bytes[..frames[4].start + 20]);
        assert_eq!(found.end, frames[3].end);
        assert!((1..8).contains(&found.events.len()) && !found.is_whole());
    }

    #[test]
    fn what_is_no_segment_gives_nothing() {
        for bytes in
            [&b""[..], b"CAIRNSEG", &[0; 5000], &[8; 5000], &b"{\"Records\":[]}".repeat(90)]
        {
            assert_eq!(salvage(&Bytes::copy_from_slice(bytes)), None);
        }
    }
}
