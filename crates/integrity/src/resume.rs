//! How far a validation has come, to go on from there.
//!
//! Of each chain the last digest whose log files are all compared is kept, and what was found of
//! them. Digests, links and listings are read again: they are few, and so nothing of them is
//! believed that is not seen in the same run.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Fault;
use crate::finding::Problem;
use crate::layout::{ChainName, DigestFolder};

/// What is kept, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What the validation was asked for; another one must not go on from here.
    pub asked: String,
    /// When it began: what came later is none of its business.
    pub begun: Timestamp,
    /// By the folder and the name of a chain.
    chains: BTreeMap<String, KeptChain>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct KeptChain {
    /// The key of the last digest that is done.
    done: String,
    /// Log files that are not valid, by the digest that lists them.
    faults: BTreeMap<String, BTreeMap<String, (Problem, String)>>,
}

/// What is kept, shared by those who work.
#[derive(Debug)]
pub struct Progress {
    kept: Mutex<Kept>,
}

fn name_of(folder: &DigestFolder, chain: &ChainName) -> String {
    format!("{folder}{} {} {:?}", chain.trail, chain.home, chain.kind)
}

impl Kept {
    /// Nothing is done yet.
    #[must_use]
    pub fn new(asked: String, begun: Timestamp) -> Kept {
        Kept { asked, begun, chains: BTreeMap::new() }
    }
}

impl Progress {
    /// Goes on from what was kept.
    #[must_use]
    pub fn new(kept: Kept) -> Progress {
        Progress { kept: Mutex::new(kept) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Kept) -> T) -> T {
        act(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is to be kept now.
    #[must_use]
    pub fn kept(&self) -> Kept {
        self.with(|kept| kept.clone())
    }

    /// What was found of a log file, if the digest that lists it was done.
    #[must_use]
    pub fn recall(
        &self,
        folder: &DigestFolder,
        chain: &ChainName,
        digest: &str,
        file: &str,
    ) -> Option<Result<(), Fault>> {
        self.with(|kept| {
            let kept = kept.chains.get(&name_of(folder, chain))?;
            (digest <= kept.done.as_str()).then_some(())?;
            let fault = kept.faults.get(digest).and_then(|files| files.get(file));
            Some(fault.map_or(Ok(()), |fault| Err(fault.clone())))
        })
    }

    /// Keeps what was found of a log file.
    pub fn found(
        &self,
        folder: &DigestFolder,
        chain: &ChainName,
        digest: &str,
        file: &str,
        fault: &Fault,
    ) {
        self.with(|kept| {
            let kept = kept.chains.entry(name_of(folder, chain)).or_default();
            let files = kept.faults.entry(digest.to_owned()).or_default();
            files.insert(file.to_owned(), fault.clone());
        });
    }

    /// All log files of a digest are compared.
    pub fn done(&self, folder: &DigestFolder, chain: &ChainName, digest: &str) {
        self.with(|kept| {
            let kept = kept.chains.entry(name_of(folder, chain)).or_default();
            if kept.done.as_str() < digest {
                digest.clone_into(&mut kept.done);
            }
        });
    }
}
