//! The history: what is kept, for how long, and what is held longer.

use std::collections::BTreeSet;

use ::history::{Hold, Settings};
use model::{AccountId, Timestamp};

use super::keys;
use super::reader::Reader;

/// Names of holds are for people: they stand in the log and in health.
const NAME_CHARS_MAX: usize = 128;

pub(super) fn read(section: &mut Reader<'_, '_>) -> Settings {
    Settings {
        categories: section.scalar_or_default(&keys::HISTORY_CATEGORIES),
        retention: section.scalar_or_default(&keys::HISTORY_RETENTION),
        memory_bytes: section.scalar_or_default(&keys::HISTORY_MEMORY),
        holds: holds(section),
        ..Settings::default()
    }
}

fn holds(section: &mut Reader<'_, '_>) -> Vec<Hold> {
    let mut names = BTreeSet::new();
    section.each("holds", |reader, _| {
        let name = name(reader);
        if !name.is_empty() && !names.insert(name.clone()) {
            reader.mistake("name", "another hold has this name; give each its own".into());
        }
        let before = reader.mistakes();
        let expected = "an account's 12 digits, such as \"111111111111\"";
        let accounts = reader.list("accounts", expected, |text| text.parse::<AccountId>().ok());
        let (from, to) = (time(reader, "from"), time(reader, "to"));
        if reader.mistakes() == before {
            check(reader, &accounts, from, to);
        }
        Hold { name, accounts: accounts.into_iter().collect(), from, to }
    })
}

/// A hold says what it holds: one of everything would be a retention.
fn check(
    reader: &mut Reader<'_, '_>,
    accounts: &[AccountId],
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) {
    if accounts.is_empty() && from.is_none() && to.is_none() {
        let why = "expected accounts, from or to; to keep everything longer, raise \
                   history.retention";
        reader.mistake("accounts", why.into());
    }
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        reader.mistake("to", "expected a time that is not before from".into());
    }
}

fn name(reader: &mut Reader<'_, '_>) -> String {
    const EXPECTED: &str = "a name of 1 to 128 characters, such as \"case 2026-17\"";
    let text = reader.text("name", EXPECTED);
    if !reader.has("name") {
        reader.mistake("name", format!("missing; expected {EXPECTED}"));
    }
    let text = text.unwrap_or_default();
    let is_short = (1..=NAME_CHARS_MAX).contains(&text.chars().count());
    if reader.are_sound(&["name"]) && (!is_short || text.contains(char::is_control)) {
        reader.wrong("name", format!("expected {EXPECTED}"));
    }
    text
}

fn time(reader: &mut Reader<'_, '_>, name: &'static str) -> Option<Timestamp> {
    const EXPECTED: &str = "a time in UTC, such as \"2026-01-31T00:00:00Z\"";
    let text = reader.text(name, EXPECTED)?;
    let time = Timestamp::parse(&text);
    if time.is_none() {
        reader.wrong(name, format!("expected {EXPECTED}"));
    }
    time
}
