//! The daemon that is measured: the release binary, in the configuration that users get.
//!
//! Its configuration says only what has no default or must differ for a daemon beside others: where
//! its data lies, its port, one trail of an organization that takes management events of every
//! account and Region, and a channel. Its data directory lies beside the binary, on a real disk: a
//! sync must cost what it costs. Its S3 is a [`NullS3`]; the trail has no topic.
//!
//! [`Cairn::finish`] proves that nothing was lost: events acknowledged = recorded by the daemon's own
//! count = records in the log files, each once.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use aws_credential_types::Credentials;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use trails::Channel;

use crate::null_s3::{NullS3, Report};
use crate::process::{cpu_seconds, now, peak_memory_mb};
use crate::records::{OWNER, Pair};
use crate::requests::channel;
use crate::{api, http};

/// Far more than anything takes: only what never happens meets it.
const WAIT_MAX: Duration = Duration::from_secs(300);
const PERIOD: Duration = Duration::from_millis(50);

/// A place for daemons: configuration, data, and its S3.
#[derive(Debug)]
pub struct Site {
    directory: TempDir,
    s3: NullS3,
    members: Vec<String>,
    auth: &'static str,
    keeps_history: bool,
}

/// A daemon that is ready.
#[derive(Debug)]
pub struct Cairn<'a> {
    site: &'a Site,
    child: Child,
    address: SocketAddr,
    /// From the start of the process to the first good answer of `/readyz`.
    pub start_seconds: f64,
    flushes: usize,
}

/// What a daemon has cost since its start.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// CPU seconds of the whole process, user and system.
    pub cpu_seconds: f64,
    /// Of its S3.
    pub s3_cpu_seconds: f64,
    /// The most memory that was resident, in MB.
    pub peak_memory_mb: f64,
}

/// A daemon that delivered everything and ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// What it cost.
    pub spent: Spent,
    /// What arrived.
    pub report: Report,
}

/// The `cairn` that was built beside this program, unless `CAIRN_BINARY` names another.
pub fn binary() -> Result<PathBuf> {
    let binary = match std::env::var_os("CAIRN_BINARY") {
        Some(named) => PathBuf::from(named),
        None => beside()?.join("cairn"),
    };
    ensure!(binary.exists(), "{} is missing; run `make bench`", binary.display());
    Ok(binary)
}

/// Where this program lies: on a real disk, with room for data.
pub fn beside() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.parent().context("a program lies in a directory")?.to_owned())
}

impl Site {
    /// For events of these pairs.
    pub fn new(pairs: &[Pair]) -> Result<Site> {
        Site::with(pairs, "localstack", true)
    }

    /// For events of these pairs, which go to S3 and nowhere else.
    pub fn without_history(pairs: &[Pair]) -> Result<Site> {
        Site::with(pairs, "localstack", false)
    }

    /// Whose callers must sign; and the root key of the owner.
    pub fn signed(pairs: &[Pair]) -> Result<(Site, Credentials)> {
        let site = Site::with(pairs, "sigv4", true)?;
        site.account("create")?;
        let key = api::key_of(&site.account("create-key")?)?;
        Ok((site, key))
    }

    /// What `cairn account` prints of the owner.
    fn account(&self, command: &str) -> Result<Vec<u8>> {
        let mut run = Command::new(binary()?);
        run.args(["account", command, OWNER, "--json", "--config"]).arg(self.configuration());
        let output = run.env_clear().output()?;
        ensure!(
            output.status.success(),
            "cairn account: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(output.stdout)
    }

    fn with(pairs: &[Pair], auth: &'static str, keeps_history: bool) -> Result<Site> {
        let directory = tempfile::Builder::new().prefix("bench-").tempdir_in(beside()?)?;
        let accounts: BTreeSet<&String> = pairs.iter().map(|(account, _)| account).collect();
        let members = accounts.into_iter().filter(|account| *account != OWNER).cloned().collect();
        let site = Site { directory, s3: NullS3::start()?, members, auth, keeps_history };
        site.configure(0)?;
        Ok(site)
    }

    /// Writes the configuration; another number makes another trail of the same name.
    fn configure(&self, number: usize) -> Result<()> {
        let data = self.data();
        let Site { members, auth, .. } = self;
        let history = if self.keeps_history { "" } else { "[history]\ncategories = \"\"" };
        let Channel { name, account, region, .. } = channel();
        let text = format!(
            r#"
            data_dir = {data:?}
            listen = "127.0.0.1:0"
            auth = "{auth}"

            [organization]
            id = "o-bench00000"
            management_account = "{OWNER}"
            members = {members:?}

            [[trails]]
            name = "bench"
            account = "{OWNER}"
            region = "us-east-1"
            bucket = "bench"
            prefix = "part-{number}"
            multi_region = true
            organization = true

            [[channels]]
            name = "{name}"
            account = "{account}"
            region = "{region}"

            {history}
            "#
        );
        Ok(fs::write(self.configuration(), text)?)
    }

    fn configuration(&self) -> PathBuf {
        self.directory.path().join("cairn.toml")
    }

    /// Where its daemons keep what they have.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Its S3.
    #[must_use]
    pub fn s3(&self) -> &NullS3 {
        &self.s3
    }

    /// Starts a daemon and waits until it is ready.
    pub fn start(&self) -> Result<Cairn<'_>> {
        let begun = now();
        let mut child = Command::new(binary()?)
            .args(["serve", "--config"])
            .arg(self.configuration())
            .env_clear()
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.s3.address()))
            .env("AWS_ACCESS_KEY_ID", "bench")
            .env("AWS_SECRET_ACCESS_KEY", "bench")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().context("its stderr is a pipe")?;
        let address = match self.follow(BufReader::new(stderr)) {
            Ok(address) => address,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        let mut cairn = Cairn { site: self, child, address, start_seconds: 0.0, flushes: 0 };
        http::get(address, "/readyz")?;
        cairn.start_seconds = begun.elapsed().as_secs_f64();
        Ok(cairn)
    }

    /// Reads the log until it says where the daemon answers; the rest of it goes into a file.
    fn follow(&self, mut log: impl BufRead + Send + 'static) -> Result<SocketAddr> {
        let mut line = String::new();
        let mut said = String::new();
        let address = loop {
            line.clear();
            if log.read_line(&mut line)? == 0 {
                bail!("cairn did not start:\n{said}");
            }
            said.push_str(&line);
            let Ok(value) = serde_json::from_str::<Value>(&line) else { continue };
            let fields = value.get("fields").unwrap_or(&value);
            if fields["message"] == "cairn is ready" {
                break fields["address"].as_str().context("the log says where")?.parse()?;
            }
        };
        let mut file = File::create(self.directory.path().join("cairn.log"))?;
        std::thread::spawn(move || std::io::copy(&mut log, &mut file));
        Ok(address)
    }
}

impl Cairn<'_> {
    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has cost so far.
    pub fn spent(&self) -> Result<Spent> {
        let id = self.child.id();
        Ok(Spent {
            cpu_seconds: cpu_seconds(id)?,
            s3_cpu_seconds: self.site.s3.cpu_seconds()?,
            peak_memory_mb: peak_memory_mb(id)?,
        })
    }

    /// Waits until everything that it took is delivered, the events of the open segment included: a
    /// change of its trail seals that one.
    pub fn flush(&mut self) -> Result<()> {
        self.flushes += 1;
        self.site.configure(self.flushes)?;
        kill_process(self.pid()?, Signal::HUP)?;
        until("everything is delivered", || {
            let metrics = self.metrics()?;
            let open = value(&metrics, "cairn_journal_open_events")?;
            let sealed = value(&metrics, "cairn_journal_sealed_segments")?;
            Ok(open == 0 && sealed == 0)
        })
    }

    fn metrics(&self) -> Result<String> {
        http::get(self.address, "/metrics")
    }

    /// Flushes, stops with manners, and checks that so many events, all that were acknowledged, were
    /// recorded and arrived.
    pub fn finish(mut self, acknowledged: u64) -> Result<Ended> {
        self.flush()?;
        let spent = self.spent()?;
        let recorded = value(&self.metrics()?, "cairn_trail_recorded_events")?;
        kill_process(self.pid()?, Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "cairn ended badly: {status}");
        let report = self.site.s3.report()?;
        let Report { records, distinct, .. } = report;
        ensure!(
            acknowledged == recorded && recorded == records && records == distinct,
            "not all is where it belongs: acknowledged {acknowledged}, recorded {recorded}, \
             delivered {records}, of these distinct {distinct}",
        );
        Ok(Ended { spent, report })
    }

    fn pid(&self) -> Result<Pid> {
        Pid::from_raw(i32::try_from(self.child.id())?).context("a process has an id")
    }

    /// kill -9.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

/// Asks, with pauses, until the condition holds.
#[allow(clippy::disallowed_methods)] // no clock but the real one is here
fn until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = now();
    while !holds()? {
        ensure!(begun.elapsed() < WAIT_MAX, "waited {WAIT_MAX:?} in vain for this: {what}");
        std::thread::sleep(PERIOD);
    }
    Ok(())
}

impl Drop for Cairn<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The sum of a metric over its labels.
fn value(metrics: &str, name: &str) -> Result<u64> {
    let mut sum = None;
    for line in metrics.lines() {
        if let Some(rest) = line.strip_prefix(name)
            && rest.starts_with(['{', ' '])
        {
            let (_, value) = line.rsplit_once(' ').context("a sample has a value")?;
            sum = Some(sum.unwrap_or(0) + value.parse::<u64>()?);
        }
    }
    sum.with_context(|| format!("/metrics does not say {name}"))
}
