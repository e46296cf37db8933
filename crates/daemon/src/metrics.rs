//! Metrics, in the text format of OpenMetrics.
//!
//! Counters and gauges are read off a [`Snapshot`] when they are asked for; only what passes by is
//! counted here. [`Name`] names what is read off.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use model::event::Accepted;
use outbox::LaneReport;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::health::Snapshot;
use crate::http::Pressure;

/// Seconds of the buckets in which acknowledgements are counted.
const ACKNOWLEDGEMENT_BUCKETS: [f64; 12] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Member {
    member: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTrail {
    trail: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLane {
    lane: String,
}

/// The names of the gauges and counters that are read off a snapshot, with their help.
#[derive(Clone, Copy, Debug)]
enum Name {
    TrailRecorded,
    TrailUnselected,
    TrailDelivered,
    TrailWaiting,
    TrailFiles,
    TrailUnbalanced,
    JournalAgain,
    JournalFiles,
    JournalFilesMax,
    JournalSealed,
    JournalOpenEvents,
    JournalHalted,
    JournalDamaged,
    QueueCalls,
    QueueCallsMax,
    QueueBytes,
    QueueBytesMax,
    Connections,
    ConnectionsMax,
    Calls,
    CallsWaiting,
    CallBytes,
    CallBytesMax,
    Downloads,
    DownloadsMax,
    Tails,
    TailsMax,
    TailMissed,
    TailInboxBytes,
    SpillBytes,
    SpillItems,
    SpillSetAside,
    LaneFailures,
    ForeignObjects,
    NoticesPublished,
    NoticesParked,
    LogEventsSent,
    LogEventsSkipped,
    LogFilesGivenUp,
    DigestChains,
    DigestsWritten,
    DigestsListed,
    DigestsWaiting,
    HistoryRows,
    HistoryFiles,
    HistoryBytes,
    HistoryRecentRows,
    HistoryRecentBytes,
    HistoryDropped,
    HistoryBehind,
    HistoryMerges,
    HistoryMergedRows,
    HistoryExpiredRows,
    HistoryAbsentFiles,
}

impl Name {
    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Name::TrailRecorded => (
                "cairn_trail_recorded_events",
                "Events recorded while the trail was in force, since the start",
            ),
            Name::TrailUnselected => (
                "cairn_trail_unselected_events",
                "Of these, events that the trail's rules do not take",
            ),
            Name::TrailDelivered => {
                ("cairn_trail_delivered_events", "Of these, events in the trail's bucket")
            }
            Name::TrailWaiting => ("cairn_trail_waiting_events", "Of these, events on their way"),
            Name::TrailFiles => ("cairn_trail_files", "Log files that arrived since the start"),
            Name::TrailUnbalanced => (
                "cairn_trail_unbalanced",
                "1 when recorded is not unselected + delivered + waiting: something is lost or doubled",
            ),
            Name::JournalAgain => (
                "cairn_journal_duplicate_events",
                "Events recognised as sent again, since the start",
            ),
            Name::JournalFiles => ("cairn_journal_files", "Segment files, spares included"),
            Name::JournalFilesMax => {
                ("cairn_journal_files_max", "Segment files that the quota allows")
            }
            Name::JournalSealed => {
                ("cairn_journal_sealed_segments", "Sealed segments that wait for delivery")
            }
            Name::JournalOpenEvents => ("cairn_journal_open_events", "Events in the open segment"),
            Name::JournalHalted => ("cairn_journal_halted", "1 after a failed write or sync"),
            Name::JournalDamaged => {
                ("cairn_journal_damaged_files", "Damaged files, which are kept")
            }
            Name::QueueCalls => ("cairn_intake_queue_calls", "Calls that wait for the journal"),
            Name::QueueCallsMax => ("cairn_intake_queue_calls_max", "Calls that may wait"),
            Name::QueueBytes => ("cairn_intake_queue_bytes", "Bytes that wait for the journal"),
            Name::QueueBytesMax => ("cairn_intake_queue_bytes_max", "Bytes that may wait"),
            Name::Connections => ("cairn_connections", "Connections that are open"),
            Name::ConnectionsMax => (
                "cairn_connections_max",
                "Connections that may be open; a newcomer then closes the one that waits longest for a request",
            ),
            Name::Calls => ("cairn_calls", "Calls that come in, or wait for the journal"),
            Name::CallsWaiting => ("cairn_calls_waiting", "Of these, calls that wait for memory"),
            Name::CallBytes => ("cairn_call_bytes", "Memory that calls hold"),
            Name::CallBytesMax => ("cairn_call_bytes_max", "Memory that calls may hold"),
            Name::Downloads => ("cairn_downloads", "Downloads of the history that are under way"),
            Name::DownloadsMax => ("cairn_downloads_max", "Such downloads that may be"),
            Name::Tails => ("cairn_tails", "Readers that follow events live"),
            Name::TailsMax => ("cairn_tails_max", "Readers that may"),
            Name::TailMissed => (
                "cairn_tail_missed_events",
                "Events that such readers were too slow for, and were told so, since the start",
            ),
            Name::TailInboxBytes => (
                "cairn_tail_inbox_bytes",
                "Bytes of events that are still to be compared with the readers' filters",
            ),
            Name::SpillBytes => {
                ("cairn_parked_bytes", "Bytes parked for a destination that refuses")
            }
            Name::SpillItems => {
                ("cairn_parked_items", "Log files or notices parked for a destination that refuses")
            }
            Name::SpillSetAside => {
                ("cairn_parked_given_up_files", "Parked files that were given up and are kept")
            }
            Name::LaneFailures => (
                "cairn_destination_failures",
                "Tries that failed since the destination last took something",
            ),
            Name::ForeignObjects => (
                "cairn_foreign_objects",
                "Objects under the name of a log file or digest that Cairn did not put there",
            ),
            Name::NoticesPublished => {
                ("cairn_notices_published", "Notices that topics took, since the start")
            }
            Name::NoticesParked => {
                ("cairn_notices_parked", "Notices that were parked, since the start")
            }
            Name::LogEventsSent => {
                ("cairn_log_group_events_sent", "Records that log groups took, since the start")
            }
            Name::LogEventsSkipped => (
                "cairn_log_group_events_skipped",
                "Records larger than 256 KB, which log groups do not get, since the start",
            ),
            Name::LogFilesGivenUp => (
                "cairn_log_group_files_given_up",
                "Log files whose records log groups do not get, too many waiting, since the start",
            ),
            Name::DigestChains => {
                ("cairn_digest_chains", "Chains of digests: of a trail, an account and a Region")
            }
            Name::DigestsWritten => ("cairn_digests_written", "Digests written since the start"),
            Name::DigestsListed => {
                ("cairn_digest_log_files", "Log files that digests list, since the start")
            }
            Name::HistoryRows => ("cairn_history_rows", "Events in files of the history"),
            Name::HistoryFiles => ("cairn_history_files", "Files of the history"),
            Name::HistoryBytes => {
                ("cairn_history_bytes", "Size of the history's files and their indexes")
            }
            Name::HistoryRecentRows => {
                ("cairn_history_recent_rows", "Events that the history finds in memory")
            }
            Name::HistoryRecentBytes => {
                ("cairn_history_recent_bytes", "Memory that they take, about")
            }
            Name::HistoryDropped => (
                "cairn_history_dropped_batches",
                "Batches that left the memory for want of it and were found later, since the start",
            ),
            Name::HistoryBehind => (
                "cairn_history_batches_waiting",
                "Sealed batches that are in no file of the history yet",
            ),
            Name::HistoryMerges => {
                ("cairn_history_merges", "Merges of the history's files, since the start")
            }
            Name::HistoryMergedRows => {
                ("cairn_history_merged_rows", "Events that merges wrote, since the start")
            }
            Name::HistoryExpiredRows => (
                "cairn_history_expired_rows",
                "Events that were removed when their retention ended, since the start",
            ),
            Name::HistoryAbsentFiles => (
                "cairn_history_absent_files",
                "Files of the history that are set aside or can't be opened",
            ),
            Name::DigestsWaiting => (
                "cairn_digest_chains_waiting",
                "Chains whose digest could not be written, and is tried again",
            ),
        }
    }
}

/// What passes by and is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    acknowledgement_seconds: OptionalHistogram,
    refused_calls: Family<Reason, Counter>,
    refused_events: Family<Reason, Counter>,
    odd_members: Family<Member, Counter>,
    cut_members: Family<Member, Counter>,
    closed_connections: Family<Reason, Counter>,
}

#[derive(Debug)]
struct OptionalHistogram(Histogram);

impl Default for OptionalHistogram {
    fn default() -> OptionalHistogram {
        OptionalHistogram(Histogram::new(ACKNOWLEDGEMENT_BUCKETS))
    }
}

impl Metrics {
    /// A call was answered by the journal, or refused for a reason.
    pub fn acknowledged<T>(&self, taken: Duration, result: &Result<T, &'static str>) {
        match result {
            Ok(_) => self.acknowledgement_seconds.0.observe(taken.as_secs_f64()),
            Err(reason) => self.refused_call(reason),
        }
    }

    /// A call was refused for a reason.
    pub fn refused_call(&self, reason: &str) {
        self.refused_calls.get_or_create(&Reason { reason: reason.into() }).inc();
    }

    /// A connection was closed for a reason of this side's.
    pub fn closed_connection(&self, reason: &str) {
        self.closed_connections.get_or_create(&Reason { reason: reason.into() }).inc();
    }

    /// An event was refused.
    pub fn refused_event(&self, reason: &str) {
        self.refused_events.get_or_create(&Reason { reason: reason.into() }).inc();
    }

    /// An event was accepted, perhaps odd or cut.
    pub fn accepted(&self, accepted: &Accepted) {
        for oddity in &accepted.oddities {
            self.odd_members.get_or_create(&Member { member: oddity.member.into() }).inc();
        }
        for member in &accepted.cut {
            self.cut_members.get_or_create(&Member { member: (*member).into() }).inc();
        }
    }

    /// Everything, as text.
    #[must_use]
    pub fn encode(&self, snapshot: &Snapshot, pressure: &Pressure) -> String {
        let mut registry = Registry::default();
        self.register(&mut registry);
        trails(&mut registry, snapshot);
        journal(&mut registry, snapshot);
        incoming(&mut registry, snapshot, pressure);
        parked(&mut registry, snapshot);
        history(&mut registry, snapshot);
        let mut text = String::new();
        encode(&mut text, &registry).expect("writing to a string does not fail");
        text
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "cairn_acknowledgement_seconds",
            "Time from a call's events to their sync",
            self.acknowledgement_seconds.0.clone(),
        );
        registry.register(
            "cairn_refused_calls",
            "Calls that were refused for want of room, or by the journal",
            self.refused_calls.clone(),
        );
        registry.register(
            "cairn_refused_events",
            "Events that are no records",
            self.refused_events.clone(),
        );
        registry.register(
            "cairn_odd_members",
            "Odd members of records that were kept",
            self.odd_members.clone(),
        );
        registry.register(
            "cairn_cut_members",
            "Members cut to CloudTrail's limits",
            self.cut_members.clone(),
        );
        registry.register(
            "cairn_closed_connections",
            "Connections closed: to make room for newcomers, silent ones, newcomers when all are at work",
            self.closed_connections.clone(),
        );
    }
}

fn trails(registry: &mut Registry, snapshot: &Snapshot) {
    let balances = &snapshot.balances;
    let of_trail = |trail: &model::TrailArn| OfTrail { trail: trail.to_string() };
    family(registry, Name::TrailRecorded, balances.iter().map(|(t, b)| (of_trail(t), b.recorded)));
    family(
        registry,
        Name::TrailUnselected,
        balances.iter().map(|(t, b)| (of_trail(t), b.unselected)),
    );
    family(
        registry,
        Name::TrailDelivered,
        balances.iter().map(|(t, b)| (of_trail(t), b.delivered)),
    );
    family(registry, Name::TrailWaiting, balances.iter().map(|(t, b)| (of_trail(t), b.waiting)));
    family(
        registry,
        Name::TrailUnbalanced,
        balances.iter().map(|(t, b)| (of_trail(t), u64::from(!b.holds()))),
    );
    family(
        registry,
        Name::TrailFiles,
        snapshot.files.iter().map(|(t, files)| (of_trail(t), *files)),
    );
}

fn journal(registry: &mut Registry, snapshot: &Snapshot) {
    let journal = &snapshot.journal;
    let damaged = journal.damaged.len() + snapshot.pipeline.damaged.len();
    gauge(registry, Name::JournalAgain, journal.again);
    gauge(registry, Name::JournalFiles, journal.files as u64);
    gauge(registry, Name::JournalFilesMax, journal.files_max as u64);
    gauge(registry, Name::JournalSealed, journal.sealed.len() as u64);
    gauge(
        registry,
        Name::JournalOpenEvents,
        journal.open.as_ref().map_or(0, |(_, events)| *events),
    );
    gauge(registry, Name::JournalHalted, u64::from(journal.halted.is_some()));
    gauge(registry, Name::JournalDamaged, damaged as u64);
}

fn incoming(registry: &mut Registry, snapshot: &Snapshot, pressure: &Pressure) {
    gauge(registry, Name::TailMissed, pressure.tails.missed);
    for (name, value) in [
        (Name::Downloads, pressure.downloads.0),
        (Name::DownloadsMax, pressure.downloads.1),
        (Name::Tails, pressure.tails.tails),
        (Name::TailsMax, pressure.tails.tails_max),
        (Name::TailInboxBytes, pressure.tails.inbox_bytes),
        (Name::QueueCalls, snapshot.queue.calls),
        (Name::QueueCallsMax, snapshot.queue.calls_max),
        (Name::QueueBytes, snapshot.queue.bytes),
        (Name::QueueBytesMax, snapshot.queue.bytes_max),
        (Name::Connections, pressure.connections.0),
        (Name::ConnectionsMax, pressure.connections.1),
        (Name::Calls, pressure.room.calls),
        (Name::CallsWaiting, pressure.room.waiting),
        (Name::CallBytes, pressure.room.bytes),
        (Name::CallBytesMax, pressure.room.bytes_max),
    ] {
        gauge(registry, name, value as u64);
    }
}

fn parked(registry: &mut Registry, snapshot: &Snapshot) {
    let lanes = snapshot.delivery.iter().chain(&snapshot.notifier.lanes);
    let lanes: Vec<&LaneReport> = lanes.chain(&snapshot.logs.lanes).collect();
    let of_lane = |report: &LaneReport| OfLane { lane: report.lane.clone() };
    family(registry, Name::SpillBytes, lanes.iter().map(|lane| (of_lane(lane), lane.bytes)));
    family(registry, Name::SpillItems, lanes.iter().map(|lane| (of_lane(lane), lane.items)));
    family(
        registry,
        Name::LaneFailures,
        lanes.iter().map(|lane| (of_lane(lane), u64::from(lane.failures))),
    );
    gauge(registry, Name::SpillSetAside, snapshot.set_aside.len() as u64);
    let foreign_objects = snapshot.foreign_objects + snapshot.digests.foreign_objects;
    gauge(registry, Name::ForeignObjects, foreign_objects);
    gauge(registry, Name::NoticesPublished, snapshot.notifier.published);
    gauge(registry, Name::NoticesParked, snapshot.notifier.parked);
    gauge(registry, Name::LogEventsSent, snapshot.logs.sent);
    gauge(registry, Name::LogEventsSkipped, snapshot.logs.skipped);
    gauge(registry, Name::LogFilesGivenUp, snapshot.logs.given_up);
    gauge(registry, Name::DigestChains, snapshot.digests.chains as u64);
    gauge(registry, Name::DigestsWritten, snapshot.digests.written);
    gauge(registry, Name::DigestsListed, snapshot.digests.listed);
    gauge(registry, Name::DigestsWaiting, snapshot.digests.refused.len() as u64);
}

fn history(registry: &mut Registry, snapshot: &Snapshot) {
    let report = &snapshot.history;
    for (name, value) in [
        (Name::HistoryRows, report.rows),
        (Name::HistoryFiles, report.files as u64),
        (Name::HistoryBytes, report.bytes),
        (Name::HistoryRecentRows, report.recent_rows),
        (Name::HistoryRecentBytes, report.recent_bytes),
        (Name::HistoryDropped, report.dropped),
        (Name::HistoryBehind, snapshot.history_behind),
        (Name::HistoryMerges, report.merges),
        (Name::HistoryMergedRows, report.merged_rows),
        (Name::HistoryExpiredRows, report.expired_rows),
        (Name::HistoryAbsentFiles, (report.lost.len() + report.unopened.len()) as u64),
    ] {
        gauge(registry, name, value);
    }
}

fn family<L>(registry: &mut Registry, name: Name, values: impl Iterator<Item = (L, u64)>)
where
    L: EncodeLabelSet + Clone + std::hash::Hash + Eq + std::fmt::Debug + Send + Sync + 'static,
{
    let family = Family::<L, Gauge<u64, AtomicU64>>::default();
    for (labels, value) in values {
        family.get_or_create(&labels).set(value);
    }
    let (name, help) = name.parts();
    registry.register(name, help, family);
}

fn gauge(registry: &mut Registry, name: Name, value: u64) {
    let gauge = Gauge::<u64, AtomicU64>::default();
    gauge.set(value);
    let (name, help) = name.parts();
    registry.register(name, help, gauge);
}
