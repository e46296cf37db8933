//! The hub: who may read, who is woken, and how it ends.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use cairn_tail::{Filter, Hub, Item, Limits, NoPlace, Place, Scope, Tail};
use model::{AccountId, BatchId, Event, Sender};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Count>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn account(number: u8) -> AccountId {
    format!("{number:012}").parse().unwrap()
}

fn event(name: &str) -> Event {
    let sender = Sender { account: account(1), region: "eu-west-1".parse().unwrap() };
    let record = format!(r#"{{"eventName":"{name}","eventTime":"2026-11-01T00:00:00Z"}}"#);
    Event::from_record(record.into(), &sender).unwrap().event
}

fn hub(limits: Limits) -> Arc<Hub> {
    Hub::new(limits, Place::end_of(BatchId(0)))
}

fn filter(terms: &[&str]) -> Filter {
    Filter::new(Scope::default(), terms, None).unwrap()
}

/// Compares all that came in.
fn distribute(hub: &Hub) {
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(group)) = hub.poll_group(&mut context) {
        let mut begin = 0;
        while let Some(next) = hub.distribute(&group, begin, 1) {
            begin = next;
        }
    }
}

fn poll(tail: &mut Tail, count: &Arc<Count>) -> Poll<Option<Item>> {
    tail.poll_next(&mut Context::from_waker(&Arc::clone(count).into()))
}

#[test]
fn nobody_listens_and_nothing_is_kept() {
    let hub = hub(Limits::default());
    hub.committed(BatchId(5), 0, vec![event("A")]);
    assert_eq!(hub.report().inbox_bytes, 0);
    let tail = hub.seat(&account(1)).unwrap().follow(filter(&[]));
    assert_eq!(tail.after(), Place { batch: BatchId(5), index: 0 });
    hub.committed(BatchId(5), 1, vec![event("B")]);
    assert!(hub.report().inbox_bytes > 0);
    drop(tail);
    let report = hub.report();
    assert_eq!((report.tails, report.inbox_bytes), (0, 0), "who leaves leaves nothing behind");
}

#[test]
fn a_reader_is_woken_for_what_it_wants_and_for_nothing_else() {
    let hub = hub(Limits::default());
    let (mut tail, woken) =
        (hub.seat(&account(1)).unwrap().follow(filter(&["eventName=B"])), Arc::default());
    assert_eq!(poll(&mut tail, &woken), Poll::Pending);
    hub.committed(BatchId(5), 0, vec![event("A"), event("A")]);
    distribute(&hub);
    assert_eq!(woken.0.load(Ordering::Relaxed), 0);
    assert_eq!(tail.seen(), Some(Place { batch: BatchId(5), index: 1 }), "and knows how far it is");
    hub.committed(BatchId(5), 2, vec![event("B")]);
    distribute(&hub);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(tail.seen(), None, "something waits");
    assert!(matches!(poll(&mut tail, &woken), Poll::Ready(Some(Item::Line(..)))));
    assert_eq!(poll(&mut tail, &woken), Poll::Pending);
}

#[test]
fn a_reader_that_hangs_holds_so_much_and_is_told_how_many_it_missed() {
    let hub = hub(Limits { queue_bytes: 1_000, ..Limits::default() });
    let mut tail = hub.seat(&account(1)).unwrap().follow(filter(&[]));
    let mut other = hub.seat(&account(1)).unwrap().follow(filter(&["eventName=Last"]));
    for index in 0..1_000 {
        hub.committed(BatchId(5), index, vec![event("A")]);
        distribute(&hub);
    }
    hub.committed(BatchId(5), 1_000, vec![event("Last")]);
    distribute(&hub);
    let items: Vec<Item> = std::iter::from_fn(|| tail.try_next()).collect();
    let (last, lines) = items.split_last().unwrap();
    let Item::Missed(missed) = last else { panic!("{last:?}") };
    assert!(!lines.is_empty() && lines.iter().all(|item| matches!(item, Item::Line(..))));
    assert_eq!(missed.events, 1_001 - lines.len() as u64);
    assert_eq!(missed.place, Place { batch: BatchId(5), index: 1_000 });
    assert_eq!(missed.from.to_string(), "2026-11-01T00:00:00Z");
    assert_eq!(hub.report().missed, missed.events);
    assert!(matches!(other.try_next(), Some(Item::Line(..))), "who does not hang misses nothing");
    hub.committed(BatchId(5), 1_001, vec![event("B")]);
    distribute(&hub);
    assert!(matches!(tail.try_next(), Some(Item::Line(..))), "and there is room again");
}

#[test]
fn what_there_is_no_time_to_compare_is_bounded_and_counted_by_scope() {
    let hub = hub(Limits { inbox_bytes: 2_000, ..Limits::default() });
    let mut all = hub.seat(&account(1)).unwrap().follow(filter(&[]));
    let mut some = hub.seat(&account(1)).unwrap().follow(filter(&["eventName=B"]));
    let others = Scope { accounts: Some([account(2)].into()), ..Scope::default() };
    let others = Filter::new(others, &[] as &[&str], None).unwrap();
    let mut others = hub.seat(&account(1)).unwrap().follow(others);
    for index in 0..100 {
        hub.committed(BatchId(5), index, vec![event("A")]);
        assert!((1..=2_000).contains(&hub.report().inbox_bytes), "{:?}", hub.report());
    }
    distribute(&hub);
    assert_eq!(hub.report().inbox_bytes, 0);
    let lines = std::iter::from_fn(|| all.try_next()).collect::<Vec<_>>();
    let Some(Item::Missed(missed)) = lines.last() else { panic!("{lines:?}") };
    assert!(lines.len() > 1 && !missed.is_at_most);
    assert_eq!(missed.events, 101 - lines.len() as u64);
    let Some(Item::Missed(of_some)) = some.try_next() else { panic!("it hears of them too") };
    assert_eq!((of_some.events, of_some.is_at_most), (missed.events, true), "none was compared");
    assert_eq!(others.try_next(), None, "they are of no account that it sees");
    hub.committed(BatchId(5), 100, vec![event("A")]);
    distribute(&hub);
    assert!(matches!(all.try_next(), Some(Item::Line(..))), "and there is time again");
}

#[test]
fn places_are_limited_and_given_back() {
    let hub = hub(Limits { tails_max: 3, tails_per_account_max: 2, ..Limits::default() });
    let come = |number: u8| hub.seat(&account(number));
    let (one, _two) = (come(1).unwrap().follow(filter(&[])), come(1).unwrap());
    assert_eq!(come(1).unwrap_err(), NoPlace::OfAccount(2));
    let _three = come(2).unwrap();
    assert_eq!(come(3).unwrap_err(), NoPlace::Full(3));
    drop(one);
    let _again = come(1).unwrap().follow(filter(&[]));
    assert_eq!((hub.report().tails, hub.report().tails_max), (1, 3), "one of them reads");
}

#[test]
fn a_hub_that_closes_lets_readers_end_what_waits_for_them() {
    let hub = hub(Limits::default());
    let (mut tail, woken) = (hub.seat(&account(1)).unwrap().follow(filter(&[])), Arc::default());
    assert_eq!(poll(&mut tail, &woken), Poll::Pending);
    hub.committed(BatchId(5), 0, vec![event("A")]);
    distribute(&hub);
    hub.committed(BatchId(5), 1, vec![event("B")]);
    hub.close();
    assert!(woken.0.load(Ordering::Relaxed) > 0);
    assert!(matches!(poll(&mut tail, &woken), Poll::Ready(Some(Item::Line(..)))));
    assert_eq!(poll(&mut tail, &woken), Poll::Ready(None));
    assert_eq!(tail.seen(), Some(Place { batch: BatchId(5), index: 0 }), "B is still to be heard");
    assert_eq!(hub.seat(&account(1)).unwrap_err(), NoPlace::Closed);
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(hub.poll_group(&mut context), Poll::Ready(None)));
}
