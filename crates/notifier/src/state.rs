//! What the notifier remembers between two awaits: the outbox, each trail's status, counts.

use std::collections::BTreeSet;

use model::Timestamp;
use model::ids::{TopicArn, TrailArn};
use outbox::{Due, FirstFailure, ItemId, LaneReport, Outbox, OutboxError, Remedy, Statuses};
use serde::{Deserialize, Serialize};

use crate::PublishError;

/// How the notifier stands, for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotifierReport {
    /// The topics for which messages wait or that refuse; a lane's name is the topic's ARN.
    pub lanes: Vec<LaneReport>,
    /// Messages published since the process began.
    pub published: u64,
    /// Messages parked since the process began.
    pub parked: u64,
    /// Tries that failed since the process began.
    pub failed: u64,
    /// Messages given up since the process began. Their files are kept aside.
    pub expired: u64,
    /// Files kept aside on disk, damaged or expired, those of earlier runs included.
    pub set_aside: Vec<String>,
}

/// A message that waits, as it lies on disk.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Parked {
    /// The trail whose file it announces; earlier versions did not keep it.
    #[serde(default)]
    pub(crate) trail: Option<TrailArn>,
    pub(crate) topic: TopicArn,
    pub(crate) message: String,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) outbox: Outbox,
    pub(crate) statuses: Statuses,
    published: u64,
    parked: u64,
    failed: u64,
    expired: u64,
    /// Parked messages that were published and are not forgotten yet.
    published_items: BTreeSet<ItemId>,
}

impl State {
    pub(crate) fn new(outbox: Outbox) -> State {
        State {
            outbox,
            statuses: Statuses::default(),
            published: 0,
            parked: 0,
            failed: 0,
            expired: 0,
            published_items: BTreeSet::new(),
        }
    }

    pub(crate) fn park(
        &mut self,
        trail: &TrailArn,
        topic: &TopicArn,
        message: String,
        now: Timestamp,
    ) -> Result<(), OutboxError> {
        let parked = Parked { trail: Some(trail.clone()), topic: topic.clone(), message };
        let payload = serde_json::to_vec(&parked).expect("strings always serialize");
        self.outbox.park(&topic.to_string(), &payload, now)?;
        self.parked += 1;
        Ok(())
    }

    /// The message of a due item; `None` when its file made no sense and was kept aside.
    pub(crate) fn load(
        &mut self,
        due: &Due,
        now: Timestamp,
        random: f64,
    ) -> Result<Option<Parked>, OutboxError> {
        let loaded = self.read(due);
        if let Err(error) = &loaded {
            self.pause(&due.lane, &error.to_string(), now, random);
        }
        loaded
    }

    fn read(&mut self, due: &Due) -> Result<Option<Parked>, OutboxError> {
        let damage = match self.outbox.read(due.item) {
            Ok(payload) => match serde_json::from_slice(&payload) {
                Ok(parked) => return Ok(Some(parked)),
                Err(error) => error.to_string(),
            },
            Err(error) if error.remedy() == Remedy::SetAside => error.to_string(),
            Err(error) => return Err(error),
        };
        self.outbox.set_aside_damaged(due.item)?;
        tracing::error!(
            topic = due.lane,
            item = %due.item,
            damage,
            "parked message is damaged; its file is kept aside"
        );
        Ok(None)
    }

    /// The topic took a new message.
    pub(crate) fn took(&mut self, trail: &TrailArn, topic: &TopicArn, now: Timestamp) {
        self.count_success(Some(trail), now);
        self.resume(&topic.to_string());
    }

    /// The topic took a parked message. When the disk refuses to forget it, the lane pauses as if
    /// the topic had refused, and only the forgetting is tried again.
    pub(crate) fn took_parked(
        &mut self,
        trail: Option<&TrailArn>,
        due: &Due,
        now: Timestamp,
        random: f64,
    ) -> Result<(), OutboxError> {
        self.count_success(trail, now);
        self.published_items.insert(due.item);
        self.forget_published(due, now, random)?;
        Ok(())
    }

    /// Forgets an item whose message the topic took, and only then. Its file may be gone already: a
    /// removal can fail after it took the name away.
    pub(crate) fn forget_published(
        &mut self,
        due: &Due,
        now: Timestamp,
        random: f64,
    ) -> Result<bool, OutboxError> {
        if !self.published_items.contains(&due.item) {
            return Ok(false);
        }
        if let Err(error) = self.outbox.remove(due.item) {
            self.pause(&due.lane, &error.to_string(), now, random);
            return Err(error);
        }
        self.published_items.remove(&due.item);
        self.resume(&due.lane);
        Ok(true)
    }

    fn count_success(&mut self, trail: Option<&TrailArn>, now: Timestamp) {
        self.published += 1;
        if let Some(trail) = trail {
            self.statuses.succeeded(trail, now);
        }
    }

    fn resume(&mut self, topic: &str) {
        if self.outbox.succeeded(topic) {
            tracing::info!(topic, "topic takes messages again");
        }
    }

    /// The topic did not take a message, or perhaps it did.
    pub(crate) fn refused(
        &mut self,
        trail: Option<&TrailArn>,
        topic: &TopicArn,
        error: &PublishError,
        now: Timestamp,
        random: f64,
    ) {
        if let Some(trail) = trail.filter(|_| error.topic_at_fault) {
            self.statuses.refused(trail, &error.code);
        }
        self.pause(&topic.to_string(), &error.to_string(), now, random);
    }

    /// A try failed: nothing more for this lane until its pause is over.
    pub(crate) fn pause(&mut self, lane: &str, error: &str, now: Timestamp, random: f64) {
        self.failed += 1;
        if self.outbox.failed(lane, error, now, random) == FirstFailure::Yes {
            tracing::warn!(topic = lane, error, "messages for the topic are parked and retried");
        }
    }

    pub(crate) fn expire(&mut self, now: Timestamp) -> Result<(), OutboxError> {
        for one in self.outbox.expire(now)? {
            self.expired += 1;
            tracing::error!(topic = one.lane, item = %one.item, parked_at = %one.parked_at,
                "message was refused for too long; its file is kept aside");
        }
        Ok(())
    }

    pub(crate) fn report(&self) -> NotifierReport {
        NotifierReport {
            lanes: self.outbox.lanes(),
            published: self.published,
            parked: self.parked,
            failed: self.failed,
            expired: self.expired,
            set_aside: self.outbox.set_aside().to_vec(),
        }
    }
}
