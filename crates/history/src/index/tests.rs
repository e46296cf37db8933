//! Indexes against a naive list, and against every bit that flips.

use std::collections::BTreeSet;

use disk::SimulatedDisk;
use expect_test::expect;
use model::{BatchId, Category, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::lists::SEEKS_MAX;
use crate::position::Sequence;

const PATH: &str = "one.index";

/// What an index is made of.
#[derive(Clone, Debug)]
struct Row {
    position: Position,
    scope: Scope,
    keys: BTreeSet<Key>,
}

fn position(millis: i64, batch: u64, index: u32) -> Position {
    let sequence = Sequence { batch: BatchId(batch), index };
    Position { time: Timestamp::from_millis(millis), sequence }
}

fn scope(number: u32) -> Scope {
    let category = [Category::Management, Category::Insight][number as usize % 2];
    let account = format!("{:012}", number / 6).parse().unwrap();
    let region = ["us-east-1", "eu-west-1", "eu-north-1"][number as usize / 2 % 3].parse().unwrap();
    Scope { account, region, category }
}

/// A key that has nothing to do with its neighbours.
fn key(number: u64) -> Key {
    Key((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) | 1)
}

fn written(rows: &[Row]) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let mut builder = IndexBuilder::new();
    for row in rows {
        let keys: Vec<Key> = row.keys.iter().copied().collect();
        builder.push(row.position, &row.scope, &keys);
    }
    let size = builder.finish(&disk, PATH).unwrap();
    assert_eq!(size, disk.peek(PATH).unwrap().len() as u64);
    disk
}

/// `count` rows, the newest first: every row has the key of all, the others as `keys` says.
fn rows(count: u32, scopes: u32, keys: impl Fn(u32) -> Vec<Key>) -> Vec<Row> {
    let row = |row: u32| Row {
        // Times collide, batches go to and fro, an import is among them.
        position: position(
            1_000_000 - i64::from(row / 3) * 500,
            [900, 700, 1 << 62][2 - row as usize % 3],
            row.wrapping_mul(7919),
        ),
        scope: scope(row.wrapping_mul(31) % scopes),
        keys: keys(row).into_iter().chain([Key::ALL]).collect(),
    };
    let mut rows: Vec<Row> = (0..count).map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.position));
    rows
}

/// Rows of all kinds: a key for each row, for every second, third … and for one scope alone.
fn mixed(count: u32, scopes: u32) -> Vec<Row> {
    rows(count, scopes, |row| {
        let shared = (2..12).filter(|number| row % (number * number) == 0).map(u64::from);
        let own = [1000 + u64::from(row), 500 + u64::from(row % scopes)];
        shared.chain(own).map(key).collect()
    })
}

fn filters(rows: &[Row]) -> Vec<ScopeFilter> {
    let of =
        |account: Option<&Scope>, region: Option<&Scope>, category: Option<Category>| ScopeFilter {
            accounts: account.map(|scope| [scope.account.clone()].into()),
            regions: region.map(|scope| [scope.region.clone()].into()),
            categories: category.map(|category| [category].into()),
        };
    let (absent, other) = (scope(999_999), scope(4));
    let mut filters = vec![
        of(None, None, None),
        of(None, None, Some(Category::Insight)),
        of(None, Some(&other), None),
        of(Some(&absent), None, None),
        ScopeFilter { accounts: Some(BTreeSet::new()), ..ScopeFilter::default() },
    ];
    if let Some(row) = rows.get(rows.len() / 2) {
        let its = &row.scope;
        filters.push(of(Some(its), Some(its), Some(its.category)));
        filters.push(of(Some(its), None, None));
    }
    filters
}

fn naive(rows: &[Row], keys: &[Key], filter: &ScopeFilter, from: u32) -> Vec<u32> {
    let is_meant =
        |row: &Row| filter.includes(&row.scope) && keys.iter().all(|key| row.keys.contains(key));
    let all = (0..).zip(rows).skip(from as usize);
    all.filter(|(_, row)| is_meant(row)).map(|(row, _)| row).collect()
}

#[track_caller]
fn check_walk(index: &Index, rows: &[Row], keys: &[Key], filter: &ScopeFilter, from: u32) {
    let found: Vec<u32> = index.walk(keys, filter, from).unwrap().map(Result::unwrap).collect();
    assert!(found.is_sorted_by(|one, two| one < two), "ascending, and nothing twice");
    let has = |row: &&u32| keys.iter().all(|key| rows[**row as usize].keys.contains(key));
    let others = found.iter().filter(|row| !has(row)).count();
    assert!(
        others <= rows.len() * keys.len() / SEEKS_MAX as usize,
        "{others} rows that are not meant"
    );
    let found: Vec<u32> = found.iter().filter(has).copied().collect();
    let expected = naive(rows, keys, filter, from);
    assert_eq!(found, expected, "{keys:?} {filter:?} from {from}");
    assert!(found.iter().all(|row| filter.includes(&rows[*row as usize].scope)));
}

#[track_caller]
fn check(rows: &[Row], wanted: &[Vec<Key>]) {
    let disk = written(rows);
    let index = Index::open(&disk, PATH).unwrap();
    index.check().unwrap();
    let count = u32::try_from(rows.len()).unwrap();
    assert_eq!(index.rows(), count);
    let scopes: BTreeSet<Scope> = rows.iter().map(|row| row.scope.clone()).collect();
    assert_eq!(index.scopes().collect::<BTreeSet<Scope>>(), scopes);
    for (number, row) in (0..).zip(rows) {
        let newer = Position {
            time: row.position.time.plus(std::time::Duration::from_millis(1)),
            ..row.position
        };
        assert_eq!(index.position(number).unwrap(), row.position);
        assert_eq!(index.first_before(row.position).unwrap(), number + 1);
        let expected = rows.partition_point(|row| row.position >= newer);
        assert_eq!(index.first_before(newer).unwrap() as usize, expected);
    }
    assert!(index.position(count).is_err());
    let ends = [position(i64::MAX, u64::MAX, u32::MAX), position(i64::MIN, 0, 0)];
    assert_eq!(ends.map(|end| index.first_before(end).unwrap()), [0, count]);
    let froms = [0, 1, count / 3, count / 2, count.saturating_sub(1), count, u32::MAX];
    for filter in filters(rows) {
        for keys in wanted {
            for from in froms {
                check_walk(&index, rows, keys, &filter, from);
            }
        }
        let before = rows.get(rows.len() / 4).map_or(ends[0], |row| row.position);
        let found = index.newest_first(&wanted[0], &filter, before).unwrap();
        let found: Vec<(Position, u32)> = found.map(Result::unwrap).collect();
        let from = index.first_before(before).unwrap();
        let expected = naive(rows, &wanted[0], &filter, from).into_iter();
        assert!(found.iter().copied().eq(expected.map(|row| (rows[row as usize].position, row))));
    }
}

/// One key, several, absent ones, none.
fn wanted() -> Vec<Vec<Key>> {
    let one = (2..12).chain([500, 507, 1000, 1001, 1129, 5000]).map(|number| vec![key(number)]);
    let several = [
        vec![],
        vec![Key::ALL],
        vec![key(2), Key::ALL, key(2)],
        vec![key(2), key(3)],
        vec![key(3), key(4), key(6)],
        vec![key(11), key(2)],
        vec![key(2), key(1004)],
        vec![key(500), key(501)],
        vec![key(2), key(503)],
        vec![key(77), key(2)],
        vec![key(78)],
        vec![Key(u64::MAX)],
    ];
    one.chain(several).collect()
}

#[test]
fn an_index_without_rows_has_none() {
    check(&[], &wanted());
}

#[test]
fn small_indexes_answer_as_the_list_does() {
    for count in 1..20 {
        for scopes in [1, 2, 7] {
            check(&mixed(count, scopes), &wanted());
        }
    }
}

#[test]
fn lists_longer_than_a_part_and_a_page_are_walked_from_any_row() {
    for scopes in [1, 3] {
        check(&mixed(6000, scopes), &wanted());
    }
}

#[test]
fn a_value_that_many_scopes_have_is_found_in_one_some_and_all() {
    for scopes in [31, 33, 60, 2000] {
        check(&mixed(4100, scopes), &wanted());
    }
}

#[test]
fn counts_around_the_ends_of_blocks_and_parts_are_right() {
    for count in [127, 128, 129, 255, 256, 257, 511, 512, 513, 514, 1025] {
        check(&rows(count, 2, |row| vec![key(2), key(3 + u64::from(row % 2))]), &wanted());
    }
}

#[test]
fn two_values_that_share_what_is_kept_of_a_key_share_their_rows() {
    let (one, two) = (Key(0x0123_4567_89ab_0000), Key(0x0123_4567_89ff_ffff));
    let rows = rows(20, 1, |row| if row % 2 == 0 { vec![one] } else { vec![one, two] });
    let disk = written(&rows);
    let index = Index::open(&disk, PATH).unwrap();
    for key in [two, Key(1)] {
        let found = index.walk(&[key], &ScopeFilter::default(), 0).unwrap();
        assert!(found.map(Result::unwrap).eq(0..20), "{key:?}");
    }
}

#[test]
fn lists_without_a_common_row_still_say_how_far_a_walk_is() {
    let rows = rows(20_000, 1, |row| vec![key(u64::from(row % 2))]);
    let disk = written(&rows);
    let index = Index::open(&disk, PATH).unwrap();
    let found = index.walk(&[key(0), key(1)], &ScopeFilter::default(), 0).unwrap();
    let found: Vec<u32> = found.map(Result::unwrap).collect();
    assert!((4..20).contains(&found.len()), "{found:?}");
    assert!(found.is_sorted_by(|one, two| one < two));
}

#[test]
fn an_index_is_replaced_and_outlives_power_loss() {
    let disk = written(&mixed(10, 1));
    let rows = mixed(300, 2);
    let mut builder = IndexBuilder::new();
    rows.iter().for_each(|row| builder.push(row.position, &row.scope, &[Key::ALL]));
    builder.finish(&disk, PATH).unwrap();
    disk.lose_power(&mut |_| 0);
    let index = Index::open(&disk, PATH).unwrap();
    assert_eq!(index.rows(), 300);
    index.check().unwrap();
    assert_eq!(disk.list("").unwrap(), [PATH]);
}

/// All that can be asked, as text; errors as they are.
fn answers(
    disk: &SimulatedDisk,
    keys: &[Vec<Key>],
    filters: &[ScopeFilter],
) -> Vec<Option<Vec<u32>>> {
    let Ok(index) = Index::open(disk, PATH) else { return Vec::new() };
    let mut answers = Vec::new();
    for keys in keys {
        for filter in filters {
            let rows = index.walk(keys, filter, 0).and_then(Iterator::collect);
            answers.push(rows.ok());
        }
    }
    let batch = |row| index.position(row).map(|position| position.sequence.index);
    answers.push((0..index.rows()).map(batch).collect::<Result<_, _>>().ok());
    answers
}

#[test]
fn every_bit_that_flips_is_an_error_and_never_another_answer() {
    let rows = mixed(700, 40);
    let disk = written(&rows);
    let (keys, filters) = (&wanted()[8..13], &filters(&rows)[..3]);
    let right = answers(&disk, keys, filters);
    let bytes = disk.peek(PATH).unwrap();
    let mut failed = 0;
    for bit in 0..bytes.len() as u64 * 8 {
        // All bits of the first and last bytes of a page; elsewhere one of every fifth byte.
        let place = bit / 8 % 4096;
        if (16..4088).contains(&place) && bit % 40 != place % 8 {
            continue;
        }
        disk.flip_bit(PATH, bit).unwrap();
        let is_found = Index::open(&disk, PATH).and_then(|index| index.check()).is_err();
        assert!(is_found, "bit {bit}");
        // Answering takes longer: for some.
        if bit % 97 == 0 || place == 0 {
            let found = answers(&disk, keys, filters);
            let is_same =
                found.iter().zip(&right).all(|(found, right)| found.is_none() || found == right);
            assert!(is_same, "bit {bit}");
            failed += usize::from(found.iter().any(Option::is_none) || found.is_empty());
        }
        disk.flip_bit(PATH, bit).unwrap();
    }
    assert!(failed > 60, "{failed}: most of what is asked reads most pages");
}

#[test]
fn an_index_that_was_cut_off_or_is_another_file_is_refused() {
    let disk = written(&mixed(300, 2));
    let whole = disk.peek(PATH).unwrap();
    let mut refusals = String::new();
    let mut newer = whole.clone();
    newer[8] = 2;
    let crc = crc32fast::hash(&[&[0; 8], &newer[..4092]].concat());
    newer[4092..4096].copy_from_slice(&crc.to_le_bytes());
    let cut = whole[..whole.len() - 4096].to_vec();
    for bytes in [Vec::new(), b"PAR1".to_vec(), vec![0; 4096], cut, newer] {
        disk::replace(&disk, PATH, &bytes).unwrap();
        refusals += &format!("{}\n", Index::open(&disk, PATH).unwrap_err());
    }
    expect![[r#"
        the index one.index is damaged: it ends early
        the index one.index is damaged: it ends early
        the index one.index is damaged: a checksum is wrong
        the index one.index is damaged: its size is another
        the index one.index is damaged: its format is not 1; a newer Cairn may have written it
    "#]]
    .assert_eq(&refusals);
}

#[test]
fn the_bytes_of_an_index_stay_as_they_are() {
    let disk = written(&mixed(1000, 48));
    let bytes = disk.peek(PATH).unwrap();
    let header: Vec<String> = bytes[8..36]
        .chunks(4)
        .map(|word| u32::from_le_bytes(word.try_into().unwrap()).to_string())
        .collect();
    // A CRC-32 of all would say nothing: pages that end with theirs are all the same to it.
    let hash = Key::of_record(&bytes).0;
    let shown = format!("{} bytes, SHA-256 {hash:016x}, header {}", bytes.len(), header.join(" "));
    expect!["40960 bytes, SHA-256 8660c913e0c6fb8f, header 1 1000 5 6 9 10 407"].assert_eq(&shown);
}

prop_compose! {
    fn any_row()(
        millis in 0..50i64, batch in 0..3u64, index in 0..100u32, number in 0..14u32,
        keys in prop::collection::btree_set(0..12u64, 0..6),
    ) -> Row {
        let keys = keys.into_iter().map(key).chain([Key::ALL]).collect();
        Row { position: position(millis, batch, index), scope: scope(number), keys }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_index_answers_as_the_list_does(
        rows in prop::collection::vec(any_row(), 0..600),
        wanted in prop::collection::vec(prop::collection::vec(0..13u64, 0..4), 1..12),
    ) {
        let mut rows = rows;
        rows.sort_by_key(|row| std::cmp::Reverse(row.position));
        rows.dedup_by_key(|row| row.position);
        let wanted: Vec<Vec<Key>> =
            wanted.into_iter().map(|keys| keys.into_iter().map(key).collect()).collect();
        check(&rows, &wanted);
    }
}
