//! Mistakes planted in the glue of the tests, to show that the simulation finds them.

use delivery::Put;

use crate::dice::Dice;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The system as it is.
    None,
    /// Callers are told before the sync.
    AnswerBeforeSync,
    /// File names are drawn at random instead of derived.
    RandomNames,
    /// A segment is let go before its files are delivered.
    RetireBeforeDelivery,
    /// A change of trails does not reach the journal, so that nothing is sealed.
    ForgetSealOnTrailChange,
    /// A retired segment leaves no identities behind.
    ForgetIdentities,
    /// Some notices are taken for published and are not.
    SwallowNotices,
    /// Records are written anew on their way.
    ChangeRecords,
}

impl Mistake {
    /// What becomes of a PUT.
    pub fn in_put(self, put: &Put, dice: &Dice) -> Put {
        let mut put = put.clone();
        match self {
            Mistake::RandomNames => put.key = format!("{}-{:016x}", put.key, dice.next()),
            Mistake::ChangeRecords => put.body = crate::check::without_spaces(&put.body),
            _ => {}
        }
        put
    }
}

/// Some seed must find it, and soon, by this symptom.
fn is_found(mistake: Mistake, symptom: &str) {
    const SEEDS_MAX: u64 = 60;
    // Another symptom of the same mistake may come first: what it shows by depends on the seed.
    let shows = |seed| crate::check(seed, mistake).is_err_and(|found| found.contains(symptom));
    let is_found = (1..=SEEDS_MAX).any(shows);
    assert!(is_found, "{mistake:?} does not show by {symptom:?} in {SEEDS_MAX} seeds");
}

#[test]
fn answering_before_the_sync_is_found() {
    is_found(Mistake::AnswerBeforeSync, "does not have it");
}

#[test]
fn random_names_are_found() {
    is_found(Mistake::RandomNames, " is in (");
}

#[test]
fn retiring_before_delivery_is_found() {
    is_found(Mistake::RetireBeforeDelivery, "recorded is not unselected, delivered and waiting");
}

#[test]
fn forgetting_the_seal_when_trails_change_is_found() {
    is_found(Mistake::ForgetSealOnTrailChange, "promised: true");
}

#[test]
fn forgetting_identities_is_found() {
    is_found(Mistake::ForgetIdentities, "was recorded before");
}

#[test]
fn swallowing_notices_is_found() {
    is_found(Mistake::SwallowNotices, "was not announced");
}

#[test]
fn changing_the_bytes_of_a_record_is_found() {
    is_found(Mistake::ChangeRecords, "nobody sent");
}
