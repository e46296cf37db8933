//! What was sent and what was answered: the truth that the objects are compared with.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use model::{Event, Identity, Sender, Timestamp};
use trails::TrailSet;

use crate::dice::Dice;

pub const ACCOUNTS: [&str; 3] = ["111111111111", "222222222222", "333333333333"];
pub const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
const CATEGORIES: [&str; 3] = ["Management", "Management", "Data"];

/// One event, and what is known of it.
pub struct Sent {
    pub event: Event,
    /// Whether a call was told that it is recorded.
    pub is_promised: bool,
    /// When it was recorded, surely or perhaps.
    pub recordings: Vec<Recording>,
    /// Whether the journal may have forgotten it and so recorded it more than once.
    pub may_repeat: bool,
    /// Whether what the journal knew it by is damaged.
    pub is_lost_from_memory: bool,
    /// When it was sent first: it was not recorded before.
    pub first_sent: Option<Timestamp>,
    /// It was not recorded last before this.
    pub last_recorded: Timestamp,
    /// As how manieth it was sent when it was last recorded, as far as is known.
    recorded_at: u64,
}

/// One event in one call.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    pub number: usize,
    at: u64,
}

/// One recording of an event.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The trails in force.
    pub trails: Arc<TrailSet>,
    /// Whether a call was told so.
    pub is_sure: bool,
}

/// All events, by their number.
pub struct History {
    pub sent: Vec<Sent>,
    numbers: HashMap<Bytes, usize>,
    identities: HashMap<Identity, usize>,
    /// The journal's window.
    window_events: usize,
    /// Events sent so far, those sent again included.
    sendings: u64,
}

impl History {
    pub fn new(window_events: usize) -> History {
        History {
            sent: Vec::new(),
            numbers: HashMap::new(),
            identities: HashMap::new(),
            window_events,
            sendings: 0,
        }
    }

    /// A new event.
    pub fn new_event(&mut self, dice: &Dice) -> usize {
        let number = self.sent.len();
        let event = event(number, dice);
        self.numbers.insert(event.record.clone(), number);
        self.identities.insert(event.identity, number);
        self.sent.push(Sent {
            event,
            is_promised: false,
            recordings: Vec::new(),
            may_repeat: false,
            is_lost_from_memory: false,
            first_sent: None,
            last_recorded: Timestamp::EPOCH,
            recorded_at: 0,
        });
        number
    }

    /// An event goes into a call: as how manieth, which its answer is noted with.
    pub fn send(&mut self, number: usize, now: Timestamp) -> Sending {
        self.sendings += 1;
        let sent = &mut self.sent[number];
        if sent.first_sent.is_none() {
            sent.first_sent = Some(now);
            sent.last_recorded = now;
        }
        Sending { number, at: self.sendings }
    }

    /// The event with this record.
    pub fn find(&self, record: &[u8]) -> Option<usize> {
        self.numbers.get(record).copied()
    }

    /// The event with this identity.
    pub fn find_identity(&self, identity: Identity) -> Option<usize> {
        self.identities.get(&identity).copied()
    }

    /// The journal has lost what it knew these events by.
    pub fn lose_from_memory(&mut self, identities: impl IntoIterator<Item = Identity>) {
        for identity in identities {
            if let Some(number) = self.identities.get(&identity) {
                self.sent[*number].is_lost_from_memory = true;
            }
        }
    }

    /// Whether the journal need not know the event any more: so many others came since that it may
    /// have left the window, or its identity is damaged.
    fn may_be_forgotten(&self, number: usize) -> bool {
        let sent = &self.sent[number];
        let others = self.sendings - sent.recorded_at;
        sent.is_lost_from_memory || others >= (self.window_events / 2) as u64
    }

    /// A call with it was not answered, or refused: it may be recorded under these trails.
    pub fn may_be_recorded(&mut self, sending: Sending, trails: &Arc<TrailSet>) {
        let number = sending.number;
        let is_forgotten = self.may_be_forgotten(number);
        let sent = &mut self.sent[number];
        if sent.is_promised && !is_forgotten {
            return;
        }
        sent.may_repeat |= is_forgotten && !sent.recordings.is_empty();
        let is_known = sent.recordings.iter().any(|known| known.trails == *trails);
        if !is_known || sent.may_repeat {
            sent.recordings.push(Recording { trails: Arc::clone(trails), is_sure: false });
        }
    }

    /// It was recorded now, under these trails.
    pub fn is_recorded(
        &mut self,
        sending: Sending,
        trails: &Arc<TrailSet>,
        now: Timestamp,
    ) -> Result<(), String> {
        let number = sending.number;
        let is_forgotten = self.may_be_forgotten(number);
        let sent = &mut self.sent[number];
        if sent.is_promised && !is_forgotten {
            return Err(format!("event {number} was recorded before"));
        }
        sent.may_repeat |= is_forgotten && !sent.recordings.is_empty();
        if !sent.may_repeat {
            // What may have been is now known not to have been.
            sent.recordings.clear();
        }
        sent.recordings.push(Recording { trails: Arc::clone(trails), is_sure: true });
        sent.is_promised = true;
        sent.last_recorded = now;
        sent.recorded_at = sending.at;
        Ok(())
    }

    /// It was taken for one that was recorded before.
    pub fn is_known(&mut self, number: usize) -> Result<(), String> {
        let sent = &mut self.sent[number];
        if sent.recordings.is_empty() {
            return Err(format!("event {number} is new and was taken for known"));
        }
        sent.is_promised = true;
        Ok(())
    }

    /// How many events were promised.
    pub fn promised(&self) -> u64 {
        self.sent.iter().filter(|sent| sent.is_promised).count() as u64
    }

    /// How many may have been recorded more than once.
    pub fn repeated(&self) -> u64 {
        self.sent.iter().filter(|sent| sent.may_repeat).count() as u64
    }
}

fn event(number: usize, dice: &Dice) -> Event {
    let (account, region) = (dice.pick(&ACCOUNTS), dice.pick(&REGIONS));
    let category = dice.pick(&CATEGORIES);
    let padding = "x".repeat(usize::try_from(dice.below(300)).unwrap());
    let record = format!(
        r#"{{ "eventID":"{number}","eventCategory":"{category}","awsRegion":"{region}", "recipientAccountId":"{account}","padding":"{padding}"}}"#
    );
    let sender =
        Sender { account: ACCOUNTS[0].parse().unwrap(), region: REGIONS[0].parse().unwrap() };
    Event::from_record(Bytes::from(record), &sender).unwrap().event
}
