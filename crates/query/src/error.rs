//! Why there is no answer, said so that the query can be put right: the place, and what was meant.

use std::fmt::Write;
use std::time::Duration;

use datafusion::common::{Column, DataFusionError, SchemaError};

use crate::columns;
use crate::table::EVENTS;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The query is wrong: what about it, and where.
    #[error("{0}")]
    Sql(String),
    /// It takes more memory than it may.
    #[error(
        "the query needs more memory than its {0}; give it more with --memory, ask for less at a time, or group by columns with fewer values"
    )]
    Memory(String),
    /// It takes longer than it may.
    #[error("no answer within {0:?}; give it more time with --timeout, or narrow eventTime")]
    Timeout(Duration),
    /// It was called off.
    #[error("called off")]
    Cancelled,
    /// What was to be read could not be.
    #[error("{0}")]
    Source(String),
    /// The answer could not be written.
    #[error("{0}")]
    Output(#[from] std::io::Error),
}

impl QueryError {
    /// Of what the engine says of a query.
    pub(crate) fn of(error: &DataFusionError, sql: &str, memory: &str) -> QueryError {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => QueryError::Memory(memory.into()),
            root => QueryError::Sql(explained(error, root, sql)),
        }
    }
}

/// What is wrong with a query, with its place.
fn explained(error: &DataFusionError, root: &DataFusionError, sql: &str) -> String {
    if let DataFusionError::SQL(parser, _) = root {
        let said = parser.to_string();
        let said = said.strip_prefix("sql parser error: ").unwrap_or(&said);
        return match place_told(said) {
            Some((line, column, said)) => format!("{said}{}", pointer(sql, line, column, 1)),
            None => said.to_owned(),
        };
    }
    let mut said = match root {
        DataFusionError::SchemaError(problem, _) => schema_problem(problem),
        _ => plain(&root.strip_backtrace()),
    };
    let diagnostic = error.iter().find_map(DataFusionError::diagnostic);
    if let Some(span) = diagnostic.or(error.diagnostic()).and_then(|told| told.span) {
        let (start, end) = (span.start, span.end);
        let width =
            if start.line == end.line { end.column.saturating_sub(start.column) } else { 1 };
        said += &pointer(sql, start.line, start.column, width);
    }
    said
}

fn schema_problem(problem: &SchemaError) -> String {
    match problem {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let name = field.name();
            let known = columns::all();
            let names = known.iter().map(|(path, _)| path.as_str());
            let others = valid_fields.iter().map(Column::name);
            let others = others.filter(|other| columns::spelled(other).is_none());
            let meant = nearest(name, names.chain(others));
            let mut said = format!("there is no column {name}");
            let _ = match meant.as_slice() {
                [] => write!(said, "; `DESCRIBE events` shows those there are"),
                meant => write!(said, "; did you mean {}?", meant.join(" or ")),
            };
            said
        }
        other => plain(&other.to_string()),
    }
}

/// The engine's words without what is only of use to its own makers.
fn plain(said: &str) -> String {
    let mut said = said;
    for prefix in [
        "Error during planning: ",
        "Execution error: ",
        "Schema error: ",
        "This feature is not implemented: ",
        "Arrow error: ",
        "type_coercion",
        "\ncaused by\n",
    ] {
        said = said.strip_prefix(prefix).unwrap_or(said);
    }
    if let Some((_, why)) = said.split_once("coercion failed with: Error during planning: ") {
        said = why.split(" No function matches").next().unwrap_or(why).trim_end_matches('.');
    }
    if let Some((_, name)) = said.split_once("table 'datafusion.public.") {
        let name = name.trim_end_matches("' not found");
        return format!("there is no table {name}; the events are in the table {EVENTS}");
    }
    if let Some((_, column)) = said.split_once("must be in GROUP BY or an aggregate function") {
        let column = column.split('"').nth(1).unwrap_or("a column").trim_start_matches("events.");
        let column = columns::spelled(column).unwrap_or(column);
        return format!(
            "{column} must be in GROUP BY, or within an aggregate function: max({column})"
        );
    }
    said.trim().to_owned()
}

/// Line and column that a parser's message ends with, and the message without them.
fn place_told(said: &str) -> Option<(u64, u64, &str)> {
    let (before, place) = said.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    let column = column.split(|digit: char| !digit.is_ascii_digit()).next()?;
    Some((line.parse().ok()?, column.parse().ok()?, before))
}

/// The line of the query, and below it a mark under the place.
fn pointer(sql: &str, line: u64, column: u64, width: u64) -> String {
    let place = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
    let Some(text) = place.and_then(|place| sql.lines().nth(place)) else { return String::new() };
    let before = usize::try_from(column.saturating_sub(1)).unwrap_or(0).min(text.chars().count());
    // Long lines are shown from a little before the place.
    let skipped = before.saturating_sub(60);
    let shown: String = text.chars().skip(skipped).take(100).collect();
    let width = usize::try_from(width.max(1)).unwrap_or(1).min(60);
    let (blank, marks) = (" ".repeat(before - skipped), "^".repeat(width));
    format!(
        "\n  line {line}: {shown}\n  {0}  {blank}{marks}",
        " ".repeat(format!("line {line}").len())
    )
}

/// The names that are most like this one, at most two; its last part may be what is meant.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.to_ascii_lowercase().replace('_', "");
    let far = name.chars().count() / 3 + 1;
    let mut found: Vec<(usize, &str)> = names
        .filter_map(|known| {
            let whole = known.to_ascii_lowercase();
            let last = whole.rsplit('.').next().unwrap_or(&whole);
            let distance = distance(&name, last).min(distance(&name, &whole));
            (distance < far).then_some((distance, known))
        })
        .collect();
    found.sort_by_key(|(distance, known)| (*distance, known.len()));
    let best = found.first().map_or(0, |(distance, _)| *distance);
    found
        .into_iter()
        .filter(|(distance, _)| *distance == best)
        .map(|(_, known)| known)
        .take(2)
        .collect()
}

/// How many letters to change, add or leave out.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (place, opposite) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *opposite);
            diagonal = row[place + 1];
            row[place + 1] = changed.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_nearly_right_are_recognised() {
        let all = columns::all();
        let check = |name: &str, meant: &[&str]| {
            let found = nearest(name, all.iter().map(|(path, _)| path.as_str()));
            assert_eq!(found, meant, "{name}");
        };
        check("evntname", &["eventName"]);
        check("event_name", &["eventName"]);
        check("sourceip", &[]);
        check("creationdate", &["userIdentity.sessionContext.attributes.creationDate"]);
        check("zzz", &[]);
    }

    #[test]
    fn the_place_is_marked_below_the_line() {
        let sql = "SELECT *\nFROM events WHERE evntname = 1";
        assert_eq!(
            pointer(sql, 2, 19, 8),
            "\n  line 2: FROM events WHERE evntname = 1\n                            ^^^^^^^^"
        );
        assert_eq!(pointer(sql, 9, 1, 1), "");
    }
}
