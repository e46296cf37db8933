//! Files that are held open: the only ones that a query can read.
//!
//! A file that is open can be read to its end, though a merge has removed it meanwhile. So a query
//! needs no copy, no lock and no patience of the daemon, and there is no name by which SQL could ask for
//! another file of the machine.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path as FilePath;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// The store's name in URLs.
pub(crate) const URL: &str = "held://history/";

/// Files that are open, by their numbers.
#[derive(Clone, Debug, Default)]
pub struct Held(Vec<Arc<One>>);

#[derive(Debug)]
struct One {
    file: File,
    bytes: u64,
}

impl Held {
    /// Opens one more Parquet file.
    pub fn open(&mut self, path: &FilePath) -> io::Result<()> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        self.0.push(Arc::new(One { file, bytes }));
        Ok(())
    }

    /// Takes the files of another.
    pub fn append(&mut self, mut other: Held) {
        self.0.append(&mut other.0);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn meta(&self, place: usize) -> ObjectMeta {
        ObjectMeta {
            location: Path::from(format!("{place}.parquet")),
            last_modified: Default::default(),
            size: self.0[place].bytes,
            e_tag: None,
            version: None,
        }
    }

    fn find(&self, location: &Path) -> Result<(ObjectMeta, Arc<One>)> {
        let place = location.as_ref().strip_suffix(".parquet").and_then(|place| place.parse().ok());
        match place.and_then(|place: usize| Some((place, self.0.get(place)?))) {
            Some((place, one)) => Ok((self.meta(place), Arc::clone(one))),
            None => Err(Error::NotFound {
                path: location.to_string(),
                source: "no such file is held open".into(),
            }),
        }
    }
}

impl One {
    fn read(&self, range: &Range<u64>) -> io::Result<Bytes> {
        let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes.into())
    }
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "history", source: source.into() }
}

fn read_only<T>() -> Result<T> {
    Err(Error::NotSupported { source: "the history is only read here".into() })
}

async fn off_the_async_threads<T: Send + 'static>(
    act: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(act).await;
    done.map_err(failed)?.map_err(failed)
}

impl fmt::Display for Held {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} files", self.0.len())
    }
}

#[async_trait]
impl ObjectStore for Held {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (meta, one) = self.find(location)?;
        let range = match &options.range {
            Some(range) => range.as_range(meta.size).map_err(failed)?,
            None => 0..meta.size,
        };
        let bytes = match options.head {
            true => Bytes::new(),
            false => {
                let range = range.clone();
                off_the_async_threads(move || one.read(&range)).await?
            }
        };
        let payload = GetResultPayload::Stream(stream::once(async { Ok(bytes) }).boxed());
        Ok(GetResult { payload, meta, range, attributes: Default::default() })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let (_, one) = self.find(location)?;
        let ranges = ranges.to_vec();
        off_the_async_threads(move || ranges.iter().map(|range| one.read(range)).collect()).await
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let all: Vec<_> = (0..self.0.len()).map(|place| Ok(self.meta(place))).collect();
        stream::iter(all).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        let objects = (0..self.0.len()).map(|place| self.meta(place)).collect();
        Ok(ListResult { common_prefixes: Vec::new(), objects })
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        read_only()
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        read_only()
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        stream::once(async { read_only() }).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        read_only()
    }
}
