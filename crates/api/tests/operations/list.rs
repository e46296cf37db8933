//! ListTrails.

use std::collections::BTreeSet;

use model::TrailArn;
use serde_json::{Value, json};
use trails::Trail;

use crate::world::World;
use crate::{ACCOUNT, REGION};

#[tokio::test]
async fn the_trails_of_a_region_and_multi_region_ones_are_listed_by_arn_name_and_home_region() {
    let world = World::new();
    world.caller(ACCOUNT, "us-east-1").make("there", json!({})).await;
    world.caller(ACCOUNT, REGION).make("here", json!({ "IsMultiRegionTrail": true })).await;
    world.caller("222222222222", REGION).make("foreign", json!({})).await;
    let listed = |name: &str, region: &str| {
        let arn = format!("arn:aws:cloudtrail:{region}:111111111111:trail/{name}");
        json!({ "TrailARN": arn, "Name": name, "HomeRegion": region })
    };
    let (here, there) = (listed("here", REGION), listed("there", "us-east-1"));
    for (region, expected) in
        [(REGION, json!([here])), ("us-east-1", json!([here, there])), ("sa-east-1", json!([here]))]
    {
        let answer = world.caller(ACCOUNT, region).ok("ListTrails", json!({})).await;
        assert_eq!(answer, json!({ "Trails": expected }), "{region}");
    }
    let nobody = world.caller("333333333333", REGION).ok("ListTrails", json!({})).await;
    assert_eq!(nobody, json!({ "Trails": [] }));
}

/// Multi-Region trails of many Regions.
fn crowd(world: &World, trails: usize) -> BTreeSet<String> {
    let arn = |number: usize| -> TrailArn {
        let text = format!("arn:aws:cloudtrail:r-{}:{ACCOUNT}:trail/t-{number}", number % 7);
        text.parse().unwrap()
    };
    let trails = (0..trails).map(|number| Trail {
        is_multi_region: true,
        ..Trail::new(arn(number), "logs".parse().unwrap())
    });
    let trails: Vec<Trail> = trails.collect();
    let arns = trails.iter().map(|trail| trail.arn.to_string()).collect();
    world.define(|definitions| definitions.trails.extend(trails.into_iter().map(Into::into)));
    arns
}

fn arns(page: &Value) -> Vec<String> {
    let trails = page["Trails"].as_array().unwrap();
    trails.iter().map(|trail| trail["TrailARN"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn many_trails_come_in_pages_of_a_hundred() {
    let world = World::new();
    let expected = crowd(&world, 201);
    let client = world.caller(ACCOUNT, REGION);
    let (mut seen, mut sizes, mut members) = (Vec::new(), Vec::new(), json!({}));
    loop {
        let page = client.ok("ListTrails", members).await;
        sizes.push(arns(&page).len());
        seen.extend(arns(&page));
        match page.get("NextToken") {
            Some(token) => members = json!({ "NextToken": token }),
            None => break,
        }
    }
    assert_eq!(sizes, [100, 100, 1]);
    assert_eq!(seen.len(), expected.len());
    assert_eq!(BTreeSet::from_iter(seen), expected);
}

#[tokio::test]
async fn exactly_one_page_has_no_token() {
    let world = World::new();
    crowd(&world, 100);
    let page = world.caller(ACCOUNT, REGION).ok("ListTrails", json!({})).await;
    assert_eq!((arns(&page).len(), page.get("NextToken")), (100, None));
}

#[tokio::test]
async fn a_trail_that_goes_between_two_pages_moves_no_other() {
    let world = World::new();
    crowd(&world, 150);
    let client = world.caller(ACCOUNT, REGION);
    let first = client.ok("ListTrails", json!({})).await;
    let gone = arns(&first).pop().unwrap().parse().unwrap();
    world.define(|definitions| definitions.trails.retain(|one| one.trail.arn != gone));
    let second = client.ok("ListTrails", json!({ "NextToken": first["NextToken"] })).await;
    assert_eq!(arns(&second).len(), 50);
}

#[tokio::test]
async fn a_token_that_no_page_had_is_refused() {
    let client = World::new().caller(ACCOUNT, REGION);
    for token in ["", "next", "////", "YWJj"] {
        let refused = client.refused("ListTrails", json!({ "NextToken": token })).await;
        assert_eq!(refused.0, "ValidationException", "{token}");
    }
}
