//! GetResourcePolicy, PutResourcePolicy, DeleteResourcePolicy.

use serde_json::{Value, json};

use crate::channels::create;
use crate::world::World;

fn statement() -> Value {
    json!({
        "Effect": "Allow",
        "Principal": { "AWS": "arn:aws:iam::222222222222:root" },
        "Action": "cloudtrail-data:PutAuditEvents",
        "Resource": "*",
        "Condition": { "StringEquals": { "cloudtrail:ExternalId": "shared-word" } },
    })
}

fn policy(statements: &[Value]) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// The statement with one member put, or taken out by `null`.
fn with(member: &str, value: Value) -> String {
    let mut statement = statement();
    statement[member] = value;
    statement.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    policy(&[statement])
}

#[tokio::test]
async fn one_is_kept_as_it_was_put_and_deleted() {
    let caller = World::new().caller("111111111111", "eu-west-1");
    let arn = create(&caller, "shop").await;
    let named = json!({ "ResourceArn": arn });
    let (code, _) = caller.refused("GetResourcePolicy", named.clone()).await;
    assert_eq!(code, "ResourcePolicyNotFoundException");
    for text in [policy(&[statement()]), format!(" {}\n", with("Effect", json!("Deny")))] {
        let put = json!({ "ResourceArn": arn, "ResourcePolicy": text });
        assert_eq!(caller.call("PutResourcePolicy", put.clone()).await.unwrap(), put);
        assert_eq!(caller.call("GetResourcePolicy", named.clone()).await.unwrap(), put);
    }
    assert_eq!(caller.call("DeleteResourcePolicy", named.clone()).await.unwrap(), json!({}));
    for operation in ["GetResourcePolicy", "DeleteResourcePolicy"] {
        let (code, _) = caller.refused(operation, named.clone()).await;
        assert_eq!(code, "ResourcePolicyNotFoundException", "{operation}");
    }
}

#[tokio::test]
async fn one_that_is_not_valid_is_refused_with_what_is_wrong() {
    let world = World::new();
    let caller = world.caller("111111111111", "eu-west-1");
    let arn = create(&caller, "shop").await;
    let mut twenty: Vec<Value> = vec![statement(); 20];
    for (text, named) in [
        (String::new(), "0 bytes"),
        (" ".repeat(8193), "8193 bytes"),
        ("{".into(), "JSON"),
        ("{}".into(), ""),
        (policy(&[]), "Statement"),
        (policy(&vec![statement(); 21]), "more than 20 statements"),
        (with("Effect", json!("Perhaps")), "Effect"),
        (with("Principal", Value::Null), "Principal"),
        (with("Principal", json!({ "AWS": "nobody" })), "nobody"),
        (with("Principal", json!({ "AWS": vec!["222222222222"; 51] })), "51 principals"),
        (with("Action", json!("s3:GetObject")), "Action"),
        (with("Action", json!(["cloudtrail-data:PutAuditEvents", "cloudtrail:*"])), "Action"),
        (with("Resource", Value::Null), "Resource"),
        (with("Colour", json!("red")), "Colour"),
    ] {
        let put = json!({ "ResourceArn": arn, "ResourcePolicy": text });
        let (code, message) = caller.refused("PutResourcePolicy", put).await;
        assert_eq!(code, "ResourcePolicyNotValidException", "{text:.200}");
        assert!(message.contains(named), "{text:.200}: {message}");
    }
    assert_eq!(world.definitions().channels[0].policy, None);
    twenty[0]["Principal"] = json!({ "AWS": vec!["222222222222"; 50] });
    for one in &mut twenty {
        one.as_object_mut().unwrap().remove("Condition");
    }
    let put = json!({ "ResourceArn": arn, "ResourcePolicy": policy(&twenty) });
    caller.call("PutResourcePolicy", put).await.unwrap();
}

#[tokio::test]
async fn only_channels_have_them() {
    let world = World::new().with_trail("111111111111", "eu-west-1", "kept");
    let caller = world.caller("111111111111", "eu-west-1");
    let account = "arn:aws:cloudtrail:eu-west-1:111111111111";
    let uuid = "0a1b2c3d-0000-4000-8000-00000000cafe";
    for operation in ["GetResourcePolicy", "PutResourcePolicy", "DeleteResourcePolicy"] {
        for (arn, exception) in [
            ("nonsense".to_owned(), "ResourceARNNotValidException"),
            (uuid.to_owned(), "ResourceARNNotValidException"),
            ("arn:aws:s3:::bucket".to_owned(), "ResourceARNNotValidException"),
            (format!("{account}:channel/{uuid}"), "ResourceNotFoundException"),
            (format!("{account}:channel/shop"), "ResourceNotFoundException"),
            (format!("{account}:eventdatastore/{uuid}"), "ResourceNotFoundException"),
            (format!("{account}:dashboard/d"), "ResourceNotFoundException"),
            (format!("{account}:trail/kept"), "ResourceTypeNotSupportedException"),
        ] {
            let policy = policy(&[statement()]);
            let members = json!({ "ResourceArn": arn, "ResourcePolicy": policy });
            assert_eq!(caller.refused(operation, members).await.0, exception, "{operation} {arn}");
        }
    }
}
