//! When a daemon is ended: in the midst of each thing that it does. Each moment is seen from outside,
//! by the files in its data directory, its log, or the answers that it gives.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::senders::Shared;
use crate::dice::Dice;
use crate::support::cairn::{Cairn, Site};
use crate::support::wait::promptly;

/// What a daemon is doing, or has just done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// It answered some calls, and others wait.
    Acknowledging,
    /// It sealed a segment and began the next.
    Sealing,
    /// Some files of a batch are in S3, and others are not.
    Delivering,
    /// A file is parked for a bucket that is not there.
    Parking,
    /// The identities of a batch are stored, and its segment is retired.
    Retiring,
    /// It writes a file of the history.
    Keeping,
    /// It merged files of the history, and removes what they were made of.
    Merging,
    /// It got another configuration and SIGHUP.
    Reloading,
    /// It got SIGTERM.
    Stopping,
}

/// Most that passes between a moment and the end.
const DELAY_MAX_MICROS: u64 = 40_000;

impl Moment {
    pub const ALL: [Moment; 9] = [
        Moment::Acknowledging,
        Moment::Sealing,
        Moment::Delivering,
        Moment::Parking,
        Moment::Retiring,
        Moment::Keeping,
        Moment::Merging,
        Moment::Reloading,
        Moment::Stopping,
    ];

    /// Waits for it, and in half of all cases a little longer.
    pub async fn come(self, site: &Site, daemon: &Cairn, shared: &Shared, dice: &Dice) {
        let (journal, spill) = (site.data().join("journal"), site.data().join("spill"));
        let history = site.data().join("history");
        let times = usize::try_from(dice.below(4)).unwrap();
        let before = shared.count(&shared.acknowledged);
        let (segments, identities, parked) =
            (names(&journal, ".segment"), names(&journal, ".ids"), names(&spill, ""));
        let tables = names(&history, ".parquet");
        let mut seen = BTreeSet::new();
        let mut new = |directory: &Path, ending: &str, old: &BTreeSet<String>| {
            seen.extend(names(directory, ending).difference(old).cloned());
            seen.len()
        };
        promptly(&format!("{self:?}"), async || {
            let has_come = match self {
                Moment::Acknowledging => shared.count(&shared.acknowledged) > before + 100 * times,
                // The newest is open.
                Moment::Sealing => new(&journal, ".segment", &segments) > 1 + times,
                Moment::Delivering => daemon.has_logged("log file delivered") > 3 * times,
                Moment::Parking => new(&spill, "", &parked) > times,
                Moment::Retiring => new(&journal, ".ids", &identities) > times,
                Moment::Keeping => !names(&history, ".tmp").is_empty(),
                Moment::Merging => !tables.is_subset(&names(&history, ".parquet")),
                Moment::Reloading | Moment::Stopping => true,
            };
            has_come.then_some(())
        })
        .await;
        if dice.one_in(2) {
            tokio::time::sleep(Duration::from_micros(dice.below(DELAY_MAX_MICROS))).await;
        }
    }
}

fn names(directory: &Path, ending: &str) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return BTreeSet::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.ends_with(ending)).collect()
}
