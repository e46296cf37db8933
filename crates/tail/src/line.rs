//! An event as a tail looks at it, and the line that it becomes.
//!
//! ```text
//! {"position":"0000019a01c2b3d4.17","account":"111122223333","region":"eu-west-1",
//!  "category":"Management","event":{…the record…}}                        in one line
//! ```
//!
//! The record's bytes are as they came in, but for line breaks between its values, which are blanks
//! here: a text of JSON holds none.

use std::cell::OnceCell;

use bytes::{BufMut, Bytes, BytesMut};
use model::{Event, Timestamp};
use serde_json::Value;
use trails::Facts;

use crate::place::Place;

/// An event that is compared with filters: parsed once, however many there are, and only if one asks.
pub struct Subject<'a> {
    event: &'a Event,
    place: Place,
    facts: Facts<'a>,
    record: OnceCell<Option<Value>>,
    line: OnceCell<Bytes>,
}

impl<'a> Subject<'a> {
    /// An event, and where it stands.
    #[must_use]
    pub fn new(event: &'a Event, place: Place) -> Subject<'a> {
        let facts = Facts::of(event);
        Subject { event, place, facts, record: OnceCell::new(), line: OnceCell::new() }
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &'a Event {
        self.event
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// What selectors ask.
    #[must_use]
    pub fn facts(&self) -> &Facts<'a> {
        &self.facts
    }

    /// Its record, parsed.
    pub(crate) fn record(&self) -> Option<&Value> {
        self.record.get_or_init(|| serde_json::from_slice(&self.event.record).ok()).as_ref()
    }

    /// Its line, which all who take it share.
    #[must_use]
    pub fn line(&self) -> Bytes {
        self.line.get_or_init(|| line(self.event, self.place)).clone()
    }
}

/// When an event happened; of one that does not say, when its batch was begun, as the history has it.
#[must_use]
pub fn time_of(event: &Event, place: Place) -> Timestamp {
    let begun = i64::try_from(place.batch.0).unwrap_or(i64::MAX);
    event.time.unwrap_or_else(|| Timestamp::from_millis(begun))
}

fn line(event: &Event, place: Place) -> Bytes {
    let head = format!(
        r#"{{"position":"{place}","account":"{}","region":"{}","category":"{}","event":"#,
        event.account,
        event.region,
        event.category.name()
    );
    let mut line = BytesMut::with_capacity(head.len() + event.record.len() + 2);
    line.put_slice(head.as_bytes());
    let record = line.len();
    line.put_slice(&event.record);
    for byte in &mut line[record..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    line.put_slice(b"}\n");
    line.freeze()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use model::{BatchId, Sender};

    use super::*;

    #[test]
    fn a_record_of_several_lines_becomes_one_line() {
        let sender = Sender {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let record = "{\r\n  \"eventName\" : \"A\\nB\",\n  \"n\":1.0E3}";
        let event = Event::from_record(record.into(), &sender).unwrap().event;
        let place = Place { batch: BatchId(0x19a_01c2_b3d4), index: 17 };
        let line = Subject::new(&event, place).line();
        expect![[r#"
            {"position":"0000019a01c2b3d4.17","account":"111122223333","region":"eu-west-1","category":"Management","event":{    "eventName" : "A\nB",   "n":1.0E3}}
        "#]]
        .assert_eq(std::str::from_utf8(&line).unwrap());
        let parsed: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(parsed["event"]["eventName"], "A\nB");
        assert_eq!(time_of(&event, place).as_millis(), 0x19a_01c2_b3d4);
    }
}
