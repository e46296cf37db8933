//! Figures: `name value unit`, one a line on stdout. Their names are stable; others parse them.

use std::io::Write;

use anyhow::Result;

/// What was asked for on the command line.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Short runs: the figures are rough, the checks are the same.
    pub is_quick: bool,
    /// Texts, one of which a figure's name must hold, with a full stop behind the name (so that
    /// `single.c1.` is not `single.c16`); none asks for all.
    pub filters: Vec<String>,
    /// How many events the history has that is looked up.
    pub events: Option<u64>,
}

impl Wanted {
    /// Whether one of these figures was asked for.
    #[must_use]
    pub fn any(&self, names: &[String]) -> bool {
        let is_wanted = |name: &String| {
            let name = format!("{name}.");
            self.filters.iter().any(|filter| name.contains(filter))
        };
        self.filters.is_empty() || names.iter().any(is_wanted)
    }

    /// One of two values: for a short run, or for a whole one.
    #[must_use]
    pub fn pick<T>(&self, quick: T, whole: T) -> T {
        if self.is_quick { quick } else { whole }
    }
}

/// Prints a figure.
#[allow(clippy::print_stdout)] // figures are what this program is for
pub fn figure(name: &str, value: f64, unit: &str) -> Result<()> {
    let value = match value.abs() {
        100.0.. => format!("{value:.0}"),
        _ => format!("{value:.3}"),
    };
    println!("{name} {value} {unit}");
    Ok(std::io::stdout().flush()?)
}

/// Says on stderr what goes on.
#[allow(clippy::print_stderr)] // for the person who waits
pub fn say(text: &str) {
    eprintln!("# {text}");
}
