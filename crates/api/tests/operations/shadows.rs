//! Home Regions, and the shadows of trails of all Regions.

use serde_json::{Value, json};

use crate::world::{Client, World};
use crate::{ACCOUNT, REGION};

const OTHER: &str = "us-east-1";

/// `single` and `multi` at home, `other` elsewhere.
async fn world() -> World {
    let world = World::new();
    let home = world.caller(ACCOUNT, REGION);
    home.make("single", json!({})).await;
    home.make("multi", json!({ "IsMultiRegionTrail": true })).await;
    world.caller(ACCOUNT, OTHER).make("other", json!({})).await;
    world
}

async fn sorted(client: &Client, members: Value) -> Vec<String> {
    let mut names = client.described(members).await;
    names.sort();
    names
}

#[tokio::test]
async fn a_trail_of_all_regions_shows_in_each_unless_shadows_are_left_out() {
    let world = world().await;
    for (region, with_shadows, without) in [
        (REGION, ["multi", "single"].as_slice(), ["multi", "single"].as_slice()),
        (OTHER, &["multi", "other"], &["other"]),
        ("sa-east-1", &["multi"], &[]),
    ] {
        let client = world.caller(ACCOUNT, region);
        assert_eq!(sorted(&client, json!({})).await, with_shadows);
        assert_eq!(sorted(&client, json!({ "includeShadowTrails": true })).await, with_shadows);
        assert_eq!(sorted(&client, json!({ "includeShadowTrails": false })).await, without);
    }
}

#[tokio::test]
async fn names_are_of_the_region_and_arns_of_all() {
    let world = world().await;
    let (home, there) = (world.caller(ACCOUNT, REGION), world.caller(ACCOUNT, OTHER));
    for name in ["single", "multi"] {
        let arn = home.arn(name);
        assert_eq!(there.described(json!({ "trailNameList": [name] })).await, [""; 0]);
        assert_eq!(there.described(json!({ "trailNameList": [arn] })).await, [name]);
        let asked = json!({ "trailNameList": [arn], "includeShadowTrails": false });
        assert_eq!(there.described(asked).await, [""; 0]);
        for operation in ["GetTrail", "GetTrailStatus"] {
            let refused = there.refused(operation, json!({ "Name": name })).await;
            assert_eq!(refused.0, "TrailNotFoundException");
        }
        assert_eq!(there.show(&arn).await, home.show(name).await);
        there.ok("GetTrailStatus", json!({ "Name": arn })).await;
    }
}

#[tokio::test]
async fn a_trail_is_changed_in_its_home_region_only() {
    let world = world().await;
    let (home, there) = (world.caller(ACCOUNT, REGION), world.caller(ACCOUNT, OTHER));
    let before = world.definitions();
    for name in ["single", "multi"] {
        for operation in ["UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"] {
            let refused = there.refused(operation, json!({ "Name": home.arn(name) })).await;
            assert_eq!(refused.0, "InvalidHomeRegionException", "{operation} {name}");
            assert!(refused.1.contains(REGION), "{}", refused.1);
            let by_name = there.refused(operation, json!({ "Name": name })).await;
            assert_eq!(by_name.0, "TrailNotFoundException", "{operation} {name}");
        }
    }
    assert_eq!(world.definitions(), before);
}

#[tokio::test]
async fn shadows_come_and_go_with_the_setting() {
    let world = world().await;
    let (home, there) = (world.caller(ACCOUNT, REGION), world.caller(ACCOUNT, "sa-east-1"));
    let is_multi = |name: &str, is_multi: bool| {
        home.ok("UpdateTrail", json!({ "Name": name, "IsMultiRegionTrail": is_multi }))
    };
    is_multi("multi", false).await;
    assert_eq!(there.described(json!({})).await, [""; 0]);
    is_multi("single", true).await;
    assert_eq!(there.described(json!({})).await, ["single"]);
}

#[tokio::test]
async fn a_name_is_taken_where_its_shadow_is() {
    let world = world().await;
    let (home, there) = (world.caller(ACCOUNT, REGION), world.caller(ACCOUNT, OTHER));
    let taken = |name: &str| {
        let message = format!("Trail {name} already exists for customer: 111111111111");
        ("TrailAlreadyExistsException".to_owned(), message)
    };
    let members = |name: &str, is_multi: bool| json!({ "Name": name, "S3BucketName": "logs", "IsMultiRegionTrail": is_multi });
    assert_eq!(there.refused("CreateTrail", members("multi", false)).await, taken("multi"));
    // And where it would be.
    assert_eq!(home.refused("CreateTrail", members("other", true)).await, taken("other"));
    // One name in two Regions is two trails.
    home.ok("CreateTrail", members("other", false)).await;
    there.ok("DeleteTrail", json!({ "Name": "other" })).await;
    assert_eq!(home.show("other").await["HomeRegion"], REGION);
}
