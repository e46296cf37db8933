//! Rows become columns: each record is read once, and a member of an odd shape becomes a null.
//!
//! A record is read in two steps: an object's members are found as raw text, of a name that comes
//! twice the last one; then each is read as what its column holds. So one odd member spoils no other.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Int64Builder, NullBufferBuilder, StringBuilder, TimestampMillisecondBuilder,
};
use arrow_array::{ArrayRef, ListArray, RecordBatch, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::SchemaRef;
use model::Timestamp;
use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::position::Position;
use crate::schema::{self, Kind, MEMBERS_MAX, Member, RECORD};
use crate::scope::Scope;

/// Rows on their way into a batch of columns.
#[derive(Debug)]
pub(crate) struct Columns {
    schema: SchemaRef,
    rows: usize,
    json_bytes: usize,
    time: TimestampMillisecondBuilder,
    batch: Int64Builder,
    index: Int64Builder,
    account: StringBuilder,
    region: StringBuilder,
    category: StringBuilder,
    record: Objects,
    json: StringBuilder,
}

impl Columns {
    pub(crate) fn new() -> Columns {
        Columns {
            schema: schema::schema(),
            rows: 0,
            json_bytes: 0,
            time: TimestampMillisecondBuilder::new().with_timezone("UTC"),
            batch: Int64Builder::new(),
            index: Int64Builder::new(),
            account: StringBuilder::new(),
            region: StringBuilder::new(),
            category: StringBuilder::new(),
            record: Objects::new(RECORD),
            json: StringBuilder::new(),
        }
    }

    /// How many rows are held.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The bytes of their records.
    pub(crate) fn json_bytes(&self) -> usize {
        self.json_bytes
    }

    pub(crate) fn append(&mut self, position: Position, scope: &Scope, record: &str) {
        self.rows += 1;
        self.json_bytes += record.len();
        self.time.append_value(position.time.as_millis());
        // The engines' widest common number has a sign; no journal's batch and no import comes to it.
        self.batch.append_value(position.sequence.batch.0.cast_signed());
        self.index.append_value(i64::from(position.sequence.index));
        self.account.append_value(scope.account.as_str());
        self.region.append_value(scope.region.as_str());
        self.category.append_value(scope.category.name());
        self.record.append(Some(record));
        self.json.append_value(record);
    }

    /// The rows as a batch; none are held afterwards.
    pub(crate) fn finish(&mut self) -> RecordBatch {
        self.rows = 0;
        self.json_bytes = 0;
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.time.finish()),
            Arc::new(self.batch.finish()),
            Arc::new(self.index.finish()),
            Arc::new(self.account.finish()),
            Arc::new(self.region.finish()),
            Arc::new(self.category.finish()),
        ];
        columns.extend(self.record.finish().columns().iter().cloned());
        columns.push(Arc::new(self.json.finish()));
        RecordBatch::try_new(Arc::clone(&self.schema), columns).expect("one column for each field")
    }
}

/// A column that is made from a member.
#[derive(Debug)]
enum Column {
    Text(StringBuilder),
    Flag(BooleanBuilder),
    Time(TimestampMillisecondBuilder),
    Object(Objects),
    Objects { lengths: Vec<usize>, valid: NullBufferBuilder, elements: Objects },
}

impl Column {
    fn new(kind: &'static Kind) -> Column {
        match kind {
            Kind::Text => Column::Text(StringBuilder::new()),
            Kind::Flag => Column::Flag(BooleanBuilder::new()),
            Kind::Time => Column::Time(TimestampMillisecondBuilder::new().with_timezone("UTC")),
            Kind::Object(members) => Column::Object(Objects::new(members)),
            Kind::Objects(members) => Column::Objects {
                lengths: Vec::new(),
                valid: NullBufferBuilder::new(0),
                elements: Objects::new(members),
            },
        }
    }

    fn append(&mut self, raw: Option<&RawValue>) {
        match self {
            Column::Text(column) => column.append_option(raw.and_then(string)),
            Column::Flag(column) => column.append_option(raw.and_then(flag)),
            Column::Time(column) => {
                let time = raw.and_then(string).and_then(|text| Timestamp::parse(&text));
                column.append_option(time.map(Timestamp::as_millis));
            }
            Column::Object(column) => column.append(raw.map(RawValue::get)),
            Column::Objects { lengths, valid, elements } => {
                let list: Option<Vec<&RawValue>> =
                    raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
                valid.append(list.is_some());
                let objects = list.iter().flatten().filter(|one| one.get().starts_with('{'));
                lengths.push(objects.map(|one| elements.append(Some(one.get()))).count());
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Text(column) => Arc::new(column.finish()),
            Column::Flag(column) => Arc::new(column.finish()),
            Column::Time(column) => Arc::new(column.finish()),
            Column::Object(column) => Arc::new(column.finish()),
            Column::Objects { lengths, valid, elements } => {
                let offsets = OffsetBuffer::from_lengths(std::mem::take(lengths));
                let element = schema::element(elements.members);
                let values = Arc::new(elements.finish());
                Arc::new(ListArray::new(element, offsets, values, valid.finish()))
            }
        }
    }
}

/// A column of objects.
#[derive(Debug)]
struct Objects {
    members: &'static [Member],
    columns: Vec<Column>,
    valid: NullBufferBuilder,
}

impl Objects {
    fn new(members: &'static [Member]) -> Objects {
        let columns = members.iter().map(|member| Column::new(&member.kind)).collect();
        Objects { members, columns, valid: NullBufferBuilder::new(0) }
    }

    fn append(&mut self, text: Option<&str>) {
        let mut found = [None; MEMBERS_MAX];
        let seed = Found { members: self.members, found: &mut found };
        let is_object = text.is_some_and(|text| {
            seed.deserialize(&mut serde_json::Deserializer::from_str(text)).is_ok()
        });
        self.valid.append(is_object);
        for (column, raw) in self.columns.iter_mut().zip(found) {
            column.append(raw.filter(|_| is_object));
        }
    }

    fn finish(&mut self) -> StructArray {
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        StructArray::new(schema::fields(self.members), columns, self.valid.finish())
    }
}

/// Finds an object's members.
struct Found<'f, 'de> {
    members: &'static [Member],
    found: &'f mut [Option<&'de RawValue>; MEMBERS_MAX],
}

impl<'de> DeserializeSeed<'de> for Found<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Found<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(which) = map.next_key_seed(Name(self.members))? {
            match which {
                Some(which) => self.found[which] = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Which of these members a name means.
struct Name(&'static [Member]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|member| member.names.contains(&name)))
    }
}

/// The text of a JSON string; `None` for any other value, and for one that is no Unicode text.
fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.as_bytes().contains(&b'\\') {
        serde_json::from_str(raw.get()).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// Real records hold a boolean, edited ones also a string.
fn flag(raw: &RawValue) -> Option<bool> {
    match raw.get() {
        "true" => Some(true),
        "false" => Some(false),
        text if text.eq_ignore_ascii_case("\"true\"") => Some(true),
        text if text.eq_ignore_ascii_case("\"false\"") => Some(false),
        _ => None,
    }
}
