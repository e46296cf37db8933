//! How long rows are kept: by when they happened, and longer where a legal hold covers them.

use std::collections::BTreeSet;
use std::time::Duration;

use model::{AccountId, BatchId, Timestamp};

use crate::file::{FileInfo, HistoryFile};
use crate::history::HistoryError;
use crate::key::Key;
use crate::lookup::Query;
use crate::position::{Position, Sequence};
use crate::scope::{Scope, ScopeFilter};

/// How far time goes on before a file with expired rows is looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Rows that expired so long ago are removed however few they are.
const LEFT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is kept whatever its age.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// What it is called.
    pub name: String,
    /// Events of these accounts; of all when there are none.
    pub accounts: BTreeSet<AccountId>,
    /// Not older than this.
    pub from: Option<Timestamp>,
    /// Not newer than this.
    pub to: Option<Timestamp>,
}

/// Which rows are kept now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Rows from here on are kept; `None` as long as nobody knows what time it is.
    pub horizon: Option<Timestamp>,
    /// Older ones are if one of these covers them.
    pub holds: Vec<Hold>,
}

/// Rows of a file that expired and that nothing holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// How many.
    pub rows: u64,
    /// When the oldest of them happened.
    pub oldest: Option<Timestamp>,
}

impl Hold {
    /// Whether a row is held.
    #[must_use]
    pub fn covers(&self, scope: &Scope, time: Timestamp) -> bool {
        self.touches(time, time)
            && (self.accounts.is_empty() || self.accounts.contains(&scope.account))
    }

    /// Whether a row between two moments may be held.
    fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        self.from.is_none_or(|begin| begin <= to) && self.to.is_none_or(|end| from <= end)
    }
}

impl Retention {
    /// What is kept at a moment, for so long.
    #[must_use]
    pub fn at(now: Timestamp, length: Duration, holds: &[Hold]) -> Retention {
        let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        let horizon = Timestamp::from_millis(now.as_millis().saturating_sub(length));
        Retention { horizon: Some(horizon), holds: holds.to_vec() }
    }

    /// Whether a row of this time is older than what is kept without a hold.
    #[must_use]
    pub fn is_old(&self, time: Timestamp) -> bool {
        self.horizon.is_some_and(|horizon| time < horizon)
    }

    /// Whether a row is kept.
    #[must_use]
    pub fn keeps(&self, scope: &Scope, time: Timestamp) -> bool {
        !self.is_old(time) || self.holds.iter().any(|hold| hold.covers(scope, time))
    }

    /// Whether no row of a file is kept.
    #[must_use]
    pub fn has_expired(&self, file: &FileInfo) -> bool {
        self.is_old(file.newest.time) && !self.may_hold(file.oldest.time, file.newest.time)
    }

    /// Whether a file that was looked at with other eyes may have many more rows to remove.
    #[must_use]
    pub fn is_worth_a_look(&self, last: &Retention) -> bool {
        let passed = self.horizon.zip(last.horizon).map(|(now, last)| now.since(last));
        self.holds != last.holds || passed.is_none_or(|passed| passed >= LOOK_EVERY)
    }

    /// What a lookup looks at: rows that are not old, and then, if there may be any, old ones that are
    /// held. Other old ones it need not pass by, one by one.
    #[must_use]
    pub fn narrow(&self, query: &Query) -> (Query, Option<Query>) {
        let Some(horizon) = self.horizon.filter(|horizon| query.from < *horizon) else {
            return (query.clone(), None);
        };
        let young = Query { from: horizon, ..query.clone() };
        let last_old = Timestamp::from_millis(horizon.as_millis() - 1);
        let (to, begin) = (query.to.min(last_old), query.from);
        let holds: Vec<&Hold> = self.holds.iter().filter(|hold| hold.touches(begin, to)).collect();
        // The first moment that any of them holds; one without has no first.
        let from = holds.iter().map(|hold| hold.from).min().flatten();
        let from = from.map_or(begin, |from| from.max(begin));
        let is_of_all = holds.iter().any(|hold| hold.accounts.is_empty());
        let of_holds = || holds.iter().flat_map(|hold| &hold.accounts);
        let is_asked = |account: &&AccountId| {
            query.scopes.accounts.as_ref().is_none_or(|asked| asked.contains(*account))
        };
        let accounts = match is_of_all {
            true => query.scopes.accounts.clone(),
            false => Some(of_holds().filter(is_asked).cloned().collect()),
        };
        let is_any = !holds.is_empty() && accounts.as_ref().is_none_or(|some| !some.is_empty());
        let scopes = ScopeFilter { accounts, ..query.scopes.clone() };
        (young, is_any.then(|| Query { scopes, from, to, ..query.clone() }))
    }

    /// Counts the rows of a file that expired and that nothing holds.
    pub fn expired_in(&self, file: &HistoryFile) -> Result<Expired, HistoryError> {
        let Some(horizon) = self.horizon else { return Ok(Expired::default()) };
        let mut held = BTreeSet::new();
        for hold in &self.holds {
            let accounts = Some(hold.accounts.clone()).filter(|accounts| !accounts.is_empty());
            let scopes = ScopeFilter { accounts, ..ScopeFilter::default() };
            for row in file.newest_first(&[Key::ALL], &scopes, before(horizon))? {
                let (position, place) = row?;
                if hold.from.is_some_and(|from| position.time < from) {
                    break;
                }
                if hold.touches(position.time, position.time) {
                    held.insert(place);
                }
            }
        }
        let mut expired = Expired::default();
        for row in file.newest_first(&[Key::ALL], &ScopeFilter::default(), before(horizon))? {
            let (position, place) = row?;
            if !held.contains(&place) {
                expired.rows += 1;
                expired.oldest = Some(position.time);
            }
        }
        Ok(expired)
    }

    /// Whether to write a file anew for its expired rows: when they are half of it, or old.
    #[must_use]
    pub fn pays(&self, expired: &Expired, file: &FileInfo) -> bool {
        let left_for = self.horizon.zip(expired.oldest).map(|(now, oldest)| now.since(oldest));
        expired.rows > 0
            && (expired.rows * 2 >= u64::from(file.rows)
                || left_for.is_some_and(|left_for| left_for >= LEFT_FOR))
    }

    /// Whether a hold may cover a row between two moments.
    #[must_use]
    pub fn may_hold(&self, from: Timestamp, to: Timestamp) -> bool {
        self.holds.iter().any(|hold| hold.touches(from, to))
    }
}

/// The position before all rows of a moment.
fn before(time: Timestamp) -> Position {
    Position { time, sequence: Sequence { batch: BatchId(0), index: 0 } }
}

#[cfg(test)]
mod tests {
    use model::Category;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_row_is_kept_for_its_time_and_longer_by_a_hold() {
        let hold = Hold {
            name: "case 7".into(),
            accounts: ["111111111111".parse().unwrap()].into(),
            from: Some(at("2026-01-01T00:00:00Z")),
            to: Some(at("2026-01-31T23:59:59Z")),
        };
        let ninety = Duration::from_secs(90 * 24 * 3600);
        let retention = Retention::at(at("2026-06-01T00:00:00Z"), ninety, &[hold]);
        for (account, time, expected) in [
            ("222222222222", "2026-03-03T00:00:00Z", true),
            ("222222222222", "2026-03-02T23:59:59Z", false),
            ("111111111111", "2026-01-01T00:00:00Z", true),
            ("111111111111", "2026-01-31T23:59:59Z", true),
            ("111111111111", "2025-12-31T23:59:59Z", false),
            ("111111111111", "2026-02-01T00:00:00Z", false),
            ("222222222222", "2026-01-15T00:00:00Z", false),
        ] {
            let scope = Scope {
                account: account.parse().unwrap(),
                region: "eu-west-1".parse().unwrap(),
                category: Category::Management,
            };
            assert_eq!(retention.keeps(&scope, at(time)), expected, "{account} {time}");
        }
        assert!(retention.may_hold(at("2025-12-01T00:00:00Z"), at("2026-01-01T00:00:00Z")));
        assert!(!retention.may_hold(at("2025-12-01T00:00:00Z"), at("2025-12-31T00:00:00Z")));
    }

    #[test]
    fn a_lookup_passes_by_what_is_old_and_not_held() {
        let day = |day: i64| Timestamp::from_millis(day * 86_400_000);
        let account = |one: &str| -> AccountId { one.parse().unwrap() };
        let (one, two) = (account("111111111111"), account("222222222222"));
        let hold = |account: &AccountId, from, to| Hold {
            name: String::new(),
            accounts: [account.clone()].into(),
            from: Some(day(from)),
            to: Some(day(to)),
        };
        let query = |from, to| Query {
            scopes: ScopeFilter::default(),
            attributes: Vec::new(),
            from: day(from),
            to: day(to),
            after: None,
            limit: 1,
        };
        let holds = vec![hold(&one, 10, 20), hold(&two, 15, 30)];
        let retention = Retention { horizon: Some(day(100)), holds };
        assert_eq!(retention.narrow(&query(100, 120)), (query(100, 120), None));
        assert_eq!(retention.narrow(&query(40, 120)), (query(100, 120), None), "no hold is so new");
        let (young, held) = retention.narrow(&query(0, 120));
        let held = held.unwrap();
        assert_eq!(young, query(100, 120));
        assert_eq!(
            (held.from, held.to),
            (day(10), Timestamp::from_millis(day(100).as_millis() - 1))
        );
        assert_eq!(held.scopes.accounts, Some([one.clone(), two].into()));
        let (_, held) = retention.narrow(&query(12, 14));
        assert_eq!(held.unwrap().scopes.accounts, Some([one].into()), "the other begins later");
        let of_other = ScopeFilter {
            accounts: Some([account("333333333333")].into()),
            ..ScopeFilter::default()
        };
        let (_, held) = retention.narrow(&Query { scopes: of_other, ..query(0, 120) });
        assert_eq!(held, None);
    }

    #[test]
    fn nothing_is_old_while_nobody_knows_the_time() {
        assert!(!Retention::default().is_old(Timestamp::EPOCH));
    }
}
