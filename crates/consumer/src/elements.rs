//! Where the records are in the text of a log file.
//!
//! One pass over the JSON that keeps byte ranges only. The count of records is bounded while it
//! runs, so that 256 MiB of `{},{},…` end in an error and not in gigabytes of entries; so is the
//! depth of arrays in arrays, each level of which reads its text again.

use std::fmt;
use std::ops::Range;

use serde::de::{self, DeserializeSeed, Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

const DEPTH_MAX: u32 = 8;

/// How many more records may be found.
pub(crate) struct Budget {
    records: usize,
    exceeded: bool,
}

impl Budget {
    pub(crate) fn records(records: usize) -> Budget {
        Budget { records, exceeded: false }
    }

    fn spend(&mut self) -> Result<(), &'static str> {
        self.exceeded = self.records == 0;
        self.records = self.records.saturating_sub(1);
        if self.exceeded { Err("too many records") } else { Ok(()) }
    }
}

pub(crate) enum Error {
    Json(serde_json::Error),
    TooMany,
}

/// The byte ranges of all records, in order.
pub(crate) fn find(text: &str, mut budget: Budget) -> Result<Vec<Range<usize>>, Error> {
    let mut found = Vec::new();
    let mut search = Search { text, budget: &mut budget, found: &mut found, depth: 0 };
    let result = search.file();
    match result {
        Ok(()) => Ok(found),
        Err(_) if budget.exceeded => Err(Error::TooMany),
        Err(error) => Err(Error::Json(error)),
    }
}

struct Search<'a, 's> {
    text: &'a str,
    budget: &'s mut Budget,
    found: &'s mut Vec<Range<usize>>,
    depth: u32,
}

impl<'a> Search<'a, '_> {
    fn file(&mut self) -> Result<(), serde_json::Error> {
        let mut json = Deserializer::from_str(self.text);
        if self.text.trim_start().starts_with('[') {
            Elements(self).deserialize(&mut json)?;
        } else {
            json.deserialize_map(File(self))?;
        }
        json.end()
    }

    fn element<E: de::Error>(&mut self, element: &'a str) -> Result<(), E> {
        match element.as_bytes().first() {
            Some(b'{') => {
                self.budget.spend().map_err(E::custom)?;
                // Both are addresses in the one text that the element was cut from.
                let start = element.as_ptr().addr() - self.text.as_ptr().addr();
                self.found.push(start..start + element.len());
                Ok(())
            }
            Some(b'[') => self.nested(element),
            _ => Err(E::custom("a record is an object")),
        }
    }

    fn nested<E: de::Error>(&mut self, array: &'a str) -> Result<(), E> {
        if self.depth == DEPTH_MAX {
            return Err(E::custom("too many arrays in arrays"));
        }
        self.depth += 1;
        Elements(self).deserialize(&mut Deserializer::from_str(array)).map_err(E::custom)?;
        self.depth -= 1;
        Ok(())
    }
}

/// `{"Records":[…]}`, in which `Records` may stand anywhere, once.
struct File<'f, 'a, 's>(&'f mut Search<'a, 's>);

impl<'a> Visitor<'a> for File<'_, 'a, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with `Records`, or an array of records")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut members: M) -> Result<(), M::Error> {
        let mut seen = false;
        while let Some(name) = members.next_key::<String>()? {
            if name != "Records" {
                members.next_value::<de::IgnoredAny>()?;
                continue;
            }
            if seen {
                return Err(de::Error::duplicate_field("Records"));
            }
            seen = true;
            members.next_value_seed(Elements(self.0))?;
        }
        if seen { Ok(()) } else { Err(de::Error::missing_field("Records")) }
    }
}

/// `[{…},…]`.
struct Elements<'f, 'a, 's>(&'f mut Search<'a, 's>);

impl<'a> DeserializeSeed<'a> for Elements<'_, 'a, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a> Visitor<'a> for Elements<'_, 'a, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of records")
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut elements: S) -> Result<(), S::Error> {
        while let Some(element) = elements.next_element::<&'a RawValue>()? {
            self.0.element(element.get())?;
        }
        Ok(())
    }
}
