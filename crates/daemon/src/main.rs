//! `cairn`: see [`cairn_daemon::cli`] for what it does.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use cairn_daemon::cli::Cli;
use clap::Parser;
use integrity::Plain;

/// What waits for the disk or for stdin when all else has ended gets so long. It may be cut off anywhere,
/// as it may by a crash.
const BLOCKING_MAX: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ran = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let ran = runtime.block_on(cli.run());
        runtime.shutdown_timeout(BLOCKING_MAX);
        ran
    });
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
