//! Programs that send, each on its own: in bulk and by AWS's SDK, in calls of different sizes. What is
//! not acknowledged is sent again with the same bytes, to whoever answers then; now and then a program
//! regroups it, or forgets it, as one that crashes does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_cloudtraildata::Client;
use aws_sdk_cloudtraildata::error::SdkError;
use aws_sdk_cloudtraildata::types::AuditEvent;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::events::{Event, Kind};
use super::history::History;
use crate::dice::Dice;
use crate::support::http::Http;
use crate::support::localstack::sdk;
use crate::support::wait::promptly;

/// The daemon that runs now, if one does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// Counts the daemon's lives.
    pub life: u32,
    /// `http://…`
    pub url: String,
    /// The channel's ARN.
    pub channel: String,
}

/// Events in a call, of each program.
const BULK: [usize; 4] = [1, 20, 60, 250];
const SDK: [usize; 2] = [3, 40];
/// A program's rest after an answer, so that LocalStack can follow.
const PACE: Duration = Duration::from_millis(10);
/// And after it was refused.
const BACK_OFF: Duration = Duration::from_millis(100);

pub struct Senders {
    shared: Arc<Shared>,
    running: JoinSet<()>,
}

/// What all of them know and count.
pub struct Shared {
    door: watch::Sender<Option<Door>>,
    is_ending: watch::Sender<bool>,
    next: AtomicU64,
    pub history: History,
    /// Calls that wait for their answer.
    pub in_flight: AtomicUsize,
    /// Events that were acknowledged.
    pub acknowledged: AtomicUsize,
    /// Calls that were sent again.
    pub retries: AtomicUsize,
    /// Calls that got no answer.
    pub cut: AtomicUsize,
    /// Calls that were answered by "later".
    pub refused: AtomicUsize,
    /// Calls that were neither answered nor sent again.
    pub forgotten: AtomicUsize,
}

/// How a call ended.
enum Outcome {
    Acknowledged,
    /// 503: nothing may count as recorded.
    Refused,
    NoAnswer,
}

impl Senders {
    /// Starts them; they wait for a door.
    pub fn start(dice: &Dice) -> Senders {
        let shared = Arc::new(Shared {
            door: watch::Sender::new(None),
            is_ending: watch::Sender::new(false),
            next: AtomicU64::new(0),
            history: History::default(),
            in_flight: AtomicUsize::new(0),
            acknowledged: AtomicUsize::new(0),
            retries: AtomicUsize::new(0),
            cut: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            forgotten: AtomicUsize::new(0),
        });
        let mut running = JoinSet::new();
        for (size, is_sdk) in
            BULK.map(|size| (size, false)).into_iter().chain(SDK.map(|size| (size, true)))
        {
            let (shared, dice) = (Arc::clone(&shared), Dice::new(dice.next()));
            running.spawn(Sender { shared, dice, size, is_sdk, left: Vec::new() }.run());
        }
        Senders { shared, running }
    }

    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// A daemon answers there from now on.
    pub fn open(&self, door: Door) {
        self.shared.door.send_replace(Some(door));
    }

    /// It is gone.
    pub fn close(&self) {
        self.shared.door.send_replace(None);
    }

    /// Waits until all that they still mean to send is acknowledged.
    pub async fn end(&mut self) {
        self.shared.is_ending.send_replace(true);
        promptly("the senders are done", async || {
            while let Some(ended) = self.running.try_join_next() {
                ended.unwrap();
            }
            self.running.is_empty().then_some(())
        })
        .await;
    }
}

impl Shared {
    pub fn count(&self, counter: &AtomicUsize) -> usize {
        counter.load(Ordering::Relaxed)
    }

    fn add(&self, counter: &AtomicUsize, number: usize) {
        counter.fetch_add(number, Ordering::Relaxed);
    }
}

struct Sender {
    shared: Arc<Shared>,
    dice: Dice,
    size: usize,
    is_sdk: bool,
    /// Calls to be sent again.
    left: Vec<Vec<Event>>,
}

/// A connection to one life of the daemon.
enum Line {
    Bulk(Box<Http>, String),
    Sdk(Box<Client>, String),
}

impl Sender {
    async fn run(mut self) {
        let mut dead = None;
        while let Some(door) = self.door(dead).await {
            dead = Some(door.life);
            self.serve(&door).await;
        }
    }

    /// Waits for a daemon of another life, or in the end the same once more; none when all is sent.
    async fn door(&mut self, dead: Option<u32>) -> Option<Door> {
        let (mut doors, mut ending) =
            (self.shared.door.subscribe(), self.shared.is_ending.subscribe());
        let is_alive =
            |door: &Option<Door>| door.as_ref().is_some_and(|door| Some(door.life) != dead);
        tokio::select! {
            biased;
            door = doors.wait_for(is_alive) => return door.unwrap().clone(),
            _ = ending.wait_for(|is_ending| *is_ending) => {}
        }
        if self.left.is_empty() {
            return None;
        }
        tokio::time::sleep(BACK_OFF).await;
        doors.wait_for(Option::is_some).await.unwrap().clone()
    }

    /// Sends until the daemon does not answer, or there is nothing left to send.
    async fn serve(&mut self, door: &Door) {
        let line = self.line(door).await;
        loop {
            let call = match self.left.pop() {
                Some(call) => {
                    self.shared.add(&self.shared.retries, 1);
                    call
                }
                None if *self.shared.is_ending.borrow() => return,
                None => self.new_call(),
            };
            self.shared.history.sent(&call);
            self.shared.add(&self.shared.in_flight, 1);
            let outcome = line.send(&call).await;
            self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
            match outcome {
                Outcome::Acknowledged => {
                    self.shared.history.acknowledged(&call);
                    self.shared.add(&self.shared.acknowledged, call.len());
                    tokio::time::sleep(PACE).await;
                }
                Outcome::Refused => {
                    self.shared.add(&self.shared.refused, 1);
                    self.left.push(call);
                    tokio::time::sleep(BACK_OFF).await;
                }
                Outcome::NoAnswer => {
                    self.shared.add(&self.shared.cut, 1);
                    self.decide(call);
                    return;
                }
            }
        }
    }

    fn new_call(&mut self) -> Vec<Event> {
        let kinds: &[Kind] = match self.is_sdk {
            true => &[Kind::Management, Kind::Data, Kind::Activity],
            false => &[Kind::Management, Kind::Data],
        };
        let first = self.shared.next.fetch_add(self.size as u64, Ordering::Relaxed);
        (first..).take(self.size).map(|count| Event::new(count, self.dice.pick(kinds))).collect()
    }

    /// What becomes of a call that got no answer.
    fn decide(&mut self, mut call: Vec<Event>) {
        match self.dice.below(6) {
            0 => self.shared.add(&self.shared.forgotten, 1),
            1 if call.len() > 1 => {
                self.left.push(call.split_off(call.len() / 2));
                self.left.push(call);
            }
            _ => self.left.push(call),
        }
    }

    async fn line(&self, door: &Door) -> Line {
        match self.is_sdk {
            true => {
                let client = Client::new(&sdk(&door.url, "test", super::events::REGIONS[0]).await);
                Line::Sdk(Box::new(client), door.channel.clone())
            }
            false => Line::Bulk(Box::new(Http::new()), format!("{}/v1/events", door.url)),
        }
    }
}

impl Line {
    async fn send(&self, call: &[Event]) -> Outcome {
        match self {
            Line::Bulk(http, url) => send_bulk(http, url, call).await,
            Line::Sdk(client, channel) => put(client, channel, call).await,
        }
    }
}

async fn send_bulk(http: &Http, url: &str, call: &[Event]) -> Outcome {
    let lines: Vec<String> = call.iter().map(|event| event.text()).collect();
    let Ok(answer) = http.post(url, &[], lines.join("\n")).await else { return Outcome::NoAnswer };
    if answer.status == 503 {
        return Outcome::Refused;
    }
    assert_eq!(answer.status, 200, "{}", answer.text());
    let said = answer.json();
    assert_eq!((&said["records"], &said["refused"]), (&call.len().into(), &0.into()), "{said}");
    Outcome::Acknowledged
}

async fn put(client: &Client, channel: &str, call: &[Event]) -> Outcome {
    let event =
        |event: &Event| AuditEvent::builder().id(event.id()).event_data(event.text()).build();
    let events = call.iter().map(|it| event(it).unwrap()).collect();
    let put = client.put_audit_events().channel_arn(channel).set_audit_events(Some(events));
    match put.send().await {
        Ok(answer) => {
            assert_eq!((answer.successful().len(), answer.failed()), (call.len(), &[][..]));
            Outcome::Acknowledged
        }
        Err(SdkError::ServiceError(error)) => {
            assert_eq!(error.raw().status().as_u16(), 503, "{error:?}");
            Outcome::Refused
        }
        Err(_) => Outcome::NoAnswer,
    }
}
