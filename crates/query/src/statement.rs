//! A query as it is typed: that it is one `SELECT`, and where it says what the engine says otherwise.
//!
//! Names of columns are told apart without regard to case, quoted or not; event data stores stand for
//! the one table there is; and a column of the answer is called as the query calls it: `eventName`,
//! where the engine would say `eventname`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::{DataFusionError, plan_datafusion_err, plan_err};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, Query, Select, SelectItem, SetExpr, Statement as Sql, Subscript, Value,
    VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;

use crate::columns::{self, COLUMNS, Kind, RESOURCE_FIELDS};
use crate::table::EVENTS;

/// A query is no longer than this. CloudTrail Lake takes 10,000 characters.
const SQL_BYTES_MAX: usize = 10_000;
/// How deep brackets and queries may be nested.
const BRACKETS_MAX: usize = 100;
/// How deep expressions may be nested, as a chain of ORs is: planning takes the square of it.
const DEPTH_MAX: usize = 400;

/// What was asked for.
pub(crate) enum Asked {
    /// Rows.
    Rows(Box<Statement>, Names),
    /// What columns there are.
    Columns,
    /// What tables there are.
    Tables,
}

/// How the query calls the columns of its answer; `None` of one where it leaves that to the engine.
#[derive(Debug, Default)]
pub(crate) struct Names(Option<Vec<(String, String)>>);

/// Reads a query.
pub(crate) fn read(sql: &str) -> Result<Asked, DataFusionError> {
    if sql.len() > SQL_BYTES_MAX {
        return plan_err!("the query is longer than {SQL_BYTES_MAX} bytes");
    }
    let sql = &without_store_ids(sql);
    let words: Vec<String> = sql
        .trim_end_matches(|end: char| end == ';' || end.is_whitespace())
        .split_whitespace()
        .map(str::to_lowercase)
        .collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["describe" | "desc"]
        | ["describe" | "desc", EVENTS]
        | ["show", "columns", "from", EVENTS] => {
            return Ok(Asked::Columns);
        }
        ["show", "tables"] => return Ok(Asked::Tables),
        _ => {}
    }
    let dialect = GenericDialect {};
    let parser = DFParserBuilder::new(sql.as_str())
        .with_dialect(&dialect)
        .with_recursion_limit(BRACKETS_MAX);
    let mut statements = parser.build()?.parse_statements()?;
    let Some(mut statement) = statements.pop_front() else {
        return plan_err!("there is no query; write SELECT … FROM {EVENTS}");
    };
    if !statements.is_empty() {
        return plan_err!("there is more than one statement; write one SELECT");
    }
    let names = query_of(&statement).map(names_of).unwrap_or_default();
    match adapt(&mut statement) {
        Ok(()) => {}
        Err(Refused::Writes) => {
            return plan_err!("only SELECT is possible here: nothing is changed or written by SQL");
        }
        Err(Refused::Deep) => {
            return plan_err!(
                "more than {DEPTH_MAX} conditions or operators in a chain; for a list of values write IN ('a', 'b', …)"
            );
        }
    }
    Ok(Asked::Rows(Box::new(statement), names))
}

/// Why a statement is not taken.
enum Refused {
    Writes,
    Deep,
}

/// Makes the query inside a statement one for the engine.
fn adapt(statement: &mut Statement) -> Result<(), Refused> {
    match statement {
        Statement::Statement(sql) => match sql.as_mut() {
            Sql::Query(query) => {
                let mut adapter = Adapter { names: known_names(), maps: maps(), depth: 0 };
                match query.visit(&mut adapter) {
                    ControlFlow::Continue(()) => Ok(()),
                    ControlFlow::Break(refused) => Err(refused),
                }
            }
            _ => Err(Refused::Writes),
        },
        Statement::Explain(explain) => adapt(&mut explain.statement),
        _ => Err(Refused::Writes),
    }
}

fn query_of(statement: &Statement) -> Option<&Query> {
    match statement {
        Statement::Statement(sql) => match sql.as_ref() {
            Sql::Query(query) => Some(query),
            _ => None,
        },
        _ => None,
    }
}

/// Names of columns and fields, in lower case.
fn known_names() -> BTreeSet<String> {
    let columns = columns::all().into_iter().map(|(_, column)| column.name);
    columns.chain(RESOURCE_FIELDS).map(str::to_ascii_lowercase).collect()
}

/// Names of columns that are maps, in lower case.
fn maps() -> BTreeSet<String> {
    let maps = COLUMNS.iter().filter(|column| column.kind == Kind::Map);
    maps.map(|column| column.name.to_ascii_lowercase()).collect()
}

struct Adapter {
    names: BTreeSet<String>,
    maps: BTreeSet<String>,
    depth: usize,
}

impl Adapter {
    /// Quotes keep the case of a name, which columns do not have.
    fn fold(&self, ident: &mut Ident) {
        let lower = ident.value.to_ascii_lowercase();
        if ident.quote_style.is_some() && self.names.contains(&lower) {
            ident.value = lower;
        }
    }

    /// `requestParameters.bucketName` is `requestParameters['bucketName']`: names of members have a
    /// case.
    fn member(&self, idents: &[Ident]) -> Option<Expr> {
        let (key, map) = idents.split_last()?;
        let column = map.last()?.value.to_ascii_lowercase();
        if map.len() > 2 || !self.maps.contains(&column) {
            return None;
        }
        let root = match map {
            [one] => Expr::Identifier(one.clone()),
            _ => Expr::CompoundIdentifier(map.to_vec()),
        };
        let index = Expr::value(Value::SingleQuotedString(key.value.clone()));
        let access_chain = vec![AccessExpr::Subscript(Subscript::Index { index })];
        Some(Expr::CompoundFieldAccess { root: Box::new(root), access_chain })
    }
}

impl VisitorMut for Adapter {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Refused> {
        // A SELECT with nothing but SELECTs inside: what else a body can be writes.
        if writes(&query.body) {
            ControlFlow::Break(Refused::Writes)
        } else {
            ControlFlow::Continue(())
        }
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Refused> {
        if select.into.is_some() {
            return ControlFlow::Break(Refused::Writes);
        }
        for item in &mut select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.fold(alias);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<Refused> {
        if let Some(ObjectNamePart::Identifier(name)) = relation.0.last_mut() {
            let is_store = name.value.rsplit('/').next().is_some_and(is_uuid);
            if is_store || name.value.eq_ignore_ascii_case(EVENTS) {
                *name = Ident { value: EVENTS.into(), ..name.clone() };
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _: &mut Expr) -> ControlFlow<Refused> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return ControlFlow::Break(Refused::Deep);
        }
        match expr {
            Expr::Identifier(ident) => self.fold(ident),
            Expr::CompoundIdentifier(idents) => {
                idents.iter_mut().for_each(|one| self.fold(one));
                if let Some(member) = self.member(idents) {
                    *expr = member;
                }
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                let mut is_behind_subscript =
                    !matches!(**root, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
                for access in access_chain {
                    match access {
                        AccessExpr::Subscript(_) => is_behind_subscript = true,
                        AccessExpr::Dot(Expr::Identifier(ident)) if !is_behind_subscript => {
                            self.fold(ident);
                        }
                        // The engine takes a field of an element as a text only.
                        AccessExpr::Dot(dot) => {
                            if let Expr::Identifier(ident) = dot {
                                let name = ident.value.to_ascii_lowercase();
                                *dot = Expr::value(Value::SingleQuotedString(name));
                            }
                        }
                    }
                }
            }
            Expr::Function(function) => count_if(function),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn writes(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => false,
        SetExpr::SetOperation { left, right, .. } => writes(left) || writes(right),
        _ => true,
    }
}

/// `count_if(condition)` is `count(*) FILTER (WHERE condition)`.
fn count_if(function: &mut Function) {
    if !function.name.to_string().eq_ignore_ascii_case("count_if") || function.filter.is_some() {
        return;
    }
    let FunctionArguments::List(list) = &mut function.args else { return };
    if let [FunctionArg::Unnamed(argument @ FunctionArgExpr::Expr(_))] = list.args.as_mut_slice() {
        let condition = std::mem::replace(argument, FunctionArgExpr::Wildcard);
        if let FunctionArgExpr::Expr(condition) = condition {
            function.filter = Some(Box::new(condition));
            function.name = ObjectName::from(vec![Ident::new("count")]);
        }
    }
}

/// What the outermost SELECT calls its columns.
fn names_of(query: &Query) -> Names {
    let mut body = &*query.body;
    let select = loop {
        match body {
            SetExpr::Select(select) => break select,
            SetExpr::Query(query) => body = &query.body,
            SetExpr::SetOperation { left, .. } => body = left,
            _ => return Names(None),
        }
    };
    let names = select.projection.iter().map(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some((alias.value.clone(), alias.value.clone())),
        SelectItem::UnnamedExpr(Expr::Identifier(one)) => {
            Some((one.value.clone(), one.value.clone()))
        }
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(all)) => {
            let whole: Vec<&str> = all.iter().map(|ident| ident.value.as_str()).collect();
            Some((all.last()?.value.clone(), whole.join(".")))
        }
        SelectItem::UnnamedExpr(other) => {
            let whole = other.to_string();
            let field = match other {
                Expr::CompoundFieldAccess { access_chain, .. } => access_chain.last(),
                _ => None,
            };
            match field {
                Some(AccessExpr::Dot(Expr::Identifier(field))) => {
                    Some((field.value.clone(), whole))
                }
                _ => Some((whole.clone(), whole)),
            }
        }
        _ => None,
    });
    Names(names.collect())
}

impl Names {
    /// The names of an answer's columns, each once.
    pub(crate) fn of(&self, schema: &Schema) -> Vec<String> {
        let engine = || {
            schema.fields().iter().map(|field| {
                let name = columns::spelled(field.name()).unwrap_or(field.name());
                (name.to_owned(), name.to_owned())
            })
        };
        let named = match &self.0 {
            Some(names) if names.len() == schema.fields().len() => names.clone(),
            _ => engine().collect(),
        };
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        named.iter().for_each(|(short, _)| *times.entry(short).or_default() += 1);
        let mut given = BTreeSet::new();
        let mut names = Vec::new();
        for (short, whole) in &named {
            let best = if times[short.as_str()] > 1 { whole } else { short };
            let mut name = best.clone();
            let mut number = 2;
            while !given.insert(name.clone()) {
                name = format!("{best}_{number}");
                number += 1;
            }
            names.push(name);
        }
        names
    }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// An event data store's id stands in a query without quotes, which is no name in SQL. The table's
/// stands in its place, of the same length, so that places in the query stay what they are.
fn without_store_ids(sql: &str) -> String {
    const LENGTH: usize = 36;
    let mut made = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(letter) = rest.chars().next() {
        let ending = match letter {
            '\'' | '"' => rest[1..].find(letter).map(|at| at + 2),
            '-' if rest.starts_with("--") => rest.find('\n'),
            '/' if rest.starts_with("/*") => rest.find("*/").map(|at| at + 2),
            _ if rest.get(..LENGTH).is_some_and(is_uuid)
                && !made.ends_with(|before: char| before.is_alphanumeric() || before == '-') =>
            {
                made.push_str(&format!("{EVENTS:<LENGTH$}"));
                rest = &rest[LENGTH..];
                continue;
            }
            _ => Some(letter.len_utf8()),
        };
        let (taken, behind) = rest.split_at(ending.unwrap_or(rest.len()));
        made.push_str(taken);
        rest = behind;
    }
    made
}

/// A message for those who forgot the table.
pub(crate) fn no_table(name: &str) -> DataFusionError {
    plan_datafusion_err!("there is no table {name}; the events are in the table {EVENTS}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sql: &str) -> Vec<String> {
        match read(sql).unwrap() {
            Asked::Rows(_, names) => names.0.unwrap().into_iter().map(|(short, _)| short).collect(),
            _ => panic!("{sql} asks for no rows"),
        }
    }

    #[test]
    fn columns_are_called_as_the_query_calls_them() {
        assert_eq!(
            names("SELECT eventName, e.userIdentity.principalid, count(*) AS N FROM events e"),
            ["eventName", "principalid", "N"]
        );
        assert_eq!(names("(SELECT a FROM events) UNION SELECT b FROM events"), ["a"]);
    }

    #[test]
    fn an_event_data_store_is_the_table_of_events() {
        let id = "0b9f5a8e-7c1f-4d55-9a1e-0123456789ab";
        let made = without_store_ids(&format!("SELECT '{id}' -- {id}\nFROM {id} WHERE \"{id}\""));
        let expected = format!("SELECT '{id}' -- {id}\nFROM {:<36} WHERE \"{id}\"", "events");
        assert_eq!(made, expected);
        for sql in [format!("SELECT 1 FROM {id}"), format!("SELECT 1 FROM \"{id}\"")] {
            let Asked::Rows(statement, _) = read(&sql).unwrap() else { panic!("rows") };
            assert!(statement.to_string().to_lowercase().contains("events"), "{statement}");
        }
    }

    #[test]
    fn nothing_but_a_query_is_taken() {
        for sql in [
            "DELETE FROM events",
            "INSERT INTO events SELECT * FROM events",
            "CREATE TABLE t AS SELECT 1",
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
            "COPY events TO '/tmp/x.csv'",
            "SELECT * INTO t FROM events",
            "WITH t AS (DELETE FROM events RETURNING *) SELECT * FROM t",
            "WITH t AS (SELECT 1) INSERT INTO events SELECT * FROM t",
            "SET datafusion.execution.batch_size = 1",
            "EXPLAIN DELETE FROM events",
            "DROP TABLE events",
        ] {
            let error = read(sql).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("only SELECT") || error.contains("SQL"), "{sql}: {error}");
        }
        let error = read("SELECT 1; SELECT 2").map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("more than one"), "{error}");
        assert!(read("SELECT 1;").is_ok());
        assert!(read(" ; ").is_err());
    }
}
