//! The common life of a chain.

use expect_test::expect;

use crate::world::{HOME, World, at, trail_arn};

#[tokio::test]
async fn a_chain_begins_with_the_hour_before_and_goes_on_each_hour_full_or_empty() {
    let world = World::new();
    world.pass_to("09T15:29:23").await;
    let first = world.deliver(HOME, 1).await;
    world.pass_to("09T16:29:22.999").await;
    expect!["|09T14:29:23 09T15:29:23 0"].assert_eq(&world.chain(HOME));
    let second = world.deliver(HOME, 2).await;
    world.pass_to("09T16:29:23").await;
    world.pass_to("09T17:29:23.400").await;
    let third = world.deliver(HOME, 3).await;
    world.pass_to("09T18:40:00").await;
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T16:29:23 2
        09T16:29:23 09T17:29:23 0
        09T17:29:23 09T18:29:23 1"#]]
    .assert_eq(&world.chain(HOME));
    assert_eq!(world.listed(), [first, second, third]);
    assert!(world.left_in("receipts").is_empty(), "what is listed is let go");
}

#[tokio::test]
async fn a_digest_says_which_files_with_which_hashes_of_which_times() {
    let world = World::new();
    world.pass_to("09T15:30:00").await;
    let early = world.put("all", HOME, 1, 0);
    world.digests.note(&early);
    world.pass_to("09T15:35:00").await;
    let late = world.put("all", HOME, 1, 1);
    world.digests.note(&late);
    world.digests.keep(early.header.name.batch, world.now.get()).await.unwrap();
    world.pass_to("09T16:29:23").await;
    let digest = world.found(HOME).pop().unwrap().digest;
    assert_eq!(digest.oldest_event_time.as_deref(), Some("2026-03-09T15:30:00Z"));
    assert_eq!(digest.newest_event_time.as_deref(), Some("2026-03-09T15:35:00Z"));
    let hashes: Vec<_> = digest.log_files.iter().map(|file| file.hash_value.clone()).collect();
    let mut expected = [(early.key, early.header.sha256), (late.key, late.header.sha256)];
    expected.sort();
    assert_eq!(hashes, expected.iter().map(|(_, hash)| hash.clone()).collect::<Vec<_>>());
}

#[tokio::test]
async fn each_region_has_its_chain_from_its_first_file_on_at_the_trails_minute() {
    let world = World::new();
    world.pass_to("09T17:50:00").await;
    world.deliver("us-east-1", 1).await;
    world.pass_to("09T19:00:00").await;
    expect![[r#"
        |09T16:29:23 09T17:29:23 0
        09T17:29:23 09T18:29:23 1"#]]
    .assert_eq(&world.chain("us-east-1"));
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T16:29:23 0
        09T16:29:23 09T17:29:23 0
        09T17:29:23 09T18:29:23 0"#]]
    .assert_eq(&world.chain(HOME));
}

#[tokio::test]
async fn the_chain_goes_on_in_another_bucket_and_below_another_prefix() {
    let mut world = World::new();
    world.pass_to("09T15:29:23").await;
    world.change(|definitions| {
        definitions.trails[0].trail.bucket = "other".parse().unwrap();
        definitions.trails[0].trail.prefix = Some("logs".parse().unwrap());
    });
    world.pass_to("09T16:29:23").await;
    let found = world.found(HOME);
    assert_eq!(found[1].put.bucket.as_str(), "other");
    assert!(found[1].put.key.starts_with("logs/AWSLogs/"));
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T16:29:23 0"#]]
    .assert_eq(&world.chain(HOME));
}

#[tokio::test]
async fn a_trail_that_validates_nothing_leaves_nothing() {
    let mut world = World::new();
    let other = trails::Trail::new(trail_arn("other"), crate::world::bucket());
    world.change(|definitions| definitions.trails.push(other.into()));
    let delivered = world.put("other", HOME, 1, 0);
    world.digests.note(&delivered);
    world.digests.keep(delivered.header.name.batch, at("09T15:30:00")).await.unwrap();
    assert_eq!(world.digests.waiting(), 0);
    assert!(world.left_in("receipts").is_empty());
}
