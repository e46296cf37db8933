//! The pair of log group and role of CreateTrail and UpdateTrail.

use cairn_api::Check;
use serde_json::{Value, json};

use crate::world::{Client, World};
use crate::{ACCOUNT, REGION};

const GROUP: &str = "arn:aws:logs:eu-west-1:111111111111:log-group:audit:*";
const ROLE: &str = "arn:aws:iam::111111111111:role/logs/Writer";

/// The members of a pair; what is `None` is left out.
fn pair(group: Option<&str>, role: Option<&str>) -> Value {
    let mut members = json!({ "Name": "abc", "S3BucketName": "logs" });
    if let Some(group) = group {
        members["CloudWatchLogsLogGroupArn"] = group.into();
    }
    if let Some(role) = role {
        members["CloudWatchLogsRoleArn"] = role.into();
    }
    members
}

/// The pair as GetTrail shows it.
async fn shown(client: &Client) -> (Option<Value>, Option<Value>) {
    let trail = client.show("abc").await;
    let member = |name: &str| trail.get(name).cloned();
    (member("CloudWatchLogsLogGroupArn"), member("CloudWatchLogsRoleArn"))
}

#[tokio::test]
async fn a_pair_is_judged_by_its_rules() {
    let group = "InvalidCloudWatchLogsLogGroupArnException";
    let role = "InvalidCloudWatchLogsRoleArnException";
    let both = "You must specify a log group and a role ARN.";
    let bad_group = "CloudTrail cannot validate the specified log group ARN.";
    let bad_role = "CloudTrail cannot validate the specified role ARN.";
    let here = "You must specify a log group that is in the current region.";
    let permissions = "Access denied. Verify in IAM that the role has adequate permissions.";
    let trust = "Access denied. Verify in IAM that the role has adequate trust relationships.";
    let rows = [
        (Some(GROUP), None, role, both),
        (Some(GROUP), Some(""), role, both),
        (None, Some(ROLE), group, both),
        (Some(""), Some(ROLE), group, both),
        (Some("audit"), Some(ROLE), group, bad_group),
        (Some(GROUP.strip_suffix(":*").unwrap()), Some(ROLE), group, bad_group),
        (Some("arn:aws:logs:eu-west-1:1:log-group:audit:*"), Some(ROLE), group, bad_group),
        (
            Some("arn:aws-cn:logs:eu-west-1:111111111111:log-group:audit:*"),
            Some(ROLE),
            group,
            bad_group,
        ),
        (Some("arn:aws:logs:eu-west-1:111111111111:log-group::*"), Some(ROLE), group, bad_group),
        (Some(GROUP), Some("Writer"), role, bad_role),
        (Some(GROUP), Some("arn:aws:iam::111111111111:user/Writer"), role, bad_role),
        (Some(GROUP), Some("arn:aws:iam::111111111111:role/"), role, bad_role),
        (Some("arn:aws:logs:us-east-1:111111111111:log-group:audit:*"), Some(ROLE), group, here),
        (
            Some("arn:aws:logs:eu-west-1:222222222222:log-group:audit:*"),
            Some(ROLE),
            group,
            permissions,
        ),
        (Some(GROUP), Some("arn:aws:iam::222222222222:role/Writer"), role, trust),
    ];
    for is_there in [false, true] {
        let client = World::new().caller(ACCOUNT, REGION);
        if is_there {
            client.ok("CreateTrail", pair(Some(GROUP), Some(ROLE))).await;
        }
        let operation = if is_there { "UpdateTrail" } else { "CreateTrail" };
        for (given_group, given_role, code, message) in rows {
            let refused = client.refused(operation, pair(given_group, given_role)).await;
            let expected = (code.to_owned(), message.to_owned());
            assert_eq!(refused, expected, "{operation} {given_group:?} {given_role:?}");
        }
        if is_there {
            assert_eq!(shown(&client).await, (Some(GROUP.into()), Some(ROLE.into())));
        }
    }
}

#[tokio::test]
async fn what_is_left_out_stays_and_an_empty_text_removes_both() {
    let client = World::new().caller(ACCOUNT, REGION);
    client.ok("CreateTrail", pair(Some(GROUP), Some(ROLE))).await;
    for (group, role) in [(Some(""), Some("")), (Some(""), None), (None, Some(""))] {
        client.ok("UpdateTrail", pair(Some(GROUP), Some(ROLE))).await;
        client.ok("UpdateTrail", pair(None, None)).await;
        assert_eq!(shown(&client).await, (Some(GROUP.into()), Some(ROLE.into())));
        let answer = client.ok("UpdateTrail", pair(group, role)).await;
        assert_eq!(answer.get("CloudWatchLogsLogGroupArn"), None);
        assert_eq!(shown(&client).await, (None, None), "{group:?} {role:?}");
    }
}

#[tokio::test]
async fn it_is_tried_at_every_update() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    client.ok("CreateTrail", pair(Some(GROUP), Some(ROLE))).await;
    world.checked();
    client.ok("UpdateTrail", pair(None, None)).await;
    let checked = world.checked();
    let Some(Check::LogGroup { group, .. }) = checked.last() else { panic!("{checked:?}") };
    assert_eq!((group.arn.as_str(), group.role_arn.as_str()), (GROUP, ROLE));
    world.refuse(GROUP, "InvalidCloudWatchLogsLogGroupArnException", "gone");
    assert_eq!(client.refused("UpdateTrail", pair(None, None)).await.1, "gone");
}
