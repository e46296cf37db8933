//! What a tail begins with, when it asks for more than what is still to come: events that were recorded
//! before it was opened, as far as the history has them.
//!
//! They come in the order in which they were recorded, and no event comes twice: the history has those
//! up to the tail's first position, the tail those behind. Of more than [`PAST_EVENTS_MAX`] events, or
//! [`PAST_BYTES_MAX`], the newest by their times come, and how many are missing is said before them.
//!
//! An event that was recorded after a position may be older than it: events are looked for that
//! happened up to [`LATE_MAX`] before that position's batch.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use history::{Found, History, HistoryError, Query, ScopeFilter, Sequence};
use model::event::Identity;
use model::{Event, Timestamp};
use tail::{Filter, Missed, Place, Subject};

/// How far back a tail may begin.
pub const SINCE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Events of the past that a tail begins with.
pub const PAST_EVENTS_MAX: usize = 10_000;
/// Bytes of them.
const PAST_BYTES_MAX: usize = 4 << 20;
/// Tails that are told of the past at a time.
pub(super) const PASTS_MAX: usize = 4;
/// How long after it happened an event may be recorded, to be found after a position.
const LATE_MAX: Duration = Duration::from_secs(3600);
/// Rows of the history that are looked at together.
const PAGE_ROWS: usize = 64;

/// What is asked of the past.
pub(super) struct Past<'a> {
    pub(super) filter: &'a Filter,
    pub(super) from: Option<Timestamp>,
    /// Only what was recorded behind this.
    pub(super) after: Option<Place>,
    /// And what the tail itself does not tell.
    pub(super) until: Place,
}

/// Lines of the past, oldest record first, and what is missing before them.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) missed: Option<Missed>,
    pub(super) lines: Vec<(Place, Bytes)>,
}

impl Past<'_> {
    /// Looks for it, page by page; who goes away ends that with a page.
    pub(super) async fn read(&self, history: &Arc<History>) -> Result<Lines, HistoryError> {
        let mut query = self.query();
        let (mut found, mut bytes) = (Lines::default(), 0);
        loop {
            let (history, asked) = (Arc::clone(history), query.clone());
            let page = tokio::task::spawn_blocking(move || history.lookup(&asked)).await;
            let page =
                page.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
            for row in &page.rows {
                let Some((place, line)) = self.line(row) else { continue };
                bytes += line.len();
                if found.lines.len() < PAST_EVENTS_MAX && bytes <= PAST_BYTES_MAX {
                    found.lines.push((place, line));
                } else {
                    found.miss(row.position.time, place);
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        found.lines.sort_by_key(|(place, _)| *place);
        Ok(found)
    }

    fn query(&self) -> Query {
        let scope = self.filter.scope().clone();
        let late = self.after.map(|after| {
            let begun = i64::try_from(after.batch.0).unwrap_or(i64::MAX);
            let late = i64::try_from(LATE_MAX.as_millis()).expect("an hour is not ages");
            Timestamp::from_millis(begun.saturating_sub(late))
        });
        let from = self.from.into_iter().chain(late).max().unwrap_or(Timestamp::EPOCH);
        Query {
            scopes: ScopeFilter {
                accounts: scope.accounts,
                regions: scope.regions,
                categories: scope.categories,
            },
            attributes: Vec::new(),
            from,
            to: Timestamp::from_millis(i64::MAX),
            after: None,
            limit: PAGE_ROWS,
        }
    }

    /// The line of a row, if it is asked for.
    fn line(&self, row: &Found) -> Option<(Place, Bytes)> {
        let Sequence { batch, index } = row.position.sequence;
        let place = Place { batch, index };
        // What was imported has higher places than all that is recorded here, and is none of it.
        if place > self.until || self.after.is_some_and(|after| place <= after) {
            return None;
        }
        let event = Event {
            identity: Identity([0; 16]),
            account: row.scope.account.clone(),
            region: row.scope.region.clone(),
            category: row.scope.category,
            is_global: false,
            time: Some(row.position.time),
            record: row.record.clone(),
        };
        let subject = Subject::new(&event, place);
        self.filter.ready().takes(&subject).then(|| (place, subject.line()))
    }
}

impl Lines {
    fn miss(&mut self, time: Timestamp, place: Place) {
        let missed = self.missed.get_or_insert(Missed {
            events: 0,
            is_at_most: false,
            from: time,
            to: time,
            place,
        });
        missed.events += 1;
        missed.from = missed.from.min(time);
        missed.to = missed.to.max(time);
    }
}
