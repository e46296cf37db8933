//! A copy of a bucket: files named by their keys.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use serde::Deserialize;

use super::{Entry, Metadata, Object, Source, SourceError, Whole};

/// What a file with an object's metadata has behind the object's name.
const SIDE: &str = ".metadata.json";
/// The size of such a file, at most.
const SIDE_BYTES_MAX: u64 = 64 << 10;
const PAGE: usize = 1000;

pub(super) struct Directory {
    root: PathBuf,
}

/// `aws s3api head-object`, as far as it matters.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "Metadata")]
    metadata: Metadata,
}

impl Directory {
    pub(super) fn new(root: PathBuf) -> Directory {
        Directory { root }
    }

    pub(super) async fn get(
        &self,
        source: &Source,
        key: &str,
        bytes_max: u64,
    ) -> Result<Object, SourceError> {
        let Some(path) = path_of(&self.root, key) else { return Ok(Object::Missing) };
        let found = on_disk(path.clone(), |path| {
            let found = std::fs::metadata(path)?;
            Ok(found.is_file().then_some(found.len()))
        });
        let Some(Some(length)) = found.await? else { return Ok(Object::Missing) };
        if length > bytes_max {
            return Ok(Object::TooLong);
        }
        let share = source.share(length).await;
        let read = on_disk(path.clone(), move |path| read_file(path, length)).await?;
        let Some(bytes) = read else { return Ok(Object::Missing) };
        if bytes.len() as u64 > length {
            return Ok(Object::TooLong);
        }
        let metadata = on_disk(side_of(&path), read_side).await?;
        Ok(Object::Whole(Whole { bytes: Bytes::from(bytes), metadata, _share: share }))
    }

    pub(super) fn list(&self, prefix: &str, after: &str) -> Walk {
        // What is behind the last slash may be the beginning of several names.
        let folder = prefix.rfind('/').map_or("", |at| &prefix[..=at]);
        Walk {
            root: self.root.clone(),
            prefix: prefix.to_owned(),
            after: after.to_owned(),
            stack: vec![Found { key: folder.to_owned(), is_folder: true }],
        }
    }

    pub(super) async fn folders(&self, prefix: &str) -> Result<Vec<String>, SourceError> {
        let Some(path) = path_of(&self.root, prefix) else { return Ok(Vec::new()) };
        let found = on_disk(path, |path| children(path, "")).await?.unwrap_or_default();
        let folders = found.into_iter().filter(|found| found.is_folder);
        Ok(folders.map(|found| found.key.trim_end_matches('/').to_owned()).collect())
    }
}

/// The files below a folder, in the order of their keys; what is still to be looked at is on the
/// stack, the next on top.
pub(super) struct Walk {
    root: PathBuf,
    prefix: String,
    after: String,
    stack: Vec<Found>,
}

struct Found {
    /// A folder's ends with a slash, but for the root's, which is empty.
    key: String,
    is_folder: bool,
}

impl Walk {
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Entry>>, SourceError> {
        let mut page = Vec::new();
        while page.len() < PAGE {
            let Some(Found { key, is_folder }) = self.stack.pop() else { break };
            if !is_folder {
                page.push(Entry { key, modified: None });
                continue;
            }
            let Some(path) = path_of(&self.root, &key) else { continue };
            let found = on_disk(path, move |path| children(path, &key)).await?;
            let (prefix, after) = (&self.prefix, &self.after);
            let wanted = found.into_iter().flatten().rev().filter(|Found { key, is_folder }| {
                let is_below = key.starts_with(prefix) || (*is_folder && prefix.starts_with(key));
                is_below && (key > after || (*is_folder && after.starts_with(key)))
            });
            self.stack.extend(wanted);
        }
        Ok((!page.is_empty()).then_some(page))
    }
}

/// What is in a folder, in the order of keys.
fn children(path: &Path, folder: &str) -> std::io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_folder = match std::fs::metadata(entry.path()) {
            Ok(what) => what.is_dir(),
            // A link that leads nowhere: reading it will tell that there is nothing.
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        let slash = if is_folder { "/" } else { "" };
        found.push(Found { key: format!("{folder}{name}{slash}"), is_folder });
    }
    found.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    let is_side = |key: &str| {
        let of = key.strip_suffix(SIDE);
        of.is_some_and(|of| found.binary_search_by(|found| found.key.as_str().cmp(of)).is_ok())
    };
    let sides: Vec<bool> = found.iter().map(|found| is_side(&found.key)).collect();
    let mut sides = sides.into_iter();
    found.retain(|_| !sides.next().unwrap_or(false));
    Ok(found)
}

/// Where a key's file is; `None` for keys that would lead out of the copy.
fn path_of(root: &Path, key: &str) -> Option<PathBuf> {
    let path = Path::new(key);
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let is_text = !key.contains("//") && !key.contains("/./") && !key.contains('\0');
    (is_plain && is_text).then(|| root.join(path))
}

fn side_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(SIDE);
    PathBuf::from(name)
}

fn read_file(path: &Path, length: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(length + 1).unwrap_or_default());
    File::open(path)?.take(length + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_side(path: &Path) -> std::io::Result<Metadata> {
    let bytes = read_file(path, SIDE_BYTES_MAX)?;
    let head: Head = serde_json::from_slice(&bytes)?;
    Ok(head.metadata)
}

/// Does something with a file, off the async threads; `None` when it is not there.
async fn on_disk<T: Send + 'static>(
    path: PathBuf,
    act: impl FnOnce(&Path) -> std::io::Result<T> + Send + 'static,
) -> Result<Option<T>, SourceError> {
    let place = path.display().to_string();
    let done = tokio::task::spawn_blocking(move || act(&path)).await;
    match done.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
        Ok(done) => Ok(Some(done)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => {
            Err(SourceError { place, code: error.kind().to_string(), message: error.to_string() })
        }
    }
}
