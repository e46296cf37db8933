//! What must hold for every parser of outside bytes, whatever the bytes are.
//!
//! A [`Target`] is a function over any bytes that panics when a property fails: not only that
//! nothing panics, but that what is accepted is what it says it is, by a second, simpler reading.
//! Three drivers share the targets:
//!
//! * the test `short`, in `make test`: seeds, kept regressions, and seeded mutations of both;
//! * `make fuzz`: the same targets for as long as one likes, guided by coverage (libFuzzer);
//! * one file again: `make fuzz TARGET=record INPUT=file`.
//!
//! An input that broke something is minimised, written to a file and, once mended, kept in
//! `seeds/TARGET/`. Nothing here draws randomness but from a seed that is printed.

pub mod bodies;
pub mod configuration;
pub mod files;
pub mod history;
pub mod integrity;
pub mod json;
pub mod mutate;
pub mod policies;
pub mod proofs;
pub mod reading;
pub mod records;
pub mod signature;
pub mod text;

/// Something that reads outside bytes, and what must hold of it.
#[derive(Clone, Copy)]
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Reads an input; panics when a property fails.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that mean something to it.
    pub words: &'static [&'static str],
    /// Mutated inputs that the short run tries.
    pub short_runs: u64,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    records::RECORD,
    records::LIMITS,
    records::ACTIVITY,
    records::SELECTORS,
    bodies::SPLITTER,
    bodies::LONG_RECORDS,
    bodies::BULK,
    bodies::PUT_AUDIT_EVENTS,
    files::SEGMENT,
    files::JOURNAL,
    files::SPOOL,
    files::LOG_FILE,
    files::REGISTRY,
    history::INDEX,
    policies::POLICY,
    reading::ANNOUNCEMENT,
    reading::UNPACK,
    proofs::PROOF,
    configuration::CONFIGURATION,
    text::TEXT,
    signature::SIGNATURE,
    signature::CHUNKS,
    integrity::DIGEST,
    integrity::KEYS,
];

/// The target of a name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
