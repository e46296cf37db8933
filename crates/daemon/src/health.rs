//! What the daemon knows of its own state, and what an operator is told of it.

use std::collections::{BTreeMap, BTreeSet};

use delivery::DigestsReport;
use model::TrailArn;
use notifier::NotifierReport;
use notifier::logs::LogsReport;
use outbox::LaneReport;
use producer::{JournalState, QueueState};
use serde::Serialize;

use crate::advice::advice;
use crate::ledger::Balance;
use crate::pipeline::PipelineState;
use crate::roster::RosterState;

/// One look at everything that health and metrics report.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The journal.
    pub journal: JournalState,
    /// Whether no trail is defined.
    pub has_no_trail: bool,
    /// Who may call.
    pub roster: RosterState,
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
    /// Parked log files and notices that were given up: their paths in the data directory.
    pub set_aside: Vec<String>,
    /// Objects met under a derived name that Cairn did not put there.
    pub foreign_objects: u64,
    /// Topics that refuse, and what is parked for them.
    pub notifier: NotifierReport,
    /// Log groups that refuse, and what waits for them.
    pub logs: LogsReport,
    /// The digests.
    pub digests: DigestsReport,
    /// The history of events.
    pub history: history::Report,
    /// Sealed batches that are in no file of the history.
    pub history_behind: u64,
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

/// What kind of trouble keeps events from being recorded or delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    Halted,
    Damaged,
    Full,
    Stuck,
    GivenUp,
}

/// Tells the log when trouble comes and when it has gone.
#[derive(Debug, Default)]
pub struct Watch {
    known: BTreeSet<Trouble>,
}

impl Watch {
    /// Logs what is new since the last look.
    pub fn log(&mut self, snapshot: &Snapshot) {
        let problems = snapshot.problems();
        for (trouble, problem) in &problems {
            if !self.known.contains(trouble) {
                tracing::error!(problem, "cairn is not ready");
            }
        }
        let was_ready = self.known.is_empty();
        self.known = problems.into_iter().map(|(trouble, _)| trouble).collect();
        if self.known.is_empty() && !was_ready {
            tracing::info!("cairn is ready again");
        }
    }
}

impl Snapshot {
    /// The judgement.
    #[must_use]
    pub fn health(&self) -> Health {
        let problems: Vec<String> =
            self.problems().into_iter().map(|(_, problem)| problem).collect();
        let status = if problems.is_empty() { "ready" } else { "not ready" };
        Health { status, problems, warnings: self.warnings() }
    }

    fn problems(&self) -> Vec<(Trouble, String)> {
        let mut problems = Vec::new();
        if let Some(reason) = &self.journal.halted {
            problems.push((Trouble::Halted, format!("the journal is halted ({reason}) and no event is recorded; check the disk, then restart cairn: what is on disk is recovered")));
        }
        let damage = self.journal.damaged.iter().map(ToString::to_string);
        for damage in damage.chain(self.pipeline.damaged.values().cloned()) {
            problems.push((Trouble::Damaged, format!("{damage}; the file is kept and its events are not delivered; check the disk, stop cairn, restore the file from a backup, or move it out of the data directory (then see `cairn salvage --help`), and start cairn")));
        }
        if let Some(reason) = &self.journal.full {
            problems.push((Trouble::Full, format!("the journal refuses events: {reason}; see the warnings for what does not take log files, free the disk, or raise journal.quota; cairn goes on by itself")));
        }
        if let Some((batch, reason)) = self.pipeline.stuck.iter().next() {
            let more = self.pipeline.stuck.len() - 1;
            problems.push((Trouble::Stuck, format!("batch {batch} and {more} more wait: {reason}; free or mend the disk of the data directory, or raise delivery.spill_max where a lane is full; cairn goes on by itself")));
        }
        if !self.set_aside.is_empty() {
            let files = self.set_aside.join(", ");
            problems.push((Trouble::GivenUp, format!("parked files were given up, damaged or refused for too long, and are kept: {files}; stop cairn, restore a damaged one from a backup under its name without .damaged and remove the damaged one, rename one without .expired to have it tried again, or move it out of the data directory, which gives its events up (sent again they still count as recorded), and start cairn")));
        }
        problems
    }

    fn warnings(&self) -> Vec<String> {
        let refusing = self.delivery.iter().chain(&self.notifier.lanes).chain(&self.logs.lanes);
        let mut warnings: Vec<String> = refusing.map(lane).collect();
        if self.has_no_trail {
            warnings.push("no trail is defined: events are acknowledged and go nowhere; add [[trails]] to the configuration".into());
        }
        if self.roster.is_empty {
            warnings.push("no account exists: every call is refused; create one with `cairn account create 111122223333`, and an access key with `cairn account create-key 111122223333`".into());
        }
        if let Some(trouble) = &self.roster.trouble {
            warnings.push(format!(
                "the accounts cannot be read, and those read before hold: {trouble}"
            ));
        }
        let foreign_objects = self.foreign_objects + self.digests.foreign_objects;
        if foreign_objects > 0 {
            warnings.push(format!(
                "{foreign_objects} foreign objects hold names of log files or digests; see the log for their keys, and who may write to the bucket"
            ));
        }
        if self.logs.given_up > 0 {
            warnings.push(format!(
                "the records of {} log files are not sent to their log groups: too many waited; they are in their buckets, and the log names them; mend the log group or its role",
                self.logs.given_up
            ));
        }
        if let Some(first) = self.digests.refused.iter().min_by_key(|refused| refused.since) {
            let (chains, id) = (self.digests.refused.len(), &first.id);
            warnings.push(format!(
                "digests of {chains} chains wait, the first since {}: {}, account {}, Region {}: {}; they follow in order when this is mended; run `cairn doctor --config FILE`",
                first.since, id.trail, id.account, id.region, first.error
            ));
        }
        for trail in &self.digests.given_up {
            warnings.push(format!(
                "the last digests of {trail} were given up: its bucket refused them for too long after the trail was stopped or validated no more; mend the bucket, and start the trail again for new ones"
            ));
        }
        if let Some(ahead) = self.digests.ahead {
            warnings.push(format!(
                "digests reach to {ahead}, which is ahead of the clock: one of both was wrong; none follow until then, and their log files wait; set the clock right if it is behind"
            ));
        }
        for file in &self.digests.damaged {
            warnings.push(match file.starts_with(delivery::digests::DIRECTORY) {
                true => format!("{file} is damaged: no digests are written of its chain, and its receipts wait; stop cairn, restore it from a backup or move it away (then the chain begins anew), and start cairn"),
                false => format!("{file} is damaged: the log files that it tells of are delivered, but will be in no digest; stop cairn, move it out of the data directory, and start cairn; `cairn validate` names the log files"),
            });
        }
        warnings.extend(history_warnings(&self.history));
        for damage in &self.journal.forgotten {
            warnings.push(format!("{damage}; events of that batch are delivered, but would be recorded twice if they were sent again; remove the file and restart cairn"));
        }
        warnings
    }
}

/// What events are not found, and why. They are recorded and delivered all the same.
fn history_warnings(report: &history::Report) -> Vec<String> {
    let mut warnings = Vec::new();
    for lost in &report.lost {
        let (rows, reason, kept) = (lost.file.rows, &lost.reason, lost.path());
        let (from, to) = (lost.file.oldest.time, lost.file.newest.time);
        warnings.push(format!(
            "{rows} events of the history from {from} to {to} are lost: {reason}; `cairn import s3://BUCKET` fetches them from the trails' buckets; then remove {kept}"
        ));
    }
    if let Some((path, reason)) = report.unopened.first() {
        let more = report.unopened.len() - 1;
        warnings.push(format!(
            "the history file {path} and {more} more can't be opened ({reason}): their events are not found; mend the disk of the data directory; cairn goes on by itself"
        ));
    }
    if let Some(reason) = &report.trouble {
        warnings.push(format!(
            "files of the history are neither merged nor removed: {reason}; free or mend the disk of the data directory; cairn goes on by itself"
        ));
    }
    if let Some(today) = report.doubts {
        warnings.push(format!(
            "the clock leapt ahead: events of the history grow old by {today} and not by the clock, until it has stayed there for a day; set the clock right"
        ));
    }
    warnings
}

fn lane(report: &LaneReport) -> String {
    let LaneReport { lane, items, bytes, last_error, failures, refusing_since, .. } = report;
    let Some((error, since)) = last_error.as_ref().zip(*refusing_since) else {
        return format!(
            "{lane} was not tried since the start: {items} items of {bytes} bytes are parked and will be"
        );
    };
    let advice = advice(error)
        .unwrap_or("run `cairn doctor --config FILE`, which prints the permission that is missing");
    format!(
        "{lane} refuses since {since}, {failures} times: {items} items of {bytes} bytes are parked and tried again; last error: {error}; {advice}"
    )
}

#[cfg(test)]
mod tests {
    use delivery::digests::RefusedChain;
    use model::Timestamp;
    use producer::{Damage, QueueState};

    use super::*;

    const PAGE: &str = include_str!("../../../deploy/README.md");

    fn lane(error: Option<&str>) -> LaneReport {
        LaneReport {
            lane: "arn:aws:cloudtrail:eu-west-1:111111111111:trail/one bucket".into(),
            items: 3,
            bytes: 1000,
            parked_since: None,
            refusing_since: error.map(|_| Timestamp::EPOCH),
            failures: 4,
            last_error: error.map(str::to_owned),
            next_try: None,
        }
    }

    fn damage(file: &str) -> Damage {
        Damage { file: file.into(), offset: 77, reason: "a reason".into() }
    }

    fn worst_digests() -> DigestsReport {
        let trail: TrailArn =
            "arn:aws:cloudtrail:eu-west-1:111111111111:trail/one".parse().unwrap();
        let id = model::ChainId {
            trail: trail.clone(),
            organization: None,
            account: "222222222222".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let refused =
            RefusedChain { id, since: Timestamp::EPOCH, error: "AccessDenied: no".into() };
        let damaged = vec!["receipts/0000000000000007".into(), "digests/12.json".into()];
        let ahead = Some(Timestamp::EPOCH);
        let (refused, given_up) = (vec![refused], vec![trail]);
        DigestsReport { refused, ahead, given_up, damaged, ..DigestsReport::default() }
    }

    /// Everything at once.
    fn worst() -> Snapshot {
        let journal = JournalState {
            halted: Some("a reason".into()),
            full: Some("a reason".into()),
            damaged: vec![damage("journal/1.segment")],
            forgotten: vec![damage("journal/2.ids")],
            ..JournalState::default()
        };
        let mut pipeline = PipelineState::default();
        pipeline.stuck.insert(model::BatchId(3), "a reason".into());
        Snapshot {
            journal,
            has_no_trail: true,
            roster: RosterState {
                is_empty: true,
                trouble: Some("accounts.json is damaged; restore it".into()),
            },
            queue: QueueState::default(),
            pipeline,
            balances: BTreeMap::new(),
            files: BTreeMap::new(),
            delivery: vec![lane(Some("AccessDenied: no")), lane(None)],
            set_aside: vec!["spill/1.damaged".into(), "notices/2.expired".into()],
            foreign_objects: 1,
            notifier: NotifierReport::default(),
            logs: LogsReport { given_up: 2, ..LogsReport::default() },
            digests: worst_digests(),
            history: worst_history(),
            history_behind: 1,
        }
    }

    fn worst_history() -> history::Report {
        let sequence = history::Sequence { batch: model::BatchId(1), index: 0 };
        let position = history::Position { time: Timestamp::EPOCH, sequence };
        let file = history::FileInfo {
            id: history::FileId(7),
            rows: 5,
            newest: position,
            oldest: position,
            bytes: 9,
            tail: history::Tail::default(),
        };
        let lost = history::manifest::Lost { file, reason: "a reason".into() };
        history::Report {
            lost: vec![lost],
            unopened: vec![("history/8.parquet".into(), "a reason".into())],
            trouble: Some("a reason".into()),
            doubts: Some(Timestamp::EPOCH),
            ..history::Report::default()
        }
    }

    #[test]
    fn everything_that_health_says_names_the_thing_and_what_to_do() {
        let health = worst().health();
        assert!(!health.is_ready());
        let said = [health.problems, health.warnings].concat();
        let expected = [
            ("the journal is halted (a reason)", "restart cairn"),
            ("journal/1.segment is damaged at byte 77: a reason", "cairn salvage --help"),
            ("the journal refuses events: a reason", "free the disk"),
            ("batch 0000000000000003 and 0 more wait: a reason", "free or mend the disk"),
            ("are kept: spill/1.damaged, notices/2.expired", "without .expired"),
            (
                "trail/one bucket refuses since 1970-01-01T00:00:00Z, 4 times: 3 items of 1000 bytes",
                "`cairn doctor --config FILE`",
            ),
            ("trail/one bucket was not tried since the start", "will be"),
            ("no trail is defined", "add [[trails]]"),
            ("no account exists", "cairn account create"),
            ("the accounts cannot be read", "restore it"),
            ("1 foreign objects hold names of log files or digests", "who may write to the bucket"),
            ("2 log files are not sent to their log groups", "mend the log group or its role"),
            ("digests of 1 chains wait, the first since 1970-01-01T00:00:00Z", "run `cairn doctor"),
            ("the last digests of arn:aws:cloudtrail:", "mend the bucket"),
            ("digests reach to 1970-01-01T00:00:00Z", "set the clock right"),
            ("receipts/0000000000000007 is damaged", "`cairn validate` names the log files"),
            ("digests/12.json is damaged", "restore it from a backup"),
            (
                "5 events of the history from 1970-01-01T00:00:00Z to 1970-01-01T00:00:00Z are lost: a reason",
                "then remove history/0000000000000007.parquet.damaged",
            ),
            (
                "the history file history/8.parquet and 0 more can't be opened (a reason)",
                "mend the disk",
            ),
            (
                "files of the history are neither merged nor removed: a reason",
                "free or mend the disk",
            ),
            ("the clock leapt ahead", "set the clock right"),
            ("journal/2.ids is damaged at byte 77: a reason", "remove the file"),
        ];
        assert_eq!(said.len(), expected.len(), "{said:#?}");
        for (said, (thing, fix)) in said.iter().zip(expected) {
            assert!(said.contains(thing) && said.contains(fix), "{thing} … {fix}: {said}");
        }
    }

    #[test]
    fn the_page_for_operators_explains_everything_that_health_says() {
        let health = worst().health();
        let phrases = [
            "the journal is halted",
            "is damaged at byte",
            "the journal refuses events",
            "wait: ",
            "parked files were given up",
            "refuses since",
            "was not tried since the start",
            "no trail is defined",
            "no account exists",
            "the accounts cannot be read",
            "foreign objects hold names of log files",
            "not sent to their log groups",
            "chains wait",
            "were given up: its bucket refused them",
            "is ahead of the clock",
            "is damaged: the log files that it tells of",
            "is damaged: no digests are written of its chain",
            "events of the history from",
            "can't be opened",
            "neither merged nor removed",
            "the clock leapt ahead",
            ".ids is damaged",
        ];
        for (said, phrase) in health.problems.iter().chain(&health.warnings).zip(phrases) {
            assert!(said.contains(phrase), "{phrase}: {said}");
            assert!(PAGE.contains(phrase), "deploy/README.md does not explain this: {said}");
        }
    }
}
