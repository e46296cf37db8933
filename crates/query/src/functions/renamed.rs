//! Resources under CloudTrail Lake's names: the files' column with other labels, its data as it is.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, ListArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

#[derive(Debug, PartialEq, Eq, Hash)]
struct Renamed(Signature);

/// A list of structs with its fields' names as Lake has them.
pub(crate) fn renamed(column: Expr) -> Expr {
    let function = Renamed(Signature::any(1, Volatility::Immutable));
    let function = Arc::new(ScalarUDF::new_from_impl(function));
    Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![column]))
}

/// `account_id` is Lake's `accountid`.
pub(crate) fn lake_name(column: &str) -> String {
    column.replace('_', "")
}

fn fields_of(fields: &Fields) -> Fields {
    let renamed = |field: &Arc<Field>| field.as_ref().clone().with_name(lake_name(field.name()));
    fields.iter().map(renamed).collect()
}

fn item_of(item: &Field) -> Option<Arc<Field>> {
    let DataType::Struct(fields) = item.data_type() else { return None };
    Some(Arc::new(Field::new("item", DataType::Struct(fields_of(fields)), true)))
}

impl ScalarUDFImpl for Renamed {
    fn name(&self) -> &'static str {
        "resources"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match &types[0] {
            DataType::List(item) => Ok(item_of(item).map_or(types[0].clone(), DataType::List)),
            other => Ok(other.clone()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let array = args.args[0].to_array(args.number_rows)?;
        let Some(lists) = array.as_list_opt::<i32>() else {
            return Ok(ColumnarValue::Array(array));
        };
        let (item, offsets, values, nulls) = lists.clone().into_parts();
        let (Some(item), Some(structs)) = (item_of(&item), values.as_struct_opt()) else {
            return Ok(ColumnarValue::Array(array));
        };
        let (fields, columns, valid) = structs.clone().into_parts();
        let rows = structs.len();
        let structs = StructArray::try_new_with_length(fields_of(&fields), columns, valid, rows)?;
        let lists = ListArray::try_new(item, offsets, Arc::new(structs), nulls)?;
        Ok(ColumnarValue::Array(Arc::new(lists)))
    }
}
