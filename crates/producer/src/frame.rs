//! Frames: the checksummed pieces that a journal segment is made of, after its header.
//!
//! ```text
//! 0  length of the payload in bytes, u32 LE
//! 4  CRC-32 over nonce, offset, kind and payload, u32 LE
//! 8  kind: 1 event, 2 synced, 3 seal
//! 9  payload
//! ```
//!
//! The nonce is the segment's own random number and the offset is the frame's place in the file:
//! what an earlier use of a recycled file left behind never passes for a frame of this one.
//! Length 0 ends the frames, as does anything that does not check out; telling a torn tail from
//! damage is the business of [`crate::segment`].

use bytes::Bytes;
use model::{AccountId, Category, Event, Identity, Region, Timestamp};

/// Bytes of a frame before its payload.
pub const HEADER_BYTES: usize = 9;
/// Larger payloads are not written, and no frame that claims one is believed.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One event.
    Event = 1,
    /// Everything before this frame was synced when it was written. Payload: the nonce, so that it
    /// can be searched for.
    Synced = 2,
    /// The end of a sealed segment. Payload: the sealing time in ms and the number of events.
    Seal = 3,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        [Kind::Event, Kind::Synced, Kind::Seal].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// A frame that checked out.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// What it holds.
    pub kind: Kind,
    /// Its payload.
    pub payload: &'a [u8],
    /// Where the next frame begins, in bytes from the start of the segment.
    pub next: usize,
}

/// Appends a frame to `buffer`, which will be written at `base` of the segment.
pub fn push(
    buffer: &mut Vec<u8>,
    nonce: u64,
    base: u64,
    kind: Kind,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; HEADER_BYTES]);
    write(buffer);
    let offset = base + start as u64;
    let length = buffer.len() - start - HEADER_BYTES;
    let length = u32::try_from(length).expect("payloads are at most PAYLOAD_BYTES_MAX");
    let crc = checksum(nonce, offset, kind, &buffer[start + HEADER_BYTES..]);
    buffer[start..start + 4].copy_from_slice(&length.to_le_bytes());
    buffer[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    buffer[start + 8] = kind as u8;
}

/// The frame at `offset` of a segment's bytes, if there is a whole and true one.
#[must_use]
pub fn at(segment: &[u8], offset: usize, nonce: u64) -> Option<Frame<'_>> {
    let header = segment.get(offset..)?.first_chunk::<HEADER_BYTES>()?;
    let length = u32::from_le_bytes(header[..4].try_into().expect("4 bytes")) as usize;
    let crc = u32::from_le_bytes(header[4..8].try_into().expect("4 bytes"));
    let kind = Kind::from_byte(header[8])?;
    if length == 0 || length > PAYLOAD_BYTES_MAX {
        return None;
    }
    let start = offset + HEADER_BYTES;
    let payload = segment.get(start..start + length)?;
    let is_true = checksum(nonce, offset as u64, kind, payload) == crc;
    is_true.then_some(Frame { kind, payload, next: start + length })
}

fn checksum(nonce: u64, offset: u64, kind: Kind, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&nonce.to_le_bytes());
    crc.update(&offset.to_le_bytes());
    crc.update(&[kind as u8]);
    crc.update(payload);
    crc.finalize()
}

/// Bytes that an event's frame takes.
#[must_use]
pub fn event_bytes(event: &Event) -> usize {
    HEADER_BYTES + EVENT_FIXED_BYTES + event.region.as_str().len() + event.record.len()
}

/// identity 16, account 12, category 1, flags 1, time 8, length of the Region 1.
const EVENT_FIXED_BYTES: usize = 39;
const FLAG_GLOBAL: u8 = 1;
const FLAG_TIME: u8 = 2;

/// Writes an event's payload: the fixed part, the Region, the record.
pub fn write_event(buffer: &mut Vec<u8>, event: &Event) {
    let flags = if event.is_global { FLAG_GLOBAL } else { 0 }
        | if event.time.is_some() { FLAG_TIME } else { 0 };
    let region = event.region.as_str();
    buffer.extend_from_slice(&event.identity.0);
    buffer.extend_from_slice(event.account.as_str().as_bytes());
    buffer.push(category_code(event.category));
    buffer.push(flags);
    buffer.extend_from_slice(&event.time.unwrap_or_default().as_millis().to_le_bytes());
    buffer.push(u8::try_from(region.len()).expect("a Region has at most 32 bytes"));
    buffer.extend_from_slice(region.as_bytes());
    buffer.extend_from_slice(&event.record);
}

/// An event as its frame holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<'a> {
    /// See [`Event::identity`].
    pub identity: Identity,
    /// See [`Event::account`].
    pub account: AccountId,
    /// See [`Event::region`].
    pub region: Region,
    /// See [`Event::category`].
    pub category: Category,
    /// See [`Event::is_global`].
    pub is_global: bool,
    /// See [`Event::time`].
    pub time: Option<Timestamp>,
    /// See [`Event::record`].
    pub record: &'a [u8],
}

impl Stored<'_> {
    /// The event that was written, with bytes of its own.
    #[must_use]
    pub fn to_event(&self) -> Event {
        Event {
            identity: self.identity,
            account: self.account.clone(),
            region: self.region.clone(),
            category: self.category,
            is_global: self.is_global,
            time: self.time,
            record: Bytes::copy_from_slice(self.record),
        }
    }
}

/// Reads an event's payload; `None` when it is not what [`write_event`] writes.
#[must_use]
pub fn read_event(payload: &[u8]) -> Option<Stored<'_>> {
    let (time, record) = read_record(payload)?;
    let fixed = payload.first_chunk::<EVENT_FIXED_BYTES>()?;
    let region = &payload[EVENT_FIXED_BYTES..payload.len() - record.len()];
    Some(Stored {
        identity: Identity(fixed[..16].try_into().expect("16 bytes")),
        account: text(&fixed[16..28])?.parse::<AccountId>().ok()?,
        region: text(region)?.parse::<Region>().ok()?,
        category: category_from(fixed[28])?,
        is_global: fixed[29] & FLAG_GLOBAL != 0,
        time,
        record,
    })
}

/// The time and the record in an event's payload, without reading the rest.
#[must_use]
pub fn read_record(payload: &[u8]) -> Option<(Option<Timestamp>, &[u8])> {
    let fixed = payload.first_chunk::<EVENT_FIXED_BYTES>()?;
    let record = payload.get(EVENT_FIXED_BYTES + fixed[38] as usize..)?;
    let time = i64::from_le_bytes(fixed[30..38].try_into().expect("8 bytes"));
    let time = (fixed[29] & FLAG_TIME != 0).then(|| Timestamp::from_millis(time));
    Some((time, record))
}

/// The identity in an event's payload, without reading the rest.
#[must_use]
pub fn read_identity(payload: &[u8]) -> Option<Identity> {
    payload.first_chunk::<16>().map(|bytes| Identity(*bytes))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Numbers at rest; a number is never given a second meaning.
const CATEGORIES: [Category; 8] = [
    Category::Management,
    Category::Data,
    Category::NetworkActivity,
    Category::Insight,
    Category::Aggregated,
    Category::ActivityAuditLog,
    Category::ConfigurationItem,
    Category::Evidence,
];

fn category_code(category: Category) -> u8 {
    let index = CATEGORIES.iter().position(|known| *known == category);
    u8::try_from(index.expect("every category has a number")).expect("there are eight")
}

fn category_from(code: u8) -> Option<Category> {
    CATEGORIES.get(code as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    #[test]
    fn an_event_comes_back_from_its_frame() {
        let event = event("111111111111", "eu-west-1", "one");
        let mut buffer = vec![0xff; 7];
        push(&mut buffer, 5, 100, Kind::Event, |buffer| write_event(buffer, &event));
        assert_eq!(buffer.len() - 7, event_bytes(&event));
        let segment = [vec![0; 100], buffer].concat();
        let frame = at(&segment, 107, 5).unwrap();
        assert_eq!(frame.next, segment.len());
        assert_eq!(read_event(frame.payload).unwrap().to_event(), event);
        assert_eq!(read_identity(frame.payload), Some(event.identity));
    }

    #[test]
    fn a_frame_of_another_segment_or_place_is_not_believed() {
        let mut buffer = Vec::new();
        push(&mut buffer, 5, 0, Kind::Synced, |buffer| buffer.extend_from_slice(b"payload"));
        assert!(at(&buffer, 0, 5).is_some());
        assert!(at(&buffer, 0, 6).is_none(), "another nonce");
        let moved = [vec![0; 1], buffer.clone()].concat();
        assert!(at(&moved, 1, 5).is_none(), "another place");
        for bit in 0..buffer.len() * 8 {
            let mut flipped = buffer.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(at(&flipped, 0, 5).is_none(), "bit {bit}");
        }
        for length in 0..buffer.len() {
            assert!(at(&buffer[..length], 0, 5).is_none(), "cut to {length}");
        }
    }
}
