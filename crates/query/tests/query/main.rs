//! SQL, as a user meets it.
