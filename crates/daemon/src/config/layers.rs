//! What stands above the file: the environment, then the flags.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::keys;
use super::mistake::{Mistake, Place, nearest, shown};

/// Values given on the command line, as they were typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--data-dir`
    pub data_dir: Option<String>,
    /// `--accounts-key`
    pub accounts_key: Option<String>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--interval`
    pub interval: Option<String>,
    /// `--log-format`
    pub log_format: Option<String>,
    /// `--log-level`
    pub log_level: Option<String>,
}

/// A text given for a key outside the file.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) place: Place,
    pub(super) text: String,
}

/// For each key what was given for it, the weakest first.
#[derive(Debug, Default)]
pub(super) struct Layers {
    given: BTreeMap<&'static str, Vec<Given>>,
}

impl Layers {
    /// Sorts variables and flags by key. A variable that begins with `CAIRN_` and has no key is a
    /// mistake; its value, which could be anything, is not repeated. An empty one is not set.
    pub(super) fn new<K: Into<OsString>, V: Into<OsString>>(
        environment: impl IntoIterator<Item = (K, V)>,
        flags: &Flags,
        mistakes: &mut Vec<Mistake>,
    ) -> Layers {
        let mut layers = Layers::default();
        for (name, value) in environment {
            let name = name.into().to_string_lossy().into_owned();
            let value = value.into();
            if name.starts_with("CAIRN_") && !keys::is_other(&name) && !value.is_empty() {
                mistakes.extend(layers.variable(&name, value));
            }
        }
        layers.flags(flags);
        layers
    }

    /// What was given for a key, the weakest first.
    pub(super) fn of(&self, key: &str) -> &[Given] {
        self.given.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    fn variable(&mut self, name: &str, value: OsString) -> Option<Mistake> {
        let place = Place::Variable(shown(name));
        let keys = keys::all();
        let Some(key) = keys.iter().find(|key| key.variable == name) else {
            let why = match nearest(name, keys.iter().map(|key| key.variable.as_str())) {
                Some(variable) => format!("unknown variable; did you mean {variable}?"),
                None => "unknown variable; unset it, or set the key in the file".into(),
            };
            return Some(Mistake { place, key: String::new(), found: None, why });
        };
        match value.into_string() {
            Ok(text) => self.given.entry(key.name).or_default().push(Given { place, text }),
            Err(value) => {
                let found = Some(format!("{:?}", shown(&value.to_string_lossy())));
                let why = format!("not UTF-8; expected {}", key.allowed);
                return Some(Mistake { place, key: key.name.into(), found, why });
            }
        }
        None
    }

    fn flags(&mut self, flags: &Flags) {
        for (key, flag, text) in [
            (keys::DATA_DIR.name, "--data-dir", &flags.data_dir),
            (keys::ACCOUNTS_KEY.name, "--accounts-key", &flags.accounts_key),
            (keys::LISTEN.name, "--listen", &flags.listen),
            (keys::INTERVAL.name, "--interval", &flags.interval),
            (keys::LOG_FORMAT.name, "--log-format", &flags.log_format),
            (keys::LOG_LEVEL.name, "--log-level", &flags.log_level),
        ] {
            if let Some(text) = text.clone() {
                let given = Given { place: Place::Flag(flag), text };
                self.given.entry(key).or_default().push(given);
            }
        }
    }
}
