//! Files of the history: what goes in comes out, whatever the records look like.

#![allow(clippy::unwrap_used)]

mod support;

use cairn_history::{FileId, HistoryFile, Key, PageCache, Row, ScopeFilter};
use support::{corpus, disk, generated, newest, odd, open, row};

fn check_round_trip(mut rows: Vec<Row>) {
    let disk = disk();
    let info = HistoryFile::write(&disk, FileId(7), rows.clone()).unwrap();
    rows.sort_by_key(|row| std::cmp::Reverse(row.position));
    assert_eq!(info.rows as usize, rows.len());
    assert_eq!((info.newest, info.oldest), (rows[0].position, rows[rows.len() - 1].position));
    let file = open(&disk, &info);
    let scanned: Vec<Row> = file.rows().map(Result::unwrap).collect();
    assert!(scanned == rows, "all rows, newest first");
    let all = ScopeFilter::default();
    let places = file.newest_first(&[Key::ALL], &all, newest()).unwrap();
    let places: Vec<u32> = places.map(|place| place.unwrap().1).collect();
    assert_eq!(places, (0..info.rows).collect::<Vec<u32>>());
    for place in places.into_iter().rev() {
        let found = file.row(place).unwrap();
        let row = Row { position: found.position, scope: found.scope, record: found.record };
        assert!(row == rows[place as usize], "the row at {place}");
    }
    assert!(file.row(info.rows).is_err(), "there is no row behind the last");
}

#[test]
fn rows_come_back_as_they_were_written() {
    check_round_trip(generated(1, 5_000));
}

#[test]
fn odd_records_come_back_as_they_were_written() {
    check_round_trip(odd());
}

#[test]
fn a_file_of_one_row_and_records_of_the_largest_size_come_back() {
    check_round_trip(vec![row(1_000, 1, 0, "{}")]);
    let large = |index: u32| {
        let text = format!(r#"{{"eventName":"x{index}","userAgent":"{}"}}"#, "y".repeat(255 << 10));
        row(1_000, 1, index, &text)
    };
    check_round_trip((0..100).map(large).collect());
}

#[test]
fn all_records_of_the_corpus_come_back() {
    let Some(rows) = corpus() else { return };
    assert!(rows.len() > 1_500, "{} records", rows.len());
    check_round_trip(rows);
}

#[test]
fn a_cache_of_no_size_and_a_small_one_answer_the_same() {
    let disk = disk();
    let info = HistoryFile::write(&disk, FileId(1), generated(2, 3_000)).unwrap();
    let large = open(&disk, &info);
    for bytes in [0, 300_000] {
        let cache = PageCache::new(bytes);
        let small = HistoryFile::open(&disk, info.clone(), &cache).unwrap();
        for place in (0..info.rows).step_by(97).chain([5, 5, 2_999, 5]) {
            assert_eq!(small.row(place).unwrap(), large.row(place).unwrap());
            assert!(cache.bytes() <= bytes);
        }
    }
}

#[test]
fn an_index_that_is_gone_or_damaged_is_made_again() {
    let disk = disk();
    let info = HistoryFile::write(&disk, FileId(1), generated(3, 500)).unwrap();
    let path = FileId(1).index();
    let whole = ::disk::read(&*disk, &path).unwrap();
    for damaged in [None, Some(&b"no index"[..]), Some(&whole[..whole.len() / 2]), Some(&[])] {
        disk.remove(&path).unwrap();
        if let Some(bytes) = damaged {
            ::disk::replace(&*disk, &path, bytes).unwrap();
        }
        let file = open(&disk, &info);
        let all = ScopeFilter::default();
        assert_eq!(file.newest_first(&[Key::ALL], &all, newest()).unwrap().count(), 500);
        assert_eq!(::disk::read(&*disk, &path).unwrap(), whole);
    }
}
