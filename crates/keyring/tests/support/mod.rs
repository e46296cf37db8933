//! Keys that cost no time, a ring on a simulated disk, and a search for private keys.
#![allow(dead_code)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cairn_keyring::{
    Custody, FILE, Generate, KeyRing, KeyRingError, KeySettings, PublishedKey, SigningKey,
};
use disk::SimulatedDisk;
use model::{Region, Timestamp};

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

/// Whether bytes show any part of a private key, whatever they write it in.
pub fn shows(bytes: &[u8], pkcs8: &[u8]) -> bool {
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    private_parts(pkcs8).iter().any(|part| written(part).iter().any(|form| has(form)))
}

/// Raw, as hexadecimal digits, and as base64, which depends on what stands before.
fn written(part: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![part.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for before in 0..3 {
        let text = BASE64_STANDARD.encode([&[0; 3][..before], part].concat());
        let end = text.trim_end_matches('=').len();
        forms.push(text.as_bytes()[4..end - 2].to_vec());
    }
    forms
}

/// The private exponent, the primes, their exponents and the coefficient of a PKCS#8 key.
pub fn private_parts(pkcs8: &[u8]) -> Vec<Vec<u8>> {
    let whole = elements(content(pkcs8));
    let key = elements(content(whole[2]));
    let parts: Vec<Vec<u8>> = key[3..9].iter().map(|part| trimmed(part)).collect();
    assert!(parts.iter().all(|part| part.len() >= 100), "an RSA key of 2048 bits");
    parts
}

fn trimmed(integer: &[u8]) -> Vec<u8> {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    integer[zeros..].to_vec()
}

/// The content of one element of DER.
fn content(element: &[u8]) -> &[u8] {
    let (header, length) = header(element);
    &element[header..header + length]
}

/// The contents of elements that follow each other.
fn elements(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (header, length) = header(rest);
        found.push(&rest[header..header + length]);
        rest = &rest[header + length..];
    }
    found
}

/// Lengths of an element's header and content.
fn header(element: &[u8]) -> (usize, usize) {
    match element[1] {
        short @ 0..0x80 => (2, short.into()),
        long => {
            let bytes = usize::from(long & 0x7f);
            let length = element[2..2 + bytes].iter();
            (2 + bytes, length.fold(0, |length, byte| length << 8 | usize::from(*byte)))
        }
    }
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
