//! The way of a change: planned, tried outside, planned again, recorded, in force.

use serde_json::{Value, json};

use crate::world::{Client, Happened, World};
use crate::{ACCOUNT, REGION};

async fn update(client: &Client, members: Value) -> Result<Value, String> {
    client.call("UpdateTrail", members).await.map_err(|refused| refused.code)
}

fn parsed(record: &[u8]) -> Value {
    serde_json::from_slice(record).unwrap()
}

/// What happened since there was this much, without the details.
fn since(world: &World, before: usize) -> Vec<String> {
    let told = |happened: &Happened| match happened {
        Happened::Changed => "changed".to_owned(),
        Happened::Recorded(record) => match parsed(record).get("errorCode") {
            Some(code) => format!("{} {}", parsed(record)["eventName"], code).replace('"', ""),
            None => parsed(record)["eventName"].as_str().unwrap().to_owned(),
        },
    };
    world.happened()[before..].iter().map(told).collect()
}

#[tokio::test]
async fn a_change_is_recorded_before_it_is_in_force() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    client.make("abc", json!({ "SnsTopicName": "news" })).await;
    for operation in ["StartLogging", "UpdateTrail", "StopLogging", "DeleteTrail"] {
        client.ok(operation, json!({ "Name": "abc", "S3KeyPrefix": "a" })).await;
    }
    let expected = ["CreateTrail", "StartLogging", "UpdateTrail", "StopLogging", "DeleteTrail"];
    let expected: Vec<&str> = expected.into_iter().flat_map(|name| [name, "changed"]).collect();
    assert_eq!(since(&world, 0), expected);
    let made = &world.records()[0];
    assert_eq!(made["readOnly"], false);
    assert_eq!(
        made["requestParameters"],
        json!({ "name": "abc", "s3BucketName": "logs", "snsTopicName": "news" })
    );
    assert_eq!(
        made["responseElements"]["trailARN"],
        "arn:aws:cloudtrail:eu-west-1:111111111111:trail/abc"
    );
}

#[tokio::test]
async fn a_refused_call_is_recorded_with_its_exception() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    world.refuse("logs", "S3BucketDoesNotExistException", "S3 bucket logs does not exist!");
    client.refused("CreateTrail", json!({ "Name": "abc", "S3BucketName": "logs" })).await;
    client.refused("GetTrail", json!({ "Name": "abc" })).await;
    let records = world.records();
    let told = |record: &Value| {
        json!([
            record["eventName"],
            record["errorCode"],
            record["readOnly"],
            record["responseElements"]
        ])
    };
    assert_eq!(
        records.iter().map(told).collect::<Vec<_>>(),
        [
            json!(["CreateTrail", "S3BucketDoesNotExistException", false, null]),
            json!(["GetTrail", "TrailNotFoundException", true, null]),
        ]
    );
    assert_eq!(records[0]["errorMessage"], "S3 bucket logs does not exist!");
}

#[tokio::test]
async fn of_two_updates_of_one_member_the_later_stands() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    client.make("abc", json!({})).await;
    world.let_calls_meet(2);
    let (one, other) = tokio::join!(
        update(&client, json!({ "Name": "abc", "S3KeyPrefix": "one" })),
        update(&client, json!({ "Name": "abc", "S3KeyPrefix": "other" })),
    );
    let answers = [one.unwrap(), other.unwrap()];
    let records = world.records();
    let last = &records.last().unwrap()["requestParameters"]["s3KeyPrefix"];
    assert_eq!(client.show("abc").await["S3KeyPrefix"], *last);
    assert_eq!([&answers[0]["S3KeyPrefix"], &answers[1]["S3KeyPrefix"]], ["one", "other"]);
}

#[tokio::test]
async fn of_two_updates_of_different_members_one_is_a_conflict() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    client.make("abc", json!({})).await;
    let before = client.show("abc").await;
    let seen = world.happened().len();
    world.let_calls_meet(2);
    let (one, other) = tokio::join!(
        update(&client, json!({ "Name": "abc", "S3KeyPrefix": "one" })),
        update(&client, json!({ "Name": "abc", "S3BucketName": "other" })),
    );
    // What was tried outside for the second was another trail than it would have become.
    let (member, value) = match (&one, &other) {
        (Ok(_), Err(code)) if code == "ConflictException" => ("S3KeyPrefix", "one"),
        (Err(code), Ok(_)) if code == "ConflictException" => ("S3BucketName", "other"),
        _ => panic!("{one:?} {other:?}"),
    };
    let mut expected = before;
    expected[member] = value.into();
    assert_eq!(since(&world, seen), ["UpdateTrail", "changed", "UpdateTrail ConflictException"]);
    assert_eq!(client.show("abc").await, expected);
}

#[tokio::test]
async fn a_trail_that_is_made_twice_at_once_is_made_once() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    world.let_calls_meet(2);
    let members = |bucket: &str| json!({ "Name": "abc", "S3BucketName": bucket });
    let (one, other) = tokio::join!(
        client.call("CreateTrail", members("one")),
        client.call("CreateTrail", members("other"))
    );
    let refused = [one.err(), other.err()];
    let codes: Vec<&str> = refused.iter().flatten().map(|refused| refused.code.as_str()).collect();
    assert_eq!(codes, ["TrailAlreadyExistsException"]);
    assert_eq!(world.definitions().trails.len(), 1);
}

#[tokio::test]
async fn logging_that_is_started_meanwhile_is_no_conflict() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    client.make("abc", json!({})).await;
    world.let_calls_meet(2);
    let start_then_meet = async {
        client.ok("StartLogging", json!({ "Name": "abc" })).await;
        world.meet().await;
    };
    let prefix = json!({ "Name": "abc", "S3KeyPrefix": "one" });
    let (updated, ()) = tokio::join!(update(&client, prefix), start_then_meet);
    assert_eq!(updated.unwrap()["S3KeyPrefix"], "one");
    let status = client.ok("GetTrailStatus", json!({ "Name": "abc" })).await;
    assert_eq!(status["IsLogging"], true);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_changed_and_reads_are_answered_and_counted() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    client.make("abc", json!({})).await;
    world.fill_journal();
    let before = (world.definitions(), world.happened());
    for operation in ["CreateTrail", "UpdateTrail", "StartLogging", "StopLogging", "DeleteTrail"] {
        let name = if operation == "CreateTrail" { "new" } else { "abc" };
        let members = json!({ "Name": name, "S3BucketName": "logs", "S3KeyPrefix": "a" });
        let refused = client.call(operation, members).await.unwrap_err();
        assert_eq!((refused.status, refused.code.as_str()), (503, "ServiceUnavailableException"));
    }
    assert_eq!((world.definitions(), world.happened()), before);
    assert_eq!(world.unrecorded(), 0);
    client.show("abc").await;
    client.refused("GetTrail", json!({ "Name": "unknown" })).await;
    assert_eq!(world.unrecorded(), 2);
    // A change that is refused anyhow is told why.
    client.refused("DeleteTrail", json!({ "Name": "unknown" })).await;
    assert_eq!(world.unrecorded(), 3);
}

#[tokio::test]
async fn a_change_that_fails_after_its_record_is_recorded_as_failed() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    client.make("abc", json!({})).await;
    let (before, seen) = (world.definitions(), world.happened().len());
    world.break_disk();
    let refused = client.call("DeleteTrail", json!({ "Name": "abc" })).await.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (500, "InternalFailure"));
    assert_eq!(since(&world, seen), ["DeleteTrail", "DeleteTrail InternalFailure"]);
    assert_eq!(world.definitions(), before);
}

#[tokio::test]
async fn an_account_that_changes_too_much_is_refused_and_no_other() {
    let world = World::new();
    let [busy, other] = [ACCOUNT, "222222222222"].map(|account| world.caller(account, REGION));
    busy.make("abc", json!({})).await;
    for _ in 1..100 {
        busy.ok("StartLogging", json!({ "Name": "abc" })).await;
    }
    let (before, seen) = (world.definitions(), world.happened().len());
    let refused = busy.refused("StopLogging", json!({ "Name": "abc" })).await;
    assert_eq!(refused, ("ThrottlingException".into(), "Rate exceeded".into()));
    assert_eq!(since(&world, seen), ["StopLogging ThrottlingException"]);
    assert_eq!(world.definitions(), before);
    // Others and reads go on, and so does the account in a while.
    other.make("abc", json!({})).await;
    busy.show("abc").await;
    world.pass(100);
    busy.ok("StopLogging", json!({ "Name": "abc" })).await;
}

#[tokio::test]
async fn what_there_is_no_room_for_is_refused_before_it_is_recorded_as_done() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    client.make("abc", json!({})).await;
    let (before, seen) = (world.definitions(), world.happened().len());
    world.limit_definitions(10);
    let given = json!({ "Name": "abc", "S3KeyPrefix": "p".repeat(200) });
    let refused = client.refused("UpdateTrail", given).await;
    assert_eq!(refused.0, "OperationNotPermittedException");
    assert_eq!(since(&world, seen), ["UpdateTrail OperationNotPermittedException"]);
    assert_eq!(world.definitions(), before);
}
