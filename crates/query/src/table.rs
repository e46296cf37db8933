//! The table `events`: CloudTrail Lake's columns, as expressions over those of the files.
//!
//! ```text
//!   events: eventtime, useridentity{arn …}, requestparameters …   what SQL names
//!      └─ a view: event_time, named_struct('arn', user_identity.arn …), record:requestParameters(event_json)
//!            └─ Parquet files: event_time, user_identity{arn …} …, event_json
//! ```
//!
//! The engine takes the view apart: a field of a struct that is put together here becomes the file's
//! own column again, filters and projections reach the files, and what is read out of a record's JSON is
//! computed where it is used, behind the filters.
//!
//! A column of the files is the Lake's when both have the same letters: `source_ip_address` is
//! `sourceIPAddress`. What the files do not have comes out of the whole record.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::functions::core::expr_ext::FieldAccessor;
use datafusion::functions::core::expr_fn::named_struct;
use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::prelude::{DataFrame, SessionContext};

use history::retention::Retention;
use model::Timestamp;

use crate::columns::{COLUMNS, Column, Kind};
use crate::functions::{extract, renamed};
use crate::held::{self, Held};

/// The table's name.
pub const EVENTS: &str = "events";
/// The files' column with the whole record.
const RECORD: &str = "event_json";

/// Puts the files behind the name `events`.
pub(crate) async fn register(
    context: &SessionContext,
    files: Held,
    retention: &Retention,
) -> Result<()> {
    let frame = match files.is_empty() {
        true => nothing(context)?,
        false => scan(context, files).await?,
    };
    let schema = frame.schema().as_arrow().clone();
    if schema.field_with_name(RECORD).is_err() {
        return plan_err!("these Parquet files have no column {RECORD}: they are none of Cairn's");
    }
    let columns = COLUMNS.iter().map(|column| of_column(column, schema.fields()));
    let frame = match kept(retention) {
        Some(kept) => frame.filter(kept)?,
        None => frame,
    };
    let view = frame.select(columns.collect::<Vec<Expr>>())?;
    context.register_table(EVENTS, view.into_view())?;
    Ok(())
}

/// Which rows are kept; `None` when all are.
fn kept(retention: &Retention) -> Option<Expr> {
    let moment = |time: Timestamp| {
        lit(ScalarValue::TimestampMillisecond(Some(time.as_millis()), Some("UTC".into())))
    };
    let time = || ident("event_time");
    let young = time().gt_eq(moment(retention.horizon?));
    let held = retention.holds.iter().map(|hold| {
        let accounts: Vec<Expr> = hold.accounts.iter().map(|one| lit(one.as_str())).collect();
        let conditions = [
            hold.from.map(|from| time().gt_eq(moment(from))),
            hold.to.map(|to| time().lt_eq(moment(to))),
            (!accounts.is_empty()).then(|| ident("account").in_list(accounts, false)),
        ];
        conditions.into_iter().flatten().reduce(Expr::and).unwrap_or_else(|| lit(true))
    });
    Some(held.fold(young, Expr::or))
}

async fn scan(context: &SessionContext, files: Held) -> Result<DataFrame> {
    let url = ListingTableUrl::parse(held::URL)?;
    context.register_object_store(url.object_store().as_ref(), Arc::new(files));
    let format = ParquetFormat::default();
    let options = ListingOptions::new(Arc::new(format)).with_file_extension(".parquet");
    let schema = options.infer_schema(&context.state(), &url).await?;
    let config = ListingTableConfig::new(url).with_listing_options(options).with_schema(schema);
    let table = ListingTable::try_new(config)?;
    context.read_table(Arc::new(table))
}

/// A table like the files' where there are none yet.
fn nothing(context: &SessionContext) -> Result<DataFrame> {
    let schema = history::schema::schema();
    let table = MemTable::try_new(schema, vec![Vec::new()])?;
    context.read_table(Arc::new(table))
}

/// A column of the table over the files' columns.
fn of_column(column: &Column, files: &Fields) -> Expr {
    let name = column.name.to_ascii_lowercase();
    if let Kind::Record = column.kind {
        return ident(RECORD).alias_qualified(Some(EVENTS), name);
    }
    let own = same(column.name, files);
    let base = own.map(|field| ident(field.name()));
    of_path(column, &[column.name], base, own).alias_qualified(Some(EVENTS), name)
}

/// A column or field: from the files' own, if there is one, or out of the record.
fn of_path(
    column: &Column,
    path: &[&'static str],
    base: Option<Expr>,
    own: Option<&Field>,
) -> Expr {
    let record = || ident(RECORD);
    match (column.kind, base, own.map(Field::data_type)) {
        (Kind::Fields(fields), base, own) => {
            let within = match own {
                Some(DataType::Struct(within)) => Some(within),
                _ => None,
            };
            let mut arguments = Vec::new();
            for field in fields {
                let mut path = path.to_vec();
                path.push(field.name);
                let own = within.and_then(|within| same(field.name, within));
                let base = base.clone().zip(own).map(|(base, own)| base.field(own.name()));
                arguments.push(lit(field.name.to_ascii_lowercase()));
                arguments.push(of_path(field, &path, base, own));
            }
            named_struct(arguments)
        }
        (Kind::Resources, Some(base), Some(DataType::List(_))) => renamed(base),
        (Kind::Map | Kind::Resources, _, _) | (_, None, _) => extract(column.kind, path, record()),
        (_, Some(base), _) => base,
    }
}

/// The files' column of the same letters.
fn same<'a>(name: &str, files: &'a Fields) -> Option<&'a Field> {
    let is_same = |field: &&Arc<Field>| field.name().replace('_', "").eq_ignore_ascii_case(name);
    files.iter().find(is_same).map(Arc::as_ref)
}
