//! Files of records as text, gzip or not, in steps of bounded memory.

use std::io::Write;

use anyhow::Context;
use flate2::write::MultiGzDecoder;

/// What is unpacked at once: a byte of gzip becomes at most 1032.
pub(crate) const STEP_BYTES: usize = 1 << 10;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A file's bytes as text, gzip or not, by its first two bytes.
pub(crate) enum Unpack {
    Unknown,
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

impl Unpack {
    /// Tells by the first bytes of the file; later calls change nothing.
    pub(crate) fn begin(&mut self, first: &[u8]) {
        if let Unpack::Unknown = self {
            let is_gzip = first.starts_with(&GZIP_MAGIC);
            *self = if is_gzip {
                Unpack::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))
            } else {
                Unpack::Plain
            };
        }
    }

    /// The text of the next step of the file.
    pub(crate) fn text(&mut self, packed: &[u8]) -> anyhow::Result<Vec<u8>> {
        match self {
            Unpack::Unknown | Unpack::Plain => Ok(packed.to_vec()),
            Unpack::Gzip(gzip) => {
                gzip.write_all(packed)
                    .and_then(|()| gzip.flush())
                    .context("the file is not whole gzip")?;
                Ok(std::mem::take(gzip.get_mut()))
            }
        }
    }

    /// The rest of the text, when the file ended.
    pub(crate) fn finish(self) -> anyhow::Result<Vec<u8>> {
        match self {
            Unpack::Unknown | Unpack::Plain => Ok(Vec::new()),
            Unpack::Gzip(gzip) => gzip.finish().context("the file is not whole gzip"),
        }
    }
}
