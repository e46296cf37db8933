//! The spool keeps what it took, whatever happens, and no more than its bound.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_disk::simulated::{Fault, Operation};
use cairn_disk::spool::Damage;
use cairn_disk::{Disk, ItemId, LaneStatus, RealDisk, SimulatedDisk, Spool, SpoolError};
use support::dice;

const BOUND: u64 = 1 << 20;

fn open(disk: &SimulatedDisk) -> Spool {
    Spool::open(Arc::new(disk.clone()), "spool", BOUND).unwrap()
}

/// Everything in the spool: lane, parking time, payload.
fn contents(spool: &Spool) -> BTreeMap<ItemId, (String, i64, Vec<u8>)> {
    let lanes = spool.lanes().into_iter().map(|status| status.lane);
    let items =
        lanes.flat_map(|lane| spool.items(&lane).into_iter().map(move |id| (lane.clone(), id)));
    items
        .map(|(lane, id)| (id, (lane, spool.parked_at_ms(id).unwrap(), spool.read(id).unwrap())))
        .collect()
}

fn park_and_recover(disk: &Arc<dyn Disk>) {
    let long_lane = "l".repeat(700);
    let mut spool = Spool::open(Arc::clone(disk), "spool", BOUND).unwrap();
    assert!(spool.is_empty());
    let first = spool.put("bucket", 20, b"one").unwrap();
    spool.put(&long_lane, -5, b"").unwrap();
    let third = spool.put("bucket", 10, &[7; 5000]).unwrap();
    let gone = spool.put("bucket", 1, b"gone").unwrap();
    spool.remove(gone).unwrap();
    let before = contents(&spool);
    drop(spool);
    let spool = Spool::open(Arc::clone(disk), "spool", BOUND).unwrap();
    assert_eq!(contents(&spool), before);
    assert_eq!(spool.items("bucket"), [first, third]);
    assert_eq!(spool.oldest("bucket"), Some(first));
    assert_eq!(spool.oldest("none"), None);
    assert_eq!((spool.bytes(), spool.is_empty()), (5003, false));
    let status = |lane: &str, items, bytes, oldest_parked_at_ms| LaneStatus {
        lane: lane.to_owned(),
        items,
        bytes,
        oldest_parked_at_ms,
    };
    assert_eq!(spool.lanes(), [status("bucket", 2, 5003, 10), status(&long_lane, 1, 0, -5)]);
}

#[test]
fn a_reopened_spool_has_what_was_parked() {
    park_and_recover(&(Arc::new(SimulatedDisk::new()) as Arc<dyn Disk>));
    let directory = tempfile::tempdir().unwrap();
    park_and_recover(&(Arc::new(RealDisk::open(directory.path()).unwrap()) as Arc<dyn Disk>));
}

#[test]
fn a_lane_is_bounded_and_an_empty_one_takes_one_item_of_any_size() {
    let disk = Arc::new(SimulatedDisk::new());
    let mut spool = Spool::open(disk, "spool", 10).unwrap();
    let big = spool.put("a", 0, &[0; 11]).unwrap();
    let full = spool.put("a", 0, b"").unwrap_err();
    assert!(matches!(full, SpoolError::Full { lane, lane_bytes_max: 10 } if lane == "a"));
    let four = spool.put("b", 0, &[0; 4]).unwrap();
    spool.put("b", 0, &[0; 6]).unwrap();
    spool.put("b", 0, &[0; 1]).unwrap_err();
    spool.remove(four).unwrap();
    spool.put("b", 0, &[0; 5]).unwrap_err();
    spool.put("b", 0, &[0; 4]).unwrap();
    assert_eq!(spool.bytes(), 21);
    spool.remove(big).unwrap();
    spool.put("a", 0, &[0; 10]).unwrap();
}

#[test]
fn a_removed_item_is_gone_and_may_be_removed_again() {
    let disk = SimulatedDisk::new();
    let mut spool = open(&disk);
    let item = spool.put("a", 0, b"x").unwrap();
    spool.remove(item).unwrap();
    spool.remove(item).unwrap();
    assert!(matches!(spool.read(item), Err(SpoolError::Unknown { .. })));
    assert_eq!(spool.parked_at_ms(item), None);
    assert!(spool.is_empty() && spool.lanes().is_empty());
    disk.lose_power(&mut |_| 0);
    assert!(open(&disk).is_empty());
}

#[test]
fn a_removal_that_failed_can_be_tried_again() {
    for operation in [Operation::Remove, Operation::SyncDirectory] {
        let disk = SimulatedDisk::new();
        let mut spool = open(&disk);
        let item = spool.put("a", 0, b"x").unwrap();
        disk.fail(Fault::once(operation));
        spool.remove(item).unwrap_err();
        assert_eq!(spool.items("a"), [item]);
        spool.remove(item).unwrap();
        disk.lose_power(&mut |_| 0);
        assert!(open(&disk).is_empty());
    }
}

#[test]
fn ids_go_up_also_past_damaged_and_failed_items() {
    let disk = SimulatedDisk::new();
    let mut spool = open(&disk);
    let first = spool.put("a", 0, b"x").unwrap();
    disk.fail(Fault::once(Operation::SyncDirectory));
    spool.put("a", 0, b"y").unwrap_err();
    assert_eq!(spool.items("a"), [first]);
    let third = spool.put("a", 0, b"z").unwrap();
    assert_eq!(third.to_string(), "0000000000000002");
    spool.set_aside(third).unwrap();
    drop(spool);
    let mut spool = open(&disk);
    let fourth = spool.put("a", 0, b"z").unwrap();
    assert_eq!(fourth.to_string(), "0000000000000003");
    assert_eq!(spool.items("a"), [first, fourth], "what was refused did not come back");
}

#[test]
fn a_damaged_header_is_kept_aside_at_open() {
    let disk = SimulatedDisk::new();
    let mut spool = open(&disk);
    let broken = spool.put("a", 0, b"x").unwrap();
    let whole = spool.put("a", 0, b"y").unwrap();
    drop(spool);
    disk.flip_bit(&format!("spool/{broken}"), 0).unwrap();
    let spool = open(&disk);
    assert_eq!(spool.items("a"), [whole]);
    assert_eq!(spool.damaged(), [format!("{broken}.damaged")]);
    drop(spool);
    disk.lose_power(&mut |_| 0);
    let spool = open(&disk);
    assert_eq!(spool.damaged(), [format!("{broken}.damaged")], "it is told again");
    assert_eq!(disk.list("spool").unwrap().len(), 2);
}

#[test]
fn a_file_of_another_size_than_its_header_says_is_kept_aside_at_open() {
    let disk = SimulatedDisk::new();
    let mut spool = open(&disk);
    let grown = spool.put("a", 0, b"x").unwrap();
    let lane_grown = spool.put("a", 0, b"x").unwrap();
    drop(spool);
    let file = disk.open(&format!("spool/{grown}")).unwrap();
    file.write_all_at(b"!", file.size_bytes().unwrap()).unwrap();
    disk.flip_bit(&format!("spool/{lane_grown}"), 24 * 8 - 1).unwrap();
    disk.create("spool/0000000000000005", 0).unwrap();
    let spool = open(&disk);
    assert!(spool.is_empty());
    let names = [&grown.to_string(), &lane_grown.to_string(), "0000000000000005"];
    assert_eq!(spool.damaged(), names.map(|name| format!("{name}.damaged")));
}

#[test]
fn a_damaged_payload_is_told_by_read_and_can_be_set_aside() {
    let disk = SimulatedDisk::new();
    let mut spool = open(&disk);
    let item = spool.put("a", 0, b"x").unwrap();
    disk.flip_bit(&format!("spool/{item}"), (36 + 1) * 8).unwrap();
    let error = spool.read(item).unwrap_err();
    assert!(matches!(error, SpoolError::Damaged { damage: Damage::Checksum, .. }), "{error}");
    spool.set_aside(item).unwrap();
    spool.set_aside(item).unwrap();
    assert!(spool.is_empty());
    disk.lose_power(&mut |_| 0);
    let spool = open(&disk);
    assert!(spool.is_empty());
    assert_eq!(spool.damaged(), [format!("{item}.damaged")]);
}

#[test]
fn leftovers_are_removed_and_foreign_files_left_alone() {
    let disk = SimulatedDisk::new();
    disk.create_directory("spool").unwrap();
    for name in ["0000000000000009.tmp", "README", "9.tmp", "000000000000000A"] {
        disk.create(&format!("spool/{name}"), 3).unwrap();
    }
    let mut spool = open(&disk);
    assert!(spool.is_empty() && spool.damaged().is_empty());
    assert_eq!(disk.list("spool").unwrap(), ["000000000000000A", "9.tmp", "README"]);
    assert_eq!(spool.put("a", 0, b"").unwrap().to_string(), "000000000000000a");
}

#[test]
fn a_full_disk_refuses_an_item_and_keeps_the_others() {
    let disk = SimulatedDisk::new();
    let mut spool = open(&disk);
    let item = spool.put("a", 0, b"x").unwrap();
    disk.set_capacity(60);
    let error = spool.put("a", 0, &[0; 100]).unwrap_err();
    let full = |kind| kind == std::io::ErrorKind::StorageFull;
    assert!(matches!(error, SpoolError::Disk { source, .. } if full(source.kind())));
    assert_eq!(open(&disk).items("a"), [item]);
}

/// What a spool's owner knows: what must be there and what may be.
#[derive(Default)]
struct Model {
    kept: BTreeMap<ItemId, (String, i64, Vec<u8>)>,
    uncertain: Vec<(String, i64, Vec<u8>)>,
}

impl Model {
    fn act(&mut self, spool: &mut Spool, dice: &mut dyn FnMut(u64) -> u64) {
        if dice(3) > 0 {
            self.put(spool, dice);
        } else if let Some(item) = pick(&self.kept, dice) {
            let parked = self.kept.remove(&item).unwrap();
            if spool.remove(item).is_err() {
                self.uncertain.push(parked);
            }
        }
    }

    fn put(&mut self, spool: &mut Spool, dice: &mut dyn FnMut(u64) -> u64) {
        let lane = format!("lane-{}", dice(3));
        let payload = vec![u8::try_from(dice(256)).unwrap(); usize::try_from(dice(1500)).unwrap()];
        let at_ms = i64::try_from(dice(1 << 40)).unwrap();
        let parked = (lane.clone(), at_ms, payload.clone());
        match spool.put(&lane, at_ms, &payload) {
            Ok(id) => assert!(self.kept.insert(id, parked).is_none(), "an id given twice"),
            Err(_) => self.uncertain.push(parked),
        }
    }

    /// Everything kept is there, and what else is there was uncertain.
    fn check(&mut self, spool: &Spool, place: &str) {
        assert!(spool.damaged().is_empty(), "damage {place}");
        let mut found = contents(spool);
        for (id, parked) in &self.kept {
            assert_eq!(found.remove(id).as_ref(), Some(parked), "an item lost {place}");
        }
        for (id, parked) in found {
            assert!(self.uncertain.contains(&parked), "an item came back {place}");
            self.kept.insert(id, parked);
        }
        self.uncertain.clear();
    }
}

fn pick<T>(items: &BTreeMap<ItemId, T>, dice: &mut dyn FnMut(u64) -> u64) -> Option<ItemId> {
    let place = usize::try_from(dice(items.len().max(1) as u64)).unwrap();
    items.keys().nth(place).copied()
}

#[test]
fn a_spool_keeps_its_word_through_crashes_at_any_operation() {
    for seed in 0..300 {
        let mut dice = dice(seed);
        let disk = SimulatedDisk::new();
        let mut model = Model::default();
        for round in 0..6 {
            let mut spool = open(&disk);
            model.check(&spool, &format!("in round {round} of seed {seed}"));
            disk.stop_after(dice(40));
            for _ in 0..8 {
                model.act(&mut spool, &mut dice);
            }
            if dice(2) == 0 { disk.lose_power(&mut dice) } else { disk.crash_process() }
        }
    }
}

#[test]
fn a_spool_that_crashes_while_opening_loses_nothing() {
    for stop in 0..8 {
        let disk = SimulatedDisk::new();
        let mut spool = open(&disk);
        let broken = spool.put("a", 0, b"x").unwrap();
        let whole = spool.put("a", 0, b"y").unwrap();
        disk.create("spool/0000000000000007.tmp", 5).unwrap();
        disk.flip_bit(&format!("spool/{broken}"), 0).unwrap();
        disk.stop_after(stop);
        let _ = Spool::open(Arc::new(disk.clone()), "spool", BOUND);
        disk.lose_power(&mut dice(stop));
        let spool = open(&disk);
        assert_eq!(spool.items("a"), [whole]);
        assert_eq!(spool.damaged(), [format!("{broken}.damaged")]);
    }
}
