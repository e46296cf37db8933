//! Requests that carry records, made before they are sent.
//!
//! An event that is sent again is not recorded again. So that a request can be sent any number of
//! times, each place of an `eventID` in it is remembered, and [`Request::renew`] writes new ones.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use trails::Channel;

use crate::records::{OWNER, Record, mix};

/// One HTTP request, ready to be written to a connection.
#[derive(Clone, Debug)]
pub struct Request {
    bytes: Vec<u8>,
    body: usize,
    ids: Vec<usize>,
    /// What the answer says when all events were taken.
    answer: String,
}

/// Numbers that no other `Ids` of this process draws, as the text of UUIDs.
#[derive(Debug)]
pub struct Ids {
    next: u64,
}

/// The channel of `PutAuditEvents`.
#[must_use]
pub fn channel() -> Channel {
    let (account, region) =
        (OWNER.parse().expect("twelve digits"), "us-east-1".parse().expect("a Region"));
    Channel::configured(account, region, "bench".parse().expect("a name"), "Custom".into())
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("a text is always JSON")
}

impl Request {
    /// `POST /v1/events`, one record a line.
    #[must_use]
    pub fn bulk(records: &[Record]) -> Request {
        let (mut body, mut ids) = (Vec::new(), Vec::new());
        for record in records {
            ids.push(body.len() + record.id);
            body.extend_from_slice(record.text.as_bytes());
            body.push(b'\n');
        }
        Request::new("/v1/events", &body, &ids, "\"refused\":0,")
    }

    /// `PutAuditEvents` with whole records as events.
    #[must_use]
    pub fn put_audit_events(records: &[Record]) -> Request {
        let (mut body, mut ids) = (String::from("{\"auditEvents\":["), Vec::new());
        for (number, record) in records.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(body, "{comma}{{\"id\":\"{number}\",\"eventData\":").expect("text takes text");
            // The place within the JSON string: what stands before it may be escaped.
            ids.push(body.len() + json(&record.text[..record.id]).len() - 1);
            write!(body, "{}}}", json(&record.text)).expect("text takes text");
        }
        body.push_str("]}");
        let path = format!("/PutAuditEvents?channelArn={}", channel().id);
        Request::new(&path, body.as_bytes(), &ids, "\"failed\":[]")
    }

    /// A call of CloudTrail's own API, with these lines of headers. It carries no events.
    #[must_use]
    pub fn call(headers: &str, members: &str, answer: &str) -> Request {
        let length = members.len();
        let head = format!("POST / HTTP/1.1\r\n{headers}content-length: {length}\r\n\r\n");
        Request {
            bytes: [head.as_bytes(), members.as_bytes()].concat(),
            body: head.len(),
            ids: Vec::new(),
            answer: answer.to_owned(),
        }
    }

    fn new(path: &str, body: &[u8], ids: &[usize], answer: &str) -> Request {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        Request {
            bytes: [head.as_bytes(), body].concat(),
            body: head.len(),
            ids: ids.iter().map(|id| head.len() + id).collect(),
            answer: answer.to_owned(),
        }
    }

    /// All records, as requests whose bodies are about so large.
    #[must_use]
    pub fn bulks(records: &[Record], body_bytes: usize) -> Vec<Request> {
        let mut requests = Vec::new();
        let mut rest = records;
        while !rest.is_empty() {
            let mut size = 0;
            let fits = rest.iter().take_while(|record| {
                size += record.text.len() + 1;
                size <= body_bytes
            });
            let (these, others) = rest.split_at(fits.count().max(1));
            requests.push(Request::bulk(these));
            rest = others;
        }
        requests
    }

    /// Makes events of it that were not sent before.
    pub fn renew(&mut self, ids: &mut Ids) {
        for place in &self.ids {
            ids.write(&mut self.bytes[*place..*place + 36]);
        }
    }

    /// Head and body.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.body..]
    }

    /// Whether an answer says that all events were taken.
    #[must_use]
    pub fn is_taken(&self, answer: &str) -> bool {
        answer.contains(&self.answer)
    }

    /// How many events it carries.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.ids.len() as u64
    }
}

impl Ids {
    /// A sequence of its own, of up to 2^40 numbers.
    #[must_use]
    pub fn new() -> Ids {
        static SEQUENCES: AtomicU64 = AtomicU64::new(0);
        Ids { next: SEQUENCES.fetch_add(1, Ordering::Relaxed) << 40 }
    }

    /// Writes the next one as a version 4 UUID. Its first 16 digits are a one-to-one function of the
    /// number, less the digit of the version; that one goes on at the end.
    fn write(&mut self, text: &mut [u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let halves = [mix(self.next), mix(!self.next)];
        self.next += 1;
        for (place, byte) in text.iter_mut().enumerate() {
            let digit = match place {
                8 | 13 | 18 | 23 => continue,
                0..8 => place,
                9..13 => place - 1,
                14 => {
                    *byte = b'4';
                    continue;
                }
                15..18 => place - 2,
                19..23 => place - 3,
                _ => place - 4,
            };
            let half = halves[digit / 16];
            *byte = DIGITS[(half >> (60 - digit % 16 * 4) & 15) as usize];
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;
    use crate::records::{pairs, records};

    #[test]
    fn a_renewed_request_holds_the_same_records_with_event_ids_that_no_other_has() {
        let some = records(100, &pairs(10));
        let mut seen = HashSet::new();
        for make in [Request::bulk, Request::put_audit_events] {
            let (first, mut request) = (texts(&make(&some)), make(&some));
            for mut ids in [Ids::new(), Ids::new()] {
                request.renew(&mut ids);
                let renewed = texts(&request);
                assert_eq!(renewed.len(), some.len());
                for (text, first) in renewed.iter().zip(&first) {
                    let (new, old) = (event_id(text), event_id(first));
                    assert_eq!(text.replace(&new, &old), *first);
                    assert!(seen.insert(new), "{text}");
                }
            }
        }
    }

    /// The records of a request's body.
    fn texts(request: &Request) -> Vec<String> {
        let body = std::str::from_utf8(request.body()).unwrap();
        if body.starts_with(r#"{"auditEvents""#) {
            let call: Value = serde_json::from_str(body).unwrap();
            let events = call["auditEvents"].as_array().unwrap();
            return events.iter().map(|e| e["eventData"].as_str().unwrap().to_owned()).collect();
        }
        body.lines().map(str::to_owned).collect()
    }

    fn event_id(record: &str) -> String {
        let record: Value = serde_json::from_str(record).unwrap();
        let id = record["eventID"].as_str().unwrap();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        id.to_owned()
    }
}
