//! Each tampering with a bucket is found, and told as what it is; an untouched bucket has none.
#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use cairn_integrity::digest::with_digests;
use cairn_integrity::source::Stored;
use cairn_integrity::{
    DigestFolder, Keys, KnownKey, Metadata, Problem, Selection, Source, Standing, find_folders,
};
use cairn_tests::forge::{Forge, at, gzip, hours, keys, put_digest, read_digest};
use expect_test::{Expect, expect};
use model::digest::{ALGORITHM, SIGNATURE};
use model::{Digest, Folder, Timestamp};
use world::{BUCKET, FIRST, World, chain, foreign_key, key};

/// Does something to the world, and compares what is told with what is expected.
async fn check(tamper: impl FnOnce(&mut World), expected: Expect) {
    let mut world = World::new();
    tamper(&mut world);
    expected.assert_eq(&world.report().await);
}

/// Changes what a digest says, and signs it again, by the true key.
fn rewrite(world: &mut World, key_of: &str, change: impl FnOnce(&mut Digest)) {
    let mut digest = read_digest(&world.memory, BUCKET, key_of);
    let put_at = world.object(key_of).modified.unwrap();
    change(&mut digest);
    put_digest(&mut world.memory, &digest, key(), put_at);
}

#[tokio::test]
async fn an_untouched_bucket_is_valid() {
    check(
        |_| {},
        expect![[r#"
        15/0/0 digests, 1/0/0 backfill, 11/0/0 log files, 0 other
        3 notes
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_changed_log_file() {
    check(
        |world| {
            let file = world.files[0].clone();
            world.object(&file).bytes = gzip(b"{\"Records\":[]}");
        },
        expect![[r#"
            Log file eu_20260309T1145Z_auditxxx00000002 INVALID: hash value doesn't match
            15/0/0 digests, 1/0/0 backfill, 10/1/0 log files, 0 other
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_deleted_log_file() {
    check(
        |world| {
            let file = world.files[1].clone();
            world.remove(&file);
        },
        expect![[r#"
            Log file eu_20260309T1210Z_auditxxx00000004 INVALID: not found
            15/0/0 digests, 1/0/0 backfill, 10/1/0 log files, 0 other
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn two_log_files_that_are_swapped() {
    check(
        |world| {
            let (one, other) = (world.files[0].clone(), world.files[1].clone());
            let bytes = world.object(&one).bytes.clone();
            world.object(&one).bytes = world.object(&other).bytes.clone();
            world.object(&other).bytes = bytes;
        },
        expect![[r#"
            Log file eu_20260309T1145Z_auditxxx00000002 INVALID: hash value doesn't match
            Log file eu_20260309T1210Z_auditxxx00000004 INVALID: hash value doesn't match
            15/0/0 digests, 1/0/0 backfill, 9/2/0 log files, 0 other
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_truncated_and_a_garbled_log_file() {
    check(
        |world| {
            let (one, other) = (world.files[0].clone(), world.files[1].clone());
            let bytes = world.object(&one).bytes.clone();
            world.object(&one).bytes = bytes.slice(..bytes.len() / 2);
            world.object(&other).bytes = "no gzip".into();
        },
        expect![[r#"
            Log file eu_20260309T1145Z_auditxxx00000002 INVALID: invalid format
            Log file eu_20260309T1210Z_auditxxx00000004 INVALID: invalid format
            15/0/0 digests, 1/0/0 backfill, 9/2/0 log files, 0 other
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_log_file_that_no_digest_lists() {
    check(
        |world| {
            let mut forge = Forge::new(BUCKET, chain("planted", "eu-west-1"), None);
            let key = forge.log_file(Folder::CloudTrail, hours(at(FIRST), 2));
            let planted = forge.memory.objects.remove(&(BUCKET.into(), key.clone())).unwrap();
            world.put(&key, planted.clone());
            // One with an old name that was put only now.
            let key = forge.log_key(Folder::CloudTrail, hours(at(FIRST), 2));
            world.put(&key, Stored { modified: Some(world.scope.now), ..planted });
        },
        expect![[r#"
            Log file eu_20260309T1235Z_plantedx00000002 INVALID: not listed in any digest file
            Log file eu_20260309T1235Z_plantedx00000003 INVALID: not listed in any digest file
            15/0/0 digests, 1/0/0 backfill, 11/2/0 log files, 0 other
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_log_file_that_is_listed_twice() {
    check(
        |world| {
            let key = world.digests[4].clone();
            let twice = read_digest(&world.memory, BUCKET, &world.digests[3]).log_files[0].clone();
            rewrite(world, &key, |digest| digest.log_files.insert(0, twice));
        },
        expect![[r#"
            Log file eu_20260309T1345Z_auditxxx00000006 INVALID: listed a second time, by eu_audit_20260309T153015Z
            15/0/0 digests, 1/0/0 backfill, 12/1/0 log files, 0 other
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn the_first_digest_is_deleted() {
    check(
        |world| {
            let key = world.digests[0].clone();
            world.remove(&key);
        },
        expect![[r#"
            Digest file eu_audit_20260309T113015Z INVALID: not found: it ends at 2026-03-09T11:30:15Z; which digests were before it is not known
            14/1/0 digests, 1/0/0 backfill, 11/0/0 log files, 0 other
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn neighbours_in_the_middle_are_deleted() {
    check(
        |world| {
            let digests = world.digests.clone();
            for key in &digests[1..4] {
                world.remove(key);
            }
        },
        expect![[r#"
            Digest file eu_audit_20260309T123015Z INVALID: not found: no digest covers 2026-03-09T11:30:15Z to 2026-03-09T12:30:15Z
            Digest file eu_audit_20260309T133015Z INVALID: not found: no digest covers 2026-03-09T12:30:15Z to 2026-03-09T13:30:15Z
            Digest file eu_audit_20260309T143015Z INVALID: not found: no digest covers 2026-03-09T13:30:15Z to 2026-03-09T14:30:15Z
            12/3/0 digests, 1/0/0 backfill, 7/0/0 log files, 0 other
            4 not checked
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn the_newest_digests_are_deleted() {
    check(
        |world| {
            let digests = world.digests.clone();
            for key in &digests[3..] {
                world.remove(key);
            }
        },
        expect![[r#"
            Log file eu_20260309T1345Z_auditxxx00000006 INVALID: not listed in any digest file
            Log file eu_20260309T1410Z_auditxxx00000008 INVALID: not listed in any digest file
            Log file eu_20260309T1445Z_auditxxx00000010 INVALID: not listed in any digest file
            Log file eu_20260309T1510Z_auditxxx00000012 INVALID: not listed in any digest file
            Digest file eu_audit_20260309T143015Z INVALID: not found: no digest covers 2026-03-09T13:30:15Z to 2026-03-09T14:30:15Z
            Digest file eu_audit_20260309T153015Z INVALID: not found: no digest covers 2026-03-09T14:30:15Z to 2026-03-09T15:30:15Z
            Digest file eu_audit_20260309T143015Z INVALID: no digest after 2026-03-09T13:30:15Z, but other chains of the trail go on until 2026-03-09T15:30:15Z
            13/2/0 digests, 1/0/0 backfill, 7/4/0 log files, 1 other
            2 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_quiet_digest_that_other_chains_have_is_missed_while_they_go_on() {
    let newest = |world: &mut World| {
        let key = world.all.iter().filter(|key| key.contains("t_us-east-1_audit_")).max();
        world.remove(&key.unwrap().clone());
    };
    check(
        |world| {
            newest(world);
            world.scope.now = at("2026-03-09T18:00:00Z");
            world.scope.to = world.scope.now;
        },
        expect![[r#"
            Digest file us_audit_20260309T153015Z INVALID: not found: no digest covers 2026-03-09T14:30:15Z to 2026-03-09T15:30:15Z
            Digest file us_audit_20260309T153015Z INVALID: no digest after 2026-03-09T14:30:15Z, but other chains of the trail go on until 2026-03-09T15:30:15Z
            14/1/0 digests, 1/0/0 backfill, 11/0/0 log files, 1 other
        "#]],
    )
    .await;
    // All have ended: the last one may have been written of some chains only.
    check(
        newest,
        expect![[r#"
        14/0/0 digests, 1/0/0 backfill, 11/0/0 log files, 0 other
        3 notes
    "#]],
    )
    .await;
}

#[tokio::test]
async fn the_newest_digest_of_the_only_chain_is_deleted() {
    check(
        |world| {
            world.memory.objects.retain(|(_, key), _| !key.contains("us-east-1/") && !key.contains("second"));
            let key = world.digests[4].clone();
            world.remove(&key);
        },
        expect![[r#"
            Digest file eu_audit_20260309T153015Z INVALID: no digest after 2026-03-09T14:30:15Z, but 2 log files were delivered later, the last at about 2026-03-09T15:06:15Z: digests are missing, or log files were not validated any more
            4/0/0 digests, 0/0/0 backfill, 4/0/0 log files, 1 other
            2 not covered
        "#]],
    )
    .await;
}

#[tokio::test]
async fn all_digests_of_a_region_are_deleted() {
    check(
        |world| {
            world.memory.objects.retain(|(_, key), _| !key.contains("CloudTrail-Digest/us-east-1/"));
        },
        expect![[r#"
            Folder CloudTrail-Digest/us-east-1/ INVALID: 3 log files and no digest: digests are missing, or no trail validates here
            10/0/0 digests, 0/0/0 backfill, 8/0/0 log files, 1 other
            2 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_digest_with_a_byte_changed() {
    check(
        |world| {
            let mut digest = read_digest(&world.memory, BUCKET, &world.digests[3]);
            digest.log_files.pop();
            let key = world.digests[3].clone();
            world.object(&key).bytes = gzip(&digest.to_bytes());
        },
        expect![[r#"
            Digest file eu_audit_20260309T143015Z INVALID: signature verification failed
            14/1/0 digests, 1/0/0 backfill, 9/0/0 log files, 0 other
            2 not checked
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_digest_that_is_no_digest() {
    check(
        |world| {
            let keys = world.digests.clone();
            world.object(&keys[1]).bytes = "no gzip".into();
            world.object(&keys[2]).bytes = gzip(b"{}");
            let stray = keys[3].replace("audit_us-east-1", "audit");
            let bytes = world.object(&keys[3]).clone();
            world.put(&stray, bytes);
        },
        expect![[r#"
            Folder eu_audit_20260309T143015Z INVALID: not a digest, though it is where digests are
            Digest file eu_audit_20260309T123015Z INVALID: invalid format: it is no gzip (unexpected end of file)
            Digest file eu_audit_20260309T133015Z INVALID: invalid format: missing field `awsAccountId` at line 1 column 2
            13/2/0 digests, 1/0/0 backfill, 9/0/0 log files, 1 other
            2 not checked
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_foreign_object_under_a_digests_name_breaks_no_chain() {
    check(
        |world| {
            // A digest whose name is taken ends a second later.
            world.memory.objects.retain(|(_, key), _| key.contains("eu-west-1/"));
            let taken = world.digests[2].clone();
            let bytes = world.object(&taken).clone();
            let digests = world.digests.clone();
            for key in &digests[2..] {
                world.remove(key);
            }
            let mut forge = Forge::new(BUCKET, chain("audit", "eu-west-1"), None);
            forge.memory = world.memory.clone();
            let last = world.digests[1].clone();
            let digest = read_digest(&world.memory, BUCKET, &last);
            forge.put(&digest, key(), at("2026-03-09T12:31:00Z"));
            let start = hours(at(FIRST), 2);
            let later = hours(start, 1).plus(Duration::from_secs(1));
            forge.digest(start, later, key());
            world.memory = forge.memory;
            world.put(&taken, Stored { bytes: "foreign".into(), ..bytes });
            // What is named far in the future hides no end.
            let future =
                taken.replace("2026/03/09", "2027/03/09").replace("20260309T", "20270309T");
            let foreign = world.object(&taken).clone();
            world.put(&future, foreign);
        },
        expect![[r#"
            Digest file eu_audit_20260309T133015Z INVALID: invalid format: it is no gzip (unexpected end of file)
            Digest file CloudTrail-Digest/eu-west-1/2027/03/09/111111111111_CloudTrail-Digest_eu-west-1_audit_us-east-1_20270309T133015Z INVALID: invalid format: it is no gzip (unexpected end of file)
            Log file eu_20260309T1345Z_auditxxx00000006 INVALID: not listed in any digest file
            Log file eu_20260309T1410Z_auditxxx00000008 INVALID: not listed in any digest file
            Log file eu_20260309T1445Z_auditxxx00000010 INVALID: not listed in any digest file
            Log file eu_20260309T1510Z_auditxxx00000012 INVALID: not listed in any digest file
            8/2/0 digests, 0/0/0 backfill, 4/4/0 log files, 0 other
            2 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_digest_that_would_fill_the_memory() {
    check(
        |world| {
            let key = world.digests[4].clone();
            world.object(&key).bytes = gzip(&vec![b' '; 100 << 20]);
        },
        expect![[r#"
            Digest file eu_audit_20260309T153015Z INVALID: larger than a digest: more than 64 MiB
            14/1/0 digests, 1/0/0 backfill, 9/0/0 log files, 0 other
            2 not checked
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_digest_that_is_moved() {
    check(
        |world| {
            let (one, other) = (world.digests[1].clone(), world.digests[2].clone());
            let moved = world.object(&one).clone();
            world.put(&other, moved);
        },
        expect![[r#"
            Digest file eu_audit_20260309T133015Z INVALID: has been moved from its original location eu_audit_20260309T123015Z
            14/1/0 digests, 1/0/0 backfill, 11/0/0 log files, 0 other
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn signatures_that_are_changed_or_gone() {
    check(
        |world| {
            let keys = world.digests.clone();
            let metadata = |world: &mut World, at: usize| -> Metadata {
                world.object(&keys[at]).metadata.clone().unwrap()
            };
            let mut changed = metadata(world, 1);
            let signature = changed[SIGNATURE].clone();
            let other = if signature.starts_with('0') { "1" } else { "0" };
            changed.insert(SIGNATURE.into(), other.to_owned() + &signature[1..]);
            world.object(&keys[1]).metadata = Some(changed);
            let mut gone = metadata(world, 2);
            gone.remove(SIGNATURE);
            world.object(&keys[2]).metadata = Some(gone);
            let mut other = metadata(world, 3);
            other.insert(ALGORITHM.into(), "none".into());
            world.object(&keys[3]).metadata = Some(other);
        },
        expect![[r#"
            Digest file eu_audit_20260309T123015Z INVALID: signature verification failed
            Digest file eu_audit_20260309T133015Z INVALID: signature verification failed: the object has no metadata signature
            Digest file eu_audit_20260309T143015Z INVALID: signature verification failed: the algorithm is none
            12/3/0 digests, 1/0/0 backfill, 7/0/0 log files, 0 other
            4 not checked
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_digest_signed_by_a_foreign_key() {
    check(
        |world| {
            let mut digest = read_digest(&world.memory, BUCKET, &world.digests[4]);
            digest.digest_public_key_fingerprint = foreign_key().public().fingerprint();
            put_digest(&mut world.memory, &digest, foreign_key(), at("2026-03-09T15:31:00Z"));
        },
        expect![[r#"
            Digest file eu_audit_20260309T153015Z INVALID: public key not found in region eu-west-1 for fingerprint FOREIGN
            14/1/0 digests, 1/0/0 backfill, 9/0/0 log files, 0 other
            2 not checked
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_digest_signed_by_a_key_outside_of_its_validity() {
    check(
        |world| {
            let mut digest = read_digest(&world.memory, BUCKET, &world.digests[4]);
            digest.digest_public_key_fingerprint = foreign_key().public().fingerprint();
            put_digest(&mut world.memory, &digest, foreign_key(), at("2026-03-09T15:31:00Z"));
            let late = keys(foreign_key(), at("2026-03-12T00:00:00Z"), at("2026-03-31T00:00:00Z"));
            world.keys.extend(late);
        },
        expect![[r#"
            Digest file eu_audit_20260309T153015Z INVALID: signed for 2026-03-09T15:30:15Z by the key FOREIGN, which is valid from 2026-03-12T00:00:00Z to 2026-03-31T00:00:00Z
            14/1/0 digests, 1/0/0 backfill, 9/0/0 log files, 0 other
            2 not checked
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_previous_hash_that_is_wrong() {
    check(
        |world| {
            let key = world.digests[4].clone();
            rewrite(world, &key, |digest| {
                digest.previous_digest_hash_value = Some("0".repeat(64));
            });
        },
        expect![[r#"
            Digest file eu_audit_20260309T153015Z INVALID: previousDigestHashValue is not the hash of eu_audit_20260309T143015Z
            14/1/0 digests, 1/0/0 backfill, 11/0/0 log files, 0 other
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_digest_that_is_replaced_by_another_that_is_truly_signed() {
    check(
        |world| {
            let key = world.digests[3].clone();
            rewrite(world, &key, |digest| digest.log_files.clear());
        },
        expect![[r#"
            Digest file eu_audit_20260309T153015Z INVALID: previousDigestHashValue is not the hash of eu_audit_20260309T143015Z
            Digest file eu_audit_20260309T153015Z INVALID: previousDigestSignature is not the signature of eu_audit_20260309T143015Z
            Log file eu_20260309T1345Z_auditxxx00000006 INVALID: not listed in any digest file
            Log file eu_20260309T1410Z_auditxxx00000008 INVALID: not listed in any digest file
            14/1/0 digests, 1/0/0 backfill, 9/2/0 log files, 0 other
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn intervals_that_do_not_touch() {
    check(
        |world| {
            let key = world.digests[4].clone();
            rewrite(world, &key, |digest| {
                digest.digest_start_time = "2026-03-09T14:40:15Z".into();
            });
        },
        expect![[r#"
            Digest file eu_audit_20260309T153015Z INVALID: begins at 2026-03-09T14:40:15Z, but the digest that it follows ends at 2026-03-09T14:30:15Z
            14/1/0 digests, 1/0/0 backfill, 11/0/0 log files, 0 other
            3 notes
        "#]],
    )
    .await;
    check(
        |world| {
            let key = world.digests[4].clone();
            rewrite(world, &key, |digest| {
                digest.digest_start_time = "2026-03-09T13:40:15Z".into();
            });
        },
        expect![[r#"
            Digest file eu_audit_20260309T153015Z INVALID: begins at 2026-03-09T13:40:15Z, but the digest that it follows ends at 2026-03-09T14:30:15Z
            14/1/0 digests, 1/0/0 backfill, 11/0/0 log files, 0 other
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn two_digests_that_follow_the_same() {
    check(
        |world| {
            let of = read_digest(&world.memory, BUCKET, &world.digests[2]);
            let key = world.digests[4].clone();
            rewrite(world, &key, |digest| {
                digest.previous_digest_s3_object = of.previous_digest_s3_object;
            });
        },
        expect![[r#"
            Digest file eu_audit_20260309T153015Z INVALID: follows eu_audit_20260309T123015Z, though eu_audit_20260309T143015Z lies between
            14/1/0 digests, 1/0/0 backfill, 11/0/0 log files, 0 other
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_chain_that_begins_again_is_no_tampering() {
    check(
        |world| {
            for region in ["eu-west-1", "us-east-1"] {
                let mut forge = Forge::new(BUCKET, chain("audit", region), None);
                let start = at("2026-03-09T18:12:00Z");
                forge.digest(start, hours(start, 1), key());
                forge.digest(hours(start, 1), hours(start, 2), key());
                world.memory.objects.extend(forge.memory.objects);
            }
        },
        expect![[r#"
            Digest file eu_audit_20260309T191200Z note: the chain begins again: no digests between 2026-03-09T15:30:15Z and 2026-03-09T18:12:00Z
            Digest file us_audit_20260309T191200Z note: the chain begins again: no digests between 2026-03-09T15:30:15Z and 2026-03-09T18:12:00Z
            19/0/0 digests, 1/0/0 backfill, 11/0/0 log files, 0 other
            5 notes
        "#]],
    )
    .await;
}

/// A chain of the trail `audit` that begins again, with two digests.
fn begin_again(world: &mut World, region: &str, start: Timestamp) {
    let mut forge = Forge::new(BUCKET, chain("audit", region), None);
    forge.digest(start, hours(start, 1), key());
    forge.digest(hours(start, 1), hours(start, 2), key());
    world.memory.objects.extend(forge.memory.objects);
}

#[tokio::test]
async fn a_region_without_anything_more_after_a_stop_is_no_tampering() {
    let mut world = World::new();
    remove_all(&mut world, |key| key.contains("_second"));
    begin_again(&mut world, "eu-west-1", at("2026-03-09T18:12:00Z"));
    let (found, summary) = world.validate().await;
    let ended = found.iter().filter(|found| found.problem == Problem::Ended);
    let messages: Vec<_> = ended.map(|found| found.message.as_str()).collect();
    expect![[r#"
        no digest after 2026-03-09T20:12:00Z: the trail was stopped or deleted then, or digests are missing; nothing else was delivered since
        no digest after 2026-03-09T15:30:15Z: the trail was stopped or deleted then, or digests are missing; other chains of the trail have begun again since"#]].assert_eq(&messages.join("\n"));
    expect![[r#"
        Digest file eu_audit_20260309T191200Z note: the chain begins again: no digests between 2026-03-09T15:30:15Z and 2026-03-09T18:12:00Z
        12/0/0 digests, 1/0/0 backfill, 9/0/0 log files, 0 other
        3 notes
    "#]].assert_eq(&world::report(&found, &summary));
    // What was cut of it while the others went on is missing.
    let quiet: Vec<_> = world.all.iter().filter(|key| key.contains("t_us-east-1_audit_")).collect();
    for key in quiet[3..].iter().map(|key| (*key).clone()).collect::<Vec<_>>() {
        world.remove(&key);
    }
    expect![[r#"
        Digest file eu_audit_20260309T191200Z note: the chain begins again: no digests between 2026-03-09T15:30:15Z and 2026-03-09T18:12:00Z
        Digest file us_audit_20260309T143015Z INVALID: not found: no digest covers 2026-03-09T13:30:15Z to 2026-03-09T14:30:15Z
        Digest file us_audit_20260309T153015Z INVALID: not found: no digest covers 2026-03-09T14:30:15Z to 2026-03-09T15:30:15Z
        Digest file us_audit_20260309T143015Z INVALID: no digest after 2026-03-09T13:30:15Z, but other chains of the trail go on until 2026-03-09T15:30:15Z
        10/2/0 digests, 0/0/0 backfill, 8/0/0 log files, 1 other
        1 not covered
        2 notes
    "#]].assert_eq(&world.report().await);
}

#[tokio::test]
async fn digests_that_are_deleted_before_a_chain_begins_again_are_missed() {
    // What they listed tells.
    for restart in ["2026-03-09T18:12:00Z", "2026-03-09T15:42:00Z"] {
        let mut world = World::new();
        remove_all(&mut world, |key| key.contains("second") || key.contains("us-east-1/"));
        world.remove(&world.digests[4].clone());
        begin_again(&mut world, "eu-west-1", at(restart));
        let found = world.validate().await.0;
        let wrong: Vec<_> = found.iter().filter(|found| found.status != Standing::Note).collect();
        assert_eq!(wrong.len(), 1, "{wrong:#?}");
        assert_eq!(wrong[0].problem, Problem::NoDigestAfter, "{wrong:#?}");
        let two = "but 2 log files were delivered";
        assert!(wrong[0].message.contains(two), "{}", wrong[0].message);
    }
}

#[tokio::test]
async fn a_log_file_that_was_delivered_before_the_end_is_none_of_later() {
    check(
        |world| {
            remove_all(world, |key| key.contains("second") || key.contains("us-east-1/"));
            let mut forge = Forge::new(BUCKET, chain("planted", "eu-west-1"), None);
            // Its name says 15:35.
            let delivered = at("2026-03-09T15:29:00Z");
            let key = forge.log_file(Folder::CloudTrail, at("2026-03-09T15:32:00Z"));
            let planted = forge.memory.objects.remove(&(BUCKET.into(), key.clone())).unwrap();
            world.put(&key, Stored { modified: Some(delivered), ..planted });
        },
        expect![[r#"
            Log file eu_20260309T1535Z_plantedx00000002 INVALID: not listed in any digest file
            5/0/0 digests, 0/0/0 backfill, 6/1/0 log files, 0 other
            1 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn an_interval_that_was_shortened_is_known() {
    let mut world = World::new();
    let mut forge = Forge::new(BUCKET, chain("audit", "eu-west-1"), None);
    let mut start = at("2026-03-18T00:00:00Z");
    let day = Duration::from_secs(24 * 3600);
    // Days, then hours, and a short one at last.
    for length in [day, day, day / 24, day / 24, day / 24, day / 288] {
        forge.digest(start, start.plus(length), key());
        start = start.plus(length);
    }
    world.memory = forge.memory;
    world.scope.now = start.plus(Duration::from_secs(4 * 3600));
    world.scope.to = world.scope.now;
    let (found, _) = world.validate().await;
    let ends: Vec<_> = found.iter().map(|found| (found.problem, found.from.clone())).collect();
    assert_eq!(ends, [(Problem::Ended, Some(start.to_iso_seconds()))]);
    assert!(found[0].s3_object.contains("20260320T040500Z"), "{}", found[0].s3_object);
}

#[tokio::test]
async fn what_may_not_be_read_is_neither_valid_nor_invalid() {
    check(
        |world| {
            for key in [&world.files[0], &world.digests[3]] {
                world.memory.denied.insert((BUCKET.into(), key.clone()));
            }
        },
        expect![[r#"
            Log file eu_20260309T1145Z_auditxxx00000002 UNVERIFIED: could not be read: AccessDenied: Access Denied
            Digest file eu_audit_20260309T143015Z UNVERIFIED: could not be read: AccessDenied: Access Denied
            14/0/1 digests, 1/0/0 backfill, 8/0/1 log files, 0 other
            2 not checked
            3 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn young_log_files_are_not_yet_listed() {
    check(
        |world| {
            world.scope.now = at("2026-03-09T16:00:00Z");
            world.scope.to = world.scope.now;
            let mut forge = Forge::new(BUCKET, chain("young", "eu-west-1"), None);
            forge.log_file(Folder::CloudTrail, at("2026-03-09T15:40:00Z"));
            world.memory.objects.extend(forge.memory.objects);
        },
        expect![[r#"
            15/0/0 digests, 1/0/0 backfill, 11/0/0 log files, 0 other
            1 not yet listed
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_range_counts_what_is_in_it_alone() {
    check(
        |world| {
            world.scope.from = Some(at("2026-03-09T12:00:00Z"));
            world.scope.to = at("2026-03-09T13:00:00Z");
            // Before the range, in it, and behind it.
            for key in [0, 2, 4].map(|at| world.digests[at].clone()) {
                world.remove(&key);
            }
        },
        expect![[r#"
            Digest file eu_audit_20260309T133015Z INVALID: not found: no digest covers 2026-03-09T12:30:15Z to 2026-03-09T13:30:15Z
            5/1/0 digests, 0/0/0 backfill, 4/0/0 log files, 0 other
        "#]],
    )
    .await;
}

#[tokio::test]
async fn of_one_trail_alone_other_trails_digests_are_used_but_not_told() {
    check(
        |world| {
            world.scope.trail = Some(chain("audit", "eu-west-1").trail);
            let second = world.all.iter().find(|key| key.contains("_second_")).unwrap().clone();
            world.remove(&second);
        },
        expect![[r#"
            10/0/0 digests, 1/0/0 backfill, 9/0/0 log files, 0 other
            2 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_forged_digest_of_another_trail_hides_no_log_file() {
    check(
        |world| {
            world.scope.trail = Some(chain("audit", "eu-west-1").trail);
            let mut forge = Forge::new(BUCKET, chain("ghost", "eu-west-1"), None);
            forge.log_file(Folder::CloudTrail, hours(at(FIRST), 2));
            forge.digest(hours(at(FIRST), 2), hours(at(FIRST), 3), foreign_key());
            world.memory.objects.extend(forge.memory.objects);
        },
        expect![[r#"
            Log file eu_20260309T1235Z_ghostxxx00000002 INVALID: not listed in any digest file
            10/0/0 digests, 1/0/0 backfill, 9/1/0 log files, 0 other
            2 notes
        "#]],
    )
    .await;
}

/// Removes what a word names.
fn remove_all(world: &mut World, is_gone: impl Fn(&str) -> bool) {
    world.memory.objects.retain(|(_, key), _| !is_gone(key));
}

/// An object that is named as a digest of the trail `ghost`, of this Region and end.
fn put_junk(world: &mut World, region: &str, end: Timestamp) -> String {
    let mut forge = Forge::new(BUCKET, chain("ghost", region), None);
    let key = forge.digest(hours(at(FIRST), 0), end, foreign_key());
    world.put(
        &key,
        Stored { bytes: "junk".into(), ..forge.memory.objects.into_values().next().unwrap() },
    );
    key
}

#[tokio::test]
async fn junk_named_as_another_trails_digest_hides_no_cut() {
    check(
        |world| {
            world.scope.trail = Some(chain("audit", "eu-west-1").trail);
            remove_all(world, |key| key.contains("_second_") || key.contains("us-east-1/"));
            let digests = world.digests.clone();
            for key in &digests[3..] {
                world.remove(key);
            }
            world.scope.now = at("2026-03-09T18:00:00Z");
            world.scope.to = world.scope.now;
            put_junk(world, "eu-west-1", at("2026-03-09T17:59:00Z"));
        },
        expect![[r#"
            Digest file eu_audit_20260309T143015Z INVALID: no digest after 2026-03-09T13:30:15Z, but 6 log files were delivered later, the last at about 2026-03-09T15:06:15Z: digests are missing, or log files were not validated any more
            3/0/0 digests, 0/0/0 backfill, 2/0/0 log files, 1 other
            6 not covered
        "#]],
    )
    .await;
}

#[tokio::test]
async fn junk_named_as_another_trails_digest_hides_no_empty_folder() {
    check(
        |world| {
            world.scope.trail = Some(chain("audit", "eu-west-1").trail);
            remove_all(world, |key| key.contains("CloudTrail-Digest/us-east-1/"));
            put_junk(world, "us-east-1", at("2026-03-09T15:30:15Z"));
        },
        expect![[r#"
            Folder CloudTrail-Digest/us-east-1/ INVALID: 3 log files and no digest: digests are missing, or no trail validates here
            5/0/0 digests, 0/0/0 backfill, 6/0/0 log files, 1 other
            1 notes
        "#]],
    )
    .await;
    // Digests of another trail that are truly signed: the trail may not log there.
    check(
        |world| {
            world.scope.trail = Some(chain("audit", "eu-west-1").trail);
            remove_all(world, |key| key.contains("CloudTrail-Digest/us-east-1/"));
            let mut forge = Forge::new(BUCKET, chain("second", "us-east-1"), None);
            world::hours_of(&mut forge, &[]);
            world.memory.objects.extend(forge.memory.objects);
        },
        expect![[r#"
            Folder CloudTrail-Digest/us-east-1/ note: other trails' digests alone: this trail does not log here, or its digests are missing
            5/0/0 digests, 0/0/0 backfill, 6/0/0 log files, 0 other
            2 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_of_another_trail_excuses_no_log_file_in_silence() {
    check(
        |world| {
            world.scope.trail = Some(chain("audit", "eu-west-1").trail);
            let mut forge = Forge::new(BUCKET, chain("planted", "eu-west-1"), None);
            forge.log_file(Folder::CloudTrail, hours(at(FIRST), 2));
            world.memory.objects.extend(forge.memory.objects);
            let key = put_junk(world, "eu-west-1", hours(at(FIRST), 3));
            world.memory.denied.insert((BUCKET.into(), key));
        },
        expect![[r#"
            Digest file eu_ghost_20260309T133015Z UNVERIFIED: could not be read: AccessDenied: Access Denied
            10/0/1 digests, 1/0/0 backfill, 9/0/0 log files, 0 other
            1 not checked
            2 notes
        "#]],
    )
    .await;
}

/// A copy of these objects, without what a bucket knows of them.
fn copy_of(world: &World) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for ((_, key), stored) in &world.memory.objects {
        let path = copy.path().join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &stored.bytes).unwrap();
    }
    copy
}

#[tokio::test]
async fn of_a_copy_an_unsigned_digest_of_the_future_hides_no_cut() {
    let mut world = World::new();
    remove_all(&mut world, |key| key.contains("_second_") || key.contains("us-east-1/"));
    let last = read_digest(&world.memory, BUCKET, &world.digests[3]);
    let digests = world.digests.clone();
    for key in &digests[3..] {
        world.remove(key);
    }
    let mut forge = Forge::new(BUCKET, chain("audit", "eu-west-1"), None);
    let end = at("2098-01-01T00:00:00Z");
    let future = forge.digest(end, hours(end, 1), foreign_key());
    let mut digest = read_digest(&forge.memory, BUCKET, &future);
    digest.previous_digest_s3_bucket = last.previous_digest_s3_bucket;
    digest.previous_digest_s3_object = last.previous_digest_s3_object;
    digest.previous_digest_hash_value = last.previous_digest_hash_value;
    digest.previous_digest_signature = last.previous_digest_signature;
    put_digest(&mut world.memory, &digest, foreign_key(), end);
    let mut problems = Vec::new();
    // The whole, and a range in the past.
    for to in [world.scope.now, at("2026-03-11T00:00:00Z")] {
        world.scope.to = to;
        let copy = copy_of(&world);
        let source = Source::directory(copy.path().to_owned());
        let (found, summary) = world.validate_in(source, world.anew()).await;
        problems.push(world::report(&found, &summary));
    }
    expect![[r#"
        Digest file CloudTrail-Digest/eu-west-1/2098/01/01/111111111111_CloudTrail-Digest_eu-west-1_audit_us-east-1_20980101T010000Z UNVERIFIED: signature is not in the copy: no later digest tells it, and there is no CloudTrail-Digest/eu-west-1/2098/01/01/111111111111_CloudTrail-Digest_eu-west-1_audit_us-east-1_20980101T010000Z.metadata.json
        Digest file CloudTrail-Digest/eu-west-1/2098/01/01/111111111111_CloudTrail-Digest_eu-west-1_audit_us-east-1_20980101T010000Z INVALID: begins at 2098-01-01T00:00:00Z, but the digest that it follows ends at 2026-03-09T13:30:15Z
        Digest file eu_audit_20260309T143015Z INVALID: no digest after 2026-03-09T13:30:15Z, but 6 log files were delivered later, the last at about 2026-03-09T15:10:00Z: digests are missing, or log files were not validated any more
        3/1/0 digests, 0/0/0 backfill, 2/0/0 log files, 1 other
        6 not covered
        --
        Digest file eu_audit_20260309T133015Z UNVERIFIED: signature is not in the copy: no later digest tells it, and there is no eu_audit_20260309T133015Z.metadata.json
        Digest file eu_audit_20260309T143015Z INVALID: no digest after 2026-03-09T13:30:15Z, but 6 log files were delivered later, the last at about 2026-03-09T15:10:00Z: digests are missing, or log files were not validated any more
        2/0/1 digests, 0/0/0 backfill, 2/0/0 log files, 1 other
        6 not covered
    "#]].assert_eq(&problems.join("--\n"));
}

#[tokio::test]
async fn of_one_trail_alone_other_accounts_are_left_alone() {
    check(
        |world| {
            world.scope.trail = Some(chain("audit", "eu-west-1").trail);
            let mut other = chain("audit", "eu-west-1");
            other.account = "222222222222".parse().unwrap();
            let mut forge = Forge::new(BUCKET, other, None);
            world::hours_of(&mut forge, &[1]);
            forge.log_file(Folder::CloudTrail, hours(at(FIRST), 3));
            world.memory.objects.extend(forge.memory.objects);
        },
        expect![[r#"
            10/0/0 digests, 1/0/0 backfill, 9/0/0 log files, 0 other
            2 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn of_a_copy_signatures_are_taken_from_the_next_digest() {
    let world = World::new();
    let copy = copy_of(&world);
    let source = || Source::directory(copy.path().to_owned());
    let (found, summary) = world.validate_in(source(), world.anew()).await;
    expect![[r#"
        Digest file eu_audit_20260309T153015Z UNVERIFIED: signature is not in the copy: no later digest tells it, and there is no eu_audit_20260309T153015Z.metadata.json
        Digest file eu_second_20260309T153015Z UNVERIFIED: signature is not in the copy: no later digest tells it, and there is no eu_second_20260309T153015Z.metadata.json
        Digest file us_audit_20260309T153015Z UNVERIFIED: signature is not in the copy: no later digest tells it, and there is no us_audit_20260309T153015Z.metadata.json
        (backfill) Digest file us_audit_20260309T143015Z_backfill UNVERIFIED: signature is not in the copy: no later digest tells it, and there is no us_audit_20260309T143015Z_backfill.metadata.json
        12/0/3 digests, 0/0/1 backfill, 6/0/0 log files, 0 other
        5 not checked
        3 notes
    "#]].assert_eq(&world::report(&found, &summary));
    // With what head-object prints beside the newest ones, all is valid.
    for ((_, key), stored) in &world.memory.objects {
        if let Some(metadata) = stored.metadata.as_ref().filter(|metadata| !metadata.is_empty()) {
            let side = copy.path().join(format!("{key}.metadata.json"));
            let head = serde_json::json!({ "ContentLength": 1, "Metadata": metadata });
            std::fs::write(side, head.to_string()).unwrap();
        }
    }
    let (found, summary) = world.validate_in(source(), world.anew()).await;
    expect![[r#"
        15/0/0 digests, 1/0/0 backfill, 11/0/0 log files, 0 other
        3 notes
    "#]]
    .assert_eq(&world::report(&found, &summary));
}

#[tokio::test]
async fn missing_hours_are_named_even_when_thousands_are() {
    let mut forge = Forge::new(BUCKET, chain("audit", "eu-west-1"), None);
    let first = at("2024-03-09T10:30:15Z");
    forge.digest(first, hours(first, 1), key());
    let middle = forge.digest(hours(first, 1), hours(first, 9000), key());
    forge.digest(hours(first, 9000), hours(first, 9001), key());
    let mut world = World::new();
    world.memory = forge.memory;
    world.keys = keys(key(), first, world.scope.now);
    world.remove(&middle);
    let (found, _) = world.validate().await;
    let missing = found.iter().filter(|found| found.from.is_some() && found.to.is_some());
    assert_eq!(missing.count(), 8999 + 1, "each hour, and the note of the end");
    let hour = Duration::from_secs(3600);
    assert_eq!(found[0].from, Some(first.plus(hour).to_iso_seconds()));
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_leads_nowhere_hides_nothing_beside_it() {
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join("a")).unwrap();
    std::fs::write(copy.path().join("a/file"), "x").unwrap();
    std::os::unix::fs::symlink("nowhere", copy.path().join("a/link")).unwrap();
    let source = Source::directory(copy.path().to_owned());
    let page = source.list("", "a/", "").next_page().await.unwrap().unwrap();
    let keys: Vec<&str> = page.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["a/file", "a/link"]);
}

#[tokio::test]
async fn a_log_file_of_the_future_or_with_an_odd_name_is_told_and_hides_none() {
    check(
        |world| {
            let root = world.files[0].split("2026/").next().unwrap().to_owned();
            let planted = world.object(&world.files[0].clone()).clone();
            let future = world.files[0].replace("2026/03", "2099/03").replace("_202603", "_209903");
            for key in [future, root.clone() + "zzz/evil.json.gz", root + "2026/03/09/odd"] {
                world.put(&key, planted.clone());
            }
        },
        expect![[r#"
            Log file CloudTrail/eu-west-1/2026/03/09/odd INVALID: not listed in any digest file
            Log file CloudTrail/eu-west-1/2099/03/09/111111111111_CloudTrail_eu-west-1_20990309T1145Z_auditxxx00000002 INVALID: not listed in any digest file
            Log file CloudTrail/eu-west-1/zzz/evil INVALID: not listed in any digest file
            15/0/0 digests, 1/0/0 backfill, 11/3/0 log files, 0 other
            3 notes
        "#]],
    )
    .await;
}

/// The unlisted log files of each range between these moments.
async fn unlisted_between(world: &World, bounds: &[&str]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for range in bounds.windows(2) {
        let mut world = world.clone();
        (world.scope.from, world.scope.to) = (Some(at(range[0])), at(range[1]));
        let (found, _) = world.validate().await;
        let unlisted = found.into_iter().filter(|one| one.problem == Problem::NotListed);
        all.push(unlisted.map(|one| one.s3_object).collect());
    }
    all
}

#[tokio::test]
async fn each_log_file_is_of_exactly_one_of_two_ranges_that_touch() {
    let mut world = World::new();
    let mut forge = Forge::new(BUCKET, chain("planted", "eu-west-1"), None);
    // Stamps of 12:45, and of 12:35, just after a digest's end at 12:30:15.
    let delivered = ["2026-03-09T12:42:15Z", "2026-03-09T12:30:10Z"];
    let planted = delivered.map(|moment| forge.log_file(Folder::CloudTrail, at(moment)));
    world.memory.objects.extend(forge.memory.objects);
    for (between, planted) in [
        ("2026-03-09T12:43:00Z", &planted[0]),
        ("2026-03-09T12:44:59Z", &planted[0]),
        ("2026-03-09T12:45:00Z", &planted[0]),
        ("2026-03-09T12:45:01Z", &planted[0]),
        ("2026-03-09T12:30:15Z", &planted[1]),
        ("2026-03-09T12:30:16Z", &planted[1]),
        ("2026-03-09T12:33:00Z", &planted[1]),
        ("2026-03-09T12:36:00Z", &planted[1]),
    ] {
        let bounds = ["2026-03-09T11:45:00Z", between, "2026-03-09T14:00:00Z"];
        let found = unlisted_between(&world, &bounds).await.concat();
        let times = found.iter().filter(|key| *key == planted).count();
        assert_eq!(times, 1, "{between}: {found:?}");
        // The same of a copy, which does not tell when objects were put.
        let mut copy = world.clone();
        copy.memory.objects.values_mut().for_each(|stored| stored.modified = None);
        let found = unlisted_between(&copy, &bounds).await.concat();
        let times = found.iter().filter(|key| *key == planted).count();
        assert_eq!(times, 1, "copy, {between}: {found:?}");
    }
}

#[tokio::test]
async fn a_log_file_that_a_digest_before_the_range_lists_is_listed() {
    let mut world = World::new();
    let mut forge = Forge::new(BUCKET, chain("audit", "eu-west-1"), None);
    for hour in 0..4 {
        let start = hours(at(FIRST), hour);
        if hour == 1 {
            forge.log_file(Folder::CloudTrail, at("2026-03-09T12:30:10Z"));
        }
        forge.digest(start, hours(start, 1), key());
    }
    world.memory = forge.memory;
    let bounds = ["2026-03-09T12:00:00Z", "2026-03-09T12:30:20Z", "2026-03-09T14:00:00Z"];
    assert_eq!(unlisted_between(&world, &bounds).await.concat(), Vec::<String>::new());
}

#[tokio::test]
async fn an_odd_name_in_a_copy_is_told() {
    let mut world = World::new();
    world.memory.objects.values_mut().for_each(|stored| stored.modified = None);
    let folder = world.files[0].rsplit_once('/').unwrap().0.to_owned();
    let planted = world.object(&world.files[0].clone()).clone();
    world.put(&format!("{folder}/odd"), planted);
    assert!(world.problems().await.contains(&Problem::NotListed));
}

#[tokio::test]
async fn a_large_digest_without_a_signature_that_holds_is_not_taken_apart() {
    let mut world = World::new();
    let name = world.digests[4].clone();
    let mut digest = read_digest(&world.memory, BUCKET, &name);
    let file = digest.log_files[0].clone();
    digest.log_files.extend(vec![file; 1000]);
    let whole = gzip(&digest.to_bytes());
    world.object(&name).bytes = whole;
    let (found, summary) = world.validate().await;
    let told = found.iter().filter(|one| one.problem == Problem::SignatureInvalid);
    assert_eq!(told.map(|one| one.s3_object.as_str()).collect::<Vec<_>>(), [name.as_str()]);
    assert_eq!(summary.log_files_not_checked, 2, "those that are there, not those that it lists");
    // Signed, it is.
    rewrite(&mut world, &name, |_| ());
    let (found, _) = world.validate().await;
    assert!(found.iter().all(|one| one.problem != Problem::SignatureInvalid));
    assert_eq!(found.iter().filter(|one| one.problem == Problem::ListedTwice).count(), 1000);
}

#[tokio::test]
async fn digests_of_a_region_whose_keys_could_not_be_listed_are_not_verified() {
    check(
        |world| {
            let mut known = Keys::default();
            for key in world.keys.iter() {
                let region = Some("eu-west-1".parse().unwrap());
                known.add(KnownKey { region, ..key.clone() });
            }
            known.miss("us-east-1".parse().unwrap(), "no answer".into());
            world.keys = known;
        },
        expect![[r#"
            Digest file us_audit_20260309T113015Z UNVERIFIED: could not be verified: no answer
            Digest file us_audit_20260309T123015Z UNVERIFIED: could not be verified: no answer
            Digest file us_audit_20260309T133015Z UNVERIFIED: could not be verified: no answer
            Digest file us_audit_20260309T143015Z UNVERIFIED: could not be verified: no answer
            (backfill) Digest file us_audit_20260309T143015Z_backfill UNVERIFIED: could not be verified: no answer
            Digest file us_audit_20260309T153015Z UNVERIFIED: could not be verified: no answer
            10/0/5 digests, 0/0/1 backfill, 8/0/0 log files, 0 other
            3 not checked
            2 notes
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_folder_that_only_looks_like_a_regions_holds_no_digests() {
    let mut world = World::new();
    let planted = world.object(&world.digests[0].clone()).clone();
    world.put("AWSLogs/111111111111/CloudTrail-Digest/xx-evil-1/odd", planted);
    let source = Source::memory(world.memory.clone());
    let folders = find_folders(&source, BUCKET, &Selection::default()).await.unwrap();
    let with = with_digests(&source, BUCKET, &folders).await.unwrap();
    let regions = |folders: &[DigestFolder]| -> Vec<String> {
        folders.iter().map(|folder| folder.region.to_string()).collect()
    };
    assert_eq!(regions(&folders), ["eu-west-1", "us-east-1", "xx-evil-1"]);
    assert_eq!(regions(&with), ["eu-west-1", "us-east-1"]);
}
