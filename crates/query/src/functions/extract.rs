//! What is read out of a record's JSON: the values of columns that files do not have as such.
//!
//! Each is a function of the one column that has the whole record. So the engine computes it only
//! where a query uses it, and only of rows that are left.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanBuilder, ListBuilder, MapBuilder, MapFieldNames, StringBuilder,
    StructBuilder, TimestampMillisecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use super::texts::{Texts, rows};
use super::time::parse_moment;
use crate::columns::{Kind, RESOURCE_FIELDS};
use crate::json;

/// A value at a path of the record.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Extract {
    name: String,
    what: What,
    path: Vec<&'static str>,
    signature: Signature,
}

/// What is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum What {
    Text,
    Bool,
    Time,
    Map,
    Resources,
}

/// A member of the object at a path of the record: arguments are the record and the key.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    name: String,
    path: Vec<&'static str>,
    signature: Signature,
}

/// The type of moments.
pub(crate) fn moment_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

fn map_names() -> MapFieldNames {
    MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() }
}

fn map_type() -> DataType {
    let fields =
        vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)];
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(fields.into()), false)), false)
}

fn resource_fields() -> Fields {
    let field = |name: &&str| Field::new(name.to_ascii_lowercase(), DataType::Utf8, true);
    RESOURCE_FIELDS.iter().map(field).collect()
}

fn resources_type() -> DataType {
    let item: FieldRef = Arc::new(Field::new("item", DataType::Struct(resource_fields()), true));
    DataType::List(item)
}

/// The expression of a column at a path of the record that stands in `record`.
pub(crate) fn extract(kind: Kind, path: &[&'static str], record: Expr) -> Expr {
    let what = match kind {
        Kind::Text | Kind::Record | Kind::Fields(_) => What::Text,
        Kind::Bool => What::Bool,
        Kind::Time => What::Time,
        Kind::Map => What::Map,
        Kind::Resources => What::Resources,
    };
    let function = Extract {
        name: format!("record:{}", path.join(".")),
        what,
        path: path.to_vec(),
        signature: Signature::any(1, Volatility::Immutable),
    };
    let function = Arc::new(ScalarUDF::new_from_impl(function));
    Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![record]))
}

/// The path of the object that a map is made of, and the column with the record.
pub(crate) fn map_of(map: Expr) -> Option<(Vec<&'static str>, Column)> {
    let Expr::ScalarFunction(call) = map else { return None };
    let extract = call.func.inner().downcast_ref::<Extract>()?;
    match call.args.as_slice() {
        [Expr::Column(record)] if extract.what == What::Map => {
            Some((extract.path.clone(), record.clone()))
        }
        _ => None,
    }
}

/// The member of the object at a path of a record.
pub(crate) fn member(path: &[&'static str], record: Expr, key: Expr) -> Expr {
    let function = Member {
        name: format!("record:{}[]", path.join(".")),
        path: path.to_vec(),
        signature: Signature::new(TypeSignature::Any(2), Volatility::Immutable),
    };
    let function = Arc::new(ScalarUDF::new_from_impl(function));
    Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![record, key]))
}

impl ScalarUDFImpl for Extract {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.what {
            What::Text => DataType::Utf8,
            What::Bool => DataType::Boolean,
            What::Time => moment_type(),
            What::Map => map_type(),
            What::Resources => resources_type(),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let count = rows(&args);
        let records = Texts::of(&args.args[0])?;
        let found = |row: usize| json::find_keys(records.get(row)?, &self.path);
        let array: ArrayRef = match self.what {
            What::Text => {
                let mut built = StringBuilder::new();
                (0..count).for_each(|row| built.append_option(found(row).and_then(json::plain)));
                Arc::new(built.finish())
            }
            What::Bool => {
                let mut built = BooleanBuilder::new();
                (0..count).for_each(|row| built.append_option(found(row).and_then(as_bool)));
                Arc::new(built.finish())
            }
            What::Time => {
                let mut built = TimestampMillisecondBuilder::new().with_timezone("UTC");
                let moment = |row| json::plain(found(row)?).and_then(|text| parse_moment(&text));
                (0..count).for_each(|row| built.append_option(moment(row)));
                Arc::new(built.finish())
            }
            What::Map => maps((0..count).map(found))?,
            What::Resources => resources((0..count).map(found)),
        };
        Ok(ColumnarValue::Array(array))
    }
}

impl ScalarUDFImpl for Member {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let count = rows(&args);
        let records = Texts::of(&args.args[0])?;
        let keys = Texts::of(&args.args[1])?;
        let mut built = StringBuilder::new();
        for row in 0..count {
            let value = records.get(row).zip(keys.get(row)).and_then(|(record, key)| {
                json::member(json::find_keys(record, &self.path)?, key).and_then(json::plain)
            });
            built.append_option(value);
        }
        Ok(ColumnarValue::Array(Arc::new(built.finish())))
    }
}

/// Older records have it as a text.
fn as_bool(value: &str) -> Option<bool> {
    match value.trim_matches('"') {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn maps<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Result<ArrayRef> {
    let mut built = MapBuilder::new(Some(map_names()), StringBuilder::new(), StringBuilder::new());
    for value in values {
        let object = value.filter(|value| value.starts_with('{'));
        for (key, value) in object.map(json::members).unwrap_or_default() {
            built.keys().append_value(key);
            built.values().append_option(json::plain(value));
        }
        built.append(object.is_some())?;
    }
    Ok(Arc::new(built.finish()))
}

fn resources<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    let mut built = ListBuilder::new(StructBuilder::from_fields(resource_fields(), 0));
    for value in values {
        let elements = value.and_then(json::elements);
        for element in elements.iter().flatten() {
            let item = built.values();
            for (place, name) in RESOURCE_FIELDS.iter().enumerate() {
                let field = item.field_builder::<StringBuilder>(place).expect("all are texts");
                field.append_option(json::member(element, name).and_then(json::plain));
            }
            item.append(true);
        }
        built.append(elements.is_some());
    }
    let built: Arc<dyn Array> = Arc::new(built.finish());
    built
}
