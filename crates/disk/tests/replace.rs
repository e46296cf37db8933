//! `replace` leaves the old bytes or the new ones, whatever happens during it.

#![allow(clippy::unwrap_used)]

mod support;

use cairn_disk::simulated::{Fault, Operation};
use cairn_disk::{Disk, SimulatedDisk, read, replace};
use support::dice;

const SEEDS: u64 = 50;
const OLD: [u8; 1300] = [1; 1300];
const NEW: [u8; 2100] = [2; 2100];

fn disk_with_old() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    disk.create_directory("d").unwrap();
    replace(&disk, "d/a", &OLD).unwrap();
    disk
}

/// New after `Ok`; old or new after `Err`. Answers whether it is new.
fn check_old_or_new(disk: &SimulatedDisk, answered_ok: bool, place: &str) -> bool {
    let bytes = read(disk, "d/a").unwrap();
    let is_new = bytes == NEW;
    assert!(is_new || bytes == OLD, "a mixture {place}");
    assert!(is_new || !answered_ok, "an answer of Ok was lost {place}");
    is_new
}

/// Stops the disk at each operation in turn, lets `crash` happen, checks, and replaces again.
/// Answers how many operations there were and how many of the crashes left the new bytes.
fn stop_at_each_operation(crash: impl Fn(&SimulatedDisk)) -> (u64, u64) {
    let mut left_new = 0;
    for operations in 0.. {
        let disk = disk_with_old();
        disk.stop_after(operations);
        let answered_ok = replace(&disk, "d/a", &NEW).is_ok();
        crash(&disk);
        let place = format!("after {operations} operations");
        left_new += u64::from(check_old_or_new(&disk, answered_ok, &place));
        replace(&disk, "d/a", b"again").unwrap();
        assert_eq!(disk.list("d").unwrap(), ["a"], "leftovers {place}");
        if answered_ok {
            return (operations, left_new);
        }
    }
    unreachable!("replace ends");
}

#[test]
fn a_replacement_survives_power_loss_at_each_operation() {
    let mut left_new = 0;
    for seed in 0..SEEDS {
        let (operations, new) = stop_at_each_operation(|disk| disk.lose_power(&mut dice(seed)));
        assert_eq!(operations, 6, "remove, create, write, sync, rename, sync the directory");
        left_new += new;
    }
    // Always after the directory's sync; sometimes when only the rename had happened.
    assert!(left_new > SEEDS && left_new < 2 * SEEDS, "{left_new}");
}

#[test]
fn a_replacement_survives_a_killed_process_at_each_operation() {
    let (_, left_new) = stop_at_each_operation(SimulatedDisk::crash_process);
    assert_eq!(left_new, 2);
}

#[test]
fn a_replacement_survives_every_single_fault_and_power_loss_after_it() {
    let faults = [
        Operation::Remove,
        Operation::Create,
        Operation::Write,
        Operation::Sync,
        Operation::Rename,
        Operation::SyncDirectory,
    ];
    for (operation, seed) in
        faults.into_iter().flat_map(|fault| (0..SEEDS).map(move |seed| (fault, seed)))
    {
        let disk = disk_with_old();
        disk.fail(Fault::once(operation));
        replace(&disk, "d/a", &NEW).unwrap_err();
        let place = format!("with a failed {operation:?}, seed {seed}");
        check_old_or_new(&disk, false, &place);
        disk.lose_power(&mut dice(seed));
        check_old_or_new(&disk, false, &place);
    }
}

#[test]
fn a_failed_replacement_leaves_no_temporary_file() {
    for operation in [Operation::Write, Operation::Sync, Operation::Rename] {
        let disk = disk_with_old();
        disk.fail(Fault::once(operation));
        replace(&disk, "d/a", &NEW).unwrap_err();
        assert_eq!(disk.list("d").unwrap(), ["a"], "{operation:?}");
    }
}
