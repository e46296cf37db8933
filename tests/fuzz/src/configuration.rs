//! The configuration: mistakes name their key and are shown on a terminal; what is sound the registry
//! takes.

use std::path::Path;
use std::sync::Arc;

use daemon::config::{Auth, Flags, Place, Settings};
use disk::SimulatedDisk;
use model::Timestamp;
use trails::Registry;

use crate::Target;

/// The file; behind a zero byte each, variables of the environment.
pub const CONFIGURATION: Target =
    Target { name: "configuration", run: configuration, seeds, words: WORDS, short_runs: 3_000 };

const WORDS: &[&str] = &[
    "[[trails]]\n",
    "[journal]\n",
    "[delivery]\n",
    "[log]\n",
    "[[channels]]\n",
    "[organization]\n",
    "name = \"a-b\"\n",
    "account = \"111111111111\"\n",
    "region = \"eu-west-1\"\n",
    "bucket = ",
    "\"64MiB\"",
    "\"30d\"",
    "0x7fffffffffffffff",
    "-0",
    "nan",
    "1979-05-27",
    "{}",
    "[]",
    "'''",
    "\"\"\"",
    "\\u0000",
    "\\U0001F600",
    "a.b.c = 1\n",
    "=",
    "#",
    "\n",
    "\0CAIRN_LISTEN=",
    "\0CAIRN_",
    "127.0.0.1:0",
    "multi_region = true\n",
    "advanced_event_selectors = ",
];

fn seeds() -> Vec<Vec<u8>> {
    let full = r#"
data_dir = "/data"
listen = "127.0.0.1:4580"
[journal]
segment_size = "4MiB"
quota = "64MiB"
[delivery]
interval = "30s"
compression_level = 6
[[accounts]]
id = "111111111111"
[organization]
id = "o-abc123defg"
management_account = "111111111111"
members = ["222222222222"]
[[trails]]
name = "all"
account = "111111111111"
region = "eu-west-1"
bucket = "logs"
multi_region = true
organization = true
topic = "news"
kms_key = "alias/a"
[[trails.advanced_event_selectors]]
Name = "data"
[[trails.advanced_event_selectors.FieldSelectors]]
Field = "eventCategory"
Equals = ["Data"]
[[channels]]
name = "shop"
account = "111111111111"
region = "eu-west-1"
[[fanout]]
topic = "arn:aws:sns:eu-west-1:111111111111:news"
queues = [{ name = "audit", raw = true }]
"#;
    let variables = "listen = \"[::1]:0\"\0CAIRN_LISTEN=127.0.0.1:1\0CAIRN_JOURNAL_QUOTA=1GiB";
    [full, "", variables, "trails = 1\nbucket = 2\n[journal]\nquot = 1"]
        .map(|text| text.as_bytes().to_vec())
        .into()
}

fn configuration(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let mut parts = input.split('\0');
    let text = parts.next().unwrap_or_default();
    let variables: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
    let data_dir = Some(Path::new("/data"));
    let parsed =
        Settings::parse(text, "cairn.toml", variables.clone(), &Flags::default(), data_dir);
    let settings = match parsed {
        Ok(settings) => settings,
        Err(error) => {
            assert!(!error.mistakes.is_empty());
            for mistake in &error.mistakes {
                let is_named = match &mistake.place {
                    Place::Variable(name) => !name.is_empty(),
                    _ => !mistake.key.is_empty() || mistake.why.starts_with("not TOML: "),
                };
                assert!(is_named, "names what to correct: {mistake}");
                assert!(!mistake.why.is_empty());
                let shown = mistake.to_string();
                assert!(!shown.chars().any(|char| char.is_control() && char != '\n'), "{shown:?}");
            }
            return;
        }
    };
    let is_believed = settings.auth == Auth::Localstack;
    assert!(!is_believed || settings.listen.ip().is_loopback(), "nobody else is believed");
    let journal = &settings.journal;
    assert!(journal.segment_bytes >= 1 << 20);
    assert!(journal.quota_bytes >= 4 * journal.segment_bytes);
    let mut registry =
        Registry::open(Arc::new(SimulatedDisk::new())).expect("nothing is there yet");
    let definitions = settings.definitions.clone();
    registry.apply(definitions, Timestamp::EPOCH).expect("what is sound is taken");
    let again = Settings::parse(text, "cairn.toml", variables, &Flags::default(), data_dir);
    assert_eq!(again.ok(), Some(settings));
}
