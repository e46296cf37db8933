//! What may be assumed of log streams, and nothing beyond it.
//!
//! 1. `Ok` means taken: each message is an event of the stream, byte for byte, at the time given.
//! 2. `Err` proves nothing: some or all may have been taken, and only the answer was lost. Who needs
//!    them taken puts them again.
//! 3. A stream that is missing is made; a group that is missing is not.
//! 4. A call ends within about a minute, its own retries included.
//! 5. A call may be dropped before it ends, which proves as little as `Err`.
//! 6. The caller keeps the bounds of one batch.

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use model::Timestamp;

use super::{LogStream, LogsError};

/// Something that takes log events. The module header numbers what it promises.
pub trait LogSink: Debug + Send + Sync {
    /// Puts messages into a stream, all at the same time.
    fn put<'a>(
        &'a self,
        stream: &'a LogStream,
        messages: &'a [&'a str],
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), LogsError>>;
}
