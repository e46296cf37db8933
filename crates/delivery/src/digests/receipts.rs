//! Receipts: which log files were delivered, until a digest lists them.
//!
//! A batch may be retired, and a parked file forgotten, when the receipts of its log files are on disk.
//! So no file of a trail that writes digests is forgotten before one lists it. A file gets one receipt
//! ever: while its batch or its parked copy is there it can be delivered once more, and its receipts
//! file stays so long, listed or not, to know it again.
//!
//! ```text
//! receipts/0000000000000001   what one settled batch, or one parked file, delivered
//! receipts/0000000000000002   frames: length | CRC-32 | JSON; first a head, then a group for each chain
//! ```
//!
//! The files are numbered in the order in which they were written, and their times never go back. A
//! chain lists whole groups in that order, so that one number says how far it has come.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::Arc;

use disk::Disk;
use model::{BatchId, BucketName, ChainId, Timestamp, TrailArn};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The directory of receipts, in the data directory.
pub const DIRECTORY: &str = "receipts";
const FORMAT: u32 = 1;
/// Length and checksum.
const FRAME_HEAD: usize = 8;

/// A log file that is in its bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The bucket.
    pub bucket: BucketName,
    /// The key.
    pub key: String,
    /// The first key that the file's name has, where a foreign object holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_key: Option<String>,
    /// SHA-256 of its uncompressed bytes, lower-case hex.
    pub sha256: String,
    /// The least `eventTime` inside.
    pub oldest: Option<Timestamp>,
    /// The greatest `eventTime` inside.
    pub newest: Option<Timestamp>,
}

impl Receipt {
    fn first_key(&self) -> &str {
        self.first_key.as_deref().unwrap_or(&self.key)
    }
}

/// What opens a receipts file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Head {
    format: u32,
    written: Timestamp,
    batch: BatchId,
}

/// The receipts of one chain in a receipts file.
#[derive(Debug, Serialize, Deserialize)]
struct Group {
    chain: ChainId,
    receipts: Vec<Receipt>,
}

/// A group, and where it lies in its file.
struct Found {
    group: Group,
    offset: u64,
    length: usize,
}

/// Where a group is.
#[derive(Clone, Copy, Debug)]
struct Place {
    number: u64,
    written: Timestamp,
    offset: u64,
    length: usize,
}

/// A receipts file.
#[derive(Debug)]
struct Held {
    batch: BatchId,
    /// Groups that no digest lists.
    unlisted: usize,
    /// By which its log files are known again.
    first_keys: Vec<String>,
}

/// What log files may be delivered, perhaps once more.
#[derive(Debug, Default)]
pub struct OnTheirWay {
    /// Batches that are not retired.
    pub batches: HashSet<BatchId>,
    /// How many files are parked by their first keys: one that was restored may be there twice.
    pub parked: HashMap<String, usize>,
}

impl OnTheirWay {
    /// A file is parked.
    pub fn park(&mut self, first_key: String) {
        *self.parked.entry(first_key).or_default() += 1;
    }

    /// Whether a log file of this receipts file is among them.
    fn has_any_of(&self, held: &Held) -> bool {
        let is_parked = |key: &String| self.parked.contains_key(key);
        self.batches.contains(&held.batch) || held.first_keys.iter().any(is_parked)
    }
}

/// The receipts of an installation.
#[derive(Debug)]
pub struct Receipts {
    disk: Arc<dyn Disk>,
    held: BTreeMap<u64, Held>,
    unlisted: BTreeMap<ChainId, Vec<Place>>,
    known: HashSet<String>,
    on_their_way: OnTheirWay,
    last_number: u64,
    last_written: Timestamp,
    /// Files that could not be read; they are kept.
    damaged: Vec<String>,
}

/// What of a chain waits for a digest, as far as it was written before some moment.
#[derive(Debug, Default)]
pub struct Unlisted {
    places: Vec<Place>,
}

impl Unlisted {
    /// Up to which number this is all.
    #[must_use]
    pub fn through(&self) -> Option<u64> {
        self.places.last().map(|place| place.number)
    }

    /// Reads the receipts.
    pub fn read(&self, disk: &dyn Disk) -> io::Result<Vec<Receipt>> {
        let mut receipts = Vec::new();
        for place in &self.places {
            let mut bytes = vec![0; place.length];
            let read = disk.open(&path(place.number))?.read_at(&mut bytes, place.offset)?;
            let group: Group = parse_frame(&bytes[..read]).ok_or_else(|| damaged(place.number))?.0;
            receipts.extend(group.receipts);
        }
        Ok(receipts)
    }
}

impl Receipts {
    /// Finds the receipts. `listed_through` says up to which number a chain has listed all.
    pub fn open(
        disk: Arc<dyn Disk>,
        on_their_way: OnTheirWay,
        listed_through: impl Fn(&ChainId) -> u64,
    ) -> io::Result<Receipts> {
        disk.create_directory(DIRECTORY)?;
        // What a killed process has renamed may not be durable; nothing may follow from what is not.
        disk.sync_directory(DIRECTORY)?;
        let mut receipts = Receipts {
            disk,
            held: BTreeMap::new(),
            unlisted: BTreeMap::new(),
            known: HashSet::new(),
            on_their_way,
            last_number: 0,
            last_written: Timestamp::EPOCH,
            damaged: Vec::new(),
        };
        for name in receipts.disk.list(DIRECTORY)? {
            if name.ends_with(".tmp") {
                receipts.disk.remove(&format!("{DIRECTORY}/{name}"))?;
                continue;
            }
            let number = u64::from_str_radix(&name, 16).ok();
            let number = number.filter(|number| name.len() == 16 && *number < u64::MAX);
            let Some(number) = number else {
                receipts.damaged.push(name);
                continue;
            };
            receipts.last_number = receipts.last_number.max(number);
            let bytes = disk::read(&*receipts.disk, &path(number))?;
            match parse(&bytes) {
                Some((head, groups)) => {
                    receipts.take(number, &head, &groups, &listed_through);
                }
                None => receipts.damaged.push(name),
            }
        }
        receipts.release_all(|_| true);
        Ok(receipts)
    }

    fn take(
        &mut self,
        number: u64,
        head: &Head,
        groups: &[Found],
        listed_through: impl Fn(&ChainId) -> u64,
    ) {
        let receipts = || groups.iter().flat_map(|found| &found.group.receipts);
        let first_keys: Vec<String> = receipts().map(|one| one.first_key().to_owned()).collect();
        self.last_written = self.last_written.max(head.written);
        let mut held = Held { batch: head.batch, unlisted: 0, first_keys };
        if self.on_their_way.has_any_of(&held) {
            self.known.extend(held.first_keys.iter().cloned());
        }
        for Found { group, offset, length } in groups {
            if listed_through(&group.chain) < number {
                held.unlisted += 1;
                let (written, offset, length) = (head.written, *offset, *length);
                let place = Place { number, written, offset, length };
                self.unlisted.entry(group.chain.clone()).or_default().push(place);
            }
        }
        self.held.insert(number, held);
    }

    /// Whether a log file has its receipt, by the first key that its name has. Of a file that cannot
    /// be delivered once more this says no.
    #[must_use]
    pub fn is_known(&self, first_key: &str) -> bool {
        self.known.contains(first_key)
    }

    /// Keeps receipts: durable when it returns. After an error the next file takes the same number, so
    /// that what may be on disk is replaced: its batch, or its parked file, is delivered again.
    pub fn store(
        &mut self,
        batch: BatchId,
        now: Timestamp,
        receipts: Vec<(ChainId, Receipt)>,
    ) -> io::Result<()> {
        let mut chains: BTreeMap<ChainId, Vec<Receipt>> = BTreeMap::new();
        for (chain, receipt) in receipts {
            if !self.known.contains(receipt.first_key()) {
                chains.entry(chain).or_default().push(receipt);
            }
        }
        if chains.is_empty() {
            return Ok(());
        }
        let number = self.last_number + 1;
        let written = now.max(self.last_written);
        let head = Head { format: FORMAT, written, batch };
        let mut bytes = frame(&head);
        let mut first_keys = Vec::new();
        let mut places = Vec::new();
        for (chain, mut receipts) in chains {
            receipts.sort_by(|one, two| one.key.cmp(&two.key));
            first_keys.extend(receipts.iter().map(|one| one.first_key().to_owned()));
            let group = frame(&Group { chain: chain.clone(), receipts });
            let (offset, length) = (bytes.len() as u64, group.len());
            places.push((chain, Place { number, written, offset, length }));
            bytes.extend(group);
        }
        disk::replace(&*self.disk, &path(number), &bytes)?;
        self.last_number = number;
        self.last_written = written;
        self.known.extend(first_keys.iter().cloned());
        let unlisted = places.len();
        self.held.insert(number, Held { batch, unlisted, first_keys });
        for (chain, place) in places {
            self.unlisted.entry(chain).or_default().push(place);
        }
        Ok(())
    }

    /// A batch is being settled.
    pub fn begun(&mut self, batch: BatchId) {
        self.on_their_way.batches.insert(batch);
    }

    /// A log file of a batch is parked.
    pub fn parked(&mut self, first_key: String) {
        self.on_their_way.park(first_key);
    }

    /// A batch is retired: it does not begin again.
    pub fn retired(&mut self, batch: BatchId) {
        self.on_their_way.batches.remove(&batch);
        self.release_all(|held| held.batch == batch);
    }

    /// A parked file is forgotten.
    pub fn forgotten(&mut self, first_key: &str) {
        if let Some(parked) = self.on_their_way.parked.get_mut(first_key) {
            *parked -= 1;
            if *parked == 0 {
                self.on_their_way.parked.remove(first_key);
            }
        }
        self.release_all(|held| held.first_keys.iter().any(|key| key == first_key));
    }

    /// What of a chain waits for a digest that ends at `end`, and all up to the number `through`. What
    /// was written when the clock was ahead of `now`, and was set back since, is not left for the day on
    /// which that time comes.
    #[must_use]
    pub fn unlisted(
        &self,
        chain: &ChainId,
        end: Timestamp,
        through: u64,
        now: Timestamp,
    ) -> Unlisted {
        let places = self.unlisted.get(chain).map(Vec::as_slice).unwrap_or_default();
        let is_in = |place: &&Place| {
            end >= now || place.written < end || place.written > now || place.number <= through
        };
        Unlisted { places: places.iter().take_while(is_in).copied().collect() }
    }

    /// When the first receipt of a chain that waits was written.
    #[must_use]
    pub fn oldest(&self, chain: &ChainId) -> Option<Timestamp> {
        self.unlisted.get(chain)?.first().map(|place| place.written)
    }

    /// The chains of which something waits, and the first number of each.
    pub fn waiting(&self) -> impl Iterator<Item = (&ChainId, u64)> {
        let waiting = self.unlisted.iter();
        waiting.filter_map(|(chain, places)| Some((chain, places.first()?.number)))
    }

    /// A digest of the chain is in its bucket that lists all up to this number.
    pub fn listed(&mut self, chain: &ChainId, through: u64) {
        let Some(places) = self.unlisted.get_mut(chain) else { return };
        let listed = places.iter().take_while(|place| place.number <= through).count();
        let listed: Vec<u64> = places.drain(..listed).map(|place| place.number).collect();
        if places.is_empty() {
            self.unlisted.remove(chain);
        }
        for number in listed {
            if let Some(held) = self.held.get_mut(&number) {
                held.unlisted -= 1;
            }
            self.release(number);
        }
    }

    /// Nobody lists what waits of a trail any more.
    pub fn give_up(&mut self, trail: &TrailArn) {
        let chains: Vec<ChainId> =
            self.unlisted.keys().filter(|chain| chain.trail == *trail).cloned().collect();
        chains.iter().for_each(|chain| self.listed(chain, u64::MAX));
    }

    /// The number that was given last.
    #[must_use]
    pub fn last_number(&self) -> u64 {
        self.last_number
    }

    /// Numbers up to this one are not given any more.
    pub fn number_after(&mut self, number: u64) {
        self.last_number = self.last_number.max(number);
    }

    /// Files that could not be read. They are kept, and what they tell of is in no digest.
    #[must_use]
    pub fn damaged(&self) -> &[String] {
        &self.damaged
    }

    /// Groups of receipts that wait for a digest.
    #[must_use]
    pub fn waiting_groups(&self) -> usize {
        self.unlisted.values().map(Vec::len).sum()
    }

    /// Lets a file go that nobody needs. One that cannot be removed is found again at the next start.
    fn release(&mut self, number: u64) {
        let held = self.held.get_mut(&number);
        let Some(held) = held.filter(|held| !self.on_their_way.has_any_of(held)) else { return };
        for key in std::mem::take(&mut held.first_keys) {
            self.known.remove(&key);
        }
        if held.unlisted > 0 {
            return;
        }
        self.held.remove(&number);
        if let Err(error) = self.disk.remove(&path(number)) {
            tracing::warn!(%error, number, "a receipts file that is not needed could not be removed");
        }
    }

    /// Lets files go of which something changed.
    fn release_all(&mut self, is_meant: impl Fn(&Held) -> bool) {
        let meant = self.held.iter().filter(|(_, held)| is_meant(held));
        let meant: Vec<u64> = meant.map(|(number, _)| *number).collect();
        meant.into_iter().for_each(|number| self.release(number));
    }
}

fn path(number: u64) -> String {
    format!("{DIRECTORY}/{number:016x}")
}

fn damaged(number: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{} is damaged; restart cairn, which goes on without it", path(number)),
    )
}

fn frame(value: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(value).expect("receipts always serialize");
    let length = u32::try_from(json.len()).expect("a batch has no 4 GiB of names");
    [&length.to_le_bytes()[..], &crc32fast::hash(&json).to_le_bytes(), &json].concat()
}

/// The first frame of these bytes, and how long it is.
fn parse_frame<T: DeserializeOwned>(bytes: &[u8]) -> Option<(T, usize)> {
    let (head, rest) = bytes.split_at_checked(FRAME_HEAD)?;
    let length = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
    let json = rest.get(..length)?;
    if crc32fast::hash(json).to_le_bytes() != head[4..] {
        return None;
    }
    Some((serde_json::from_slice(json).ok()?, FRAME_HEAD + length))
}

/// A receipts file: its head, and its groups with their places. `None` when any of it is damaged.
fn parse(bytes: &[u8]) -> Option<(Head, Vec<Found>)> {
    let (head, mut at): (Head, usize) = parse_frame(bytes)?;
    if head.format > FORMAT {
        return None;
    }
    let mut groups = Vec::new();
    while at < bytes.len() {
        let (group, length) = parse_frame(&bytes[at..])?;
        groups.push(Found { group, offset: at as u64, length });
        at += length;
    }
    Some((head, groups))
}
