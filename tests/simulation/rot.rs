//! Bit rot: one bit of what was synced flips, in each kind of place. Either nothing is lost by it,
//! or the file is reported as damaged and kept, so that everything arrives when the bit is mended.

use std::ops::Range;

use disk::{Disk, SimulatedDisk};
use model::Identity;
use producer::frame::{self, Kind};

use crate::world::{Step, World, index};

/// Where a bit flips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Header,
    Event,
    Mark,
    Seal,
    Identities,
    Parked,
    Notice,
}

impl Place {
    /// What is counted when a bit flips here.
    fn planted(self) -> &'static str {
        match self {
            Place::Header => "rot of a header",
            Place::Event => "rot of an event",
            Place::Mark => "rot of a mark",
            Place::Seal => "rot of a seal",
            Place::Identities => "rot of identities",
            Place::Parked => "rot of a parked file",
            Place::Notice => "rot of a parked notice",
        }
    }

    /// What is counted when such a file was kept until its bit was mended.
    fn mended(self) -> &'static str {
        match self {
            Place::Header | Place::Event | Place::Mark | Place::Seal => "segments mended",
            Place::Identities => "identities mended",
            Place::Parked => "parked files mended",
            Place::Notice => "notices mended",
        }
    }
}

/// A part of a file: what it is, and its bytes.
type Part = (Place, Range<usize>);

/// A flipped bit.
pub struct Rot {
    pub place: Place,
    /// The file's path when the bit flipped.
    pub path: String,
    bit: u64,
    /// What it is part of, and the bytes of that with it.
    range: Range<usize>,
    rotten: Vec<u8>,
}

impl Rot {
    /// Whether the bit is still flipped: what was hit may have been written anew since.
    fn is_in(&self, bytes: &[u8]) -> bool {
        bytes.get(self.range.clone()).is_some_and(|bytes| bytes == self.rotten)
    }
}

/// The places of a segment whose rot must be noticed, by kind, and where its true frames end;
/// `None` for what is no segment. Behind the last mark or seal nothing is known to be synced.
fn places(segment: &[u8]) -> Option<(Vec<Part>, usize)> {
    let short = |at: usize| Some(u32::from_le_bytes(segment.get(at..at + 4)?.try_into().ok()?));
    let nonce = u64::from_le_bytes(segment.get(32..40)?.try_into().ok()?);
    let mut end = 64 + short(56)? as usize;
    if !segment.starts_with(b"CAIRNSEG") || segment.len() < end {
        return None;
    }
    // Bytes 60 to 64 are zeros that nobody reads, but the checksum covers them.
    let mut places = vec![(Place::Header, 0..end)];
    let mut is_sealed = false;
    while !is_sealed && let Some(found) = frame::at(segment, end, nonce) {
        let place = match found.kind {
            Kind::Event => Place::Event,
            Kind::Synced => Place::Mark,
            Kind::Seal => Place::Seal,
        };
        places.push((place, end..found.next));
        is_sealed = found.kind == Kind::Seal;
        end = found.next;
    }
    let is_mark = |(place, _): &Part| matches!(place, Place::Mark | Place::Seal);
    // The last mark too vouches for nothing if events follow it.
    let is_end = |(_, range): &Part| range.end == end;
    let last = places.iter().rposition(is_mark);
    places.truncate(last.map_or(1, |last| last + usize::from(is_end(&places[last]))));
    Some((places, end))
}

/// Where the true frames of a segment end that has no true seal.
pub fn true_end(segment: &[u8]) -> Option<u64> {
    let (places, end) = places(segment)?;
    let is_sealed = places.iter().any(|(place, _)| *place == Place::Seal);
    (!is_sealed).then_some(end as u64)
}

/// The identities in a segment or in a file of identities.
pub fn identities(path: &str, bytes: &[u8]) -> Vec<Identity> {
    if path.ends_with(".ids") {
        let identities = bytes.get(16..).unwrap_or_default().chunks_exact(16);
        return identities.map(|id| Identity(id.try_into().unwrap())).collect();
    }
    let Some((_, end)) = places(bytes) else { return Vec::new() };
    let nonce = u64::from_le_bytes(bytes[32..40].try_into().unwrap());
    let mut at = 64 + u32::from_le_bytes(bytes[56..60].try_into().unwrap()) as usize;
    let mut identities = Vec::new();
    while at < end
        && let Some(found) = frame::at(bytes, at, nonce)
    {
        if found.kind == Kind::Event {
            identities.extend(frame::read_identity(found.payload));
        }
        at = found.next;
    }
    identities
}

impl World {
    /// A bit of a sealed segment, of identities, or of something parked flips while nobody looks.
    pub fn rot(&mut self) {
        if !self.is_rotten {
            return;
        }
        let sealed = self.process().sealed();
        let mut files: Vec<String> = sealed.iter().map(|it| producer::segment::path(*it)).collect();
        // Oftener than the one or two of them.
        files.extend(files.clone());
        files.extend(self.files("journal", |name| name.ends_with(".ids")));
        files.extend(self.files("spill", |name| name.len() == 16));
        files.extend(self.files("notices", |name| name.len() == 16));
        self.rot_one(&files);
    }

    /// The same between two lives, when also what is not sealed may be hit. After a power loss, for
    /// then all that is there is on the disk: were a mark lost later, nobody could tell damage before
    /// it from a torn tail.
    pub fn rot_before_start(&mut self) {
        if !self.is_rotten || !self.dice.one_in(4) {
            return;
        }
        let files = self.files("journal", |name| name.ends_with(".segment"));
        self.rot_one(&files);
    }

    fn rot_one(&mut self, files: &[String]) {
        if files.is_empty() {
            return;
        }
        let path = files[index(self.dice.below(files.len() as u64))].clone();
        // One bit of a file: what more than one does, checksums promise to notice only mostly.
        if self.rots.iter().any(|rot| rot.path == path) {
            return;
        }
        let Ok(bytes) = disk::read(&self.disk, &path) else { return };
        let Some((place, range)) = self.draw_place(&path, &bytes) else { return };
        if bytes.is_empty() {
            return;
        }
        let bits = (range.end - range.start) as u64 * 8;
        let bit = range.start as u64 * 8 + self.dice.below(bits);
        if path.starts_with("journal/") {
            self.history.lose_from_memory(identities(&path, &bytes));
        }
        if self.disk.flip_bit(&path, bit).is_err() {
            return;
        }
        let mut rotten = bytes;
        rotten[index(bit / 8)] ^= 1 << (bit % 8);
        let rotten = rotten[range.clone()].to_vec();
        self.tally.count(place.planted(), 1);
        self.rots.push(Rot { place, path, bit, range, rotten });
    }

    fn draw_place(&self, path: &str, bytes: &[u8]) -> Option<Part> {
        let whole = 0..bytes.len();
        if path.ends_with(".ids") {
            return Some((Place::Identities, whole));
        }
        if path.starts_with("spill/") {
            return Some((Place::Parked, whole));
        }
        if path.starts_with("notices/") {
            return Some((Place::Notice, whole));
        }
        let (places, _) = places(bytes)?;
        let kinds = [Place::Header, Place::Event, Place::Mark, Place::Seal];
        let kind = self.dice.pick(&kinds);
        let of_kind: Vec<_> = places.into_iter().filter(|(place, _)| *place == kind).collect();
        let drawn = of_kind.get(index(self.dice.below(of_kind.len().max(1) as u64)));
        drawn.cloned()
    }

    /// A bit of the registry or of the journal's identity flips before a start: the start names the
    /// file and ends, or nothing is wrong.
    pub fn rot_what_starts(&mut self) -> Step {
        if !self.is_rotten || !self.dice.one_in(12) {
            return Ok(());
        }
        let path = self.dice.pick(&[trails::registry::FILE, "journal/identity"]);
        let Ok(bytes) = disk::read(&self.disk, path) else { return Ok(()) };
        let bit = self.dice.below(bytes.len() as u64 * 8);
        self.disk.flip_bit(path, bit).unwrap();
        self.tally.count("rot of what starts", 1);
        match self.start() {
            // With other names for other batches, or with what was defined: a start checks that.
            Ok(()) => drop(self.end()),
            Err(error) if error.contains(path) => self.tally.count("refused starts", 1),
            Err(error) => return Err(format!("bit {bit} of {path} flipped; told was: {error}")),
        }
        self.disk.flip_bit(path, bit).map_err(|error| format!("{path} was not kept: {error}"))
    }

    /// The names in a directory, as paths.
    pub fn files(&self, directory: &str, is_meant: impl Fn(&str) -> bool) -> Vec<String> {
        let names = self.disk.list(directory).unwrap_or_default();
        let meant = names.iter().filter(|name| is_meant(name));
        meant.map(|name| format!("{directory}/{name}")).collect()
    }

    /// What the daemon reports as damaged: segments, and files that it set aside.
    pub fn reported(&self) -> Vec<String> {
        let process = self.process();
        let journal = process.journal.borrow();
        let mut reported: Vec<String> =
            journal.damaged.iter().map(|damage| damage.file.clone()).collect();
        reported.extend(process.damaged().into_iter().map(producer::segment::path));
        let aside = process.delivery.set_aside_files();
        reported.extend(aside.into_iter().map(|name| format!("spill/{name}")));
        reported
    }

    /// Whether something is damaged or was given up.
    pub fn needs_mending(&self) -> bool {
        let set_aside = self.process().notifier.report().set_aside.len();
        !self.rots.is_empty() || !self.reported().is_empty() || set_aside > 0
    }

    /// Somebody restores what is damaged, and lets what was given up be tried again.
    pub fn mend(&mut self) -> Step {
        for rot in std::mem::take(&mut self.rots) {
            for ending in ["", ".damaged", ".expired"] {
                let path = format!("{}{ending}", rot.path);
                if disk::read(&self.disk, &path).is_ok_and(|bytes| rot.is_in(&bytes)) {
                    self.tally.count(rot.place.mended(), 1);
                    self.disk.flip_bit(&path, rot.bit).map_err(|error| error.to_string())?;
                }
            }
        }
        self.note_restored();
        for directory in ["spill", "notices"] {
            for path in self.files(directory, |name| name.len() > 16) {
                if plain(&path) != path {
                    let renamed = self.disk.rename(&path, plain(&path));
                    renamed.map_err(|error| error.to_string())?;
                }
            }
            self.disk.sync_directory(directory).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Counts tails that a crash tore, and notes what the start could not read.
    pub fn note_what_was_found(&mut self) {
        let journal = self.process().journal.borrow().clone();
        for damage in journal.damaged.iter().chain(&journal.forgotten) {
            let bytes = self.disk.peek(&damage.file).unwrap_or_default();
            self.history.lose_from_memory(identities(&damage.file, &bytes));
        }
    }

    /// A file as it was before a bit of it flipped.
    pub fn whole(&self, path: &str) -> Option<Vec<u8>> {
        let mut bytes = self.disk.peek(path).ok()?;
        let plain = plain(path);
        if let Some(rot) = self.rots.iter().find(|rot| rot.path == plain && rot.is_in(&bytes)) {
            bytes[index(rot.bit / 8)] ^= 1 << (rot.bit % 8);
        }
        Some(bytes)
    }

    /// Whether a file may be damaged.
    pub fn is_rotten(&self, path: &str) -> bool {
        self.rots.iter().any(|rot| rot.path == plain(path))
    }
}

/// The path of a parked file before it was set aside.
fn plain(path: &str) -> &str {
    path.strip_suffix(".expired").or(path.strip_suffix(".damaged")).unwrap_or(path)
}

/// How many segments have a torn tail.
pub fn torn_tails(disk: &SimulatedDisk) -> u64 {
    let names = disk.list("journal").unwrap_or_default();
    let segments = names.iter().filter(|name| name.ends_with(".segment"));
    let contents =
        segments.map(|name| producer::segment::Contents::read(disk, &format!("journal/{name}")));
    contents.filter(|it| it.as_ref().is_ok_and(|it| it.torn_bytes > 0)).count() as u64
}
