//! Crashes, refusing buckets, lost answers, foreign objects, clocks that are set.

use bytes::Bytes;
use cairn_delivery::Put;
use cairn_delivery::memory::Fault;
use disk::Disk;
use expect_test::expect;
use model::BatchId;
use trails::{Trail, TrailDefinition};

use crate::world::{ACCOUNT, HOME, World, at, bucket, error, trail_arn};

#[tokio::test]
async fn a_batch_that_begins_again_lists_each_of_its_files_once() {
    let mut world = World::new();
    world.pass_to("09T15:30:00").await;
    world.sealed.push(BatchId(1));
    world.digests.note(&world.put("all", HOME, 1, 0));
    world.digests.keep(BatchId(1), world.now.get()).await.unwrap();
    // A digest lists the one, a crash comes, and both are delivered (the first is met in place).
    world.pass_to("09T16:29:23").await;
    world.crash();
    world.now.set(at("09T15:30:00"));
    let files = [world.put("all", HOME, 1, 0), world.put("all", HOME, 1, 1)];
    world.now.set(at("09T16:30:00"));
    files.iter().for_each(|file| world.digests.note(file));
    world.digests.keep(BatchId(1), world.now.get()).await.unwrap();
    world.digests.retired(BatchId(1)).await;
    world.sealed.clear();
    world.crash();
    world.pass_to("09T17:29:23").await;
    let mut expected = files.map(|file| file.key);
    expected.sort();
    assert_eq!(world.listed(), expected);
    assert!(world.left_in("receipts").is_empty());
}

#[tokio::test]
async fn a_crash_at_any_operation_of_the_disk_changes_nothing() {
    let untroubled = run(None).await;
    let operations = untroubled.disk.operations();
    assert!(operations > 20);
    for operation in 0..operations {
        let world = run(Some(operation)).await;
        let (chain, listed) = (world.chain(HOME), world.listed());
        assert_eq!(listed, untroubled.listed(), "killed at {operation}: {chain}");
        assert!(chain.starts_with('|'), "killed at {operation}: {chain}");
        assert_eq!(chain.matches('|').count(), 1, "killed at {operation}: {chain}");
        assert!(world.left_in("receipts").is_empty(), "killed at {operation}");
    }
}

/// Two hours with a batch each; the disk stops at some operation, and the start goes on from there.
async fn run(stop_after: Option<u64>) -> World {
    let mut world = World::new();
    if let Some(operations) = stop_after {
        world.disk.stop_after(operations);
    }
    for (batch, time) in [(1, "09T15:40:00"), (2, "09T16:40:00"), (3, "09T17:40:00")] {
        world.sealed.push(BatchId(batch));
        loop {
            world.now.set(at(time));
            let file = world.put("all", HOME, batch, 0);
            let now = world.now.get();
            let is_drained = |_: &_, _| false;
            if let Ok(due) = world.digests.take_due(now, is_drained).await {
                for due in due {
                    world.digests.advance(&due, || now, 1.0).await;
                }
            }
            world.digests.note(&file);
            if world.digests.keep(BatchId(batch), now).await.is_ok() && world.disk.list("").is_ok()
            {
                break;
            }
            world.crash();
        }
        world.sealed.clear();
        world.digests.retired(BatchId(batch)).await;
    }
    world.crash();
    world.pass_to("09T18:40:00").await;
    world
}

#[tokio::test]
async fn what_is_owed_after_an_outage_follows_in_order_each_hour_with_its_files() {
    let mut world = World::new();
    world.pass_to("09T15:29:23").await;
    world.store.refuse("bucket", Some(error("AccessDenied")));
    let mut delivered = Vec::new();
    for (batch, time) in [(1, "09T15:40:00"), (2, "09T17:40:00"), (3, "09T17:50:00")] {
        world.pass_to(time).await;
        delivered.push(world.deliver(HOME, batch).await);
    }
    world.crash();
    world.pass_to("09T18:40:00").await;
    let report = world.digests.report();
    assert_eq!(report.refused[0].error, "AccessDenied: no");
    world.store.refuse("bucket", None);
    world.pass_to("09T18:50:00").await;
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T16:29:23 1
        09T16:29:23 09T17:29:23 0
        09T17:29:23 09T18:29:23 2"#]]
    .assert_eq(&world.chain(HOME));
    assert_eq!(world.listed(), delivered);
    assert!(world.digests.report().refused.is_empty());
}

#[tokio::test]
async fn of_a_trail_whose_bucket_refuses_one_chain_is_tried_at_a_time_each_in_its_turn() {
    let world = World::new();
    world.pass_to("09T15:29:23").await;
    world.now.set(at("09T15:40:00"));
    let regions = ["us-east-1", "us-east-2", "us-west-1", "us-west-2"];
    for (batch, region) in regions.into_iter().enumerate() {
        world.deliver(region, batch as u64).await;
    }
    world.store.refuse("bucket", Some(error("AccessDenied")));
    let mut tried = Vec::new();
    for minutes in 0..20 {
        let now = at("09T16:29:23").plus(std::time::Duration::from_secs(600 * minutes));
        let due = world.digests.take_due(now, |_, _| false).await.unwrap();
        tried.push(due.len());
        for due in due {
            world.digests.advance(&due, || now, 1.0).await;
        }
    }
    assert_eq!(tried[0], 5, "nothing is known yet");
    assert_eq!(tried[1..], [1; 19]);
    assert_eq!(world.digests.report().refused.len(), 5);
    world.store.refuse("bucket", None);
    world.pass_to("09T20:29:23").await;
    for region in regions {
        assert_eq!(world.found(region).len(), 6, "{region}: {}", world.chain(region));
    }
}

#[tokio::test]
async fn what_is_owed_for_longer_than_a_month_begins_with_one_digest_for_all_before() {
    let world = World::new();
    world.now.set(at("09T15:29:23").plus(std::time::Duration::from_secs(40 * 24 * 3600)));
    world.tick().await;
    let found = world.found(HOME);
    assert_eq!(found.len(), 31 * 24 + 1);
    assert_eq!(found[0].digest.digest_start_time, "2026-03-09T14:29:23Z");
    assert_eq!(found[0].digest.digest_end_time, "2026-03-18T15:29:23Z");
    assert_eq!(found[1].digest.digest_end_time, "2026-03-18T16:29:23Z");
}

#[tokio::test]
async fn a_lost_answer_does_not_double_a_digest() {
    let mut world = World::new();
    world.store.plan([Some(Fault::After(error("Timeout")))]);
    world.pass_to("09T15:29:23").await;
    world.crash();
    world.deliver(HOME, 1).await;
    world.pass_to("09T16:29:23").await;
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T16:29:23 1"#]]
    .assert_eq(&world.chain(HOME));
    assert_eq!(world.digests.report().foreign_objects, 0);
}

#[tokio::test]
async fn a_foreign_object_under_its_name_makes_a_digest_end_a_second_later() {
    let world = World::new();
    world.pass_to("09T15:29:23").await;
    let end = at("09T16:29:23");
    let id = model::ChainId {
        trail: trail_arn("all"),
        organization: None,
        account: ACCOUNT.parse().unwrap(),
        region: HOME.parse().unwrap(),
    };
    let key = id.key(None, end, model::DigestKind::Standard);
    world.store.plant(Put {
        bucket: bucket(),
        key: key.clone(),
        body: Bytes::from_static(b"nothing to see here"),
        kms_key: None,
        metadata: Default::default(),
        trail: trail_arn("all"),
    });
    world.deliver(HOME, 1).await;
    world.pass_to("09T17:29:23").await;
    assert_eq!(world.digests.report().foreign_objects, 1);
    world.store.remove("bucket", &key);
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T16:29:24 1
        09T16:29:24 09T17:29:23 0"#]]
    .assert_eq(&world.chain(HOME));
}

#[tokio::test]
async fn a_clock_that_is_set_ahead_and_back_leaves_one_chain_and_no_file_for_later() {
    let mut world = World::new();
    world.pass_to("09T15:29:23").await;
    world.now.set(at("09T20:00:00"));
    let ahead = world.deliver(HOME, 1).await;
    world.pass_to("09T15:40:00").await;
    let right = world.deliver(HOME, 2).await;
    world.crash();
    world.pass_to("09T16:29:24").await;
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T16:29:23 2"#]]
    .assert_eq(&world.chain(HOME));
    let mut expected = vec![ahead, right];
    expected.sort();
    assert_eq!(world.listed(), expected);
    // Digests that were written ahead stay; the chain waits for the clock to come there.
    world.pass_to("09T20:00:00").await;
    world.pass_to("09T17:00:00").await;
    world.deliver(HOME, 3).await;
    world.pass_to("09T20:29:23").await;
    assert_eq!(world.chain(HOME).lines().count(), 6);
    assert_eq!(world.listed().len(), 3);
}

#[tokio::test]
async fn receipts_that_rot_are_kept_and_told_of() {
    let mut world = World::new();
    world.pass_to("09T15:29:23").await;
    world.deliver(HOME, 1).await;
    let name = world.left_in("receipts").pop().unwrap();
    world.disk.flip_bit(&format!("receipts/{name}"), 200).unwrap();
    world.crash();
    world.deliver(HOME, 2).await;
    world.pass_to("09T16:29:23").await;
    assert_eq!(world.digests.report().damaged, [format!("receipts/{name}")]);
    assert_eq!(world.left_in("receipts"), [name]);
    assert_eq!(world.listed().len(), 1);
}

#[tokio::test]
async fn a_chain_that_rots_waits_and_the_others_go_on() {
    let mut world = World::new();
    world.pass_to("09T15:30:00").await;
    let waiting = world.deliver(HOME, 0).await;
    world.deliver("us-east-1", 1).await;
    world.tick().await;
    let before = world.left_in("digests");
    let home = before.iter().find(|name| {
        let text = world.disk.peek(&format!("digests/{name}")).unwrap();
        **name != "trails.json" && String::from_utf8_lossy(&text).contains("_CloudTrail-Digest_eu-")
    });
    let home = format!("digests/{}", home.unwrap());
    let whole = world.disk.peek(&home).unwrap();
    world.disk.flip_bit(&home, 1000).unwrap();
    world.crash();
    let file = world.deliver(HOME, 2).await;
    world.pass_to("09T16:29:23").await;
    assert_eq!(world.digests.report().damaged, std::slice::from_ref(&home));
    assert_eq!(world.chain(HOME).lines().count(), 1);
    assert_eq!(world.chain("us-east-1").lines().count(), 2);
    // Restored, it goes on where it was.
    disk::replace(&world.disk, &home, &whole).unwrap();
    world.crash();
    world.tick().await;
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T16:29:23 2"#]]
    .assert_eq(&world.chain(HOME));
    let listed = world.listed();
    assert!(listed.contains(&file) && listed.contains(&waiting));
}

#[tokio::test]
async fn a_chain_that_was_moved_away_begins_anew_from_now() {
    let mut world = World::new();
    world.pass_to("09T15:29:23").await;
    world.pass_to("09T18:40:00").await;
    for name in world.left_in("digests").iter().filter(|name| *name != "trails.json") {
        world.disk.remove(&format!("digests/{name}")).unwrap();
    }
    world.disk.sync_directory("digests").unwrap();
    world.crash();
    world.pass_to("09T19:30:00").await;
    let chain = world.chain(HOME);
    let anew: Vec<&str> = chain.lines().skip(4).collect();
    assert_eq!(
        anew,
        ["|09T17:29:23 09T18:29:24 0", "09T18:29:24 09T19:29:23 0"],
        "the name of its first digest is taken: {chain}"
    );
}

#[tokio::test]
async fn a_store_that_keeps_no_metadata_is_told_of_and_makes_no_foreign_objects() {
    let world = World::new();
    world.store.forget_metadata();
    world.pass_to("09T15:29:23").await;
    let report = world.digests.report();
    assert!(report.refused[0].error.contains("keeps no user metadata"), "{report:?}");
    assert_eq!(report.foreign_objects, 0);
    assert_eq!(world.store.objects().len(), 1);
}

#[tokio::test]
async fn a_clock_that_was_wrong_prolongs_no_pause_and_begins_nothing_for_years() {
    let mut world = World::new();
    world.store.refuse("bucket", Some(error("RequestTimeTooSkewed")));
    world.pass_to("10T15:29:23").await;
    world.store.refuse("bucket", None);
    world.pass_to("09T15:40:00").await;
    assert_eq!(world.chain(HOME).lines().count(), 1, "tried again at once");
    // A trail that was begun when the clock was a year ahead.
    world.now.set(at("365T00:00:07"));
    let mut other = world.trail().clone();
    other.trail.arn = trail_arn("other");
    world.change(|definitions| definitions.trails.push(other));
    world.pass_to("09T15:41:00").await;
    world.pass_to("09T16:41:00").await;
    let digests = world.found(HOME);
    let of_other = digests.iter().filter(|one| one.put.key.contains("_other_"));
    assert_eq!(of_other.count(), 2, "the hour before, and an hour");
    assert_eq!(world.digests.report().ahead, None);
}

#[tokio::test]
async fn a_digest_that_goes_to_another_bucket_lists_what_it_listed_before() {
    let mut world = World::new();
    world.pass_to("09T15:29:23").await;
    // By a clock that was ahead.
    world.now.set(at("09T17:00:00"));
    let file = world.deliver(HOME, 1).await;
    world.store.refuse("bucket", Some(error("AccessDenied")));
    world.pass_to("09T16:40:00").await;
    world.change(|definitions| definitions.trails[0].trail.bucket = "other".parse().unwrap());
    world.pass_to("09T17:40:00").await;
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T16:29:23 1
        09T16:29:23 09T17:29:23 0"#]]
    .assert_eq(&world.chain(HOME));
    assert_eq!(world.listed(), [file]);
}

#[tokio::test]
async fn a_trail_that_comes_again_begins_again_though_the_clock_was_set_back_and_the_power_went() {
    let mut world = World::new();
    let arn = format!("arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/other").parse().unwrap();
    let other = TrailDefinition { validates_log_files: true, ..Trail::new(arn, bucket()).into() };
    world.change(|definitions| definitions.trails.push(other.clone()));
    world.pass_to("09T15:29:23").await;
    world.change(|definitions| drop(definitions.trails.pop()));
    world.pass_to("09T15:30:00").await;
    // It is over here, and nothing of that is on disk yet.
    world.now.set(at("09T15:30:02"));
    assert!(world.digests.take_due(world.now.get(), |_, _| true).await.unwrap().is_empty());
    world.now.set(at("09T13:00:00"));
    world.change(|definitions| definitions.trails.push(other));
    world.crash();
    world.pass_to("09T16:30:00").await;
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T15:30:00 0
        |09T14:30:01 09T15:30:01 0"#]]
    .assert_eq(&world.chain("us-east-1"));
}
