//! What a tail begins with, when it asks for more than what is still to come: events that were recorded
//! before it was opened, as far as the history has them.
//!
//! They come in the order in which they were recorded, and no event comes twice: the history has
//! those up to the tail's first position, the tail those behind. Of more than [`PAST_EVENTS_MAX`]
//! events, or [`PAST_BYTES_MAX`], the newest by their times come, and how many are missing is said
//! before them. Of more than [`PAST_PAGES_MAX`] pages the older ones are not looked at, and that is
//! said too. So it is when the history was not whole all the while: after a crash it has the rows of
//! the last segment a moment later, and those that it has no memory for when they are in a file.
//!
//! Rows are read and compared off the async threads, [`PAGE_ROWS`] in a turn of [`Reads`].
//!
//! An event that was recorded after a position may be older than it: events are looked for that
//! happened up to [`LATE_MAX`] before that position's batch, on the newest [`LATE_PAGES_MAX`] pages of
//! those. Of that nothing is said: nearly all rows there were recorded before the position, and "some may
//! be missing" on each return to a busy installation would soon be read by nobody.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use history::{Found, History, HistoryError, Query, ScopeFilter, Sequence, Whole};
use model::event::Identity;
use model::{AccountId, Event, Timestamp};
use tail::{Filter, Missed, Place, Ready, Subject};

use crate::reads::Reads;

/// How far back a tail may begin by time.
pub const SINCE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Events of the past that a tail begins with.
pub const PAST_EVENTS_MAX: usize = 10_000;
/// Bytes of them: a tail holds them until its reader has them, as it holds its queue.
const PAST_BYTES_MAX: usize = 1 << 20;
/// Pages of the history that are looked at for it: a million rows, if they are not large.
const PAST_PAGES_MAX: usize = 4_096;
/// How long after it happened an event may be recorded, to be found after a position.
const LATE_MAX: Duration = Duration::from_secs(3600);
/// Pages that are looked at for such events.
const LATE_PAGES_MAX: usize = 64;
/// Rows of the history that are looked at together.
const PAGE_ROWS: usize = 256;

/// What is asked of the past.
#[derive(Clone, Debug)]
pub(super) struct Past {
    pub(super) filter: Filter,
    pub(super) from: Option<Timestamp>,
    /// Only what was recorded behind this.
    pub(super) after: Option<Place>,
    /// And what the tail itself does not tell.
    pub(super) until: Place,
    /// When it is asked.
    pub(super) now: Timestamp,
}

/// Lines of the past, oldest record first, and what is missing before them.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) missed: Option<Missed>,
    /// Whether more may be missing: not all was seen between these times.
    pub(super) is_at_least: bool,
    pub(super) lines: Vec<(Place, Bytes)>,
}

/// What was found so far.
struct Walk {
    past: Past,
    query: Query,
    pages_left: usize,
    /// Whether all rows were found when it began.
    whole: Option<Whole>,
    bytes: usize,
    found: Lines,
}

impl Past {
    /// Looks for it, in the turns of an account. Dropped, it ends with a page.
    pub(super) async fn read(
        self,
        history: Arc<History>,
        reads: Arc<Reads>,
        account: AccountId,
    ) -> Result<Lines, HistoryError> {
        self.read_pages(history, reads, account, PAST_PAGES_MAX).await
    }

    /// As [`Past::read`], of so many pages.
    async fn read_pages(
        self,
        history: Arc<History>,
        reads: Arc<Reads>,
        account: AccountId,
        pages_max: usize,
    ) -> Result<Lines, HistoryError> {
        let mut walk = Walk::new(self, &history, pages_max);
        loop {
            let turn = reads.turn(&account).await;
            let read = Arc::clone(&history);
            let walked = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                walk.page(&read).map(|is_over| (walk, is_over))
            });
            let walked = walked.await;
            let is_over;
            (walk, is_over) =
                walked.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
            if is_over {
                break;
            }
        }
        Ok(walk.end(&history))
    }

    /// When the batch of `after` began: what happened before that and is asked for was recorded late.
    fn begun(&self) -> Option<Timestamp> {
        let after = self.after?;
        Some(Timestamp::from_millis(i64::try_from(after.batch.0).unwrap_or(i64::MAX)))
    }

    fn query(&self) -> Query {
        let scope = self.filter.scope().clone();
        let late = self.begun().map(|begun| {
            let late = i64::try_from(LATE_MAX.as_millis()).expect("an hour is not ages");
            Timestamp::from_millis(begun.as_millis().saturating_sub(late))
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
    fn line(&self, filter: &Ready<'_>, row: &Found) -> Option<(Place, Bytes)> {
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
        filter.takes(&subject).then(|| (place, subject.line()))
    }
}

impl Walk {
    fn new(past: Past, history: &History, pages_left: usize) -> Walk {
        let (query, whole, found) = (past.query(), history.whole(), Lines::default());
        Walk { past, query, pages_left, whole, bytes: 0, found }
    }

    /// Looks at a page; true when it was the last one.
    fn page(&mut self, history: &History) -> Result<bool, HistoryError> {
        let page = history.lookup(&self.query)?;
        let filter = self.past.filter.ready();
        for row in &page.rows {
            let Some((place, line)) = self.past.line(&filter, row) else { continue };
            self.bytes += line.len();
            if self.found.lines.len() < PAST_EVENTS_MAX && self.bytes <= PAST_BYTES_MAX {
                self.found.lines.push((place, line));
            } else {
                self.found.miss(&Missed::one(row.position.time, place));
            }
        }
        let Some(next) = page.next else { return Ok(true) };
        let is_late = self.past.begun().is_some_and(|begun| next.time < begun);
        if is_late {
            // The page on which these begin is one more.
            self.pages_left = self.pages_left.min(LATE_PAGES_MAX + 1);
        }
        self.pages_left = self.pages_left.saturating_sub(1);
        if self.pages_left == 0 {
            if !is_late {
                self.miss_some(next.time);
            }
            return Ok(true);
        }
        self.query.after = Some(next);
        Ok(false)
    }

    /// Nobody knows how many are missing up to a moment.
    fn miss_some(&mut self, to: Timestamp) {
        let from = self.query.from;
        let none = Missed { events: 0, from, to, ..Missed::one(from, self.past.until) };
        self.found.miss(&none);
        self.found.is_at_least = true;
    }

    /// What was found, when the last page was looked at.
    fn end(mut self, history: &History) -> Lines {
        if self.whole.is_none() || self.whole != history.whole() {
            self.miss_some(self.past.now.max(self.query.from));
        }
        self.found.lines.sort_by_key(|(place, _)| *place);
        self.found
    }
}

impl Lines {
    fn miss(&mut self, missed: &Missed) {
        match &mut self.missed {
            Some(before) => before.add(missed),
            None => self.missed = Some(*missed),
        }
    }
}

#[cfg(test)]
mod tests {
    use disk::SimulatedDisk;
    use model::{BatchId, Sender};
    use serde_json::json;
    use tail::Scope;

    use super::*;

    const ACCOUNT: &str = "111111111111";

    fn now() -> Timestamp {
        Timestamp::from_millis(1_000_000)
    }

    fn event(index: u32) -> Event {
        event_of(index, index)
    }

    fn event_of(index: u32, second: u32) -> Event {
        let time = Timestamp::from_millis(i64::from(second) * 1000).to_iso_seconds();
        let name = if index.is_multiple_of(2) { "GetThing" } else { "PutThing" };
        let record = json!({ "eventID": index.to_string(), "eventTime": time, "eventName": name });
        let sender =
            Sender { account: ACCOUNT.parse().unwrap(), region: "us-east-1".parse().unwrap() };
        Event::from_record(record.to_string().into(), &sender).unwrap().event
    }

    fn open(unretired: &[BatchId]) -> History {
        let disk = Arc::new(SimulatedDisk::new());
        History::open(disk, history::Settings::default(), unretired).unwrap()
    }

    /// The first `count` seconds after 1970, of which every second one puts.
    fn history(count: u32) -> Arc<History> {
        let history = open(&[]);
        let events: Vec<Event> = (0..count).map(event).collect();
        history.committed(BatchId(5), 0, &events);
        Arc::new(history)
    }

    /// All that puts.
    fn past(count: u32) -> Past {
        Past {
            filter: Filter::new(Scope::default(), &["eventName=Put*"], None).unwrap(),
            from: Some(Timestamp::EPOCH),
            after: None,
            until: Place { batch: BatchId(5), index: count },
            now: now(),
        }
    }

    async fn read(count: u32, pages_max: usize) -> Lines {
        let account = ACCOUNT.parse().unwrap();
        past(count).read_pages(history(count), Reads::new(1), account, pages_max).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_not_looked_at_is_told_as_missed() {
        let page = u32::try_from(PAGE_ROWS).unwrap();
        let all = read(3 * page, 3).await;
        assert_eq!((all.lines.len(), all.missed), (3 * PAGE_ROWS / 2, None));
        let some = read(3 * page, 2).await;
        assert_eq!((some.lines.len(), some.is_at_least), (PAGE_ROWS, true), "the newest");
        let missed = some.missed.unwrap();
        let last_seen = Timestamp::from_millis(i64::from(page) * 1000);
        assert_eq!((missed.events, missed.from, missed.to), (0, Timestamp::EPOCH, last_seen));
    }

    /// Resumed at the end of a batch that began in that second, of full pages; how many are looked at.
    fn resume(begun: u64, pages: usize, per_second: u32, pages_max: usize) -> (usize, Lines) {
        let batch = BatchId(begun * 1000);
        let rows = u32::try_from(pages * PAGE_ROWS).unwrap();
        let events: Vec<Event> = (0..rows).map(|row| event_of(row, row / per_second)).collect();
        let history = open(&[]);
        history.committed(batch, 0, &events);
        let after = Place { batch, index: rows - 1 };
        let past = Past { from: None, after: Some(after), until: after, ..past(rows) };
        let mut walk = Walk::new(past, &history, pages_max);
        let looked = (1..).find(|_| walk.page(&history).unwrap()).unwrap();
        (looked, walk.end(&history))
    }

    #[test]
    fn who_comes_again_misses_nothing_when_all_since_the_batch_was_seen() {
        let page = u64::try_from(PAGE_ROWS).unwrap();
        let (looked, lines) = resume(2 * page, 3, 1, 1);
        assert_eq!((looked, lines.missed.map(|missed| missed.events)), (1, Some(0)));
        assert!(lines.is_at_least, "more may have happened in the moment when the batch began");
        let (looked, lines) = resume(2 * page + 1, 3, 1, 1);
        assert_eq!((looked, lines.missed, lines.is_at_least), (1, None, false));
    }

    #[test]
    fn what_was_recorded_late_is_looked_for_on_few_pages() {
        let (begun, pages) = (3_000, LATE_PAGES_MAX + 3);
        let (looked, lines) = resume(begun, pages, 16, PAST_PAGES_MAX);
        assert_eq!((looked, lines.missed), (LATE_PAGES_MAX + 1, None));
    }

    fn check_that_some_is_missed(lines: &Lines) {
        let missed = lines.missed.unwrap();
        assert_eq!((missed.events, missed.from, missed.to), (0, Timestamp::EPOCH, now()));
        assert!(lines.is_at_least);
    }

    #[tokio::test]
    async fn what_the_history_has_only_later_is_told_as_missed() {
        // As after a crash, until the last segment is in a file.
        let history = Arc::new(open(&[BatchId(5)]));
        let (past, account) = (past(1), ACCOUNT.parse().unwrap());
        let lines = past.read(history, Reads::new(1), account).await.unwrap();
        check_that_some_is_missed(&lines);
        assert!(lines.lines.is_empty());
    }

    #[test]
    fn what_was_out_of_sight_for_a_while_is_told_as_missed() {
        let history = open(&[]);
        history.committed(BatchId(5), 0, &[event(1)]);
        let walk = || Walk::new(past(1), &history, 1);
        assert_eq!(walk().end(&history).missed, None);
        let disturbed = walk();
        history.configure(history::Settings { memory_bytes: 0, ..Default::default() });
        history.committed(BatchId(6), 0, &[event(2)]);
        check_that_some_is_missed(&walk().end(&history));
        history.store::<HistoryError>(BatchId(5), 1, || Ok(Vec::new())).unwrap();
        assert_eq!(walk().end(&history).missed, None, "all is found again");
        check_that_some_is_missed(&disturbed.end(&history));
    }
}
