//! The records that are sent: generated ones always, and a corpus of real ones where there is one.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::bucket::Contents;
use super::filing::place;
use super::generated;

/// Calls to be replayed, and not records.
const NO_RECORDS: &str = "replay-cases.jsonl";

/// All records, and how many of them are real.
pub fn all() -> Vec<String> {
    let mut records = generated::records();
    let made = records.len();
    match std::env::var_os("CAIRN_CORPUS").filter(|named| !named.is_empty()) {
        None => say(&format!("{made} generated records are sent; CAIRN_CORPUS is not set")),
        Some(corpus) => {
            let files = files(Path::new(&corpus));
            assert!(!files.is_empty(), "CAIRN_CORPUS={} holds no *.jsonl", corpus.display());
            for file in files {
                let text = std::fs::read_to_string(file).unwrap();
                records.extend(text.lines().filter(|line| !line.is_empty()).map(str::to_owned));
            }
            let real = records.len() - made;
            say(&format!("{made} generated and {real} real records are sent"));
        }
    }
    records
}

/// What a trail that takes everything gets of records: each event once, in its place.
pub fn expected<'a>(
    records: impl IntoIterator<Item = &'a String>,
    sender: (&str, &str),
) -> Contents {
    let mut contents = Contents::new();
    for record in records {
        let events: &mut BTreeMap<String, usize> =
            contents.entry(place(record, sender)).or_default();
        // Equal bytes for one account are one event that was sent again.
        events.insert(record.clone(), 1);
    }
    contents
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_records = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "jsonl")
            && !path.ends_with(NO_RECORDS)
    };
    let mut files: Vec<PathBuf> = paths.filter(is_records).collect();
    files.sort();
    files
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
