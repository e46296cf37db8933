//! Texts that stand for sizes, durations and other scalars.
//!
//! | kind | written | means |
//! | --- | --- | --- |
//! | size | `67108864`, `"64MiB"`, `"50MB"` | bytes; KiB, MiB, GiB, TiB by 1024, kB, MB, GB, TB by 1000 |
//! | duration | `"500ms"`, `"90s"`, `"5m"`, `"1h"`, `"30d"` | one number and one unit |
//! | categories | `"Management, Data"` | names of `eventCategory`, with commas between them |
//! | count | `16`, `1_000_000` | a whole number |

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::Category;

/// Units of sizes; the larger first, for [`show_size`].
const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];
const DURATIONS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A number of bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let unit = if unit.is_empty() { "B" } else { unit };
    in_units(number, unit, &SIZES)
}

/// A duration with its unit (ms, s, m, h, d), to the millisecond.
pub fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    in_units(number, unit, &DURATIONS).map(Duration::from_millis)
}

/// A duration of whole seconds.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    duration(text).filter(|duration| duration.subsec_nanos() == 0)
}

/// A whole number.
pub(super) fn count<T: TryFrom<u64>>(text: &str) -> Option<T> {
    let (number, unit) = split(text)?;
    T::try_from(number).ok().filter(|_| unit.is_empty())
}

/// Categories, with commas between them; an empty text is none.
pub(super) fn categories(text: &str) -> Option<Vec<Category>> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let mut categories: Vec<Category> = names.map(Category::from_name).collect::<Option<_>>()?;
    categories.sort();
    categories.dedup();
    Some(categories)
}

/// An address and a port.
pub(super) fn address(text: &str) -> Option<SocketAddr> {
    text.parse().ok()
}

/// An address and a port; an empty text is none.
pub(super) fn address_or_none(text: &str) -> Option<Option<SocketAddr>> {
    if text.is_empty() { Some(None) } else { address(text).map(Some) }
}

/// A folder or a file. `~` would become one of that name, so it is refused.
pub(super) fn folder(text: &str) -> Option<PathBuf> {
    let usable = !text.is_empty() && !text.starts_with('~') && !text.contains('\0');
    usable.then(|| Path::new(text).to_owned())
}

/// A size in the largest unit that divides it.
pub(super) fn show_size(bytes: u64) -> String {
    let divides = |(_, unit): &&(&str, u64)| bytes.is_multiple_of(*unit);
    let (unit, factor) = SIZES.iter().find(divides).expect("one divides every number");
    format!("{}{unit}", bytes / factor)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '_').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let number = digits.replace('_', "").parse().ok()?;
    Some((number, unit.trim_start()))
}

fn in_units(number: u64, unit: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_1024_and_of_1000() {
        for (text, expected) in [
            ("0", Some(0)),
            ("4096", Some(4096)),
            ("64MiB", Some(64 << 20)),
            ("64 MiB", Some(64 << 20)),
            ("50MB", Some(50_000_000)),
            ("1_000kB", Some(1_000_000)),
            ("2TiB", Some(2 << 40)),
            ("", None),
            ("MiB", None),
            ("-1", None),
            ("1.5GiB", None),
            ("64mib", None),
            ("64M", None),
            ("18446744073709551615KiB", None),
            ("18446744073709551616", None),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_need_their_unit() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("90s", Some(90_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("30d", Some(2_592_000_000)),
            ("5", None),
            ("1h30m", None),
            ("5min", None),
            ("5M", None),
            ("", None),
        ] {
            assert_eq!(duration(text), expected.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn counts_have_no_unit_and_fit_their_type() {
        assert_eq!(count::<usize>("1_000_000"), Some(1_000_000));
        assert_eq!(count::<u32>("4294967296"), None);
        assert_eq!(count::<u32>("16 files"), None);
    }

    #[test]
    fn categories_are_told_apart_by_commas() {
        let insight = Category::Insight;
        assert_eq!(categories(""), Some(Vec::new()));
        assert_eq!(
            categories("Insight, Management,Insight"),
            Some(vec![Category::Management, insight])
        );
        assert_eq!(categories("management"), None, "as eventCategory writes it");
        assert_eq!(categories("Data Insight"), None);
    }

    #[test]
    fn a_home_folder_is_not_guessed() {
        assert_eq!(folder("~/cairn"), None);
        assert_eq!(folder(""), None);
        assert_eq!(folder("data"), Some("data".into()));
    }

    #[test]
    fn sizes_are_shown_in_their_largest_unit() {
        for (bytes, expected) in
            [(4 << 30, "4GiB"), (50_000_000, "50MB"), (1025, "1025B"), (3 << 10, "3KiB")]
        {
            assert_eq!(show_size(bytes), expected);
        }
    }
}
