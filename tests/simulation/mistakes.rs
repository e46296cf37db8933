//! Mistakes planted in what surrounds the stages, to show that the simulation finds them.

use delivery::Put;

use crate::dice::Dice;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The system as it is.
    None,
    /// Syncs of segments do nothing: callers are told before.
    AnswerBeforeSync,
    /// Names in the journal are never synced.
    SkipDirectorySyncs,
    /// What a start finds and writes is not synced before names are derived from it.
    TrustWhatAStartFinds,
    /// A sync that failed is tried once more, and believed.
    RetryFailedSync,
    /// A parked file is not synced, and its batch is retired.
    ParkWithoutSync,
    /// A damaged segment is read as if a crash had torn its tail.
    TakeRotForATornTail,
    /// A file that was refused for too long is removed instead of kept.
    DropExpired,
    /// A retired segment leaves no identities behind.
    ForgetIdentities,
    /// File names are drawn at random instead of derived.
    RandomNames,
    /// An object that exists counts as ours, whatever it holds.
    TakeExistingForOurs,
    /// A PUT replaces what is there.
    ReplaceObjects,
    /// A call that gets no answer waits for ever.
    HangForEver,
    /// Records are written anew on their way.
    ChangeRecords,
    /// Some notices are taken for published and are not.
    SwallowNotices,
    /// A segment is let go before its files are delivered.
    RetireBeforeDelivery,
    /// A change of trails does not reach the journal, so that nothing is sealed.
    ForgetSealOnTrailChange,
    /// A batch is retired before the receipts of its files are durable.
    RetireBeforeReceipts,
    /// A parked file is forgotten before its receipt is durable.
    ForgetBeforeReceipt,
    /// A chain goes on before its digest is in the bucket.
    SaveChainBeforePut,
    /// A digest is put that is not prepared on disk.
    PutUnprepared,
    /// Receipts are let go before anything of their digest is on disk.
    LetReceiptsGoFirst,
    /// A digest lists only what has a time after its start.
    ListByTime,
    /// A batch is retired before the history's manifest names its file.
    RetireBeforeStored,
    /// The manifest names a table that is not synced.
    NameUnsyncedTables,
    /// What a merge was made of is removed before the manifest names the merged file.
    RemoveMergedFirst,
    /// Rows leave the memory when their batch is sealed, not when it is in a file.
    DropRowsWhenSealed,
}

impl Mistake {
    /// What becomes of a PUT.
    pub fn in_put(self, put: &Put, dice: &Dice) -> Put {
        let mut put = put.clone();
        match self {
            Mistake::RandomNames => put.key = format!("{}-{:016x}", put.key, dice.next()),
            Mistake::ChangeRecords => put.body = crate::verdict::without_spaces(&put.body),
            _ => {}
        }
        put
    }
}

/// Some seed must find it, and soon, by one of these symptoms; without it the seed finds nothing.
fn is_found(mistake: Mistake, symptoms: &[&str]) {
    const SEEDS_MAX: u64 = 150;
    // Another symptom may come first: what a mistake shows by depends on the seed.
    let shows = |error: String| symptoms.iter().any(|symptom| error.contains(symptom));
    let is_found = |seed: &u64| crate::seeds::check(*seed, mistake).is_err_and(shows);
    let seed = (1..=SEEDS_MAX).find(is_found);
    let seed = seed
        .unwrap_or_else(|| panic!("{mistake:?} shows not by {symptoms:?} in {SEEDS_MAX} seeds"));
    crate::seeds::check(seed, Mistake::None).unwrap();
}

#[test]
fn answering_before_the_sync_is_found() {
    is_found(Mistake::AnswerBeforeSync, &["is damaged without rot", "has it 0 times"]);
}

#[test]
fn names_that_are_not_synced_are_found() {
    is_found(Mistake::SkipDirectorySyncs, &["is damaged without rot", "has it 0 times"]);
}

#[test]
fn trusting_what_a_start_finds_is_found() {
    is_found(Mistake::TrustWhatAStartFinds, &["has it 2 times", "is damaged without rot"]);
}

#[test]
fn retrying_a_failed_sync_is_found() {
    is_found(Mistake::RetryFailedSync, &["was retried into success"]);
}

#[test]
fn parking_without_a_sync_is_found() {
    is_found(Mistake::ParkWithoutSync, &["was given up too early"]);
}

#[test]
fn taking_rot_for_a_torn_tail_is_found() {
    is_found(Mistake::TakeRotForATornTail, &["has it 2 times", "has it 0 times"]);
}

#[test]
fn dropping_what_is_given_up_is_found() {
    is_found(Mistake::DropExpired, &["set aside are"]);
}

#[test]
fn forgetting_identities_is_found() {
    is_found(Mistake::ForgetIdentities, &["was recorded before"]);
}

#[test]
fn random_names_are_found() {
    is_found(Mistake::RandomNames, &["was announced and is not there", "has it 2 times"]);
}

#[test]
fn taking_any_object_for_ours_is_found() {
    is_found(Mistake::TakeExistingForOurs, &["was announced and is not there", "has it 0 times"]);
}

#[test]
fn replacing_objects_is_found() {
    is_found(Mistake::ReplaceObjects, &["was replaced"]);
}

#[test]
fn waiting_for_ever_is_found() {
    is_found(Mistake::HangForEver, &["does not reach", "waits for ever"]);
}

#[test]
fn changing_the_bytes_of_a_record_is_found() {
    is_found(Mistake::ChangeRecords, &["nobody sent"]);
}

#[test]
fn swallowing_notices_is_found() {
    is_found(Mistake::SwallowNotices, &["or it was not announced"]);
}

#[test]
fn retiring_before_delivery_is_found() {
    is_found(Mistake::RetireBeforeDelivery, &["recorded is not unselected, delivered and waiting"]);
}

#[test]
fn forgetting_the_seal_when_trails_change_is_found() {
    is_found(Mistake::ForgetSealOnTrailChange, &["promised: true"]);
}

#[test]
fn retiring_a_batch_before_its_receipts_are_kept_is_found() {
    is_found(Mistake::RetireBeforeReceipts, &["is in no digest"]);
}

#[test]
fn forgetting_a_parked_file_before_its_receipt_is_kept_is_found() {
    is_found(Mistake::ForgetBeforeReceipt, &["is in no digest"]);
}

#[test]
fn going_on_before_a_digest_is_put_is_found() {
    is_found(Mistake::SaveChainBeforePut, &["its previous one is not there"]);
}

#[test]
fn putting_a_digest_that_is_not_prepared_is_found() {
    is_found(Mistake::PutUnprepared, &["a fork", "is listed twice"]);
}

#[test]
fn letting_receipts_go_before_their_digest_is_safe_is_found() {
    is_found(Mistake::LetReceiptsGoFirst, &["a fork", "is in no digest", "is listed twice"]);
}

#[test]
fn listing_by_time_is_found() {
    is_found(Mistake::ListByTime, &["is in no digest"]);
}

#[test]
fn retiring_a_batch_before_the_history_has_it_is_found() {
    is_found(Mistake::RetireBeforeStored, &["is in the history 0 times", "are set aside"]);
}

#[test]
fn naming_tables_that_are_not_synced_is_found() {
    is_found(Mistake::NameUnsyncedTables, &["are set aside"]);
}

#[test]
fn removing_what_is_merged_too_early_is_found() {
    is_found(Mistake::RemoveMergedFirst, &["are set aside"]);
}

#[test]
fn dropping_rows_that_are_in_no_file_is_found() {
    is_found(Mistake::DropRowsWhenSealed, &["is in the history 0 times"]);
}
