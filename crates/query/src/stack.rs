//! A runtime with room on its stacks.
//!
//! The engine goes through a query as deep as it is nested, and a chain of a thousand ORs is nested a
//! thousand times. The depth of a query is bounded, and these
//! stacks hold the deepest. Memory that is not used is not taken.

use std::future::Future;
use std::io;

/// For a query as deep as it may be, without optimisation.
const STACK_BYTES: usize = 128 << 20;

/// Runs a future, and all that it begins, where queries may be nested.
pub fn run<F: Future>(threads: usize, work: impl FnOnce() -> F + Send) -> io::Result<F::Output>
where
    F::Output: Send,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()?;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread.spawn_scoped(scope, move || {
            let output = runtime.block_on(work());
            // What a query called off has left running ends by itself; nobody waits for it.
            runtime.shutdown_background();
            output
        })?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
