//! The history's own files: an index beside a table. Damage is told, never believed; what nobody would
//! write by accident does no harm.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use disk::SimulatedDisk;
use history::{Index, IndexBuilder, Key, Position, Scope, ScopeFilter, Sequence};
use model::{BatchId, Category, Timestamp};

use crate::Target;

/// An index: the bytes of a file, or edits of a true one.
pub const INDEX: Target = Target {
    name: "index",
    run: index,
    seeds: index_seeds,
    words: &["CAIRNIDX", "\u{1}\0\0\0", "\0\0\0\0", "\u{7f}\u{7f}\u{7f}\u{7f}", "us-east-1"],
    short_runs: 1_500,
};

const PATH: &str = "an.index";
const PAGE: usize = 4096;
const ROWS: u32 = 700;

fn row(number: u32) -> (Position, Scope, Vec<Key>) {
    let sequence = Sequence { batch: BatchId(9), index: number };
    let time = Timestamp::from_millis(i64::from(ROWS - number) * 700);
    let scope = Scope {
        account: format!("{:012}", number % 40).parse().expect("12 digits"),
        region: "us-east-1".parse().expect("a Region"),
        category: Category::Management,
    };
    let shared = [2, 3, 50].into_iter().filter(|every| number.is_multiple_of(*every));
    let keys = shared.chain([1_000 + number]).map(|key| Key(u64::from(key) << 40));
    (Position { time, sequence }, scope, keys.chain([Key::ALL]).collect())
}

/// A true index, and what it answers.
type Made = (Vec<u8>, Vec<Option<Vec<u32>>>);

fn true_index() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(make_index)
}

fn make_index() -> Made {
    let disk = SimulatedDisk::new();
    let mut builder = IndexBuilder::new();
    for number in 0..ROWS {
        let (position, scope, keys) = row(number);
        builder.push(position, &scope, &keys);
    }
    builder.finish(&disk, PATH).expect("an empty disk");
    let bytes = disk::read(&disk, PATH).expect("just written");
    (bytes, answers(&disk))
}

fn index_seeds() -> Vec<Vec<u8>> {
    let whole = |kind: u8| [&[kind], &true_index().0[..]].concat();
    vec![whole(0), whole(2), vec![2], vec![2, 0, 70, 1], vec![3, 12, 0, 8, 0, 16, 9, 255, 90, 4]]
}

/// 0 and 2 of 4: a file of these bytes. 1 and 3: edits, three bytes each, of a true one. 2 and 3: with
/// checksums that are made good again, as no accident does.
fn index(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    let (bytes, before) = true_index();
    let mut bytes = bytes.clone();
    if kind % 2 == 0 {
        bytes = rest.to_vec();
    } else {
        for edit in rest.chunks_exact(3) {
            let place = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % bytes.len();
            bytes[place] ^= edit[2];
        }
    }
    let is_forged = kind % 4 > 1;
    if is_forged {
        bytes.resize(bytes.len().next_multiple_of(PAGE), 0);
        for (number, page) in bytes.chunks_exact_mut(PAGE).enumerate() {
            let (content, crc) = page.split_at_mut(PAGE - 4);
            let number = (number as u64).to_le_bytes();
            crc.copy_from_slice(&crc32fast::hash(&[&number, &*content].concat()).to_le_bytes());
        }
    }
    let disk = SimulatedDisk::new();
    disk::replace(&disk, PATH, &bytes).expect("the disk is sound");
    let after = answers(&disk);
    let is_edited = !is_forged && kind % 2 == 1;
    if is_edited {
        for (after, before) in after.iter().zip(before) {
            assert!(after.is_none() || after == before, "an error or the truth");
        }
    }
}

/// What an index answers to some questions; `None` where it says that it is damaged.
fn answers(disk: &SimulatedDisk) -> Vec<Option<Vec<u32>>> {
    let Ok(index) = Index::open(disk, PATH) else { return Vec::new() };
    let account = |number: u32| ScopeFilter {
        accounts: Some(BTreeSet::from([format!("{number:012}").parse().expect("12 digits")])),
        ..ScopeFilter::default()
    };
    let key = |number: u32| Key(u64::from(number) << 40);
    let mut answers = Vec::new();
    for scopes in [ScopeFilter::default(), account(4)] {
        let several = [vec![], vec![key(2), key(3)], vec![key(50)], vec![key(1_100)], vec![key(7)]];
        for keys in several {
            let rows: Result<Vec<u32>, _> =
                index.walk(&keys, &scopes, 5).and_then(|walk| walk.take(5_000).collect());
            if let Ok(rows) = &rows {
                assert!(rows.is_sorted_by(|one, two| one < two), "ascending");
                assert!(rows.iter().all(|row| (5..index.rows()).contains(row)), "its rows");
            }
            answers.push(rows.ok());
        }
    }
    for number in [0, 127, 128, ROWS - 1, ROWS, u32::MAX] {
        let position = index.position(number);
        let found = position.map(|position| position.sequence.index);
        answers.push(found.ok().map(|found| vec![found]));
    }
    for number in [0, 300, ROWS - 1] {
        let found = index.first_before(row(number).0);
        assert!(found.as_ref().map_or(0, |found| *found) <= index.rows(), "a row, or their number");
        answers.push(found.ok().map(|found| vec![found]));
    }
    answers
}
