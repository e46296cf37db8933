//! Rows to write, and what they are written to.

#![allow(dead_code)]

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use cairn_history::{DIRECTORY, FileInfo, HistoryFile, PageCache, Position, Row, Scope, Sequence};
use disk::{Disk, SimulatedDisk};
use model::{BatchId, Category, Event, Sender, Timestamp};

/// 2026-05-04T00:00:00Z.
pub const DAY: i64 = 1_777_852_800_000;

/// A disk with the history's directory.
pub fn disk() -> Arc<dyn Disk> {
    let disk = SimulatedDisk::new();
    disk.create_directory(DIRECTORY).unwrap();
    Arc::new(disk)
}

/// The file, with a cache of its own.
pub fn open(disk: &Arc<dyn Disk>, info: &FileInfo) -> HistoryFile {
    HistoryFile::open(disk, info.clone(), &PageCache::new(16 << 20)).unwrap()
}

/// Behind every row.
pub fn newest() -> Position {
    let sequence = Sequence { batch: BatchId(u64::MAX), index: u32::MAX };
    Position { time: Timestamp::from_millis(i64::MAX), sequence }
}

/// A row of one account.
pub fn row(millis: i64, batch: u64, index: u32, record: &str) -> Row {
    Row {
        position: Position {
            time: Timestamp::from_millis(millis),
            sequence: Sequence { batch: BatchId(batch), index },
        },
        scope: Scope {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            category: Category::Management,
        },
        record: Bytes::copy_from_slice(record.as_bytes()),
    }
}

/// Numbers that look random (xorshift), always the same.
pub struct Numbers(u64);

impl Numbers {
    pub fn of(seed: u64) -> Numbers {
        Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// One of them.
    pub fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    /// Less than the bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// Rows as records usually look, of some accounts and Regions, in no order, on three days.
pub fn generated(seed: u64, rows: u32) -> Vec<Row> {
    let mut numbers = Numbers::of(seed);
    (0..rows)
        .map(|index| {
            let millis = DAY + i64::try_from(numbers.below(3 * 86_400)).unwrap() * 1_000;
            let batch = seed * 1_000 + u64::from(index) / 700;
            let account = format!("{:012}", 111_122_223_333 + numbers.below(5));
            let region = numbers.pick(&["eu-west-1", "us-east-1", "ap-southeast-2"]);
            let record = record(&mut numbers, millis, &account, region);
            let mut row = row(millis, batch, index, &record);
            row.scope.account = account.parse().unwrap();
            row.scope.region = region.parse().unwrap();
            row
        })
        .collect()
}

fn record(numbers: &mut Numbers, millis: i64, account: &str, region: &str) -> String {
    let calls =
        ["ec2 RunInstances", "ec2 DescribeInstances", "sts AssumeRole", "s3 PutBucketPolicy"];
    let (source, name) = numbers.pick(&calls).split_once(' ').unwrap();
    let user = numbers.below(200) * numbers.below(50) / 50;
    let time = Timestamp::from_millis(millis);
    let mut text = format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"AROA{user:017}:s{user}","arn":"arn:aws:sts::{account}:assumed-role/role-{user}/s{user}","accountId":"{account}","accessKeyId":"ASIA{:016}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROA{user:017}","arn":"arn:aws:iam::{account}:role/role-{user}","accountId":"{account}","userName":"role-{user}"}},"attributes":{{"creationDate":"{time}","mfaAuthenticated":"false"}}}}}},"eventTime":"{time}","eventSource":"{}.amazonaws.com","eventName":"{}","awsRegion":"{region}","sourceIPAddress":"198.51.{}.{}","userAgent":"aws-cli/2.{}""#,
        user * 31 + numbers.below(9),
        source,
        name,
        numbers.below(100),
        numbers.below(250),
        numbers.below(30),
    );
    if numbers.below(7) == 0 {
        text.push_str(r#","errorCode":"AccessDenied","errorMessage":"no"#);
        write!(text, " {}\"", numbers.below(1_000)).unwrap();
    }
    write!(
        text,
        r#","requestParameters":{{"bucketName":"b-{}","k":"{:x}"}},"responseElements":null,"requestID":"{:016x}","eventID":"{}","readOnly":{},"resources":[{{"accountId":"{account}","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::b-{}"}}],"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"{account}","eventCategory":"Management","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{}.{region}.amazonaws.com"}}}}"#,
        numbers.below(3_000),
        numbers.below(u64::MAX),
        numbers.below(u64::MAX),
        uuid(numbers),
        name.starts_with("Describe"),
        numbers.below(3_000),
        source,
    )
    .unwrap();
    text
}

fn uuid(numbers: &mut Numbers) -> String {
    let mut part = |bits: u32| numbers.below(1 << bits);
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        part(32),
        part(16),
        part(12),
        part(12),
        part(48)
    )
}

/// Records with members of every wrong shape, and text that is hard to read.
pub fn odd() -> Vec<Row> {
    let shapes =
        ["7", "-1.5e300", "true", "null", r#""""#, r#""x""#, "[]", "[1]", "{}", r#"{"a":1}"#];
    let members = [
        "eventVersion",
        "userIdentity",
        "eventTime",
        "eventSource",
        "eventName",
        "awsRegion",
        "sourceIPAddress",
        "userAgent",
        "errorCode",
        "errorMessage",
        "requestID",
        "eventID",
        "eventId",
        "readOnly",
        "resources",
        "eventType",
        "apiVersion",
        "managementEvent",
        "recipientAccountId",
        "sharedEventID",
        "annotation",
        "vpcEndpointId",
        "vpcEndpointAccountId",
        "eventCategory",
        "tlsDetails",
        "sessionCredentialFromConsole",
        "requestParameters",
    ];
    let mut records: Vec<String> = Vec::new();
    for shape in shapes {
        records.extend(members.map(|member| format!(r#"{{"{member}":{shape}}}"#)));
        for inner in ["sessionContext", "type", "arn", "onBehalfOf", "inScopeOf"] {
            records.push(format!(r#"{{"userIdentity":{{"{inner}":{shape}}}}}"#));
        }
        for inner in ["sessionIssuer", "attributes", "webIdFederationData", "assumedRoot"] {
            records
                .push(format!(r#"{{"userIdentity":{{"sessionContext":{{"{inner}":{shape}}}}}}}"#));
        }
        records.push(format!(r#"{{"resources":[{shape},{{"ARN":{shape},"type":"t"}}]}}"#));
    }
    for record in [
        "{}",
        r#"{"eventName":"a","eventName":"b"}"#,
        r#"{"userIdentity":{"arn":"a","arn":"b"}}"#,
        r#"{"eventName":"lone \ud800 surrogate","eventSource":"s"}"#,
        r#"{"eventName":"Get\u004fbject\n\u0000","userAgent":"日本語 \"quoted\" \\"}"#,
        r#"{"event\u004eame":"x"}"#,
        r#" {"eventName" : "spaces" } "#,
        r#"{"lone \ud800 name":1,"eventName":"x"}"#,
        "not a record",
        "",
    ] {
        records.push(record.to_owned());
    }
    (0..).zip(&records).map(|(index, record)| row(DAY, 1, index, record)).collect()
}

/// The records of the folder that `CAIRN_CORPUS` names; `None` when it names none.
pub fn corpus() -> Option<Vec<Row>> {
    let folder = std::env::var_os("CAIRN_CORPUS").filter(|named| !named.is_empty())?;
    let sender =
        Sender { account: "999999999999".parse().unwrap(), region: "eu-west-1".parse().unwrap() };
    let mut rows = Vec::new();
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        if file.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let Ok(accepted) = Event::from_record(Bytes::from(line.to_owned()), &sender) else {
                continue;
            };
            let index = u32::try_from(rows.len()).unwrap();
            rows.push(Row::of(&accepted.event, Sequence { batch: BatchId(5), index }));
        }
    }
    Some(rows)
}
