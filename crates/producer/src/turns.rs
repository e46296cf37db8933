//! Whose call is next: one queue for each account, served in turns of equal size, so that an
//! account that sends much waits behind itself and not before the others.
//!
//! In its turn an account is served until the cost of its calls is above [`TURN_COST`]; what the
//! last of them costs too much is taken off its next turns (surplus round robin, as in Shreedhar and
//! Varghese's deficit round robin, without a look ahead). An account of which nothing waits is
//! forgotten, and what it took too much with it: it comes back behind all others, with a turn like
//! theirs. What holds at any time:
//!
//! - a call that finds no other of its account waits for one turn of each account before it:
//!   [`TURN_COST`] and the last call of the turn, at most;
//! - calls of one account keep their order;
//! - an account that waits alone has all turns, and whenever something waits there is a next call.
//!
//! [`Turns::part`] draws a line behind all that waits: nothing that comes later is served before
//! [`Turns::pass`] says that the line may be crossed.

use std::collections::{BTreeMap, VecDeque};

use model::AccountId;

/// What an account is served in one turn, in the unit of the costs (bytes).
pub const TURN_COST: usize = 64 << 10;
const TURN_CREDIT: i64 = TURN_COST as i64;

/// Calls that wait, by account. Ordered by account where order is free: a simulation repeats it.
#[derive(Debug)]
pub struct Turns<T> {
    accounts: BTreeMap<AccountId, Account<T>>,
    /// Accounts that may be served: those whose first call is before the line.
    ring: VecDeque<AccountId>,
    /// Lines drawn and crossed so far.
    lines_drawn: u64,
    lines_crossed: u64,
    calls: usize,
    cost: usize,
}

#[derive(Debug)]
struct Account<T> {
    calls: VecDeque<Waiting<T>>,
    cost: usize,
    /// What is left of its turn; below zero, what it took too much.
    credit: i64,
}

#[derive(Debug)]
struct Waiting<T> {
    number: u64,
    cost: usize,
    /// The lines drawn before it came.
    lines: u64,
    call: T,
}

impl<T> Default for Turns<T> {
    fn default() -> Turns<T> {
        Turns {
            accounts: BTreeMap::new(),
            ring: VecDeque::new(),
            lines_drawn: 0,
            lines_crossed: 0,
            calls: 0,
            cost: 0,
        }
    }
}

impl<T> Turns<T> {
    /// How many calls wait.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// What they cost together.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// A call comes, behind those of its account. Its number is its alone, by which it may be
    /// withdrawn.
    pub fn push(&mut self, account: &AccountId, number: u64, cost: usize, call: T) {
        let lines = self.lines_drawn;
        let waiting = Waiting { number, cost, lines, call };
        self.calls += 1;
        self.cost += cost;
        if let Some(account) = self.accounts.get_mut(account) {
            account.cost += cost;
            account.calls.push_back(waiting);
            return;
        }
        let calls = VecDeque::from([waiting]);
        self.accounts.insert(account.clone(), Account { calls, cost, credit: TURN_CREDIT });
        if lines == self.lines_crossed {
            self.ring.push_back(account.clone());
        }
    }

    /// The next call, and its cost; `None` when none waits before the line.
    pub fn pop(&mut self) -> Option<(T, usize)> {
        loop {
            let name = self.ring.front()?.clone();
            let account = self.accounts.get_mut(&name).expect("an account of the ring waits");
            if account.credit <= 0 {
                let is_alone = self.ring.len() == 1;
                account.credit = if is_alone { TURN_CREDIT } else { account.credit + TURN_CREDIT };
                self.ring.rotate_left(1);
                continue;
            }
            let is_served = account.calls.front().is_some_and(|c| c.lines == self.lines_crossed);
            if !is_served {
                self.ring.pop_front();
                continue;
            }
            let waiting = account.calls.pop_front().expect("it was looked at");
            account.credit -= i64::try_from(waiting.cost).unwrap_or(i64::MAX / 2);
            return Some(self.left(&name, waiting));
        }
    }

    /// Takes a call back, if it still waits.
    pub fn withdraw(&mut self, account: &AccountId, number: u64) -> Option<T> {
        let calls = &mut self.accounts.get_mut(account)?.calls;
        // Numbers grow, in whose order calls come.
        let place = calls.binary_search_by_key(&number, |waiting| waiting.number).ok()?;
        let waiting = calls.remove(place).expect("it was found there");
        Some(self.left(account, waiting).0)
    }

    /// The account that has most waiting, and its cost. Of several the one whose newest call came
    /// last: whoever has waited longer is not pushed out by an equal.
    #[must_use]
    pub fn heaviest(&self) -> Option<(&AccountId, usize)> {
        let newest = |account: &Account<T>| account.calls.back().map(|waiting| waiting.number);
        let heaviest =
            self.accounts.iter().max_by_key(|(_, account)| (account.cost, newest(account)));
        heaviest.map(|(name, account)| (name, account.cost))
    }

    /// Takes the newest call of an account out.
    pub fn pop_newest(&mut self, account: &AccountId) -> Option<T> {
        let waiting = self.accounts.get_mut(account)?.calls.pop_back()?;
        Some(self.left(account, waiting).0)
    }

    /// Draws a line: what comes later is not served before [`Turns::pass`] crosses it.
    pub fn part(&mut self) {
        self.lines_drawn += 1;
    }

    /// Crosses the first line, before which nothing waits any more.
    pub fn pass(&mut self) {
        self.lines_crossed += 1;
        let is_served = |account: &Account<T>| {
            account.calls.front().is_some_and(|waiting| waiting.lines == self.lines_crossed)
        };
        let served = self.accounts.iter().filter(|(_, account)| is_served(account));
        self.ring = served.map(|(name, _)| name.clone()).collect();
    }

    /// Books a call that is out of its queue.
    fn left(&mut self, name: &AccountId, waiting: Waiting<T>) -> (T, usize) {
        self.calls -= 1;
        self.cost -= waiting.cost;
        let account = self.accounts.get_mut(name).expect("its call was just in it");
        account.cost -= waiting.cost;
        if account.calls.is_empty() {
            self.accounts.remove(name);
            self.ring.retain(|waiting| waiting != name);
        }
        (waiting.call, waiting.cost)
    }
}
