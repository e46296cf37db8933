//! The memory that calls hold while they come in and wait for the journal: one room for all of
//! them, of which an account has half at most, so that nobody is kept out by one account, be it
//! greedy or slow.
//!
//! A call enters with what it holds at least, in the order of arrival, and waits for that for a
//! bounded time. Entering takes three quarters of the room and of an account's share at most: the
//! rest is for calls inside whose records or body turn out to be large. A call inside that finds no
//! more waits, for a bounded time again and holding what it has, for that or for the reserve,
//! whichever comes first. The reserve is for one call at a time, in the order of arrival, and is
//! more than any call needs besides what it entered with.
//!
//! So no calls wait for each other: a call that wants to enter holds nothing; a call inside waits
//! for those before it in the line for the reserve; and the one that has it waits for no memory, but
//! for its sender and the journal, each for a bounded time.
//!
//! What is counted is what a call holds for its sender: see the limits in `ARCHITECTURE.md` for what
//! is not, which is bounded by the number of connections.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::AccountId;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The room of a daemon.
pub const ROOM_BYTES: usize = 64 << 20;
/// Besides the room: for one call at a time, which may take so much more than it entered with.
pub const RESERVE_BYTES: usize = 8 << 20;
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
    all: Space,
    kib: usize,
    /// One permit: whose it is has the reserve.
    reserve: Semaphore,
    reserved_kib: AtomicUsize,
    shares: Mutex<HashMap<AccountId, Share>>,
    waiting: AtomicUsize,
}

/// Memory to be had, in permits of a KiB.
#[derive(Debug)]
struct Space {
    /// For all.
    room: Semaphore,
    /// Of it, what calls may have by entering.
    entry: Semaphore,
}

impl Space {
    fn new(kib: usize) -> Space {
        Space { room: Semaphore::new(kib), entry: Semaphore::new(kib / 4 * 3) }
    }
}

/// What an account may hold.
#[derive(Debug)]
struct Share {
    space: Arc<Space>,
    calls: usize,
}

/// What a call holds; given back when dropped.
#[derive(Debug)]
pub struct Held {
    room: Arc<Room>,
    account: AccountId,
    share: Arc<Space>,
    kib: usize,
    /// Of this, what it entered with.
    entered_kib: usize,
    has_reserve: bool,
    /// Of the reserve.
    reserved_kib: usize,
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
    /// Bytes that may be, those of the reserve included.
    pub bytes_max: usize,
}

impl RoomState {
    /// Both rooms.
    #[must_use]
    pub fn and(self, other: RoomState) -> RoomState {
        RoomState {
            calls: self.calls + other.calls,
            waiting: self.waiting + other.waiting,
            bytes: self.bytes + other.bytes,
            bytes_max: self.bytes_max + other.bytes_max,
        }
    }
}

impl Room {
    /// A room of so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Arc<Room> {
        let kib = bytes / KIB;
        Arc::new(Room {
            all: Space::new(kib),
            kib,
            reserve: Semaphore::new(1),
            reserved_kib: AtomicUsize::new(0),
            shares: Mutex::default(),
            waiting: AtomicUsize::new(0),
        })
    }

    /// Lets a call of an account in, which holds so many bytes from now on. There is never room
    /// for more than three quarters of a share, which is half of it all.
    pub async fn enter(
        self: &Arc<Room>,
        account: &AccountId,
        bytes: usize,
        wait_max: Duration,
    ) -> Result<Held, NoRoom> {
        let share = {
            let mut shares = self.lock();
            let share = shares
                .entry(account.clone())
                .or_insert_with(|| Share { space: Arc::new(Space::new(self.kib / 2)), calls: 0 });
            share.calls += 1;
            Arc::clone(&share.space)
        };
        let mut held = Held {
            room: Arc::clone(self),
            account: account.clone(),
            share,
            kib: 0,
            entered_kib: 0,
            has_reserve: false,
            reserved_kib: 0,
        };
        held.enter(bytes, wait_max).await?;
        Ok(held)
    }

    /// How full it is.
    #[must_use]
    pub fn state(&self) -> RoomState {
        RoomState {
            calls: self.lock().values().map(|share| share.calls).sum(),
            waiting: self.waiting.load(Ordering::Relaxed),
            bytes: (self.kib - self.all.room.available_permits()
                + self.reserved_kib.load(Ordering::Relaxed))
                * KIB,
            bytes_max: self.kib * KIB + RESERVE_BYTES,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, Share>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    async fn enter(&mut self, bytes: usize, wait_max: Duration) -> Result<(), NoRoom> {
        let Some(more) = self.missing(bytes) else { return Ok(()) };
        let (share, all) = (&self.share, &self.room.all);
        // The share first: who waits for its own account's room keeps no other's.
        let spaces = [&share.entry, &share.room, &all.entry, &all.room];
        if spaces.iter().any(|space| space.available_permits() < more as usize) {
            let _waiting = Counted::new(&self.room.waiting);
            let taken = tokio::time::timeout(wait_max, take(&spaces, more));
            taken.await.map_err(|_| NoRoom)??;
        } else {
            take(&spaces, more).await?;
        }
        self.kib = more as usize;
        self.entered_kib = self.kib;
        Ok(())
    }

    /// Holds so many bytes in all, if that is possible at once and without the reserve.
    pub fn try_hold(&mut self, bytes: usize) -> bool {
        if self.has_reserve {
            return false;
        }
        let Some(more) = self.missing(bytes) else { return true };
        let Ok(of_share) = self.share.room.try_acquire_many(more) else { return false };
        let Ok(of_all) = self.room.all.room.try_acquire_many(more) else { return false };
        of_share.forget();
        of_all.forget();
        self.kib += more as usize;
        true
    }

    /// Holds so many bytes in all, waiting at most so long for what is missing; at most
    /// [`RESERVE_BYTES`] more than it entered with.
    pub async fn hold(&mut self, bytes: usize, wait_max: Duration) -> Result<(), NoRoom> {
        if self.try_hold(bytes) {
            return Ok(());
        }
        let Some(more) = self.missing(bytes) else { return Ok(()) };
        if self.has_reserve {
            return self.reserve(more);
        }
        let is_room = {
            let _waiting = Counted::new(&self.room.waiting);
            let spaces = [&self.share.room, &self.room.all.room];
            let (room, reserve) = (take(&spaces, more), self.room.reserve.acquire());
            let either = async {
                tokio::select! {
                    biased;
                    taken = room => taken.map(|()| true),
                    taken = reserve => {
                        taken.map_err(|_| NoRoom)?.forget();
                        Ok(false)
                    }
                }
            };
            tokio::time::timeout(wait_max, either).await.map_err(|_| NoRoom)??
        };
        if is_room {
            self.kib += more as usize;
            return Ok(());
        }
        self.has_reserve = true;
        self.reserve(more)
    }

    /// Whether it holds what only one call may.
    #[must_use]
    pub fn has_reserve(&self) -> bool {
        self.has_reserve
    }

    /// Gives back what is more than so many bytes, the reserve first.
    pub fn keep(&mut self, bytes: usize) {
        let kib = bytes.div_ceil(KIB);
        let reserved = self.reserved_kib.min(kib.saturating_sub(self.kib));
        self.room.reserved_kib.fetch_sub(self.reserved_kib - reserved, Ordering::Relaxed);
        self.reserved_kib = reserved;
        if reserved == 0 && std::mem::take(&mut self.has_reserve) {
            self.room.reserve.add_permits(1);
        }
        let less = self.kib.saturating_sub(kib);
        self.kib -= less;
        let entry_less = self.entered_kib.saturating_sub(self.kib);
        self.entered_kib -= entry_less;
        for space in [&self.share, &self.room.all] {
            space.room.add_permits(less);
            space.entry.add_permits(entry_less);
        }
    }

    /// Takes more of the reserve, which it has.
    fn reserve(&mut self, more: u32) -> Result<(), NoRoom> {
        let reserved = self.reserved_kib + more as usize;
        if reserved > RESERVE_BYTES / KIB {
            return Err(NoRoom);
        }
        self.room.reserved_kib.fetch_add(more as usize, Ordering::Relaxed);
        self.reserved_kib = reserved;
        Ok(())
    }

    fn missing(&self, bytes: usize) -> Option<u32> {
        let more = bytes.div_ceil(KIB).saturating_sub(self.kib + self.reserved_kib);
        u32::try_from(more).ok().filter(|more| *more > 0)
    }
}

/// Takes so many permits of each, one after the other; all or none.
async fn take<'a>(spaces: &[&'a Semaphore], permits: u32) -> Result<(), NoRoom> {
    let mut taken: Vec<SemaphorePermit<'a>> = Vec::with_capacity(spaces.len());
    for space in spaces {
        taken.push(space.acquire_many(permits).await.map_err(|_| NoRoom)?);
    }
    taken.into_iter().for_each(SemaphorePermit::forget);
    Ok(())
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
