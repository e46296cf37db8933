//! Reading the history: so many pages at a time, for lookups, downloads and tails together.
//!
//! Pages are read off the async threads, and each is bounded, so that a turn is short. Who wants
//! one waits by account, as calls wait for the journal ([`Turns`]): behind one page of each other
//! account, however many pages those want. An account that wants some alone has all turns.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::AccountId;
use producer::turns::{TURN_COST, Turns};
use tokio::sync::oneshot;

/// The turns of a daemon.
#[derive(Debug)]
pub struct Reads(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    waiting: Turns<oneshot::Sender<Turn>>,
    /// Number of the next who comes.
    next: u64,
}

/// A turn; given back when dropped. Whoever reads holds it where it reads, so that a reader that
/// goes away gives nothing back while its page is still being read.
#[derive(Debug)]
pub struct Turn(Arc<Reads>);

/// Somebody who waits; takes that back when dropped.
struct Waiting<'a> {
    reads: &'a Arc<Reads>,
    account: &'a AccountId,
    number: u64,
    turn: oneshot::Receiver<Turn>,
}

impl Reads {
    /// So many pages at a time.
    #[must_use]
    pub fn new(at_a_time: usize) -> Arc<Reads> {
        Arc::new(Reads(Mutex::new(State { free: at_a_time, waiting: Turns::default(), next: 0 })))
    }

    /// As many as keep all cores busy, and more would only take memory. Intake has threads of its
    /// own.
    #[must_use]
    pub fn of_all_cores() -> Arc<Reads> {
        Reads::new(std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2)))
    }

    /// Waits for a turn of an account.
    pub async fn turn(self: &Arc<Reads>, account: &AccountId) -> Turn {
        let mut waiting = self.wait(account);
        self.hand_out();
        (&mut waiting.turn).await.expect("who waits is given a turn")
    }

    fn wait<'a>(self: &'a Arc<Reads>, account: &'a AccountId) -> Waiting<'a> {
        let (sender, turn) = oneshot::channel();
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.waiting.push(account, number, TURN_COST, sender);
        Waiting { reads: self, account, number, turn }
    }

    /// Gives the turns that are free to those who are next.
    fn hand_out(self: &Arc<Reads>) {
        loop {
            let mut state = self.lock();
            if state.free == 0 {
                return;
            }
            let Some((next, _)) = state.waiting.pop() else { return };
            state.free -= 1;
            drop(state);
            // One that went away meanwhile gives it back by this.
            let _ = next.send(Turn(Arc::clone(self)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.hand_out();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.reads.lock().waiting.withdraw(self.account, self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;

    use super::*;

    fn account(number: usize) -> AccountId {
        format!("{number:012}").parse().unwrap()
    }

    /// Somebody of an account who waits, until it is dropped.
    fn wait(reads: &Arc<Reads>, number: usize) -> BoxFuture<'static, Turn> {
        let (reads, account) = (Arc::clone(reads), account(number));
        let mut waiting = async move { reads.turn(&account).await }.boxed();
        assert!((&mut waiting).now_or_never().is_none(), "all turns are taken");
        waiting
    }

    fn take(reads: &Arc<Reads>, number: usize) -> Turn {
        reads.turn(&account(number)).now_or_never().expect("a turn is free")
    }

    #[test]
    fn an_account_has_all_turns_alone_and_others_wait_for_one_of_its_pages() {
        let reads = Reads::new(2);
        let (first, second) = (take(&reads, 1), take(&reads, 1));
        let mut greedy: Vec<_> = (0..100).map(|_| wait(&reads, 1)).collect();
        let mut other = wait(&reads, 2);
        drop(first);
        let third = greedy.remove(0).now_or_never().expect("it was there before");
        drop(second);
        let turn = (&mut other).now_or_never().expect("it is behind one page of the other account");
        assert!(greedy.iter_mut().all(|one| one.now_or_never().is_none()));
        drop((turn, third));
        assert!(
            greedy.remove(0).now_or_never().is_some() && greedy.remove(0).now_or_never().is_some()
        );
    }

    #[test]
    fn who_goes_away_takes_no_turn_along() {
        let reads = Reads::new(1);
        let turn = take(&reads, 1);
        let (gone, handed, kept) = (wait(&reads, 1), wait(&reads, 1), wait(&reads, 1));
        drop(gone);
        assert_eq!(reads.lock().waiting.calls(), 2);
        drop(turn);
        // It was given a turn that it did not take.
        drop(handed);
        assert!(kept.now_or_never().is_some());
        drop(take(&reads, 2));
        let state = reads.lock();
        assert_eq!((state.free, state.waiting.calls()), (1, 0));
    }
}
