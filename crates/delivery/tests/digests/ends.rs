//! How chains end, and begin again.

use expect_test::expect;
use model::BatchId;
use trails::{Definitions, Organization};

use crate::world::{HOME, World, error};

#[tokio::test]
async fn a_stop_ends_the_chain_when_all_that_was_recorded_before_is_delivered() {
    let mut world = World::new();
    world.pass_to("09T15:29:23").await;
    world.sealed.push(BatchId(7));
    world.pass_to("09T15:40:00").await;
    world.change(|definitions| definitions.trails[0].trail.is_logging = false);
    world.pass_to("09T15:40:10").await;
    expect!["|09T14:29:23 09T15:29:23 0"].assert_eq(&world.chain(HOME));
    world.deliver(HOME, 7).await;
    world.sealed.clear();
    world.pass_to("09T15:40:11").await;
    world.pass_to("09T23:00:00").await;
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T15:40:11 1"#]]
    .assert_eq(&world.chain(HOME));
    assert_eq!(world.left_in("digests").len(), 2, "it may start again");
    world.change(|definitions| definitions.trails.clear());
    world.pass_to("09T23:00:10").await;
    world.tick().await;
    assert_eq!(world.left_in("digests"), ["trails.json"], "nothing is kept of what is deleted");
}

#[tokio::test]
async fn what_comes_after_the_final_digest_is_in_a_backfill_digest() {
    let mut world = World::new();
    world.pass_to("09T15:29:23").await;
    world.parked.push(world.put("all", HOME, 7, 0).header);
    world.parked.push(world.put("all", HOME, 7, 1).header);
    world.pass_to("09T15:40:00").await;
    world.change(|definitions| definitions.trails.clear());
    // The interval ends before its bucket takes the files.
    world.pass_to("09T16:30:00").await;
    for (time, part) in [("09T18:00:00", 0), ("09T20:00:00", 1)] {
        world.pass_to(time).await;
        let file = world.put("all", HOME, 7, part);
        let file = cairn_delivery::Delivered { header: world.parked[0].clone(), ..file };
        world.digests.keep_parked(&file, world.now.get()).await.unwrap();
        world.parked.remove(0);
        world.digests.forgotten(&file.header).await;
        world.tick().await;
        world.crash();
        world.tick().await;
    }
    world.pass_to("09T21:00:00").await;
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T16:29:23 0
        |backfill 09T16:29:23 09T20:00:00 1
        backfill 09T20:00:00 09T20:00:01 1"#]]
    .assert_eq(&world.chain(HOME));
    let backfill = &world.found(HOME)[2];
    let generated = &backfill.put.metadata["backfill-generation-timestamp"];
    assert_eq!(*generated, backfill.digest.digest_end_time.replace('Z', ".000Z"));
}

#[tokio::test]
async fn a_stop_just_before_the_end_of_an_interval_leaves_time_for_its_last_files() {
    let mut world = World::new();
    world.pass_to("09T16:29:22").await;
    world.sealed.push(BatchId(7));
    world.change(|definitions| definitions.trails[0].trail.is_logging = false);
    world.pass_to("09T16:29:30").await;
    world.deliver(HOME, 7).await;
    world.sealed.clear();
    world.pass_to("09T16:29:40").await;
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T16:29:23 0
        09T16:29:23 09T16:29:40 1"#]]
    .assert_eq(&world.chain(HOME));
}

#[tokio::test]
async fn validation_that_is_switched_off_ends_the_chain_at_once() {
    let mut world = World::new();
    world.pass_to("09T15:30:00").await;
    world.deliver(HOME, 1).await;
    world.sealed.push(BatchId(2));
    world.change(|definitions| definitions.trails[0].validates_log_files = false);
    world.pass_to("09T15:31:00").await;
    world.deliver(HOME, 2).await;
    world.pass_to("09T19:00:00").await;
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T15:31:00 1"#]]
    .assert_eq(&world.chain(HOME));
}

#[tokio::test]
async fn last_digests_that_nobody_takes_are_given_up_in_the_end() {
    for (is_off, early, late) in
        [(true, "09T16:29:00", "09T16:32:00"), (false, "30T15:00:00", "40T15:32:00")]
    {
        let mut world = World::new();
        world.pass_to("09T15:30:00").await;
        world.store.refuse("bucket", Some(error("AccessDenied")));
        world.change(|definitions| match is_off {
            true => definitions.trails[0].validates_log_files = false,
            false => definitions.trails[0].trail.is_logging = false,
        });
        world.pass_to(early).await;
        assert_eq!(world.digests.report().refused.len(), 1, "validation off: {is_off}");
        world.pass_to(late).await;
        assert_eq!(world.left_in("digests"), ["trails.json"], "validation off: {is_off}");
        assert!(world.digests.report().refused.is_empty());
    }
}

#[tokio::test]
async fn logging_that_starts_again_begins_a_chain_after_the_final_digest() {
    let mut world = World::new();
    world.pass_to("09T15:30:00").await;
    for second in 0..3 {
        world.change(|definitions| definitions.trails[0].trail.is_logging = false);
        world.change(|definitions| definitions.trails[0].trail.is_logging = true);
        if second == 1 {
            world.crash();
        }
        world.tick().await;
    }
    world.pass_to("09T16:31:00").await;
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T15:30:00 0
        |09T14:30:01 09T15:30:01 0
        |09T14:30:02 09T15:30:02 0
        09T15:30:02 09T16:30:02 0"#]]
    .assert_eq(&world.chain(HOME));
}

#[tokio::test]
async fn a_trail_that_becomes_one_of_the_organization_begins_chains_in_other_folders() {
    let mut world = World::new();
    let organization = Organization {
        id: "o-abc123defg".parse().unwrap(),
        management_account: crate::world::ACCOUNT.parse().unwrap(),
        members: Vec::new(),
    };
    world.definitions.organization = Some(organization);
    let mut told = Vec::new();
    for (time, is_organization) in [
        ("09T15:40:00", false),
        ("09T17:40:00", true),
        ("09T19:40:00", false),
        ("09T21:40:00", true),
    ] {
        world.pass_to(time).await;
        let of_organization = |definitions: &mut Definitions| {
            definitions.trails[0].trail.is_organization = is_organization;
        };
        world.change(of_organization);
        world.tick().await;
        told.push(world.digests.report().chains);
    }
    world.pass_to("09T22:50:00").await;
    assert_eq!(told, [1, 1, 1, 1], "one goes on at a time");
    let mut ends: Vec<(bool, String, String)> = Vec::new();
    for one in world.found(HOME) {
        let is_of_organization = one.put.key.contains("/o-abc123defg/");
        ends.push((is_of_organization, one.digest.digest_start_time, one.digest.digest_end_time));
    }
    let of = |organization: bool| {
        let of = ends.iter().filter(|(is_of, ..)| *is_of == organization);
        of.map(|(_, start, end)| format!("{} {}", &start[8..19], &end[8..19])).collect::<Vec<_>>()
    };
    assert_eq!(
        of(true),
        [
            "09T16:40:00 09T17:40:00",
            "09T17:40:00 09T18:40:00",
            "09T18:40:00 09T19:40:00",
            "09T19:40:00 09T19:40:01",
            "09T20:40:00 09T21:40:00",
            "09T21:40:00 09T22:40:00",
        ]
    );
    assert_eq!(of(false).len(), 8, "{:?}", of(false));
}

#[tokio::test]
async fn all_chains_of_a_trail_begin_again_when_it_is_started() {
    let mut world = World::new();
    world.pass_to("09T15:30:00").await;
    world.deliver("us-east-1", 1).await;
    world.change(|definitions| definitions.trails[0].trail.is_logging = false);
    world.pass_to("09T15:31:00").await;
    world.pass_to("10T08:00:00").await;
    world.crash();
    world.change(|definitions| definitions.trails[0].trail.is_logging = true);
    world.pass_to("10T09:00:00").await;
    let expected = expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T15:31:00 1
        |10T07:00:00 10T08:00:00 0
        10T08:00:00 10T09:00:00 0"#]];
    expected.assert_eq(&world.chain("us-east-1"));
    let of_home = world.chain(HOME);
    assert_eq!(of_home.lines().count(), 4, "{of_home}");
}

#[tokio::test]
async fn a_trail_that_takes_the_name_of_another_begins_its_own_chain() {
    let mut world = World::new();
    world.pass_to("09T15:30:00").await;
    world.deliver(HOME, 1).await;
    let trail = world.trail().clone();
    world.change(|definitions| definitions.trails.clear());
    world.pass_to("09T15:31:00").await;
    world.pass_to("09T15:31:02").await;
    world.change(|definitions| definitions.trails.push(trail));
    world.deliver(HOME, 2).await;
    world.crash();
    world.pass_to("09T16:31:02").await;
    expect![[r#"
        |09T14:29:23 09T15:29:23 0
        09T15:29:23 09T15:31:00 1
        |09T14:31:02 09T15:31:02 0
        09T15:31:02 09T16:31:02 1"#]]
    .assert_eq(&world.chain(HOME));
}
