//! The functions that queries for CloudTrail Lake use and that the engine does not have, or has with
//! another meaning. Lake's SQL is Trino's.
//!
//! Source: Trino documentation, "Date and time functions", "JSON functions", "Map functions".

mod calendar;
mod element_at;
mod extract;
mod json_path;
mod pattern;
mod renamed;
mod texts;
mod time;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub(crate) use extract::{extract, map_of, member};
pub(crate) use renamed::renamed;

pub(crate) use element_at::{Access, element_at};

/// All of them.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    let mut all = vec![element_at(), pattern::regexp_extract()];
    all.extend(calendar::all());
    all.extend(time::all());
    all.extend(json_path::all());
    all
}
