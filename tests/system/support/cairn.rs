//! A daemon: its directory, which outlives its processes, and the process.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::http::{Answer, Http};
use super::localstack::endpoint;
use super::metrics::Metrics;
use super::process::{Ended, Process};
use super::wait::eventually;

/// A place for a daemon: configuration and data, kept over restarts.
pub struct Site {
    directory: TempDir,
}

/// A daemon that is ready.
pub struct Cairn {
    process: Process,
    address: String,
    http: Http,
}

impl Site {
    /// With a configuration; log files are made every second.
    pub fn new(configuration: &str) -> Site {
        let site = Site { directory: tempfile::tempdir().unwrap() };
        site.configure(configuration);
        site
    }

    /// Writes another configuration.
    pub fn configure(&self, configuration: &str) {
        self.configure_with_interval("1s", configuration);
    }

    /// The same, with another time between log files. Callers are believed, unless it says how they
    /// prove who they are.
    pub fn configure_with_interval(&self, interval: &str, configuration: &str) {
        let data = self.data();
        let mut text = String::new();
        let (auth, configuration) = match configuration.split_once('\n') {
            Some((auth, rest)) if auth.starts_with("auth = ") => (auth, rest),
            _ => ("auth = \"localstack\"", configuration),
        };
        writeln!(text, "data_dir = {data:?}\nlisten = \"127.0.0.1:0\"\n{auth}").unwrap();
        writeln!(text, "[delivery]\ninterval = \"{interval}\"\n{configuration}").unwrap();
        std::fs::write(self.configuration(), text).unwrap();
    }

    /// The daemon's data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub fn configuration(&self) -> PathBuf {
        self.directory.path().join("cairn.toml")
    }

    /// A file beside the configuration.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Starts a process and says nothing of whether it gets ready.
    pub fn launch(&self) -> Process {
        self.launch_by(&[], &endpoint())
    }

    fn launch_by(&self, launcher: &[String], endpoint: &str) -> Process {
        let configuration = self.configuration();
        let arguments = ["serve", "--config", configuration.to_str().unwrap()];
        Process::start_by(launcher, endpoint, &arguments, Stdio::piped())
    }

    /// Starts a daemon, waits until it is ready, and checks that what it recovered adds up.
    pub async fn start(&self) -> Cairn {
        self.start_on(&endpoint()).await
    }

    /// The same, with another endpoint as its AWS.
    pub async fn start_on(&self, endpoint: &str) -> Cairn {
        self.start_by(&[], endpoint).await
    }

    /// The same, by a program that becomes `cairn` in the end.
    pub async fn start_by(&self, launcher: &[String], endpoint: &str) -> Cairn {
        let mut process = self.launch_by(launcher, endpoint);
        let ready = eventually("cairn is ready", async || {
            let ready = find(&process.errors(), 0, "cairn is ready");
            let has_ended = process.has_ended();
            assert!(ready.is_some() || !has_ended, "cairn ended: {:?}", process.errors());
            ready
        })
        .await;
        let address = ready["address"].as_str().unwrap().to_owned();
        let cairn = Cairn { process, address, http: Http::new() };
        cairn.assert_conserved().await;
        cairn
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.directory.disable_cleanup(true);
            let kept = self.directory.path().display();
            let _ = writeln!(
                std::io::stderr(),
                "the data directory and configuration are kept: {kept}"
            );
        }
    }
}

impl Cairn {
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends a body to the bulk intake.
    pub async fn post(&self, headers: &[(&str, &str)], body: impl Into<bytes::Bytes>) -> Answer {
        self.http.post(&self.url("/v1/events"), headers, body).await.unwrap()
    }

    /// Sends records, all of which must be new.
    pub async fn record(&self, records: &[impl AsRef<str>]) {
        let answer = self.send(records).await;
        assert_eq!(answer["recorded"], records.len(), "{answer}");
    }

    /// Sends records, all of which must be taken.
    pub async fn send(&self, records: &[impl AsRef<str>]) -> Value {
        let lines: Vec<&str> = records.iter().map(AsRef::as_ref).collect();
        let answer = self.post(&[], lines.join("\n")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = answer.json();
        assert_eq!(answer["records"], records.len(), "{answer}");
        assert_eq!(answer["refused"], 0, "{answer}");
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.http.get(&self.url(path)).await.unwrap()
    }

    pub async fn metrics(&self) -> Metrics {
        Metrics::parse(&self.get("/metrics").await.text())
    }

    /// Settles and stops: what is in S3 after that is all there is.
    pub async fn finish(self) -> Metrics {
        let metrics = self.settle().await;
        self.stop().await;
        metrics
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// How often the log says this.
    pub fn has_logged(&self, message: &str) -> usize {
        self.process.count_lines(message)
    }

    pub fn log_lines(&self) -> usize {
        self.process.errors().len()
    }

    /// Waits for a message in the log, behind so many lines, and gives its fields.
    pub async fn logged(&self, after: usize, message: &str) -> Value {
        eventually(&format!("the log says {message:?}"), async || {
            find(&self.process.errors(), after, message)
        })
        .await
    }

    /// SIGHUP; waits until the configuration is read, and tells whether it was taken.
    pub async fn reload(&self) -> bool {
        let before = self.log_lines();
        self.hang_up();
        eventually("the configuration is read again", async || {
            let lines = self.process.errors();
            let has = |message| find(&lines, before, message).is_some();
            match (has("are read again; other settings need"), has("the reload failed")) {
                (false, false) => None,
                (taken, _) => Some(taken),
            }
        })
        .await
    }

    /// SIGHUP, without waiting.
    pub fn hang_up(&self) {
        self.process.signal(Signal::HUP);
    }

    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// SIGTERM, without waiting.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// SIGTERM; waits for a good end.
    pub async fn stop(self) {
        self.assert_conserved().await;
        self.terminate();
        self.ended().await;
    }

    /// Waits for a good end.
    pub async fn ended(self) -> Ended {
        let ended = self.process.ended().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended
    }

    /// kill -9. Gives its log.
    pub fn kill(self) -> Vec<String> {
        self.process.kill()
    }
}

/// The fields of the first line of a JSON log, behind so many, whose message holds a text.
fn find(lines: &[String], after: usize, message: &str) -> Option<Value> {
    let logged =
        lines.iter().skip(after).filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let fields = logged.map(|line| line.get("fields").cloned().unwrap_or(line));
    fields
        .into_iter()
        .find(|fields| fields["message"].as_str().is_some_and(|m| m.contains(message)))
}
