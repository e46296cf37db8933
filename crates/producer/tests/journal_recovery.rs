//! The process ends at every operation of the journal, in every manner: what was committed is
//! there after the start, nothing is invented, and a sealed batch never changes again.
#![allow(clippy::unwrap_used)]

mod support;

use cairn_producer::Journal;
use disk::SimulatedDisk;
use support::world::{End, World};
use support::{SETTINGS, at, dice, from_record, open};

const ENDS: [End; 3] = [End::Killed, End::PowerLost(1), End::PowerLost(2)];

/// One of the steps of some work: every kind of call, with rotation and a change of trails.
fn step(world: &mut World, number: u64) {
    match number % 20 {
        2 | 9 | 13 => world.commit(),
        5 => world.rest(),
        10 if number > 60 => world.seal(),
        15 if number % 40 == 15 => world.set_trails(),
        17 => world.retire(1),
        18 => world.retire(0),
        19 => world.clock += 60_000,
        _ => world.stage(world.events()),
    }
}

/// All steps, or those until the process has ended for the first time.
fn work(world: &mut World, until_end: bool) {
    for number in 0..110 {
        step(world, number);
        if until_end && world.restarts > 0 {
            return;
        }
    }
    world.seal();
}

/// How many changing operations the work takes.
fn operations() -> u64 {
    let mut world = World::new(SETTINGS);
    let before = world.disk.operations();
    work(&mut world, false);
    world.disk.operations() - before
}

#[test]
fn what_was_committed_survives_an_end_at_every_operation() {
    let operations = operations();
    assert!(operations > 80, "only {operations} operations");
    for operation in 0..=operations {
        for seed in 0..4 {
            for first in [End::Killed, End::PowerLost(seed)] {
                let mut world = World::new(SETTINGS);
                world.stop_after(operation, first);
                work(&mut world, false);
                // What the first start found must last, whatever the disk had not written yet.
                world.restart(End::PowerLost(seed + 100));
                world.restart(End::Killed);
            }
        }
    }
}

#[test]
fn what_a_start_found_after_a_kill_survives_power_loss_at_once() {
    for operation in 0..=operations() {
        for seed in 0..5 {
            let mut world = World::new(SETTINGS);
            world.stop_after(operation, End::Killed);
            work(&mut world, true);
            world.restart(End::PowerLost(seed));
        }
    }
}

#[test]
fn a_recovery_that_is_cut_off_is_done_again() {
    for operation in (0..operations()).step_by(7) {
        for in_recovery in 0..12 {
            for first in ENDS {
                for second in ENDS {
                    let mut world = World::new(SETTINGS);
                    world.stop_after(operation, first);
                    work(&mut world, true);
                    world.restart_twice(first, in_recovery, second);
                }
            }
        }
    }
}

/// The start after a kill may use files whose names the disk does not know yet.
#[test]
fn power_lost_soon_after_a_kill_damages_nothing() {
    for operation in 0..operations() {
        for later in 0..7 {
            for seed in 0..2 {
                let mut world = World::new(SETTINGS);
                world.stop_after(operation, End::Killed);
                work(&mut world, true);
                world.stop_after(later, End::PowerLost(seed));
                world.stage(world.events());
                world.commit();
                world.restart(End::PowerLost(seed));
            }
        }
    }
}

/// A journal whose only event ends at some byte of a sector, cut off in the middle of its seal.
fn cut_off_in_the_seal(padding: usize, is_resting: bool, seed: u64) -> (SimulatedDisk, Journal) {
    let disk = SimulatedDisk::new();
    let mut journal = open(&disk, SETTINGS).unwrap();
    let padding = "x".repeat(padding);
    journal.stage(&from_record(&format!(r#"{{"eventID":"{padding}"}}"#)), at(0)).unwrap();
    journal.commit().unwrap();
    if is_resting {
        journal.rest().unwrap();
    }
    let before = disk.operations();
    journal.seal(at(1)).unwrap();
    let sealing = disk.operations() - before;
    // Once more, now that the number of its operations is known: all but the last sync.
    let disk = SimulatedDisk::new();
    let mut journal = open(&disk, SETTINGS).unwrap();
    journal.stage(&from_record(&format!(r#"{{"eventID":"{padding}"}}"#)), at(0)).unwrap();
    journal.commit().unwrap();
    if is_resting {
        journal.rest().unwrap();
    }
    disk.stop_after(sealing - 1);
    journal.seal(at(1)).unwrap_err();
    disk.lose_power(&mut dice(seed));
    let journal = open(&disk, SETTINGS).unwrap();
    (disk, journal)
}

#[test]
fn a_seal_torn_from_its_mark_is_not_taken_for_damage() {
    for padding in 0..600 {
        for seed in 0..6 {
            for is_resting in [false, true] {
                let (_, journal) = cut_off_in_the_seal(padding, is_resting, seed);
                let state = journal.state();
                assert_eq!(state.damaged, [], "padding {padding}, seed {seed}, {is_resting}");
                assert_eq!(state.sealed.len(), 1, "padding {padding}, seed {seed}, {is_resting}");
            }
        }
    }
}
