//! CreateChannel, GetChannel, ListChannels, UpdateChannel, DeleteChannel.

use serde_json::{Value, json};
use trails::Channel;

use crate::world::{Client, World};

pub fn destinations() -> Value {
    let arn = "arn:aws:cloudtrail:eu-west-1:111111111111:eventdatastore/EXAMPLE-f852";
    json!([{ "Type": "EVENT_DATA_STORE", "Location": arn }])
}

/// Makes a channel; gives its ARN.
pub async fn create(caller: &Client, name: &str) -> String {
    let made = caller.call("CreateChannel", given(name)).await.unwrap();
    made["ChannelArn"].as_str().unwrap().to_owned()
}

fn given(name: &str) -> Value {
    json!({ "Name": name, "Source": "Custom", "Destinations": destinations() })
}

fn caller() -> Client {
    World::new().caller("111111111111", "eu-west-1")
}

#[tokio::test]
async fn one_is_made_shown_changed_and_deleted() {
    let caller = caller();
    let mut members = given("shop");
    members["Tags"] = json!([{ "Key": "team" }]);
    let mut made = caller.call("CreateChannel", members.clone()).await.unwrap();
    let arn = made["ChannelArn"].take();
    members["ChannelArn"] = Value::Null;
    assert_eq!(made, members);
    let (prefix, id) = arn.as_str().unwrap().rsplit_once('/').unwrap();
    assert_eq!(prefix, "arn:aws:cloudtrail:eu-west-1:111111111111:channel");
    let mut shown = given("shop");
    shown["ChannelArn"] = arn.clone();
    for named in [&arn, &json!(id)] {
        let got = caller.call("GetChannel", json!({ "Channel": named })).await.unwrap();
        assert_eq!(got, shown);
    }
    shown["Name"] = json!("store");
    let members = json!({ "Channel": id, "Name": "store" });
    assert_eq!(caller.call("UpdateChannel", members).await.unwrap(), shown);
    let other = destinations().to_string().replace("f852", "f853");
    shown["Destinations"] = serde_json::from_str(&other).unwrap();
    let members = json!({ "Channel": arn, "Name": "store", "Destinations": shown["Destinations"] });
    assert_eq!(caller.call("UpdateChannel", members).await.unwrap(), shown);
    let named = json!({ "Channel": arn });
    assert_eq!(caller.call("GetChannel", named.clone()).await.unwrap(), shown);
    assert_eq!(caller.call("DeleteChannel", named.clone()).await.unwrap(), json!({}));
    assert_eq!(caller.refused("GetChannel", named).await.0, "ChannelNotFoundException");
    assert_eq!(caller.call("ListChannels", json!({})).await.unwrap(), json!({ "Channels": [] }));
}

#[tokio::test]
async fn are_listed_in_pages_that_survive_deletions() {
    let caller = caller();
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(create(&caller, &format!("channel-{number}")).await);
    }
    let (mut listed, mut token, mut pages) = (Vec::new(), Value::Null, 0);
    while pages == 0 || !token.is_null() {
        let members = json!({ "MaxResults": 3, "NextToken": token });
        let page = caller.call("ListChannels", members).await.unwrap();
        for channel in page["Channels"].as_array().unwrap() {
            listed.push(channel["ChannelArn"].as_str().unwrap().to_owned());
            let name = channel["Name"].as_str().unwrap();
            assert!(name.starts_with("channel-"));
        }
        // What the token was made of may be gone when it is used.
        let last = listed.last().unwrap();
        caller.call("DeleteChannel", json!({ "Channel": last })).await.unwrap();
        token = page["NextToken"].clone();
        pages += 1;
    }
    listed.sort();
    made.sort();
    assert_eq!((listed, pages), (made, 3));
    for token in ["not-a-token", ""] {
        let (code, _) = caller.refused("ListChannels", json!({ "NextToken": token })).await;
        assert_eq!(code, "InvalidNextTokenException");
    }
    for count in [-1, 0, 1001] {
        let (code, _) = caller.refused("ListChannels", json!({ "MaxResults": count })).await;
        assert_eq!(code, "ValidationException");
    }
}

#[tokio::test]
async fn are_twenty_five_of_different_names_in_a_region() {
    let world = World::new();
    let caller = world.caller("111111111111", "eu-west-1");
    for number in 0..25 {
        create(&caller, &format!("channel-{number}")).await;
    }
    let (code, _) = caller.refused("CreateChannel", given("more")).await;
    assert_eq!(code, "ChannelMaxLimitExceededException");
    let (code, _) = caller.refused("CreateChannel", given("channel-3")).await;
    assert_eq!(code, "ChannelAlreadyExistsException");
    // Neither another Region's nor another account's count.
    for (account, region) in [("111111111111", "us-east-1"), ("222222222222", "eu-west-1")] {
        let caller = world.caller(account, region);
        assert_eq!(
            caller.call("ListChannels", json!({})).await.unwrap(),
            json!({ "Channels": [] })
        );
        let mut members = given("channel-3").to_string();
        members = members.replace("eu-west-1", region).replace("111111111111", account);
        caller.call("CreateChannel", serde_json::from_str(&members).unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn refusals() {
    let caller = caller();
    let arn = create(&caller, "shop").await;
    create(&caller, "other").await;
    let store = |arn: &str| json!([{ "Type": "EVENT_DATA_STORE", "Location": arn }]);
    let stores = "arn:aws:cloudtrail:eu-west-1:111111111111:eventdatastore/EXAMPLE-f852";
    let foreign = stores.replace("111111111111", "222222222222");
    for (member, value, exception) in [
        ("Name", json!("shop"), "ChannelAlreadyExistsException"),
        ("Name", json!("ab"), "InvalidParameterException"),
        ("Name", json!("a b c"), "InvalidParameterException"),
        ("Source", json!(""), "InvalidSourceException"),
        ("Source", json!("s".repeat(257)), "InvalidSourceException"),
        ("Destinations", json!([]), "InvalidParameterException"),
        ("Destinations", json!(vec![destinations()[0].clone(); 201]), "InvalidParameterException"),
        ("Destinations", store("nonsense"), "EventDataStoreARNInvalidException"),
        ("Destinations", store(&arn), "EventDataStoreARNInvalidException"),
        ("Destinations", store(&foreign), "EventDataStoreNotFoundException"),
        (
            "Destinations",
            store(&stores.replace("eu-west-1", "eu-west-2")),
            "EventDataStoreNotFoundException",
        ),
        (
            "Destinations",
            json!([{ "Type": "AWS_SERVICE", "Location": "s3" }]),
            "InvalidParameterException",
        ),
        ("Tags", json!([{ "Key": "a" }, { "Key": "a" }]), "InvalidTagParameterException"),
    ] {
        let mut members = given("third");
        members[member] = value.clone();
        let (code, message) = caller.refused("CreateChannel", members).await;
        assert_eq!(code, exception, "{member} {value:.100}: {message}");
        if ["Name", "Destinations"].contains(&member) && value != "shop" {
            let (code, _) =
                caller.refused("UpdateChannel", json!({ "Channel": arn, member: value })).await;
            assert_eq!(code, exception, "{member}");
        }
    }
    // What is wrong in itself is told before what is wrong with others.
    let mut members = given("shop");
    members["Destinations"] = store("nonsense");
    let (code, _) = caller.refused("CreateChannel", members).await;
    assert_eq!(code, "EventDataStoreARNInvalidException");
    let renamed = json!({ "Channel": arn, "Name": "other" });
    let (code, _) = caller.refused("UpdateChannel", renamed).await;
    assert_eq!(code, "ChannelAlreadyExistsException");
    for operation in ["GetChannel", "UpdateChannel", "DeleteChannel"] {
        for named in
            ["shop", "arn:aws:s3:::bucket", "arn:aws:cloudtrail:eu-west-1:111111111111:trail/kept"]
        {
            let (code, _) = caller.refused(operation, json!({ "Channel": named })).await;
            assert_eq!(code, "ChannelARNInvalidException", "{operation} {named}");
        }
    }
}

#[tokio::test]
async fn of_the_configuration_are_shown_and_not_changed() {
    let world = World::new();
    let (account, region) = ("111111111111".parse().unwrap(), "eu-west-1".parse().unwrap());
    let channel = Channel::configured(account, region, "shop".parse().unwrap(), "Custom".into());
    let arn = channel.arn();
    world.define(|definitions| definitions.channels.push(channel));
    let caller = world.caller("111111111111", "eu-west-1");
    let got = caller.call("GetChannel", json!({ "Channel": arn })).await.unwrap();
    assert_eq!(got, json!({ "ChannelArn": arn, "Name": "shop", "Source": "Custom" }));
    for (operation, members) in [
        ("UpdateChannel", json!({ "Channel": arn, "Name": "store" })),
        ("DeleteChannel", json!({ "Channel": arn })),
        ("AddTags", json!({ "ResourceId": arn, "TagsList": [{ "Key": "a" }] })),
        ("PutResourcePolicy", json!({ "ResourceArn": arn, "ResourcePolicy": "{}" })),
        ("DeleteResourcePolicy", json!({ "ResourceArn": arn })),
    ] {
        let (code, _) = caller.refused(operation, members).await;
        assert_eq!(code, "OperationNotPermittedException", "{operation}");
    }
}
