//! SQL, as a user meets it: over files that the history wrote.
#![allow(clippy::unwrap_used)]

mod answers;
mod limits;
mod mistakes;
mod support;
