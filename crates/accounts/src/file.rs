//! `accounts.json`: a document (see [`disk::document`]), replaced as a whole.

use disk::{Disk, document};

use crate::error::AccountsError;
use crate::state::State;

/// The accounts' file, in the data directory.
pub const FILE: &str = "accounts.json";
const FORMAT: u32 = 1;

/// Reads the state; `None` when there is no file.
pub(crate) fn read(disk: &dyn Disk) -> Result<Option<State>, AccountsError> {
    Ok(document::read(disk, FILE, FORMAT)?)
}

/// Makes the file hold the state: durable when it returns.
pub(crate) fn write(disk: &dyn Disk, state: &State) -> Result<(), AccountsError> {
    Ok(document::replace(disk, FILE, FORMAT, state)?)
}
