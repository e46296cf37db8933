//! A runtime with room on its stacks.
//!
//! The engine goes through a query as deep as it is nested, and a chain of a hundred ORs is nested a
//! hundred times. The depth of a query is bounded, and these stacks hold the deepest. Memory that is not
//! used is not taken.

use std::future::Future;
use std::io;

use tokio::sync::oneshot;

/// For a query as deep as it may be, without optimisation.
const STACK_BYTES: usize = 128 << 20;

/// Runs a future, and all that it begins, where queries may be nested. Who drops this waits no longer:
/// what runs goes on until it notices, or the process ends.
pub async fn run<F: Future>(
    threads: usize,
    work: impl FnOnce() -> F + Send + 'static,
) -> io::Result<F::Output>
where
    F::Output: Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()?;
    let (done, output) = oneshot::channel();
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        let _ = done.send(runtime.block_on(work()));
        // What was called off and does not notice ends with the process.
        runtime.shutdown_background();
    })?;
    output.await.map_err(|_| io::Error::other("the query's thread panicked"))
}
