//! A site in memory: definitions, outside checks that fail on demand, the records of calls.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use cairn_api::{
    Answer, Api, Caller, Change, Check, Exception, Quotas, Request, Site, TrailStatus,
};
use model::{AccountId, Region, Timestamp, TrailArn};
use serde_json::Value;
use trails::{Definitions, Organization, Origin, Trail, TrailDefinition};
use uuid::Uuid;

use crate::table;

/// Everything outside, and the API on it. Cheap to clone.
#[derive(Clone)]
pub struct World {
    outside: Arc<Outside>,
    api: Arc<Api<MemorySite>>,
}

#[derive(Default)]
pub struct Outside {
    definitions: Mutex<Arc<Definitions>>,
    changing: tokio::sync::Mutex<()>,
    /// What the checks of these buckets, keys, topics and log groups say; of others all is well.
    problems: Mutex<BTreeMap<String, Exception>>,
    checked: Mutex<Vec<Check>>,
    statuses: Mutex<BTreeMap<TrailArn, TrailStatus>>,
    records: Mutex<Vec<Bytes>>,
    is_journal_full: Mutex<bool>,
    unrecorded: AtomicU64,
    drawn: AtomicU64,
}

struct MemorySite(Arc<Outside>);

struct MemoryChange<'a> {
    site: &'a MemorySite,
    _turn: tokio::sync::MutexGuard<'a, ()>,
    before: Arc<Definitions>,
}

/// Somebody who calls.
pub struct Client {
    world: World,
    pub caller: Caller,
}

/// What a refused call was told.
#[derive(Debug)]
pub struct Refused {
    pub status: u16,
    pub code: String,
    pub message: String,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl World {
    pub fn new() -> World {
        let outside = Arc::new(Outside::default());
        let api = Arc::new(Api::new(MemorySite(Arc::clone(&outside)), Quotas::default()));
        World { outside, api }
    }

    pub fn with_configured_trail(self, account: &str, region: &str, name: &str) -> World {
        let arn = format!("arn:aws:cloudtrail:{region}:{account}:trail/{name}");
        let trail = Trail::new(arn.parse().unwrap(), "configured".parse().unwrap());
        self.define(|definitions| definitions.trails.push(trail.into()));
        self
    }

    pub fn with_organization(self, management: &str, members: &[&str]) -> World {
        let organization = Organization {
            id: "o-abc123defg".parse().unwrap(),
            management_account: management.parse().unwrap(),
            members: members.iter().map(|member| member.parse().unwrap()).collect(),
        };
        self.define(|definitions| definitions.organization = Some(organization));
        self
    }

    /// A trail that the API made.
    pub fn with_trail(self, account: &str, region: &str, name: &str) -> World {
        let arn = format!("arn:aws:cloudtrail:{region}:{account}:trail/{name}");
        let trail = Trail::new(arn.parse().unwrap(), "bucket".parse().unwrap());
        let one = TrailDefinition { origin: Origin::Api, ..trail.into() };
        self.define(|definitions| definitions.trails.push(one));
        self
    }

    pub fn define(&self, define: impl FnOnce(&mut Definitions)) {
        let mut definitions = lock(&self.outside.definitions);
        define(Arc::make_mut(&mut definitions));
    }

    pub fn definitions(&self) -> Arc<Definitions> {
        Arc::clone(&lock(&self.outside.definitions))
    }

    /// The check of a bucket, a key, a topic's ARN or a log group's ARN finds this wrong.
    pub fn refuse(&self, named: &str, code: &'static str, message: &str) {
        lock(&self.outside.problems).insert(named.to_owned(), Exception::new(code, message));
    }

    /// What was tried outside.
    pub fn checked(&self) -> Vec<Check> {
        lock(&self.outside.checked).clone()
    }

    pub fn set_status(&self, trail: &str, status: TrailStatus) {
        lock(&self.outside.statuses).insert(trail.parse().unwrap(), status);
    }

    /// The journal takes nothing from now on.
    pub fn fill_journal(&self) {
        *lock(&self.outside.is_journal_full) = true;
    }

    /// Calls that were answered and not recorded.
    pub fn unrecorded(&self) -> u64 {
        self.outside.unrecorded.load(Ordering::Relaxed)
    }

    /// The records of all calls.
    pub fn records(&self) -> Vec<Value> {
        let parsed = |record: &Bytes| serde_json::from_slice(record).unwrap();
        lock(&self.outside.records).iter().map(parsed).collect()
    }

    /// The same, byte for byte.
    pub fn raw_records(&self) -> Vec<Bytes> {
        lock(&self.outside.records).clone()
    }

    pub fn caller(&self, account: &str, region: &str) -> Client {
        let caller = Caller {
            account: account.parse().unwrap(),
            region: region.parse().unwrap(),
            access_key: "AKIAIOSFODNN7EXAMPLE".into(),
        };
        Client { world: self.clone(), caller }
    }
}

impl Client {
    /// Calls an operation as the aws CLI does.
    pub async fn call(&self, operation: &str, members: Value) -> Result<Value, Refused> {
        let answer = self.send(operation, members.to_string()).await;
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        if answer.status == 200 {
            return Ok(body);
        }
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        table::check_declared(operation, &text("__type"));
        Err(Refused { status: answer.status, code: text("__type"), message: text("message") })
    }

    /// Calls an operation that must be refused: the exception and its message.
    pub async fn refused(&self, operation: &str, members: Value) -> (String, String) {
        let called = format!("{operation} {members}");
        let Err(refused) = self.call(operation, members).await else {
            panic!("{called:.300} is answered");
        };
        assert_eq!(refused.status, 400, "{called:.300}: {}", refused.message);
        (refused.code, refused.message)
    }

    /// Sends a body as it is.
    pub async fn send(&self, operation: &str, body: String) -> Answer {
        let prefix = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101";
        let request = Request {
            target: format!("{prefix}.{operation}"),
            body: Bytes::from(body),
            request_id: "11111111-2222-3333-4444-555555555555".into(),
            source_ip: "127.0.0.1".into(),
            user_agent: Some("aws-cli/1.44".into()),
            host: Some("127.0.0.1:4580".into()),
        };
        self.world.api.answer(&self.caller, &request).await
    }
}

impl Site for MemorySite {
    type Change<'a> = MemoryChange<'a>;

    fn definitions(&self) -> Arc<Definitions> {
        Arc::clone(&lock(&self.0.definitions))
    }

    fn status(&self, trail: &TrailArn) -> TrailStatus {
        lock(&self.0.statuses).get(trail).cloned().unwrap_or_default()
    }

    fn now(&self) -> Timestamp {
        Timestamp::parse("2026-03-09T14:05:00Z").unwrap()
    }

    fn draw(&self) -> Uuid {
        let number = self.0.drawn.fetch_add(1, Ordering::Relaxed);
        uuid::Builder::from_random_bytes(u128::from(number).to_be_bytes()).into_uuid()
    }

    async fn check(&self, check: &Check) -> Result<Option<String>, Exception> {
        lock(&self.0.checked).push(check.clone());
        let (named, found) = match check {
            Check::Bucket { trail, .. } => (trail.bucket.to_string(), None),
            Check::Key { key, trail } => {
                let home = &trail.arn;
                let arn = format!("arn:aws:kms:{}:{}:key/", home.home_region, home.account);
                (key.clone(), Some(arn + key.rsplit('/').next().unwrap()))
            }
            Check::Topic { trail } => (trail.topic.as_ref().unwrap().to_string(), None),
            Check::LogGroup { group, .. } => (group.arn.clone(), None),
        };
        match lock(&self.0.problems).get(&named) {
            Some(problem) => Err(problem.clone()),
            None => Ok(found),
        }
    }

    async fn record(
        &self,
        account: &AccountId,
        region: &Region,
        record: Bytes,
    ) -> Result<(), Exception> {
        if *lock(&self.0.is_journal_full) {
            return Err(Exception::unavailable("the journal is full"));
        }
        let parsed: Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(parsed["recipientAccountId"], account.as_str());
        assert_eq!(parsed["awsRegion"], region.as_str());
        lock(&self.0.records).push(record);
        Ok(())
    }

    fn count_unrecorded(&self) {
        self.0.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    async fn begin(&self) -> Result<MemoryChange<'_>, Exception> {
        let turn = self.0.changing.lock().await;
        Ok(MemoryChange { site: self, _turn: turn, before: self.definitions() })
    }
}

impl Change for MemoryChange<'_> {
    fn definitions(&self) -> &Definitions {
        &self.before
    }

    async fn commit(self, definitions: Definitions) -> Result<(), Exception> {
        *lock(&self.site.0.definitions) = Arc::new(definitions);
        Ok(())
    }
}
