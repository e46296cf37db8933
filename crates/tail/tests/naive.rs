//! A hub against a naive list in memory: events, readers with their filters, commits, reads and
//! departures as they are drawn; and filters against an evaluator that is slow and obvious.
//!
//! What a reader must have heard is worked out from a list of all that was committed since it came. It
//! hears all of it, in that order; or, where its queue or the inbox was full, how many are missing, in
//! their place.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use cairn_tail::{Filter, Group, Hub, Item, Limits, Place, Scope, Tail};
use model::{AccountId, BatchId, Category, Event, Sender};
use proptest::prelude::*;
use serde_json::{Value, json};

const ACCOUNTS: [&str; 2] = ["111111111111", "222222222222"];
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
const CATEGORIES: [&str; 2] = ["Management", "Data"];
const NAMES: [&str; 4] = ["GetObject", "PutObject", "DeleteBucket", "Delete"];
const SOURCES: [&str; 3] = ["s3.amazonaws.com", "kms.amazonaws.com", "shop.example.com"];

/// A record of a few values, any of which may be absent.
fn record() -> impl Strategy<Value = Value> {
    let maybe = |all: &'static [&'static str]| prop::option::of(prop::sample::select(all));
    let error = maybe(&["AccessDenied", "NoSuchKey"]);
    let arns = prop::collection::vec(prop::sample::select(vec!["arn:a", "arn:b/c"]), 0..3);
    let flag = prop::option::of(any::<bool>());
    let time = prop::option::of(0..60_u32);
    let scope = (
        prop::sample::select(ACCOUNTS.to_vec()),
        prop::sample::select(REGIONS.to_vec()),
        prop::sample::select(CATEGORIES.to_vec()),
    );
    let parameters = prop::option::of((0..3_i32, maybe(&["logs", "log"])));
    let drawn = (maybe(&NAMES), maybe(&SOURCES), error, arns, flag, time, scope, parameters);
    drawn.prop_map(|(name, source, error, arns, flag, time, scope, parameters)| {
        let mut record = json!({ "recipientAccountId": scope.0, "awsRegion": scope.1,
            "eventCategory": scope.2, "eventName": name, "eventSource": source, "errorCode": error,
            "readOnly": flag, "resources": arns.iter().map(|arn| json!({ "ARN": arn })).collect::<Vec<_>>(),
            "eventTime": time.map(|second| format!("2026-11-01T00:00:{second:02}Z")) });
        if let Some((number, bucket)) = parameters {
            record["requestParameters"] = json!({ "n": number, "bucketName": bucket });
        }
        record.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        record
    })
}

/// A term: a field, whether it is negative, values.
type Written = (&'static str, bool, Vec<String>);

fn term() -> impl Strategy<Value = Written> {
    let fields = [
        "eventName",
        "eventSource",
        "errorCode",
        "resources.ARN",
        "requestParameters.n",
        "requestParameters.bucketName",
        "requestParameters",
        "recipientAccountId",
        "eventCategory",
        "userIdentity.arn",
    ];
    let values = [
        "*",
        "Get*",
        "*Object",
        "*e*",
        "Delete",
        "Delete*",
        "s3",
        "kms.amazonaws.com",
        "*.com",
        "s*",
        "AccessDenied",
        "*N*",
        "arn:a",
        "arn:*c",
        "1",
        "log",
        "log*",
        "111111111111",
        "2*",
        "Data",
    ];
    let values = prop::sample::select(values.map(str::to_owned).to_vec());
    (prop::sample::select(fields.to_vec()), any::<bool>(), prop::collection::vec(values, 1..4))
}

/// A filter, as it is written.
#[derive(Clone, Debug)]
struct Wanted {
    accounts: Option<&'static str>,
    region: Option<&'static str>,
    category: Option<Category>,
    terms: Vec<Written>,
    /// A selector: names that it takes, beginnings that it does not.
    selector: Option<(Vec<&'static str>, Vec<&'static str>)>,
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let account = prop::option::of(prop::sample::select(ACCOUNTS.to_vec()));
    let region = prop::option::of(prop::sample::select(REGIONS.to_vec()));
    let category =
        prop::option::of(prop::sample::select(vec![Category::Management, Category::Data]));
    let terms = prop::collection::vec(term(), 0..3);
    let names = prop::collection::vec(prop::sample::select(NAMES.to_vec()), 1..3);
    let barred = prop::collection::vec(prop::sample::select(vec!["Get", "Delete"]), 0..2);
    let selector = prop::option::weighted(0.3, (names, barred));
    let drawn = (account, region, category, terms, selector);
    drawn.prop_map(|(accounts, region, category, terms, selector)| Wanted {
        accounts,
        region,
        category,
        terms,
        selector,
    })
}

impl Wanted {
    fn filter(&self) -> Filter {
        let scope = Scope {
            accounts: self.accounts.map(|one| BTreeSet::from([one.parse().unwrap()])),
            regions: self.region.map(|one| BTreeSet::from([one.parse().unwrap()])),
            categories: self.category.map(|one| BTreeSet::from([one])),
        };
        let terms: Vec<String> = self
            .terms
            .iter()
            .map(|(field, is_negative, values)| {
                format!("{field}{}={}", if *is_negative { "!" } else { "" }, values.join(","))
            })
            .collect();
        let selectors = self.selector.as_ref().map(|(names, barred)| {
            let mut fields = vec![json!({ "Field": "eventName", "Equals": names })];
            if !barred.is_empty() {
                fields[0]["NotStartsWith"] = json!(barred);
            }
            serde_json::from_value(json!([{ "FieldSelectors": fields }])).unwrap()
        });
        Filter::new(scope, &terms, selectors).unwrap()
    }

    /// By the letter of what is documented.
    fn takes(&self, record: &Value) -> bool {
        let is = |name: &str, one: Option<&str>| one.is_none_or(|one| record[name] == one);
        let name = record["eventName"].as_str();
        let category = self.category.map(Category::name);
        is("recipientAccountId", self.accounts)
            && is("awsRegion", self.region)
            && is("eventCategory", category)
            && self.terms.iter().all(|term| holds(term, record))
            && self.selector.as_ref().is_none_or(|(names, barred)| {
                name.is_some_and(|name| {
                    names.contains(&name) && !barred.iter().any(|one| name.starts_with(one))
                })
            })
    }
}

fn holds((field, is_negative, values): &Written, record: &Value) -> bool {
    let mut found: Vec<Value> = vec![record.clone()];
    for step in field.split('.') {
        let lists = found.into_iter().flat_map(|one| match one {
            Value::Array(elements) => elements,
            one => vec![one],
        });
        found = lists.filter_map(|one| one.get(step).cloned()).collect();
    }
    let mut texts: Vec<Option<String>> = Vec::new();
    for one in found {
        match one {
            Value::String(text) => texts.push(Some(text)),
            Value::Object(_) => texts.push(None),
            Value::Null => {}
            other => texts.push(Some(other.to_string())),
        }
    }
    let fits = |value: &String, text: &Option<String>| match text {
        None => value == "*",
        Some(text) => {
            let short = text.strip_suffix(".amazonaws.com").filter(|_| *field == "eventSource");
            glob(value.as_bytes(), text.as_bytes())
                || short.is_some_and(|short| glob(value.as_bytes(), short.as_bytes()))
        }
    };
    values.iter().any(|value| texts.iter().any(|text| fits(value, text))) != *is_negative
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|at| glob(rest, &text[at..])),
        [one, rest @ ..] => text.first() == Some(one) && glob(rest, &text[1..]),
    }
}

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Value>),
    /// Another batch begins.
    Seal,
    /// So many events are compared with filters.
    Distribute(usize),
    Come(Wanted),
    /// A reader takes so many items.
    Read(usize, usize),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(record(), 1..6).prop_map(Step::Commit),
        1 => Just(Step::Seal),
        4 => (1..8_usize).prop_map(Step::Distribute),
        2 => wanted().prop_map(Step::Come),
        3 => (any::<usize>(), 1..10_usize).prop_map(|(who, items)| Step::Read(who, items)),
        1 => any::<usize>().prop_map(Step::Leave),
    ]
}

/// A reader, what it asked for, what was committed before it came, and what it heard.
struct Reader {
    tail: Tail,
    wanted: Wanted,
    since: usize,
    heard: Vec<Item>,
}

struct World {
    hub: Arc<Hub>,
    /// All that was committed.
    list: Vec<(Place, Event, Value)>,
    batch: u64,
    index: u32,
    group: Option<(Group, usize)>,
    readers: Vec<Reader>,
}

impl World {
    fn new(limits: Limits) -> World {
        let hub = Hub::new(limits, Place::end_of(BatchId(0)));
        World { hub, list: Vec::new(), batch: 1_000, index: 0, group: None, readers: Vec::new() }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Commit(records) => self.commit(records),
            Step::Seal => (self.batch, self.index) = (self.batch + 1, 0),
            Step::Distribute(events) => {
                self.distribute(events);
            }
            Step::Come(wanted) => {
                let account: AccountId = ACCOUNTS[0].parse().unwrap();
                if let Ok(seat) = self.hub.seat(&account) {
                    let tail = seat.follow(wanted.filter());
                    let since = self.list.len();
                    self.readers.push(Reader { tail, wanted, since, heard: Vec::new() });
                }
            }
            Step::Read(who, items) => {
                let count = self.readers.len().max(1);
                if let Some(reader) = self.readers.get_mut(who % count) {
                    reader.heard.extend((0..items).map_while(|_| reader.tail.try_next()));
                }
            }
            Step::Leave(who) if !self.readers.is_empty() => {
                let reader = self.readers.swap_remove(who % self.readers.len());
                // It may have left before all was compared; what it heard is right so far.
                self.check(&reader, false);
            }
            Step::Leave(_) => {}
        }
    }

    fn commit(&mut self, records: Vec<Value>) {
        let sender =
            Sender { account: ACCOUNTS[0].parse().unwrap(), region: REGIONS[0].parse().unwrap() };
        let first = self.index;
        let mut events = Vec::new();
        for mut record in records {
            // So that no two are the same.
            record["eventID"] = json!(self.list.len().to_string());
            let event = Event::from_record(record.to_string().into(), &sender).unwrap().event;
            let place = Place { batch: BatchId(self.batch), index: self.index };
            self.list.push((place, event.clone(), record));
            self.index += 1;
            events.push(event);
        }
        self.hub.committed(BatchId(self.batch), u64::from(first), events);
    }

    /// False when there is nothing to distribute.
    fn distribute(&mut self, events: usize) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        if self.group.is_none() {
            let Poll::Ready(Some(group)) = self.hub.poll_group(&mut context) else { return false };
            self.group = Some((group, 0));
        }
        let (group, begin) = self.group.as_mut().unwrap();
        match self.hub.distribute(group, *begin, events) {
            Some(next) => *begin = next,
            None => self.group = None,
        }
        true
    }

    /// Reads all that is left, and compares.
    fn end(mut self) -> Vec<u64> {
        while self.distribute(3) {}
        let mut missed = Vec::new();
        for mut reader in std::mem::take(&mut self.readers) {
            reader.heard.extend(std::iter::from_fn(|| reader.tail.try_next()));
            missed.push(self.check(&reader, true));
            assert!(reader.tail.seen().is_some(), "nothing waits");
        }
        missed
    }

    /// What a reader heard is the list of what it wants, or says what is missing. Gives how many are.
    fn check(&self, reader: &Reader, is_all: bool) -> u64 {
        let mut expected = self.list[reader.since..]
            .iter()
            .filter(|(_, _, record)| reader.wanted.takes(record))
            .peekable();
        let mut all_missed = 0;
        for item in &reader.heard {
            match item {
                Item::Line(place, line) => {
                    let (at, event, record) = expected.next().expect("no more than there is");
                    assert_eq!(place, at, "{record}");
                    let line: Value = serde_json::from_slice(line).unwrap();
                    assert_eq!(line["event"], *record);
                    assert_eq!(line["account"], event.account.as_str());
                    assert_eq!(line["position"], place.to_string());
                }
                Item::Missed(missed) => {
                    let mut times = Vec::new();
                    while let Some((place, event, _)) =
                        expected.next_if(|(place, _, _)| *place <= missed.place)
                    {
                        times.push(cairn_tail::line::time_of(event, *place));
                    }
                    let count = times.len() as u64;
                    all_missed += missed.events;
                    if missed.is_at_most {
                        assert!(count <= missed.events, "{missed:?} of {count}");
                        assert!(times.iter().all(|time| (missed.from..=missed.to).contains(time)));
                    } else {
                        assert_eq!(missed.events, count);
                        assert_eq!(Some(&missed.from), times.iter().min());
                        assert_eq!(Some(&missed.to), times.iter().max());
                    }
                }
            }
        }
        assert!(!is_all || expected.next().is_none(), "one more was wanted");
        all_missed
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_reader_hears_what_a_list_has(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new(Limits::default());
        steps.into_iter().for_each(|step| world.take(step));
        let missed = world.end();
        prop_assert!(missed.iter().all(|missed| *missed == 0), "there was room for all");
    }

    #[test]
    fn what_has_no_room_is_counted_in_its_place(
        steps in prop::collection::vec(step(), 1..60),
        queue_bytes in 400..3_000_usize,
        inbox_bytes in 800..6_000_usize,
    ) {
        let limits = Limits { tails_max: 4, queue_bytes, inbox_bytes, ..Limits::default() };
        let mut world = World::new(limits);
        steps.into_iter().for_each(|step| world.take(step));
        world.end();
    }

    #[test]
    fn a_filter_takes_what_its_words_say(wanted in wanted(), record in record()) {
        let mut world = World::new(Limits::default());
        world.take(Step::Come(wanted.clone()));
        world.take(Step::Commit(vec![record]));
        world.distribute(1);
        let heard = world.readers[0].tail.try_next().is_some();
        let (_, _, record) = &world.list[0];
        prop_assert_eq!(heard, wanted.takes(record), "{:?} {}", wanted, record);
    }
}
