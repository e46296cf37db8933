//! What the log files of a bucket tell of calls to the API.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::bucket::Bucket;
use crate::support::localstack::LocalStack;

/// The records of CloudTrail's own API in a bucket.
pub struct Told(Vec<Value>);

impl Told {
    pub async fn read(localstack: &LocalStack, bucket: &str) -> Told {
        let read = Bucket::read(localstack, bucket, ("", "")).await;
        let records = read.records().into_iter();
        let records = records.map(|record| serde_json::from_str::<Value>(record).unwrap());
        Told(records.filter(|record| record["eventSource"] == "cloudtrail.amazonaws.com").collect())
    }

    /// The changes that are told of, by `eventName`, sorted.
    pub fn changes(&self) -> Vec<&str> {
        let changes = self.0.iter().filter(|record| record["readOnly"] == false);
        let mut names: Vec<&str> =
            changes.map(|record| record["eventName"].as_str().unwrap()).collect();
        names.sort_unstable();
        names
    }

    /// How often each request is told of, by `requestID`.
    pub fn requests(&self) -> BTreeMap<&str, usize> {
        let mut requests = BTreeMap::new();
        for record in &self.0 {
            *requests.entry(record["requestID"].as_str().unwrap()).or_default() += 1;
        }
        requests
    }

    /// The only record of a request.
    pub fn of(&self, request: &str) -> &Value {
        let mut records = self.0.iter().filter(|record| record["requestID"] == request);
        let record = records.next().unwrap_or_else(|| panic!("{request} is not recorded"));
        assert!(records.next().is_none(), "{request} is recorded twice");
        record
    }
}
