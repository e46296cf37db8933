//! A journal segment: one file, from its opening to its seal.
//!
//! ```text
//! 0   magic `CAIRNSEG`
//! 8   format version, u32 LE: 1
//! 12  CRC-32 over bytes 16 to the end of the trail set, u32 LE
//! 16  batch id, u64 LE
//! 24  journal id, u64 LE
//! 32  nonce, u64 LE: random, new with each use of the file
//! 40  opened, ms since 1970, i64 LE
//! 48  size of the file in bytes, u64 LE
//! 56  length of the trail set in bytes, u32 LE
//! 60  zeros
//! 64  the trail set that its events are recorded under, JSON
//! …   frames (see `frame`): [synced] event… [synced] event… … seal seal
//! ```
//!
//! What always holds:
//! 1. The header is on disk before the file gets the name of a segment, and the name before the
//!    first event is acknowledged. A segment with a bad header is damaged, never "new".
//! 2. A `synced` frame is written only after all bytes before it were synced. So a bad frame with a
//!    true `synced` or `seal` frame behind it is **damage** to what was durable; a bad frame with
//!    none behind it is a **torn tail**, the expected leftover of a crash, which nobody was promised.
//! 3. `seal` too is written only after all bytes before it were synced, marks included. After it
//!    nothing is written, but for the same bytes once more by a recovery.
//! 4. The seal is repeated behind itself once it was synced. So a seal that went bad is damage as
//!    well: were it taken for a torn one, the batch would be sealed anew, at another time, and files
//!    that were delivered would be delivered again under names of that time.

use std::io;
use std::sync::Arc;

use disk::{Disk, File};
use model::{BatchId, Event, Timestamp};
use trails::TrailSet;

use crate::frame::{self, Kind};

const MAGIC: &[u8; 8] = b"CAIRNSEG";
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 64;
const SEAL_PAYLOAD_BYTES: u32 = 16;
/// What is read of a segment at first.
const READ_BYTES: usize = 64 << 10;
/// Room that every segment keeps for its last `synced` and its two `seal` frames.
pub const RESERVED_BYTES: u64 = 128;

/// What a segment's header says.
#[derive(Clone, Debug)]
pub struct Header {
    /// The batch.
    pub batch: BatchId,
    /// The journal.
    pub journal: u64,
    /// Tells this use of the file from earlier ones.
    pub nonce: u64,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The file's size in bytes.
    pub size_bytes: u64,
    /// The trails that its events are recorded under.
    pub trails: Arc<TrailSet>,
}

/// Durable bytes that are no longer what was written. The file is kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file} is damaged at byte {offset}: {reason}")]
pub struct Damage {
    /// The file, in the data directory.
    pub file: String,
    /// Where the damage begins.
    pub offset: usize,
    /// What is wrong there.
    pub reason: String,
}

/// Why a segment could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// Durable bytes changed.
    #[error(transparent)]
    Damage(#[from] Damage),
}

/// The file of a batch's segment, in the data directory.
#[must_use]
pub fn path(batch: BatchId) -> String {
    format!("{}/{batch}.segment", crate::DIRECTORY)
}

/// The batch of such a file.
pub(crate) fn batch(path: &str) -> Option<BatchId> {
    let name = path.strip_prefix(crate::DIRECTORY)?.strip_prefix('/')?.strip_suffix(".segment")?;
    u64::from_str_radix(name, 16).ok().map(BatchId)
}

impl Header {
    /// The header's bytes, trail set included.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let trails = serde_json::to_vec(&*self.trails).expect("a trail set always serializes");
        let trails_length = u32::try_from(trails.len()).expect("a trail set is less than 4 GiB");
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.batch.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.journal.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.nonce.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.opened_at.as_millis().to_le_bytes());
        bytes[48..56].copy_from_slice(&self.size_bytes.to_le_bytes());
        bytes[56..60].copy_from_slice(&trails_length.to_le_bytes());
        bytes.extend_from_slice(&trails);
        let crc = crc32fast::hash(&bytes[16..]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// How many bytes a header says that it takes, the trail set included; `None` of what is none.
    fn length(segment: &[u8]) -> Option<usize> {
        segment.starts_with(MAGIC).then_some(())?;
        let trails = segment.get(56..)?.first_chunk::<4>()?;
        Some(HEADER_BYTES + u32::from_le_bytes(*trails) as usize)
    }

    /// Reads a header and where the frames begin; the reason when it is none.
    pub(crate) fn parse(segment: &[u8]) -> Result<(Header, usize), (usize, String)> {
        let number = |at: usize| {
            let bytes = segment[at..at + 8].try_into().expect("8 bytes within the header");
            u64::from_le_bytes(bytes)
        };
        let short =
            |at: usize| u32::from_le_bytes(segment[at..at + 4].try_into().expect("4 bytes"));
        if segment.len() < HEADER_BYTES || &segment[..8] != MAGIC {
            return Err((0, "not a journal segment".into()));
        }
        if short(8) != FORMAT {
            return Err((8, format!("format {}, this version reads format {FORMAT}", short(8))));
        }
        let end = HEADER_BYTES + short(56) as usize;
        let checked = segment.get(16..end).ok_or((56, "cut short".into()))?;
        if crc32fast::hash(checked) != short(12) {
            return Err((12, "the header's checksum does not match".into()));
        }
        let trails = serde_json::from_slice(&segment[HEADER_BYTES..end])
            .map_err(|error| (HEADER_BYTES, format!("the trail set is unreadable: {error}")))?;
        let opened_at = i64::from_le_bytes(segment[40..48].try_into().expect("8 bytes"));
        let header = Header {
            batch: BatchId(number(16)),
            journal: number(24),
            nonce: number(32),
            opened_at: Timestamp::from_millis(opened_at),
            size_bytes: number(48),
            trails: Arc::new(trails),
        };
        Ok((header, end))
    }
}

/// The nonce that a true header names, and where the frames begin.
pub(crate) fn beginning(segment: &[u8]) -> Option<(u64, usize)> {
    Header::parse(segment).ok().map(|(header, start)| (header.nonce, start))
}

/// A segment that takes events.
#[derive(Debug)]
pub struct OpenSegment {
    header: Header,
    file: Box<dyn File>,
    /// Where the next write goes; everything before it is written, and synced but for a last mark.
    end: u64,
    /// Whether a `synced` frame covers everything before `end`.
    is_marked: bool,
    /// Whether everything before `end` is synced, a last mark included.
    is_synced: bool,
    staged: Vec<u8>,
    staged_events: u64,
    events: u64,
}

/// A segment that takes no more, as far as the journal needs to remember it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSegment {
    /// The batch.
    pub batch: BatchId,
    /// The trails that its events are recorded under.
    pub trails: Arc<TrailSet>,
    /// How many events it holds.
    pub events: u64,
}

impl OpenSegment {
    /// Turns a prepared file, opened at `spare`, into the segment of `header`: durable when it
    /// returns.
    pub fn create(
        disk: &dyn Disk,
        spare: &str,
        file: Box<dyn File>,
        header: Header,
    ) -> io::Result<OpenSegment> {
        let bytes = header.to_bytes();
        file.write_all_at(&bytes, 0)?;
        file.sync()?;
        disk.rename(spare, &path(header.batch))?;
        disk.sync_directory(crate::DIRECTORY)?;
        Ok(OpenSegment {
            end: bytes.len() as u64,
            header,
            file,
            is_marked: true,
            is_synced: true,
            staged: Vec::new(),
            staged_events: 0,
            events: 0,
        })
    }

    /// What its header says.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Events that are durable in it.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Bytes staged for the next commit.
    #[must_use]
    pub fn staged_bytes(&self) -> usize {
        self.staged.len()
    }

    /// Whether an event still fits.
    #[must_use]
    pub fn has_room_for(&self, event: &Event) -> bool {
        let staged = self.staged.len() + frame::event_bytes(event);
        self.end + staged as u64 + RESERVED_BYTES <= self.header.size_bytes
    }

    /// Puts an event in line for the next commit.
    pub fn stage(&mut self, event: &Event) {
        self.mark();
        let (nonce, end) = (self.header.nonce, self.end);
        frame::push(&mut self.staged, nonce, end, Kind::Event, |buffer| {
            frame::write_event(buffer, event);
        });
        self.staged_events += 1;
    }

    /// Makes all staged events durable: one write, one sync. After an error nothing is known of
    /// the file, and the segment must not be used again.
    pub fn commit(&mut self) -> io::Result<()> {
        if self.staged.is_empty() {
            return Ok(());
        }
        self.file.write_all_at(&self.staged, self.end)?;
        self.file.sync()?;
        self.end += self.staged.len() as u64;
        self.events += std::mem::take(&mut self.staged_events);
        self.staged.clear();
        self.is_marked = false;
        self.is_synced = true;
        Ok(())
    }

    /// Writes down that everything so far is synced, when nothing waits that would say so anyway:
    /// so damage to the last commit of a quiet hour is told from a torn tail too.
    pub fn rest(&mut self) -> io::Result<()> {
        if self.is_marked || !self.staged.is_empty() {
            return Ok(());
        }
        self.mark();
        self.file.write_all_at(&self.staged, self.end)?;
        self.end += self.staged.len() as u64;
        self.staged.clear();
        self.is_synced = false;
        Ok(())
    }

    /// Commits, writes the seal and syncs it.
    pub fn seal(mut self, now: Timestamp) -> io::Result<SealedSegment> {
        self.commit()?;
        // A mark may end where a sector does. Were it lost and the seal behind it not, what is only
        // torn would pass for damage.
        if !self.is_synced {
            self.file.sync()?;
        }
        write_seal(&*self.file, self.header.nonce, self.end, now, self.events)?;
        Ok(SealedSegment {
            batch: self.header.batch,
            trails: self.header.trails,
            events: self.events,
        })
    }

    /// Stages a `synced` frame if the bytes before `end` have none yet.
    fn mark(&mut self) {
        if !self.is_marked {
            let nonce = self.header.nonce;
            frame::push(&mut self.staged, nonce, self.end, Kind::Synced, |buffer| {
                buffer.extend_from_slice(&nonce.to_le_bytes());
            });
            self.is_marked = true;
        }
    }
}

/// Writes the seal at `end`, and its repetition behind it; durable when it returns, before names are
/// derived from the time in it.
fn write_seal(
    file: &dyn File,
    nonce: u64,
    end: u64,
    now: Timestamp,
    events: u64,
) -> io::Result<()> {
    let seal_at = |base| {
        let mut seal = Vec::new();
        frame::push(&mut seal, nonce, base, Kind::Seal, |buffer| {
            buffer.extend_from_slice(&now.as_millis().to_le_bytes());
            buffer.extend_from_slice(&events.to_le_bytes());
        });
        seal
    };
    let seal = seal_at(end);
    file.write_all_at(&seal, end)?;
    file.sync()?;
    let behind = end + seal.len() as u64;
    file.write_all_at(&seal_at(behind), behind)?;
    file.sync()
}

/// All that a segment holds, checked.
#[derive(Debug)]
pub struct Contents {
    /// What its header says.
    pub header: Header,
    /// When it was sealed; `None` of a segment that a crash left open.
    pub sealed_at: Option<Timestamp>,
    /// Bytes of a torn tail: nobody was promised that they last.
    pub torn_bytes: usize,
    /// The file, as far as it was read, and perhaps what a former use of the buffer left.
    bytes: Vec<u8>,
    /// Where the payloads of its events begin, and their lengths.
    events: Vec<(u32, u32)>,
    /// Where the last mark begins: what is before it is known to be synced.
    marked: usize,
    /// Where the true frames end.
    end: usize,
}

/// Reads a file from its beginning, as far as is asked for.
struct Reader {
    file: Box<dyn File>,
    file_bytes: usize,
    buffer: Vec<u8>,
    filled: usize,
}

impl Reader {
    fn open(disk: &dyn Disk, file: &str, buffer: Vec<u8>) -> io::Result<Reader> {
        let file = disk.open(file)?;
        let file_bytes = usize::try_from(file.size_bytes()?).map_err(io::Error::other)?;
        Ok(Reader { file, file_bytes, buffer, filled: 0 })
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Reads on, as much again as there is; false at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        let target = (self.filled * 2).max(READ_BYTES).min(self.file_bytes);
        if self.buffer.len() < target {
            self.buffer.reserve_exact(target - self.buffer.len());
            self.buffer.resize(target, 0);
        }
        let rest = &mut self.buffer[self.filled..target];
        let read = self.file.read_at(rest, self.filled as u64)?;
        self.filled += read;
        Ok(read > 0)
    }

    fn fill_all(&mut self) -> io::Result<()> {
        while self.fill()? {}
        Ok(())
    }
}

impl Contents {
    /// Reads and checks a segment: up to its seal, or, where a crash left it open, all of it.
    pub fn read(disk: &dyn Disk, file: &str) -> Result<Contents, SegmentError> {
        Contents::read_with(Vec::new(), disk, file)
    }

    /// The same, into a buffer that was used before, see [`Contents::into_buffer`]: a large one
    /// costs more to get than to fill.
    pub fn read_with(
        buffer: Vec<u8>,
        disk: &dyn Disk,
        file: &str,
    ) -> Result<Contents, SegmentError> {
        let damage = |(offset, reason)| Damage { file: file.into(), offset, reason };
        let mut reader = Reader::open(disk, file, buffer)?;
        reader.fill()?;
        // The trail set may be longer than what was read at once.
        while Header::length(reader.bytes()).is_some_and(|length| length > reader.filled)
            && reader.fill()?
        {}
        let (header, start) = Header::parse(reader.bytes()).map_err(damage)?;
        if path(header.batch) != file {
            return Err(damage((16, format!("it holds batch {}", header.batch))).into());
        }
        let file_bytes = reader.file_bytes;
        if (file_bytes as u64) < header.size_bytes {
            let reason = format!("cut short: {file_bytes} of {} bytes are left", header.size_bytes);
            return Err(damage((file_bytes, reason)).into());
        }
        let mut contents = Contents {
            header,
            sealed_at: None,
            torn_bytes: 0,
            bytes: Vec::new(),
            events: Vec::new(),
            marked: start,
            end: start,
        };
        contents.read_frames(&mut reader)?;
        if contents.sealed_at.is_none() {
            reader.fill_all()?;
            contents.check(reader.bytes()).map_err(damage)?;
            contents.torn_bytes = torn_bytes(reader.bytes(), contents.end);
        }
        contents.bytes = reader.buffer;
        Ok(contents)
    }

    fn read_frames(&mut self, reader: &mut Reader) -> io::Result<()> {
        while self.sealed_at.is_none() {
            let Some(found) = frame::at(reader.bytes(), self.end, self.header.nonce) else {
                // A frame that is not true may only be one that is not there in full yet.
                if reader.fill()? {
                    continue;
                }
                return Ok(());
            };
            match found.kind {
                Kind::Event => {
                    let length = found.payload.len();
                    self.events.push((short(found.next - length), short(length)));
                }
                Kind::Synced => self.marked = self.end,
                Kind::Seal => {
                    self.sealed_at = sealing_time(found.payload);
                    return Ok(());
                }
            }
            self.end = found.next;
        }
        Ok(())
    }

    /// How many events it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The payload of an event, see [`frame::read_event`].
    #[must_use]
    pub fn payload(&self, index: u32) -> &[u8] {
        let (start, length) = self.events[index as usize];
        &self.bytes[start as usize..][..length as usize]
    }

    /// The payloads of all events, in the order of their recording.
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        (0..short(self.len())).map(|index| self.payload(index))
    }

    /// The buffer, for the next segment.
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }

    /// Makes what a crash left durable, and seals it where that is not done: after the last true
    /// frame, which overwrites a torn tail.
    ///
    /// What was read may be in the page cache only, the seal included, and after a failed sync no
    /// later sync would write it. So all behind the last mark is written again, as it is: only then
    /// may names be derived from it.
    pub fn secure(&mut self, disk: &dyn Disk, now: Timestamp) -> io::Result<()> {
        let file = disk.open(&path(self.header.batch))?;
        if self.marked < self.end {
            file.write_all_at(&self.bytes[self.marked..self.end], self.marked as u64)?;
            file.sync()?;
        }
        let sealed_at = self.sealed_at.unwrap_or(now);
        let (nonce, end) = (self.header.nonce, self.end as u64);
        write_seal(&*file, nonce, end, sealed_at, self.events.len() as u64)?;
        self.sealed_at = Some(sealed_at);
        Ok(())
    }

    /// Tells damage from a torn tail.
    fn check(&self, bytes: &[u8]) -> Result<(), (usize, String)> {
        match synced_behind(bytes, self.end, self.header.nonce) {
            Some(later) => Err((
                self.end,
                format!(
                    "a frame that was synced is no longer true (the next true mark is at byte {later})"
                ),
            )),
            None => Ok(()),
        }
    }
}

/// How many events a seal says that its segment holds.
pub(crate) fn sealed_events(payload: &[u8]) -> Option<u64> {
    payload.get(8..)?.first_chunk::<8>().map(|events| u64::from_le_bytes(*events))
}

fn sealing_time(payload: &[u8]) -> Option<Timestamp> {
    payload.first_chunk::<8>().map(|millis| Timestamp::from_millis(i64::from_le_bytes(*millis)))
}

/// How far the tail behind the last true frame reaches, if a frame was begun there.
fn torn_bytes(bytes: &[u8], end: usize) -> usize {
    let tail = bytes.get(end..).unwrap_or_default();
    if tail.iter().take(frame::HEADER_BYTES).all(|byte| *byte == 0) {
        return 0;
    }
    tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// A place or a number in a segment.
fn short(number: usize) -> u32 {
    u32::try_from(number).expect("a segment is less than 4 GiB")
}

/// The place of a true `synced` or `seal` frame behind a bad frame.
fn synced_behind(bytes: &[u8], bad: usize, nonce: u64) -> Option<usize> {
    let tail = bytes.get(bad..)?;
    let is_mark = |offset: usize| {
        frame::at(bytes, offset, nonce).is_some_and(|frame| frame.kind != Kind::Event)
    };
    // A `synced` frame holds the nonce, right behind its header; a `seal` begins with its length.
    let nonce_bytes = nonce.to_le_bytes();
    let synced = memchr::memmem::find_iter(tail, &nonce_bytes)
        .filter_map(|found| (bad + found).checked_sub(frame::HEADER_BYTES))
        .filter(|offset| *offset >= bad)
        .find(|offset| is_mark(*offset));
    let seal_length = SEAL_PAYLOAD_BYTES.to_le_bytes();
    synced.or_else(|| {
        let mut seals = memchr::memmem::find_iter(tail, &seal_length).map(|found| bad + found);
        seals.find(|offset| is_mark(*offset))
    })
}

#[cfg(test)]
mod tests {
    use disk::SimulatedDisk;

    use super::*;
    use crate::testing::{event, spare};

    const SIZE: u64 = 8192;

    fn open(disk: &SimulatedDisk) -> OpenSegment {
        let header = Header {
            batch: BatchId(7),
            journal: 3,
            nonce: 0x1122_3344_5566_7788,
            opened_at: Timestamp::from_millis(1),
            size_bytes: SIZE,
            trails: Arc::new(TrailSet { version: 9, ..TrailSet::default() }),
        };
        let (path, file) = spare(disk, SIZE);
        OpenSegment::create(disk, &path, file, header).unwrap()
    }

    fn filled(disk: &SimulatedDisk, commits: usize) -> OpenSegment {
        let mut segment = open(disk);
        for commit in 0..commits {
            segment.stage(&event("111111111111", "eu-west-1", &format!("{commit}")));
            segment.commit().unwrap();
        }
        segment
    }

    fn read(disk: &SimulatedDisk) -> Result<Contents, SegmentError> {
        Contents::read(disk, &path(BatchId(7)))
    }

    #[test]
    fn a_sealed_segment_holds_its_trails_and_events_in_order() {
        let disk = SimulatedDisk::default();
        let sealed = filled(&disk, 3).seal(Timestamp::from_millis(50)).unwrap();
        assert_eq!((sealed.batch, sealed.events), (BatchId(7), 3));
        let contents = read(&disk).unwrap();
        assert_eq!(contents.sealed_at, Some(Timestamp::from_millis(50)));
        assert_eq!((contents.header.trails.version, contents.header.journal), (9, 3));
        let events: Vec<Event> =
            contents.payloads().map(|event| frame::read_event(event).unwrap().to_event()).collect();
        let expected: Vec<Event> =
            (0..3).map(|n| event("111111111111", "eu-west-1", &n.to_string())).collect();
        assert_eq!(events, expected);
    }

    #[test]
    fn a_torn_tail_is_a_value_and_committed_events_survive_it() {
        for survives in [0, 1] {
            let disk = SimulatedDisk::default();
            let mut segment = filled(&disk, 2);
            segment.stage(&event("111111111111", "eu-west-1", &"long".repeat(500)));
            // The write reaches the disk in part: the power fails before the sync.
            segment.file.write_all_at(&segment.staged, segment.end).unwrap();
            disk.lose_power(&mut |n| survives % n);
            let mut contents = read(&disk).unwrap();
            assert!(contents.len() >= 2);
            contents.secure(&disk, Timestamp::from_millis(60)).unwrap();
            let sealed = read(&disk).unwrap();
            assert_eq!(sealed.len(), contents.len());
            assert_eq!(sealed.sealed_at, Some(Timestamp::from_millis(60)));
        }
    }

    #[test]
    fn every_flipped_bit_of_what_was_synced_is_damage() {
        let disk = SimulatedDisk::default();
        let mut segment = filled(&disk, 2);
        segment.rest().unwrap();
        let end = segment.end;
        drop(segment);
        let file = path(BatchId(7));
        for bit in 0..(end - 17) * 8 {
            disk.flip_bit(&file, bit).unwrap();
            assert!(
                matches!(read(&disk), Err(SegmentError::Damage(_))),
                "bit {bit} of byte {}",
                bit / 8
            );
            disk.flip_bit(&file, bit).unwrap();
        }
        assert_eq!(read(&disk).unwrap().len(), 2);
    }

    #[test]
    fn every_flipped_bit_of_a_seal_is_damage_and_of_its_repetition_nothing() {
        let disk = SimulatedDisk::default();
        filled(&disk, 2).seal(Timestamp::from_millis(50)).unwrap();
        let file = path(BatchId(7));
        let end = read(&disk).unwrap().end as u64;
        for bit in end * 8..(end + 25) * 8 {
            disk.flip_bit(&file, bit).unwrap();
            let error = read(&disk).unwrap_err().to_string();
            assert!(error.contains(&format!("damaged at byte {end}")), "bit {bit}: {error}");
            disk.flip_bit(&file, bit).unwrap();
        }
        for bit in (end + 25) * 8..(end + 50) * 8 {
            disk.flip_bit(&file, bit).unwrap();
            assert_eq!(read(&disk).unwrap().sealed_at, Some(Timestamp::from_millis(50)));
            disk.flip_bit(&file, bit).unwrap();
        }
    }

    #[test]
    fn a_truncated_segment_is_damage() {
        let disk = SimulatedDisk::default();
        drop(filled(&disk, 2));
        let file = path(BatchId(7));
        let bytes = disk::read(&disk, &file).unwrap();
        disk::replace(&disk, &file, &bytes[..bytes.len() - 1]).unwrap();
        let error = read(&disk).unwrap_err().to_string();
        assert!(error.contains("cut short: 8191 of 8192 bytes"), "{error}");
    }

    #[test]
    fn a_recycled_file_shows_nothing_of_its_former_use() {
        let disk = SimulatedDisk::default();
        filled(&disk, 5).seal(Timestamp::from_millis(50)).unwrap();
        disk.rename(&path(BatchId(7)), "journal/spare-0").unwrap();
        let header = Header {
            batch: BatchId(8),
            journal: 3,
            nonce: 99,
            opened_at: Timestamp::from_millis(1),
            size_bytes: SIZE,
            trails: Arc::default(),
        };
        let file = disk.open("journal/spare-0").unwrap();
        let mut segment = OpenSegment::create(&disk, "journal/spare-0", file, header).unwrap();
        segment.stage(&event("111111111111", "eu-west-1", "new"));
        segment.commit().unwrap();
        let contents = Contents::read(&disk, &path(BatchId(8))).unwrap();
        assert_eq!(contents.len(), 1);
        assert_eq!(contents.sealed_at, None);
    }
}
