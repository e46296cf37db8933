//! SQL over the history.
