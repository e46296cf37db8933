//! What a folder's digests say of its log files, to be asked while these are read for something else.
//!
//! In memory are 48 bytes for each log file that is listed. Log files that are listed and not there are
//! for a validation to find.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use model::digest::HASH_ALGORITHM;
use model::{Folder, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::chain::{Chains, Scope, Step};
use crate::digest;
use crate::finding::{Event, Finding, Problem, Standing};
use crate::keys::Keys;
use crate::layout::{DigestFolder, DigestName};
use crate::source::{Entry, Source, SourceError};
use crate::validate::{grace, is_overdue};

/// A stamp may be so much later than the delivery: it lies on a grid.
const STAMP_AHEAD: Duration = Duration::from_secs(300);

/// The log files that a folder's digests list.
pub struct Listed {
    /// What names a log file, and the hash of what is inside, 16 bytes of each; in order.
    files: Vec<(u128, u128)>,
    /// The end of the newest digest of a copy that has lost its signature.
    unsigned: Option<Timestamp>,
    is_alive: bool,
    chains: Chains,
    /// The end of the newest digest, and how long the intervals of its chain are.
    newest: Option<(Timestamp, Duration)>,
}

/// What digests say of a log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// A valid digest lists it, and this is the hash of what is inside.
    Hash(FileHash),
    /// It is younger than the newest digest.
    NotYet,
    /// It is of a time or a kind of which there are no digests.
    NotCovered,
    /// The digest that may list it is missing, not valid, or could not be read.
    InDoubt,
    /// Valid digests cover its time, and none lists it.
    NotListed,
}

/// The hash of what is inside of a log file: the first half of a SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHash(u128);

impl FileHash {
    /// Of a SHA-256.
    #[must_use]
    pub fn of(sha256: &[u8; 32]) -> FileHash {
        FileHash(half(sha256))
    }

    fn parse(hex: &str) -> Option<FileHash> {
        let is_hash = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let half = is_hash.then(|| u128::from_str_radix(&hex[..32], 16).ok()).flatten()?;
        Some(FileHash(half))
    }
}

fn half(sha256: &[u8; 32]) -> u128 {
    u128::from_be_bytes(sha256[..16].try_into().expect("16 of 32 bytes"))
}

fn identity(bucket: &str, key: &str) -> u128 {
    let mut hash = Sha256::new();
    hash.update(bucket);
    hash.update([0]);
    hash.update(key);
    half(&hash.finalize().into())
}

impl Listed {
    /// Reads the digests of a folder, and tells what is wrong with them. `None` where there are none.
    pub async fn read(
        source: &Source,
        scope: &Arc<Scope>,
        keys: &Arc<Keys>,
        folder: &DigestFolder,
        concurrency: usize,
        mut tell: impl FnMut(Finding),
    ) -> Result<Option<Listed>, SourceError> {
        let mut chains = Chains::new(Arc::clone(scope), folder.clone(), Arc::clone(keys));
        let (mut files, mut unsigned) = (Vec::new(), None);
        let mut take = |steps: Vec<Step>| {
            for step in steps {
                match step {
                    // Where digests end and begin again is for a validation to say.
                    Step::Tell(Event::Found(found)) if found.status == Standing::Note => {}
                    Step::Tell(Event::Found(found)) if found.problem == Problem::ListedTwice => {}
                    Step::Tell(Event::Found(found))
                        if found.problem == Problem::SignatureNotInCopy =>
                    {
                        let end = folder.digest(&found.s3_object).map(|name| name.end);
                        unsigned = unsigned.max(end);
                    }
                    Step::Tell(Event::Found(found)) => tell(found),
                    Step::Check(_, _, file) => {
                        let hash = Some(file.hash_algorithm).filter(|by| by == HASH_ALGORITHM);
                        let hash = hash.and_then(|_| FileHash::parse(&file.hash_value));
                        // Nothing has a hash that is none.
                        let FileHash(hash) = hash.unwrap_or(FileHash(0));
                        files.push((identity(&file.s3_bucket, &file.s3_object), hash));
                    }
                    Step::Tell(Event::Valid { .. }) | Step::Done(..) => {}
                }
            }
        };
        let after = scope.from.map_or(String::new(), |from| {
            format!("{}{}/", folder.digests(), from.to_date_folders())
        });
        let mut listing = source.list(&scope.bucket, &folder.digests(), &after);
        let mut is_there = false;
        while let Some(page) = listing.next_page().await? {
            let names = page.iter().filter_map(|entry| folder.digest(&entry.key));
            let is_asked = |name: &DigestName| scope.from.is_none_or(|from| name.end >= from);
            let reads = names.filter(is_asked).map(async |name| {
                let read = digest::read(source, &scope.bucket, folder, &name, Some(keys)).await;
                let read = read.unwrap_or_else(|error| {
                    let message = format!("could not be read: {}: {}", error.code, error.message);
                    Err((Problem::Unreadable, message))
                });
                (name, read)
            });
            let mut reads = std::pin::pin!(stream::iter(reads).buffered(concurrency));
            while let Some((name, read)) = reads.next().await {
                is_there = true;
                take(chains.take(name, read));
            }
        }
        take(chains.finish().0);
        // A log file that is listed twice must be as the first of them says, as a validation has it.
        files.sort_by_key(|(file, _)| *file);
        files.dedup_by_key(|(file, _)| *file);
        files.shrink_to_fit();
        let newest = chains.newest();
        let is_alive = newest.is_some_and(|(end, interval)| !is_overdue(scope, end, interval));
        Ok(is_there.then_some(Listed { files, unsigned, is_alive, chains, newest }))
    }

    /// What is said of a log file of this kind, which a listing has.
    #[must_use]
    pub fn ask(&self, bucket: &str, entry: &Entry, kind: Folder, stamp: Timestamp) -> Word {
        let file = identity(bucket, &entry.key);
        if let Ok(place) = self.files.binary_search_by_key(&file, |(file, _)| *file) {
            return Word::Hash(FileHash(self.files[place].1));
        }
        let Some((newest, interval)) = self.newest else { return Word::InDoubt };
        let chains = &self.chains;
        let delivered = entry.modified.unwrap_or(stamp);
        // Stamps are rounded up, and old objects may be put anew.
        let at = stamp.min(delivered);
        let is_covered = chains.covers(stamp, STAMP_AHEAD)
            || entry.modified.is_some_and(|at| chains.covers(at, Duration::ZERO));
        let is_young = delivered.plus(grace(interval)) > newest;
        // Of the newest digest of a copy, no later one tells the signature.
        let is_of_unsigned = self.unsigned.is_some_and(|end| {
            end.plus(interval) > newest
                && stamp.plus(interval) >= end
                && stamp <= end.plus(STAMP_AHEAD)
        });
        if (is_young && self.is_alive) || (is_of_unsigned && !is_covered) {
            Word::NotYet
        } else if chains.is_in_doubt(stamp) || chains.is_in_doubt(delivered) {
            Word::InDoubt
        } else if at > newest
            || !is_covered
            || (!chains.folders_listed.contains(&kind) && kind != Folder::CloudTrail)
        {
            Word::NotCovered
        } else {
            Word::NotListed
        }
    }
}
