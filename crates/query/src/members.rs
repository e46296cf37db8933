//! Members of maps are read out of the record, not out of a map that was made of it first.
//!
//! ```text
//!   element_at(requestparameters, 'bucketName')
//!     over a view with requestparameters = record:requestParameters(event_json), eventjson = event_json
//!   becomes record:requestParameters[](eventjson, 'bucketName')
//! ```
//!
//! The column is followed down to the view, through what lets all columns through; anything else might
//! give a record that is not the row's own.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use crate::functions::{map_of, member};

/// The rule.
#[derive(Debug)]
pub(crate) struct Members;

/// What a column is: the object at a path of the record in another column.
struct Origin {
    path: Vec<&'static str>,
    record: Column,
}

impl AnalyzerRule for Members {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(rewrite).map(|plan| plan.data)
    }

    fn name(&self) -> &'static str {
        "members_of_records"
    }
}

fn rewrite(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&plan);
    let inputs: Vec<LogicalPlan> = plan.inputs().into_iter().cloned().collect();
    let rewritten = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let rewritten = expr.transform_up(|expr| Ok(of_record(expr, &inputs)))?;
        Ok(rewritten.update_data(|expr| name.restore(expr)))
    })?;
    rewritten.map_data(LogicalPlan::recompute_schema)
}

/// The member itself, where the expression is `element_at` of a map that is made of a record.
fn of_record(expr: Expr, inputs: &[LogicalPlan]) -> Transformed<Expr> {
    let found = match &expr {
        Expr::ScalarFunction(call) if call.func.name() == "element_at" => {
            match call.args.as_slice() {
                [Expr::Column(map), key] => inputs
                    .iter()
                    .find_map(|input| origin(input, map))
                    .map(|origin| member(&origin.path, Expr::Column(origin.record), key.clone())),
                _ => None,
            }
        }
        _ => None,
    };
    found.map_or_else(|| Transformed::no(expr), Transformed::yes)
}

fn origin(plan: &LogicalPlan, column: &Column) -> Option<Origin> {
    let place = plan.schema().maybe_index_of_column(column)?;
    match plan {
        LogicalPlan::SubqueryAlias(alias) => {
            let within = Column::from(alias.input.schema().qualified_field(place));
            let found = origin(&alias.input, &within)?;
            let record = alias.input.schema().maybe_index_of_column(&found.record)?;
            Some(Origin { record: Column::from(alias.schema.qualified_field(record)), ..found })
        }
        LogicalPlan::Projection(view) => {
            let (path, record) = map_of(view.expr[place].clone().unalias_nested().data)?;
            let is_record = |expr: &Expr| {
                let plain = expr.clone().unalias_nested().data;
                plain == Expr::Column(record.clone())
            };
            let record = view.expr.iter().position(is_record)?;
            Some(Origin { path, record: Column::from(view.schema.qualified_field(record)) })
        }
        // All columns of these are their inputs'.
        LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Join(_) => plan.inputs().into_iter().find_map(|input| origin(input, column)),
        _ => None,
    }
}
