//! Arguments of functions, as texts.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

/// A column of texts, or one text for all rows.
pub(crate) struct Texts {
    array: ArrayRef,
    is_one: bool,
}

/// How many rows a function is asked for.
pub(crate) fn rows(args: &ScalarFunctionArgs) -> usize {
    args.number_rows
}

impl Texts {
    /// Of an argument, of any type that can be a text.
    pub(crate) fn of(value: &ColumnarValue) -> Result<Texts> {
        let (array, is_one) = match value {
            ColumnarValue::Array(array) => (Arc::clone(array), false),
            ColumnarValue::Scalar(scalar) => (scalar.to_array()?, true),
        };
        let array = match array.data_type() {
            DataType::Utf8View => array,
            _ => cast(&array, &DataType::Utf8View).map_err(DataFusionError::from)?,
        };
        Ok(Texts { array, is_one })
    }

    /// The text of a row.
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        let texts: &StringViewArray = self.array.as_string_view();
        let row = if self.is_one { 0 } else { row };
        (!texts.is_null(row)).then(|| texts.value(row))
    }

    /// The one text for all rows; `None` when there are several, or none.
    pub(crate) fn one(&self) -> Option<&str> {
        self.is_one.then(|| self.get(0)).flatten()
    }
}
