//! RegisterOrganizationDelegatedAdmin and DeregisterOrganizationDelegatedAdmin.

use serde_json::{Value, json};

use crate::world::{Client, World};

const MANAGEMENT: &str = "111111111111";
const MEMBERS: [&str; 4] = ["222222222222", "333333333333", "444444444444", "555555555555"];
const STRANGER: &str = "999999999999";

fn world() -> (World, Client) {
    let world = World::new().with_organization(MANAGEMENT, &MEMBERS);
    let caller = world.caller(MANAGEMENT, "eu-west-1");
    (world, caller)
}

async fn register(caller: &Client, account: &str) -> Result<Value, String> {
    let members = json!({ "MemberAccountId": account });
    let answer = caller.call("RegisterOrganizationDelegatedAdmin", members).await;
    answer.map_err(|refused| refused.code)
}

async fn deregister(caller: &Client, account: &str) -> Result<Value, String> {
    let members = json!({ "DelegatedAdminAccountId": account });
    let answer = caller.call("DeregisterOrganizationDelegatedAdmin", members).await;
    answer.map_err(|refused| refused.code)
}

#[tokio::test]
async fn three_members_administer_at_most() {
    let (world, caller) = world();
    for member in &MEMBERS[..3] {
        assert_eq!(register(&caller, member).await.unwrap(), json!({}));
    }
    let refused = register(&caller, MEMBERS[3]).await.unwrap_err();
    assert_eq!(refused, "DelegatedAdminAccountLimitExceededException");
    assert_eq!(deregister(&caller, MEMBERS[0]).await.unwrap(), json!({}));
    register(&caller, MEMBERS[3]).await.unwrap();
    let administrators = world.definitions().delegated_administrators;
    assert_eq!(administrators.iter().map(|one| one.as_str()).collect::<Vec<_>>(), MEMBERS[1..]);
}

#[tokio::test]
async fn refusals() {
    let (world, caller) = world();
    register(&caller, MEMBERS[0]).await.unwrap();
    let before = world.definitions();
    for (by, account, registering, deregistering) in [
        (MANAGEMENT, MEMBERS[0], Some("AccountRegisteredException"), None),
        (MANAGEMENT, MEMBERS[1], None, Some("AccountNotRegisteredException")),
        (
            MANAGEMENT,
            MANAGEMENT,
            Some("CannotDelegateManagementAccountException"),
            Some("AccountNotRegisteredException"),
        ),
        (MANAGEMENT, STRANGER, Some("AccountNotFoundException"), Some("AccountNotFoundException")),
        (MANAGEMENT, "1", Some("InvalidParameterException"), Some("InvalidParameterException")),
        (
            MEMBERS[0],
            MEMBERS[1],
            Some("NotOrganizationManagementAccountException"),
            Some("NotOrganizationManagementAccountException"),
        ),
        (
            STRANGER,
            MEMBERS[0],
            Some("OrganizationsNotInUseException"),
            Some("OrganizationsNotInUseException"),
        ),
    ] {
        let caller = world.caller(by, "eu-west-1");
        if let Some(exception) = registering {
            assert_eq!(register(&caller, account).await.unwrap_err(), exception, "{by} {account}");
        }
        if let Some(exception) = deregistering {
            assert_eq!(
                deregister(&caller, account).await.unwrap_err(),
                exception,
                "{by} {account}"
            );
        }
    }
    assert_eq!(world.definitions(), before);
}

#[tokio::test]
async fn an_administrator_changes_the_organization_s_trails_and_no_member_does() {
    let (world, caller) = world();
    let world = world.with_trail(MANAGEMENT, "eu-west-1", "org");
    world.define(|definitions| definitions.trails[0].trail.is_organization = true);
    let arn = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/org";
    register(&caller, MEMBERS[0]).await.unwrap();
    let put = json!({ "TrailName": arn, "EventSelectors": [{ "ReadWriteType": "ReadOnly" }] });
    let tag = json!({ "ResourceId": arn, "TagsList": [{ "Key": "a" }] });
    for (operation, members) in [("PutEventSelectors", put), ("AddTags", tag)] {
        let administrator = world.caller(MEMBERS[0], "eu-west-1");
        administrator.call(operation, members.clone()).await.unwrap();
        let member = world.caller(MEMBERS[1], "eu-west-1");
        let (code, _) = member.refused(operation, members).await;
        assert_eq!(code, "NotOrganizationMasterAccountException");
    }
    let get = json!({ "TrailName": arn });
    let seen = world.caller(MEMBERS[1], "us-east-1").call("GetEventSelectors", get).await.unwrap();
    assert_eq!(seen["EventSelectors"][0]["ReadWriteType"], "ReadOnly");
}
