//! The engine with the table `events` in it, and its limits.
//!
//! What a query may take is bounded: memory, beyond which sorts and groupings go to temporary files
//! and all else ends; those files; threads; time. It runs in a process of its own beside the daemon.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use futures_util::{StreamExt, stream};
use history::retention::Retention;
use tokio::time::{Instant, timeout_at};

use crate::columns;
use crate::error::QueryError;
use crate::functions::{self, Access, element_at};
use crate::held::Held;
use crate::members::Members;
use crate::statement::{self, Asked, Names};
use crate::table::{self, EVENTS};

/// What a query may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Memory of sorts, groupings and joins, in bytes.
    pub memory_bytes: usize,
    /// From its beginning to the last row.
    pub timeout: Duration,
    /// Threads that compute.
    pub threads: usize,
    /// Where temporary files go.
    pub scratch: PathBuf,
    /// How many bytes of them there may be.
    pub scratch_bytes: u64,
}

/// Answers queries about files.
pub struct Engine {
    context: SessionContext,
    limits: Limits,
}

/// Rows on their way.
pub struct Answer {
    schema: SchemaRef,
    rows: SendableRecordBatchStream,
    deadline: Instant,
    limits: Limits,
    sql: String,
}

impl Engine {
    /// An engine for the events in these files, as far as they are kept.
    pub async fn open(
        files: Held,
        retention: &Retention,
        limits: Limits,
    ) -> Result<Engine, QueryError> {
        let memory = human(limits.memory_bytes);
        let wrong = |error: DataFusionError| QueryError::of(&error, "", &memory);
        let mut config = SessionConfig::new()
            .with_target_partitions(limits.threads)
            .with_information_schema(false);
        let options = config.options_mut();
        options.execution.parquet.pushdown_filters = true;
        options.execution.parquet.reorder_filters = true;
        options.sql_parser.collect_spans = true;
        // As Trino sorts.
        options.sql_parser.default_null_ordering = "nulls_last".into();
        let spill = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![limits.scratch.clone()]))
            .with_max_temp_directory_size(limits.scratch_bytes);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_bytes)))
            .with_disk_manager_builder(spill)
            .build_arc()
            .map_err(wrong)?;
        let mut state = SessionStateBuilder::new_with_default_features()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_analyzer_rule(Arc::new(Members));
        let access: Arc<dyn datafusion::logical_expr::planner::ExprPlanner> =
            Arc::new(Access(element_at()));
        state.expr_planners().get_or_insert_default().insert(0, access);
        let context = SessionContext::new_with_state(state.build());
        for function in functions::all() {
            context.register_udf(function.as_ref().clone());
        }
        table::register(&context, files, retention).await.map_err(wrong)?;
        Ok(Engine { context, limits })
    }

    /// Begins to answer a query. Dropping the answer calls it off.
    pub async fn query(&self, sql: &str) -> Result<Answer, QueryError> {
        let deadline = Instant::now() + self.limits.timeout;
        let begun = timeout_at(deadline, self.begin(sql)).await;
        let begun = begun.map_err(|_| QueryError::Timeout(self.limits.timeout))?;
        let (schema, rows) =
            begun.map_err(|error| QueryError::of(&error, sql, &human(self.limits.memory_bytes)))?;
        Ok(Answer { schema, rows, deadline, limits: self.limits.clone(), sql: sql.into() })
    }

    async fn begin(
        &self,
        sql: &str,
    ) -> Result<(SchemaRef, SendableRecordBatchStream), DataFusionError> {
        let (statement, names) = match statement::read(sql)? {
            Asked::Rows(statement, names) => (*statement, names),
            Asked::Columns => return told(described()),
            Asked::Tables => {
                return told(vec![("table", vec![EVENTS.to_owned()])]);
            }
        };
        let state = self.context.state();
        for table in state.resolve_table_references(&statement)? {
            // Names of WITH are among them; those that are none are told by the planner.
            if table.schema().is_some() {
                return Err(statement::no_table(&table.to_string()));
            }
        }
        let plan = state.statement_to_plan(statement).await?;
        let options = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        options.verify_plan(&plan)?;
        let frame = self.context.execute_logical_plan(plan).await?;
        let task = self.context.task_ctx();
        let rows = execute_stream(frame.create_physical_plan().await?, task)?;
        Ok((called(&names, &rows.schema()), rows))
    }
}

impl Answer {
    /// The columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Some more rows; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, QueryError> {
        let next = timeout_at(self.deadline, self.rows.next()).await;
        match next.map_err(|_| QueryError::Timeout(self.limits.timeout))? {
            Some(Ok(batch)) => {
                let columns = batch.columns().to_vec();
                let rows = batch.num_rows();
                let options =
                    datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
                let batch = RecordBatch::try_new_with_options(self.schema(), columns, &options);
                batch.map(Some).map_err(|error| self.wrong(&error.into()))
            }
            Some(Err(error)) => Err(self.wrong(&error)),
            None => Ok(None),
        }
    }

    fn wrong(&self, error: &DataFusionError) -> QueryError {
        QueryError::of(error, &self.sql, &human(self.limits.memory_bytes))
    }
}

/// The columns of an answer, as the query calls them.
fn called(names: &Names, schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().zip(names.of(schema));
    let fields: Vec<Field> =
        fields.map(|(field, name)| field.as_ref().clone().with_name(name)).collect();
    Arc::new(Schema::new(fields))
}

/// The columns and fields of the table.
fn described() -> Vec<(&'static str, Vec<String>)> {
    let all = columns::all();
    vec![
        ("column", all.iter().map(|(path, _)| path.clone()).collect()),
        ("type", all.iter().map(|(_, column)| column.kind.name().to_owned()).collect()),
        ("about", all.iter().map(|(_, column)| column.about.to_owned()).collect()),
    ]
}

/// An answer that is known.
fn told(
    columns: Vec<(&'static str, Vec<String>)>,
) -> Result<(SchemaRef, SendableRecordBatchStream), DataFusionError> {
    let columns = columns.into_iter().map(|(name, values)| {
        let values: ArrayRef = Arc::new(StringArray::from(values));
        (name, values)
    });
    let batch = RecordBatch::try_from_iter(columns)?;
    let schema = batch.schema();
    let rows = stream::iter([Ok(batch)]);
    Ok((Arc::clone(&schema), Box::pin(RecordBatchStreamAdapter::new(schema, rows))))
}

/// `512 MB`.
fn human(bytes: usize) -> String {
    match bytes >> 20 {
        0 => format!("{} KB", bytes >> 10),
        megabytes => format!("{megabytes} MB"),
    }
}
