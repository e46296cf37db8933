//! The columns: a contract with everything that reads the files.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMillisecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, Fields};
use bytes::Bytes;
use cairn_history::{FileId, HistoryFile, Row, schema};
use disk::Disk;
use model::Timestamp;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use support::{DAY, corpus, disk, generated, odd, row};

/// What another reader finds in the file of these rows.
fn written(rows: &[Row]) -> Vec<RecordBatch> {
    let disk = disk();
    let info = HistoryFile::write(&disk, FileId(1), rows.to_vec()).unwrap();
    read(&disk, info.id)
}

fn read(disk: &Arc<dyn Disk>, id: FileId) -> Vec<RecordBatch> {
    let bytes = Bytes::from(::disk::read(&**disk, &id.table()).unwrap());
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let pairs = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let version = pairs.iter().find(|pair| pair.key == schema::VERSION_KEY).unwrap();
    assert_eq!(version.value.as_deref(), Some("1"));
    assert_eq!(reader.schema().fields(), schema::schema().fields());
    reader.build().unwrap().map(Result::unwrap).collect()
}

/// The value of a column in a row, as JSON.
fn value(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::Timestamp(..) => {
            column.as_primitive::<TimestampMillisecondType>().value(row).into()
        }
        DataType::List(_) => {
            let list = column.as_list::<i32>().value(row);
            (0..list.len()).map(|element| value(&*list, element)).collect()
        }
        DataType::Struct(fields) => {
            let columns = column.as_struct().columns().iter().zip(fields);
            columns.map(|(column, field)| (field.name().clone(), value(column, row))).collect()
        }
        other => panic!("no column is a {other}"),
    }
}

/// What a column should hold of a record's member.
fn expected(kind: &DataType, member: &Value) -> Value {
    match kind {
        DataType::Utf8 => member.as_str().into(),
        DataType::Boolean => match member.as_str().map(str::to_ascii_lowercase).as_deref() {
            Some("true") => true.into(),
            Some("false") => false.into(),
            _ => member.as_bool().into(),
        },
        DataType::Timestamp(..) => {
            member.as_str().and_then(Timestamp::parse).map(Timestamp::as_millis).into()
        }
        DataType::Struct(fields) if member.is_object() => members(fields, member),
        DataType::List(element) => match member.as_array() {
            Some(list) => {
                let objects = list.iter().filter(|one| one.is_object());
                objects.map(|one| expected(element.data_type(), one)).collect()
            }
            None => Value::Null,
        },
        _ => Value::Null,
    }
}

fn members<'a>(fields: impl IntoIterator<Item = &'a Arc<Field>>, object: &Value) -> Value {
    let member = |field: &Field| {
        let name = member_name(field.name());
        let found = object.get(&name).or_else(|| {
            // Aggregated records.
            object.get("eventId").filter(|_| name == "eventID")
        });
        let found = match found {
            // In a list of resources.
            None if name == "arn" => object.get("ARN"),
            found => found,
        };
        expected(field.data_type(), found.unwrap_or(&Value::Null))
    };
    fields.into_iter().map(|field| (field.name().clone(), member(field))).collect()
}

/// `userIdentity` for `user_identity`, and what CloudTrail spells otherwise.
fn member_name(column: &str) -> String {
    match column {
        "event_id" => return "eventID".into(),
        "request_id" => return "requestID".into(),
        "shared_event_id" => return "sharedEventID".into(),
        "source_ip_address" => return "sourceIPAddress".into(),
        "arn_prefix" => return "ARNPrefix".into(),
        _ => {}
    }
    let mut parts = column.split('_');
    let mut name = parts.next().unwrap().to_owned();
    for part in parts {
        let (first, rest) = part.split_at(1);
        name += &first.to_ascii_uppercase();
        name += rest;
    }
    name
}

/// Each row's columns against its record, read by another reader of JSON.
fn check_columns(mut rows: Vec<Row>) {
    let batches = written(&rows);
    rows.sort_by_key(|row| std::cmp::Reverse(row.position));
    let mut rows = rows.iter();
    for batch in batches {
        let fields = batch.schema().fields().clone();
        let (head, record) = fields.split_at(schema::HEAD_COLUMNS);
        let record = &record[..record.len() - 1];
        for at in 0..batch.num_rows() {
            let row = rows.next().unwrap();
            let of = |field: &Field| value(&**batch.column_by_name(field.name()).unwrap(), at);
            let sequence = row.position.sequence;
            let heads: Vec<Value> = head.iter().map(|field| of(field)).collect();
            let millis = row.position.time.as_millis();
            let scope = &row.scope;
            assert_eq!(
                Value::from(heads),
                json!([
                    millis,
                    sequence.batch.0.cast_signed(),
                    sequence.index,
                    scope.account.as_str(),
                    scope.region.as_str(),
                    scope.category.name()
                ])
            );
            let text = str::from_utf8(&row.record).unwrap();
            assert_eq!(value(&**batch.column_by_name("event_json").unwrap(), at), text);
            // A lone surrogate is no text, for the other reader nowhere in the record.
            let Ok(json) = serde_json::from_str::<Value>(text) else { continue };
            let columns: Value =
                record.iter().map(|field| (field.name().clone(), of(field))).collect();
            assert_eq!(columns, members(record, &json), "{text}");
        }
    }
    assert!(rows.next().is_none());
}

#[test]
fn columns_are_what_records_say() {
    check_columns(generated(4, 3_000));
}

#[test]
fn columns_of_odd_members_are_null() {
    check_columns(odd());
}

#[test]
fn columns_are_what_the_records_of_the_corpus_say() {
    let Some(rows) = corpus() else { return };
    check_columns(rows);
}

#[test]
fn one_member_that_is_no_text_spoils_no_other() {
    let record =
        r#"{"eventName":"a \ud800 b","eventSource":"s","userIdentity":{"x":"\udc00","arn":"a"}}"#;
    let batch = written(&[row(DAY, 1, 0, record)]).remove(0);
    let of = |name: &str| value(&**batch.column_by_name(name).unwrap(), 0);
    assert_eq!(of("event_name"), Value::Null);
    assert_eq!(of("event_source"), "s");
    assert_eq!(of("user_identity")["arn"], "a");
    assert_eq!(of("event_json"), record);
}

#[test]
fn batches_of_imports_keep_their_numbers() {
    let import = cairn_history::Sequence::FIRST_IMPORT.0 + 3;
    check_columns(vec![row(DAY, import, 9, "{}"), row(DAY, 1, u32::MAX, "{}")]);
}

/// `name type` of each column, of nested ones with their path.
fn flat(fields: &Fields, path: &str, lines: &mut Vec<String>) {
    for field in fields {
        let name = format!("{path}{}", field.name());
        let (kind, inner) = match field.data_type() {
            DataType::Utf8 => ("text", None),
            DataType::Boolean => ("boolean", None),
            DataType::Int64 => ("64-bit integer", None),
            DataType::Timestamp(..) => ("timestamp", None),
            DataType::Struct(fields) => ("struct", Some((fields, "."))),
            DataType::List(element) => match element.data_type() {
                DataType::Struct(fields) => ("list of structs", Some((fields, "[]."))),
                other => panic!("no list of {other} is documented"),
            },
            other => panic!("no column is a {other}"),
        };
        let required = if field.is_nullable() { "" } else { ", never null" };
        lines.push(format!("`{name}` | {kind}{required}"));
        if let Some((fields, mark)) = inner {
            flat(fields, &format!("{name}{mark}"), lines);
        }
    }
}

#[test]
fn the_documentation_lists_the_columns_as_they_are() {
    let page = include_str!("../../../docs/history-schema.md");
    let listed: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.rsplit_once(" | "))
        .map(|(columns, _)| columns)
        .collect();
    let mut columns = Vec::new();
    flat(schema::schema().fields(), "", &mut columns);
    let columns: Vec<&str> = columns.iter().map(|line| &line[1..]).collect();
    assert_eq!(listed, columns);
    assert!(page.contains(&format!("version {}", schema::VERSION)));
}
