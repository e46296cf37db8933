//! The consumer as a whole, against services in memory, with time that stands still unless
//! everything waits: minutes of heartbeat and hours of outage take no time.

mod announcements;
mod delivery;
mod duplicates;
mod memory_objects;
mod memory_queue;
mod outages;
mod poison;
mod stopping;
mod traps;
mod unpacking;
mod visibility;
mod wire;
mod world;
