//! The digests of what is imported: which log files they list, and what is wrong with them.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use aws_config::SdkConfig;
use futures_util::{StreamExt, stream};
use integrity::{DigestFolder, Finding, Keys, Listed, Scope, Word};
use model::Timestamp;

use super::place::Place;
use super::walk::Job;
use crate::validate::cloudtrail::public_keys;
use crate::validate::place::{explained, keys_of};

/// Folders whose digests are read at once, and digests of one.
const FOLDERS_AT_ONCE: usize = 8;
const DIGESTS_AT_ONCE: usize = 8;
/// So much of what was before is read too: a log file's stamp may be later than its digest.
const BEFORE_MILLIS: i64 = 24 * 3600 * 1000;

/// What digests say, by the folder that they are in.
#[derive(Default)]
pub(super) struct Digests {
    listed: HashMap<DigestFolder, Listed>,
}

/// What is asked for.
pub(super) struct Asked<'a> {
    pub(super) folders: &'a [DigestFolder],
    pub(super) keys: &'a [PathBuf],
    pub(super) since: Option<Timestamp>,
    pub(super) now: Timestamp,
    /// Whether it goes on without keys.
    pub(super) is_lenient: bool,
}

/// Something that is found, or to be known.
pub(super) enum Told {
    Finding(Finding),
    Note(String),
}

impl Digests {
    /// Reads them all.
    pub(super) async fn read(
        place: &Place,
        config: &SdkConfig,
        asked: &Asked<'_>,
        mut tell: impl FnMut(Told) -> io::Result<()>,
    ) -> anyhow::Result<Digests> {
        let (source, bucket) = (&place.source, &place.bucket);
        let folders = integrity::digest::with_digests(source, bucket, asked.folders).await;
        let folders = folders.map_err(|error| explained(&error))?;
        if folders.is_empty() {
            tell(Told::Note("there are no digests: log files are taken as they are".into()))?;
            return Ok(Digests::default());
        }
        let since = asked.since;
        let from = since.map(|at| Timestamp::from_millis(at.as_millis() - BEFORE_MILLIS));
        let keys = match keys_of("--keys", asked.keys)? {
            Some(keys) => keys,
            None => match public_keys(config, &folders, (from, asked.now)).await {
                Ok(keys) => keys,
                Err(error) if asked.is_lenient => {
                    let note = format!("digests are not verified: {error:#}");
                    tell(Told::Note(note))?;
                    return Ok(Digests::default());
                }
                Err(error) => {
                    return Err(error).context(
                        "the digests can't be verified, by which log files are; --unverified imports without",
                    );
                }
            },
        };
        let scope = Arc::new(Scope {
            bucket: bucket.clone(),
            trail: None,
            from,
            to: asked.now,
            now: asked.now,
            tells_valid: false,
        });
        let keys: Arc<Keys> = Arc::new(keys);
        let reads = folders.into_iter().map(async |folder| {
            let mut found = Vec::new();
            let at_once = DIGESTS_AT_ONCE;
            let listed =
                Listed::read(source, &scope, &keys, &folder, at_once, |one| found.push(one)).await;
            (folder, listed, found)
        });
        let mut reads = std::pin::pin!(stream::iter(reads).buffered(FOLDERS_AT_ONCE));
        let mut listed = HashMap::new();
        while let Some((folder, read, found)) = reads.next().await {
            for finding in found {
                tell(Told::Finding(finding))?;
            }
            let read = read.map_err(|error| explained(&error))?;
            listed.extend(read.map(|read| (folder, read)));
        }
        Ok(Digests { listed })
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// What they say of a log file.
    pub(super) fn ask(&self, bucket: &str, job: &Job, stamp: Timestamp) -> Word {
        let listed = self.listed.get(&*job.folder);
        listed.map_or(Word::NotCovered, |listed| listed.ask(bucket, &job.entry, job.kind, stamp))
    }
}
