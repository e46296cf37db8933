//! `regexp_extract(text, pattern)` and `regexp_extract(text, pattern, group)`.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use regex::Regex;

use super::texts::{Texts, rows};

#[derive(Debug, PartialEq, Eq, Hash)]
struct RegexpExtract(Signature);

pub(super) fn regexp_extract() -> Arc<ScalarUDF> {
    let takes = vec![TypeSignature::Any(2), TypeSignature::Any(3)];
    let signature = Signature::one_of(takes, Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(RegexpExtract(signature)))
}

impl ScalarUDFImpl for RegexpExtract {
    fn name(&self) -> &'static str {
        "regexp_extract"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let count = rows(&args);
        let texts = Texts::of(&args.args[0])?;
        let Some(pattern) = Texts::of(&args.args[1])?.one().map(str::to_owned) else {
            return exec_err!("regexp_extract: the pattern must be one text, not a column");
        };
        let pattern = Regex::new(&pattern);
        let pattern =
            pattern.map_err(|error| datafusion::common::exec_datafusion_err!("{error}"))?;
        let group = match args.args.get(2) {
            Some(group) => {
                let group = cast(&group.to_array(1)?, &DataType::Int64)?;
                usize::try_from(group.as_primitive::<Int64Type>().value(0)).unwrap_or(usize::MAX)
            }
            None => 0,
        };
        let mut built = StringBuilder::new();
        for row in 0..count {
            let found = texts.get(row).and_then(|text| pattern.captures(text)?.get(group));
            built.append_option(found.map(|found| found.as_str()));
        }
        Ok(ColumnarValue::Array(Arc::new(built.finish())))
    }
}
