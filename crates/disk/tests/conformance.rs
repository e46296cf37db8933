//! The contract of `Disk` and `File`, as far as one process can see it, on every implementation.

#![allow(clippy::unwrap_used)]

use std::io::{self, ErrorKind};

use cairn_disk::{Disk, File, RealDisk, SimulatedDisk, read, replace};

/// Makes one test per claim and disk.
macro_rules! conformance {
    ($($claim:ident)*) => {
        mod real {
            $(#[test]
            fn $claim() {
                let directory = tempfile::tempdir().unwrap();
                super::$claim(&super::RealDisk::open(directory.path()).unwrap());
            })*
        }
        mod simulated {
            $(#[test]
            fn $claim() {
                super::$claim(&super::SimulatedDisk::new());
            })*
        }
    };
}

conformance! {
    a_new_file_is_zeros_of_its_size
    a_creation_over_anything_is_refused
    a_creation_in_a_missing_directory_is_refused
    an_open_of_a_missing_file_is_refused
    a_directory_is_no_file
    a_file_is_no_directory
    a_write_is_read_through_every_handle
    a_read_stops_at_the_end
    a_write_past_the_end_grows_the_file_over_zeros
    an_empty_write_past_the_end_grows_nothing
    a_listing_is_sorted_and_without_directories
    a_listing_of_a_missing_directory_is_refused
    a_directory_may_be_made_twice_and_with_its_parents
    a_directory_does_not_take_the_place_of_a_file
    a_rename_replaces_its_target
    a_rename_of_nothing_or_of_a_directory_is_refused
    a_rename_stays_in_its_directory
    a_removed_file_is_gone_but_its_handle_works
    a_replaced_file_keeps_its_handle
    a_sync_of_a_missing_directory_is_refused
    a_path_that_leaves_the_disk_is_refused
    the_lock_cannot_be_named_or_listed
    a_replacement_is_read_back
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

fn write(disk: &dyn Disk, path: &str, bytes: &[u8]) -> Box<dyn File> {
    let file = disk.create(path, 0).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file
}

fn a_new_file_is_zeros_of_its_size(disk: &dyn Disk) {
    for size_bytes in [0, 1, 511, 4096, (2 << 20) + 7] {
        let path = format!("file-{size_bytes}");
        let file = disk.create(&path, size_bytes).unwrap();
        assert_eq!(file.size_bytes().unwrap(), size_bytes);
        let bytes = read(disk, &path).unwrap();
        assert_eq!(bytes.len() as u64, size_bytes);
        assert!(bytes.iter().all(|byte| *byte == 0));
    }
}

fn a_creation_over_anything_is_refused(disk: &dyn Disk) {
    write(disk, "a", b"kept");
    disk.create_directory("b").unwrap();
    assert_eq!(kind(disk.create("a", 9)), Some(ErrorKind::AlreadyExists));
    assert_eq!(kind(disk.create("b", 9)), Some(ErrorKind::AlreadyExists));
    assert_eq!(read(disk, "a").unwrap(), b"kept");
}

fn a_creation_in_a_missing_directory_is_refused(disk: &dyn Disk) {
    assert_eq!(kind(disk.create("none/a", 1)), Some(ErrorKind::NotFound));
}

fn an_open_of_a_missing_file_is_refused(disk: &dyn Disk) {
    assert_eq!(kind(disk.open("a")), Some(ErrorKind::NotFound));
    assert_eq!(kind(disk.remove("a")), Some(ErrorKind::NotFound));
}

fn a_directory_is_no_file(disk: &dyn Disk) {
    disk.create_directory("a").unwrap();
    assert_eq!(kind(disk.open("a")), Some(ErrorKind::IsADirectory));
    disk.remove("a").unwrap_err();
    disk.sync_directory("a").unwrap();
}

fn a_write_is_read_through_every_handle(disk: &dyn Disk) {
    let first = disk.create("a", 8).unwrap();
    let second = disk.open("a").unwrap();
    first.write_all_at(b"abcd", 2).unwrap();
    second.write_all_at(b"X", 3).unwrap();
    let mut buffer = [9; 8];
    assert_eq!(first.read_at(&mut buffer, 0).unwrap(), 8);
    assert_eq!(&buffer, b"\0\0aXcd\0\0");
    second.sync().unwrap();
}

fn a_read_stops_at_the_end(disk: &dyn Disk) {
    let file = write(disk, "a", b"abc");
    let mut buffer = [9; 4];
    assert_eq!(file.read_at(&mut buffer, 1).unwrap(), 2);
    assert_eq!(&buffer, b"bc\x09\x09");
    assert_eq!(file.read_at(&mut buffer, 3).unwrap(), 0);
    assert_eq!(file.read_at(&mut buffer, 1 << 40).unwrap(), 0);
}

fn a_write_past_the_end_grows_the_file_over_zeros(disk: &dyn Disk) {
    let file = write(disk, "a", b"a");
    file.write_all_at(b"b", 3).unwrap();
    assert_eq!(file.size_bytes().unwrap(), 4);
    assert_eq!(read(disk, "a").unwrap(), b"a\0\0b");
}

fn an_empty_write_past_the_end_grows_nothing(disk: &dyn Disk) {
    let file = write(disk, "a", b"a");
    file.write_all_at(b"", 3).unwrap();
    assert_eq!(file.size_bytes().unwrap(), 1);
}

fn a_listing_is_sorted_and_without_directories(disk: &dyn Disk) {
    assert_eq!(disk.list("").unwrap(), [""; 0]);
    disk.create_directory("d/e").unwrap();
    for path in ["d/b", "d/a.x", "d/a", "d/B", "c", "d/e/f"] {
        disk.create(path, 0).unwrap();
    }
    assert_eq!(disk.list("").unwrap(), ["c"]);
    assert_eq!(disk.list("d").unwrap(), ["B", "a", "a.x", "b"]);
    assert_eq!(disk.list("d/e").unwrap(), ["f"]);
}

fn a_listing_of_a_missing_directory_is_refused(disk: &dyn Disk) {
    assert_eq!(kind(disk.list("a")), Some(ErrorKind::NotFound));
}

fn a_directory_may_be_made_twice_and_with_its_parents(disk: &dyn Disk) {
    disk.create_directory("a/b/c").unwrap();
    disk.create_directory("a/b").unwrap();
    disk.create_directory("").unwrap();
    disk.create("a/b/c/d", 1).unwrap();
    disk.create_directory("a/b/c").unwrap();
    assert_eq!(disk.list("a/b/c").unwrap(), ["d"]);
}

fn a_directory_does_not_take_the_place_of_a_file(disk: &dyn Disk) {
    write(disk, "a", b"kept");
    assert_eq!(kind(disk.create_directory("a")), Some(ErrorKind::AlreadyExists));
    assert_eq!(read(disk, "a").unwrap(), b"kept");
}

fn a_rename_replaces_its_target(disk: &dyn Disk) {
    write(disk, "old", b"old");
    write(disk, "new", b"new");
    disk.rename("new", "old").unwrap();
    assert_eq!(disk.list("").unwrap(), ["old"]);
    assert_eq!(read(disk, "old").unwrap(), b"new");
    disk.rename("old", "old").unwrap();
    assert_eq!(read(disk, "old").unwrap(), b"new");
    disk.sync_directory("").unwrap();
}

fn a_rename_of_nothing_or_of_a_directory_is_refused(disk: &dyn Disk) {
    disk.create_directory("d").unwrap();
    disk.create("a", 0).unwrap();
    assert_eq!(kind(disk.rename("none", "x")), Some(ErrorKind::NotFound));
    assert_eq!(kind(disk.rename("d", "x")), Some(ErrorKind::IsADirectory));
    assert_eq!(kind(disk.rename("a", "d")), Some(ErrorKind::IsADirectory));
    assert_eq!(disk.list("").unwrap(), ["a"]);
}

fn a_rename_stays_in_its_directory(disk: &dyn Disk) {
    disk.create_directory("d").unwrap();
    disk.create("a", 0).unwrap();
    assert_eq!(kind(disk.rename("a", "d/a")), Some(ErrorKind::InvalidInput));
    assert_eq!(disk.list("").unwrap(), ["a"]);
}

fn a_removed_file_is_gone_but_its_handle_works(disk: &dyn Disk) {
    let file = write(disk, "a", b"abc");
    disk.remove("a").unwrap();
    assert_eq!(kind(disk.open("a")), Some(ErrorKind::NotFound));
    file.write_all_at(b"X", 1).unwrap();
    let mut buffer = [0; 3];
    file.read_at(&mut buffer, 0).unwrap();
    assert_eq!(&buffer, b"aXc");
    file.sync().unwrap();
    disk.create("a", 0).unwrap();
    assert_eq!(read(disk, "a").unwrap(), b"");
}

fn a_replaced_file_keeps_its_handle(disk: &dyn Disk) {
    let file = write(disk, "a", b"old");
    replace(disk, "a", b"new").unwrap();
    file.write_all_at(b"OLD", 0).unwrap();
    assert_eq!(read(disk, "a").unwrap(), b"new");
}

fn a_file_is_no_directory(disk: &dyn Disk) {
    disk.create("a", 0).unwrap();
    let refused = Some(ErrorKind::NotADirectory);
    assert_eq!(kind(disk.sync_directory("a")), refused);
    assert_eq!(kind(disk.list("a")), refused);
    assert_eq!(kind(disk.create("a/b", 0)), refused);
    assert_eq!(kind(disk.open("a/b")), refused);
}

fn a_sync_of_a_missing_directory_is_refused(disk: &dyn Disk) {
    assert_eq!(kind(disk.sync_directory("a")), Some(ErrorKind::NotFound));
}

fn a_path_that_leaves_the_disk_is_refused(disk: &dyn Disk) {
    let refused = Some(ErrorKind::InvalidInput);
    disk.create("ok", 0).unwrap();
    for path in ["/a", "..", "../a", "a/../b", ".", "a/./b", "a//b", "a/", "/", "a\0b"] {
        assert_eq!(kind(disk.create(path, 0)), refused, "{path:?}");
        assert_eq!(kind(disk.open(path)), refused, "{path:?}");
        assert_eq!(kind(disk.remove(path)), refused, "{path:?}");
        assert_eq!(kind(disk.rename("ok", path)), refused, "{path:?}");
        assert_eq!(kind(disk.rename(path, "ok")), refused, "{path:?}");
        assert_eq!(kind(disk.list(path)), refused, "{path:?}");
        assert_eq!(kind(disk.create_directory(path)), refused, "{path:?}");
        assert_eq!(kind(disk.sync_directory(path)), refused, "{path:?}");
    }
    assert_eq!(kind(disk.create("", 0)), refused);
}

fn the_lock_cannot_be_named_or_listed(disk: &dyn Disk) {
    assert_eq!(disk.list("").unwrap(), [""; 0]);
    assert_eq!(kind(disk.create("LOCK", 0)), Some(ErrorKind::InvalidInput));
    assert_eq!(kind(disk.remove("LOCK")), Some(ErrorKind::InvalidInput));
    disk.create_directory("d").unwrap();
    disk.create("d/LOCK", 0).unwrap();
    assert_eq!(disk.list("d").unwrap(), ["LOCK"]);
}

fn a_replacement_is_read_back(disk: &dyn Disk) {
    disk.create_directory("d").unwrap();
    write(disk, "d/a.tmp", b"a leftover");
    for bytes in [&b"first"[..], b"", &[7; 3000]] {
        replace(disk, "d/a", bytes).unwrap();
        assert_eq!(read(disk, "d/a").unwrap(), bytes);
        assert_eq!(disk.list("d").unwrap(), ["a"]);
    }
}
