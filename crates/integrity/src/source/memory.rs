//! Objects in memory, by bucket and key: for tests.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use model::Timestamp;

use super::{Entry, Metadata, Object, Source, SourceError, Whole};

/// Buckets in memory.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The objects, by bucket and key.
    pub objects: BTreeMap<(String, String), Stored>,
    /// Those that may not be read, as by a policy.
    pub denied: BTreeSet<(String, String)>,
}

/// An object in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its bytes, as they are stored.
    pub bytes: Bytes,
    /// Its user metadata; `None` as in a copy that has lost it.
    pub metadata: Option<Metadata>,
    /// When it was put; `None` as in a copy.
    pub modified: Option<Timestamp>,
}

impl Memory {
    pub(super) async fn get(
        &self,
        source: &Source,
        bucket: &str,
        key: &str,
        bytes_max: u64,
    ) -> Result<Object, SourceError> {
        let place = (bucket.to_owned(), key.to_owned());
        if self.denied.contains(&place) {
            let place = format!("s3://{bucket}/{key}");
            return Err(SourceError {
                place,
                code: "AccessDenied".into(),
                message: "Access Denied".into(),
            });
        }
        let Some(Stored { bytes, metadata, .. }) = self.objects.get(&place) else {
            return Ok(Object::Missing);
        };
        let length = bytes.len() as u64;
        if length > bytes_max {
            return Ok(Object::TooLong);
        }
        let share = source.share(length).await;
        Ok(Object::Whole(Whole { bytes: bytes.clone(), metadata: metadata.clone(), _share: share }))
    }

    fn below<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Stored)> {
        let from = (bucket.to_owned(), prefix.to_owned());
        let range = self.objects.range(from..);
        let of = range.take_while(move |((of, key), _)| of == bucket && key.starts_with(prefix));
        of.map(|((_, key), stored)| (key.as_str(), stored))
    }

    pub(super) fn list(&self, bucket: &str, prefix: &str, after: &str) -> Vec<Entry> {
        let behind = self.below(bucket, prefix).filter(|(key, _)| *key > after);
        let entry =
            |(key, stored): (&str, &Stored)| Entry { key: key.into(), modified: stored.modified };
        behind.map(entry).collect()
    }

    pub(super) fn folders(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let mut names = BTreeSet::new();
        for (key, _) in self.below(bucket, prefix) {
            if let Some((name, _)) = key[prefix.len()..].split_once('/') {
                names.insert(name.to_owned());
            }
        }
        names.into_iter().collect()
    }
}
