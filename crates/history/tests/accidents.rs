//! Power loss, failing disks and rot: a file is whole under its name, or says that it is not.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use cairn_history::{
    DIRECTORY, FileId, FileInfo, HistoryError, HistoryFile, PageCache, Row, merge,
};
use disk::simulated::{Fault, Operation};
use disk::{Disk, SimulatedDisk};
use support::{Numbers, generated, open};

const SEEDS: u64 = 8;

fn empty() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    disk.create_directory(DIRECTORY).unwrap();
    disk
}

fn shared(disk: &SimulatedDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn rows_of(file: &HistoryFile) -> Vec<Row> {
    file.rows().map(Result::unwrap).collect()
}

/// Stops the disk at each operation of `act` in turn, lets the power fail and `check`s what is left.
/// Answers how many operations there were.
fn stop_at_each_operation(
    seed: u64,
    prepare: impl Fn() -> SimulatedDisk,
    act: impl Fn(&Arc<dyn Disk>) -> Result<(), HistoryError>,
    mut check: impl FnMut(&SimulatedDisk, bool),
) -> u64 {
    for operations in 0..1_000 {
        let disk = prepare();
        disk.stop_after(operations);
        let is_done = act(&shared(&disk)).is_ok();
        let mut numbers = Numbers::of(seed * 1_000 + operations + 1);
        disk.lose_power(&mut |bound| numbers.below(bound));
        check(&disk, is_done);
        if is_done {
            return operations;
        }
    }
    unreachable!("it ends");
}

#[test]
fn power_loss_leaves_no_half_file_under_its_name() {
    let rows = generated(1, 400);
    let write = |disk: &Arc<dyn Disk>| HistoryFile::write(disk, FileId(1), rows.clone());
    let path = FileId(1).table();
    let whole = empty();
    let info = write(&shared(&whole)).unwrap();
    let table = whole.peek(&path).unwrap();
    let (mut absent, mut present) = (0, 0);
    for seed in 0..SEEDS {
        let act = |disk: &Arc<dyn Disk>| write(disk).map(drop);
        let operations = stop_at_each_operation(seed, empty, act, |disk, is_done| {
            match disk.peek(&path) {
                Ok(bytes) => {
                    assert!(bytes == table, "half a table");
                    // The index may be missing, or be an older one's: it is made again.
                    assert_eq!(rows_of(&open(&shared(disk), &info)).len(), 400);
                    present += 1;
                }
                Err(_) => {
                    assert!(!is_done, "an answer of Ok was lost");
                    absent += 1;
                }
            }
            // Whatever was left over is in nobody's way.
            assert_eq!(write(&shared(disk)).unwrap(), info);
            assert_eq!(disk.list(DIRECTORY).unwrap().len(), 2, "no leftovers");
        });
        assert!(operations >= 10, "a table and an index: {operations}");
    }
    assert!(absent > SEEDS && present > SEEDS, "{absent} times absent, {present} times there");
}

/// Two inputs on a disk of their own, and the disk.
fn inputs() -> (SimulatedDisk, Vec<FileInfo>) {
    let disk = empty();
    let write = |id: u64| HistoryFile::write(&shared(&disk), FileId(id), generated(id, 60));
    let infos = (1..=2).map(|id| write(id).unwrap()).collect();
    (disk, infos)
}

fn copy(disk: &SimulatedDisk) -> SimulatedDisk {
    let copy = empty();
    for name in disk.list(DIRECTORY).unwrap() {
        let path = format!("{DIRECTORY}/{name}");
        ::disk::replace(&copy, &path, &disk.peek(&path).unwrap()).unwrap();
    }
    copy
}

fn merge_all(disk: &Arc<dyn Disk>, infos: &[FileInfo]) -> Result<Vec<FileInfo>, HistoryError> {
    let cache = PageCache::new(1 << 20);
    let open = |info: &FileInfo| HistoryFile::open(disk, info.clone(), &cache).map(Arc::new);
    let inputs = infos.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let mut last = 10;
    let next = || {
        last += 1;
        FileId(last)
    };
    merge(disk, &inputs, next, 100, |_, _| true, |_| true)
}

#[test]
fn power_loss_in_a_merge_leaves_its_inputs_and_no_half_output() {
    let (whole, infos) = inputs();
    let outputs = merge_all(&shared(&whole), &infos).unwrap();
    assert_eq!(outputs.iter().map(|info| info.rows).sum::<u32>(), 120);
    let (clean, _) = inputs();
    let prepare = || copy(&clean);
    let act = |disk: &Arc<dyn Disk>| merge_all(disk, &infos).map(drop);
    stop_at_each_operation(3, prepare, act, |disk, is_done| {
        for info in &infos {
            assert_eq!(rows_of(&open(&shared(disk), info)), {
                let mut rows = generated(info.id.0, 60);
                rows.sort_by_key(|row| std::cmp::Reverse(row.position));
                rows
            });
        }
        for info in &outputs {
            let path = info.id.table();
            match disk.peek(&path) {
                Ok(bytes) => assert!(bytes == whole.peek(&path).unwrap(), "half a table"),
                Err(_) => assert!(!is_done, "an answer of Ok was lost"),
            }
        }
        assert_eq!(merge_all(&shared(disk), &infos).unwrap(), outputs, "and again");
    });
}

#[test]
fn what_fails_leaves_nothing_behind() {
    let (clean, infos) = inputs();
    let operations = [
        Operation::Create,
        Operation::Write,
        Operation::Sync,
        Operation::Rename,
        Operation::SyncDirectory,
        Operation::Read,
    ];
    for (operation, after) in operations.into_iter().flat_map(|one| (0..7).map(move |n| (one, n))) {
        let disk = copy(&clean);
        let kind = std::io::ErrorKind::Other;
        disk.fail(Fault { operation, after, kind, forever: false });
        let failed = merge_all(&shared(&disk), &infos);
        disk.heal();
        let Err(error) = failed else { continue };
        assert!(matches!(error, HistoryError::Disk(_) | HistoryError::Index(_)), "{error}");
        let names = disk.list(DIRECTORY).unwrap();
        let inputs: Vec<String> = infos
            .iter()
            .flat_map(|info| [info.id.index(), info.id.table()])
            .map(|path| path.rsplit_once('/').unwrap().1.to_owned())
            .collect();
        assert_eq!(names, inputs, "{operation:?} after {after}");
    }
}

#[test]
fn a_flipped_bit_is_found_or_harmless() {
    let disk = empty();
    let info = HistoryFile::write(&shared(&disk), FileId(1), generated(6, 40)).unwrap();
    let rows = rows_of(&open(&shared(&disk), &info));
    let path = FileId(1).table();
    let bits = disk.peek(&path).unwrap().len() as u64 * 8;
    let (mut found, mut harmless) = (0, 0);
    for bit in (0..bits).step_by(233) {
        disk.flip_bit(&path, bit).unwrap();
        let read = || -> Result<Vec<Row>, HistoryError> {
            let cache = PageCache::new(0);
            let file = HistoryFile::open(&shared(&disk), info.clone(), &cache)?;
            for place in (0..info.rows).step_by(13) {
                file.row(place)?;
            }
            file.rows().collect()
        };
        match read() {
            Ok(read) => {
                assert!(read == rows, "bit {bit} changes a row unseen");
                harmless += 1;
            }
            Err(HistoryError::Damaged { path: named, .. }) => {
                assert_eq!(named, path);
                found += 1;
            }
            Err(error) => panic!("bit {bit}: {error}"),
        }
        disk.flip_bit(&path, bit).unwrap();
    }
    // All of a small file is in the block of what is read.
    assert!(found > 300 && harmless == 0, "{found} found, {harmless} harmless");
}

#[test]
fn a_file_that_is_cut_off_or_another_one_is_damaged() {
    let disk = empty();
    let info = HistoryFile::write(&shared(&disk), FileId(1), generated(6, 40)).unwrap();
    HistoryFile::write(&shared(&disk), FileId(2), generated(7, 40)).unwrap();
    let path = FileId(1).table();
    let bytes = disk.peek(&path).unwrap();
    let other = disk.peek(&FileId(2).table()).unwrap();
    for bytes in [&[], &bytes[..7], &bytes[..bytes.len() - 1], &bytes[1..], &other[..]] {
        ::disk::replace(&disk, &path, bytes).unwrap();
        let opened = HistoryFile::open(&shared(&disk), info.clone(), &PageCache::new(0));
        let Err(HistoryError::Damaged { path: named, .. }) = opened else {
            panic!("{opened:?}");
        };
        assert_eq!(named, path);
    }
}
