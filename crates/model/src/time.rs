//! Moments, as milliseconds since 1970-01-01T00:00:00Z, and the forms in which CloudTrail writes them.
//!
//! The crate reads no clock: a moment is always given by the caller.

use std::fmt;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A moment in UTC with millisecond precision.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// From milliseconds since 1970-01-01T00:00:00Z, clamped to the years 1 to 9998.
    #[must_use]
    pub fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis.clamp(-62_135_596_800_000, 253_370_764_800_000))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads the forms met in real records: `2026-05-04T03:02:01Z`, with or without a fraction, a
    /// blank in place of `T`, and without the closing `Z`. Anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Timestamp> {
        let civil = text.strip_suffix('Z').unwrap_or(text);
        if !is_civil(civil.as_bytes()) {
            return None;
        }
        let civil: DateTime = civil.parse().ok()?;
        let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
        Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
    }

    /// `2026-05-04T03:02:01Z`: how CloudTrail writes `eventTime`; the fraction is dropped.
    #[must_use]
    pub fn to_iso_seconds(self) -> String {
        self.civil().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// `20260504T0302Z`: the stamp in a log file's name.
    #[must_use]
    pub fn to_name_stamp(self) -> String {
        self.civil().strftime("%Y%m%dT%H%MZ").to_string()
    }

    /// `20260504T030201Z`: the stamp in a digest's name; the fraction is dropped.
    #[must_use]
    pub fn to_digest_stamp(self) -> String {
        self.civil().strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// `2026/05/04`: the date folders of an object key.
    #[must_use]
    pub fn to_date_folders(self) -> String {
        self.civil().strftime("%Y/%m/%d").to_string()
    }

    /// The next moment of the grid, or this one when it lies on it.
    #[must_use]
    pub fn round_up_to(self, grid: Duration) -> Timestamp {
        let grid = i64::try_from(grid.as_millis()).expect("a grid is minutes, not ages").max(1);
        let over = self.0.rem_euclid(grid);
        if over == 0 { self } else { Timestamp::from_millis(self.0 - over + grid) }
    }

    /// This moment, later by `by`.
    #[must_use]
    pub fn plus(self, by: Duration) -> Timestamp {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.0.saturating_add(by))
    }

    /// Time passed since `earlier`; zero when the clock was set back in between.
    #[must_use]
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    fn civil(self) -> DateTime {
        jiff::Timestamp::from_millisecond(self.0)
            .expect("construction clamps to what jiff can express")
            .to_zoned(TimeZone::UTC)
            .datetime()
    }
}

/// `dddd-dd-ddTdd:dd:dd`, or a blank for the `T`, and perhaps a fraction. Offsets and signs, which a
/// general parser takes, would be another moment than the one that is meant.
fn is_civil(text: &[u8]) -> bool {
    let Some((seconds, fraction)) = text.split_at_checked(19) else { return false };
    let is_form = seconds.iter().zip(b"dddd-dd-ddTdd:dd:dd").all(|(byte, form)| match form {
        b'd' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b' '),
        mark => byte == mark,
    });
    is_form
        && match fraction {
            [] => true,
            [b'.', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
            _ => false,
        }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_iso_seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES_5: Duration = Duration::from_secs(300);

    #[test]
    fn every_form_met_in_real_records_is_read() {
        for (text, expected) in [
            ("2026-05-04T03:02:01Z", Some("2026-05-04T03:02:01Z")),
            ("2025-01-21 17:49:47.000000000", Some("2025-01-21T17:49:47Z")),
            ("2021-05-20 15:53:47Z", Some("2021-05-20T15:53:47Z")),
            ("2022-11-21 18:06:52", Some("2022-11-21T18:06:52Z")),
            ("2022-02-30T18:06:52Z", None),
            ("2022-11-21", None),
            ("2026-05-04T03:02:01+05:00", None),
            ("-009919-01-01T00:00:00", None),
            ("2026-05-04T03:02:01.", None),
            ("eventTime", None),
            ("", None),
        ] {
            let read = Timestamp::parse(text).map(Timestamp::to_iso_seconds);
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn stamps_lie_on_the_five_minute_grid_at_or_after_the_moment() {
        for (moment, stamp) in [
            ("2026-03-09T14:01:13Z", "20260309T1405Z"),
            ("2026-03-09T14:05:00Z", "20260309T1405Z"),
            ("2026-12-31T23:59:59Z", "20270101T0000Z"),
        ] {
            let moment = Timestamp::parse(moment).unwrap();
            assert_eq!(moment.round_up_to(MINUTES_5).to_name_stamp(), stamp);
        }
        let new_year = Timestamp::parse("2026-12-31T23:59:59Z").unwrap().round_up_to(MINUTES_5);
        assert_eq!(new_year.to_date_folders(), "2027/01/01");
    }

    #[test]
    fn a_clock_set_back_makes_no_negative_age() {
        let later = Timestamp::from_millis(5_000);
        assert_eq!(Timestamp::from_millis(1_000).since(later), Duration::ZERO);
        assert_eq!(later.since(Timestamp::from_millis(1_000)), Duration::from_secs(4));
    }
}
