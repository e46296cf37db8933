//! A line on the terminal that says how far a long download is.

use std::io::{self, Write};
use std::time::Duration;

use tokio::time::Instant;

const CLEAR_LINE: &str = "\r\x1b[2K";
/// How often it is written.
const PERIOD: Duration = Duration::from_millis(250);

/// How far it is.
pub(super) struct Progress {
    is_on: bool,
    bytes: u64,
    begun: Instant,
    shown: Option<Instant>,
}

impl Progress {
    /// Nothing has come yet.
    pub(super) fn new(is_on: bool) -> Progress {
        Progress { is_on, bytes: 0, begun: Instant::now(), shown: None }
    }

    /// So many events have come, with so many more bytes.
    pub(super) fn show(&mut self, events: u64, bytes: usize) {
        self.bytes += bytes as u64;
        let now = Instant::now();
        let last = self.shown.unwrap_or(self.begun);
        if !self.is_on || now - last < PERIOD {
            return;
        }
        self.shown = Some(now);
        let millis = (now - self.begun).as_millis().max(1);
        let rate = u64::try_from(u128::from(events) * 1000 / millis).unwrap_or(u64::MAX);
        let size = size(self.bytes);
        let _ = write!(io::stderr(), "{CLEAR_LINE}{events} events, {size}, {rate} events a second");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "{CLEAR_LINE}");
        }
    }
}

/// `17.4 MB`
pub(super) fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_units_that_fit() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_550, "1.5 kB"),
            (17_444_000, "17.4 MB"),
            (3_000_000_000, "3.0 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
