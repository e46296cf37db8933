//! The registrar: the one way by which definitions change, whoever wants them changed.
//!
//! One change at a time. It is durable first, then in force: events that were acknowledged before go
//! by the former trails, and events that come after it by the new ones.

use std::sync::Arc;

use anyhow::Context;
use producer::Intake;
use tokio::sync::{Mutex, watch};
use trails::{Changes, Definitions, Registry};

use crate::parts::Parts;

/// Owns the registry.
pub struct Registrar {
    registry: Mutex<Registry>,
    journal: producer::JournalSettings,
    intake: Intake,
    parts: Parts,
    definitions: watch::Sender<Arc<Definitions>>,
}

impl Registrar {
    /// A registrar of a registry whose trails the journal has.
    #[must_use]
    pub fn new(
        registry: Registry,
        journal: producer::JournalSettings,
        intake: Intake,
        parts: Parts,
    ) -> Registrar {
        let definitions = watch::Sender::new(Arc::new(registry.definitions().clone()));
        Registrar { registry: Mutex::new(registry), journal, intake, parts, definitions }
    }

    /// The definitions in force, now and later.
    #[must_use]
    pub fn definitions(&self) -> watch::Receiver<Arc<Definitions>> {
        self.definitions.subscribe()
    }

    /// Makes the definitions what `change` makes of those in force. Nothing else changes them
    /// meanwhile, also not while `change` awaits.
    pub async fn change<E: From<anyhow::Error>>(
        &self,
        change: impl AsyncFnOnce(&Definitions) -> Result<Definitions, E>,
    ) -> Result<Changes, E> {
        let mut registry = self.registry.lock().await;
        let definitions = change(registry.definitions()).await?;
        Ok(self.put_in_force(&mut registry, definitions).await?)
    }

    async fn put_in_force(
        &self,
        registry: &mut Registry,
        definitions: Definitions,
    ) -> anyhow::Result<Changes> {
        self.journal.check(&definitions.trail_set(u64::MAX))?;
        let changes = registry.apply(definitions, self.parts.now().wall)?;
        if changes == Changes::default() {
            return Ok(changes);
        }
        let in_force = self.intake.set_trails(registry.snapshot()).await;
        in_force.context("the definitions are stored, and come into force at the next start")?;
        self.definitions.send_replace(Arc::new(registry.definitions().clone()));
        Ok(changes)
    }
}
