//! All operations of CloudTrail are there: implemented, or refused by their names.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::json;

use crate::world::World;

/// An operation as the service's model has it; `operations.py` writes the list.
#[derive(Deserialize)]
pub struct Operation {
    pub name: String,
    pub required: Vec<String>,
    pub members: Vec<String>,
    pub exceptions: Vec<String>,
}

pub fn operations() -> &'static [Operation] {
    static OPERATIONS: LazyLock<Vec<Operation>> =
        LazyLock::new(|| serde_json::from_str(include_str!("../operations.json")).unwrap());
    &OPERATIONS
}

/// An operation answers with no exception but those that the model declares for it, and those that
/// any service has.
pub fn check_declared(operation: &str, exception: &str) {
    const COMMON: [&str; 6] = [
        "AccessDeniedException",
        "InternalFailure",
        "SerializationException",
        "ServiceUnavailableException",
        "ThrottlingException",
        "ValidationException",
    ];
    let Some(operation) = operations().iter().find(|one| one.name == operation) else { return };
    let is_declared = operation.exceptions.iter().any(|declared| declared == exception);
    assert!(is_declared || COMMON.contains(&exception), "{}: {exception}", operation.name);
}

#[tokio::test]
async fn every_operation_is_implemented_or_refused_by_its_name() {
    let operations = operations();
    assert_eq!(operations.len(), 60);
    let caller = World::new().caller("111111111111", "eu-west-1");
    let mut unsupported = Vec::new();
    for Operation { name, required, .. } in operations {
        let answer = caller.send(name, "{}".into()).await;
        let body = String::from_utf8(answer.body).unwrap();
        if body.contains("UnsupportedOperationException") {
            let message = format!("Cairn does not have the operation {name}.");
            let expected = json!({ "__type": "UnsupportedOperationException", "message": message });
            assert_eq!(body, expected.to_string());
            assert_eq!(answer.status, 400);
            unsupported.push(name.as_str());
        } else if required.is_empty() {
            assert!(matches!(answer.status, 200 | 400), "{name}: {body}");
        } else {
            assert_eq!(answer.status, 400, "{name}: {body}");
        }
        assert!(!body.contains("UnknownOperation"), "{name}: {body}");
    }
    expect_test::expect!["CancelQuery CreateDashboard CreateEventDataStore DeleteDashboard DeleteEventDataStore DescribeQuery DisableFederation EnableFederation GenerateQuery GetDashboard GetEventDataStore GetImport GetQueryResults ListDashboards ListEventDataStores ListImportFailures ListImports ListInsightsData ListInsightsMetricData ListQueries RestoreEventDataStore SearchSampleQueries StartDashboardRefresh StartEventDataStoreIngestion StartImport StartQuery StopEventDataStoreIngestion StopImport UpdateDashboard UpdateEventDataStore"].assert_eq(&unsupported.join(" "));
}

#[tokio::test]
async fn what_is_no_operation_of_cloudtrail_is_unknown() {
    let caller = World::new().caller("111111111111", "eu-west-1");
    for name in ["MakeCoffee", "describetrails", ""] {
        assert_eq!(caller.refused(name, json!({})).await.0, "UnknownOperationException");
    }
}

#[tokio::test]
async fn a_required_member_that_is_missing_is_named() {
    let caller = World::new().caller("111111111111", "eu-west-1");
    for Operation { name, required, .. } in operations() {
        if required.is_empty() {
            continue;
        }
        let (code, message) = caller.refused(name, json!({})).await;
        let is_named = required
            .iter()
            .any(|one| message.to_lowercase().replace(' ', "").contains(&one.to_lowercase()));
        assert!(is_named || code == "UnsupportedOperationException", "{name}: {code}: {message}");
    }
}
