//! One JSON document in a file, with its format and a checksum: read and replaced as a whole.
//!
//! ```json
//! { "format": 1, "checksum": 123, "state": { … } }
//! ```
//!
//! The checksum is over the state's bytes as they stand, so that a version that knows more members
//! still finds it true. A file that is damaged or too new is left as it is.

use std::io::{self, ErrorKind};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Disk;

/// Why a document could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// It is not what this version writes.
    #[error("it is unreadable: {0}")]
    Unreadable(serde_json::Error),
    /// It is not what was written.
    #[error("it is damaged: its checksum does not match")]
    Damaged,
    /// A newer version wrote it.
    #[error("it has format {found}, this version reads format {known}; start the newer version")]
    Newer {
        /// The file's format.
        found: u32,
        /// The newest one that the caller reads.
        known: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    format: u32,
    /// CRC-32.
    checksum: u32,
    #[serde(borrow)]
    state: &'a RawValue,
}

/// Reads the document `path`, of a format up to `format`; `None` when there is no file.
pub fn read<T: DeserializeOwned>(
    disk: &dyn Disk,
    path: &str,
    format: u32,
) -> Result<Option<T>, DocumentError> {
    match crate::read(disk, path) {
        Ok(bytes) => from_bytes(&bytes, format).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes the document `path` hold the state: durable when it returns, as [`crate::replace`] has it.
pub fn replace(disk: &dyn Disk, path: &str, format: u32, state: &impl Serialize) -> io::Result<()> {
    crate::replace(disk, path, &to_bytes(format, state))
}

/// The bytes of a document.
#[must_use]
pub fn to_bytes(format: u32, state: &impl Serialize) -> Vec<u8> {
    let text = serde_json::to_string_pretty(state).expect("the state always serializes");
    let state = RawValue::from_string(text).expect("what was serialized is JSON");
    let checksum = crc32fast::hash(state.get().as_bytes());
    let stored = Stored { format, checksum, state: &state };
    serde_json::to_vec_pretty(&stored).expect("so does raw JSON")
}

/// What the bytes of a document say.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8], format: u32) -> Result<T, DocumentError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format: found } =
        serde_json::from_slice(bytes).map_err(DocumentError::Unreadable)?;
    if found > format {
        return Err(DocumentError::Newer { found, known: format });
    }
    let stored: Stored<'_> = serde_json::from_slice(bytes).map_err(DocumentError::Unreadable)?;
    if crc32fast::hash(stored.state.get().as_bytes()) != stored.checksum {
        return Err(DocumentError::Damaged);
    }
    serde_json::from_str(stored.state.get()).map_err(DocumentError::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimulatedDisk;

    #[test]
    fn a_document_is_read_as_it_was_written_or_not_at_all() {
        let disk = SimulatedDisk::new();
        let document = || read::<Vec<String>>(&disk, "d", 2);
        assert!(document().unwrap().is_none());
        replace(&disk, "d", 2, &["a", "b"]).unwrap();
        assert_eq!(document().unwrap().unwrap(), ["a", "b"]);
        replace(&disk, "d", 3, &["a"]).unwrap();
        assert!(matches!(document(), Err(DocumentError::Newer { found: 3, known: 2 })));
        let bytes = to_bytes(2, &["a", "b"]);
        let changed = String::from_utf8(bytes.clone()).unwrap().replace("\"b\"", "\"c\"");
        crate::replace(&disk, "d", changed.as_bytes()).unwrap();
        assert!(matches!(document(), Err(DocumentError::Damaged)));
        crate::replace(&disk, "d", &bytes[..bytes.len() - 1]).unwrap();
        assert!(matches!(document(), Err(DocumentError::Unreadable(_))));
    }
}
