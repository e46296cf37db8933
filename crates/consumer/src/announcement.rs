//! What the body of a queue message announces.
//!
//! The idea: five senders share one queue, and a body is told apart by its shape alone.
//!
//! ```text
//! {"s3Bucket":"b","s3ObjectKey":["k",…]}                          CloudTrail, plain keys
//! {"Records":[{"eventName":"ObjectCreated:Put","s3":{…}},…]}      S3 event, URL-encoded keys
//! {"Event":"s3:TestEvent",…}                                      S3, once per set-up
//! CloudTrail validation message.                                  CloudTrail, once per change
//! {"Type":"Notification","Message":"any of the above",…}          SNS without raw delivery
//! ```
//!
//! Everything else is an [`UnreadableMessage`]. Parsing is pure and total: no body panics.
//!
//! Sources: AWS CloudTrail User Guide, "Configuring Amazon SNS notifications for CloudTrail";
//! Amazon S3 User Guide, "Event message structure"; Amazon SNS Developer Guide, "Raw delivery".

use model::notice::{InvalidNotice, Notice, VALIDATION_MESSAGE};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::kind::ObjectKind;
use crate::s3_event::{self, InvalidS3Event};

/// What one message announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// Objects that are now in S3; never empty.
    Objects(Vec<Announced>),
    /// `CloudTrail validation message.`, published whenever a trail is created or changed.
    Validation,
    /// `s3:TestEvent`, sent by S3 when event notifications are set up.
    TestEvent,
}

/// One announced object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, plain.
    pub key: String,
    /// What the object is, as far as the message tells.
    pub kind: ObjectKind,
}

impl Announcement {
    /// Reads a message body.
    pub fn parse(body: &str) -> Result<Announcement, UnreadableMessage> {
        if is_validation(body) {
            return Ok(Announcement::Validation);
        }
        let members = members(body)?;
        match members.envelope()? {
            Some(message) if is_validation(message) => Ok(Announcement::Validation),
            Some(message) => bare(message, &self::members(message)?),
            None => bare(body, &members),
        }
    }
}

/// Of an array serde would take the members by their order.
fn members(message: &str) -> Result<Members<'_>, serde_json::Error> {
    if !message.trim_start().starts_with('{') {
        return Err(serde::de::Error::custom("expected an object"));
    }
    serde_json::from_str(message)
}

/// Some senders leave out the final dot, and readers in the field test the prefix only.
fn is_validation(message: &str) -> bool {
    message.trim_start().starts_with(VALIDATION_MESSAGE.trim_end_matches('.'))
}

fn bare(message: &str, members: &Members<'_>) -> Result<Announcement, UnreadableMessage> {
    if members.bucket.is_some() {
        return Ok(Announcement::Objects(notified(Notice::parse(message)?)));
    }
    if members.event.as_deref() == Some("s3:TestEvent") {
        return Ok(Announcement::TestEvent);
    }
    match members.records {
        Some(records) => Ok(Announcement::Objects(s3_event::parse(records.get())?)),
        None => Err(UnreadableMessage::Unknown),
    }
}

/// CloudTrail announces log files only, so a key it does not name like one is still read.
fn notified(notice: Notice) -> Vec<Announced> {
    let kind = |key: &str| match ObjectKind::of_key(key) {
        ObjectKind::Foreign => ObjectKind::LogFile,
        known => known,
    };
    let bucket = notice.bucket;
    let announced = |key: String| Announced { bucket: bucket.clone(), kind: kind(&key), key };
    notice.keys.into_iter().map(announced).collect()
}

/// The members that tell the senders apart; all others are ignored.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(rename = "s3Bucket", borrow)]
    bucket: Option<&'a RawValue>,
    #[serde(rename = "Records", borrow)]
    records: Option<&'a RawValue>,
    #[serde(rename = "Event")]
    event: Option<String>,
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(rename = "TopicArn")]
    topic: Option<String>,
    #[serde(rename = "Message")]
    message: Option<String>,
}

impl Members<'_> {
    /// The message inside, when SNS wrapped it.
    fn envelope(&self) -> Result<Option<&str>, UnreadableMessage> {
        if let Some("SubscriptionConfirmation" | "UnsubscribeConfirmation") = self.kind.as_deref() {
            return Err(UnreadableMessage::Confirmation);
        }
        let from_sns = self.kind.is_some() || self.topic.is_some();
        Ok(self.message.as_deref().filter(|_| from_sns))
    }
}

/// Why a message body announces nothing that can be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableMessage {
    /// Not JSON, or a member that matters has the wrong type.
    #[error("the message is not JSON as CloudTrail, S3 or SNS send it: {0}")]
    Json(#[from] serde_json::Error),
    /// Like CloudTrail's notice, and wrong.
    #[error(transparent)]
    Notice(#[from] InvalidNotice),
    /// Like an S3 event notification, and wrong.
    #[error(transparent)]
    S3Event(#[from] InvalidS3Event),
    /// SNS asks the owner of the queue to confirm a subscription by visiting an address.
    #[error("SNS asks to confirm a subscription: visit the `SubscribeURL` in the message")]
    Confirmation,
    /// JSON of some other sender.
    #[error("the message is neither a CloudTrail notice nor an S3 event notification")]
    Unknown,
}
