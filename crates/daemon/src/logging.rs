//! The daemon's log: to stderr, for people on a terminal, as JSON lines elsewhere.
//!
//! A JSON line holds `timestamp`, `level`, `target`, `message`, the event's fields, and the spans
//! around it under `spans`. Colour is used only on a terminal, and not when `NO_COLOR` is set
//! (<https://no-color.org>: to anything but nothing).

use std::fmt;
use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing::subscriber::SetGlobalDefaultError;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogFormat {
    /// Human on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// How much is logged: a level, and levels for some targets, such as `info,cairn_delivery=debug`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogLevel(String);

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Human { colour: bool },
    Json,
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl LogFormat {
    /// The format of a name: `auto`, `human` or `json`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<LogFormat> {
        match name {
            "auto" => Some(LogFormat::Auto),
            "human" => Some(LogFormat::Human),
            "json" => Some(LogFormat::Json),
            _ => None,
        }
    }

    fn style(self, is_terminal: bool, no_colour: bool) -> Style {
        match self {
            LogFormat::Json => Style::Json,
            LogFormat::Auto if !is_terminal => Style::Json,
            LogFormat::Auto | LogFormat::Human => {
                Style::Human { colour: is_terminal && !no_colour }
            }
        }
    }
}

impl LogLevel {
    /// What is allowed, to follow "expected".
    pub const EXPECTED: &'static str =
        "off, error, warn, info, debug or trace, and TARGET=LEVEL after commas";

    /// The directives of a text. `tracing` reads a word that is no level as a target that logs
    /// everything, so a misspelt level would silence the rest: here it is refused.
    #[must_use]
    pub fn parse(text: &str) -> Option<LogLevel> {
        let is_level = |text: &str| LEVELS.contains(&text.to_lowercase().as_str());
        let is_clear = |directive: &str| match directive.rsplit_once('=') {
            Some((target, level)) => !target.is_empty() && is_level(level),
            None => is_level(directive),
        };
        let is_valid = text.split(',').all(is_clear) && filter(text).is_some();
        is_valid.then(|| LogLevel(text.into()))
    }

    /// The directives.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

/// Starts the log of this process; fails when it was started before.
pub fn init(format: LogFormat, level: &LogLevel) -> Result<(), SetGlobalDefaultError> {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let style = format.style(io::stderr().is_terminal(), no_colour);
    tracing::subscriber::set_global_default(subscriber(style, level, io::stderr))
}

fn subscriber(
    style: Style,
    level: &LogLevel,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> Box<dyn Subscriber + Send + Sync> {
    let filter = filter(&level.0).expect("the directives were checked when they were parsed");
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match style {
        Style::Human { colour } => Box::new(builder.with_ansi(colour).finish()),
        Style::Json => {
            Box::new(builder.json().flatten_event(true).with_current_span(false).finish())
        }
    }
}

/// Values in directives are compared as they are: a regular expression could cost any time.
fn filter(directives: &str) -> Option<EnvFilter> {
    EnvFilter::builder().with_regex(false).parse(directives).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(style: Style, level: &str) -> String {
        let memory = Memory::default();
        let writer = memory.clone();
        let level = LogLevel::parse(level).unwrap();
        let subscriber = subscriber(style, &level, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("deliver", batch = 7);
            let _entered = span.enter();
            tracing::info!(size_bytes = 12, "file delivered");
            tracing::debug!("too small to be logged");
        });
        String::from_utf8(memory.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_terminal_gets_text_and_everything_else_json() {
        for (format, is_terminal, no_colour, style) in [
            (LogFormat::Auto, true, false, Style::Human { colour: true }),
            (LogFormat::Auto, true, true, Style::Human { colour: false }),
            (LogFormat::Auto, false, false, Style::Json),
            (LogFormat::Human, false, false, Style::Human { colour: false }),
            (LogFormat::Human, true, false, Style::Human { colour: true }),
            (LogFormat::Json, true, false, Style::Json),
        ] {
            assert_eq!(format.style(is_terminal, no_colour), style, "{format:?} {is_terminal}");
        }
    }

    #[test]
    fn a_json_line_carries_message_fields_and_spans() {
        let text = logged(Style::Json, "info");
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(line["message"], "file delivered");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["size_bytes"], 12);
        assert_eq!(line["spans"][0]["batch"], 7);
        assert!(line["timestamp"].is_string() && line["target"].is_string());
    }

    #[test]
    fn colour_appears_only_where_it_is_wanted() {
        let plain = logged(Style::Human { colour: false }, "info");
        assert!(plain.contains("deliver{batch=7}") && plain.contains("size_bytes=12"), "{plain}");
        assert!(!plain.contains('\u{1b}'));
        assert!(logged(Style::Human { colour: true }, "info").contains('\u{1b}'));
    }

    #[test]
    fn a_level_is_a_level_and_not_a_target_by_mistake() {
        for text in ["info", "WARN", "off", "warn,cairn_daemon=debug", "info,x[span{f=1}]=trace"] {
            assert!(LogLevel::parse(text).is_some(), "{text}");
        }
        for text in ["", "inof", "info,", "info,cairn_daemon", "cairn=loud", "=info", "info debug"]
        {
            assert!(LogLevel::parse(text).is_none(), "{text}");
        }
        assert!(logged(Style::Json, "warn").is_empty());
    }
}
