//! Keys that cost no time, and a ring on a simulated disk.
#![allow(dead_code, unused_imports)] // not every test needs all of it

mod search;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cairn_keyring::{
    Custody, FILE, Generate, KeyRing, KeyRingError, KeySettings, PublishedKey, SigningKey,
};
use disk::SimulatedDisk;
use model::{Region, Timestamp};
pub use search::shows;

pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// A moment, in seconds since 1970-01-01.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// 2026-03-09T14:05:06Z.
pub const NOW: i64 = 1_773_065_106;

pub fn days(days: i64) -> i64 {
    days * 24 * 3600
}

pub fn region(name: &str) -> Region {
    name.parse().unwrap()
}

/// More keys than any test needs.
pub static KEYS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let draw = || std::thread::spawn(|| SigningKey::generate().unwrap().to_pkcs8().unwrap());
    let drawn: Vec<_> = (0..48).map(|_| draw()).collect();
    drawn.into_iter().map(|key| key.join().unwrap().to_vec()).collect()
});

/// A disk, and the keys that are drawn on it, in order.
#[derive(Clone)]
pub struct World {
    pub disk: SimulatedDisk,
    pub drawn: Arc<AtomicUsize>,
}

impl World {
    pub fn new() -> World {
        World { disk: SimulatedDisk::new(), drawn: Arc::default() }
    }

    pub fn generate(&self) -> Generate {
        let drawn = Arc::clone(&self.drawn);
        Arc::new(move || SigningKey::from_pkcs8(&KEYS[drawn.fetch_add(1, Ordering::SeqCst)]))
    }

    /// Keys that were drawn.
    pub fn drawn(&self) -> usize {
        self.drawn.load(Ordering::SeqCst)
    }

    pub fn open_with(&self, settings: KeySettings) -> Result<KeyRing, KeyRingError> {
        KeyRing::open(Arc::new(self.disk.process()), self.generate(), settings)
    }

    pub fn ring(&self) -> KeyRing {
        self.open_with(KeySettings::default()).unwrap()
    }

    pub fn kept(&self, custody: Custody) -> Result<KeyRing, KeyRingError> {
        self.open_with(KeySettings { custody, ..KeySettings::default() })
    }

    /// The file.
    pub fn file(&self) -> Vec<u8> {
        self.disk.peek(FILE).unwrap()
    }

    /// How many private keys the file gives away.
    pub fn given_away(&self) -> usize {
        let file = self.file();
        KEYS[..self.drawn()].iter().filter(|der| shows(&file, der)).count()
    }
}

/// All keys of a Region.
pub fn all(ring: &KeyRing, of: &str) -> Vec<PublishedKey> {
    ring.published(&region(of), at(-1 << 40), at(1 << 40))
}

/// Numbers that can be repeated.
pub fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |sides| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}
