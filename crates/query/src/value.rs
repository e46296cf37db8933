//! Values of an answer as JSON: what all ways of writing it begin with.
//!
//! Moments are written as CloudTrail Lake writes them, `2026-01-22 16:53:53.000`, UTC; maps and structs
//! are objects, with fields spelled as in records.

use std::collections::HashMap;
use std::sync::LazyLock;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Fields, Float64Type, Int64Type, TimeUnit, TimestampMillisecondType, UInt64Type,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::columns::{self, RESOURCE_FIELDS};

/// Names of fields as records spell them, by those of the table.
static SPELLED: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let names = columns::all().into_iter().map(|(_, column)| column.name);
    names.map(|name| (name.to_ascii_lowercase(), name)).collect()
});

/// All values of a batch, by column and row.
#[must_use]
pub fn columns_of(batch: &RecordBatch) -> Vec<Vec<Value>> {
    batch.columns().iter().map(|column| of_array(column.as_ref())).collect()
}

/// The values of an array.
fn of_array(array: &dyn Array) -> Vec<Value> {
    let rows = 0..array.len();
    let plain = |value: Option<Value>| value.unwrap_or(Value::Null);
    let as_type = |of: &DataType| cast(array, of).ok();
    match array.data_type() {
        DataType::Null => rows.map(|_| Value::Null).collect(),
        DataType::Boolean => {
            array.as_boolean().iter().map(|value| plain(value.map(Value::from))).collect()
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
            match as_type(&DataType::Utf8View) {
                Some(texts) => texts
                    .as_string_view()
                    .iter()
                    .map(|value| plain(value.map(Value::from)))
                    .collect(),
                None => shown(array),
            }
        }
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => match as_type(&DataType::Int64) {
            Some(numbers) => {
                let numbers = numbers.as_primitive::<Int64Type>();
                numbers.iter().map(|value| plain(value.map(Value::from))).collect()
            }
            None => shown(array),
        },
        DataType::UInt64 => {
            let numbers = array.as_primitive::<UInt64Type>();
            numbers.iter().map(|value| plain(value.map(Value::from))).collect()
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            match as_type(&DataType::Float64) {
                Some(numbers) => {
                    let numbers = numbers.as_primitive::<Float64Type>();
                    numbers.iter().map(|value| plain(value.map(Value::from))).collect()
                }
                None => shown(array),
            }
        }
        DataType::Timestamp(_, zone) => {
            match as_type(&DataType::Timestamp(TimeUnit::Millisecond, zone.clone())) {
                Some(moments) => {
                    let moments = moments.as_primitive::<TimestampMillisecondType>();
                    moments.iter().map(|value| plain(value.map(moment))).collect()
                }
                None => shown(array),
            }
        }
        DataType::Struct(fields) => {
            let structs = array.as_struct();
            let names = names_of(fields);
            let mut columns: Vec<_> =
                structs.columns().iter().map(|column| of_array(column).into_iter()).collect();
            rows.map(|row| {
                let values: Vec<Value> = columns.iter_mut().filter_map(Iterator::next).collect();
                if structs.is_null(row) {
                    return Value::Null;
                }
                let pairs = names.iter().map(|name| (*name).to_owned()).zip(values);
                Value::Object(pairs.collect())
            })
            .collect()
        }
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            let list = |row| match lists.is_null(row) {
                true => Value::Null,
                false => Value::Array(of_array(&lists.value(row))),
            };
            rows.map(list).collect()
        }
        DataType::Map(..) => {
            let maps = array.as_map();
            let map = |row| {
                if maps.is_null(row) {
                    return Value::Null;
                }
                let entries = maps.value(row);
                let keys = of_array(entries.column(0)).into_iter();
                let keys = keys.map(|key| key.as_str().map(str::to_owned).unwrap_or_default());
                Value::Object(keys.zip(of_array(entries.column(1))).collect::<Map<_, _>>())
            };
            rows.map(map).collect()
        }
        _ => shown(array),
    }
}

/// All other types, as the engine shows them.
fn shown(array: &dyn Array) -> Vec<Value> {
    let options = FormatOptions::default();
    match ArrayFormatter::try_new(array, &options) {
        Ok(formatter) => (0..array.len())
            .map(|row| match array.is_null(row) {
                true => Value::Null,
                false => Value::String(formatter.value(row).to_string()),
            })
            .collect(),
        Err(_) => vec![Value::Null; array.len()],
    }
}

/// The names of a struct's fields: those of resources are spelled otherwise than all others.
fn names_of(fields: &Fields) -> Vec<&str> {
    let names = fields.iter().map(|field| field.name().as_str());
    let is_resource = names.clone().eq(RESOURCE_FIELDS.map(str::to_ascii_lowercase));
    match is_resource {
        true => RESOURCE_FIELDS.to_vec(),
        false => names.map(|name| SPELLED.get(name).copied().unwrap_or(name)).collect(),
    }
}

fn moment(millis: i64) -> Value {
    let shown = Timestamp::from_millisecond(millis)
        .map(|moment| moment.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string());
    shown.map_or(Value::Null, Value::String)
}
