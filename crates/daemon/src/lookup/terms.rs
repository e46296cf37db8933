//! The words of a lookup: attributes, categories, moments, as people write them.

use history::Attribute;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::{Category, Timestamp};

/// Attributes of a lookup.
pub const ATTRIBUTES_MAX: usize = 10;
/// Characters of a value.
const VALUE_CHARACTERS_MAX: usize = 2000;
/// What categories there are, for messages.
pub const CATEGORIES: &str =
    "management, data, insight, networkactivity, aggregated, activityauditlog";

/// An attribute by its name in the API, in any case, hyphens passed over: `EventName`, `eventName`,
/// `event-name`.
#[must_use]
pub fn attribute(name: &str) -> Option<Attribute> {
    let plain = name.replace('-', "");
    Attribute::ALL.into_iter().find(|one| one.name().eq_ignore_ascii_case(&plain))
}

/// A category by its name in records, in any case.
#[must_use]
pub fn category(name: &str) -> Option<Category> {
    const ALL: [Category; 8] = [
        Category::Management,
        Category::Data,
        Category::NetworkActivity,
        Category::Insight,
        Category::Aggregated,
        Category::ActivityAuditLog,
        Category::ConfigurationItem,
        Category::Evidence,
    ];
    ALL.into_iter().find(|one| one.name().eq_ignore_ascii_case(name))
}

/// Whether an attribute can have a value.
///
/// # Errors
/// What is wrong with it, and what is right.
pub fn check_value(attribute: Attribute, value: &str) -> Result<(), String> {
    let name = attribute.name();
    if attribute == Attribute::ReadOnly && !matches!(value, "true" | "false") {
        return Err(format!("{name} is {value:?}; expected true or false"));
    }
    let length = value.chars().count();
    if length == 0 || length > VALUE_CHARACTERS_MAX {
        return Err(format!(
            "the value of {name} has {length} characters; expected 1 to {VALUE_CHARACTERS_MAX}"
        ));
    }
    Ok(())
}

/// A moment: RFC 3339, without an offset UTC; or a day, its beginning in UTC.
#[must_use]
pub fn moment(text: &str) -> Option<Timestamp> {
    if let Some(moment) = Timestamp::parse(text) {
        return Some(moment);
    }
    let moment = match text.parse::<Date>() {
        Ok(day) if text.len() == 10 => day.to_zoned(TimeZone::UTC).ok()?.timestamp(),
        _ => text.parse::<jiff::Timestamp>().ok()?,
    };
    Some(Timestamp::from_millis(moment.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_known_however_they_are_spelt() {
        for attribute in Attribute::ALL {
            assert_eq!(super::attribute(attribute.name()), Some(attribute));
        }
        assert_eq!(attribute("access-key-id"), Some(Attribute::AccessKeyId));
        assert_eq!(attribute("readOnly"), Some(Attribute::ReadOnly));
        assert_eq!(attribute("eventname"), Some(Attribute::EventName));
        assert_eq!(attribute("event"), None);
    }

    #[test]
    fn moments_have_an_offset_or_are_in_utc() {
        for (text, expected) in [
            ("2026-03-09T14:05:00Z", Some("2026-03-09T14:05:00Z")),
            ("2026-03-09T14:05:00+02:00", Some("2026-03-09T12:05:00Z")),
            ("2026-03-09T14:05:00.250-01:00", Some("2026-03-09T15:05:00Z")),
            ("2026-03-09T14:05:00", Some("2026-03-09T14:05:00Z")),
            ("2026-03-09 14:05:00", Some("2026-03-09T14:05:00Z")),
            ("2026-03-09", Some("2026-03-09T00:00:00Z")),
            ("2026-02-30", None),
            ("14:05", None),
            ("yesterday", None),
            ("1773065100", None),
            ("", None),
        ] {
            let found = moment(text).map(Timestamp::to_iso_seconds);
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn values_are_bounded() {
        assert_eq!(check_value(Attribute::ReadOnly, "true"), Ok(()));
        assert!(check_value(Attribute::ReadOnly, "True").is_err());
        assert_eq!(check_value(Attribute::Username, &"é".repeat(2000)), Ok(()));
        assert!(check_value(Attribute::Username, &"é".repeat(2001)).is_err());
        assert!(check_value(Attribute::Username, "").is_err());
    }
}
