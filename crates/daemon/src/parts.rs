//! The parts that are passed in and not configured: disk, clocks, randomness. The daemon has real
//! ones, a simulation its own.

use std::sync::Arc;

use disk::Disk;
use producer::Now;
use uuid::Uuid;

/// What the stages stand on. Cheap to clone.
#[derive(Clone)]
pub struct Parts {
    /// The data directory.
    pub disk: Arc<dyn Disk>,
    /// Reads both clocks.
    pub clock: Arc<dyn Fn() -> Now + Send + Sync>,
    /// Draws 64 bits that nobody can foresee.
    pub entropy: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Parts {
    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Now {
        (self.clock)()
    }

    /// A number that no other event has.
    #[must_use]
    pub fn draw(&self) -> Uuid {
        let drawn = [(self.entropy)(), (self.entropy)()].map(u64::to_le_bytes);
        let bytes = drawn.concat().try_into().expect("twice 8 bytes are 16");
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// A number from 0 to 1, for pauses that should differ.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // 53 bits are exact
    pub fn random(&self) -> f64 {
        ((self.entropy)() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
