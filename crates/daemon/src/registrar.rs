//! The registrar: the one way by which definitions change, whoever wants them changed.
//!
//! One change at a time. It is durable first, then in force: events that were acknowledged before go
//! by the former trails, and events that come after it by the new ones.
//!
//! What an account defines by the API has a share of the room that all have, and changes that end a
//! segment wait while the journal is full of segments: no account disturbs the others.

use std::sync::Arc;

use anyhow::Context;
use model::{AccountId, BatchId};
use producer::{Intake, JournalError, JournalState};
use tokio::sync::{Mutex, MutexGuard, watch};
use trails::{Changes, Definitions, Origin, Registry, TrailSet};

use crate::parts::Parts;
use crate::status::StatusBook;

/// What an account's definitions may weigh: one such part of a segment.
const SHARES: u64 = 8;

/// Owns the registry.
pub struct Registrar {
    stored: Mutex<Stored>,
    limits: producer::JournalSettings,
    intake: Intake,
    journal: watch::Receiver<JournalState>,
    parts: Parts,
    status: Arc<StatusBook>,
    digests: DefineDigests,
    definitions: watch::Sender<Arc<Definitions>>,
}

/// Tells digests which definitions come into force, and the last batch that was recorded before.
pub type DefineDigests = Arc<dyn Fn(&Definitions, BatchId) + Send + Sync>;

struct Stored {
    registry: Registry,
    /// The trails that events are recorded under; after a failure not those of the registry.
    taken: Arc<TrailSet>,
}

/// A change that is under way: no other one is. Dropped, it changes nothing.
pub struct Change<'a> {
    registrar: &'a Registrar,
    stored: MutexGuard<'a, Stored>,
}

/// Why a change that an account asks for is not made.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// What is defined of all trails is too much for a segment.
    #[error(transparent)]
    Room(#[from] JournalError),
    /// What the account defines is too much.
    #[error("the definitions of {account} would take {bytes} bytes of {bytes_max}")]
    Share {
        /// Whose trails and channels they are.
        account: AccountId,
        /// Of JSON, after the change.
        bytes: u64,
        /// Its share.
        bytes_max: u64,
    },
    /// The change ends a segment, and too many wait to be delivered.
    #[error("{sealed} segments wait to be delivered")]
    Segments {
        /// Sealed segments.
        sealed: usize,
    },
}

impl Registrar {
    /// A registrar of a registry whose trails the journal has.
    #[must_use]
    pub fn new(
        registry: Registry,
        limits: producer::JournalSettings,
        intake: Intake,
        journal: watch::Receiver<JournalState>,
        parts: Parts,
        status: Arc<StatusBook>,
        digests: DefineDigests,
    ) -> Registrar {
        let definitions = watch::Sender::new(Arc::new(registry.definitions().clone()));
        digests(registry.definitions(), last_sealed(&journal));
        let taken = registry.snapshot();
        let stored = Mutex::new(Stored { registry, taken });
        Registrar { stored, limits, intake, journal, parts, status, digests, definitions }
    }

    /// The definitions in force.
    #[must_use]
    pub fn in_force(&self) -> Arc<Definitions> {
        Arc::clone(&self.definitions.borrow())
    }

    /// The definitions in force, now and later.
    #[must_use]
    pub fn definitions(&self) -> watch::Receiver<Arc<Definitions>> {
        self.definitions.subscribe()
    }

    /// Begins a change, when no other is under way.
    pub async fn begin(&self) -> Change<'_> {
        Change { registrar: self, stored: self.stored.lock().await }
    }
}

impl Change<'_> {
    /// The definitions that are stored.
    #[must_use]
    pub fn definitions(&self) -> &Definitions {
        self.stored.registry.definitions()
    }

    /// Whether these definitions can be kept and put in force now, for an account that asks for it.
    pub fn check(&self, account: &AccountId, definitions: &Definitions) -> Result<(), Unfit> {
        let Registrar { limits, journal, .. } = self.registrar;
        let trails = definitions.trail_set(u64::MAX);
        limits.check(&trails)?;
        let bytes_max = limits.segment_bytes / SHARES;
        for owner in owners(account, definitions) {
            let bytes = weight(owner, definitions);
            // What weighs too much already may become less.
            if bytes > bytes_max && bytes > weight(owner, self.definitions()) {
                return Err(Unfit::Share { account: owner.clone(), bytes, bytes_max });
            }
        }
        // A change of trails ends a segment, however little is in it: senders of events must not
        // find the journal full of them.
        let journal = journal.borrow();
        let sealed = journal.sealed.len();
        if sealed > journal.files_max / 2 && !is_same(&self.stored.taken, &trails) {
            return Err(Unfit::Segments { sealed });
        }
        Ok(())
    }

    /// Makes the definitions these. It must be driven to its end: dropped half-way, what is stored
    /// comes into force at the next start only.
    pub async fn commit(mut self, definitions: Definitions) -> anyhow::Result<Changes> {
        let Registrar { limits, intake, journal, parts, status, digests, .. } = self.registrar;
        let published = &self.registrar.definitions;
        let Stored { registry, taken } = &mut *self.stored;
        limits.check(&definitions.trail_set(u64::MAX))?;
        let changes = registry.apply(definitions, parts.now().wall)?;
        let trails = registry.snapshot();
        // Most of what the API keeps is nothing to routing: then the open segment goes on.
        if !is_same(taken, &trails) {
            let in_force = intake.set_trails(Arc::clone(&trails)).await;
            in_force
                .context("the definitions are stored, and come into force at the next start")?;
            *taken = trails;
        }
        status.define(registry.definitions());
        digests(registry.definitions(), last_sealed(journal));
        published.send_replace(Arc::new(registry.definitions().clone()));
        Ok(changes)
    }
}

/// The last batch that is sealed; there is none before number 0.
fn last_sealed(journal: &watch::Receiver<JournalState>) -> BatchId {
    let sealed = journal.borrow().sealed.iter().map(|sealed| sealed.batch).max();
    sealed.unwrap_or(BatchId(0))
}

/// Whether two sets of trails route alike.
fn is_same(before: &TrailSet, after: &TrailSet) -> bool {
    before.trails == after.trails && before.organization == after.organization
}

/// The accounts whose definitions an account changes: its own, and what it administers.
fn owners<'a>(
    account: &'a AccountId,
    definitions: &'a Definitions,
) -> impl Iterator<Item = &'a AccountId> {
    let administers = definitions.delegated_administrators.contains(account);
    let organization = definitions.organization.as_ref().filter(|_| administers);
    std::iter::once(account).chain(organization.map(|one| &one.management_account))
}

/// Bytes of what an account defined by the API. What the configuration defines is the operator's.
fn weight(account: &AccountId, definitions: &Definitions) -> u64 {
    let trails = definitions
        .trails
        .iter()
        .filter(|one| one.origin == Origin::Api && one.trail.arn.account == *account);
    let channels = definitions
        .channels
        .iter()
        .filter(|one| one.origin == Origin::Api && one.account == *account);
    // `true` weighs as much as `false`: logging can be stopped at any weight.
    let trails = trails.map(|one| json_bytes(one) + u64::from(one.trail.is_logging));
    trails.chain(channels.map(json_bytes)).sum()
}

fn json_bytes(value: &impl serde::Serialize) -> u64 {
    serde_json::to_vec(value).expect("definitions always serialize").len() as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use disk::{Disk, SimulatedDisk};
    use outbox::Statuses;
    use producer::{Desk, Journal, JournalSettings, Now, Writer};
    use trails::{Channel, Tag, Trail, TrailDefinition};

    use super::*;

    const KIB: usize = 1 << 10;

    /// A registrar, and the desk that serves its intake, whose segments have 1 MiB.
    fn registrar() -> (Registrar, Desk, watch::Sender<JournalState>) {
        let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new());
        let limits =
            JournalSettings { segment_bytes: 1 << 20, quota_bytes: 8 << 20, window_events: 1_000 };
        let registry = Registry::open(Arc::clone(&disk)).unwrap();
        let statuses = [(); 4].map(|()| Statuses::default());
        let status = StatusBook::open(Arc::clone(&disk), statuses, registry.definitions());
        let (now, trails) = (Now::default(), registry.snapshot());
        let journal =
            Journal::open(Arc::clone(&disk), limits, trails, now.wall, Box::new(|| 7)).unwrap();
        let (intake, desk, _) = Intake::open(Writer::new(journal, Duration::from_secs(300)));
        let parts = Parts { disk, clock: Arc::new(Now::default), entropy: Arc::new(|| 7) };
        let (publish, state) = watch::channel(JournalState::default());
        let (status, digests) = (Arc::new(status), Arc::new(|_: &_, _| {}));
        let registrar = Registrar::new(registry, limits, intake, state, parts, status, digests);
        (registrar, desk, publish)
    }

    fn account(digit: u8) -> AccountId {
        digit.to_string().repeat(12).parse().unwrap()
    }

    /// A trail that the API made, of about so many KiB.
    fn trail(owner: &AccountId, name: &str, kib: usize) -> TrailDefinition {
        let arn = format!("arn:aws:cloudtrail:eu-west-1:{owner}:trail/{name}");
        let trail = Trail::new(arn.parse().unwrap(), "bucket".parse().unwrap());
        let tag = Tag { key: "k".into(), value: Some("v".repeat(kib * KIB)) };
        TrailDefinition { origin: Origin::Api, tags: vec![tag], ..trail.into() }
    }

    /// A channel that the API made, with a policy of so many KiB.
    fn channel(owner: &AccountId, name: &str, kib: usize) -> Channel {
        let name = name.parse().unwrap();
        let region = "eu-west-1".parse().unwrap();
        let policy = Some("p".repeat(kib * KIB));
        let made = Channel::configured(owner.clone(), region, name, "Custom".into());
        Channel { origin: Origin::Api, policy, ..made }
    }

    fn definitions(trails: Vec<TrailDefinition>) -> Definitions {
        Definitions { trails, ..Definitions::default() }
    }

    #[tokio::test]
    async fn an_account_has_a_share_of_the_room_and_no_more() {
        let (registrar, ..) = registrar();
        let change = registrar.begin().await;
        let (one, two) = (account(1), account(2));
        let mut all = definitions(vec![trail(&one, "first", 60), trail(&one, "second", 60)]);
        change.check(&one, &all).unwrap();
        all.channels = (0..2).map(|n| channel(&one, &format!("channel-{n}"), 6)).collect();
        let error = change.check(&one, &all).unwrap_err();
        assert!(matches!(error, Unfit::Share { bytes_max: 131_072, .. }), "{error}");
        // What others have is nothing to an account, nor what the operator defines for it.
        change.check(&two, &all).unwrap();
        all.trails.iter_mut().for_each(|one| one.origin = Origin::Configuration);
        change.check(&one, &all).unwrap();
    }

    #[tokio::test]
    async fn what_weighs_too_much_can_become_less_and_be_stopped() {
        let (registrar, mut desk, _) = registrar();
        let one = account(1);
        // As the operator's smaller segments leave it.
        let all = definitions(vec![trail(&one, "first", 100), trail(&one, "second", 100)]);
        let change = registrar.begin().await;
        let (done, ()) = tokio::join!(change.commit(all.clone()), serve(&mut desk));
        done.unwrap();
        let change = registrar.begin().await;
        let mut stopped = all.clone();
        stopped.trails[0].trail.is_logging = false;
        change.check(&one, &stopped).unwrap();
        change.check(&one, &definitions(vec![trail(&one, "first", 100)])).unwrap();
        let more = definitions(vec![trail(&one, "first", 100), trail(&one, "second", 101)]);
        change.check(&one, &more).unwrap_err();
    }

    #[tokio::test]
    async fn only_changes_of_routing_wait_while_segments_do() {
        let (registrar, mut desk, journal) = registrar();
        let one = account(1);
        let all = definitions(vec![trail(&one, "first", 1)]);
        let change = registrar.begin().await;
        let (done, ()) = tokio::join!(change.commit(all.clone()), serve(&mut desk));
        done.unwrap();
        let trails = Arc::clone(&registrar.stored.lock().await.taken);
        let sealed = producer::SealedSegment { batch: BatchId(1), trails, events: 1 };
        journal.send_modify(|state| {
            state.sealed = vec![sealed; 3];
            state.files_max = 4;
        });
        let change = registrar.begin().await;
        let mut tagged = all.clone();
        tagged.trails[0].tags.clear();
        change.check(&one, &tagged).unwrap();
        let mut stopped = all;
        stopped.trails[0].trail.is_logging = false;
        let error = change.check(&one, &stopped).unwrap_err();
        assert!(matches!(error, Unfit::Segments { sealed: 3 }), "{error}");
    }

    #[tokio::test]
    async fn a_change_that_the_journal_did_not_take_is_done_only_when_it_did() {
        let (registrar, desk, _) = registrar();
        // The desk is gone: events are recorded under the former trails.
        drop(desk);
        let all = definitions(vec![trail(&account(1), "first", 1)]);
        for _ in 0..2 {
            registrar.begin().await.commit(all.clone()).await.unwrap_err();
            assert!(registrar.in_force().trails.is_empty());
        }
    }

    /// Serves the next command.
    async fn serve(desk: &mut Desk) {
        while !desk.has_commands() {
            tokio::task::yield_now().await;
        }
        desk.serve(Now::default());
    }
}
