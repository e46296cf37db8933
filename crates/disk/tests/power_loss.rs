//! What the simulated disk keeps and loses: the part of the contract no process sees until the
//! power has failed.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::io::ErrorKind;

use cairn_disk::simulated::{Fault, Operation, SECTOR_BYTES};
use cairn_disk::{Disk, File, SimulatedDisk, read};
use support::dice;

const ALL: fn(u64) -> u64 = |bound| bound - 1;
const NOTHING: fn(u64) -> u64 = |_| 0;

/// A file `a` whose name and zeros are durable.
fn durable_file(disk: &SimulatedDisk, size_bytes: u64) -> Box<dyn File> {
    let file = disk.create("a", size_bytes).unwrap();
    disk.sync_directory("").unwrap();
    file
}

#[test]
fn synced_bytes_survive_and_unsynced_ones_need_luck() {
    for (mut luck, last) in [(ALL, 2), (NOTHING, 0)] {
        let disk = SimulatedDisk::new();
        let file = durable_file(&disk, 2);
        file.write_all_at(&[1], 0).unwrap();
        file.sync().unwrap();
        file.write_all_at(&[2], 1).unwrap();
        disk.lose_power(&mut luck);
        assert_eq!(read(&disk, "a").unwrap(), [1, last]);
    }
}

#[test]
fn a_synced_growth_survives() {
    let disk = SimulatedDisk::new();
    let file = durable_file(&disk, 0);
    file.write_all_at(&[1; 700], 0).unwrap();
    file.sync().unwrap();
    assert_eq!(disk.durable_bytes(), 700);
    disk.lose_power(&mut NOTHING.clone());
    assert_eq!(read(&disk, "a").unwrap(), [1; 700]);
}

#[test]
fn an_unsynced_write_is_torn_between_sectors_and_never_inside_one() {
    const SECTORS: usize = 3;
    let mut mixtures = BTreeSet::new();
    for seed in 0..200 {
        let disk = SimulatedDisk::new();
        let file = durable_file(&disk, (SECTORS * SECTOR_BYTES) as u64);
        file.write_all_at(&[1; SECTORS * SECTOR_BYTES], 0).unwrap();
        disk.lose_power(&mut dice(seed));
        let bytes = read(&disk, "a").unwrap();
        let sectors: Vec<u8> = bytes.chunks(SECTOR_BYTES).map(|sector| sector[0]).collect();
        let whole = |(sector, first): (&[u8], &u8)| sector.iter().all(|byte| byte == first);
        assert!(bytes.chunks(SECTOR_BYTES).zip(&sectors).all(whole), "seed {seed}");
        mixtures.insert(sectors);
    }
    assert_eq!(mixtures.len(), 1 << SECTORS, "every mixture happens");
}

#[test]
fn a_new_name_survives_only_by_a_sync_of_its_directory() {
    let disk = SimulatedDisk::new();
    disk.create_directory("d").unwrap();
    let file = disk.create("d/a", 8).unwrap();
    file.sync().unwrap();
    disk.sync_directory("").unwrap();
    disk.lose_power(&mut NOTHING.clone());
    assert_eq!(disk.list("d").unwrap(), [""; 0]);
    disk.create("d/a", 8).unwrap();
    disk.sync_directory("d").unwrap();
    disk.lose_power(&mut NOTHING.clone());
    assert_eq!(read(&disk, "d/a").unwrap(), [0; 8]);
}

#[test]
fn of_the_unsynced_names_a_first_part_survives() {
    let mut seen = BTreeSet::new();
    for seed in 0..100 {
        let disk = SimulatedDisk::new();
        disk.create("a", 1).unwrap();
        disk.sync_directory("").unwrap();
        disk.create("b", 2).unwrap();
        disk.rename("b", "a").unwrap();
        disk.remove("a").unwrap();
        disk.lose_power(&mut dice(seed));
        let names = disk.list("").unwrap();
        let sizes = names.iter().map(|name| read(&disk, name).unwrap().len());
        seen.insert(names.iter().cloned().zip(sizes).collect::<Vec<_>>());
    }
    let file = |name: &str, size| (name.to_owned(), size);
    let expected =
        [vec![], vec![file("a", 1)], vec![file("a", 1), file("b", 2)], vec![file("a", 2)]];
    assert_eq!(seen, BTreeSet::from(expected));
}

#[test]
fn a_retried_sync_answers_ok_and_keeps_nothing() {
    let disk = SimulatedDisk::new();
    let file = durable_file(&disk, 1);
    file.write_all_at(&[1], 0).unwrap();
    disk.fail(Fault::once(Operation::Sync));
    assert_eq!(file.sync().unwrap_err().kind(), ErrorKind::Other);
    file.sync().unwrap();
    assert_eq!(read(&disk, "a").unwrap(), [1], "it can still be read");
    disk.lose_power(&mut NOTHING.clone());
    assert_eq!(read(&disk, "a").unwrap(), [0]);
}

#[test]
fn a_failed_write_leaves_its_first_half() {
    let disk = SimulatedDisk::new();
    let file = durable_file(&disk, 4);
    disk.fail(Fault::once(Operation::Write).with(ErrorKind::StorageFull));
    let error = file.write_all_at(&[1; 4], 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(read(&disk, "a").unwrap(), [1, 1, 0, 0]);
}

#[test]
fn a_failed_operation_on_names_changes_none() {
    let disk = SimulatedDisk::new();
    durable_file(&disk, 0);
    for operation in [Operation::Create, Operation::Rename, Operation::Remove] {
        disk.fail(Fault::once(operation));
    }
    disk.create("b", 1).unwrap_err();
    disk.rename("a", "b").unwrap_err();
    disk.remove("a").unwrap_err();
    assert_eq!(disk.list("").unwrap(), ["a"]);
    assert_eq!(disk.operations(), 5);
}

#[test]
fn after_a_crash_old_handles_are_dead_and_nothing_written_is_lost() {
    let disk = SimulatedDisk::new();
    let process = disk.process();
    let file = process.create("a", 1).unwrap();
    file.write_all_at(&[1], 0).unwrap();
    disk.crash_process();
    file.write_all_at(&[2], 0).unwrap_err();
    file.sync().unwrap_err();
    file.read_at(&mut [0], 0).unwrap_err();
    process.create("b", 0).unwrap_err();
    process.remove("a").unwrap_err();
    assert_eq!(disk.list("").unwrap(), ["a"]);
    assert_eq!(read(&disk, "a").unwrap(), [1]);
    let next = disk.process();
    disk.lose_power(&mut ALL.clone());
    next.list("").unwrap_err();
}

#[test]
fn a_stop_in_the_middle_leaves_half_an_operation() {
    let disk = SimulatedDisk::new();
    let file = durable_file(&disk, 4);
    disk.stop_after(1);
    file.sync().unwrap();
    file.write_all_at(&[1; 4], 0).unwrap_err();
    file.read_at(&mut [0; 4], 0).unwrap_err();
    disk.crash_process();
    assert_eq!(read(&disk, "a").unwrap(), [1, 1, 0, 0]);
    disk.stop_after(0);
    disk.create("b", 8).unwrap_err();
    disk.crash_process();
    assert_eq!(read(&disk, "b").unwrap(), [0; 4]);
}

#[test]
fn a_full_disk_takes_overwrites_and_nothing_more() {
    let disk = SimulatedDisk::new();
    let file = disk.create("a", 10).unwrap();
    disk.set_capacity(12);
    assert_eq!(disk.create("b", 3).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(disk.list("").unwrap(), ["a"]);
    let error = file.write_all_at(&[1; 4], 9).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    disk.set_capacity(5);
    file.write_all_at(&[1; 10], 0).unwrap();
    disk.remove("a").unwrap();
    disk.create("b", 5).unwrap();
}

#[test]
fn a_flipped_bit_is_read_before_and_after_power_loss() {
    let disk = SimulatedDisk::new();
    durable_file(&disk, 2);
    disk.flip_bit("a", 11).unwrap();
    assert_eq!(read(&disk, "a").unwrap(), [0, 8]);
    disk.lose_power(&mut NOTHING.clone());
    assert_eq!(read(&disk, "a").unwrap(), [0, 8]);
    disk.flip_bit("a", 16).unwrap_err();
    disk.flip_bit("b", 0).unwrap_err();
}
