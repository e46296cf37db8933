//! One query from its text to its answer, or a prompt for many.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use query::{Engine, Limits};
use rustix::process::{Resource, getrlimit, setrlimit};
use tempfile::{NamedTempFile, TempDir};

use super::output::{self, Output};
use super::prompt;
use super::sources::Sources;
use super::{Format, Query};
use crate::cli::Verdict;
use crate::interrupt::stopped;

/// All that a query needs, beside its text.
pub(super) struct Session {
    pub(super) sources: Sources,
    pub(super) limits: Limits,
    pub(super) scratch: PathBuf,
    pub(super) format: Format,
    /// Openings of the history.
    openings: u64,
}

/// What an answer was.
pub(super) struct Written {
    pub(super) rows: u64,
    pub(super) recent_rows: u64,
}

pub(super) async fn run(query: Query) -> anyhow::Result<Verdict> {
    let sql = match query.sql.as_deref() {
        Some("-") => Some(std::io::read_to_string(std::io::stdin().take(1 << 20))?),
        Some(sql) => Some(sql.to_owned()),
        None if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() => None,
        None => bail!("there is no query: write it behind the command, or - to read it from stdin"),
    };
    let is_screen = query.file.is_none() && std::io::stdout().is_terminal();
    let format = match (query.output, query.json) {
        (Some(format), _) => format,
        (None, true) => Format::Json,
        (None, false) if is_screen => Format::Table,
        (None, false) => Format::Csv,
    };
    if format == Format::Parquet && query.file.is_none() {
        bail!("--output parquet needs a file to write to: add -o FILE");
    }
    let scratch = match &query.temp_dir {
        Some(directory) => {
            TempDir::new_in(directory).with_context(|| directory.display().to_string())
        }
        None => TempDir::new().context("no temporary directory"),
    }?;
    raise_limit_of_files();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = query.threads.map_or(processors, usize::from);
    let limits = Limits {
        memory_bytes: query.memory,
        timeout: query.timeout,
        threads,
        scratch: scratch.path().to_owned(),
        scratch_bytes: query.temp_size as u64,
    };
    // Its folder is the file's, so that it can be given the file's name when it is whole.
    let file = query.file.as_deref().map(|path| new_file(path).map(|file| (path.to_owned(), file)));
    let file = file.transpose()?;
    let output = file.as_ref().map(|(_, file)| file.reopen()).transpose()?;
    let root = scratch.path().to_owned();
    let is_prompt = sql.is_none();
    let work = move || work(query, sql, output, limits, root, format);
    let ran = tokio::select! {
        ran = query::run(threads, work) => ran?,
        // At the prompt it is the query that is called off.
        () = stopped(), if !is_prompt => bail!("interrupted"),
    };
    let verdict = ran?;
    if let Some((path, file)) = file {
        file.persist(&path).with_context(|| path.display().to_string())?;
    }
    Ok(verdict)
}

async fn work(
    query: Query,
    sql: Option<String>,
    file: Option<File>,
    limits: Limits,
    scratch: PathBuf,
    format: Format,
) -> anyhow::Result<Verdict> {
    let (sources, is_whole) = Sources::find(&query, &scratch).await?;
    let mut session = Session { sources, limits, scratch, format, openings: 0 };
    match sql {
        None => prompt::run(&mut session).await?,
        Some(sql) => {
            let is_screen = file.is_none() && std::io::stdout().is_terminal();
            let written = session.answer(&sql, file).await?;
            if is_screen {
                let _ = writeln!(std::io::stderr(), "{}", output::summary(written.rows));
            }
        }
    }
    Ok(if is_whole { Verdict::Good } else { Verdict::Bad })
}

impl Session {
    /// Answers a query to a file, or to stdout.
    pub(super) async fn answer(
        &mut self,
        sql: &str,
        file: Option<File>,
    ) -> anyhow::Result<Written> {
        let on_hand = self.sources.open(&self.scratch, self.openings)?;
        self.openings += 1;
        let recent_rows = on_hand.recent_rows;
        let engine = Engine::open(on_hand.files, &on_hand.retention, self.limits.clone()).await?;
        let mut answer = engine.query(sql).await?;
        // What fails before its first row has written nothing.
        let mut next = answer.next().await?;
        let mut output = Output::begin(self.format, answer.schema(), file)?;
        let mut rows = 0;
        while let Some(batch) = next {
            rows += batch.num_rows() as u64;
            output.write(&batch)?;
            next = answer.next().await?;
        }
        output.finish()?;
        Ok(Written { rows, recent_rows })
    }
}

/// A file that gets its name when all is written.
fn new_file(path: &Path) -> anyhow::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    NamedTempFile::new_in(folder).with_context(|| format!("-o {}", path.display()))
}

/// All files of a history are open at once.
fn raise_limit_of_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Where answers go that go to no file.
pub(super) fn stdout() -> Box<dyn Write + Send> {
    Box::new(BufWriter::new(std::io::stdout()))
}
