//! `accounts.json`: its form, and how it is read and replaced.
//!
//! The file is JSON, replaced as a whole. The checksum is over the state's bytes as they stand, so
//! that a version that knows more members still finds it true.

use std::io::ErrorKind;

use disk::Disk;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::AccountsError;
use crate::state::State;

/// The accounts' file, in the data directory.
pub const FILE: &str = "accounts.json";
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    format: u32,
    /// CRC-32.
    checksum: u32,
    #[serde(borrow)]
    state: &'a RawValue,
}

/// Reads the state; `None` when there is no file.
pub(crate) fn read(disk: &dyn Disk) -> Result<Option<State>, AccountsError> {
    match disk::read(disk, FILE) {
        Ok(bytes) => parse(&bytes).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes the file hold the state: durable when it returns.
pub(crate) fn write(disk: &dyn Disk, state: &State) -> Result<(), AccountsError> {
    let text = serde_json::to_string_pretty(state).expect("the state always serializes");
    let state = RawValue::from_string(text).expect("what was serialized is JSON");
    let checksum = crc32fast::hash(state.get().as_bytes());
    let stored = Stored { format: FORMAT, checksum, state: &state };
    let bytes = serde_json::to_vec_pretty(&stored).expect("raw values always serialize");
    Ok(disk::replace(disk, FILE, &bytes)?)
}

fn parse(bytes: &[u8]) -> Result<State, AccountsError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format } = serde_json::from_slice(bytes).map_err(AccountsError::Unreadable)?;
    if format > FORMAT {
        return Err(AccountsError::Newer(format));
    }
    let stored: Stored<'_> = serde_json::from_slice(bytes).map_err(AccountsError::Unreadable)?;
    if crc32fast::hash(stored.state.get().as_bytes()) != stored.checksum {
        return Err(AccountsError::Damaged);
    }
    serde_json::from_str(stored.state.get()).map_err(AccountsError::Unreadable)
}
