//! Records that were delivered elsewhere, or before there was a history, brought into it.
//!
//! A record is known by its bytes: one that its account's history has already is left out, so that any
//! part of an import may be repeated, by whomever, after whatever crash. What is left becomes a file, and
//! has a batch of its own. One import at a time; what the journal takes later of the same bytes is an
//! event of its own, as it is without an import.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use model::{BatchId, Event, Timestamp};

use crate::file::HistoryFile;
use crate::history::{History, HistoryError};
use crate::key::{Attribute, Key};
use crate::lookup::View;
use crate::plan;
use crate::position::{Position, Sequence};
use crate::row::Row;
use crate::scope::{Scope, ScopeFilter};
use crate::summary::Summary;

/// Files that may wait for a merge while imports go on.
const FILES_WAITING_MAX: usize = 48;

/// A record that is brought in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// `eventTime`, where the record has a readable one.
    pub time: Option<Timestamp>,
    /// When it was delivered, which stands for a time that it does not say.
    pub delivered: Timestamp,
    /// Whose it is.
    pub scope: Scope,
    /// The record's bytes, as its log file holds them.
    pub record: Bytes,
}

/// What became of records that were brought in; each is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows that are new, and durable.
    pub added: u64,
    /// Rows that were there before, or twice among the arrivals.
    pub duplicates: u64,
    /// Older than what is kept.
    pub expired: u64,
    /// Of categories that are not kept.
    pub not_kept: u64,
}

impl Arrival {
    /// An event that was delivered then.
    #[must_use]
    pub fn of(event: Event, delivered: Timestamp) -> Arrival {
        let scope =
            Scope { account: event.account, region: event.region, category: event.category };
        Arrival { time: event.time, delivered, scope, record: event.record }
    }

    /// Where its row stands in time.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.time.unwrap_or(self.delivered)
    }

    /// Under what a row with the same bytes is filed.
    fn key(&self) -> Key {
        match Summary::of(&self.record).event_id {
            Some(id) => Key::of(Attribute::EventId, &id),
            None => Key::of_record(&self.record),
        }
    }
}

impl History {
    /// Brings records in: those that are new are found, and durable, when this returns.
    ///
    /// # Errors
    /// [`HistoryError::Crowded`] while too many files wait to be merged, [`HistoryError::Behind`] while
    /// the history does not have all of the journal: nothing was taken, and later the same may be. After
    /// another error it may have been taken; repeating it is harmless.
    pub fn import(&self, mut arrivals: Vec<Arrival>) -> Result<Imported, HistoryError> {
        let _turn = self.importing.lock().expect("a panic ends the process");
        self.may_import()?;
        // Neighbours in time are neighbours in files.
        arrivals.sort_by_key(Arrival::time);
        let settings = self.settings();
        let view = self.whole_view().ok_or(HistoryError::Behind)?;
        let mut imported = Imported::default();
        let (mut seen, mut fresh) = (HashSet::new(), Vec::new());
        for arrival in arrivals {
            let Arrival { scope, record, .. } = &arrival;
            if !settings.categories.contains(&scope.category) {
                imported.not_kept += 1;
            } else if !view.retention.keeps(scope, arrival.time()) {
                imported.expired += 1;
            } else if !seen.insert((scope.account.clone(), record.clone()))
                || has(&view, &arrival).inspect_err(|error| self.suspect(error))?
            {
                imported.duplicates += 1;
            } else {
                fresh.push(arrival);
            }
        }
        let added = fresh.len() as u64;
        let file = self.add_import(|batch| rows(fresh, batch))?;
        imported.added = file.map_or(0, |file| u64::from(file.rows));
        // The calendar went on meanwhile.
        imported.expired += added - imported.added;
        Ok(imported)
    }

    /// Whether an import may be taken now.
    ///
    /// # Errors
    /// [`HistoryError::Crowded`] and [`HistoryError::Behind`].
    pub fn may_import(&self) -> Result<(), HistoryError> {
        let files: Vec<_> = self.view().files.iter().map(|file| file.info().clone()).collect();
        if plan::waiting(&files, &self.settings().limits) >= FILES_WAITING_MAX {
            return Err(HistoryError::Crowded);
        }
        self.whole_view().map(drop).ok_or(HistoryError::Behind)
    }

    /// The oldest time of which rows are kept; `None` where that is not known, or any may be held.
    #[must_use]
    pub fn kept_from(&self) -> Option<Timestamp> {
        let retention = Arc::clone(&self.view().retention);
        retention.horizon.filter(|_| retention.holds.is_empty())
    }
}

/// Whether a row with these bytes is in the history of the account. It has the time that the record
/// says; where that says none, any.
fn has(view: &View, arrival: &Arrival) -> Result<bool, HistoryError> {
    let accounts = Some([arrival.scope.account.clone()].into());
    let scopes = ScopeFilter { accounts, ..ScopeFilter::default() };
    let newest = arrival.time.unwrap_or(Timestamp::from_millis(i64::MAX));
    let before = Position { time: newest, sequence: Sequence::LAST };
    let is_of_its_time = |position: &Position| arrival.time.is_none_or(|at| position.time == at);
    let keys = [arrival.key()];
    for run in &view.recent {
        let run = run.read().expect("a panic ends the process");
        let alike = run.newest_first(&keys, &scopes, before);
        let mut alike = alike.take_while(|row| is_of_its_time(&row.position));
        if alike.any(|row| *row.record == arrival.record) {
            return Ok(true);
        }
    }
    let is_near = |file: &&Arc<HistoryFile>| {
        let (oldest, newest) = (file.info().oldest.time, file.info().newest.time);
        arrival.time.is_none_or(|time| oldest <= time && time <= newest)
    };
    for file in view.files.iter().filter(is_near) {
        for alike in file.newest_first(&keys, &scopes, before)? {
            let (position, place) = alike?;
            if !is_of_its_time(&position) {
                break;
            }
            if file.row(place)?.record == arrival.record {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn rows(arrivals: Vec<Arrival>, batch: BatchId) -> Vec<Row> {
    let row = |(index, arrival): (u32, Arrival)| {
        let position = Position { time: arrival.time(), sequence: Sequence { batch, index } };
        Row { position, scope: arrival.scope, record: arrival.record }
    };
    (0..).zip(arrivals).map(row).collect()
}
