//! Where records go: the caller's part of the delivery contract.

use std::fmt::Display;
use std::future::Future;

use crate::log_file::LogFile;

/// Takes the records of log files.
///
/// 1. `Ok` means that the records are safe: their message may be deleted and will not come again.
///    Answer after the last of them is written, not after it is queued.
/// 2. After an error, or when the process dies before the answer, the file comes again in full.
///    Records may then be met twice by a sink that had taken some of them, with the same event id.
/// 3. Files come one at a time, in no particular order. There is no deadline: messages are kept
///    hidden for as long as `accept` runs. It must not block its thread, or that stops too.
///
/// A closure `FnMut(LogFile) -> impl Future<Output = Result<(), E>>` is a sink.
pub trait Sink: Send {
    /// Why records were not taken; it is logged.
    type Error: Display + Send;

    /// Takes all records of one file, or none as far as the consumer is concerned.
    fn accept(&mut self, file: LogFile) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

impl<F, A, E> Sink for F
where
    F: FnMut(LogFile) -> A + Send,
    A: Future<Output = Result<(), E>> + Send,
    E: Display + Send,
{
    type Error = E;

    fn accept(&mut self, file: LogFile) -> impl Future<Output = Result<(), E>> + Send {
        self(file)
    }
}
