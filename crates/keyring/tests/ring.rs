//! Which key signs what, how long it is there, and what becomes of it when things go wrong.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use cairn_keyring::{Custody, FILE, KeyRing, KeyRingError, KeySettings, SigningKey};
use disk::simulated::{Fault, Operation};
use disk::{Disk, RealDisk};
use futures_util::future::join_all;
use model::Timestamp;
use support::{DAY, KEYS, NOW, World, all, at, days, dice, region};

fn fingerprint(key: &SigningKey) -> String {
    key.public().fingerprint()
}

async fn signer(ring: &KeyRing, of: &str, seconds: i64) -> String {
    fingerprint(&ring.signing_key(&region(of), at(seconds)).await.unwrap())
}

#[tokio::test]
async fn a_key_is_made_at_first_need_and_is_there_after_power_loss() {
    let world = World::new();
    let ring = world.ring();
    assert_eq!(all(&ring, "eu-west-1"), []);
    let key = ring.signing_key(&region("eu-west-1"), at(NOW)).await.unwrap();
    let published = all(&ring, "eu-west-1");
    world.disk.lose_power(&mut dice(7));
    let ring = world.ring();
    assert_eq!(all(&ring, "eu-west-1"), published);
    let again = ring.signing_key(&region("eu-west-1"), at(NOW)).await.unwrap();
    let signature = again.sign_hex(b"message").unwrap();
    assert!(key.public().verifies_hex(b"message", &signature));
    assert_eq!(world.drawn(), 1);
}

#[tokio::test]
async fn regions_have_keys_of_their_own() {
    let world = World::new();
    let ring = world.ring();
    let mut signers = BTreeMap::new();
    for of in ["eu-west-1", "us-east-1", "eu-west-2"] {
        signers.insert(signer(&ring, of, NOW).await, of);
        assert_eq!(all(&ring, of).len(), 1);
    }
    assert_eq!((signers.len(), world.drawn()), (3, 3));
    for (fingerprint, of) in signers {
        assert_eq!(all(&ring, of)[0].key.fingerprint(), fingerprint);
    }
}

#[tokio::test]
async fn a_key_is_valid_as_long_as_configured_and_from_a_day_before_it_signs() {
    for validity in [DAY, 2 * DAY, 30 * DAY, 365 * DAY] {
        let overlap = DAY.min(validity / 4);
        let mut roll = dice(validity.as_secs());
        for _ in 0..20 {
            let world = World::new();
            let settings = KeySettings { validity, custody: Custody::Plain };
            let ring = world.open_with(settings).unwrap();
            let moment = at(NOW + i64::try_from(roll(100_000_000)).unwrap());
            ring.signing_key(&region("eu-west-1"), moment).await.unwrap();
            let [key] = all(&ring, "eu-west-1").try_into().unwrap();
            assert_eq!(key.not_after.since(key.not_before), validity);
            assert!(key.not_before.plus(overlap) <= moment && moment <= key.not_after);
            assert_eq!(key.not_before.as_millis() % 1000, 0, "whole seconds");
        }
    }
}

#[tokio::test]
async fn each_hour_of_a_year_is_signed_by_a_key_that_readers_are_told_of() {
    let world = World::new();
    let ring = world.ring();
    let mut signers = Vec::new();
    for hour in 0..365 * 24 {
        let end = NOW + hour * 3600;
        let signer = signer(&ring, "eu-west-1", end).await;
        // Whoever validates this digest alone, also by an aws CLI that asks for no hours beyond.
        for (from, to) in [(end, end), (end - 3600, end - 3600)] {
            let listed = ring.published(&region("eu-west-1"), at(from), at(to));
            assert!(listed.iter().any(|key| key.key.fingerprint() == signer), "hour {hour}");
        }
        if signers.last() != Some(&signer) {
            signers.push(signer);
        }
    }
    // Every 29 days.
    assert!((13..=14).contains(&signers.len()), "{} keys", signers.len());
    assert_eq!(signers.len(), world.drawn(), "no key comes back");
    let published = all(&ring, "eu-west-1");
    assert!(published.windows(2).all(|pair| pair[0].not_after == pair[1].not_before.plus(DAY)));
}

#[tokio::test]
async fn an_hour_that_is_signed_late_is_signed_by_a_key_of_its_time() {
    let world = World::new();
    let ring = world.ring();
    let now = signer(&ring, "eu-west-1", NOW).await;
    let then = signer(&ring, "eu-west-1", NOW - days(60)).await;
    assert_ne!(now, then);
    for (moment, expected) in [(NOW, &now), (NOW - days(60), &then)] {
        let listed = ring.published(&region("eu-west-1"), at(moment), at(moment));
        let listed: Vec<String> = listed.iter().map(|key| key.key.fingerprint()).collect();
        assert_eq!(listed, std::slice::from_ref(expected));
    }
    assert_eq!(signer(&ring, "eu-west-1", NOW).await, now);
}

#[tokio::test]
async fn clocks_that_jump_make_no_more_keys_than_there_are_months_and_lose_none() {
    for seed in 0..20 {
        let world = World::new();
        let ring = world.ring();
        let mut roll = dice(seed);
        let mut now = NOW;
        for _ in 0..200 {
            let far = [3600, days(1), days(40), days(365)][usize::try_from(roll(4)).unwrap()];
            now += i64::try_from(roll(2 * far.unsigned_abs())).unwrap() - far;
            now = now.clamp(NOW - days(200), NOW + days(200));
            let before = all(&ring, "eu-west-1");
            let signer = signer(&ring, "eu-west-1", now).await;
            ring.tend(at(now)).await.unwrap();
            let after = all(&ring, "eu-west-1");
            assert!(before.iter().all(|key| after.contains(key)), "seed {seed}: a key is lost");
            let listed = ring.published(&region("eu-west-1"), at(now), at(now));
            assert!(listed.iter().any(|key| key.key.fingerprint() == signer));
        }
        // 401 days have 15 steps of 29 days at most. A step whose private key was destroyed by a jump
        // forward gets a second one, which stays.
        assert!(world.drawn() <= 2 * 15, "seed {seed}: {} keys", world.drawn());
    }
}

#[tokio::test]
async fn without_destruction_a_step_has_one_key_wherever_clocks_jump() {
    let world = World::new();
    let ring = world.ring();
    let mut roll = dice(1);
    for _ in 0..2_000 {
        let jump = i64::try_from(roll(400 * DAY.as_secs())).unwrap();
        ring.signing_key(&region("eu-west-1"), at(NOW + jump)).await.unwrap();
    }
    assert!(world.drawn() <= 15, "{} keys", world.drawn());
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_at_the_same_time_make_one_key_for_each_region() {
    let world = World::new();
    let ring = Arc::new(world.ring());
    let call = |number: usize| {
        let ring = Arc::clone(&ring);
        let of = ["eu-west-1", "us-east-1"][number % 2];
        async move { (of, signer(&ring, of, NOW).await) }
    };
    let signers: std::collections::BTreeSet<_> =
        join_all((0..32).map(call).map(futures_util::FutureExt::boxed)).await.into_iter().collect();
    assert_eq!((signers.len(), world.drawn()), (2, 2));
}

#[tokio::test]
async fn a_private_key_is_destroyed_when_nothing_is_owed_any_more_and_stays_listed() {
    let world = World::new();
    let ring = world.ring();
    let in_memory = Arc::downgrade(&ring.signing_key(&region("eu-west-1"), at(NOW)).await.unwrap());
    signer(&ring, "us-east-1", NOW).await;
    let [key] = all(&ring, "eu-west-1").try_into().unwrap();
    // The oldest digest that is owed ended 31 days ago.
    let last = key.not_after.plus(32 * DAY);
    ring.tend(last).await.unwrap();
    assert_eq!(world.given_away(), 2);
    assert!(in_memory.upgrade().is_some());
    ring.tend(last.plus(Duration::from_secs(1))).await.unwrap();
    assert_eq!(world.given_away(), 0);
    assert!(in_memory.upgrade().is_none(), "it is gone from memory too");
    for ring in [ring, world.ring()] {
        assert_eq!(all(&ring, "eu-west-1"), std::slice::from_ref(&key));
    }
    assert_eq!(world.drawn(), 2);
}

#[tokio::test]
async fn a_shorter_validity_rotates_a_key_that_would_be_valid_for_longer() {
    let world = World::new();
    let settings = KeySettings { validity: 365 * DAY, custody: Custody::Plain };
    let ring = world.open_with(settings).unwrap();
    let first = signer(&ring, "eu-west-1", NOW).await;
    let [yearly] = all(&ring, "eu-west-1").try_into().unwrap();
    let start = yearly.not_before.as_millis() / 1000;
    let ring = world.ring();
    assert_eq!(signer(&ring, "eu-west-1", start + days(30)).await, first);
    assert_ne!(signer(&ring, "eu-west-1", start + days(30) + 1).await, first);
    assert!(all(&ring, "eu-west-1").contains(&yearly), "what was listed stays");
}

#[tokio::test]
async fn a_disk_that_fails_makes_no_key_and_loses_none() {
    use Operation::{Create, Rename, Sync, SyncDirectory, Write};
    let world = World::new();
    let ring = world.ring();
    signer(&ring, "eu-west-1", NOW).await;
    for operation in [Create, Write, Sync, Rename, SyncDirectory] {
        world.disk.fail(Fault::once(operation));
        let refused = ring.signing_key(&region("us-east-1"), at(NOW)).await.unwrap_err();
        let text = refused.to_string();
        assert!(matches!(refused, KeyRingError::Disk(_)) && text.contains(FILE), "{text}");
        assert_eq!(all(&ring, "us-east-1"), [], "{operation:?}");
    }
    let made = signer(&ring, "us-east-1", NOW).await;
    let ring = world.ring();
    assert_eq!(signer(&ring, "us-east-1", NOW).await, made);
    assert_eq!(all(&ring, "eu-west-1").len(), 1);
}

#[tokio::test]
async fn a_key_that_was_given_out_is_there_after_a_crash_at_any_step() {
    for steps in 0.. {
        let world = World::new();
        let first = signer(&world.ring(), "eu-west-1", NOW).await;
        world.disk.stop_after(steps);
        let second = world.ring().signing_key(&region("us-east-1"), at(NOW)).await;
        world.disk.lose_power(&mut dice(steps));
        let ring = world.ring();
        assert_eq!(signer(&ring, "eu-west-1", NOW).await, first, "step {steps}");
        let listed = all(&ring, "us-east-1");
        assert!(listed.len() <= 1, "step {steps}");
        if let Ok(second) = second {
            assert_eq!(listed[0].key, *second.public());
            assert!(steps > 3, "there are steps");
            return;
        }
    }
}

#[tokio::test]
async fn a_bit_that_flips_is_an_error_that_says_what_to_do_or_changes_nothing() {
    let world = World::new();
    let ring = world.ring();
    signer(&ring, "eu-west-1", NOW).await;
    let whole = all(&ring, "eu-west-1");
    let bits = u64::try_from(world.file().len()).unwrap() * 8;
    let mut refused = 0;
    for bit in 0..bits {
        world.disk.flip_bit(FILE, bit).unwrap();
        match world.open_with(KeySettings::default()) {
            Ok(ring) => assert_eq!(all(&ring, "eu-west-1"), whole, "bit {bit}"),
            Err(error) => {
                let text = error.to_string();
                let says =
                    text.contains("restore it from a backup") || text.contains("newer version");
                assert!(says && text.contains(FILE), "bit {bit}: {text}");
                refused += 1;
            }
        }
        world.disk.flip_bit(FILE, bit).unwrap();
    }
    assert!(refused > bits - 8, "only a flip of the format's number may pass: {refused} of {bits}");
    assert_eq!(all(&world.ring(), "eu-west-1"), whole);
}

#[tokio::test]
async fn a_file_that_is_cut_off_empty_or_newer_is_no_new_beginning() {
    let world = World::new();
    signer(&world.ring(), "eu-west-1", NOW).await;
    let whole = world.file();
    let newer =
        String::from_utf8(whole.clone()).unwrap().replacen("\"format\": 1", "\"format\": 2", 1);
    for (bytes, expected) in [
        (&whole[..0], "is unreadable"),
        (&whole[..whole.len() / 2], "is unreadable"),
        (newer.as_bytes(), "has format 2"),
    ] {
        disk::replace(&world.disk, FILE, bytes).unwrap();
        let refused = world.open_with(KeySettings::default()).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
        assert_eq!(world.file(), bytes, "left as it is");
    }
}

#[tokio::test]
async fn a_private_key_of_another_public_key_is_damage() {
    let world = World::new();
    signer(&world.ring(), "eu-west-1", NOW).await;
    signer(&world.ring(), "us-east-1", NOW).await;
    let mut file: serde_json::Value = serde_json::from_slice(&world.file()).unwrap();
    let other = file["state"]["keys"][1]["private"].clone();
    file["state"]["keys"][0]["private"] = other;
    disk::replace(&world.disk, FILE, &sealed(&file["state"])).unwrap();
    let refused = world.open_with(KeySettings::default()).unwrap_err().to_string();
    assert!(refused.contains("the private key of"), "{refused}");
}

/// A file with a true checksum.
fn sealed(state: &serde_json::Value) -> Vec<u8> {
    let checksum = crc32fast::hash(state.to_string().as_bytes());
    format!(r#"{{"format":1,"checksum":{checksum},"state":{state}}}"#).into_bytes()
}

#[tokio::test]
async fn the_file_is_its_owner_s_alone() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(folder.path()).unwrap());
    let ring = KeyRing::open(disk, World::new().generate(), KeySettings::default()).unwrap();
    signer(&ring, "eu-west-1", NOW).await;
    let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn nothing_that_is_shown_or_logged_shows_a_private_key() {
    let world = World::new();
    let ring = world.ring();
    let key = ring.signing_key(&region("eu-west-1"), Timestamp::EPOCH).await.unwrap();
    let shown = format!("{ring:?} {key:?}");
    assert!(!support::shows(shown.as_bytes(), &KEYS[0]), "{shown}");
    assert_eq!(world.given_away(), 1, "the search finds what is there");
}
