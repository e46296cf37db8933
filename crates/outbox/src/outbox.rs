//! The state machine: which lane may be tried, with which item, and when.

use std::collections::BTreeMap;
use std::sync::Arc;

use disk::{Disk, ItemId, Spool};
use model::Timestamp;

use crate::pause::Refusal;
use crate::{Expired, LaneReport, OutboxError, RetrySettings};

/// The outbox of one kind of destination. See the crate's header.
#[derive(Debug)]
pub struct Outbox {
    spool: Spool,
    settings: RetrySettings,
    /// Every lane that holds items or refuses; perhaps some that no longer do.
    lanes: BTreeMap<String, Lane>,
    flights: BTreeMap<ItemId, String>,
}

#[derive(Debug, Default)]
struct Lane {
    refusal: Option<Refusal>,
    in_flight: bool,
}

impl Lane {
    /// Whether it neither has an item in flight nor pauses.
    fn may_be_tried(&mut self, now: Timestamp, settings: &RetrySettings) -> bool {
        let Some(refusal) = &mut self.refusal else { return !self.in_flight };
        refusal.settle(now, settings);
        !self.in_flight && !refusal.is_pausing(now, settings)
    }
}

/// An item to try now. Its payload is fetched by [`Outbox::read`]; the try ends with
/// [`Outbox::remove`] or [`Outbox::release`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The lane.
    pub lane: String,
    /// Its oldest item.
    pub item: ItemId,
}

/// Whether a failure is the first since the lane's last success: then it is worth a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstFailure {
    /// The lane took items before.
    Yes,
    /// The lane has failed before.
    No,
}

impl Outbox {
    /// Recovers what `directory` holds, making it when missing. A lane holds at most
    /// `lane_bytes_max` payload bytes, or one item of any size.
    pub fn open(
        disk: Arc<dyn Disk>,
        directory: &str,
        lane_bytes_max: u64,
        settings: RetrySettings,
    ) -> Result<Outbox, OutboxError> {
        let spool = Spool::open(disk, directory, lane_bytes_max)?;
        let lanes = spool.lanes().into_iter().map(|status| (status.lane, Lane::default()));
        Ok(Outbox { lanes: lanes.collect(), flights: BTreeMap::new(), spool, settings })
    }

    /// Whether something new for the lane must be parked: items wait there, and it must not
    /// overtake them, or the lane pauses after a failure.
    #[must_use]
    pub fn is_refusing(&self, lane: &str, now: Timestamp) -> bool {
        self.spool.oldest(lane).is_some() || self.is_pausing(lane, now)
    }

    /// The same where no order is to be kept: what waits is no reason to park more, once the lane
    /// took something again, or as long as it was not tried since the start.
    #[must_use]
    pub fn has_refused(&self, lane: &str, now: Timestamp) -> bool {
        let last_failed = self.lanes.get(lane).is_some_and(|lane| lane.refusal.is_some());
        last_failed && self.is_refusing(lane, now)
    }

    /// Parks a payload behind the lane's others; durable when it returns `Ok`. After
    /// [`OutboxError::Full`] nothing has happened.
    pub fn park(
        &mut self,
        lane: &str,
        payload: &[u8],
        now: Timestamp,
    ) -> Result<ItemId, OutboxError> {
        let item = self.spool.put(lane, now.as_millis(), payload)?;
        let settings = self.settings;
        if let Some(refusal) = &mut self.lane_mut(lane).refusal {
            refusal.settle(now, &settings);
        }
        Ok(item)
    }

    /// A try at the lane failed, with an item of it or with something new. The lane now pauses for
    /// `random` (0 to 1) of the next bound, unless it does already. An item stays in flight until
    /// it is released.
    pub fn failed(&mut self, lane: &str, error: &str, now: Timestamp, random: f64) -> FirstFailure {
        let settings = self.settings;
        let refusal = &mut self.lane_mut(lane).refusal;
        match refusal {
            Some(refusal) => {
                refusal.again(error, now, random, &settings);
                FirstFailure::No
            }
            None => {
                *refusal = Some(Refusal::first(error, now, random, &settings));
                FirstFailure::Yes
            }
        }
    }

    /// A try at the lane succeeded: its pause is over. Returns whether it was refusing before, in
    /// this process: then the change is worth a log line.
    pub fn succeeded(&mut self, lane: &str) -> bool {
        self.lanes.get_mut(lane).is_some_and(|lane| lane.refusal.take().is_some())
    }

    /// The oldest item of each lane that neither pauses nor has one in flight; they are now in
    /// flight.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Due> {
        self.forget_idle_lanes();
        let mut due = Vec::new();
        for (name, lane) in &mut self.lanes {
            if !lane.may_be_tried(now, &self.settings) {
                continue;
            }
            let Some(item) = self.spool.oldest(name) else { continue };
            lane.in_flight = true;
            self.flights.insert(item, name.clone());
            due.push(Due { lane: name.clone(), item });
        }
        due
    }

    /// The item's payload, its checksum checked.
    pub fn read(&self, item: ItemId) -> Result<Vec<u8>, OutboxError> {
        Ok(self.spool.read(item)?)
    }

    /// The item is in flight no more and stays parked. One that is gone or was not in flight is
    /// none the worse.
    pub fn release(&mut self, item: ItemId) {
        let lane = self.flights.remove(&item).and_then(|lane| self.lanes.get_mut(&lane));
        if let Some(lane) = lane {
            lane.in_flight = false;
        }
    }

    /// Forgets the item; it cannot come back once this returned `Ok`. After `Err` it is still
    /// parked and, if it was, in flight: the owner counts that as a failure and releases it.
    pub fn remove(&mut self, item: ItemId) -> Result<(), OutboxError> {
        self.spool.remove(item)?;
        self.release(item);
        Ok(())
    }

    /// Takes an item that [`Outbox::read`] found damaged, or whose payload makes no sense, out of
    /// its lane and keeps its file aside.
    pub fn set_aside_damaged(&mut self, item: ItemId) -> Result<(), OutboxError> {
        self.spool.set_aside(item)?;
        self.release(item);
        Ok(())
    }

    /// When [`Outbox::take_due`] next has something: `now` when something is due at once, and at
    /// most `pause_max` later. `None` when nothing waits but what is in flight.
    #[must_use]
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let waiting = self
            .lanes
            .iter()
            .filter(|(name, lane)| !lane.in_flight && self.spool.oldest(name).is_some());
        waiting.map(|(_, lane)| self.pause_end(lane, now).unwrap_or(now)).min()
    }

    /// Every parked item, by lane and oldest first.
    #[must_use]
    pub fn items(&self) -> Vec<ItemId> {
        let lanes = self.spool.lanes();
        lanes.iter().flat_map(|status| self.spool.items(&status.lane)).collect()
    }

    /// How each lane stands that holds items or refuses, sorted by name. Takes time for every item.
    #[must_use]
    pub fn lanes(&self) -> Vec<LaneReport> {
        let mut reports: BTreeMap<&str, LaneReport> = BTreeMap::new();
        for (name, lane) in &self.lanes {
            if lane.refusal.is_some() {
                reports.insert(name, self.report(name));
            }
        }
        let statuses = self.spool.lanes();
        for status in &statuses {
            let report = reports.entry(&status.lane).or_insert_with(|| self.report(&status.lane));
            report.items = status.items;
            report.bytes = status.bytes;
            report.parked_since = Some(Timestamp::from_millis(status.oldest_parked_at_ms));
        }
        reports.into_values().collect()
    }

    /// Sets the items aside that are older than `give_up_after` and whose lane has refused in this
    /// process; each is reported once. Their files stay, as `*.expired`. A lane that was not tried
    /// yet may take them after all, so after a long standstill the items get their chance first.
    ///
    /// It goes from the oldest item to the first that is young enough or in flight. After an
    /// error nothing has happened.
    pub fn expire(&mut self, now: Timestamp) -> Result<Vec<Expired>, OutboxError> {
        let refusing = self.lanes.iter().filter(|(_, lane)| lane.refusal.is_some());
        let refusing: Vec<String> = refusing.map(|(name, _)| name.clone()).collect();
        let mut expired = Vec::new();
        for lane in refusing {
            while let Some(one) = self.oldest_expired(&lane, now) {
                match self.spool.expire(one.item) {
                    // Renamed, although the disk may yet forget it: then it expires once more.
                    _ if self.spool.parked_at_ms(one.item).is_none() => expired.push(one),
                    // What has been set aside is reported now, the error by the next call.
                    Err(error) if expired.is_empty() => return Err(error.into()),
                    _ => return Ok(expired),
                }
            }
        }
        Ok(expired)
    }

    /// The names of the files kept aside, expired or damaged, those of earlier runs included.
    #[must_use]
    pub fn set_aside(&self) -> &[String] {
        self.spool.damaged()
    }

    fn lane_mut(&mut self, lane: &str) -> &mut Lane {
        self.lanes.entry(lane.to_owned()).or_default()
    }

    fn is_pausing(&self, lane: &str, now: Timestamp) -> bool {
        self.lanes.get(lane).is_some_and(|lane| self.pause_end(lane, now).is_some())
    }

    /// `None` when the lane does not pause.
    fn pause_end(&self, lane: &Lane, now: Timestamp) -> Option<Timestamp> {
        let pausing = lane.refusal.as_ref().filter(|it| it.is_pausing(now, &self.settings));
        pausing.and_then(|refusal| refusal.next_try)
    }

    /// Without this a lane's name would outlive its destination.
    fn forget_idle_lanes(&mut self) {
        let spool = &self.spool;
        self.lanes.retain(|name, lane| {
            lane.refusal.is_some() || lane.in_flight || spool.oldest(name).is_some()
        });
    }

    /// The lane's oldest item when it is too old and not in flight.
    fn oldest_expired(&self, lane: &str, now: Timestamp) -> Option<Expired> {
        let item = self.spool.oldest(lane)?;
        let parked_at = Timestamp::from_millis(self.spool.parked_at_ms(item)?);
        let too_old = now.since(parked_at) > self.settings.give_up_after;
        let in_flight = self.flights.contains_key(&item);
        (too_old && !in_flight).then(|| Expired { lane: lane.to_owned(), item, parked_at })
    }

    /// A report of the lane's refusal, without its items.
    fn report(&self, lane: &str) -> LaneReport {
        let refusal = self.lanes.get(lane).and_then(|lane| lane.refusal.as_ref());
        LaneReport {
            lane: lane.to_owned(),
            items: 0,
            bytes: 0,
            parked_since: None,
            refusing_since: refusal.map(|refusal| refusal.since),
            failures: refusal.map_or(0, |refusal| refusal.failures),
            last_error: refusal.map(|refusal| refusal.last_error.clone()),
            next_try: refusal.and_then(|refusal| refusal.next_try),
        }
    }
}
