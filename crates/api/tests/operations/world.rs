//! A site in memory: definitions, outside checks that fail on demand, the records of calls.
//!
//! Definitions are kept by the registry that the daemon has, on a simulated disk.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use accounts::{Policy, PolicyKind, User};
use bytes::Bytes;
use cairn_api::{
    Answer, Api, Caller, Change, Check, Exception, Lookup, Quotas, Request, Site, TrailStatus,
};
use disk::SimulatedDisk;
use history::{Found, Page, Query, Row, Sequence, Summary};
use keyring::{PublicKey, PublishedKey};
use model::{AccountId, BatchId, Event, Region, Sender, Timestamp, TrailArn};
use serde_json::{Value, json};
use tokio::sync::{Barrier, Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard};
use trails::{Definitions, Organization, Origin, Registry, Tag, Trail, TrailDefinition};
use uuid::Uuid;

use crate::table;

/// When a world begins, in milliseconds since 1970: 2026-03-09T14:05:06.789Z.
pub const NOW: i64 = 1_773_065_106_789;

/// Everything outside, and the API on it. Cheap to clone.
#[derive(Clone)]
pub struct World {
    outside: Arc<Outside>,
    api: Arc<Api<MemorySite>>,
}

pub struct Outside {
    registry: Mutex<Registry>,
    changing: AsyncMutex<()>,
    /// What the checks of these buckets, keys, topics and log groups say; of others all is well.
    problems: Mutex<BTreeMap<String, Exception>>,
    checked: Mutex<Vec<Check>>,
    /// Calls whose checks meet here go on together.
    meeting: Mutex<Option<Arc<Barrier>>>,
    statuses: Mutex<BTreeMap<TrailArn, TrailStatus>>,
    public_keys: Mutex<Vec<(Region, PublishedKey)>>,
    history: Mutex<Vec<Row>>,
    happened: Mutex<Vec<Happened>>,
    is_journal_full: Mutex<bool>,
    does_disk_fail: Mutex<bool>,
    bytes_max: Mutex<usize>,
    unrecorded: AtomicU64,
    drawn: AtomicU64,
    /// Milliseconds since 1970.
    now: AtomicI64,
}

/// What a site saw, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// The record of a call is durable.
    Recorded(Bytes),
    /// Definitions are in force.
    Changed,
}

struct MemorySite(Arc<Outside>);

struct MemoryChange<'a> {
    site: &'a MemorySite,
    _turn: AsyncMutexGuard<'a, ()>,
    before: Definitions,
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
        World::with_quotas(Quotas::default())
    }

    pub fn with_quotas(quotas: Quotas) -> World {
        let registry = Registry::open(Arc::new(SimulatedDisk::default())).unwrap();
        let outside = Arc::new(Outside {
            registry: Mutex::new(registry),
            changing: AsyncMutex::default(),
            problems: Mutex::default(),
            checked: Mutex::default(),
            meeting: Mutex::default(),
            statuses: Mutex::default(),
            public_keys: Mutex::default(),
            history: Mutex::default(),
            happened: Mutex::default(),
            is_journal_full: Mutex::default(),
            does_disk_fail: Mutex::default(),
            bytes_max: Mutex::new(usize::MAX),
            unrecorded: AtomicU64::default(),
            drawn: AtomicU64::default(),
            now: AtomicI64::new(NOW),
        });
        let api = Arc::new(Api::new(MemorySite(Arc::clone(&outside)), quotas));
        World { outside, api }
    }

    pub fn with_configured_trail(self, account: &str, region: &str, name: &str) -> World {
        let arn = format!("arn:aws:cloudtrail:{region}:{account}:trail/{name}");
        let trail = Trail::new(arn.parse().unwrap(), "configured".parse().unwrap());
        self.define(|definitions| definitions.trails.push(trail.into()));
        self
    }

    /// Gives a configured trail a tag.
    pub fn with_tag(self, arn: &str, key: &str, value: &str) -> World {
        let tag = Tag { key: key.into(), value: Some(value.into()) };
        self.define(|definitions| {
            let mut trails = definitions.trails.iter_mut();
            let of_arn = |one: &&mut TrailDefinition| one.trail.arn.to_string() == arn;
            trails.find(of_arn).unwrap().tags.push(tag);
        });
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

    /// Makes members of the organization its delegated administrators.
    pub fn with_administrators(self, administrators: &[&str]) -> World {
        let administrators = administrators.iter().map(|one| one.parse().unwrap()).collect();
        self.define(|definitions| definitions.delegated_administrators = administrators);
        self
    }

    pub fn define(&self, define: impl FnOnce(&mut Definitions)) {
        let mut registry = lock(&self.outside.registry);
        let mut definitions = registry.definitions().clone();
        define(&mut definitions);
        registry.apply(definitions, Timestamp::from_millis(NOW)).unwrap();
    }

    pub fn definitions(&self) -> Definitions {
        lock(&self.outside.registry).definitions().clone()
    }

    /// Time passes.
    pub fn pass(&self, millis: i64) {
        self.outside.now.fetch_add(millis, Ordering::Relaxed);
    }

    /// The check of a bucket, a key, a topic's ARN or a log group's ARN finds this wrong.
    pub fn refuse(&self, named: &str, code: &'static str, message: &str) {
        lock(&self.outside.problems).insert(named.to_owned(), Exception::new(code, message));
    }

    /// What was tried outside since the last look: its kind, and what it was about.
    pub fn checked(&self) -> Vec<Check> {
        std::mem::take(&mut lock(&self.outside.checked))
    }

    /// That many calls wait in their checks for each other.
    pub fn let_calls_meet(&self, calls: usize) {
        *lock(&self.outside.meeting) = Some(Arc::new(Barrier::new(calls)));
    }

    /// Meets them.
    pub async fn meet(&self) {
        let meeting = lock(&self.outside.meeting).clone();
        if let Some(meeting) = meeting {
            meeting.wait().await;
        }
    }

    pub fn set_status(&self, trail: &str, status: TrailStatus) {
        lock(&self.outside.statuses).insert(trail.parse().unwrap(), status);
    }

    /// A key of a Region, valid between two moments that are told in seconds from the beginning.
    pub fn publish(&self, region: &str, der: &[u8], [from, to]: [i64; 2]) {
        let at = |seconds: i64| Timestamp::from_millis(NOW + seconds * 1_000);
        let key = PublicKey::from_pkcs1(der.to_vec());
        let key = PublishedKey { key, not_before: at(from), not_after: at(to) };
        lock(&self.outside.public_keys).push((region.parse().unwrap(), key));
    }

    /// An event is in the history from now on. Its place is the order of these calls.
    pub fn happen(&self, account: &str, region: &str, record: &Value) {
        let mut history = lock(&self.outside.history);
        let sender = Sender { account: account.parse().unwrap(), region: region.parse().unwrap() };
        let event = Event::from_record(record.to_string().into(), &sender).unwrap().event;
        let index = u32::try_from(history.len()).unwrap();
        history.push(Row::of(&event, Sequence { batch: BatchId(1), index }));
    }

    /// The journal takes nothing from now on.
    pub fn fill_journal(&self) {
        *lock(&self.outside.is_journal_full) = true;
    }

    /// Definitions cannot be stored from now on.
    pub fn break_disk(&self) {
        *lock(&self.outside.does_disk_fail) = true;
    }

    /// Definitions of more than this many bytes cannot be kept.
    pub fn limit_definitions(&self, bytes_max: usize) {
        *lock(&self.outside.bytes_max) = bytes_max;
    }

    /// Calls that were answered and not recorded.
    pub fn unrecorded(&self) -> u64 {
        self.outside.unrecorded.load(Ordering::Relaxed)
    }

    /// All that happened.
    pub fn happened(&self) -> Vec<Happened> {
        lock(&self.outside.happened).clone()
    }

    /// The records of all calls.
    pub fn records(&self) -> Vec<Value> {
        let parsed = |record: &Bytes| serde_json::from_slice(record).unwrap();
        self.raw_records().iter().map(parsed).collect()
    }

    /// The same, byte for byte.
    pub fn raw_records(&self) -> Vec<Bytes> {
        let records = self.happened().into_iter().filter_map(|happened| match happened {
            Happened::Recorded(record) => Some(record),
            Happened::Changed => None,
        });
        records.collect()
    }

    pub fn caller(&self, account: &str, region: &str) -> Client {
        let (account, region) = (account.parse().unwrap(), region.parse().unwrap());
        let caller = Caller::root(account, region, "AKIAIOSFODNN7EXAMPLE".into());
        Client { world: self.clone(), caller }
    }

    /// The user amy of an account, whose policy has these statements.
    pub fn user(&self, account: &str, region: &str, statements: &Value) -> Client {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let policy = Policy::parse(&policy, PolicyKind::Identity).unwrap();
        let user = User {
            name: "amy".parse().unwrap(),
            id: "AIDACKCEVSQ6C2EXAMPLE".into(),
            policies: [policy].into(),
        };
        let mut client = self.caller(account, region);
        client.caller.principal.user = Some(user);
        client
    }
}

/// A page of a list, the slow and obvious way.
fn page(history: &[Row], query: &Query) -> Page {
    let is_meant = |row: &&Row| {
        let summary = Summary::of(&row.record);
        let mut attributes = query.attributes.iter();
        query.scopes.includes(&row.scope)
            && (query.from..=query.to).contains(&row.position.time)
            && query.after.is_none_or(|after| row.position < after)
            && attributes
                .all(|(attribute, value)| summary.values(*attribute).any(|one| one == value))
    };
    let mut meant: Vec<&Row> = history.iter().filter(is_meant).collect();
    meant.sort_by_key(|row| std::cmp::Reverse(row.position));
    let is_more = meant.len() > query.limit;
    meant.truncate(query.limit);
    let next = meant.last().filter(|_| is_more).map(|row| row.position);
    let found = |row: &Row| {
        let Row { position, scope, record } = row.clone();
        Found { position, scope, record }
    };
    Page { rows: meant.into_iter().map(found).collect(), next }
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

    /// Calls an operation that must be answered.
    pub async fn ok(&self, operation: &str, members: Value) -> Value {
        let answer = self.call(operation, members.clone()).await;
        answer.unwrap_or_else(|refused| panic!("{operation} {members}: {refused:?}"))
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

    /// Makes a trail with a bucket of its own.
    pub async fn make(&self, name: &str, more: Value) -> Value {
        let mut members = json!({ "Name": name, "S3BucketName": "logs" });
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.ok("CreateTrail", members).await
    }

    /// The trail, as GetTrail shows it.
    pub async fn show(&self, name_or_arn: &str) -> Value {
        self.ok("GetTrail", json!({ "Name": name_or_arn })).await["Trail"].clone()
    }

    /// The names that DescribeTrails shows.
    pub async fn described(&self, members: Value) -> Vec<String> {
        let answer = self.ok("DescribeTrails", members).await;
        let shown = answer["trailList"].as_array().unwrap();
        shown.iter().map(|trail| trail["Name"].as_str().unwrap().to_owned()).collect()
    }

    /// The ARN of a trail of this caller and Region.
    pub fn arn(&self, name: &str) -> String {
        let Caller { account, region, .. } = &self.caller;
        format!("arn:aws:cloudtrail:{region}:{account}:trail/{name}")
    }

    /// Sends a body as it is.
    pub async fn send(&self, operation: &str, body: String) -> Answer {
        self.send_with(operation, body, true).await
    }

    /// The same, by a signature that names the operation or not.
    pub async fn send_with(&self, operation: &str, body: String, is_target_signed: bool) -> Answer {
        let prefix = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101";
        let request = Request {
            target: format!("{prefix}.{operation}"),
            is_target_signed,
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
        Arc::new(lock(&self.0.registry).definitions().clone())
    }

    fn status(&self, trail: &TrailArn) -> TrailStatus {
        lock(&self.0.statuses).get(trail).cloned().unwrap_or_default()
    }

    fn public_keys(&self, region: &Region, from: Timestamp, to: Timestamp) -> Vec<PublishedKey> {
        let keys = lock(&self.0.public_keys);
        let of_region = keys.iter().filter(|(of, _)| of == region).map(|(_, key)| key);
        of_region.filter(|key| key.not_before <= to && from <= key.not_after).cloned().collect()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now.load(Ordering::Relaxed))
    }

    fn uptime(&self) -> Duration {
        let millis = self.0.now.load(Ordering::Relaxed) - NOW;
        Duration::from_millis(millis.try_into().unwrap())
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
        let meeting = lock(&self.0.meeting).clone();
        if let Some(meeting) = meeting {
            meeting.wait().await;
        }
        match lock(&self.0.problems).get(&named) {
            Some(problem) => Err(problem.clone()),
            None => Ok(found),
        }
    }

    async fn lookup(&self, lookup: Lookup) -> Result<Vec<u8>, Exception> {
        let history = lock(&self.0.history);
        lookup.answer(|query| Ok(page(&history, query)))
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
        lock(&self.0.happened).push(Happened::Recorded(record));
        Ok(())
    }

    fn count_unrecorded(&self) {
        self.0.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    async fn begin(&self) -> MemoryChange<'_> {
        let turn = self.0.changing.lock().await;
        MemoryChange { site: self, _turn: turn, before: (*self.definitions()).clone() }
    }
}

impl Change for MemoryChange<'_> {
    fn definitions(&self) -> &Definitions {
        &self.before
    }

    fn check(&self, _: &AccountId, definitions: &Definitions) -> Result<(), Exception> {
        let bytes = serde_json::to_vec(definitions).unwrap().len();
        if bytes > *lock(&self.site.0.bytes_max) {
            return Err(Exception::new("OperationNotPermittedException", "There is no room."));
        }
        Ok(())
    }

    async fn commit(self, definitions: Definitions) -> Result<(), Exception> {
        let outside = &self.site.0;
        if *lock(&outside.does_disk_fail) {
            return Err(Exception::internal());
        }
        lock(&outside.registry).apply(definitions, self.site.now()).unwrap();
        lock(&outside.happened).push(Happened::Changed);
        Ok(())
    }
}
