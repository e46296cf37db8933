//! A merge is the sorted union of its inputs, by day.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use cairn_history::{FileId, HistoryFile, Key, PageCache, Row, ScopeFilter, merge};
use model::Timestamp;
use proptest::prelude::*;
use support::{DAY, disk, newest, open, row};

fn day(time: Timestamp) -> i64 {
    time.as_millis().div_euclid(86_400_000)
}

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
        let keep = |scope: &cairn_history::Scope, time: Timestamp| {
            scope.account == held || time.as_millis() >= kept_from
        };
        let infos = merge(&disk, &inputs, next, rows_max, keep).unwrap();

        let mut expected: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
        expected.retain(|row| keep(&row.scope, row.position.time));
        expected.sort_by_key(|row| std::cmp::Reverse(row.position));
        let (mut found, mut indexed) = (Vec::new(), 0);
        for info in &infos {
            let file = open(&disk, info);
            prop_assert!((1..=rows_max).contains(&info.rows));
            prop_assert_eq!(day(info.newest.time), day(info.oldest.time));
            found.extend(file.rows().map(Result::unwrap));
            let all = ScopeFilter::default();
            indexed += file.newest_first(&[Key::ALL], &all, newest()).unwrap().count();
        }
        prop_assert_eq!(indexed, expected.len());
        prop_assert_eq!(found, expected);
        // No more files than there must be: one that is not full ends its day.
        for pair in infos.windows(2) {
            let is_full = pair[0].rows == rows_max;
            prop_assert!(is_full || day(pair[0].oldest.time) != day(pair[1].newest.time));
        }
    }
}
