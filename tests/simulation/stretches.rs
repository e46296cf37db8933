//! When each trail was to write digests: what the stage of digests was told, and which files were
//! delivered in which of these times. From it follows what digests must list:
//!
//! | from its first appearance until nothing could deliver it again, the trail was | its file |
//! | --- | --- |
//! | logging, with validation | is listed |
//! | stopped or gone, after it was logging with validation | is listed, unless the disk was at fault |
//! | logging without validation, or never with it | is not listed |
//! | some of both | may be listed: it depends on where a crash cut in |
//! | logging with validation, and it ceased, and its bucket refused its last digests for too long | may be listed |

use std::collections::{BTreeMap, BTreeSet};

use model::{LogFile, Timestamp, TrailArn};
use trails::Definitions;

use crate::outside::Place;
use crate::world::World;

/// Foreign objects that a log file steps aside for, at most.
const ATTEMPTS_MAX: u32 = 8;

/// What a trail is to do. One that is stopped or gone has none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Log, and write digests; it was last started then.
    On(Option<Timestamp>),
    /// Log, without validation.
    Off,
}

/// What was told, by its number.
#[derive(Default)]
pub struct Stretches {
    told: Vec<BTreeMap<TrailArn, Order>>,
    /// The number of the last time before which a file could still be delivered again.
    last: BTreeMap<Place, usize>,
    /// Whether something was damaged or given up for a while, for which a stopped trail does not wait,
    /// or what was told could not be stored at once.
    pub had_damage: bool,
    /// Parked files that were given up, and that somebody restored.
    pub restored: BTreeSet<Place>,
    /// Trails whose last digests were refused for too long.
    pub given_up: BTreeSet<TrailArn>,
}

/// What is to become of a log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    Listed,
    Unlisted,
    Either,
}

impl Stretches {
    /// How often a trail began to write digests.
    pub fn begun(&self, trail: &TrailArn) -> usize {
        let mut before = None;
        let mut begun = 0;
        for told in &self.told {
            let order = told.get(trail).copied();
            begun += usize::from(matches!(order, Some(Order::On(_))) && order != before);
            before = order;
        }
        begun
    }

    /// The trails that write digests now.
    pub fn on(&self) -> Vec<TrailArn> {
        let Some(last) = self.told.last() else { return Vec::new() };
        let on = last.iter().filter(|(_, order)| matches!(order, Order::On(_)));
        on.map(|(trail, _)| trail.clone()).collect()
    }

    /// What is to become of a file that first appeared in the time of this number.
    pub fn demand(&self, trail: &TrailArn, place: &Place, first: usize) -> Demand {
        let last = self.last.get(place).copied().unwrap_or(first).max(first);
        let order = |number: usize| self.told[number].get(trail).copied();
        let is_on = |number: usize| matches!(order(number), Some(Order::On(_)));
        let mut while_there = first..=last;
        let ends = (first..self.told.len()).any(|number| !is_on(number));
        if ends && self.given_up.contains(trail) {
            return Demand::Either;
        }
        if while_there.clone().all(is_on) {
            return Demand::Listed;
        }
        let is_off = while_there.clone().all(|number| order(number) == Some(Order::Off));
        if is_off || !(0..=last).any(is_on) {
            return Demand::Unlisted;
        }
        let was_on = (0..=first).rev().find(|number| order(*number).is_some()).is_some_and(is_on);
        let is_off_in_between = while_there.any(|number| order(number) == Some(Order::Off));
        match was_on && !is_off_in_between && !self.had_damage {
            true => Demand::Listed,
            false => Demand::Either,
        }
    }

    /// What was told of a trail while a file could be delivered.
    pub fn told_of(&self, trail: &TrailArn, place: &Place, first: usize) -> String {
        let last = self.last.get(place).copied().unwrap_or(first).max(first);
        let orders: Vec<_> = self.told.iter().map(|told| told.get(trail)).collect();
        format!("from {first} to {last} of {orders:?}, damage: {}", self.had_damage)
    }
}

impl World {
    /// These definitions are in force: digests are told.
    pub fn tell_digests(&mut self, definitions: &Definitions) {
        let orders = definitions.trails.iter().filter(|one| one.trail.is_logging).map(|one| {
            let started = definitions.logging.get(&one.trail.arn).and_then(|times| times.started);
            let order = if one.validates_log_files { Order::On(started) } else { Order::Off };
            (one.trail.arn.clone(), order)
        });
        self.stretches.told.push(orders.collect());
        let number = self.stretches.told.len() - 1;
        for place in self.unsettled() {
            self.stretches.last.insert(place, number);
        }
        self.outside.appeared.lock().unwrap().number = number;
        let now = self.now().wall;
        self.stretches.had_damage |= !self.process().define(definitions, now);
    }

    /// Notes whether something is damaged or was given up.
    pub fn note_damage(&mut self) {
        self.stretches.had_damage |= !self.rots.is_empty() || !self.reported().is_empty();
    }

    /// The objects that may be delivered once more: their batch or their parked copy is there.
    fn unsettled(&self) -> Vec<Place> {
        let segments = self.files("journal", |name| name.ends_with(".segment"));
        let parked = self.parked_in(&self.files("spill", |_| true));
        let appeared = self.outside.appeared.lock().unwrap();
        let may_come = |place: &&Place| {
            parked.contains(*place) || segment(&place.1).is_some_and(|it| segments.contains(&it))
        };
        appeared.first.keys().filter(may_come).cloned().collect()
    }

    /// Where parked files may go.
    fn parked_in(&self, paths: &[String]) -> BTreeSet<Place> {
        let files = paths.iter().filter_map(|path| parked_file(&self.whole(path)?));
        let places = files.flat_map(|file| {
            let bucket = file.header.destination.bucket.to_string();
            (0..ATTEMPTS_MAX).map(move |n| (bucket.clone(), file.header.name.key(n)))
        });
        places.collect()
    }

    /// Somebody restores parked files that were given up: their receipts may be gone.
    pub fn note_restored(&mut self) {
        let places = self.parked_in(&self.files("spill", |name| name.len() > 16));
        self.stretches.restored.extend(places);
    }

    /// How many chains have a digest on its way, as the disk has it.
    pub fn prepared(&self) -> usize {
        let is_prepared = |path: &String| {
            let bytes = self.disk.peek(path).unwrap_or_default();
            String::from_utf8_lossy(&bytes).contains(r#""prepared": {"#)
        };
        self.files("digests", |name| name.ends_with(".json"))
            .iter()
            .filter(|it| is_prepared(it))
            .count()
    }
}

/// A parked file, as far as it is whole.
fn parked_file(bytes: &[u8]) -> Option<LogFile> {
    let lane = u32::from_le_bytes(bytes.get(20..24)?.try_into().ok()?) as usize;
    LogFile::from_bytes(bytes.get(36 + lane..)?).ok()
}

/// The segment that a log file was made of, by its key: eight digits to the base of 62.
fn segment(key: &str) -> Option<String> {
    let unique = key.strip_suffix(".json.gz")?.rsplit('_').next()?;
    let mut digits = unique.get(..8)?.bytes();
    let number = digits.try_fold(0_u64, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            b'a'..=b'z' => digit - b'a' + 36,
            _ => return None,
        };
        Some(number * 62 + u64::from(value))
    })?;
    Some(producer::segment::path(model::BatchId(number)))
}
