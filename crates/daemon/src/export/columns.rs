//! The columns of a download: those of the console's, in its order, then more of the record.
//!
//! The order is fixed: new columns come behind the last one. A cell is the member's text as the record
//! has it; of a member that is no text, its JSON; empty where the record does not say. Resources are
//! those that LookupEvents derives, as JSON.
//! Source: CloudTrail console, "Download events", `CSV`; its first eight columns are seen in a real
//! file, the names of the rest in the console's table.

use std::borrow::Cow;
use std::collections::HashMap;

use history::Summary;
use serde::Serialize;
use serde_json::value::RawValue;

use super::csv;

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// In the header.
    pub name: &'static str,
    cell: Cell,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug)]
enum Cell {
    Username,
    AccessKey,
    Resources,
    ReadOnly,
    /// A member of the record.
    Member(&'static str),
    /// A member of `userIdentity`.
    Identity(&'static str),
}

/// All columns, in their order.
pub const ALL: [Column; 20] = [
    column("User name", Cell::Username),
    column("AWS access key", Cell::AccessKey),
    column("Event time", Cell::Member("eventTime")),
    column("Event source", Cell::Member("eventSource")),
    column("Event name", Cell::Member("eventName")),
    column("AWS region", Cell::Member("awsRegion")),
    column("Source IP address", Cell::Member("sourceIPAddress")),
    column("User agent", Cell::Member("userAgent")),
    column("Error code", Cell::Member("errorCode")),
    column("Resources", Cell::Resources),
    column("Request ID", Cell::Member("requestID")),
    column("Event ID", Cell::Member("eventID")),
    column("Read-only", Cell::ReadOnly),
    column("Error message", Cell::Member("errorMessage")),
    column("Event type", Cell::Member("eventType")),
    column("Event category", Cell::Member("eventCategory")),
    column("Recipient account", Cell::Member("recipientAccountId")),
    column("Identity type", Cell::Identity("type")),
    column("Identity ARN", Cell::Identity("arn")),
    column("Identity account", Cell::Identity("accountId")),
];

const fn column(name: &'static str, cell: Cell) -> Column {
    Column { name, cell }
}

/// The members of a record, as they are written.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    record: Members<'a>,
    identity: Members<'a>,
}

type Members<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

impl<'a> Fields<'a> {
    /// Of a record; none of what is no record.
    #[must_use]
    pub fn of(record: &'a [u8]) -> Fields<'a> {
        let record = members(record);
        let identity = record.get("userIdentity").map(|raw| members(raw.get().as_bytes()));
        Fields { identity: identity.unwrap_or_default(), record }
    }

    /// A member's text; of what is no text, its JSON; empty where there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        text(&self.record, name)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_type: Option<&'a str>,
    resource_name: &'a str,
}

/// The cells of a record's row, one for each column.
pub fn cells(record: &[u8]) -> impl Iterator<Item = String> {
    let (fields, summary) = (Fields::of(record), Summary::of(record));
    let cells = ALL.map(|column| match column.cell {
        Cell::Username => summary.username.as_deref().unwrap_or_default().to_owned(),
        Cell::AccessKey => summary.access_key_id.as_deref().unwrap_or_default().to_owned(),
        Cell::ReadOnly => summary.read_only.map(|is| is.to_string()).unwrap_or_default(),
        Cell::Resources => resources(&summary),
        Cell::Member(name) => fields.text(name),
        Cell::Identity(name) => text(&fields.identity, name),
    });
    cells.into_iter()
}

/// The members of an object; none of what is no object.
fn members(text: &[u8]) -> Members<'_> {
    serde_json::from_slice(text).unwrap_or_default()
}

fn text(members: &Members<'_>, name: &str) -> String {
    let raw = members.get(name).map_or("null", |raw| raw.get());
    match raw {
        "null" => String::new(),
        // What is no text that can be read stays as it is written.
        raw => serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned()),
    }
}

fn resources(summary: &Summary<'_>) -> String {
    let resources: Vec<Resource<'_>> = summary
        .resources
        .iter()
        .map(|one| Resource { resource_type: one.kind.as_deref(), resource_name: &one.name })
        .collect();
    csv::json(&serde_json::to_string(&resources).expect("texts always serialize"))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(record: &str, expected: &Expect) {
        let found: Vec<String> = ALL
            .iter()
            .zip(cells(record.as_bytes()))
            .map(|(column, cell)| format!("{}: {cell}", column.name))
            .collect();
        expected.assert_eq(&found.join("\n"));
    }

    #[test]
    fn the_header_begins_as_the_console_s_and_never_changes() {
        let mut out = Vec::new();
        csv::row(ALL.map(|column| column.name), &mut out);
        expect!["User name,AWS access key,Event time,Event source,Event name,AWS region,Source IP address,User agent,Error code,Resources,Request ID,Event ID,Read-only,Error message,Event type,Event category,Recipient account,Identity type,Identity ARN,Identity account\r\n"]
            .assert_eq(&String::from_utf8(out).unwrap());
    }

    #[test]
    fn a_record_fills_its_columns() {
        check(
            r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDA","arn":"arn:aws:iam::111122223333:user/amy","accountId":"111122223333","accessKeyId":"AKIA1","userName":"amy"},"eventTime":"2026-03-09T14:05:00Z","eventSource":"iam.amazonaws.com","eventName":"DeleteUser","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.1","userAgent":"aws-cli/2","errorCode":"AccessDenied","errorMessage":"no, not you","requestParameters":{"userName":"bob"},"requestID":"r-1","eventID":"e-1","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}"#,
            &expect![[r#"
                User name: amy
                AWS access key: AKIA1
                Event time: 2026-03-09T14:05:00Z
                Event source: iam.amazonaws.com
                Event name: DeleteUser
                AWS region: us-east-1
                Source IP address: 192.0.2.1
                User agent: aws-cli/2
                Error code: AccessDenied
                Resources: [{"resourceType":"AWS::IAM::User","resourceName":"bob"}]
                Request ID: r-1
                Event ID: e-1
                Read-only: false
                Error message: no, not you
                Event type: AwsApiCall
                Event category: Management
                Recipient account: 111122223333
                Identity type: IAMUser
                Identity ARN: arn:aws:iam::111122223333:user/amy
                Identity account: 111122223333"#]],
        );
    }

    #[test]
    fn a_member_that_is_no_text_is_shown_as_it_is_and_one_that_is_absent_is_empty() {
        check(
            r#"{"eventTime":null,"eventName":["a"],"eventSource":7,"userAgent":"\ud83d","userIdentity":"x"}"#,
            &expect![[r#"
                User name: 
                AWS access key: 
                Event time: 
                Event source: 7
                Event name: ["a"]
                AWS region: 
                Source IP address: 
                User agent: "\ud83d"
                Error code: 
                Resources: []
                Request ID: 
                Event ID: 
                Read-only: 
                Error message: 
                Event type: 
                Event category: 
                Recipient account: 
                Identity type: 
                Identity ARN: 
                Identity account: "#]],
        );
    }

    #[test]
    fn what_is_no_record_has_empty_cells() {
        assert_eq!(cells(b"[").filter(|cell| !matches!(cell.as_str(), "" | "[]")).count(), 0);
    }
}
