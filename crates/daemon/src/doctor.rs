//! `cairn doctor`: tries everything that delivery needs, for real, and says what is missing.
//!
//! For each topic of the fan-out: topic, queues and subscriptions are set up, as the daemon does. For
//! each trail: the marker object is put (as CloudTrail does when a trail is made), the bucket's
//! ACL is read, the validation message is published. For each queue: a message is
//! looked at without taking it. The KMS key of digests encrypts and decrypts something. What fails is shown with the policy statement that would allow it.

use std::io::Write;
use std::path::PathBuf;

use aws_config::SdkConfig;
use clap::Args;
use delivery::{ObjectStore, S3Store};
use http_body_util::BodyExt;
use hyper::{Request, StatusCode};
use keyring::{Custody, Kms};
use model::ids::partition_of;
use notifier::sns::SnsTopic;
use notifier::{Topic, fanout};
use serde::Serialize;
use serde_json::{Value, json};
use trails::{Origin, Trail, TrailDefinition};

use crate::advice::advice;
use crate::cli::Verdict;
use crate::config::{Auth, FanoutSettings, Flags, Settings};
use crate::{aws, http_client, set_up, trail_explain};

/// Seconds for which a queue is asked for a message.
const LOOK_SECONDS: i32 = 5;

/// Flags of `cairn doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// The configuration file whose trails are checked
    #[arg(long, value_name = "FILE", env = "CAIRN_CONFIG")]
    config: Option<PathBuf>,
    /// Only ask a running daemon whether it is ready
    #[arg(long)]
    health: bool,
    /// The daemon that --health asks
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:4580",
        env = "CAIRN_ENDPOINT"
    )]
    endpoint: String,
    /// Print the checks as JSON
    #[arg(long)]
    json: bool,
}

/// One thing that was tried.
#[derive(Debug, Serialize)]
struct Check {
    what: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What to do, where something else than a permission is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
    /// The policy statement that it needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Value>,
}

impl Check {
    fn new(what: String, result: Result<(), String>, missing: impl FnOnce() -> Value) -> Check {
        let advice = result.as_ref().err().and_then(|error| advice(error));
        let missing = result.is_err().then(missing);
        Check { what, ok: result.is_ok(), error: result.err(), advice, missing }
    }
}

impl Doctor {
    /// Tries everything.
    pub async fn run(self) -> anyhow::Result<Verdict> {
        if self.health {
            return self.ask_health().await;
        }
        let settings =
            Settings::load(self.config.as_deref(), std::env::vars_os(), &Flags::default())?;
        let config = aws::load().await;
        self.show_where(&config)?;
        let mut checks = Vec::new();
        if settings.auth == Auth::Sigv4 {
            checks.push(check_accounts(&settings));
        }
        if let Custody::Kms(kms) = aws::custody(&config, &settings.digests.kms_key) {
            checks.push(check_digest_keys(&kms).await);
        }
        for settings in &settings.fanout {
            check_fan_out(&config, settings, &mut checks).await;
        }
        // Those that the API made are known to the data directory alone.
        let stored = trail_explain::read_registry(&settings.data_dir)?;
        let of_api = stored.trails.iter().filter(|one| one.origin == Origin::Api);
        for definition in settings.definitions.trails.iter().chain(of_api) {
            check_trail(&config, definition, &mut checks).await;
        }
        self.show(&settings, &checks)?;
        Ok(if checks.iter().all(|check| check.ok) { Verdict::Good } else { Verdict::Bad })
    }

    /// Which AWS this is about: the first thing to know when nothing works.
    fn show_where(&self, config: &SdkConfig) -> anyhow::Result<()> {
        if !self.json {
            let endpoint =
                config.endpoint_url().unwrap_or("AWS itself (AWS_ENDPOINT_URL is not set)");
            let region = config.region().map_or("none", |region| region.as_ref());
            writeln!(std::io::stdout(), "     endpoint {endpoint}, Region {region}")?;
        }
        Ok(())
    }

    async fn ask_health(&self) -> anyhow::Result<Verdict> {
        let uri = format!("{}/readyz", self.endpoint.trim_end_matches('/'));
        let answer =
            http_client::send(Request::get(uri).body(http_client::empty().boxed())?).await?;
        let mut out = std::io::stdout();
        let health: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if self.json {
            writeln!(out, "{health}")?;
        } else {
            writeln!(out, "{}", health["status"].as_str().unwrap_or("not an answer of Cairn"))?;
            for kind in ["problems", "warnings"] {
                for line in health[kind].as_array().into_iter().flatten() {
                    writeln!(out, "  {}", line.as_str().unwrap_or_default())?;
                }
            }
        }
        Ok(if answer.status() == StatusCode::OK { Verdict::Good } else { Verdict::Bad })
    }

    fn show(&self, settings: &Settings, checks: &[Check]) -> anyhow::Result<()> {
        let mut out = std::io::stdout();
        let channels = &settings.definitions.channels;
        if self.json {
            let channels: Vec<Value> = channels
                .iter()
                .map(|channel| json!({"name": channel.name, "arn": channel.arn()}))
                .collect();
            writeln!(out, "{}", json!({ "checks": checks, "channels": channels }))?;
            return Ok(());
        }
        if checks.is_empty() {
            writeln!(
                out,
                "no trail and no fan-out is configured; give --config FILE (see deploy/cairn.toml)"
            )?;
        }
        for check in checks {
            writeln!(out, "{:4} {}", if check.ok { "ok" } else { "FAIL" }, check.what)?;
            if let Some(error) = &check.error {
                writeln!(out, "     {error}")?;
            }
            if let Some(advice) = &check.advice {
                writeln!(out, "     {advice}")?;
            }
            if let Some(missing) = check.missing.as_ref().filter(|_| check.advice.is_none()) {
                writeln!(out, "     this statement allows it:\n{missing:#}")?;
            }
        }
        for channel in channels {
            writeln!(out, "     channel {} is {}", channel.name, channel.arn())?;
        }
        Ok(())
    }
}

/// Whether anybody can call the daemon. What is in the file is for the daemon to say.
fn check_accounts(settings: &Settings) -> Check {
    let file = settings.data_dir.join(accounts::FILE);
    let is_missing =
        std::fs::metadata(&file).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    let error =
        is_missing.then(|| format!("there is no {}: every call is refused", file.display()));
    Check {
        what: "accounts: somebody can call".into(),
        ok: !is_missing,
        error,
        advice: is_missing.then_some("create one: `cairn account create 111122223333`, then `cairn account create-key 111122223333`, with the same --config"),
        missing: None,
    }
}

/// Whether the KMS key takes the private keys that sign digests, and gives them back.
async fn check_digest_keys(kms: &Kms) -> Check {
    let result = kms.check().await.map_err(|error| error.to_string());
    let what = format!("digests: encrypt and decrypt by {}", kms.named());
    Check::new(what, result, || {
        json!({
            "Sid": "KeepDigestKeys", "Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"],
            "Resource": "THE KEY'S ARN",
            "Condition": { "StringLike": {
                "kms:EncryptionContext:cairn:digest-key": "*",
                "kms:EncryptionContext:cairn:region": "*",
            } },
        })
    })
}

async fn check_trail(config: &SdkConfig, definition: &TrailDefinition, checks: &mut Vec<Check>) {
    let trail = &definition.trail;
    let name = &trail.arn.name;
    let bucket = &trail.bucket;
    let store: S3Store = aws::store(config);
    for put in set_up::markers(definition) {
        let key = &put.key;
        let result = store.put_new(&put).await.map(|_| ()).map_err(|error| error.to_string());
        let what = format!("trail {name}: put s3://{bucket}/{key}");
        checks.push(Check::new(what, result, || write_statement(trail)));
        let read = store.read(bucket, key, 0).await;
        let result = read.map(|_| ()).map_err(|error| error.to_string());
        let what =
            format!("trail {name}: read s3://{bucket}/{key} (what was put is read and compared)");
        checks.push(Check::new(what, result, || write_statement(trail)));
    }
    let result = store.read_acl(bucket).await.map_err(|error| error.to_string());
    checks.push(Check::new(format!("trail {name}: read the ACL of {bucket}"), result, || {
        acl_statement(trail)
    }));
    let Some(topic) = &trail.topic else { return };
    let topics: SnsTopic = aws::topics(config);
    let result = topics.publish(topic, model::notice::VALIDATION_MESSAGE).await;
    let result = result.map_err(|error| error.to_string());
    let what = format!("trail {name}: publish to {topic}");
    checks.push(Check::new(what, result, || json!({
        "Sid": "AWSCloudTrailSNSPolicy20131101", "Effect": "Allow", "Principal": { "AWS": "THE DAEMON'S ROLE OR USER" },
        "Action": "SNS:Publish", "Resource": topic.to_string(),
    })));
}

async fn check_fan_out(config: &SdkConfig, settings: &FanoutSettings, checks: &mut Vec<Check>) {
    let (sns, sqs) = (aws_sdk_sns::Config::from(config), aws_sdk_sqs::Config::from(config));
    let topic = &settings.topic;
    let what = format!("fan-out of {topic}: topic, queues, subscriptions");
    let report = match fanout::set_up(&sns, &sqs, &set_up::fan_out_of(settings)).await {
        Ok(report) => report,
        Err(error) => {
            let missing =
                error.missing_statement().and_then(|text| serde_json::from_str(&text).ok());
            let advice = advice(&error.to_string());
            checks.push(Check { what, ok: false, error: Some(error.to_string()), advice, missing });
            return;
        }
    };
    checks.push(Check::new(what, Ok(()), || Value::Null));
    // Published again behind the subscriptions, so that there is a message to be seen.
    let published = aws::topics(config).publish(topic, model::notice::VALIDATION_MESSAGE).await;
    for queue in &report.queues {
        let seen = match &published {
            Ok(()) => look(&sqs, &queue.url, queue.arn.region.as_str()).await,
            Err(error) => Err(error.to_string()),
        };
        let what = format!("queue {}: a message published to the topic arrives", queue.arn);
        checks.push(Check::new(what, seen, || {
            json!({
                "Effect": "Allow", "Principal": { "AWS": "THE READER'S ROLE OR USER" },
                "Action": "sqs:ReceiveMessage", "Resource": queue.arn.to_string(),
            })
        }));
    }
}

/// Looks at a queue without taking anything: what is seen stays visible to its readers.
async fn look(sqs: &aws_sdk_sqs::Config, url: &str, region: &str) -> Result<(), String> {
    let region = aws_sdk_sqs::config::Region::new(region.to_owned());
    let client = aws_sdk_sqs::Client::from_conf(sqs.to_builder().region(region).build());
    let look = client
        .receive_message()
        .queue_url(url)
        .visibility_timeout(0)
        .wait_time_seconds(LOOK_SECONDS);
    match look.send().await {
        Ok(answer) if answer.messages().is_empty() => {
            Err(format!("no message came within {LOOK_SECONDS} s"))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(outbox::brief(&error)),
    }
}

fn write_statement(trail: &Trail) -> Value {
    let partition = partition_of(&trail.arn.home_region);
    let prefix = trail.prefix.as_ref().map_or(String::new(), |prefix| format!("{prefix}/"));
    json!({
        "Sid": "AWSCloudTrailWrite20150319", "Effect": "Allow", "Principal": { "AWS": "THE DAEMON'S ROLE OR USER" },
        "Action": ["s3:PutObject", "s3:PutObjectAcl", "s3:GetObject"],
        "Resource": format!("arn:{partition}:s3:::{}/{prefix}AWSLogs/*", trail.bucket),
    })
}

fn acl_statement(trail: &Trail) -> Value {
    let partition = partition_of(&trail.arn.home_region);
    json!({
        "Sid": "AWSCloudTrailAclCheck20150319", "Effect": "Allow", "Principal": { "AWS": "THE DAEMON'S ROLE OR USER" },
        "Action": "s3:GetBucketAcl", "Resource": format!("arn:{partition}:s3:::{}", trail.bucket),
    })
}
