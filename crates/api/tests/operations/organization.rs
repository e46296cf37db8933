//! Organization trails: who makes them, who sees them, who changes them.

use serde_json::json;

use crate::world::{Client, World};

const MANAGER: &str = "111111111111";
const ADMINISTRATOR: &str = "222222222222";
const MEMBER: &str = "333333333333";
const STRANGER: &str = "444444444444";
const REGION: &str = "eu-west-1";
const ARN: &str = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/org";
const NOT_MANAGER: &str = "NotOrganizationMasterAccountException";

fn world() -> World {
    let world = World::new().with_organization(MANAGER, &[ADMINISTRATOR, MEMBER]);
    world.with_administrators(&[ADMINISTRATOR])
}

async fn make(client: &Client) {
    client.make("org", json!({ "IsOrganizationTrail": true })).await;
}

#[tokio::test]
async fn the_trail_is_the_management_accounts_whoever_makes_it() {
    for maker in [MANAGER, ADMINISTRATOR] {
        let world = world();
        let made = world.caller(maker, REGION);
        let made = made.make("org", json!({ "IsOrganizationTrail": true, "SnsTopicName": "t" }));
        let made = made.await;
        assert_eq!((&made["TrailARN"], &made["IsOrganizationTrail"]), (&json!(ARN), &json!(true)));
        assert_eq!(made["SnsTopicARN"], "arn:aws:sns:eu-west-1:111111111111:t");
        let again = json!({ "Name": "org", "S3BucketName": "logs", "IsOrganizationTrail": true });
        let (code, message) = world.caller(maker, REGION).refused("CreateTrail", again).await;
        assert_eq!(code, "TrailAlreadyExistsException");
        assert_eq!(message, "Trail org already exists for customer: 111111111111");
    }
}

#[tokio::test]
async fn only_who_manages_the_organization_makes_one() {
    let world = world();
    let given = json!({ "Name": "org", "S3BucketName": "logs", "IsOrganizationTrail": true });
    for (account, code) in [(MEMBER, NOT_MANAGER), (STRANGER, "OrganizationsNotInUseException")] {
        let client = world.caller(account, REGION);
        assert_eq!(client.refused("CreateTrail", given.clone()).await.0, code);
        // By an update neither.
        client.make("own", json!({})).await;
        let update = json!({ "Name": "own", "IsOrganizationTrail": true });
        assert_eq!(client.refused("UpdateTrail", update).await.0, code);
    }
    let alone = World::new().caller(MANAGER, REGION).refused("CreateTrail", given).await;
    assert_eq!(alone.0, "OrganizationsNotInUseException");
}

#[tokio::test]
async fn members_see_it_by_its_arn_and_cannot_change_it() {
    let world = world();
    let manager = world.caller(MANAGER, REGION);
    make(&manager).await;
    let (member, before) = (world.caller(MEMBER, REGION), world.definitions());
    let shown = manager.show("org").await;
    assert_eq!(member.ok("DescribeTrails", json!({})).await, json!({ "trailList": [shown] }));
    assert_eq!(member.show(ARN).await, shown);
    let listed = json!({ "TrailARN": ARN, "Name": "org", "HomeRegion": REGION });
    assert_eq!(member.ok("ListTrails", json!({})).await, json!({ "Trails": [listed] }));
    let status = manager.ok("GetTrailStatus", json!({ "Name": "org" })).await;
    assert_eq!(member.ok("GetTrailStatus", json!({ "Name": ARN })).await, status);
    assert_eq!(
        member.refused("GetTrail", json!({ "Name": "org" })).await.0,
        "TrailNotFoundException"
    );
    // In a member it is a shadow; in the management account it is not.
    let without = json!({ "includeShadowTrails": false });
    assert_eq!(member.described(without.clone()).await, [""; 0]);
    assert_eq!(manager.described(without).await, ["org"]);
    for operation in ["UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"] {
        let refused = member.refused(operation, json!({ "Name": ARN })).await;
        assert_eq!(refused.0, NOT_MANAGER, "{operation}");
    }
    assert_eq!(world.definitions(), before);
}

#[tokio::test]
async fn it_shows_in_members_in_the_regions_that_it_covers() {
    let world = world();
    let manager = world.caller(MANAGER, REGION);
    make(&manager).await;
    let there = world.caller(MEMBER, "us-east-1");
    assert_eq!(there.described(json!({})).await, [""; 0]);
    manager.ok("UpdateTrail", json!({ "Name": "org", "IsMultiRegionTrail": true })).await;
    assert_eq!(there.described(json!({})).await, ["org"]);
}

#[tokio::test]
async fn strangers_see_nothing_of_it() {
    let world = world();
    make(&world.caller(MANAGER, REGION)).await;
    let stranger = world.caller(STRANGER, REGION);
    assert_eq!(stranger.described(json!({ "trailNameList": [ARN] })).await, [""; 0]);
    for operation in ["GetTrail", "GetTrailStatus", "DeleteTrail", "StopLogging"] {
        let refused = stranger.refused(operation, json!({ "Name": ARN })).await;
        assert_eq!(refused.0, "TrailNotFoundException", "{operation}");
    }
}

#[tokio::test]
async fn delegated_administrators_manage_it_and_nothing_else_of_the_management_account() {
    let world = world();
    let administrator = world.caller(ADMINISTRATOR, REGION);
    make(&administrator).await;
    let manager = world.caller(MANAGER, REGION);
    manager.make("own", json!({})).await;
    administrator.ok("StartLogging", json!({ "Name": ARN })).await;
    administrator.ok("UpdateTrail", json!({ "Name": ARN, "S3KeyPrefix": "a" })).await;
    assert_eq!(manager.show("org").await["S3KeyPrefix"], "a");
    administrator.ok("StopLogging", json!({ "Name": ARN })).await;
    let own = json!({ "Name": manager.arn("own") });
    let refused = administrator.refused("DeleteTrail", own).await;
    assert_eq!(refused.0, "TrailNotFoundException");
    administrator.ok("DeleteTrail", json!({ "Name": ARN })).await;
    assert_eq!(manager.described(json!({})).await, ["own"]);
    // A trail of its own is its own.
    let made = administrator.make("own", json!({})).await;
    assert_eq!(made["TrailARN"], administrator.arn("own"));
}

#[tokio::test]
async fn who_is_no_administrator_any_more_is_a_member() {
    let world = world();
    let administrator = world.caller(ADMINISTRATOR, REGION);
    make(&administrator).await;
    let world = world.with_administrators(&[]);
    let refused = administrator.refused("DeleteTrail", json!({ "Name": ARN })).await;
    assert_eq!(refused.0, NOT_MANAGER);
    assert_eq!(world.definitions().trails.len(), 1);
}

#[tokio::test]
async fn only_the_management_account_makes_it_an_accounts_own_and_back() {
    let world = world();
    let (manager, administrator) =
        (world.caller(MANAGER, REGION), world.caller(ADMINISTRATOR, REGION));
    make(&manager).await;
    let to = |is_organization: bool| json!({ "Name": ARN, "IsOrganizationTrail": is_organization });
    assert_eq!(administrator.refused("UpdateTrail", to(false)).await.0, NOT_MANAGER);
    administrator.ok("UpdateTrail", to(true)).await;
    let member = world.caller(MEMBER, REGION);
    assert_eq!(manager.ok("UpdateTrail", to(false)).await["IsOrganizationTrail"], false);
    assert_eq!(member.described(json!({})).await, [""; 0]);
    assert_eq!(manager.ok("UpdateTrail", to(true)).await["IsOrganizationTrail"], true);
    assert_eq!(member.described(json!({})).await, ["org"]);
}
