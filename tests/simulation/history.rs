//! What was sent and what was answered: the truth that the objects are compared with.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use model::{Event, Sender};
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
    /// The trails that were in force when it may have been recorded.
    pub trails: Vec<Arc<TrailSet>>,
}

/// All events, by their number.
#[derive(Default)]
pub struct History {
    pub sent: Vec<Sent>,
    numbers: HashMap<Bytes, usize>,
}

impl History {
    /// A new event.
    pub fn new_event(&mut self, dice: &Dice) -> usize {
        let number = self.sent.len();
        let event = event(number, dice);
        self.numbers.insert(event.record.clone(), number);
        self.sent.push(Sent { event, is_promised: false, trails: Vec::new() });
        number
    }

    /// The event with this record.
    pub fn find(&self, record: &[u8]) -> Option<usize> {
        self.numbers.get(record).copied()
    }

    /// It may be recorded under these trails, if nothing better is known.
    pub fn may_be_recorded(&mut self, number: usize, trails: &Arc<TrailSet>) {
        let known = &mut self.sent[number].trails;
        if !known.iter().any(|one| one == trails) {
            known.push(Arc::clone(trails));
        }
    }

    /// It was recorded now, under these trails, and not before.
    pub fn is_recorded(&mut self, number: usize, trails: &Arc<TrailSet>) {
        let sent = &mut self.sent[number];
        sent.is_promised = true;
        sent.trails = vec![Arc::clone(trails)];
    }

    /// How many events were promised.
    pub fn promised(&self) -> u64 {
        self.sent.iter().filter(|sent| sent.is_promised).count() as u64
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
