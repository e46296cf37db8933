//! A merge is the sorted union of its inputs: of each day that has its own files, and of all others.

#![allow(clippy::unwrap_used)]

mod support;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_history::plan::Day;
use cairn_history::{
    FileId, FileInfo, HistoryFile, Key, PageCache, Row, Scope, ScopeFilter, merge,
};
use disk::Disk;
use model::Timestamp;
use proptest::prelude::*;
use support::{DAY, disk, newest, open, row};

/// Days that rows fall on.
const DAYS: [i64; 5] = [-86_400_000, 0, DAY - 86_400_000, DAY, DAY + 86_400_000];

/// Rows around three midnights and before 1970, some at the same moment, each with the number of the
/// input it is in.
fn rows() -> impl Strategy<Value = Vec<(usize, Row)>> {
    let midnight = prop_oneof![Just(DAY), Just(DAY + 86_400_000), Just(0_i64)];
    let one = (0..5_usize, midnight, -3..3_i64, 0..4_u64, any::<bool>());
    prop::collection::vec(one, 1..120).prop_map(|all| {
        let each = (0..).zip(all);
        each.map(|(index, (input, midnight, millis, batch, is_other))| {
            let record = format!(r#"{{"eventName":"n{index}","eventID":"{index}"}}"#);
            let mut row = row(midnight + millis, batch, index, &record);
            if is_other {
                row.scope.account = "444455556666".parse().unwrap();
            }
            (input, row)
        })
        .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_merge_is_the_sorted_union_of_what_is_kept(
        rows in rows(),
        rows_max in 1..40_u32,
        kept_from in prop_oneof![Just(i64::MIN), Just(DAY), Just(i64::MAX)],
        own in prop::collection::hash_set(prop::sample::select(DAYS.to_vec()), 0..4),
    ) {
        let disk = disk();
        let cache = PageCache::new(1 << 20);
        let inputs: Vec<Arc<HistoryFile>> = (0..5)
            .filter_map(|input| {
                let of_input = rows.iter().filter(|(of, _)| *of == input);
                let of_input: Vec<Row> = of_input.map(|(_, row)| row.clone()).collect();
                if of_input.is_empty() {
                    return None;
                }
                let id = FileId(input as u64);
                let info = HistoryFile::write(&disk, id, of_input).unwrap();
                Some(Arc::new(HistoryFile::open(&disk, info, &cache).unwrap()))
            })
            .collect();
        let mut last = 100;
        let next = || { last += 1; FileId(last) };
        // One account's rows are held, whatever their age.
        let held = "444455556666".parse().unwrap();
        let keep = |scope: &Scope, time: Timestamp| {
            scope.account == held || time.as_millis() >= kept_from
        };
        let own = |day: Day| own.contains(&(day.0 * 86_400_000));
        let infos = merge(&disk, &inputs, next, rows_max, keep, own).unwrap();

        // The same in memory: rows by day or, for days without files of their own, together.
        let mut groups: BTreeMap<Option<Day>, Vec<Row>> = BTreeMap::new();
        for (_, row) in rows.iter().filter(|(_, row)| keep(&row.scope, row.position.time)) {
            let day = Some(Day::of(row.position.time)).filter(|day| own(*day));
            groups.entry(day).or_default().push(row.clone());
        }
        let mut expected: Vec<Vec<Row>> = Vec::new();
        for group in groups.values_mut() {
            group.sort_by_key(|row| Reverse(row.position));
            expected.extend(group.chunks(rows_max as usize).map(<[Row]>::to_vec));
        }
        let mut found: Vec<Vec<Row>> = infos.iter().map(|info| check(&disk, info)).collect();
        for files in [&mut expected, &mut found] {
            files.sort_by_key(|rows| rows[0].position);
        }
        prop_assert_eq!(found, expected);
    }
}

/// All rows of a file, which its index has too.
fn check(disk: &Arc<dyn Disk>, info: &FileInfo) -> Vec<Row> {
    let file = open(disk, info);
    let rows: Vec<Row> = file.rows().map(Result::unwrap).collect();
    assert_eq!((info.newest, info.oldest), (rows[0].position, rows[rows.len() - 1].position));
    let all = ScopeFilter::default();
    let indexed = file.newest_first(&[Key::ALL], &all, newest()).unwrap();
    let indexed: Vec<_> = indexed.map(|row| row.unwrap().0).collect();
    assert_eq!(indexed, rows.iter().map(|row| row.position).collect::<Vec<_>>());
    rows
}
