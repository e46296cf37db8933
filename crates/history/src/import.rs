//! Records that were delivered elsewhere, or before there was a history, brought into it.
//!
//! A record is known by its bytes: one that its account's history has already is left out, so that any
//! part of an import may be repeated, by whomever, after whatever crash. What is left becomes a file, and
//! has a batch of its own. One import at a time; what the journal takes later of the same bytes is an
//! event of its own, as it is without an import.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use model::{AccountId, BatchId, Event, Timestamp};

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

    /// Where a row with the same bytes is.
    fn address(&self) -> Address {
        let key = match Summary::of(&self.record).event_id {
            Some(id) => Key::of(Attribute::EventId, &id),
            None => Key::of_record(&self.record),
        };
        Address { time: self.time, account: self.scope.account.clone(), key }
    }
}

/// What rows with the same bytes have in common, and others seldom. Neighbours in time are neighbours
/// in its order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Address {
    /// That of the row, if the record says one; else the row may have any.
    time: Option<Timestamp>,
    account: AccountId,
    key: Key,
}

impl History {
    /// Brings records in: those that are new are found, and durable, when this returns.
    ///
    /// # Errors
    /// [`HistoryError::Crowded`] while too many files wait to be merged, [`HistoryError::Behind`] while
    /// the history does not have all of the journal: nothing was taken, and later the same may be. After
    /// another error it may have been taken; repeating it is harmless.
    pub fn import(&self, arrivals: Vec<Arrival>) -> Result<Imported, HistoryError> {
        self.import_once_told(arrivals, |_| Ok(()))
    }

    /// As [`History::import`], but `tell` is told before what will become of the records. When it fails
    /// nothing is brought in.
    ///
    /// # Errors
    /// Those of [`History::import`], and those of `tell`.
    pub fn import_once_told<E: From<HistoryError>>(
        &self,
        mut arrivals: Vec<Arrival>,
        tell: impl FnOnce(&Imported) -> Result<(), E>,
    ) -> Result<Imported, E> {
        let _turn = self.importing.lock().expect("a panic ends the process");
        self.may_import()?;
        // Neighbours in time are neighbours in files.
        arrivals.sort_by_key(Arrival::time);
        let settings = self.settings();
        let view = self.whole_view().ok_or(HistoryError::Behind)?;
        let mut imported = Imported::default();
        // Many different records may have one address: each row there is looked at once for all of them.
        let mut unknown: BTreeMap<Address, HashSet<Bytes>> = BTreeMap::new();
        let mut fresh = Vec::new();
        for arrival in arrivals {
            if !settings.categories.contains(&arrival.scope.category) {
                imported.not_kept += 1;
            } else if !view.retention.keeps(&arrival.scope, arrival.time()) {
                imported.expired += 1;
            } else {
                let address = arrival.address();
                let records = unknown.entry(address.clone()).or_default();
                if records.insert(arrival.record.clone()) {
                    fresh.push((address, arrival));
                } else {
                    imported.duplicates += 1;
                }
            }
        }
        for (address, records) in &mut unknown {
            remove_known(&view, address, records).inspect_err(|error| self.suspect(error))?;
        }
        let arrived = fresh.len() as u64;
        fresh.retain(|(address, arrival)| unknown[address].contains(&arrival.record));
        imported.added = fresh.len() as u64;
        imported.duplicates += arrived - imported.added;
        tell(&imported)?;
        let fresh = fresh.into_iter().map(|(_, arrival)| arrival);
        let file = self.add_import(|batch| rows(fresh, batch))?;
        let added = file.map_or(0, |file| u64::from(file.rows));
        // The calendar went on meanwhile.
        imported.expired += imported.added - added;
        imported.added = added;
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

/// Takes the records away that the history has, of those with one address.
fn remove_known(
    view: &View,
    address: &Address,
    records: &mut HashSet<Bytes>,
) -> Result<(), HistoryError> {
    let accounts = Some([address.account.clone()].into());
    let scopes = ScopeFilter { accounts, ..ScopeFilter::default() };
    let newest = address.time.unwrap_or(Timestamp::from_millis(i64::MAX));
    let before = Position { time: newest, sequence: Sequence::LAST };
    let is_of_its_time = |position: &Position| address.time.is_none_or(|at| position.time == at);
    let keys = [address.key];
    for run in &view.recent {
        let run = run.read().expect("a panic ends the process");
        let alike = run.newest_first(&keys, &scopes, before);
        for row in alike.take_while(|row| is_of_its_time(&row.position)) {
            records.remove(row.record);
            if records.is_empty() {
                return Ok(());
            }
        }
    }
    let is_near = |file: &&Arc<HistoryFile>| {
        let (oldest, newest) = (file.info().oldest.time, file.info().newest.time);
        address.time.is_none_or(|time| oldest <= time && time <= newest)
    };
    for file in view.files.iter().filter(is_near) {
        for alike in file.newest_first(&keys, &scopes, before)? {
            let (position, place) = alike?;
            if !is_of_its_time(&position) {
                break;
            }
            records.remove(&file.row(place)?.record);
            if records.is_empty() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn rows(arrivals: impl Iterator<Item = Arrival>, batch: BatchId) -> Vec<Row> {
    let row = |(index, arrival): (u32, Arrival)| {
        let position = Position { time: arrival.time(), sequence: Sequence { batch, index } };
        Row { position, scope: arrival.scope, record: arrival.record }
    };
    (0..).zip(arrivals).map(row).collect()
}
