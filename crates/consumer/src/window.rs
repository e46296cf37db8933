//! The memory for duplicates: which records the sink has accepted, the latest first to stay.
//!
//! A record is remembered as 16 bytes of SHA-256 over account and event id. A weaker hash would
//! let whoever chooses event ids suppress the records of others.
//!
//! What always holds: at most `records_max` fingerprints are kept, and the oldest leaves first. A
//! full window of 1,000,000 takes 52 MB (17 bytes in each of 2^21 hash slots, and 16 in the order
//! queue), and for a moment 18 MB more when it grows for the last time; it starts empty.

use std::collections::{HashSet, VecDeque};

use sha2::{Digest, Sha256};

use crate::identity::Identity;
use crate::log_file::Record;

/// A record's identity in 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The account's length goes in first, so that no two identities make the same text.
    pub(crate) fn of(identity: &Identity) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update(identity.account.len().to_le_bytes());
        hash.update(&identity.account);
        hash.update(&identity.event_id);
        let hash = hash.finalize();
        Fingerprint(*hash.first_chunk().expect("SHA-256 has 32 bytes"))
    }
}

/// The records accepted last.
#[derive(Debug)]
pub(crate) struct Window {
    records_max: usize,
    seen: HashSet<Fingerprint>,
    order: VecDeque<Fingerprint>,
}

impl Window {
    pub(crate) fn new(records_max: usize) -> Window {
        Window { records_max, seen: HashSet::new(), order: VecDeque::new() }
    }

    /// Drops the records which were accepted before, and repetitions among the given ones. Records
    /// without identity all stay.
    pub(crate) fn retain_new(&self, records: &mut Vec<Record>) {
        if self.records_max == 0 {
            return;
        }
        let mut here = HashSet::new();
        records.retain(|record| match record.fingerprint() {
            Some(fingerprint) => !self.seen.contains(&fingerprint) && here.insert(fingerprint),
            None => true,
        });
    }

    /// Remembers what the sink accepted.
    pub(crate) fn remember(&mut self, accepted: &[Fingerprint]) {
        for &fingerprint in accepted {
            self.tidy();
            if self.seen.insert(fingerprint) {
                self.order.push_back(fingerprint);
            }
            self.forget_oldest();
        }
    }

    /// A hash set that forgets as much as it learns fills with gravestones, and then doubles. It is
    /// built anew instead, after the old one is gone, so that the window keeps to its memory.
    fn tidy(&mut self) {
        let about_to_grow = self.seen.len() == self.seen.capacity();
        if about_to_grow && self.order.len() == self.records_max {
            self.seen = HashSet::new();
            self.seen.reserve(self.records_max + 1);
            self.seen.extend(&self.order);
        }
    }

    fn forget_oldest(&mut self) {
        if self.order.len() > self.records_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn records(ids: &[&str]) -> Vec<Record> {
        let text = |id: &&str| Arc::new(format!(r#"{{"eventID":"{id}"}}"#));
        ids.iter().map(text).map(|text| Record::new(text.clone(), 0..text.len())).collect()
    }

    fn fresh(window: &Window, ids: &[&str]) -> Vec<String> {
        let mut records = records(ids);
        window.retain_new(&mut records);
        records.iter().map(|record| record.identity().unwrap().event_id).collect()
    }

    fn accept(window: &mut Window, ids: &[&str]) {
        let accepted: Vec<_> = records(ids).iter().filter_map(Record::fingerprint).collect();
        window.remember(&accepted);
    }

    #[test]
    fn a_full_window_forgets_the_oldest_record_only() {
        let mut window = Window::new(3);
        accept(&mut window, &["a", "b", "c", "d"]);
        assert_eq!(fresh(&window, &["a", "b", "c", "d"]), ["a"]);
        assert_eq!((window.seen.len(), window.order.len()), (3, 3));
    }

    #[test]
    fn a_full_window_keeps_to_its_memory_however_much_goes_through() {
        let mut window = Window::new(1_000);
        let prints: Vec<_> = (0..1_000_000_u128).map(|id| Fingerprint(id.to_le_bytes())).collect();
        window.remember(&prints);
        assert_eq!((window.seen.len(), window.order.len()), (1_000, 1_000));
        assert!(window.seen.capacity() < 2_000, "{} slots", window.seen.capacity());
    }

    #[test]
    fn a_record_accepted_twice_takes_one_place() {
        let mut window = Window::new(2);
        accept(&mut window, &["a", "b", "b", "b"]);
        assert_eq!(fresh(&window, &["a", "b", "c"]), ["c"]);
    }

    #[test]
    fn a_window_of_nothing_suppresses_nothing() {
        let mut window = Window::new(0);
        accept(&mut window, &["a"]);
        assert_eq!(fresh(&window, &["a", "a"]), ["a", "a"]);
        assert!(window.seen.is_empty());
    }

    #[test]
    fn equal_event_ids_of_two_accounts_are_two_records() {
        let of = |account: &str, event_id: &str| {
            Fingerprint::of(&Identity { account: account.into(), event_id: event_id.into() })
        };
        assert_ne!(of("111111111111", "e"), of("222222222222", "e"));
        assert_ne!(of("1", "11"), of("11", "1"));
        assert_eq!(of("1", "e"), of("1", "e"));
    }
}
