//! `year(t)`, `hour(t)` and their kin: parts of a moment, by the engine's own `date_part`.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::functions::datetime::date_part;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};

use super::time::moment_of;

#[derive(Debug, PartialEq, Eq, Hash)]
struct Part {
    name: &'static str,
    aliases: Vec<String>,
    part: &'static str,
    signature: Signature,
}

pub(super) fn all() -> Vec<Arc<ScalarUDF>> {
    let function = |name, part, aliases: &[&str]| {
        let aliases = aliases.iter().map(|&alias| alias.into()).collect();
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(Part { name, aliases, part, signature }))
    };
    vec![
        function("year", "year", &[]),
        function("quarter", "quarter", &[]),
        function("month", "month", &[]),
        function("week", "week", &["week_of_year"]),
        function("day", "day", &["day_of_month"]),
        function("day_of_week", "isodow", &["dow"]),
        function("day_of_year", "doy", &["doy"]),
        function("hour", "hour", &[]),
        function("minute", "minute", &[]),
        function("second", "second", &[]),
    ]
}

impl ScalarUDFImpl for Part {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        moment_of(self.name, types, 0)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let [moment] = <[Expr; 1]>::try_from(args).expect("one argument, as coerced");
        let part = date_part().call(vec![lit(self.part), moment]);
        Ok(ExprSimplifyResult::Simplified(part))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{} is date_part to the optimizer", self.name)
    }
}
