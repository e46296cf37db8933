//! The scalar keys: one table for the file, the environment and the documentation.
//!
//! A key `delivery.interval` is `interval` under `[delivery]` in the file and
//! `CAIRN_DELIVERY_INTERVAL` in the environment. Keys of lists (trails, channels, …) exist in the
//! file only.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use model::Category;

use super::{Auth, DigestsKmsKey, values};
use crate::logging::{LogFormat, LogLevel};

/// Variables that begin with `CAIRN_` and are not keys: the file's own name, and what tests and
/// scripts read.
const OTHER_VARIABLES: [&str; 5] =
    ["CAIRN_BINARY", "CAIRN_CONFIG", "CAIRN_ENDPOINT", "CAIRN_LOCALSTACK_PORT", "CAIRN_PYTHON"];
const OTHER_PREFIXES: [&str; 4] = ["CAIRN_TEST_", "CAIRN_CACHE", "CAIRN_CORPUS", "CAIRN_SKIP_"];

/// A scalar key.
#[derive(Debug)]
pub(super) struct Key<T: 'static> {
    /// The key with its section: `delivery.interval`.
    pub(super) name: &'static str,
    /// The value without one, as the file writes it.
    pub(super) default: &'static str,
    /// The smallest and the largest value, as the file writes them.
    pub(super) limits: Option<[&'static str; 2]>,
    kind: Kind<T>,
    meaning: &'static str,
}

/// How a kind of value is written.
#[derive(Debug)]
struct Kind<T: 'static> {
    form: Form,
    expected: &'static str,
    parse: fn(&str) -> Option<T>,
}

/// What TOML calls the value. Variables and flags are texts whatever the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Integer,
    Either,
}

/// A key for people: what documentation says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The key with its section: `delivery.interval`.
    pub name: &'static str,
    /// Its variable: `CAIRN_DELIVERY_INTERVAL`.
    pub variable: String,
    /// The value without one.
    pub default: &'static str,
    /// What is allowed.
    pub allowed: String,
    /// What it does.
    pub meaning: &'static str,
}

const ADDRESS: Kind<SocketAddr> = Kind {
    form: Form::Text,
    expected: "an IP address and a port, such as 127.0.0.1:4580 or [::1]:4580",
    parse: values::address,
};
const ADDRESS_OR_NONE: Kind<Option<SocketAddr>> = Kind {
    form: Form::Text,
    expected: "an IP address and a port, such as 10.0.0.5:9580, or \"\" for none",
    parse: values::address_or_none,
};
const FOLDER: Kind<PathBuf> = Kind {
    form: Form::Text,
    expected: "a folder's path (~ and variables are not expanded)",
    parse: values::folder,
};
const FILE: Kind<PathBuf> = Kind {
    form: Form::Text,
    expected: "a file's path, from data_dir on if it is relative (~ and variables are not expanded)",
    parse: values::folder,
};
const SIZE: Kind<u64> = Kind {
    form: Form::Either,
    expected: "a size, such as 64MiB, 50MB or a number of bytes,",
    parse: values::size,
};
const DURATION: Kind<Duration> = Kind {
    form: Form::Text,
    expected: "a duration with its unit (ms, s, m, h, d)",
    parse: values::duration,
};
const SECONDS: Kind<Duration> = Kind {
    form: Form::Text,
    expected: "a duration of whole seconds with its unit (s, m, h, d)",
    parse: values::seconds,
};
const COUNT: Kind<usize> =
    Kind { form: Form::Integer, expected: "a whole number", parse: values::count };

pub(super) const DATA_DIR: Key<PathBuf> = Key {
    name: "data_dir",
    default: "$XDG_DATA_HOME/cairn or ~/.local/share/cairn",
    limits: None,
    kind: FOLDER,
    meaning: "Where the journal, the trails and undeliverable files are kept.",
};
pub(super) const LISTEN: Key<SocketAddr> = Key {
    name: "listen",
    default: "\"127.0.0.1:4580\"",
    limits: None,
    kind: ADDRESS,
    meaning: "Where the API, intake, health and metrics answer.",
};
pub(super) const OPS_LISTEN: Key<Option<SocketAddr>> = Key {
    name: "ops_listen",
    default: "\"\"",
    limits: None,
    kind: ADDRESS_OR_NONE,
    meaning: "Where health and metrics answer in full whoever asks; at listen only this machine is told.",
};
pub(super) const AUTH: Key<Auth> = Key {
    name: "auth",
    default: "\"sigv4\"",
    limits: None,
    kind: Kind {
        form: Form::Text,
        expected: "\"sigv4\" or \"localstack\"",
        parse: Auth::from_name,
    },
    meaning: "How callers prove who they are: by signatures; \"localstack\" believes any access key.",
};
pub(super) const ACCOUNTS_KEY: Key<PathBuf> = Key {
    name: "accounts_key",
    default: "\"accounts.key\"",
    limits: None,
    kind: FILE,
    meaning: "The key that the secrets of access keys are encrypted with; cairn account makes it.",
};
pub(super) const SEGMENT_SIZE: Key<u64> = Key {
    name: "journal.segment_size",
    default: "\"64MiB\"",
    limits: Some(["1MiB", "256MiB"]),
    kind: SIZE,
    meaning: "Size at which a journal segment is sealed and its events go out. One segment is held in memory.",
};
pub(super) const QUOTA: Key<u64> = Key {
    name: "journal.quota",
    default: "\"8GiB\"",
    limits: Some(["4MiB", "1024TiB"]),
    kind: SIZE,
    meaning: "Disk for the journal, at least 4 segments; when it is full, events are refused.",
};
pub(super) const DEDUP_WINDOW: Key<usize> = Key {
    name: "journal.dedup_window",
    default: "1_000_000",
    limits: Some(["0", "50_000_000"]),
    kind: COUNT,
    meaning: "Events among which one that is sent again is known; the newer half of them at least.",
};
pub(super) const INTERVAL: Key<Duration> = Key {
    name: "delivery.interval",
    default: "\"5m\"",
    limits: Some(["1s", "1h"]),
    kind: DURATION,
    meaning: "Longest time that an event waits before its log file is made.",
};
pub(super) const CONCURRENCY: Key<usize> = Key {
    name: "delivery.concurrency",
    default: "16",
    limits: Some(["1", "256"]),
    kind: COUNT,
    meaning: "Uploads in flight per bucket.",
};
pub(super) const SPILL_MAX: Key<u64> = Key {
    name: "delivery.spill_max",
    default: "\"4GiB\"",
    limits: Some(["1MiB", "1024TiB"]),
    kind: SIZE,
    meaning: "Disk for the files that a bucket refuses, for each trail and bucket.",
};
pub(super) const RETRY_FOR: Key<Duration> = Key {
    name: "delivery.retry_for",
    default: "\"30d\"",
    limits: Some(["1h", "365d"]),
    kind: DURATION,
    meaning: "How long a refused file is tried again.",
};
pub(super) const COMPRESSION_LEVEL: Key<u32> = Key {
    name: "delivery.compression_level",
    default: "6",
    limits: Some(["1", "9"]),
    kind: Kind { form: Form::Integer, expected: "a whole number", parse: values::count },
    meaning: "Effort of gzip: 1 is fastest, 9 is smallest.",
};
pub(super) const DIGEST_INTERVAL: Key<Duration> = Key {
    name: "digests.interval",
    default: "\"1h\"",
    limits: Some(["1s", "24h"]),
    kind: SECONDS,
    meaning: "The time that a digest of a trail with log_file_validation is of; readers expect an hour.",
};
pub(super) const KEY_VALIDITY: Key<Duration> = Key {
    name: "digests.key_validity",
    default: "\"30d\"",
    limits: Some(["1d", "365d"]),
    kind: DURATION,
    meaning: "How long a key that signs digests is valid; keys overlap by a day.",
};
pub(super) const DIGESTS_KMS_KEY: Key<DigestsKmsKey> = Key {
    name: "digests.kms_key",
    default: "\"\"",
    limits: None,
    kind: Kind {
        form: Form::Text,
        expected: "a KMS key's ARN, id or alias, \"\" for none, or \"none\" to go on without the one before",
        parse: DigestsKmsKey::parse,
    },
    meaning: "The KMS key that encrypts the private keys that sign digests.",
};
pub(super) const HISTORY_CATEGORIES: Key<Vec<Category>> = Key {
    name: "history.categories",
    default: "\"Management, Insight\"",
    limits: None,
    kind: Kind {
        form: Form::Text,
        expected: "categories with commas between them (Management, Data, NetworkActivity, Insight, Aggregated, ActivityAuditLog), or \"\" for none",
        parse: values::categories,
    },
    meaning: "Which events are kept in the history, whatever the trails say.",
};
pub(super) const HISTORY_RETENTION: Key<Duration> = Key {
    name: "history.retention",
    default: "\"90d\"",
    limits: Some(["1d", "36500d"]),
    kind: DURATION,
    meaning: "How long events are kept after their eventTime.",
};
pub(super) const HISTORY_MEMORY: Key<u64> = Key {
    name: "history.memory",
    default: "\"256MiB\"",
    limits: Some(["1MiB", "1TiB"]),
    kind: SIZE,
    meaning: "Memory for events that are in no file of the history yet; beyond it they are found later.",
};
pub(super) const TRAILS_PER_REGION: Key<usize> = Key {
    name: "quotas.trails_per_region",
    default: "5",
    limits: Some(["1", "10_000"]),
    kind: COUNT,
    meaning: "Trails that an account may make in a Region; one of all Regions counts in each.",
};
pub(super) const CHANNELS: Key<usize> = Key {
    name: "quotas.channels",
    default: "25",
    limits: Some(["1", "10_000"]),
    kind: COUNT,
    meaning: "Channels that an account may make in a Region.",
};
pub(super) const TAGS: Key<usize> = Key {
    name: "quotas.tags",
    default: "50",
    limits: Some(["1", "200"]),
    kind: COUNT,
    meaning: "Tags of a trail or a channel.",
};
pub(super) const CHANGES_PER_SECOND: Key<u32> = Key {
    name: "quotas.changes_per_second",
    default: "10",
    limits: Some(["1", "10_000"]),
    kind: Kind { form: Form::Integer, expected: "a whole number", parse: values::count },
    meaning: "Changes that an account may make by the API in a second; ten times as many at once.",
};
pub(super) const LOOKUPS_PER_SECOND: Key<u32> = Key {
    name: "quotas.lookups_per_second",
    default: "0",
    limits: Some(["0", "10_000"]),
    kind: Kind { form: Form::Integer, expected: "a whole number", parse: values::count },
    meaning: "Lookups of events that an account may make in a Region in a second; 0 is as many as come. AWS allows 2.",
};
pub(super) const LOG_FORMAT: Key<LogFormat> = Key {
    name: "log.format",
    default: "\"auto\"",
    limits: None,
    kind: Kind {
        form: Form::Text,
        expected: "\"auto\", \"human\" or \"json\"",
        parse: LogFormat::from_name,
    },
    meaning: "Form of the log on stderr; auto is human on a terminal and JSON elsewhere.",
};
pub(super) const LOG_LEVEL: Key<LogLevel> = Key {
    name: "log.level",
    default: "\"info\"",
    limits: None,
    kind: Kind { form: Form::Text, expected: LogLevel::EXPECTED, parse: LogLevel::parse },
    meaning: "How much is logged.",
};

/// Every scalar key, in the order of the sample file.
#[must_use]
pub fn all() -> [About; 26] {
    [
        DATA_DIR.about(),
        LISTEN.about(),
        OPS_LISTEN.about(),
        AUTH.about(),
        ACCOUNTS_KEY.about(),
        SEGMENT_SIZE.about(),
        QUOTA.about(),
        DEDUP_WINDOW.about(),
        INTERVAL.about(),
        CONCURRENCY.about(),
        SPILL_MAX.about(),
        RETRY_FOR.about(),
        COMPRESSION_LEVEL.about(),
        DIGEST_INTERVAL.about(),
        KEY_VALIDITY.about(),
        DIGESTS_KMS_KEY.about(),
        HISTORY_CATEGORIES.about(),
        HISTORY_RETENTION.about(),
        HISTORY_MEMORY.about(),
        TRAILS_PER_REGION.about(),
        CHANNELS.about(),
        TAGS.about(),
        CHANGES_PER_SECOND.about(),
        LOOKUPS_PER_SECOND.about(),
        LOG_FORMAT.about(),
        LOG_LEVEL.about(),
    ]
}

/// Whether a variable is Cairn's but no key.
pub(super) fn is_other(variable: &str) -> bool {
    OTHER_VARIABLES.contains(&variable)
        || OTHER_PREFIXES.iter().any(|prefix| variable.starts_with(prefix))
}

impl<T: PartialOrd> Key<T> {
    /// The value of a text; `None` when it is not one, or outside the limits.
    pub(super) fn parse(&self, text: &str) -> Option<T> {
        let value = (self.kind.parse)(text)?;
        let limit = |text| (self.kind.parse)(text).expect("limits are written as values are");
        let within =
            self.limits.is_none_or(|[low, high]| limit(low) <= value && value <= limit(high));
        within.then_some(value)
    }

    /// The value without one. [`DATA_DIR`] has none: it depends on the user.
    pub(super) fn default(&self) -> T {
        self.parse(self.default.trim_matches('"')).expect("defaults are allowed values")
    }

    /// What is allowed, to follow "expected".
    pub(super) fn allowed(&self) -> String {
        match self.limits {
            None => self.kind.expected.into(),
            Some([low, high]) => format!("{} from {low} to {high}", self.kind.expected),
        }
    }

    pub(super) fn form(&self) -> Form {
        self.kind.form
    }

    /// The key without its section.
    pub(super) fn leaf(&self) -> &'static str {
        self.name.rsplit('.').next().expect("a text has a last part")
    }

    fn about(&self) -> About {
        About {
            name: self.name,
            variable: format!("CAIRN_{}", self.name.replace('.', "_").to_uppercase()),
            default: self.default,
            allowed: self.allowed(),
            meaning: self.meaning,
        }
    }
}
