//! The records of a log file that have one eventID.
//!
//! The file's text is held once, whole: its records are looked at one after the other and only those
//! that match are kept, so that a file made to harm costs no more than a long one.

use std::fmt;
use std::io::Read;

use flate2::bufread::MultiGzDecoder;
use model::Envelope;
use model::digest::sha256_hex;
use serde::de::{self, DeserializeSeed, Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A log file is unpacked up to this size. Those of CloudTrail have at most 50 MB.
const TEXT_BYTES_MAX: u64 = 128 << 20;
/// So many records of one eventID are kept; all are counted.
const KEPT_MAX: usize = 10;

/// What a log file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matches {
    /// The hash of its content, in lower-case hex.
    pub sha256: String,
    /// How many of its records have the eventID.
    pub count: u64,
    /// The first ten of them, byte for byte.
    pub records: Vec<String>,
}

/// Why an object is no log file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRecords(String);

impl Matches {
    /// Looks for the records of an eventID.
    pub fn find(gzip: &[u8], event_id: &str) -> Result<Matches, InvalidRecords> {
        let mut text = Vec::new();
        let unpacked = MultiGzDecoder::new(gzip).take(TEXT_BYTES_MAX + 1).read_to_end(&mut text);
        unpacked.map_err(|error| InvalidRecords(format!("it is no gzip ({error})")))?;
        if text.len() as u64 > TEXT_BYTES_MAX {
            let why = format!("it unpacks to more than {} MiB", TEXT_BYTES_MAX >> 20);
            return Err(InvalidRecords(why));
        }
        let mut found = Matches { sha256: sha256_hex(&text), count: 0, records: Vec::new() };
        let mut json = serde_json::Deserializer::from_slice(&text);
        let read = json.deserialize_map(File(event_id, &mut found)).and_then(|()| json.end());
        read.map_err(|error| InvalidRecords(format!("it is no log file ({error})")))?;
        Ok(found)
    }
}

/// `{"Records":[…]}`, once.
struct File<'f>(&'f str, &'f mut Matches);

impl<'de> Visitor<'de> for File<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with `Records`")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<(), M::Error> {
        let mut is_seen = false;
        while let Some(name) = members.next_key::<String>()? {
            if name != "Records" {
                members.next_value::<de::IgnoredAny>()?;
                continue;
            }
            if is_seen {
                return Err(de::Error::duplicate_field("Records"));
            }
            is_seen = true;
            members.next_value_seed(Elements(self.0, self.1))?;
        }
        if is_seen { Ok(()) } else { Err(de::Error::missing_field("Records")) }
    }
}

/// `[{…},…]`
struct Elements<'f>(&'f str, &'f mut Matches);

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of records")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut elements: S) -> Result<(), S::Error> {
        let Elements(event_id, found) = self;
        while let Some(element) = elements.next_element::<&'de RawValue>()? {
            // What says a member twice says nothing.
            let Ok(envelope) = Envelope::parse(element.get().as_bytes()) else { continue };
            if envelope.event_id().is_some_and(|id| id == event_id) {
                found.count += 1;
                if found.records.len() < KEPT_MAX {
                    found.records.push(element.get().to_owned());
                }
            }
        }
        Ok(())
    }
}
