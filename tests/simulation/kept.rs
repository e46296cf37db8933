//! What holds for the event history, at any moment:
//!
//! 1. Each event of a kind that is kept that a caller was told is recorded is found exactly once; one
//!    that was recorded more often, as often.
//! 2. Each other event is found at most as often as it may have been recorded, or not at all.
//! 3. Records are byte for byte what was sent; nothing is invented, nothing of other kinds is kept, and
//!    nothing that expired is shown.
//! 4. No file is set aside: none was ever damaged.
//!
//! What a start found in the journal is found by lookups when it is in a file again; what is in damaged
//! segments is not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use history::{HistoryError, Position, Query, ScopeFilter};
use model::{Category, Timestamp};

use crate::calls::Call;
use crate::history::Sent;
use crate::rot;
use crate::world::{Step, World};

/// A batch is begun before its events arrive, and clocks jump by twelve hours, perhaps some times.
const SLACK: Duration = Duration::from_secs(5 * 24 * 3600);

impl World {
    /// Looks everything up that there is.
    pub fn check_kept(&mut self) -> Step {
        let history = &self.process().history;
        let report = history.report();
        if !report.lost.is_empty() {
            return Err(format!("files of the history are set aside: {:?}", report.lost));
        }
        let found = match self.find_kept() {
            Ok(found) => found,
            Err(_) if self.is_reading_faulty || self.has_ended() => return Ok(()),
            Err(error) => return Err(format!("the history does not answer: {error}")),
        };
        self.tally.count("looks at the history", 1);
        self.tally.count("rows looked at", found.len() as u64);
        let mut times: BTreeMap<usize, u64> = BTreeMap::new();
        for (position, record) in &found {
            if report.horizon.is_some_and(|horizon| position.time < horizon) {
                return Err(format!("{position:?} expired and is shown"));
            }
            let number = self.history.find(record);
            let number = number.ok_or_else(|| format!("the history invents {record:?}"))?;
            *times.entry(number).or_default() += 1;
        }
        let (unseen, asked) = (self.unseen(), self.asked());
        for (number, sent) in self.history.sent.iter().enumerate() {
            let found = times.get(&number).copied().unwrap_or(0);
            let may_be_old =
                |recorded| report.horizon.is_some_and(|horizon| recorded < horizon.plus(SLACK));
            let may_be_missing = unseen.contains(&number)
                || !report.unopened.is_empty()
                || may_be_old(sent.last_recorded);
            let mut wanted = wanted(sent);
            if sent.event.category == Category::Management {
                wanted.1 += asked.get(&number).copied().unwrap_or(0);
            }
            // The first of several times that it was recorded may have expired.
            let sure = if sent.first_sent.is_none_or(may_be_old) { 1 } else { wanted.0 };
            let least = if may_be_missing { 0 } else { wanted.0.min(sure) };
            if found < least || found > wanted.1 {
                return Err(format!(
                    "event {number} is in the history {found} times, not {wanted:?}; {report:?}"
                ));
            }
        }
        self.tally.count("looks at the history", 1);
        self.tally.count("rows looked up", found.len() as u64);
        Ok(())
    }

    /// All rows, in pages.
    fn find_kept(&self) -> Result<Vec<(Position, Vec<u8>)>, HistoryError> {
        let mut found = Vec::new();
        let mut query = Query {
            scopes: ScopeFilter::default(),
            attributes: Vec::new(),
            from: Timestamp::from_millis(i64::MIN),
            to: Timestamp::from_millis(i64::MAX),
            after: None,
            limit: 20,
        };
        loop {
            let page = self.process().history.lookup(&query)?;
            found.extend(page.rows.into_iter().map(|row| (row.position, row.record.to_vec())));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// How often events are in calls that are not answered yet.
    fn asked(&self) -> BTreeMap<usize, u64> {
        let mut asked = BTreeMap::new();
        for caller in &self.process().callers {
            let Call::Record(sendings, _) = &caller.call else { continue };
            for sending in sendings {
                *asked.entry(sending.number).or_default() += 1;
            }
        }
        asked
    }

    /// Events in segments that a start found and that are in no file since, and in damaged ones.
    fn unseen(&self) -> BTreeSet<usize> {
        let process = self.process();
        let found = process.found.iter().filter(|batch| !process.history.is_stored(**batch));
        let segments = found.map(|batch| producer::segment::path(*batch));
        let identities = segments
            .filter_map(|path| Some((self.whole(&path)?, path)))
            .flat_map(|(bytes, path)| rot::identities(&path, &bytes));
        identities.filter_map(|identity| self.history.find_identity(identity)).collect()
    }
}

/// How often an event is to be found, at least and at most.
fn wanted(sent: &Sent) -> (u64, u64) {
    if sent.event.category != Category::Management {
        return (0, 0);
    }
    let sure = sent.recordings.iter().filter(|recording| recording.is_sure).count() as u64;
    let perhaps = sent.recordings.len() as u64;
    match sent.may_repeat {
        true => (sure.max(u64::from(sent.is_promised)), perhaps),
        false => (u64::from(sent.is_promised), perhaps.min(1)),
    }
}
