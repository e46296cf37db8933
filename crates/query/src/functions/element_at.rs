//! `element_at(map, key)`, `element_at(array, n)` and the subscripts that stand for it.
//!
//! Of a map that is read out of a record, only the member is read: see [`crate::members`].

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, Int64Array, UInt32Builder, new_null_array};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Column, DFSchema, Result, TableReference, plan_err};
use datafusion::functions::core::expr_ext::FieldAccessor;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, GetFieldAccess, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility, lit,
};

use super::texts::{Texts, rows};
use crate::columns::spelled;

#[derive(Debug, PartialEq, Eq, Hash)]
struct ElementAt(Signature);

/// The function.
pub(crate) fn element_at() -> Arc<ScalarUDF> {
    let function = ElementAt(Signature::user_defined(Volatility::Immutable));
    Arc::new(ScalarUDF::new_from_impl(function))
}

impl ScalarUDFImpl for ElementAt {
    fn name(&self) -> &'static str {
        "element_at"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [map @ DataType::Map(..), _] => Ok(vec![map.clone(), DataType::Utf8]),
            [list @ DataType::List(_), _] => Ok(vec![list.clone(), DataType::Int64]),
            [other, _] => plan_err!(
                "element_at(map, 'key') and element_at(array, 1) are for maps and arrays; this is {other}"
            ),
            _ => plan_err!("element_at takes a map and a key, or an array and a number"),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match &types[0] {
            DataType::List(item) => Ok(item.data_type().clone()),
            _ => Ok(DataType::Utf8),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let count = rows(&args);
        let whole = args.args[0].to_array(count)?;
        let mut places = UInt32Builder::with_capacity(count);
        let values = if let Some(maps) = whole.as_map_opt() {
            let wanted = Texts::of(&args.args[1])?;
            let keys = cast(maps.keys(), &DataType::Utf8)?;
            let (keys, offsets) = (keys.as_string::<i32>(), maps.value_offsets());
            for row in 0..count {
                let found = wanted.get(row).filter(|_| !maps.is_null(row)).and_then(|wanted| {
                    let mut entries = offsets[row]..offsets[row + 1];
                    entries
                        .rfind(|entry| keys.value(usize::try_from(*entry).unwrap_or(0)) == wanted)
                });
                places.append_option(found.and_then(|place| u32::try_from(place).ok()));
            }
            cast(maps.values(), &DataType::Utf8)?
        } else {
            let lists = whole.as_list::<i32>();
            let wanted = cast(&args.args[1].to_array(count)?, &DataType::Int64)?;
            let wanted: &Int64Array = wanted.as_primitive::<Int64Type>();
            let offsets = lists.value_offsets();
            for row in 0..count {
                let (from, to) = (i64::from(offsets[row]), i64::from(offsets[row + 1]));
                let is_there = !lists.is_null(row) && !wanted.is_null(row);
                let place = match wanted.value(row) {
                    // From 1; from the end if negative, as in Trino.
                    n @ 1.. if is_there => Some(from + n - 1),
                    n if n < 0 && is_there => Some(to + n),
                    _ => None,
                };
                let place = place.filter(|place| (from..to).contains(place));
                places.append_option(place.and_then(|place| u32::try_from(place).ok()));
            }
            Arc::clone(lists.values())
        };
        let places = places.finish();
        if values.is_empty() {
            return Ok(ColumnarValue::Array(new_null_array(values.data_type(), count)));
        }
        Ok(ColumnarValue::Array(take(&values, &places, None)?))
    }
}

/// Subscripts: `requestParameters['bucketName']`, `resources[1]`, `userIdentity['arn']`.
#[derive(Debug)]
pub(crate) struct Access(pub(crate) Arc<ScalarUDF>);

impl ExprPlanner for Access {
    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let mut within = field.data_type();
        let mut whole = spelled(field.name()).unwrap_or(field.name()).to_owned();
        let mut expr = Expr::Column(Column::from((qualifier, &Arc::new(field.clone()))));
        for name in names {
            let DataType::Struct(fields) = within else {
                return plan_err!("{whole} has no fields, so there is no {whole}.{name}");
            };
            let Some((_, field)) = fields.find(name) else {
                let fields: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
                return plan_err!("there is no {name} in {whole}; there are {}", fields.join(", "));
            };
            within = field.data_type();
            whole = format!("{whole}.{name}");
            expr = expr.field(name);
        }
        Ok(PlannerResult::Planned(expr))
    }

    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let of = access.expr.get_type(schema)?;
        let call = |key: Expr| {
            let args = vec![access.expr.clone(), key];
            Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&self.0), args))
        };
        let planned = match (&access.field_access, of) {
            (GetFieldAccess::NamedStructField { name }, DataType::Map(..)) => {
                call(lit(name.clone()))
            }
            (GetFieldAccess::ListIndex { key }, DataType::Map(..) | DataType::List(_)) => {
                call((**key).clone())
            }
            (GetFieldAccess::NamedStructField { name }, DataType::Struct(_)) => {
                let Some(Some(name)) = name.try_as_str() else {
                    return Ok(PlannerResult::Original(access));
                };
                let field_access =
                    GetFieldAccess::NamedStructField { name: name.to_lowercase().into() };
                return Ok(PlannerResult::Original(RawFieldAccessExpr { field_access, ..access }));
            }
            _ => return Ok(PlannerResult::Original(access)),
        };
        Ok(PlannerResult::Planned(planned))
    }
}
