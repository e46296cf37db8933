//! `json_extract_scalar(json, '$.a.b[0]')` and its kin.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanBuilder, Int64Builder, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use super::texts::{Texts, rows};
use crate::json::{self, Step};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum What {
    /// A text, number or boolean at a path, as a text.
    ExtractScalar,
    /// What is at a path, as JSON.
    Extract,
    /// How many elements an array has.
    ArrayLength,
    /// Whether an array has an element.
    ArrayContains,
    /// JSON as it is: values are texts here, and JSON is one.
    Same,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonFunction {
    name: &'static str,
    what: What,
    signature: Signature,
}

pub(super) fn all() -> Vec<Arc<ScalarUDF>> {
    let function = |name, what, arguments| {
        let signature = Signature::new(TypeSignature::Any(arguments), Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(JsonFunction { name, what, signature }))
    };
    vec![
        function("json_extract_scalar", What::ExtractScalar, 2),
        function("json_extract", What::Extract, 2),
        function("json_array_length", What::ArrayLength, 1),
        function("json_array_contains", What::ArrayContains, 2),
        function("json_parse", What::Same, 1),
        function("json_format", What::Same, 1),
    ]
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        if let DataType::Map(..) | DataType::Struct(_) | DataType::List(_) = types[0] {
            return plan_err!(
                "{} takes a text with JSON, such as eventJson; of a map take element_at(map, 'key')",
                self.name
            );
        }
        Ok(match self.what {
            What::ArrayLength => DataType::Int64,
            What::ArrayContains => DataType::Boolean,
            _ => DataType::Utf8,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let count = rows(&args);
        let texts = Texts::of(&args.args[0])?;
        let second = args.args.get(1).map(Texts::of).transpose()?;
        let array: ArrayRef = match self.what {
            What::ExtractScalar | What::Extract => {
                let Some(path) = second.as_ref().and_then(Texts::one) else {
                    return exec_err!("{}: the path must be one text, not a column", self.name);
                };
                let steps = steps_of(path)?;
                let mut built = StringBuilder::new();
                for row in 0..count {
                    let value = texts.get(row).and_then(|text| json::find(text, &steps));
                    built.append_option(match self.what {
                        What::ExtractScalar => value.filter(is_scalar).and_then(json::plain),
                        _ => value.map(Cow::Borrowed),
                    });
                }
                Arc::new(built.finish())
            }
            What::ArrayLength => {
                let mut built = Int64Builder::new();
                for row in 0..count {
                    let elements = texts.get(row).and_then(json::elements);
                    let length = elements.map(|elements| i64::try_from(elements.len()));
                    built.append_option(length.and_then(Result::ok));
                }
                Arc::new(built.finish())
            }
            What::ArrayContains => {
                let mut built = BooleanBuilder::new();
                for row in 0..count {
                    let elements = texts.get(row).and_then(json::elements);
                    let wanted = second.as_ref().and_then(|second| second.get(row));
                    let has = elements.zip(wanted).map(|(elements, wanted)| {
                        let mut plain = elements.into_iter().filter_map(json::plain);
                        plain.any(|element| element == wanted)
                    });
                    built.append_option(has);
                }
                Arc::new(built.finish())
            }
            What::Same => {
                let mut built = StringBuilder::new();
                (0..count).for_each(|row| built.append_option(texts.get(row)));
                Arc::new(built.finish())
            }
        };
        Ok(ColumnarValue::Array(array))
    }
}

fn is_scalar(value: &&str) -> bool {
    !value.starts_with(['{', '['])
}

/// The steps of a path: `$.a.b[0]["c d"]`.
fn steps_of(path: &str) -> Result<Vec<Step>> {
    let wrong =
        || exec_err!("the JSON path '{path}' is none: write '$.key', '$.key[0]' or '$[\"a key\"]'");
    let Some(mut rest) = path.trim().strip_prefix('$') else { return wrong() };
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix('.') {
            let end = behind.find(['.', '[']).unwrap_or(behind.len());
            let (key, behind) = behind.split_at(end);
            if key.is_empty() || key == "*" {
                return wrong();
            }
            steps.push(Step::Key(key.into()));
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix('[') {
            let Some((within, behind)) = behind.split_once(']') else { return wrong() };
            let quoted = ['"', '\''].into_iter().find_map(|quote| {
                within.strip_prefix(quote).and_then(|within| within.strip_suffix(quote))
            });
            steps.push(match (quoted, within.parse()) {
                (Some(key), _) => Step::Key(key.into()),
                (None, Ok(index)) => Step::Index(index),
                (None, Err(_)) => return wrong(),
            });
            rest = behind;
        } else {
            return wrong();
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_trino_reads_them() {
        let key = |key: &str| Step::Key(key.into());
        let steps = steps_of(r#"$.a.b[10]["c d"]['e.f'].g"#).unwrap();
        let expected = [key("a"), key("b"), Step::Index(10), key("c d"), key("e.f"), key("g")];
        assert_eq!(steps, expected);
        assert_eq!(steps_of(" $").unwrap(), []);
        for wrong in ["", "a", "$a", "$.", "$..a", "$.*", "$[", "$[a]", "$[-1]"] {
            assert!(steps_of(wrong).is_err(), "{wrong}");
        }
    }
}
