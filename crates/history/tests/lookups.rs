//! Lookups against a naive list in memory: random events, queries and pages, while batches arrive, are
//! stored and imported, and files are merged between the pages.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cairn_history::{
    Attribute, History, HistoryError, Limits, Moment, Position, Query, Row, Scope, ScopeFilter,
    Sequence, Settings, Summary, token,
};
use disk::SimulatedDisk;
use model::{BatchId, Category, Event, Identity, Timestamp};
use proptest::prelude::*;

const DAY: i64 = 24 * 3600 * 1000;
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
/// Data events are not kept.
const CATEGORIES: [Category; 3] = [Category::Management, Category::Insight, Category::Data];
const NAMES: [&str; 3] = ["CreateUser", "AssumeRole", "Decrypt"];
const USERS: [&str; 4] = ["alice", "bob", "wíth \"quotes\"", "root"];
const KEYS: [&str; 2] = ["AKIA1", "ASIA2"];

/// An event, before it is one. Few values and times, so that they collide.
#[derive(Clone, Debug)]
struct Seed {
    time: i64,
    scope: (usize, usize, usize),
    id: u32,
    name: usize,
    user: Option<usize>,
    key: Option<usize>,
    read_only: Option<bool>,
}

impl Seed {
    fn scope(&self) -> Scope {
        let (account, region, category) = self.scope;
        Scope {
            account: format!("{account:012}").parse().unwrap(),
            region: REGIONS[region].parse().unwrap(),
            category: CATEGORIES[category],
        }
    }

    fn record(&self) -> Bytes {
        let mut identity = serde_json::json!({ "type": "IAMUser" });
        if let Some(user) = self.user {
            identity["userName"] = USERS[user].into();
        }
        if let Some(key) = self.key {
            identity["accessKeyId"] = KEYS[key].into();
        }
        let mut record = serde_json::json!({
            "eventID": format!("id-{}", self.id),
            "eventName": NAMES[self.name],
            "eventSource": if self.name == 0 { "iam.amazonaws.com" } else { "sts.amazonaws.com" },
            "userIdentity": identity,
            "resources": [{ "ARN": format!("arn:aws:iam::1:role/r{}", self.id % 5), "type": "AWS::IAM::Role" }],
            "requestParameters": { "userName": format!("u{}", self.id % 3) },
        });
        if let Some(read_only) = self.read_only {
            record["readOnly"] = read_only.into();
        }
        Bytes::from(record.to_string())
    }

    fn event(&self) -> Event {
        let Scope { account, region, category } = self.scope();
        let record = self.record();
        let time = Some(Timestamp::from_millis(self.time));
        let identity = Identity::of(&[&record]);
        Event { identity, account, region, category, is_global: false, time, record }
    }
}

/// What happens between two pages.
#[derive(Clone, Debug)]
enum Step {
    /// Events of a batch that is open: an old one, or a new one.
    Arrive(usize, Vec<Seed>),
    /// A batch is sealed, stored and retired.
    Store(usize),
    /// A batch that is not in memory is stored.
    Read(Vec<Seed>),
    /// Files are merged, if there is something to merge.
    Tend,
}

/// A history, and all rows that it was given.
struct World {
    history: History,
    rows: Vec<Row>,
    open: BTreeMap<BatchId, Vec<Event>>,
    batches: u64,
}

impl World {
    fn new() -> World {
        let limits = Limits { fan_in_min: 2, fan_in_max: 3, rows_max: 40, day_rows_min: 4 };
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        let settings = Settings { retention: century, limits, ..Settings::default() };
        let history = History::open(Arc::new(SimulatedDisk::new()), settings, &[]).unwrap();
        World { history, rows: Vec::new(), open: BTreeMap::new(), batches: 0 }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Arrive(which, seeds) => self.arrive(*which, seeds),
            Step::Store(which) => {
                let Some(batch) = nth(&self.open, *which) else { return };
                let events = self.open.remove(&batch).unwrap();
                let read = || -> Result<Vec<Row>, HistoryError> { panic!("they are in memory") };
                self.history.store(batch, events.len() as u64, read).unwrap();
                self.history.retired(batch);
            }
            Step::Read(seeds) => {
                let events: Vec<Event> = seeds.iter().map(Seed::event).collect();
                self.batches += 1;
                let batch = BatchId(1_000_000 + self.batches);
                let rows = kept(batch, 0, &events);
                let read = || Ok::<_, HistoryError>(rows.clone());
                self.history.store(batch, events.len() as u64, read).unwrap();
                self.history.retired(batch);
                self.rows.extend(rows);
            }
            Step::Tend => {
                let wall = Timestamp::from_millis(1000 * DAY);
                self.history.tend(Moment { wall, uptime: Duration::from_secs(3600) }).unwrap();
            }
        }
    }

    fn arrive(&mut self, which: usize, seeds: &[Seed]) {
        let batch =
            nth(&self.open, which).filter(|_| !which.is_multiple_of(3)).unwrap_or_else(|| {
                self.batches += 1;
                BatchId(1_000_000 + self.batches)
            });
        let events: Vec<Event> = seeds.iter().map(Seed::event).collect();
        let first = self.open.get(&batch).map_or(0, Vec::len);
        self.history.committed(batch, first as u64, &events);
        let rows = kept(batch, first, &events);
        self.rows.extend(rows);
        self.open.entry(batch).or_default().extend(events);
    }
}

fn nth(open: &BTreeMap<BatchId, Vec<Event>>, which: usize) -> Option<BatchId> {
    open.keys().nth(which % open.len().max(1)).copied()
}

/// The rows of events that are kept.
fn kept(batch: BatchId, first: usize, events: &[Event]) -> Vec<Row> {
    let first = u32::try_from(first).unwrap();
    let row = |(index, event): (u32, &Event)| Row::of(event, Sequence { batch, index });
    let categories = Settings::default().categories;
    let rows = (first..).zip(events).map(row);
    rows.filter(|row| categories.contains(&row.scope.category)).collect()
}

/// What is asked for, and with how many rows on a page.
#[derive(Clone, Debug)]
struct Ask {
    attributes: Vec<(Attribute, String)>,
    scopes: ScopeFilter,
    from: i64,
    to: i64,
    limit: usize,
}

impl Ask {
    fn query(&self, after: Option<Position>) -> Query {
        Query {
            scopes: self.scopes.clone(),
            attributes: self.attributes.clone(),
            from: Timestamp::from_millis(self.from),
            to: Timestamp::from_millis(self.to),
            after,
            limit: self.limit,
        }
    }

    fn is_met_by(&self, row: &Row) -> bool {
        let summary = Summary::of(&row.record);
        let has = |(attribute, value): &(Attribute, String)| {
            summary.values(*attribute).any(|one| one == value)
        };
        (self.from..=self.to).contains(&row.position.time.as_millis())
            && self.scopes.includes(&row.scope)
            && self.attributes.iter().all(has)
    }

    /// The list.
    fn of(&self, rows: &[Row]) -> Vec<Row> {
        let mut rows: Vec<Row> = rows.iter().filter(|row| self.is_met_by(row)).cloned().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.position));
        rows
    }

    /// All pages, as a client asks for them; `between` happens after each.
    fn walk(&self, world: &mut World, mut between: impl FnMut(&mut World)) -> Vec<Row> {
        let parameters = format!("{self:?}");
        let mut seen: Vec<Row> = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let after = next.map(|token| token::read(&token, parameters.as_bytes()).unwrap());
            let page = world.history.lookup(&self.query(after)).unwrap();
            assert!(page.rows.len() <= self.limit);
            let is_last = page.next.is_none();
            assert!(is_last || page.rows.len() == self.limit, "there was little to look at");
            for found in page.rows {
                let before = seen.last().map(|row| row.position).or(after);
                assert!(before.is_none_or(|before| found.position < before), "newest first");
                let (position, scope, record) = (found.position, found.scope, found.record);
                seen.push(Row { position, scope, record });
            }
            if is_last {
                return seen;
            }
            next = page.next.map(|next| token::write(next, parameters.as_bytes()));
            between(world);
        }
    }
}

fn seed() -> impl Strategy<Value = Seed> {
    let time = (0..3i64, 0..8i64).prop_map(|(day, second)| day * DAY + second * 1000);
    let scope = (0..3usize, 0..2usize, prop_oneof![4 => Just(0), 1 => Just(1), 1 => Just(2)]);
    let user = prop::option::of(0..USERS.len());
    let key = prop::option::of(0..KEYS.len());
    let read_only = prop::option::of(any::<bool>());
    (time, scope, 0..30u32, 0..NAMES.len(), user, key, read_only).prop_map(
        |(time, scope, id, name, user, key, read_only)| Seed {
            time,
            scope,
            id,
            name,
            user,
            key,
            read_only,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (any::<usize>(), prop::collection::vec(seed(), 1..40)).prop_map(|(which, seeds)| Step::Arrive(which, seeds)),
        2 => any::<usize>().prop_map(Step::Store),
        1 => prop::collection::vec(seed(), 1..40).prop_map(Step::Read),
        2 => Just(Step::Tend),
    ]
}

/// A value of an attribute that some event may have, or none has.
fn attribute() -> impl Strategy<Value = (Attribute, String)> {
    (prop::sample::select(&Attribute::ALL[..]), 0..31usize).prop_map(|(attribute, number)| {
        let value = match attribute {
            Attribute::EventId => format!("id-{number}"),
            Attribute::EventName => NAMES[number % 3].to_owned(),
            Attribute::ReadOnly => (number % 2 == 0).to_string(),
            Attribute::Username => USERS[number % 4].to_owned(),
            Attribute::ResourceType => "AWS::IAM::Role".to_owned(),
            Attribute::ResourceName => format!("arn:aws:iam::1:role/r{}", number % 6),
            Attribute::EventSource => "sts.amazonaws.com".to_owned(),
            Attribute::AccessKeyId => KEYS[number % 2].to_owned(),
        };
        (attribute, value)
    })
}

fn scopes() -> impl Strategy<Value = ScopeFilter> {
    let accounts = prop::option::weighted(0.3, prop::collection::btree_set(0..4usize, 0..3));
    let regions = prop::option::weighted(0.3, prop::collection::btree_set(0..2usize, 1..3));
    let categories = prop::option::weighted(0.3, prop::collection::btree_set(0..2usize, 1..3));
    (accounts, regions, categories).prop_map(|(accounts, regions, categories)| {
        fn all<T: Ord>(
            set: Option<BTreeSet<usize>>,
            one: impl Fn(usize) -> T,
        ) -> Option<BTreeSet<T>> {
            set.map(|set| set.into_iter().map(one).collect())
        }
        ScopeFilter {
            accounts: all(accounts, |account| format!("{account:012}").parse().unwrap()),
            regions: all(regions, |region| REGIONS[region].parse().unwrap()),
            categories: all(categories, |category| CATEGORIES[category]),
        }
    })
}

fn ask() -> impl Strategy<Value = Ask> {
    let attributes = prop_oneof![
        1 => Just(Vec::new()),
        3 => attribute().prop_map(|one| vec![one]),
        2 => prop::collection::vec(attribute(), 2..4),
    ];
    let time = (0..4i64, 0..9i64).prop_map(|(day, second)| day * DAY + second * 1000);
    let range = prop_oneof![
        2 => Just((i64::MIN, i64::MAX)),
        1 => (time.clone(), time).prop_map(|(one, two)| (one.min(two), one.max(two))),
    ];
    let limit = prop_oneof![3 => 1..8usize, 1 => Just(50)];
    (attributes, scopes(), range, limit).prop_map(|(attributes, scopes, (from, to), limit)| Ask {
        attributes,
        scopes,
        from,
        to,
        limit,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pages_are_those_of_a_list_whatever_happens_between_them(
        before in prop::collection::vec(step(), 0..16),
        walks in prop::collection::vec((ask(), prop::collection::vec(step(), 0..6)), 1..10),
    ) {
        let mut world = World::new();
        before.iter().for_each(|step| world.take(step));
        for (ask, steps) in &walks {
            // While nothing happens, the pages are the list.
            let expected = ask.of(&world.rows);
            prop_assert_eq!(&ask.walk(&mut world, |_| ()), &expected, "{:?}", ask);
            // Else what was there is seen once, in its order, and what is seen beside it was asked for.
            let mut steps = steps.iter();
            let seen = ask.walk(&mut world, |world| steps.next().into_iter().for_each(|step| world.take(step)));
            let of_before: Vec<&Row> = seen.iter().filter(|row| expected.contains(row)).collect();
            prop_assert!(of_before.iter().copied().eq(&expected), "{:?}", ask);
            let all = ask.of(&world.rows);
            prop_assert!(seen.iter().all(|row| all.contains(row)), "{:?}", ask);
        }
    }
}
