//! Operation by operation: an account sees, changes and infers nothing of another's.
//!
//! Whatever a stranger asks about what is A's, it is answered as about what never existed, but for
//! the name that it asked by.

use serde_json::{Map, Value, json};

use crate::channels;
use crate::table::{Operation, operations};
use crate::world::World;

const OWNER: &str = "111111111111";
const STRANGER: &str = "222222222222";
/// Of what the owner has not, as long as the id of what it has.
const NOTHING: &str = "0a1b2c3d-0000-4000-8000-00000000cafe";

/// What the owner has: an ordinary trail, its organization's, and a channel with a policy that names
/// neither the stranger nor everybody.
async fn world() -> (World, String) {
    let world = World::new()
        .with_organization(OWNER, &["333333333333"])
        .with_trail(OWNER, "eu-west-1", "secret-trail")
        .with_trail(OWNER, "eu-west-1", "secret-org");
    world.define(|definitions| {
        definitions.trails[0].trail.is_multi_region = true;
        definitions.trails[1].trail.is_organization = true;
    });
    let owner = world.caller(OWNER, "eu-west-1");
    let channel = channels::create(&owner, "secret-channel").await;
    let policy = json!({ "Statement": [{ "Effect": "Allow", "Resource": "*",
        "Principal": { "AWS": "333333333333" }, "Action": "cloudtrail-data:PutAuditEvents" }] });
    let put = json!({ "ResourceArn": channel, "ResourcePolicy": policy.to_string() });
    owner.call("PutResourcePolicy", put).await.unwrap();
    let tags = json!({ "ResourceId": channel, "TagsList": [{ "Key": "secret-tag" }] });
    owner.call("AddTags", tags).await.unwrap();
    (world, channel)
}

/// A call with all required members, in which each that may name something names `named`.
fn members(operation: &Operation, named: &str) -> Value {
    let mut members = Map::new();
    for member in &operation.members {
        let is_required = operation.required.contains(member);
        let value = match member.as_str() {
            "Name" if operation.name == "UpdateChannel" => json!("stolen"),
            "Name" | "TrailName" | "Channel" | "ResourceId" | "ResourceArn" | "EventDataStore"
            | "InsightSource" => json!(named),
            "trailNameList" | "ResourceIdList" => json!([named]),
            "S3BucketName" => json!("stolen"),
            "TagsList" => json!([{ "Key": "stolen" }]),
            "EventSelectors" => json!([{ "ReadWriteType": "ReadOnly" }]),
            "AggregationConfigurations" | "InsightSelectors" => json!([]),
            "ResourcePolicy" => json!("{}"),
            "Source" => json!("Custom"),
            "Destinations" => json!([{ "Type": "EVENT_DATA_STORE", "Location": named }]),
            "MemberAccountId" | "DelegatedAdminAccountId" => json!(OWNER),
            _ if is_required => json!("1"),
            _ => continue,
        };
        members.insert(member.clone(), value);
    }
    if operation.members.contains(&"TrailName".to_owned()) {
        members.remove("EventDataStore");
    }
    members.into()
}

/// What a stranger is answered, with the name that it asked by taken out.
async fn answer(operation: &Operation, region: &str, named: &str) -> (u16, String) {
    let (world, _) = world().await;
    let before = world.definitions();
    let records = world.records().len();
    let members = members(operation, named).to_string();
    let answer = world.caller(STRANGER, region).send(&operation.name, members).await;
    let after = world.definitions();
    let of_owner = |definitions: &trails::Definitions| {
        let mut definitions = definitions.clone();
        definitions.trails.retain(|one| one.trail.arn.account.as_str() == OWNER);
        definitions.channels.retain(|one| one.account.as_str() == OWNER);
        definitions
    };
    assert_eq!(of_owner(&after), of_owner(&before), "{} changes what is not its", operation.name);
    let told = &world.records()[records..];
    assert_eq!(told.len(), 1, "{}", operation.name);
    assert_eq!(told[0]["recipientAccountId"], STRANGER, "{}", operation.name);
    let body = String::from_utf8(answer.body).unwrap();
    // GetTrail repeats an ARN by its last part.
    let last = named.rsplit('/').next().unwrap();
    (answer.status, body.replace(named, "NAME").replace(last, "NAME"))
}

#[tokio::test]
async fn what_is_another_account_s_is_as_if_it_were_not() {
    let (_, channel) = world().await;
    let id = channel.rsplit_once('/').unwrap().1;
    let arn = |kind, id: &str| format!("arn:aws:cloudtrail:eu-west-1:{OWNER}:{kind}/{id}");
    let pairs = [
        ("secret-trail".to_owned(), "nothing-here".to_owned()),
        (arn("trail", "secret-trail"), arn("trail", "nothing-here")),
        (arn("trail", "secret-org"), arn("trail", "nothing-here")),
        ("secret-channel".to_owned(), "nothing-here".to_owned()),
        (id.to_owned(), NOTHING.to_owned()),
        (channel.clone(), arn("channel", NOTHING)),
    ];
    for operation in operations() {
        for region in ["eu-west-1", "us-east-1"] {
            for (theirs, nothing) in &pairs {
                let about_theirs = answer(operation, region, theirs).await;
                let about_nothing = answer(operation, region, nothing).await;
                let called = format!("{} in {region} of {theirs}", operation.name);
                assert_eq!(about_theirs, about_nothing, "{called}");
                let shown = about_theirs.1;
                assert!(!shown.contains("secret"), "{called}: {shown}");
            }
        }
    }
}

#[tokio::test]
async fn the_owner_is_answered_otherwise() {
    // Else the test above would compare nothing.
    let arn = format!("arn:aws:cloudtrail:eu-west-1:{OWNER}:trail/secret-trail");
    for operation in operations() {
        let (world, channel) = world().await;
        let owner = world.caller(OWNER, "eu-west-1");
        let named = match operation.name.as_str() {
            name if name.contains("Channel") || name.contains("ResourcePolicy") => &channel,
            _ => &arn,
        };
        let answer = owner.send(&operation.name, members(operation, named).to_string()).await;
        let shown = String::from_utf8(answer.body).unwrap();
        let is_there = answer.status == 200 || !shown.contains("NotFound");
        assert!(
            is_there || operation.name.ends_with("CreateChannel"),
            "{}: {shown}",
            operation.name
        );
    }
}

#[tokio::test]
async fn what_lists_all_lists_nothing_of_others() {
    let (world, _) = world().await;
    let stranger = world.caller(STRANGER, "eu-west-1");
    for (operation, nothing) in [
        ("DescribeTrails", json!({ "trailList": [] })),
        ("ListChannels", json!({ "Channels": [] })),
    ] {
        assert_eq!(stranger.call(operation, json!({})).await.unwrap(), nothing);
    }
}
