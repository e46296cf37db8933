//! The memory that calls hold while they come in and wait for the journal: one room for all of
//! them, of which an account has half at most, so that nobody is kept out by one account, be it
//! greedy or slow.
//!
//! A call enters with what it holds at least, and waits for that in the order of arrival, for a
//! bounded time. Inside it may take more: at once if there is some, or, holding what it has, for a
//! bounded time again. So calls that wait for each other end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::AccountId;
use tokio::sync::Semaphore;

/// The room of a daemon.
pub const ROOM_BYTES: usize = 64 << 20;
/// What a call holds whatever it sends.
pub const CALL_BYTES: usize = 16 << 10;
const KIB: usize = 1 << 10;

/// There was no room in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much comes in at a time; send again in a moment")]
pub struct NoRoom;

/// The room, in KiB.
#[derive(Debug)]
pub struct Room {
    all: Semaphore,
    kib: usize,
    shares: Mutex<HashMap<AccountId, Share>>,
    waiting: AtomicUsize,
}

/// What an account may hold.
#[derive(Debug)]
struct Share {
    room: Arc<Semaphore>,
    calls: usize,
}

/// What a call holds; given back when dropped.
#[derive(Debug)]
pub struct Held {
    room: Arc<Room>,
    account: AccountId,
    share: Arc<Semaphore>,
    kib: usize,
}

/// How full the room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomState {
    /// Calls that are inside, or wait to be.
    pub calls: usize,
    /// Of these, calls that wait for room.
    pub waiting: usize,
    /// Bytes that are held.
    pub bytes: usize,
    /// Bytes that may be.
    pub bytes_max: usize,
}

impl Room {
    /// A room of so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Arc<Room> {
        let kib = bytes / KIB;
        let (all, shares, waiting) = (Semaphore::new(kib), Mutex::default(), AtomicUsize::new(0));
        Arc::new(Room { all, kib, shares, waiting })
    }

    /// Lets a call of an account in, which holds so many bytes from now on. There is
    /// never room for more than half of it all.
    pub async fn enter(
        self: &Arc<Room>,
        account: &AccountId,
        bytes: usize,
        wait_max: Duration,
    ) -> Result<Held, NoRoom> {
        let share = {
            let mut shares = self.lock();
            let share = shares.entry(account.clone()).or_insert_with(|| Share {
                room: Arc::new(Semaphore::new(self.kib / 2)),
                calls: 0,
            });
            share.calls += 1;
            Arc::clone(&share.room)
        };
        let mut held = Held { room: Arc::clone(self), account: account.clone(), share, kib: 0 };
        held.hold(bytes, wait_max).await?;
        Ok(held)
    }

    /// How full it is.
    #[must_use]
    pub fn state(&self) -> RoomState {
        RoomState {
            calls: self.lock().values().map(|share| share.calls).sum(),
            waiting: self.waiting.load(Ordering::Relaxed),
            bytes: (self.kib - self.all.available_permits()) * KIB,
            bytes_max: self.kib * KIB,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, Share>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Holds so many bytes in all, if that is possible at once.
    pub fn try_hold(&mut self, bytes: usize) -> bool {
        let Some(more) = self.missing(bytes) else { return true };
        let Ok(of_share) = self.share.try_acquire_many(more) else { return false };
        let Ok(of_all) = self.room.all.try_acquire_many(more) else { return false };
        of_share.forget();
        of_all.forget();
        self.kib += more as usize;
        true
    }

    /// Holds so many bytes in all, waiting at most so long for what is missing.
    pub async fn hold(&mut self, bytes: usize, wait_max: Duration) -> Result<(), NoRoom> {
        if self.try_hold(bytes) {
            return Ok(());
        }
        let Some(more) = self.missing(bytes) else { return Ok(()) };
        let _waiting = Counted::new(&self.room.waiting);
        let acquired = tokio::time::timeout(wait_max, async {
            // The share first: who waits for its own account's room keeps no other's.
            let of_share = self.share.acquire_many(more).await?;
            let of_all = self.room.all.acquire_many(more).await?;
            Ok::<_, tokio::sync::AcquireError>((of_share, of_all))
        });
        let (of_share, of_all) = acquired.await.map_err(|_| NoRoom)?.map_err(|_| NoRoom)?;
        of_share.forget();
        of_all.forget();
        self.kib += more as usize;
        Ok(())
    }

    /// Gives back what is more than so many bytes.
    pub fn keep(&mut self, bytes: usize) {
        let less = self.kib.saturating_sub(bytes.div_ceil(KIB));
        self.kib -= less;
        self.room.all.add_permits(less);
        self.share.add_permits(less);
    }

    fn missing(&self, bytes: usize) -> Option<u32> {
        let more = bytes.div_ceil(KIB).saturating_sub(self.kib);
        u32::try_from(more).ok().filter(|more| *more > 0)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.keep(0);
        let mut shares = self.room.lock();
        let share = shares.get_mut(&self.account).expect("a share stays while it has calls");
        share.calls -= 1;
        if share.calls == 0 {
            shares.remove(&self.account);
        }
    }
}

/// Counts as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Counted<'a> {
        count.fetch_add(1, Ordering::Relaxed);
        Counted(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
