//! The configuration: raw text first, then [`Settings`].
//!
//! ```text
//!  file (TOML) ─┐
//!  CAIRN_*     ─┼─ Input ─► Reader: takes keys out, parses them, collects mistakes ─► Settings
//!  flags       ─┘                                                                or ConfigError
//! ```
//!
//! A flag is stronger than a variable, a variable than the file, the file than the default. Every
//! value that was given is checked, also one that a stronger one replaces. All mistakes are reported
//! together, each with its place, its key, the value found and what is allowed. Without any file
//! the defaults hold and there are no trails.
//!
//! Sizes are bytes. Nothing here reads the process's environment: it is an argument. The scalar keys
//! stand in one table, [`keys`]; `deploy/cairn.toml` shows all keys.

mod definitions;
mod fanout;
mod history;
pub mod keys;
mod layers;
mod mistake;
mod reader;
mod selectors;
#[cfg(test)]
mod tests;
mod values;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use accounts::KeyPlace;
use api::Quotas;
use trails::Definitions;

pub use self::fanout::{FanoutQueueSettings, FanoutSettings};
pub use self::layers::Flags;
use self::layers::Layers;
pub use self::mistake::{ConfigError, Mistake, Place};
use self::reader::{Input, Reader};
pub use self::values::duration as parse_duration;
use crate::checks::key::is_key_name;
use crate::logging::{LogFormat, LogLevel};

/// Everything that is configured, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the journal, the registry and the spills are.
    pub data_dir: PathBuf,
    /// Where the daemon answers; loopback unless callers are authenticated.
    pub listen: SocketAddr,
    /// Where health and metrics answer in full whoever asks.
    pub ops_listen: Option<SocketAddr>,
    /// How callers prove who they are.
    pub auth: Auth,
    /// Where the key of the accounts' secrets is.
    pub accounts_key: KeyPlace,
    /// The journal.
    pub journal: JournalSettings,
    /// Delivery to buckets.
    pub delivery: DeliverySettings,
    /// Digests and the keys that sign them.
    pub digests: DigestSettings,
    /// The history of all events.
    pub history: ::history::Settings,
    /// How much an account may make by the API.
    pub quotas: Quotas,
    /// The log.
    pub log: LogSettings,
    /// Accounts, organization, trails and channels.
    pub definitions: Definitions,
    /// Topics whose queues are set up at the start.
    pub fanout: Vec<FanoutSettings>,
}

/// How callers prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Auth {
    /// Signature Version 4, by the access keys that `cairn account` creates.
    Sigv4,
    /// Any credentials; the access key says the account, as on LocalStack. For loopback only.
    Localstack,
}

/// The journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// Size at which a segment is sealed.
    pub segment_bytes: u64,
    /// Disk that it may take, at least four segments.
    pub quota_bytes: u64,
    /// Newest events among which repeated ids are found.
    pub window_events: usize,
}

/// Delivery to buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliverySettings {
    /// Longest time that an event waits before its log file is made.
    pub interval: Duration,
    /// Uploads in flight per bucket.
    pub concurrency: usize,
    /// Disk for refused files, per bucket.
    pub spill_bytes_max: u64,
    /// How long a refused file is tried again.
    pub retry_for: Duration,
    /// Effort of gzip, 1 to 9.
    pub compression_level: u32,
}

/// Digests and the keys that sign them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestSettings {
    /// The time that a digest is of, in whole seconds.
    pub interval: Duration,
    /// How long a key is valid.
    pub key_validity: Duration,
    /// The KMS key that encrypts private keys.
    pub kms_key: DigestsKmsKey,
}

/// The KMS key that encrypts private keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DigestsKmsKey {
    /// There is none, and was none.
    Unset,
    /// There is none from now on.
    NoLonger,
    /// Its ARN, id or alias.
    Named(String),
}

/// The log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Its form.
    pub format: LogFormat,
    /// How much is logged.
    pub level: LogLevel,
}

impl Auth {
    fn from_name(name: &str) -> Option<Auth> {
        match name {
            "sigv4" => Some(Auth::Sigv4),
            "localstack" => Some(Auth::Localstack),
            _ => None,
        }
    }
}

impl DigestsKmsKey {
    fn parse(text: &str) -> Option<DigestsKmsKey> {
        match text {
            "" => Some(DigestsKmsKey::Unset),
            "none" => Some(DigestsKmsKey::NoLonger),
            _ => is_key_name(text).then(|| DigestsKmsKey::Named(text.to_owned())),
        }
    }
}

impl Settings {
    /// Reads the file (the one given, else the one that `CAIRN_CONFIG` names, else none) and puts
    /// the environment and the flags above it. The environment is that of the process:
    /// [`std::env::vars_os`].
    pub fn load<K: Into<OsString>, V: Into<OsString>>(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (K, V)>,
        flags: &Flags,
    ) -> Result<Settings, ConfigError> {
        let environment: Vec<(OsString, OsString)> =
            environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let file = file.map(Path::to_owned).or_else(|| named(&environment, "CAIRN_CONFIG"));
        let data_dir = default_data_dir(&environment);
        let name = file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
        let text = file.as_ref().map_or(Ok(String::new()), std::fs::read_to_string);
        let parse = |text: &str| Self::parse(text, &name, environment, flags, data_dir.as_deref());
        match text {
            Ok(text) => parse(&text),
            Err(error) => Err(unreadable(&name, &error, parse("").err())),
        }
    }

    /// The pure part of [`Settings::load`]. Without a default folder one must be given.
    pub fn parse<K: Into<OsString>, V: Into<OsString>>(
        text: &str,
        name_of_file: &str,
        environment: impl IntoIterator<Item = (K, V)>,
        flags: &Flags,
        default_data_dir: Option<&Path>,
    ) -> Result<Settings, ConfigError> {
        let mut mistakes = Vec::new();
        let layers = Layers::new(environment, flags, &mut mistakes);
        let mut input = Input::new(name_of_file, text, layers, mistakes);
        let settings = input.read(|root| read(root, default_data_dir));
        let mut mistakes = input.mistakes;
        mistakes.sort_by(|a, b| a.place.cmp(&b.place));
        if mistakes.is_empty() { Ok(settings) } else { Err(ConfigError { mistakes }) }
    }
}

fn read(root: &mut Reader<'_, '_>, default_data_dir: Option<&Path>) -> Settings {
    let data_dir = data_dir(root, default_data_dir);
    let auth = root.scalar_or_default(&keys::AUTH);
    Settings {
        listen: listen(root, auth),
        ops_listen: root.scalar_or_default(&keys::OPS_LISTEN),
        auth,
        accounts_key: accounts_key(root, &data_dir),
        data_dir,
        journal: root.section("journal", journal),
        delivery: root.section("delivery", delivery),
        digests: root.section("digests", digests),
        history: root.section("history", history::read),
        quotas: root.section("quotas", quotas),
        log: root.section("log", |log| LogSettings {
            format: log.scalar_or_default(&keys::LOG_FORMAT),
            level: log.scalar_or_default(&keys::LOG_LEVEL),
        }),
        definitions: definitions::read(root),
        fanout: fanout::read(root),
    }
}

fn data_dir(root: &mut Reader<'_, '_>, default: Option<&Path>) -> PathBuf {
    let given = root.scalar(&keys::DATA_DIR);
    if given.is_none() && default.is_none() && !root.has("data_dir") {
        let why = "missing, and neither XDG_DATA_HOME nor HOME gives a default; set data_dir, \
                   CAIRN_DATA_DIR or --data-dir";
        root.mistake("data_dir", why.into());
    }
    given.or_else(|| default.map(Path::to_owned)).unwrap_or_default()
}

fn accounts_key(root: &mut Reader<'_, '_>, data_dir: &Path) -> KeyPlace {
    let path = root.scalar_or_default(&keys::ACCOUNTS_KEY);
    if path == Path::new(accounts::KEY_FILE) {
        return KeyPlace::DataDirectory;
    }
    KeyPlace::File(data_dir.join(path))
}

fn listen(root: &mut Reader<'_, '_>, auth: Auth) -> SocketAddr {
    let address = root.scalar_or_default(&keys::LISTEN);
    match auth {
        Auth::Localstack if !address.ip().is_loopback() => {
            let why = "expected a loopback address, such as 127.0.0.1:4580, because auth = \
                       \"localstack\" believes every caller; with auth = \"sigv4\" any will do";
            root.mistake("listen", why.into());
        }
        Auth::Localstack | Auth::Sigv4 => {}
    }
    address
}

fn journal(section: &mut Reader<'_, '_>) -> JournalSettings {
    let segment_bytes = section.scalar_or_default(&keys::SEGMENT_SIZE);
    let quota_bytes = section.scalar_or_default(&keys::QUOTA);
    if quota_bytes < 4 * segment_bytes {
        let (four, one) = (values::show_size(4 * segment_bytes), values::show_size(segment_bytes));
        let why =
            format!("expected at least {four}, four segments of journal.segment_size = {one}");
        section.mistake("quota", why);
    }
    let window_events = section.scalar_or_default(&keys::DEDUP_WINDOW);
    JournalSettings { segment_bytes, quota_bytes, window_events }
}

fn delivery(section: &mut Reader<'_, '_>) -> DeliverySettings {
    DeliverySettings {
        interval: section.scalar_or_default(&keys::INTERVAL),
        concurrency: section.scalar_or_default(&keys::CONCURRENCY),
        spill_bytes_max: section.scalar_or_default(&keys::SPILL_MAX),
        retry_for: section.scalar_or_default(&keys::RETRY_FOR),
        compression_level: section.scalar_or_default(&keys::COMPRESSION_LEVEL),
    }
}

fn digests(section: &mut Reader<'_, '_>) -> DigestSettings {
    DigestSettings {
        interval: section.scalar_or_default(&keys::DIGEST_INTERVAL),
        key_validity: section.scalar_or_default(&keys::KEY_VALIDITY),
        kms_key: section.scalar_or_default(&keys::DIGESTS_KMS_KEY),
    }
}

fn quotas(section: &mut Reader<'_, '_>) -> Quotas {
    Quotas {
        trails_per_region: section.scalar_or_default(&keys::TRAILS_PER_REGION),
        channels: section.scalar_or_default(&keys::CHANNELS),
        tags: section.scalar_or_default(&keys::TAGS),
        changes_per_second: section.scalar_or_default(&keys::CHANGES_PER_SECOND),
        lookups_per_second: section.scalar_or_default(&keys::LOOKUPS_PER_SECOND),
    }
}

fn unreadable(name: &str, error: &std::io::Error, others: Option<ConfigError>) -> ConfigError {
    let mistake = Mistake {
        place: Place::File(name.into(), None),
        key: String::new(),
        found: None,
        why: format!("cannot be read: {error}"),
    };
    let others = others.into_iter().flat_map(|error| error.mistakes);
    ConfigError { mistakes: std::iter::once(mistake).chain(others).collect() }
}

/// The XDG Base Directory Specification: a relative `XDG_DATA_HOME` is ignored.
fn default_data_dir(environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let shared = named(environment, "XDG_DATA_HOME").filter(|path| path.is_absolute());
    let home = || named(environment, "HOME").map(|home| home.join(".local/share"));
    shared.or_else(home).map(|folder| folder.join("cairn"))
}

fn named(environment: &[(OsString, OsString)], name: &str) -> Option<PathBuf> {
    let (_, value) = environment.iter().find(|(variable, _)| variable == name)?;
    (!value.is_empty()).then(|| value.into())
}
