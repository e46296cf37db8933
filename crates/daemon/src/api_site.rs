//! What CloudTrail's API stands on in the daemon: the registrar, the journal, clocks, AWS.

use std::sync::Arc;

use api::{Check, Exception, Problem, Site, TrailStatus};
use bytes::Bytes;
use model::{AccountId, Event, Region, Sender, Timestamp, TrailArn};
use producer::intake::{Refusal, WAIT_MAX};
use producer::{Intake, JournalState};
use tokio::sync::watch;
use trails::Definitions;
use uuid::Uuid;

use crate::checks::Checks;
use crate::metrics::Metrics;
use crate::parts::Parts;
use crate::registrar::{self, Registrar};
use crate::status::StatusBook;

/// The daemon, as the API sees it.
pub struct ApiSite {
    /// Clocks and randomness.
    pub parts: Parts,
    /// The way to the journal.
    pub intake: Intake,
    /// How the journal stands.
    pub journal: watch::Receiver<JournalState>,
    /// The definitions.
    pub registrar: Arc<Registrar>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// AWS, as changes try it.
    pub checks: Checks,
    /// How trails fare.
    pub status: Arc<StatusBook>,
}

impl Site for ApiSite {
    type Change<'a> = registrar::Change<'a>;

    fn definitions(&self) -> Arc<Definitions> {
        self.registrar.in_force()
    }

    fn status(&self, trail: &TrailArn) -> TrailStatus {
        self.status.of(trail)
    }

    fn now(&self) -> Timestamp {
        self.parts.now().wall
    }

    fn draw(&self) -> Uuid {
        let drawn = [(self.parts.entropy)(), (self.parts.entropy)()].map(u64::to_le_bytes);
        let bytes = drawn.concat().try_into().expect("twice 8 bytes are 16");
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    async fn check(&self, check: &Check) -> Result<Option<String>, Problem> {
        let found = self.checks.check(check, &self.definitions()).await?;
        if let Check::Topic { trail } = check {
            self.status.proved(&trail.arn, trail.topic.as_ref());
        }
        Ok(found)
    }

    async fn record(
        &self,
        account: &AccountId,
        region: &Region,
        record: Bytes,
    ) -> Result<(), Exception> {
        let sender = Sender { account: account.clone(), region: region.clone() };
        let accepted = Event::from_record(record, &sender).map_err(|error| {
            tracing::error!(%error, "the record of a call makes no sense");
            Exception::internal()
        })?;
        self.metrics.accepted(&accepted);
        let recorded = self.intake.record_for(account, vec![accepted.event], WAIT_MAX).await;
        recorded.map(drop).map_err(|refusal| Exception::unavailable(unrecorded(&refusal)))
    }

    fn count_unrecorded(&self) {
        self.metrics.refused_call("unrecorded");
    }

    async fn begin(&self) -> Result<registrar::Change<'_>, Exception> {
        let change = self.registrar.begin().await;
        // A change of trails ends a segment, however little is in it: senders of events must not
        // find the journal full of them.
        let journal = self.journal.borrow();
        if journal.sealed.len() > journal.files_max / 2 {
            let message = "Too many changes of trails wait to be delivered. Try again in a moment.";
            return Err(Exception::throttled(message));
        }
        drop(journal);
        Ok(change)
    }
}

/// What a caller is told whose call could not be recorded. The journal's own words may name files of
/// this machine; health and the log have them.
fn unrecorded(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Journal(_) => {
            "The journal takes no events now, and what it cannot record is not changed. Try again \
             later."
                .into()
        }
        Refusal::Busy | Refusal::Stopping => refusal.to_string(),
    }
}

impl api::Change for registrar::Change<'_> {
    fn definitions(&self) -> &Definitions {
        registrar::Change::definitions(self)
    }

    fn check(&self, definitions: &Definitions) -> Result<(), Exception> {
        registrar::Change::check(self, definitions).map_err(|error| {
            tracing::warn!(%error, "a change of trails is refused");
            let message = "There is no room for this: what is defined of all trails must fit into a \
                segment of the journal. Use fewer or shorter selectors, or ask the operator to raise \
                journal.segment_size.";
            Exception::new("OperationNotPermittedException", message)
        })
    }

    async fn commit(self, definitions: Definitions) -> Result<(), Exception> {
        registrar::Change::commit(self, definitions).await.map(drop).map_err(|error| {
            tracing::error!(error = format!("{error:#}"), "a change of definitions failed");
            Exception::internal()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use disk::SimulatedDisk;
    use outbox::Statuses;
    use producer::{Journal, JournalSettings, Now, Writer};
    use trails::{Registry, Trail};

    use super::*;
    use crate::status::StatusBook;

    #[tokio::test]
    async fn what_no_segment_can_carry_is_refused_as_the_callers_fault() {
        let disk = Arc::new(SimulatedDisk::new());
        let settings =
            JournalSettings { segment_bytes: 1 << 20, quota_bytes: 8 << 20, window_events: 1_000 };
        let now = Now::default();
        let registry = Registry::open(disk.clone()).unwrap();
        let statuses = [Statuses::default(), Statuses::default(), Statuses::default()];
        let status = StatusBook::open(disk.clone(), statuses, registry.definitions());
        let trails = registry.snapshot();
        let journal =
            Journal::open(disk.clone(), settings, trails, now.wall, Box::new(|| 7)).unwrap();
        let (intake, ..) = Intake::open(Writer::new(journal, Duration::from_secs(300)));
        let parts = Parts { disk, clock: Arc::new(Now::default), entropy: Arc::new(|| 7) };
        let registrar = Registrar::new(registry, settings, intake, parts, Arc::new(status));
        let change = registrar.begin().await;
        let with = |trails: usize| {
            let trail = |number| {
                let arn = format!("arn:aws:cloudtrail:eu-west-1:111111111111:trail/t-{number}");
                Trail::new(arn.parse().unwrap(), "bucket".parse().unwrap()).into()
            };
            Definitions { trails: (0..trails).map(trail).collect(), ..Definitions::default() }
        };
        api::Change::check(&change, &with(1)).unwrap();
        let refused = api::Change::check(&change, &with(10_000)).unwrap_err();
        assert_eq!((refused.status, refused.code), (400, "OperationNotPermittedException"));
        assert!(refused.message.contains("journal.segment_size"), "{}", refused.message);
    }
}
