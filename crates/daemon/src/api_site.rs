//! What CloudTrail's API stands on in the daemon: the registrar, the journal, clocks, AWS.

use std::sync::Arc;
use std::time::Duration;

use api::{Check, Exception, Lookup, Problem, Site, TrailStatus};
use bytes::Bytes;
use history::History;
use keyring::{KeyRing, PublishedKey};
use model::{AccountId, Event, Region, Sender, Timestamp, TrailArn};
use producer::intake::{Refusal, WAIT_MAX};
use producer::{Intake, JournalState};
use tokio::sync::watch;
use trails::Definitions;
use uuid::Uuid;

use crate::checks::Checks;
use crate::metrics::Metrics;
use crate::parts::Parts;
use crate::reads::Reads;
use crate::registrar::{self, Registrar, Unfit};
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
    /// The keys that sign digests.
    pub keys: Arc<KeyRing>,
    /// The history of all events.
    pub history: Arc<History>,
    /// Turns to read it.
    pub reads: Arc<Reads>,
}

impl Site for ApiSite {
    type Change<'a> = registrar::Change<'a>;

    fn definitions(&self) -> Arc<Definitions> {
        self.registrar.in_force()
    }

    fn status(&self, trail: &TrailArn) -> TrailStatus {
        self.status.of(trail)
    }

    fn public_keys(&self, region: &Region, from: Timestamp, to: Timestamp) -> Vec<PublishedKey> {
        self.keys.published(region, from, to)
    }

    fn now(&self) -> Timestamp {
        self.parts.now().wall
    }

    fn uptime(&self) -> Duration {
        self.parts.now().uptime
    }

    fn draw(&self) -> Uuid {
        self.parts.draw()
    }

    async fn check(&self, check: &Check) -> Result<Option<String>, Problem> {
        let found = self.checks.check(check, &self.definitions()).await?;
        if let Check::Topic { trail } = check {
            self.status.proved(&trail.arn, trail.topic.as_ref());
        }
        Ok(found)
    }

    async fn lookup(&self, lookup: Lookup) -> Result<Vec<u8>, Exception> {
        let turn = tokio::time::timeout(WAIT_MAX, self.reads.turn(&lookup.account)).await;
        let turn = turn.map_err(|_| {
            let message = "Too much is looked up at a time. Try again in a moment.";
            Exception::throttled(message)
        })?;
        let history = Arc::clone(&self.history);
        let answer = move || {
            let _turn = turn;
            lookup.answer(|query| history.lookup(query))
        };
        let answer = tokio::task::spawn_blocking(answer).await;
        let answer = answer.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        answer.map_err(|error| {
            tracing::error!(%error, "a lookup failed");
            Exception::internal()
        })
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

    async fn begin(&self) -> registrar::Change<'_> {
        self.registrar.begin().await
    }
}

/// What a caller is told whose call could not be recorded. The journal's own words may name files of
/// this machine; health and the log have them.
fn unrecorded(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Journal(_) => {
            "The journal takes no events now, and what it cannot record is neither changed nor shown. Try \
             again later."
                .into()
        }
        Refusal::Busy | Refusal::Stopping => refusal.to_string(),
    }
}

/// What a caller is told whose change cannot be made.
fn refused(unfit: &Unfit) -> Exception {
    let message = match unfit {
        Unfit::Room(_) => {
            "There is no room for this: what is defined of all trails must fit into a segment of the \
             journal. Use fewer or shorter selectors, or ask the operator to raise \
             journal.segment_size."
        }
        Unfit::Share { .. } => {
            "There is no room for this: the trails and channels of an account may take an eighth of \
             a segment of the journal. Delete some, use fewer or shorter selectors, destinations, \
             policies or tags, or ask the operator to raise journal.segment_size."
        }
        Unfit::Segments { .. } => {
            let message = "Too many changes of trails wait to be delivered. Try again in a moment.";
            return Exception::throttled(message);
        }
    };
    Exception::new("OperationNotPermittedException", message)
}

impl api::Change for registrar::Change<'_> {
    fn definitions(&self) -> &Definitions {
        registrar::Change::definitions(self)
    }

    fn check(&self, account: &AccountId, definitions: &Definitions) -> Result<(), Exception> {
        registrar::Change::check(self, account, definitions).map_err(|unfit| {
            tracing::warn!(error = %unfit, "a change of trails is refused");
            refused(&unfit)
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
    use super::*;

    #[test]
    fn what_no_segment_can_carry_is_refused_as_the_callers_fault() {
        let room = producer::JournalError::Definitions { definitions_bytes: 9, segment_bytes: 8 };
        let account = "111111111111".parse().unwrap();
        let share = Unfit::Share { account, bytes: 9, bytes_max: 8 };
        for unfit in [Unfit::Room(room), share] {
            let refused = refused(&unfit);
            assert_eq!((refused.status, refused.code), (400, "OperationNotPermittedException"));
            assert!(refused.message.contains("journal.segment_size"), "{}", refused.message);
        }
        let refused = refused(&Unfit::Segments { sealed: 9 });
        assert_eq!((refused.status, refused.code), (400, "ThrottlingException"));
    }
}
