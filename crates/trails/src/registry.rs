//! The registry: the definitions of trails, channels and accounts, durable in one file.
//!
//! A change is durable before anybody sees it: [`Registry::apply`] writes the new file, and only
//! then gives out the new snapshot. The file is JSON, replaced as a whole; its `version` grows with
//! each change of the trails.
//!
//! What always holds: a [`TrailSet`] that was given out never changes; the file holds the newest
//! one, or, after a crash in the middle of a change, the one before. Where a change failed, the file
//! is set right first of all: what was refused must not come into force at the next start.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use disk::document::DocumentError;
use disk::{Disk, document};
use model::{Timestamp, TrailArn};
use serde::{Deserialize, Serialize};

use crate::definitions::{Definitions, LoggingTimes, TrailDefinition};
use crate::trail::{InvalidTrail, Trail};
use crate::trail_set::TrailSet;

/// The registry's file, in the data directory.
pub const FILE: &str = "trails.json";
const FORMAT: u32 = 3;
/// The first format had the state's members beside `format`, and no checksum.
const FORMAT_WITHOUT_CHECKSUM: u32 = 1;

/// What a change did, for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Trails that were not there before.
    pub added: Vec<TrailArn>,
    /// Trails that are no longer what they were.
    pub changed: Vec<TrailArn>,
    /// Trails that are gone.
    pub removed: Vec<TrailArn>,
    /// Whether the organization, the accounts or the channels changed.
    pub others: bool,
}

/// Why the registry could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The disk refused.
    #[error("{FILE}: {0}")]
    Disk(#[from] io::Error),
    /// The file is not what this version writes; it is left as it is.
    #[error(
        "{FILE} is unreadable ({0}); restore it from a backup, or move it away to start from the configuration"
    )]
    Unreadable(serde_json::Error),
    /// The file is not what was written; it is left as it is.
    #[error(
        "{FILE} is damaged (its checksum does not match); restore it from a backup, or move it away to start from the configuration"
    )]
    Damaged,
    /// The file was written by a newer version.
    #[error("{FILE} has format {0}, this version reads format {FORMAT}; start the newer version")]
    Newer(u32),
    /// Two trails of one account and Region have one name.
    #[error("trail {0} is defined twice")]
    Twice(TrailArn),
    /// A trail contradicts CloudTrail's rules.
    #[error("trail {0}: {1}")]
    Trail(TrailArn, Box<InvalidTrail>),
    /// An organization trail without an organization, or of another account than its manager.
    #[error(
        "trail {0} is an organization trail, which only the management account of a defined organization owns"
    )]
    NoOrganization(TrailArn),
}

impl From<DocumentError> for RegistryError {
    fn from(error: DocumentError) -> RegistryError {
        match error {
            DocumentError::Disk(error) => RegistryError::Disk(error),
            DocumentError::Unreadable(error) => RegistryError::Unreadable(error),
            DocumentError::Damaged => RegistryError::Damaged,
            DocumentError::Newer { found, .. } => RegistryError::Newer(found),
        }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    version: u64,
    definitions: Definitions,
    /// Where formats 1 and 2 had what is part of the definitions now.
    #[serde(default, skip_serializing)]
    logging: BTreeMap<TrailArn, LoggingTimes>,
}

impl State {
    fn to_bytes(&self) -> Vec<u8> {
        document::to_bytes(FORMAT, self)
    }
}

/// The registry; one writer.
#[derive(Debug)]
pub struct Registry {
    disk: Arc<dyn Disk>,
    state: State,
    snapshot: Arc<TrailSet>,
    /// Whether the file may hold something else than `state`: a change of it failed.
    is_in_doubt: bool,
}

impl Registry {
    /// Reads the registry; one that does not exist yet is empty.
    pub fn open(disk: Arc<dyn Disk>) -> Result<Registry, RegistryError> {
        let state = load(&*disk)?;
        let snapshot = Arc::new(state.definitions.trail_set(state.version));
        Ok(Registry { disk, state, snapshot, is_in_doubt: false })
    }

    /// Makes the definitions those given: durable when it returns. `now` is when logging of new
    /// trails starts and of others stops.
    pub fn apply(
        &mut self,
        mut definitions: Definitions,
        now: Timestamp,
    ) -> Result<Changes, RegistryError> {
        check(&definitions)?;
        if self.is_in_doubt {
            self.settle()?;
        }
        let changes = difference(&self.state.definitions, &definitions);
        if changes == Changes::default() {
            return Ok(changes);
        }
        definitions.logging = logging_times(&self.state.definitions, &definitions, now);
        let version = self.state.version + 1;
        let state = State { version, definitions, logging: BTreeMap::new() };
        if let Err(error) = disk::replace(&*self.disk, FILE, &state.to_bytes()) {
            self.is_in_doubt = true;
            // The caller learns the first failure. While this fails too, no change is made.
            let _ = self.settle();
            return Err(error.into());
        }
        self.snapshot = Arc::new(state.definitions.trail_set(state.version));
        self.state = state;
        Ok(changes)
    }

    /// Makes the file hold what memory does, durably, after a change of it failed.
    fn settle(&mut self) -> Result<(), RegistryError> {
        if load(&*self.disk)?.version != self.state.version {
            disk::replace(&*self.disk, FILE, &self.state.to_bytes())?;
        }
        self.is_in_doubt = false;
        Ok(())
    }

    /// The trails in force.
    #[must_use]
    pub fn snapshot(&self) -> Arc<TrailSet> {
        Arc::clone(&self.snapshot)
    }

    /// The definitions in force.
    #[must_use]
    pub fn definitions(&self) -> &Definitions {
        &self.state.definitions
    }
}

/// The definitions that the registry's file holds, for those who only look.
pub fn read(bytes: &[u8]) -> Result<Definitions, RegistryError> {
    Ok(parse(bytes)?.definitions)
}

/// What the file holds, durably; nothing where there is none.
fn load(disk: &dyn Disk) -> Result<State, RegistryError> {
    let bytes = match disk::read(disk, FILE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::default()),
        Err(error) => return Err(error.into()),
    };
    let state = parse(&bytes)?;
    // It may not be durable: a process that was killed did not see it become so, nor did a change
    // that failed. Events must not be recorded under trails that power loss takes back, or a version
    // would come twice.
    disk.sync_directory("")?;
    Ok(state)
}

fn parse(bytes: &[u8]) -> Result<State, RegistryError> {
    let mut state = parse_as_stored(bytes)?;
    state.definitions.logging.append(&mut state.logging);
    Ok(state)
}

fn parse_as_stored(bytes: &[u8]) -> Result<State, RegistryError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format } = serde_json::from_slice(bytes).map_err(RegistryError::Unreadable)?;
    if format == FORMAT_WITHOUT_CHECKSUM {
        return serde_json::from_slice(bytes).map_err(RegistryError::Unreadable);
    }
    Ok(document::from_bytes(bytes, FORMAT)?)
}

fn check(definitions: &Definitions) -> Result<(), RegistryError> {
    let by_arn = by_arn(definitions);
    if by_arn.len() < definitions.trails.len() {
        let mut arns: Vec<&TrailArn> =
            definitions.trails.iter().map(|one| &one.trail.arn).collect();
        arns.sort();
        let twice = arns.windows(2).find(|pair| pair[0] == pair[1]).expect("one was counted twice");
        return Err(RegistryError::Twice(twice[0].clone()));
    }
    let manager =
        definitions.organization.as_ref().map(|organization| &organization.management_account);
    for TrailDefinition { trail, .. } in &definitions.trails {
        trail.check().map_err(|error| RegistryError::Trail(trail.arn.clone(), error.into()))?;
        if trail.is_organization && manager != Some(&trail.arn.account) {
            return Err(RegistryError::NoOrganization(trail.arn.clone()));
        }
    }
    Ok(())
}

fn by_arn(definitions: &Definitions) -> BTreeMap<&TrailArn, &TrailDefinition> {
    definitions.trails.iter().map(|one| (&one.trail.arn, one)).collect()
}

fn difference(before: &Definitions, after: &Definitions) -> Changes {
    let (old, new) = (by_arn(before), by_arn(after));
    let others = before.accounts != after.accounts
        || before.organization != after.organization
        || before.delegated_administrators != after.delegated_administrators
        || before.channels != after.channels;
    type ByArn<'a> = BTreeMap<&'a TrailArn, &'a TrailDefinition>;
    let only_in = |these: &ByArn<'_>, those: &ByArn<'_>| {
        these.keys().filter(|arn| !those.contains_key(*arn)).map(|arn| (*arn).clone()).collect()
    };
    let is_changed = |arn: &&TrailArn| old.get(*arn).is_some_and(|one| *one != new[*arn]);
    Changes {
        added: only_in(&new, &old),
        changed: new.keys().copied().filter(is_changed).cloned().collect(),
        removed: only_in(&old, &new),
        others,
    }
}

fn logging_times(
    before: &Definitions,
    after: &Definitions,
    now: Timestamp,
) -> BTreeMap<TrailArn, LoggingTimes> {
    let was_logging = by_arn(before);
    let times = |trail: &Trail| {
        let was = was_logging.get(&trail.arn).is_some_and(|old| old.trail.is_logging);
        let mut times = before.logging.get(&trail.arn).copied().unwrap_or_default();
        match (was, trail.is_logging) {
            (false, true) => times.started = Some(now),
            (true, false) => times.stopped = Some(now),
            _ => {}
        }
        (trail.arn.clone(), times)
    };
    let is_told = |(_, times): &(TrailArn, LoggingTimes)| *times != LoggingTimes::default();
    after.trails.iter().map(|one| times(&one.trail)).filter(is_told).collect()
}

#[cfg(test)]
mod tests {
    use disk::SimulatedDisk;
    use disk::simulated::{Fault, Operation};

    use super::*;

    fn trail(name: &str) -> Trail {
        let arn = format!("arn:aws:cloudtrail:eu-west-1:111111111111:trail/{name}");
        let trail = Trail::new(arn.parse().unwrap(), "bucket".parse().unwrap());
        Trail { is_multi_region: true, ..trail }
    }

    fn definitions(trails: &[Trail]) -> Definitions {
        let trails = trails.iter().cloned().map(TrailDefinition::from).collect();
        Definitions { trails, ..Definitions::default() }
    }

    fn names(arns: &[TrailArn]) -> Vec<&str> {
        arns.iter().map(|arn| arn.name.as_str()).collect()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn definitions_survive_a_restart_and_snapshots_do_not_change() {
        let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::default());
        let mut registry = Registry::open(Arc::clone(&disk)).unwrap();
        let empty = registry.snapshot();
        let changes = registry.apply(definitions(&[trail("one"), trail("two")]), at(1)).unwrap();
        assert_eq!(names(&changes.added), ["one", "two"]);
        let first = registry.snapshot();
        let moved = Trail { bucket: "elsewhere".parse().unwrap(), ..trail("two") };
        let changes = registry.apply(definitions(&[moved, trail("three")]), at(2)).unwrap();
        assert_eq!(names(&changes.added), ["three"]);
        assert_eq!(names(&changes.changed), ["two"]);
        assert_eq!(names(&changes.removed), ["one"]);
        assert!(empty.trails.is_empty());
        assert_eq!((first.version, first.trails.len()), (1, 2));

        let reopened = Registry::open(disk).unwrap();
        assert_eq!(reopened.snapshot(), registry.snapshot());
        assert_eq!(reopened.snapshot().version, 2);
    }

    #[test]
    fn what_is_found_after_a_kill_survives_power_loss() {
        let disk = SimulatedDisk::default();
        let mut registry = Registry::open(Arc::new(disk.process())).unwrap();
        registry.apply(definitions(&[trail("one")]), at(1)).unwrap();
        // Killed before its last operation, the sync of the directory.
        disk.stop_after(5);
        registry.apply(definitions(&[trail("two")]), at(2)).unwrap_err();
        disk.crash_process();
        let found = Registry::open(Arc::new(disk.clone())).unwrap().snapshot();
        assert_eq!(found.trails[0].arn.name.as_str(), "two");
        disk.lose_power(&mut |_| 0);
        assert_eq!(Registry::open(Arc::new(disk)).unwrap().snapshot(), found);
    }

    #[test]
    fn a_refused_change_does_not_come_into_force_at_the_next_start() {
        let disk = SimulatedDisk::default();
        let mut registry = Registry::open(Arc::new(disk.clone())).unwrap();
        registry.apply(definitions(&[trail("one")]), at(1)).unwrap();
        let former = registry.snapshot();
        disk.fail(Fault::once(Operation::SyncDirectory));
        registry.apply(definitions(&[trail("two")]), at(2)).unwrap_err();
        assert_eq!(registry.snapshot(), former);
        assert_eq!(Registry::open(Arc::new(disk)).unwrap().snapshot(), former);
    }

    #[test]
    fn while_the_file_cannot_be_set_right_nothing_is_said_to_be_done() {
        let disk = SimulatedDisk::default();
        let mut registry = Registry::open(Arc::new(disk.clone())).unwrap();
        registry.apply(definitions(&[trail("one")]), at(1)).unwrap();
        disk.fail(Fault::forever(Operation::SyncDirectory));
        registry.apply(definitions(&[trail("two")]), at(2)).unwrap_err();
        // What memory has already: the file may hold something else.
        registry.apply(definitions(&[trail("one")]), at(3)).unwrap_err();
        disk.heal();
        registry.apply(definitions(&[trail("one")]), at(4)).unwrap();
        disk.lose_power(&mut |_| 0);
        let found = Registry::open(Arc::new(disk)).unwrap().snapshot();
        assert_eq!(found, registry.snapshot());
    }

    #[test]
    fn the_same_definitions_change_nothing() {
        let mut registry = Registry::open(Arc::new(SimulatedDisk::default())).unwrap();
        registry.apply(definitions(&[trail("one")]), at(1)).unwrap();
        assert_eq!(
            registry.apply(definitions(&[trail("one")]), at(9)).unwrap(),
            Changes::default()
        );
        assert_eq!(registry.snapshot().version, 1);
        assert_eq!(registry.definitions().logging[&trail("one").arn].started, Some(at(1)));
    }

    #[test]
    fn stopping_a_trail_keeps_when_it_was_started() {
        let mut registry = Registry::open(Arc::new(SimulatedDisk::default())).unwrap();
        registry.apply(definitions(&[trail("one")]), at(1)).unwrap();
        let stopped = Trail { is_logging: false, ..trail("one") };
        registry.apply(definitions(&[stopped]), at(5)).unwrap();
        let times = registry.definitions().logging[&trail("one").arn];
        assert_eq!((times.started, times.stopped), (Some(at(1)), Some(at(5))));
    }

    #[test]
    fn what_cloudtrail_refuses_is_refused_and_nothing_changes() {
        let mut registry = Registry::open(Arc::new(SimulatedDisk::default())).unwrap();
        let fifo = Trail {
            topic: Some("arn:aws:sns:eu-west-1:111111111111:t.fifo".parse().unwrap()),
            ..trail("one")
        };
        let no_global = Trail { include_global_service_events: false, ..trail("one") };
        let orphan = Trail { is_organization: true, ..trail("one") };
        for (trails, message) in [
            (vec![trail("one"), trail("one")], "defined twice"),
            (vec![fifo], "FIFO"),
            (vec![no_global], "Multi-Region trail must include global service events."),
            (vec![orphan], "organization"),
        ] {
            let error = registry.apply(definitions(&trails), at(1)).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
        assert_eq!(registry.snapshot().version, 0);
    }

    #[test]
    fn a_flipped_bit_is_noticed_or_changes_nothing() {
        let disk = SimulatedDisk::default();
        let mut registry = Registry::open(Arc::new(disk.clone())).unwrap();
        let two = Trail { kms_key: Some("key".into()), ..trail("two") };
        registry.apply(definitions(&[trail("one"), two]), at(1)).unwrap();
        for bit in 0..disk::read(&disk, FILE).unwrap().len() as u64 * 8 {
            disk.flip_bit(FILE, bit).unwrap();
            if let Ok(found) = Registry::open(Arc::new(disk.clone())) {
                assert_eq!(found.snapshot(), registry.snapshot(), "bit {bit}");
                assert_eq!(found.definitions(), registry.definitions(), "bit {bit}");
            }
            disk.flip_bit(FILE, bit).unwrap();
        }
    }

    #[test]
    fn a_file_of_the_first_format_is_read() {
        let disk = SimulatedDisk::default();
        let mut registry = Registry::open(Arc::new(disk.clone())).unwrap();
        registry.apply(definitions(&[trail("one")]), at(1)).unwrap();
        let mut state = serde_json::to_value(&registry.state).unwrap();
        state["format"] = 1.into();
        disk::replace(&disk, FILE, state.to_string().as_bytes()).unwrap();
        let found = Registry::open(Arc::new(disk)).unwrap();
        assert_eq!(found.snapshot(), registry.snapshot());
    }

    #[test]
    fn a_member_that_only_a_later_version_knows_is_no_damage() {
        let disk = SimulatedDisk::default();
        let state = r#"{"version":4,"definitions":{"accounts":[],"organization":null,"trails":[],"channels":[],"later":1},"logging":{}}"#;
        let checksum = crc32fast::hash(state.as_bytes());
        let text = format!(r#"{{"format":2,"checksum":{checksum},"state":{state}}}"#);
        disk::replace(&disk, FILE, text.as_bytes()).unwrap();
        assert_eq!(Registry::open(Arc::new(disk)).unwrap().snapshot().version, 4);
    }

    #[test]
    fn a_file_that_cannot_be_read_stops_the_start_and_is_kept() {
        let disk = SimulatedDisk::default();
        for (text, message) in [("{", "unreadable"), (r#"{"format":4}"#, "newer version")] {
            disk::replace(&disk, FILE, text.as_bytes()).unwrap();
            let error = Registry::open(Arc::new(disk.clone())).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            assert_eq!(disk::read(&disk, FILE).unwrap(), text.as_bytes());
        }
    }
}
