//! `cairn`: see [`cairn_daemon::cli`] for what it does.

use std::io::Write;
use std::process::ExitCode;

use cairn_daemon::cli::Cli;
use clap::Parser;
use integrity::Plain;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ran = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(cli.run()));
    match ran {
        Ok(verdict) => verdict.into(),
        Err(error) => {
            // An error may quote what comes from outside.
            let said = format!("{error:#}");
            let lines: Vec<String> = said.lines().map(|line| Plain(line).to_string()).collect();
            let _ = writeln!(std::io::stderr(), "cairn: {}", lines.join("\n"));
            ExitCode::from(2)
        }
    }
}
