//! Real processes: started with an environment of their own, watched, and killed when dropped.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};

use super::localstack;
use super::wait::eventually;

/// Lines of a process's log that a failed test shows.
const SHOWN_LINES: usize = 30;

/// A `cairn` that runs.
pub struct Process {
    child: Child,
    errors: Arc<Mutex<Vec<String>>>,
    output: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

/// What a `cairn` that ended left behind. `code` is `None` when a signal ended it.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

/// Runs a `cairn` command to its end.
pub async fn cairn(arguments: &[&str]) -> Ended {
    Process::start(arguments, Stdio::piped()).ended().await
}

impl Process {
    /// Starts `cairn` with these arguments, and with LocalStack as its AWS.
    pub fn start(arguments: &[&str], output: Stdio) -> Process {
        Process::start_on(&localstack::endpoint(), arguments, output)
    }

    /// The same, with another endpoint as its AWS.
    pub fn start_on(endpoint: &str, arguments: &[&str], output: Stdio) -> Process {
        Process::start_by(&[], endpoint, arguments, output)
    }

    /// The same, by a program that becomes `cairn` in the end, under the same process id.
    pub fn start_by(
        launcher: &[String],
        endpoint: &str,
        arguments: &[&str],
        output: Stdio,
    ) -> Process {
        let mut command = launcher.iter().map(OsString::from).chain([binary().into()]);
        let mut child = Command::new(command.next().unwrap())
            .args(command)
            .args(arguments)
            .env_clear()
            .envs(localstack::environment(endpoint))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (errors, output) = (Arc::default(), Arc::default());
        let mut readers = vec![read_lines(child.stderr.take().unwrap(), Arc::clone(&errors))];
        if let Some(stdout) = child.stdout.take() {
            readers.push(read_all(stdout, Arc::clone(&output)));
        }
        Process { child, errors, output, readers }
    }

    /// What it wrote to stderr so far.
    pub fn errors(&self) -> Vec<String> {
        self.errors.lock().unwrap().clone()
    }

    /// What it wrote to stdout so far.
    pub fn output(&self) -> String {
        String::from_utf8(self.output.lock().unwrap().clone()).unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> Ended {
        let status = eventually("the process ends", async || self.child.try_wait().unwrap()).await;
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let errors = self.errors().join("\n");
        Ended { code: status.code(), output: self.output(), errors }
    }

    /// kill -9. Gives the lines that it wrote to stderr.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        self.errors()
    }

    /// In how many lines of stderr a text stands.
    pub fn count_lines(&self, text: &str) -> usize {
        self.errors.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let errors = self.errors();
            let shown = &errors[errors.len().saturating_sub(SHOWN_LINES)..];
            let whole = std::env::temp_dir().join(format!("cairn-{}.log", self.child.id()));
            let _ = std::fs::write(&whole, errors.join("\n"));
            let (whole, shown) = (whole.display(), shown.join("\n"));
            let _ = writeln!(std::io::stderr(), "the log of cairn, {whole}, ended so:\n{shown}");
        }
    }
}

fn read_lines(stderr: ChildStderr, lines: Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
        }
    })
}

fn read_all(mut stdout: ChildStdout, output: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut chunk = vec![0; 64 << 10];
        while let Ok(length) = stdout.read(&mut chunk)
            && length > 0
        {
            output.lock().unwrap().extend_from_slice(&chunk[..length]);
        }
    })
}

/// The `cairn` that Cargo built beside this test, unless another one is named.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("CAIRN_BINARY") {
        Some(named) => named.into(),
        None => built_binary(),
    })
}

fn built_binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().unwrap().parent().unwrap().join("cairn");
    let build =
        "build it with `cargo build -p cairn-daemon`, or test with `cargo test --workspace`";
    assert!(binary.exists(), "{} is missing; {build}", binary.display());
    if let Some(newer) = newer_source(&binary) {
        let (binary, newer) = (binary.display(), newer.display());
        panic!("{binary} is older than {newer}, so it is not what would be tested; {build}");
    }
    binary
}

/// A source that was changed after the binary was built from it, by the list of them that
/// `cargo build` leaves. `cargo test` leaves none: it builds the binary before it runs this.
fn newer_source(binary: &Path) -> Option<PathBuf> {
    let list = std::fs::read_to_string(binary.with_extension("d")).ok()?;
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let built = changed(binary);
    let (_, sources) = list.trim_end().split_once(": ").unwrap();
    let sources = sources.replace("\\ ", "\0");
    let paths = sources.split(' ').map(|source| PathBuf::from(source.replace('\0', " ")));
    paths.into_iter().find(|path| changed(path) > built)
}
