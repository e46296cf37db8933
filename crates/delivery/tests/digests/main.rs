//! Digests as a store, a disk and a clock see them: one chain, each delivered file in exactly one digest.
#![allow(clippy::unwrap_used)]

mod accidents;
mod chains;
mod ends;
mod world;
