//! Programs in Python, in the environment that `localstack/localstack` makes from pinned packages.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Longer than any suite takes, also on a busy machine and with its packages to be installed first.
const SECONDS_MAX: &str = "600";

/// A program of `tests/clients`, and what it is told.
pub struct Program {
    /// What precedes its arguments: the interpreter.
    pub command: Vec<String>,
    pub arguments: Vec<String>,
    pub variables: Vec<(&'static str, String)>,
}

/// The top of the repository.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Where the programs are.
pub fn clients() -> PathBuf {
    top().join("tests/clients")
}

/// The script that finds and makes Python environments.
pub fn localstack_script() -> String {
    top().join("localstack/localstack").to_str().unwrap().to_owned()
}

impl Program {
    /// Runs it to its end, and gives all that it said. Fails when it fails, and so when there is no
    /// Python.
    pub async fn run(self, name: &str) -> String {
        let output = tokio::task::spawn_blocking(move || self.output()).await.unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        let said = said.join("\n");
        assert!(output.status.success(), "{name} ended with {}:\n{said}", output.status);
        said
    }

    fn output(&self) -> Output {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", SECONDS_MAX]).args(&self.command).args(&self.arguments);
        command.current_dir(clients()).env("PYTHONDONTWRITEBYTECODE", "1");
        // A profile of the user's must not decide where a test goes.
        for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(variable);
        }
        command.envs(self.variables.iter().map(|(name, value)| (*name, value)));
        command.output().unwrap_or_else(|error| panic!("timeout (of coreutils): {error}"))
    }
}

/// Tells how many cases passed, also when the test's output is not shown.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
