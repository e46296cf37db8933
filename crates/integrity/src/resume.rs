//! How far a validation has come, to go on from there.
//!
//! Each digest whose log files are all compared is kept by what it says, and what was found of them.
//! Digests, links and listings are read again: they are few, and so nothing of them is believed that
//! is not seen in the same run. A digest that was missing, not valid or other than it is now has not
//! been compared, wherever it stands; what could not be read may be readable now.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digest::Fault;
use crate::finding::Problem;

/// What is kept, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What the validation was asked for; another one must not go on from here.
    pub asked: String,
    /// When it began: what came later is none of its business.
    pub begun: Timestamp,
    /// The digests that are done, each as 8 bytes of a hash of its key and what it says.
    done: BTreeSet<u64>,
    /// Log files that are not valid, by the digest that lists them.
    faults: BTreeMap<String, BTreeMap<String, (Problem, String)>>,
}

/// What is kept, shared by those who work.
#[derive(Debug)]
pub struct Progress {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    kept: Kept,
    /// Digests that are read and not done, by a hash of the key.
    reading: HashMap<u64, Reading>,
}

/// A digest that is not done.
#[derive(Debug)]
struct Reading {
    /// How it is kept.
    id: u64,
    /// Whether a log file of it was compared in this run.
    is_compared: bool,
    /// Whether one of them could not be read.
    is_unreadable: bool,
}

fn hash_of(texts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text);
        hash.update([0]);
    }
    u64::from_le_bytes(hash.finalize()[..8].try_into().expect("8 of 32 bytes"))
}

impl Kept {
    /// Nothing is done yet.
    #[must_use]
    pub fn new(asked: String, begun: Timestamp) -> Kept {
        Kept { asked, begun, done: BTreeSet::new(), faults: BTreeMap::new() }
    }
}

impl Progress {
    /// Goes on from what was kept.
    #[must_use]
    pub fn new(kept: Kept) -> Progress {
        Progress { state: Mutex::new(State { kept, reading: HashMap::new() }) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is to be kept now.
    #[must_use]
    pub fn kept(&self) -> Kept {
        self.with(|state| state.kept.clone())
    }

    /// The digest of this key was read in this run, and what it says has this hash.
    pub fn read(&self, digest: &str, sha256: &str) {
        let id = hash_of(&[digest, sha256]);
        let reading = Reading { id, is_compared: false, is_unreadable: false };
        self.with(|state| state.reading.insert(hash_of(&[digest]), reading));
    }

    /// What was found of a log file, if the digest that lists it was done and says the same now.
    #[must_use]
    pub fn recall(&self, digest: &str, file: &str) -> Option<Result<(), Fault>> {
        self.with(|State { kept, reading }| {
            let reading = reading.get(&hash_of(&[digest]))?;
            kept.done.contains(&reading.id).then_some(())?;
            let fault = kept.faults.get(digest).and_then(|files| files.get(file));
            Some(fault.map_or(Ok(()), |fault| Err(fault.clone())))
        })
    }

    /// Keeps what was found of a log file that was compared.
    pub fn compared(&self, digest: &str, file: &str, result: &Result<(), Fault>) {
        self.with(|State { kept, reading }| {
            let Some(reading) = reading.get_mut(&hash_of(&[digest])) else { return };
            reading.is_compared = true;
            match result {
                Err((Problem::Unreadable, _)) => reading.is_unreadable = true,
                Err(fault) => {
                    let files = kept.faults.entry(digest.to_owned()).or_default();
                    files.insert(file.to_owned(), fault.clone());
                }
                Ok(()) => {
                    kept.faults.get_mut(digest).and_then(|files| files.remove(file));
                }
            }
        });
    }

    /// All log files of a digest are told.
    pub fn done(&self, digest: &str) {
        self.with(|State { kept, reading }| {
            let done = reading.remove(&hash_of(&[digest]));
            if let Some(done) = done.filter(|done| done.is_compared && !done.is_unreadable) {
                kept.done.insert(done.id);
            }
        });
    }
}
