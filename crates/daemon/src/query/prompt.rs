//! The prompt: queries over several lines, up to a semicolon, one after the other.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use integrity::Plain;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::Format;
use super::output::summary;
use super::run::Session;
use super::sources::Sources;
use crate::interrupt::stopped;

const HELP: &str = "\
A query ends with a semicolon and may have several lines:
  SELECT eventName, count(*) AS n FROM events GROUP BY 1 ORDER BY n DESC LIMIT 10;
.columns          the columns of events, as DESCRIBE events; does
.tables           the tables
.output FORMAT    table, csv, json or ndjson
.quit             or Ctrl-D
Ctrl-C calls a query off.";

/// Reads and answers until the end.
pub(super) async fn run(session: &mut Session) -> anyhow::Result<()> {
    let mut editor = DefaultEditor::new()?;
    let past = past_file();
    if let Some(past) = &past {
        let _ = editor.load_history(past);
    }
    greet(session);
    let mut query = String::new();
    loop {
        let prompt = if query.is_empty() { "cairn> " } else { "   ... " };
        let line = match tokio::task::block_in_place(|| editor.readline(prompt)) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                query.clear();
                continue;
            }
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        };
        if query.is_empty() && line.trim_start().starts_with('.') {
            let _ = editor.add_history_entry(line.trim());
            if !command(session, line.trim()).await {
                break;
            }
            continue;
        }
        query.push_str(&line);
        query.push('\n');
        if query.trim().is_empty() {
            query.clear();
        } else if line.trim_end().ends_with(';') {
            let _ = editor.add_history_entry(query.trim());
            answer(session, &query).await;
            query.clear();
        }
    }
    if let Some(past) = &past {
        let _ = past.parent().map(std::fs::create_dir_all);
        let _ = editor.save_history(past);
    }
    Ok(())
}

fn greet(session: &Session) {
    let what = match &session.sources {
        Sources::History { data_dir, .. } => format!("the history in {}", data_dir.display()),
        Sources::Files(held) => format!("{} files", held.len()),
    };
    let _ = writeln!(std::io::stderr(), "SQL over {what}. A query ends with ;  .help says more.");
}

/// What begins with a dot; false when that was all.
async fn command(session: &mut Session, line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [".quit" | ".exit" | ".q"] => return false,
        [".columns" | ".schema"] => answer(session, "DESCRIBE events").await,
        [".tables"] => answer(session, "SHOW TABLES").await,
        [".output", format] => match Format::from_str(format, true) {
            Ok(Format::Parquet) | Err(_) => say("there are table, csv, json and ndjson"),
            Ok(format) => session.format = format,
        },
        _ => say(HELP),
    }
    true
}

async fn answer(session: &mut Session, sql: &str) {
    let answered = tokio::select! {
        answered = session.answer(sql, None) => answered,
        () = stopped() => Err(anyhow::anyhow!("called off")),
    };
    match answered {
        Ok(written) => {
            let recent = match written.recent_rows {
                0 => String::new(),
                rows => format!(" ({rows} of the events asked are newer than the files)"),
            };
            say(&format!("{}{recent}\n", summary(written.rows)));
        }
        Err(error) => {
            let said = format!("{error:#}");
            let lines: Vec<String> = said.lines().map(|line| Plain(line).to_string()).collect();
            say(&format!("{}\n", lines.join("\n")));
        }
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Where the lines of former sessions are.
fn past_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    Some(state.or_else(home)?.join("cairn/query_history"))
}
