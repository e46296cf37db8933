//! Proofs made of buckets, whole and not.

use std::sync::Arc;

use model::{Digest, DigestKind, Timestamp};

use super::tests::{
    BUCKET, ID, KEY, digest, folder, gzip, key_of, listed, log_text, name, signature,
};
use super::{Link, Made, MakeError, NotFound, Proof, Search};
use crate::source::{Memory, Metadata, Source, Stored};

/// The ends of the digests; the second lists the record.
const ENDS: [&str; 4] = [
    "2026-03-08T23:29:23Z",
    "2026-03-09T00:29:23Z",
    "2026-03-09T01:29:23Z",
    "2026-03-09T02:29:23Z",
];

fn log_key(number: usize) -> String {
    format!(
        "AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/09/111111111111_CloudTrail_eu-west-1_20260309T0005Z_aB3dE6gH9jK2mN5{number}.json.gz"
    )
}

fn store(bytes: Vec<u8>, metadata: Option<Metadata>) -> Stored {
    Stored { bytes: bytes.into(), metadata, modified: None }
}

/// A chain of four digests, each with two log files; one of those of the second has the record.
struct Bucket {
    memory: Memory,
    digests: Vec<Digest>,
}

impl Bucket {
    fn new() -> Bucket {
        let mut bucket = Bucket { memory: Memory::default(), digests: Vec::new() };
        let mut before: Option<(Digest, String)> = None;
        for (hour, end) in ENDS.into_iter().enumerate() {
            let name = name(end, DigestKind::Standard);
            let previous = before.as_ref().map(|(digest, signature)| (digest, signature.as_str()));
            let mut digest = digest(&name, previous);
            for number in [2 * hour, 2 * hour + 1] {
                let text = if number == 3 { log_text() } else { r#"{"Records":[]}"#.into() };
                digest.log_files.push(listed(&log_key(number), &text));
                bucket.put(&log_key(number), store(gzip(text.as_bytes()), Some(Metadata::new())));
            }
            let signature = signature(&digest, &KEY);
            let metadata = [("signature", &*signature), ("signature-algorithm", "SHA256withRSA")];
            let metadata = metadata.map(|(name, value)| (name.into(), value.into())).into();
            bucket.put(&digest.digest_s3_object, store(gzip(&digest.to_bytes()), Some(metadata)));
            bucket.digests.push(digest.clone());
            before = Some((digest, signature));
        }
        bucket
    }

    fn put(&mut self, key: &str, stored: Stored) {
        self.memory.objects.insert((BUCKET.into(), key.into()), stored);
    }

    fn digest(&mut self, hour: usize) -> &mut Stored {
        let key = self.digests[hour].digest_s3_object.clone();
        self.memory.objects.get_mut(&(BUCKET.into(), key)).unwrap()
    }

    fn remove_digest(&mut self, hour: usize) {
        let key = self.digests[hour].digest_s3_object.clone();
        self.memory.objects.remove(&(BUCKET.into(), key)).unwrap();
    }

    fn search(&self) -> Search {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        Search {
            source: Source::memory(self.memory.clone()),
            bucket: BUCKET.into(),
            trail: None,
            from: at("2026-03-08T00:00:00Z"),
            to: at("2026-03-10T00:00:00Z"),
            concurrency: 4,
            counters: Arc::default(),
        }
    }

    async fn make(&self) -> Result<Made, MakeError> {
        let search = self.search();
        let found = search.find(&[folder()], ID).await?;
        let told = search.find_log_file(BUCKET, &log_key(3)).await?;
        assert_eq!(found, told, "both ways lead to one digest");
        search.prove(ID, &found).await
    }
}

#[track_caller]
fn assert_proven(proof: &Proof, has_next: bool) {
    let proof = Proof::parse(&proof.to_bytes().unwrap()).unwrap();
    let proven = proof.check(Some(&key_of(&KEY, None))).unwrap();
    assert_eq!(proven.digest.end_time, ENDS[1]);
    assert!(proven.digest.previous_s3_object.unwrap().contains("20260308T232923Z"));
    assert_eq!(proven.log_file.s3_object, log_key(3));
    assert_eq!(proven.next.map(|next| next.end_time), has_next.then(|| ENDS[2].to_owned()));
}

#[tokio::test]
async fn a_record_is_found_and_proven_with_the_digest_after_it() {
    let made = Bucket::new().make().await.unwrap();
    assert_eq!(made.without_next, None);
    assert_proven(&made.proof, true);
}

#[tokio::test]
async fn the_newest_digest_proves_without_one_after_it() {
    let mut bucket = Bucket::new();
    [2, 3].into_iter().for_each(|hour| bucket.remove_digest(hour));
    let made = bucket.make().await.unwrap();
    assert!(made.without_next.unwrap().contains("newest"));
    assert_proven(&made.proof, false);
    let mut bucket = Bucket::new();
    bucket.remove_digest(2);
    let made = bucket.make().await.unwrap();
    assert!(made.without_next.unwrap().contains("does not follow it"), "one is missing");
    assert_proven(&made.proof, false);
}

#[tokio::test]
async fn a_copy_that_has_lost_signatures_proves_by_those_that_later_digests_tell() {
    let mut bucket = Bucket::new();
    (0..4).for_each(|hour| bucket.digest(hour).metadata = None);
    let made = bucket.make().await.unwrap();
    assert_eq!(made.without_next, None);
    assert_proven(&made.proof, true);
    bucket.remove_digest(3);
    let made = bucket.make().await.unwrap();
    assert!(made.without_next.unwrap().contains("lost the signature"));
    assert_proven(&made.proof, false);
    bucket.remove_digest(2);
    let error = bucket.make().await.unwrap_err().to_string();
    assert!(error.contains("aws s3api head-object --bucket logs --key AWSLogs/"), "{error}");
}

#[tokio::test]
async fn what_is_not_there_is_told_with_what_was_searched() {
    let mut bucket = Bucket::new();
    let search = bucket.search();
    let missed = search.find(&[folder()], "another").await.unwrap_err();
    let expected = NotFound {
        digests: 4,
        log_files: 8,
        newest: Timestamp::parse(ENDS[3]),
        unreadable: 0,
        troubles: Vec::new(),
    };
    assert!(matches!(missed, MakeError::NotFound(missed) if missed == expected));

    bucket.memory.denied.insert((BUCKET.into(), log_key(3)));
    *bucket.digest(0) = store(b"no gzip".to_vec(), None);
    let missed = bucket.search().find(&[folder()], ID).await.unwrap_err();
    let MakeError::NotFound(missed) = missed else { panic!("{missed}") };
    assert_eq!(missed.unreadable, 2);
    assert!(missed.troubles[0].contains("AccessDenied"), "{missed:?}");
    assert!(missed.troubles[1].contains("no gzip"), "{missed:?}");

    let narrow =
        Search { to: Timestamp::parse("2026-03-08T22:00:00Z").unwrap(), ..bucket.search() };
    let missed = narrow.find(&[folder()], ID).await.unwrap_err();
    assert!(matches!(missed, MakeError::NotFound(NotFound { log_files: 0, .. })), "{missed}");
}

#[tokio::test]
async fn a_record_in_a_log_file_that_was_changed_is_not_found_in_it() {
    let mut bucket = Bucket::new();
    let changed = log_text().replace("amy", "bob");
    bucket.put(&log_key(3), store(gzip(changed.as_bytes()), Some(Metadata::new())));
    let missed = bucket.search().find(&[folder()], ID).await.unwrap_err();
    let MakeError::NotFound(missed) = missed else { panic!("{missed}") };
    assert!(missed.troubles[0].contains("is not what its digest lists"), "{missed:?}");
    let search = bucket.search();
    let listed = search.find_log_file(BUCKET, &log_key(3)).await.unwrap();
    let made = search.prove(ID, &listed).await.unwrap();
    assert_eq!(made.proof.check(None).unwrap_err().link, Link::LogFile);
}
