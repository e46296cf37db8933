//! What the daemon knows of its own state, and what an operator is told of it.

use std::collections::BTreeMap;

use model::TrailArn;
use notifier::NotifierReport;
use outbox::LaneReport;
use producer::{JournalState, QueueState};
use serde::Serialize;

use crate::ledger::Balance;
use crate::pipeline::PipelineState;

/// One look at everything that health and metrics report.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The journal.
    pub journal: JournalState,
    /// Whether no trail is defined.
    pub has_no_trail: bool,
    /// What waits for the journal.
    pub queue: QueueState,
    /// The pipeline.
    pub pipeline: PipelineState,
    /// Where each trail's events are.
    pub balances: BTreeMap<TrailArn, Balance>,
    /// Log files that arrived since the start.
    pub files: BTreeMap<TrailArn, u64>,
    /// Buckets that refuse, and what is parked for them.
    pub delivery: Vec<LaneReport>,
    /// Parked log files that were given up.
    pub set_aside: Vec<String>,
    /// Objects met under a derived name that Cairn did not put there.
    pub foreign_objects: u64,
    /// Topics that refuse, and what is parked for them.
    pub notifier: NotifierReport,
}

/// The answer of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// `ready` or `not ready`.
    pub status: &'static str,
    /// What keeps events from being recorded or delivered, and what to do.
    pub problems: Vec<String>,
    /// What waits but is safe.
    pub warnings: Vec<String>,
}

impl Health {
    /// Whether events are recorded and delivered.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Snapshot {
    /// The judgement.
    #[must_use]
    pub fn health(&self) -> Health {
        let problems = self.problems();
        let status = if problems.is_empty() { "ready" } else { "not ready" };
        Health { status, problems, warnings: self.warnings() }
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(reason) = &self.journal.halted {
            problems.push(format!("the journal is halted ({reason}) and no event is recorded; check the disk, then restart: what is on disk is recovered"));
        }
        let damage = self.journal.damaged.iter().map(ToString::to_string);
        for damage in damage.chain(self.pipeline.damaged.values().cloned()) {
            problems.push(format!("{damage}; the file is kept and its events are not delivered; restore it from a backup, or take it out of the data directory and see `cairn salvage --help`"));
        }
        if let Some(reason) = &self.journal.full {
            problems.push(format!("the journal refuses events: {reason}; see the warnings for what does not take log files, free the disk, or raise journal.quota"));
        }
        if let Some((batch, reason)) = self.pipeline.stuck.iter().next() {
            let more = self.pipeline.stuck.len() - 1;
            problems.push(format!("batch {batch} and {more} more wait: {reason}"));
        }
        if !self.set_aside.is_empty() {
            let files = self.set_aside.join(", ");
            problems.push(format!("parked files were given up, damaged or refused for too long, and are kept in spill/ and notices/: {files}; to try one again, stop the daemon and rename it without .expired"));
        }
        problems
    }

    fn warnings(&self) -> Vec<String> {
        let refusing = self.delivery.iter().chain(&self.notifier.lanes);
        let mut warnings: Vec<String> = refusing.map(lane).collect();
        if self.has_no_trail {
            warnings.push("no trail is defined: events are acknowledged and go nowhere; add [[trails]] to the configuration".into());
        }
        if self.foreign_objects > 0 {
            warnings.push(format!(
                "{} foreign objects hold names of log files; see the log for their keys",
                self.foreign_objects
            ));
        }
        for damage in &self.journal.forgotten {
            warnings.push(format!("{damage}; events of that batch are delivered, but would be recorded twice if they were sent again; remove the file"));
        }
        warnings
    }
}

fn lane(report: &LaneReport) -> String {
    let LaneReport { lane, items, bytes, last_error, .. } = report;
    let error = last_error.as_deref().unwrap_or("not tried since the start");
    format!(
        "{lane} refuses: {items} items of {bytes} bytes are parked and tried again; last error: {error}"
    )
}
