//! `aws cloudtrail validate-logs`, unmodified, as a person types it, and what it must say of a chain
//! that is as it was written.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use model::Timestamp;

use super::holdings::DigestFile;
use crate::clients::python::localstack_script;
use crate::support::localstack::endpoint;

/// Before the first digest: all of a chain is asked for, and every key that was valid since.
const BEFORE: Duration = Duration::from_secs(90 * 24 * 3600);

/// After the last one: log files are named by a time to come.
const AFTER: Duration = Duration::from_secs(600);

/// A call of it.
#[derive(Clone, Debug)]
pub struct ValidateLogs {
    /// Where CloudTrail is.
    pub cloudtrail: String,
    /// Who calls.
    pub caller: String,
    /// Of the listed files.
    pub region: String,
    pub trail_arn: String,
    pub from: Timestamp,
    pub to: Timestamp,
    /// More arguments.
    pub more: Vec<String>,
    /// Where Organizations is, if that is asked.
    pub organizations: Option<String>,
}

/// What it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

impl ValidateLogs {
    /// Of all digests of a chain.
    pub fn of(cloudtrail: String, trail_arn: String, region: &str, chain: &[DigestFile]) -> Self {
        let caller = trail_arn.split(':').nth(4).unwrap().to_owned();
        let (first, last) = (&chain[0], &chain[chain.len() - 1]);
        let millis = i64::try_from(BEFORE.as_millis()).unwrap();
        let from = Timestamp::from_millis(first.start().as_millis() - millis);
        let to = last.end().plus(AFTER);
        let (region, more, organizations) = (region.to_owned(), Vec::new(), None);
        ValidateLogs { cloudtrail, caller, region, trail_arn, from, to, more, organizations }
    }

    pub fn with(mut self, more: &[&str]) -> Self {
        self.more.extend(more.iter().map(|&word| word.to_owned()));
        self
    }

    /// Runs it to its end.
    pub async fn run(&self) -> Said {
        let call = self.clone();
        tokio::task::spawn_blocking(move || call.command()).await.unwrap()
    }

    fn command(&self) -> Said {
        let mut command = Command::new(aws());
        // A profile of the user's must not decide where a test goes.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.args(["cloudtrail", "validate-logs", "--endpoint-url", &self.cloudtrail]);
        command.args(["--region", &self.region, "--trail-arn", &self.trail_arn]);
        command.args(["--start-time", &self.from.to_iso_seconds()]);
        command.args(["--end-time", &self.to.to_iso_seconds()]).args(&self.more);
        command.env("AWS_ACCESS_KEY_ID", &self.caller).env("AWS_SECRET_ACCESS_KEY", "test");
        command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command.env("AWS_ENDPOINT_URL_S3", endpoint()).env("PYTHONDONTWRITEBYTECODE", "1");
        if let Some(organizations) = &self.organizations {
            command.env("AWS_ENDPOINT_URL_ORGANIZATIONS", organizations);
        }
        let ended = command.output().unwrap();
        let [output, errors] =
            [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).unwrap());
        Said { code: ended.status.code(), output, errors }
    }

    /// What it says when all these digests and the files that they list are valid. A chain that begins
    /// again is a gap, which it tells and does not count.
    pub fn good(&self, chain: &[DigestFile]) -> Said {
        let ValidateLogs { trail_arn, from, to, .. } = self;
        let [from, to] = [from, to].map(|time| time.to_iso_seconds());
        let [first, last] =
            [chain[0].says("digestStartTime"), chain[chain.len() - 1].says("digestEndTime")];
        let digests = chain.len();
        let files: usize = chain.iter().map(|digest| digest.log_files().len()).sum();
        let mut output = format!(
            "Validating log files for trail {trail_arn} between {from} and {to}\n\n\
             Results requested for {from} to {to}\n\
             Results found for {first} to {last}:\n\n\
             {digests}/{digests} digest files valid"
        );
        if files > 0 {
            write!(output, "\n{files}/{files} log files valid").unwrap();
        }
        output.push('\n');
        let mut errors = String::new();
        for pair in chain.windows(2).rev().filter(|pair| pair[1].is_starting()) {
            let (end, start) = (pair[0].says("digestEndTime"), pair[1].says("digestStartTime"));
            writeln!(
                errors,
                "No log files were delivered by CloudTrail between {end} and {start}\n"
            )
            .unwrap();
        }
        Said { code: Some(0), output, errors }
    }

    /// Runs it, and fails when it does not find these digests and their files valid, and no others.
    pub async fn finds_valid(&self, chain: &[DigestFile]) {
        let said = self.run().await;
        assert_eq!(said, self.good(chain), "{self:?}\n{}\n{}", said.output, said.errors);
    }
}

/// The command line of the environment with pinned packages.
fn aws() -> &'static PathBuf {
    static AWS: OnceLock<PathBuf> = OnceLock::new();
    AWS.get_or_init(|| {
        let mut python = Command::new(localstack_script());
        python.args(["python", "-c", "import sys; print(sys.prefix, end='')"]);
        let ended = python.output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        PathBuf::from(String::from_utf8(ended.stdout).unwrap()).join("bin/aws")
    })
}
