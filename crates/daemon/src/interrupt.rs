//! Commands that end by themselves, and sooner when they are asked to.

use tokio::signal::unix::{SignalKind, signal};

/// Waits until the process is interrupted (Ctrl-C) or terminated.
pub(crate) async fn stopped() {
    let interrupted = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
        }
        Err(_) => drop(interrupted.await),
    }
}
