//! What is sent. An event is a number: whoever has it can make the bytes again, so that nobody has to
//! keep them to compare them with what S3 holds.

use std::fmt::Write as _;

/// The last one's trails come and go.
pub const ACCOUNTS: [&str; 3] = ["790000000001", "790000000002", "790000000003"];
pub const REGIONS: [&str; 2] = ["eu-west-1", "ap-south-1"];
/// One in so many is large, so that segments fill at different places.
const LARGE_EVERY: u64 = 61;
/// Values that whoever reads and renders JSON again would change.
const PARAMETERS: [&str; 4] = [
    r#"{"n":1.688560107857E9,"small":1E-7,"zero":-0.0,"big":12345678901234567890123456789}"#,
    r#"{"name":"žluťoučký, 東京, 🚀, \ud83d\ude80, \u00e9","slash":"a\/b","nul":"\u0000"}"#,
    r#"{ "spaced" : [ 1 , 2 ,3 ] , "":"empty name","brackets":"}]}\"]}{[\"," }"#,
    "null",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Management,
    Data,
    /// An event of the integration schema, which only `PutAuditEvents` takes.
    Activity,
}

const KINDS: [Kind; 3] = [Kind::Management, Kind::Data, Kind::Activity];

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Event(u64);

impl Event {
    /// The `count`-th event, of this kind.
    pub fn new(count: u64, kind: Kind) -> Event {
        let kind = KINDS.iter().position(|it| *it == kind).unwrap();
        Event(count * KINDS.len() as u64 + kind as u64)
    }

    pub fn kind(self) -> Kind {
        KINDS[self.choice(1, KINDS.len())]
    }

    pub fn account(self) -> &'static str {
        match self.kind() {
            Kind::Activity => ACCOUNTS[0],
            _ => ACCOUNTS[self.choice(3, ACCOUNTS.len())],
        }
    }

    pub fn region(self) -> &'static str {
        match self.kind() {
            Kind::Activity => REGIONS[0],
            _ => REGIONS[self.choice(9, REGIONS.len())],
        }
    }

    /// `eventCategory`
    pub fn category(self) -> &'static str {
        match self.kind() {
            Kind::Management => "Management",
            Kind::Data => "Data",
            Kind::Activity => "ActivityAuditLog",
        }
    }

    /// The bytes that are sent: a record, or of activity the event that becomes a record's `eventData`.
    pub fn text(self) -> String {
        let (account, id) = (self.account(), self.id());
        let user =
            format!(r#"{{"type":"AWSAccount","principalId":"amy","accountId":"{account}"}}"#);
        let parameters = PARAMETERS[self.choice(18, PARAMETERS.len())];
        let mut text = match self.kind() {
            Kind::Activity => format!(
                r#"{{"version":"1.0","UID":"{id}","userIdentity":{{"type":"User","principalId":"amy"}},"eventSource":"shop.example","eventName":"Buy","eventTime":"2026-01-02T03:04:05Z","recipientAccountId":"{account}","requestParameters":{parameters}"#
            ),
            _ => format!(
                r#"{{"eventVersion":"1.11","userIdentity":{user},"eventTime":"2026-01-02T03:04:05Z","eventSource":"ec2.amazonaws.com","eventName":"StartInstances","awsRegion":"{}","sourceIPAddress":"192.0.2.1","requestParameters":{parameters},"responseElements":null,"eventID":"{id}","readOnly":false,"eventType":"AwsApiCall","recipientAccountId":"{account}","eventCategory":"{}""#,
                self.region(),
                self.category(),
            ),
        };
        if self.0.is_multiple_of(LARGE_EVERY) {
            let filler = id.repeat(20_000 / id.len());
            write!(text, r#","additionalEventData":{{"text":"{filler}"}}"#).unwrap();
        }
        text + "}"
    }

    /// `eventID`, or of activity the `UID`.
    pub fn id(self) -> String {
        format!("c0ffee00-0000-4000-8000-{:012x}", self.0)
    }

    /// The event of an id.
    pub fn parse(id: &str) -> Option<Event> {
        let number = u64::from_str_radix(id.rsplit('-').next()?, 16).ok()?;
        let event = Event(number);
        (event.id() == id).then_some(event)
    }

    fn choice(self, divisor: u64, among: usize) -> usize {
        usize::try_from(self.0 / divisor % among as u64).unwrap()
    }
}

#[test]
fn an_event_is_found_again_by_its_id_and_is_json() {
    for count in 0..100 {
        for kind in KINDS {
            let event = Event::new(count, kind);
            assert_eq!((Event::parse(&event.id()), event.kind()), (Some(event), kind));
            let value: serde_json::Value = serde_json::from_str(&event.text()).unwrap();
            assert_eq!(value["recipientAccountId"], event.account());
        }
    }
    assert_eq!(Event::parse("c0ffee00-0000-4000-8000-1"), None);
}
