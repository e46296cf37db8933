//! What is wrong with a configuration: where, which key, what was found and what is allowed.

use std::fmt;

/// Where a value was written. Mistakes are listed in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The file, and the line where there is one.
    File(String, Option<usize>),
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
    /// Nowhere: the value is missing.
    Nowhere,
}

/// One thing to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it is.
    pub place: Place,
    /// The key, such as `trails[2].bucket`; empty when the whole file is meant.
    pub key: String,
    /// The value as it was written, cut to one short line.
    pub found: Option<String>,
    /// What is allowed instead.
    pub why: String,
}

/// A configuration that cannot be used, with all that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The mistakes, in the order of their places; never empty.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(name, Some(line)) => write!(formatter, "{name}:{line}: "),
            Place::File(name, None) => write!(formatter, "{name}: "),
            Place::Variable(name) => write!(formatter, "{name}: "),
            Place::Flag(name) => write!(formatter, "{name}: "),
            Place::Nowhere => Ok(()),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.place, self.key)?;
        if let Some(found) = &self.found {
            write!(formatter, " = {found}")?;
        }
        let colon = if self.key.is_empty() { "" } else { ": " };
        write!(formatter, "{colon}{}", self.why)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistakes.len() {
            1 => writeln!(formatter, "the configuration has 1 mistake:")?,
            count => writeln!(formatter, "the configuration has {count} mistakes:")?,
        }
        for mistake in &self.mistakes {
            writeln!(formatter, "  {mistake}")?;
        }
        formatter.write_str(
            "Nothing was started or changed. Correct this and try again; deploy/cairn.toml shows \
             every key, its default and what is allowed.",
        )
    }
}

/// A value as it was written, on one line of at most 100 characters.
pub(super) fn shown(written: &str) -> String {
    let line = written.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(100).flat_map(printable).collect();
    if cut.len() < written.len() { format!("{cut}…") } else { cut }
}

fn printable(char: char) -> impl Iterator<Item = char> {
    let escaped = char.is_control().then(|| char.escape_default());
    let plain = escaped.is_none().then_some(char);
    escaped.into_iter().flatten().chain(plain)
}

/// The candidate that was probably meant: few letters differ, or only case and hyphens do.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let name = plain(name);
    let with_distance = |candidate: &'a str| (distance(&name, &plain(candidate)), candidate);
    let (distance, candidate) = candidates.into_iter().map(with_distance).min()?;
    (distance <= 1 + name.chars().count() / 4).then_some(candidate)
}

/// Letters to insert, remove or replace (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, left) in one.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, right) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_its_neighbour_and_a_foreign_one_none() {
        let names = ["bucket", "multi_region", "name", "topic"];
        for (name, expected) in [
            ("buckets", Some("bucket")),
            ("Bucket", Some("bucket")),
            ("multi-region", Some("multi_region")),
            ("is_multi_region", Some("multi_region")),
            ("tpoic", Some("topic")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, names), expected, "{name}");
        }
    }

    #[test]
    fn a_shown_value_is_one_short_line() {
        assert_eq!(shown("\"a\\u0000\""), "\"a\\u0000\"");
        assert_eq!(shown("[\n1]"), "[…");
        assert_eq!(shown("a\u{1b}[31m"), "a\\u{1b}[31m");
        assert_eq!(shown(&"é".repeat(300)), format!("{}…", "é".repeat(100)));
    }
}
