//! The ways to write an answer.
//!
//! All but Parquet begin with values as JSON has them: a map or a struct is an object, a moment is
//! `2026-01-22 16:53:53.000`. In a table and in CSV an object stands as JSON, and null is an empty cell.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};

use integrity::Plain;
use query::{ParquetFile, RecordBatch, SchemaRef, value};
use serde_json::Value;

use super::Format;
use super::run::stdout;
use crate::export::csv::{self, Cell, mixed_row};
use crate::json_out::JsonOut;

/// Rows that decide on the widths of a table's columns.
const MEASURED_MAX: usize = 1000;
/// Letters of a cell of a table.
const WIDTH_MAX: usize = 60;

/// An answer on its way.
pub(super) enum Output {
    Table(Table),
    Csv(Box<dyn Write + Send>),
    Json { out: Box<dyn Write + Send>, names: Vec<String>, rows: u64, is_lines: bool },
    Parquet(Box<ParquetFile>),
}

/// A table that grows.
pub(super) struct Table {
    out: Box<dyn Write + Send>,
    names: Vec<String>,
    /// Rows that are not written yet, as long as widths are not known.
    waiting: Vec<Vec<String>>,
    /// Columns of numbers stand to the right.
    is_number: Vec<bool>,
    widths: Option<Vec<usize>>,
    is_bold: bool,
}

impl Output {
    /// Begins to write.
    pub(super) fn begin(
        format: Format,
        schema: SchemaRef,
        file: Option<File>,
    ) -> anyhow::Result<Output> {
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let is_screen = file.is_none() && io::stdout().is_terminal();
        let out = |file: Option<File>| -> Box<dyn Write + Send> {
            file.map_or_else(stdout, |file| Box::new(BufWriter::new(file)))
        };
        Ok(match format {
            Format::Table => Output::Table(Table {
                out: out(file),
                waiting: Vec::new(),
                is_number: schema.fields().iter().map(|one| one.data_type().is_numeric()).collect(),
                names,
                widths: None,
                is_bold: is_screen && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
            }),
            Format::Csv => {
                let mut out = out(file);
                let mut line = Vec::new();
                mixed_row(names.iter().map(|name| Cell::Text(name)), &mut line);
                out.write_all(&line)?;
                Output::Csv(out)
            }
            Format::Json | Format::Ndjson => {
                let is_lines = format == Format::Ndjson;
                let out: Box<dyn Write + Send> = match file {
                    Some(file) => Box::new(BufWriter::new(JsonOut::new(file))),
                    None => Box::new(BufWriter::new(JsonOut::new(io::stdout()))),
                };
                Output::Json { out, names, rows: 0, is_lines }
            }
            Format::Parquet => {
                let file =
                    file.ok_or_else(|| anyhow::anyhow!("Parquet goes to a file: add -o FILE"))?;
                Output::Parquet(Box::new(ParquetFile::begin(file, schema)?))
            }
        })
    }

    /// Writes more rows.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        if let Output::Parquet(file) = self {
            return file.write(batch);
        }
        let mut columns: Vec<_> =
            value::columns_of(batch).into_iter().map(Vec::into_iter).collect();
        for _ in 0..batch.num_rows() {
            let row: Vec<Value> = columns.iter_mut().filter_map(Iterator::next).collect();
            match self {
                Output::Table(table) => table.push(&row)?,
                Output::Csv(out) => out.write_all(&csv_row(&row))?,
                Output::Json { out, names, rows, is_lines } => {
                    match (*is_lines, *rows) {
                        (true, _) => {}
                        (false, 0) => out.write_all(b"[\n")?,
                        (false, _) => out.write_all(b",\n")?,
                    }
                    write_object(out, names, &row)?;
                    if *is_lines {
                        out.write_all(b"\n")?;
                    }
                    *rows += 1;
                }
                Output::Parquet(_) => {}
            }
        }
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Output::Table(table) => table.finish(),
            Output::Csv(mut out) => out.flush(),
            Output::Json { mut out, rows, is_lines, .. } => {
                match (is_lines, rows) {
                    (true, _) => {}
                    (false, 0) => out.write_all(b"[]\n")?,
                    (false, _) => out.write_all(b"\n]\n")?,
                }
                out.flush()
            }
            Output::Parquet(file) => file.finish(),
        }
    }
}

/// `3 rows`.
pub(super) fn summary(rows: u64) -> String {
    if rows == 1 { "1 row".into() } else { format!("{rows} rows") }
}

/// An object with its members in the order of the columns.
fn write_object(out: &mut impl Write, names: &[String], row: &[Value]) -> io::Result<()> {
    out.write_all(b"{")?;
    for (place, (name, value)) in names.iter().zip(row).enumerate() {
        if place > 0 {
            out.write_all(b",")?;
        }
        serde_json::to_writer(&mut *out, name)?;
        out.write_all(b":")?;
        serde_json::to_writer(&mut *out, value)?;
    }
    out.write_all(b"}")
}

fn csv_row(row: &[Value]) -> Vec<u8> {
    let cells: Vec<(bool, String)> =
        row.iter().map(|value| (matches!(value, Value::Number(_)), cell(value))).collect();
    let mut line = Vec::new();
    let cells = cells.iter().map(|(is_number, text)| match is_number {
        true => Cell::Number(text),
        false => Cell::Text(text),
    });
    mixed_row(cells, &mut line);
    line
}

fn cell(value: &Value) -> String {
    match value {
        Value::Object(_) | Value::Array(_) => csv::json(&value.to_string()),
        other => text(other),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Table {
    fn push(&mut self, row: &[Value]) -> io::Result<()> {
        // What records say must not command the terminal.
        let cells: Vec<String> =
            row.iter().map(|value| cut(&Plain(&text(value)).to_string())).collect();
        if self.widths.is_some() {
            return self.line(&cells);
        }
        self.waiting.push(cells);
        if self.waiting.len() >= MEASURED_MAX { self.measure() } else { Ok(()) }
    }

    /// Decides on the widths, and writes what waited for them.
    fn measure(&mut self) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let names: Vec<String> =
            self.names.iter().map(|name| cut(&Plain(name).to_string())).collect();
        let width = |place: usize| {
            let cells = waiting.iter().chain([&names]).map(|row| row[place].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..names.len()).map(width).collect();
        let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        self.widths = Some(widths);
        let (bold, plain) = if self.is_bold { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        self.out.write_all(bold.as_bytes())?;
        self.line(&names)?;
        self.out.write_all(plain.as_bytes())?;
        self.line(&rule)?;
        waiting.iter().try_for_each(|row| self.line(row))
    }

    fn line(&mut self, cells: &[String]) -> io::Result<()> {
        let widths = self.widths.as_deref().unwrap_or_default();
        let mut line = String::new();
        for (place, cell) in cells.iter().enumerate() {
            let blank = widths[place].saturating_sub(cell.chars().count());
            let blank = " ".repeat(blank);
            match self.is_number[place] {
                true => line.extend([blank.as_str(), cell]),
                false => line.extend([cell, blank.as_str()]),
            }
            line.push_str("  ");
        }
        writeln!(self.out, "{}", line.trim_end())
    }

    fn finish(mut self) -> io::Result<()> {
        if self.widths.is_none() {
            self.measure()?;
        }
        self.out.flush()
    }
}

/// A cell that fits; the other ways of writing have it whole.
fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDTH_MAX) {
        None => text.to_owned(),
        Some(_) => text.chars().take(WIDTH_MAX - 1).chain(['…']).collect(),
    }
}
