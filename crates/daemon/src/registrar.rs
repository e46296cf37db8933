//! The registrar: the one way by which definitions change, whoever wants them changed.
//!
//! One change at a time. It is durable first, then in force: events that were acknowledged before go
//! by the former trails, and events that come after it by the new ones.

use std::sync::Arc;

use anyhow::Context;
use producer::{Intake, JournalError};
use tokio::sync::{Mutex, MutexGuard, watch};
use trails::{Changes, Definitions, Registry, TrailSet};

use crate::parts::Parts;
use crate::status::StatusBook;

/// Owns the registry.
pub struct Registrar {
    registry: Mutex<Registry>,
    journal: producer::JournalSettings,
    intake: Intake,
    parts: Parts,
    status: Arc<StatusBook>,
    definitions: watch::Sender<Arc<Definitions>>,
}

/// A change that is under way: no other one is. Dropped, it changes nothing.
pub struct Change<'a> {
    registrar: &'a Registrar,
    registry: MutexGuard<'a, Registry>,
}

impl Registrar {
    /// A registrar of a registry whose trails the journal has.
    #[must_use]
    pub fn new(
        registry: Registry,
        journal: producer::JournalSettings,
        intake: Intake,
        parts: Parts,
        status: Arc<StatusBook>,
    ) -> Registrar {
        let definitions = watch::Sender::new(Arc::new(registry.definitions().clone()));
        Registrar { registry: Mutex::new(registry), journal, intake, parts, status, definitions }
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
        Change { registrar: self, registry: self.registry.lock().await }
    }
}

impl Change<'_> {
    /// The definitions that are stored.
    #[must_use]
    pub fn definitions(&self) -> &Definitions {
        self.registry.definitions()
    }

    /// Whether a segment can carry these definitions.
    pub fn check(&self, definitions: &Definitions) -> Result<(), JournalError> {
        self.registrar.journal.check(&definitions.trail_set(u64::MAX))
    }

    /// Makes the definitions these. It must be driven to its end: dropped half-way, what is stored
    /// comes into force at the next start only.
    pub async fn commit(mut self, definitions: Definitions) -> anyhow::Result<Changes> {
        let Registrar { intake, parts, status, definitions: published, .. } = self.registrar;
        self.check(&definitions)?;
        let before = self.registry.snapshot();
        let changes = self.registry.apply(definitions, parts.now().wall)?;
        let after = self.registry.snapshot();
        // Most of what the API keeps is nothing to routing: then the open segment goes on.
        if !is_same(&before, &after) {
            let in_force = intake.set_trails(after).await;
            in_force
                .context("the definitions are stored, and come into force at the next start")?;
        }
        status.define(self.registry.definitions());
        published.send_replace(Arc::new(self.registry.definitions().clone()));
        Ok(changes)
    }
}

/// Whether two sets of trails route alike.
fn is_same(before: &TrailSet, after: &TrailSet) -> bool {
    before.trails == after.trails && before.organization == after.organization
}
