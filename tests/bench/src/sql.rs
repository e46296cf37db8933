//! `sql_vs_duckdb`: ten aggregations over a history, by `cairn query` and by DuckDB on the same files,
//! total time over total time (`tests/clients/sql_vs_duckdb.py` says which, and what is timed).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::daemon::binary;
use crate::figures::{Wanted, figure};

/// The figures of this module.
pub fn names() -> Vec<String> {
    vec!["sql_vs_duckdb".to_owned()]
}

/// Measures and prints them, over the history in a data directory that no daemon has.
pub fn measure(wanted: &Wanted, data: &Path) -> Result<()> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../clients/sql_vs_duckdb.py");
    let mut command = Command::new(python()?);
    command.arg(script).arg(binary()?).arg(data).arg(wanted.pick(1, 3).to_string());
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{script} failed");
    let said = String::from_utf8(output.stdout)?;
    let mut words = said.split_whitespace();
    let ratio = words.nth(1).with_context(|| format!("{script} said {said:?}"))?;
    figure("sql_vs_duckdb", ratio.parse()?, "ratio")
}

/// The Python that has the pinned DuckDB; it is installed when it is not there.
fn python() -> Result<PathBuf> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let script = format!("{root}/localstack/localstack");
    let lock = format!("{root}/tests/clients/requirements-duckdb.lock");
    let mut command = Command::new(&script);
    command.args(["environment", "duckdb", &lock]).stderr(Stdio::inherit());
    let output = command.output()?;
    ensure!(output.status.success(), "{script} has no Python with DuckDB");
    Ok(Path::new(String::from_utf8(output.stdout)?.trim()).join("bin/python"))
}
