//! A history of a few events, and the answers to queries about it as text.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cairn_query::{Engine, Held, Limits, QueryError};
use datafusion::arrow::util::pretty::pretty_format_batches;
use disk::{Disk, RealDisk};
use history::{FileId, HistoryFile, Position, Row, Scope, Sequence};
use model::{BatchId, Category, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Files of a history, and an engine for them.
pub(crate) struct World {
    pub(crate) directory: TempDir,
    pub(crate) engine: Engine,
}

pub(crate) fn limits(directory: &TempDir) -> Limits {
    Limits {
        memory_bytes: 64 << 20,
        timeout: Duration::from_secs(60),
        threads: 2,
        scratch: directory.path().to_owned(),
        scratch_bytes: 1 << 30,
    }
}

/// A file of these records.
pub(crate) fn write(directory: &TempDir, id: u64, records: &[Value]) {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(directory.path()).unwrap());
    disk.create_directory(history::DIRECTORY).unwrap();
    let rows = (0..).zip(records).map(|(index, record)| Row {
        position: Position {
            time: Timestamp::parse(record["eventTime"].as_str().unwrap()).unwrap(),
            sequence: Sequence { batch: BatchId(id), index },
        },
        scope: Scope {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            category: Category::Management,
        },
        record: Bytes::from(record.to_string()),
    });
    HistoryFile::write(&disk, FileId(id), rows.collect()).unwrap();
}

pub(crate) async fn open(directory: TempDir, files: u64, limits: Limits) -> World {
    let mut held = Held::default();
    for id in 0..files {
        held.open(&directory.path().join(FileId(id).table())).unwrap();
    }
    let engine = Engine::open(held, &Default::default(), limits).await.unwrap();
    World { directory, engine }
}

/// Two files of a few events that differ in what queries ask for.
pub(crate) async fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    write(&directory, 0, &events()[..3]);
    write(&directory, 1, &events()[3..]);
    let limits = limits(&directory);
    open(directory, 2, limits).await
}

pub(crate) fn events() -> Vec<Value> {
    let amy = json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/amy", "userName": "amy", "accountId": "111122223333"});
    let role = json!({
        "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/ops/bob",
        "sessionContext": {
            "attributes": {"creationDate": "2026-03-09T12:00:00Z", "mfaAuthenticated": "true"},
            "sessionIssuer": {"type": "Role", "userName": "ops"},
        },
    });
    let event = |name: &str, time: &str, identity: &Value, more: Value| {
        let mut event = json!({
            "eventVersion": "1.11", "eventName": name, "eventTime": time, "userIdentity": identity,
            "eventSource": "s3.amazonaws.com", "awsRegion": "eu-west-1", "readOnly": false,
            "eventID": format!("id-{time}"), "recipientAccountId": "111122223333",
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    vec![
        event(
            "CreateBucket",
            "2026-03-09T14:00:00Z",
            &amy,
            json!({"requestParameters": {"bucketName": "logs", "acl": ["private"], "n": 5}}),
        ),
        event(
            "DeleteBucket",
            "2026-03-09T14:05:00Z",
            &role,
            json!({"requestParameters": {"bucketName": "old"}, "resources": [{"accountId": "111122223333", "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::old"}]}),
        ),
        event(
            "DeleteBucket",
            "2026-03-10T09:00:00Z",
            &amy,
            json!({"requestParameters": {"bucketName": "logs"}, "errorCode": "AccessDenied"}),
        ),
        event(
            "ListBuckets",
            "2026-03-10T10:00:00Z",
            &role,
            json!({"readOnly": true, "requestParameters": null}),
        ),
        event(
            "GetObject",
            "2026-03-11T00:00:00Z",
            &amy,
            json!({"readOnly": true, "additionalEventData": {"x-amz-id-2": "q\"é"}, "responseElements": {"a": {"b": [1, 2]}}}),
        ),
    ]
}

impl World {
    /// The answer as a table, or what is wrong with the query.
    pub(crate) async fn ask(&self, sql: &str) -> String {
        match self.rows(sql).await {
            Ok(table) => table,
            Err(error) => error.to_string(),
        }
    }

    pub(crate) async fn rows(&self, sql: &str) -> Result<String, QueryError> {
        let mut answer = self.engine.query(sql).await?;
        let mut batches = vec![datafusion::arrow::array::RecordBatch::new_empty(answer.schema())];
        while let Some(batch) = answer.next().await? {
            batches.push(batch);
        }
        Ok(pretty_format_batches(&batches).unwrap().to_string())
    }
}
