//! Makes a proof of what lies in a bucket, or in a copy of one.
//!
//! ```text
//! names of digests, newest first ─► read ─► the log files that they list ─► read, search ─► the first
//!                                                                                            that has
//! names of digests, oldest first ─► read ─► the first that lists the log file  ─┬──── it ◄─── the record
//!                                                                               └─► proof
//! ```
//!
//! The upper way where only the eventID is known, the lower one where the log file is. Whatever was
//! found is checked as any other proof before it is given away.

use std::cmp::Reverse;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use model::digest::{GENERATED, SIGNATURE};
use model::{DigestKind, ListedFile, Timestamp, TrailArn};

use super::{Base64, FORMAT, LogFile, Matches, Proof, SignedDigest};
use crate::digest::{self, ReadDigest};
use crate::layout::{DigestFolder, DigestName, LOG_FOLDERS};
use crate::log_file::OBJECT_BYTES_MAX;
use crate::source::{Object, Source, SourceError};
use crate::validate::Counters;

/// A digest covers at most so much.
const INTERVAL_MAX: Duration = Duration::from_secs(32 * 24 * 3600);
/// The stamp of a log file is at most so much later than its delivery began.
const STAMP_AHEAD: Duration = Duration::from_secs(300);
const FOLDERS_AT_ONCE: usize = 8;
const DIGESTS_AT_ONCE: usize = 16;
/// Of what could not be read, so many are told.
const TROUBLES_MAX: usize = 5;

/// Where to search.
pub struct Search {
    /// Where the objects are.
    pub source: Source,
    /// The bucket that digests are delivered to.
    pub bucket: String,
    /// Only digests of this trail.
    pub trail: Option<TrailArn>,
    /// Digests that end later, of what was delivered after this.
    pub from: Timestamp,
    /// Digests that begin earlier, of what was delivered before this.
    pub to: Timestamp,
    /// Log files that are read at once.
    pub concurrency: usize,
    /// How much is done, for who watches.
    pub counters: Arc<Counters>,
}

/// A log file, and the digest that lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The folder of the digest.
    pub folder: DigestFolder,
    /// The digest.
    pub digest: DigestName,
    /// The log file.
    pub file: ListedFile,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// It is not known what is there.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Nothing of it is there.
    #[error("{0}")]
    NotFound(NotFound),
    /// Something is there, and does not hold.
    #[error("{0}")]
    Unprovable(String),
}

/// What was searched in vain.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("not in the {log_files} log files of {digests} digests")]
pub struct NotFound {
    /// Digests that were read.
    pub digests: u64,
    /// Log files that were read.
    pub log_files: u64,
    /// The end of the newest digest.
    pub newest: Option<Timestamp>,
    /// How many of them could not be read, or are not what they should be.
    pub unreadable: usize,
    /// The first five of those, in words.
    pub troubles: Vec<String>,
}

/// A proof, and what its reader should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The proof; not yet checked.
    pub proof: Proof,
    /// Why there is no next digest in it.
    pub without_next: Option<String>,
}

/// What came of reading a log file.
enum Looked {
    Found(Box<Listed>),
    Nothing,
    Trouble(String),
}

impl Search {
    /// Searches for a record in what these folders' digests list, newest first.
    pub async fn find(
        &self,
        folders: &[DigestFolder],
        event_id: &str,
    ) -> Result<Listed, MakeError> {
        let listings = stream::iter(folders).map(|folder| self.names(folder, self.from, self.to));
        let names: Vec<_> = listings.buffered(FOLDERS_AT_ONCE).try_collect().await?;
        let mut names: Vec<(DigestFolder, DigestName)> = names.into_iter().flatten().collect();
        names.sort_by_key(|(_, name)| Reverse(name.end));
        let newest = names.first().map(|(_, name)| name.end);
        let mut troubles = Vec::new();
        let digests = stream::iter(names).map(|(folder, name)| self.listing(folder, name));
        let files = digests.buffered(DIGESTS_AT_ONCE).flat_map(|read| {
            let (listed, trouble) = match read {
                Ok(listed) => (listed, None),
                Err(trouble) => (Vec::new(), Some(Err(trouble))),
            };
            stream::iter(listed.into_iter().map(Ok).chain(trouble))
        });
        let looked = files.map(|file| async {
            match file {
                Ok(listed) => self.look_into(listed, event_id).await,
                Err(trouble) => Looked::Trouble(trouble),
            }
        });
        let mut looked = pin!(looked.buffered(self.concurrency.max(1)));
        while let Some(looked) = looked.next().await {
            match looked {
                Looked::Found(listed) => return Ok(*listed),
                Looked::Trouble(why) => troubles.push(why),
                Looked::Nothing => {}
            }
        }
        Err(self.not_found(newest, troubles))
    }

    /// Searches for the digest that lists a log file.
    pub async fn find_log_file(&self, bucket: &str, key: &str) -> Result<Listed, MakeError> {
        let folder = DigestFolder::of_key(key).ok_or_else(|| {
            MakeError::Unprovable(format!(
                "s3://{bucket}/{key} is no log file of CloudTrail: expected [PREFIX/]AWSLogs/…"
            ))
        })?;
        let stamp = LOG_FOLDERS.iter().find_map(|kind| folder.log_file(*kind, key));
        let stamp = stamp.map(|name| name.stamp.as_millis());
        let sealed = stamp.map(|stamp| {
            let ahead = i64::try_from(STAMP_AHEAD.as_millis()).expect("minutes");
            Timestamp::from_millis(stamp - ahead)
        });
        let names = self.names(&folder, sealed.unwrap_or(self.from), self.to).await?;
        let newest = names.last().map(|(_, name)| name.end);
        let mut troubles = Vec::new();
        let reads = stream::iter(names).map(|(folder, name)| self.listing(folder, name));
        let mut reads = pin!(reads.buffered(DIGESTS_AT_ONCE));
        while let Some(read) = reads.next().await {
            match read {
                Ok(listed) => {
                    let is_it =
                        |one: &Listed| one.file.s3_bucket == bucket && one.file.s3_object == key;
                    if let Some(found) = listed.into_iter().find(is_it) {
                        return Ok(found);
                    }
                }
                Err(why) => troubles.push(why),
            }
        }
        Err(self.not_found(newest, troubles))
    }

    fn not_found(&self, newest: Option<Timestamp>, mut troubles: Vec<String>) -> MakeError {
        let unreadable = troubles.len();
        troubles.truncate(TROUBLES_MAX);
        let [digests, log_files] = [&self.counters.digests, &self.counters.log_files]
            .map(|counter| counter.load(Ordering::Relaxed));
        MakeError::NotFound(NotFound { digests, log_files, newest, unreadable, troubles })
    }

    /// Puts together what proves that a record is in a listed log file.
    pub async fn prove(&self, event_id: &str, listed: &Listed) -> Result<Made, MakeError> {
        let Listed { folder, digest: name, file } = listed;
        let place = format!("s3://{}/{}", file.s3_bucket, file.s3_object);
        let unprovable = |why: String| MakeError::Unprovable(why);
        let gzip = match self.source.get(&file.s3_bucket, &file.s3_object, OBJECT_BYTES_MAX).await?
        {
            Object::Whole(whole) => whole.bytes.to_vec(),
            Object::Missing => return Err(unprovable(format!("{place} is not there"))),
            Object::TooLong => {
                return Err(unprovable(format!("{place} is larger than a log file")));
            }
        };
        let mut digest = self.signed(folder, name).await?;
        let (mut next, without_next) = match self.next(folder, name).await? {
            Ok((name, next)) => (Some((name, next)), None),
            Err(why) => (None, Some(why)),
        };
        // What a copy has lost, the digest after it tells.
        if digest.signature.is_empty() {
            let told = next.as_ref().and_then(|(_, next)| previous_signature(next));
            digest.signature = told.ok_or_else(|| {
                let key = folder.key(name);
                unprovable(format!(
                    "the copy has lost the signature of the digest {key}, and no digest after it tells it: `aws s3api head-object --bucket {} --key {key} > {key}.metadata.json` in the copy gives it back", self.bucket
                ))
            })?;
        }
        if let Some((name, signed)) = &mut next
            && signed.signature.is_empty()
        {
            let after = self.next(folder, name).await?.ok();
            let told = after.and_then(|(_, after)| previous_signature(&after));
            signed.signature = told.unwrap_or_default();
        }
        let without_next = match &next {
            Some((_, signed)) if signed.signature.is_empty() => {
                Some("the copy has lost the signature of the digest after it".to_owned())
            }
            _ => without_next,
        };
        let next = next.map(|(_, signed)| signed).filter(|signed| !signed.signature.is_empty());
        let log_file = LogFile {
            s3_bucket: file.s3_bucket.clone(),
            s3_object: file.s3_object.clone(),
            gzip: Base64(gzip),
        };
        let event_id = event_id.to_owned();
        let proof = Proof { format: FORMAT, event_id, log_file, digest, next };
        Ok(Made { proof, without_next })
    }

    /// The digests of a folder whose time touches this one, oldest first.
    async fn names(
        &self,
        folder: &DigestFolder,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<(DigestFolder, DigestName)>, SourceError> {
        let digests = folder.digests();
        let after = format!("{digests}{}/", from.to_date_folders());
        let last = to.plus(INTERVAL_MAX);
        let mut listing = self.source.list(&self.bucket, &digests, &after);
        let mut names = Vec::new();
        while let Some(page) = listing.next_page().await? {
            let named = page.iter().filter_map(|entry| folder.digest(&entry.key));
            names.extend(
                named.filter(|name| name.end > from && name.end <= last && self.is_asked(name)),
            );
        }
        names.sort_by_key(|name| name.end);
        Ok(names.into_iter().map(|name| (folder.clone(), name)).collect())
    }

    fn is_asked(&self, name: &DigestName) -> bool {
        self.trail.as_ref().is_none_or(|trail| {
            name.chain.trail == trail.name && name.chain.home == trail.home_region
        })
    }

    /// What a digest lists; nothing where it begins after the time that is searched.
    async fn listing(&self, folder: DigestFolder, name: DigestName) -> Result<Vec<Listed>, String> {
        let read = digest::read(&self.source, &self.bucket, &folder, &name, None).await;
        self.counters.digests.fetch_add(1, Ordering::Relaxed);
        let place = || format!("s3://{}/{}", self.bucket, folder.key(&name));
        let read = read.map_err(|error| error.to_string())?;
        let ReadDigest { digest, start, .. } =
            read.map_err(|(_, why)| format!("{}: {why}", place()))?;
        let is_later = name.chain.kind == DigestKind::Standard && start > self.to;
        let files = if is_later { Vec::new() } else { digest.log_files };
        let listed = |file| Listed { folder: folder.clone(), digest: name.clone(), file };
        Ok(files.into_iter().map(listed).collect())
    }

    async fn look_into(&self, listed: Listed, event_id: &str) -> Looked {
        let ListedFile { s3_bucket, s3_object, .. } = &listed.file;
        let place = format!("s3://{s3_bucket}/{s3_object}");
        let read = self.source.get(s3_bucket, s3_object, OBJECT_BYTES_MAX).await;
        self.counters.log_files.fetch_add(1, Ordering::Relaxed);
        let whole = match read {
            Ok(Object::Whole(whole)) => whole,
            Ok(Object::Missing) => return Looked::Trouble(format!("{place}: not found")),
            Ok(Object::TooLong) => {
                return Looked::Trouble(format!("{place}: larger than a log file"));
            }
            Err(error) => return Looked::Trouble(error.to_string()),
        };
        self.counters.bytes.fetch_add(whole.bytes.len() as u64, Ordering::Relaxed);
        let event_id = event_id.to_owned();
        let found = tokio::task::spawn_blocking(move || Matches::find(&whole.bytes, &event_id));
        match found.await {
            Ok(Ok(matches)) if matches.count == 0 => Looked::Nothing,
            Ok(Ok(matches)) if matches.sha256 == listed.file.hash_value => {
                Looked::Found(Box::new(listed))
            }
            Ok(Ok(_)) => Looked::Trouble(format!(
                "{place}: has the record, but its content is not what its digest lists"
            )),
            Ok(Err(error)) => Looked::Trouble(format!("{place}: {error}")),
            Err(error) => Looked::Trouble(format!("{place}: {error}")),
        }
    }

    /// A digest as a proof has it; the signature is empty where a copy has lost it.
    async fn signed(
        &self,
        folder: &DigestFolder,
        name: &DigestName,
    ) -> Result<SignedDigest, MakeError> {
        let key = folder.key(name);
        let unprovable =
            |why: &str| MakeError::Unprovable(format!("s3://{}/{key}: {why}", self.bucket));
        let whole = match self.source.get(&self.bucket, &key, digest::OBJECT_BYTES_MAX).await? {
            Object::Whole(whole) => whole,
            Object::Missing => return Err(unprovable("not found")),
            Object::TooLong => return Err(unprovable("larger than a digest")),
        };
        let told =
            |member: &str| whole.metadata.as_ref().and_then(|told| told.get(member)).cloned();
        Ok(SignedDigest {
            bytes: Base64(digest::unpack(&whole.bytes).map_err(|(_, why)| unprovable(&why))?),
            signature: told(SIGNATURE).unwrap_or_default(),
            backfill_generation_timestamp: told(GENERATED),
        })
    }

    /// The digest after this one in its chain; the inner error tells why there is none.
    async fn next(
        &self,
        folder: &DigestFolder,
        name: &DigestName,
    ) -> Result<Result<(DigestName, SignedDigest), String>, MakeError> {
        let mut listing = self.source.list(&self.bucket, &folder.digests(), &folder.key(name));
        let next = loop {
            let Some(page) = listing.next_page().await? else {
                return Ok(Err("it is the newest of its chain".to_owned()));
            };
            let mut named = page.iter().filter_map(|entry| folder.digest(&entry.key));
            if let Some(next) = named.find(|next| next.chain == name.chain && next.end > name.end) {
                break next;
            }
        };
        let key = folder.key(&next);
        let signed = match self.signed(folder, &next).await {
            Ok(signed) => signed,
            Err(MakeError::Source(error)) => return Err(error.into()),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let read = digest::parse_unpacked(&signed.bytes.0, None, &self.bucket, folder, &next);
        let follows = read.is_ok_and(|read| {
            read.previous() == Some((self.bucket.as_str(), folder.key(name).as_str()))
        });
        match follows {
            true => Ok(Ok((next, signed))),
            false => Ok(Err(format!("the digest after it, {key}, does not follow it"))),
        }
    }
}

fn previous_signature(next: &SignedDigest) -> Option<String> {
    let digest: model::Digest = serde_json::from_slice(&next.bytes.0).ok()?;
    digest.previous_digest_signature
}
