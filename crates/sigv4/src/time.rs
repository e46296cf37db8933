//! The moment of signing: `20150830T123600Z` (ISO 8601, basic format), or the `Date` of HTTP.

use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;

use crate::error::SignatureError;

/// How far the caller's clock and ours may be apart, in seconds.
pub const SKEW_SECONDS: i64 = 15 * 60;

/// A moment, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    basic: [u8; 16],
}

impl Moment {
    /// Reads `X-Amz-Date`, or the header `Date` in either of its forms.
    pub fn read(text: &str) -> Result<Moment, SignatureError> {
        Moment::basic(text.as_bytes()).or_else(|| Moment::of_http(text)).ok_or_else(|| {
            SignatureError::incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{text}'. \
                 See http://en.wikipedia.org/wiki/ISO_8601"
            ))
        })
    }

    /// The moment of these seconds, or the nearest that can be written.
    pub fn at(seconds: i64) -> Moment {
        // The years 0 to 9999.
        let seconds = seconds.clamp(-62_167_219_200, 253_370_764_799);
        let moment = jiff::Timestamp::from_second(seconds).unwrap_or_default();
        let civil = moment.to_zoned(TimeZone::UTC).datetime();
        let text = civil.strftime("%Y%m%dT%H%M%SZ").to_string();
        Moment { seconds, basic: text.as_bytes().try_into().unwrap_or(*b"19700101T000000Z") }
    }

    /// `20150830T123600Z`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.basic).unwrap_or_default()
    }

    /// `20150830`.
    pub fn date(&self) -> &str {
        &self.as_str()[..8]
    }

    fn basic(text: &[u8]) -> Option<Moment> {
        let basic: [u8; 16] = text.try_into().ok()?;
        let is_form = basic.iter().zip(b"ddddddddTddddddZ").all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            mark => byte == mark,
        });
        if !is_form {
            return None;
        }
        let number = |from: usize, to: usize| {
            basic[from..to].iter().fold(0_i16, |sum, digit| sum * 10 + i16::from(digit - b'0'))
        };
        let small = |from: usize| i8::try_from(number(from, from + 2)).ok();
        let civil =
            DateTime::new(number(0, 4), small(4)?, small(6)?, small(9)?, small(11)?, small(13)?, 0);
        let moment = TimeZone::UTC.to_timestamp(civil.ok()?).ok()?;
        Some(Moment { seconds: moment.as_second(), basic })
    }

    fn of_http(text: &str) -> Option<Moment> {
        let moment = DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(Moment::at(moment.as_second()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_date_are_the_same_moment_and_others_are_none() {
        let basic = Moment::read("20150830T123600Z").unwrap();
        assert_eq!((basic.seconds, basic.date()), (1_440_938_160, "20150830"));
        assert_eq!(Moment::read("Sun, 30 Aug 2015 12:36:00 GMT").unwrap(), basic);
        assert_eq!(Moment::at(1_440_938_160), basic);
        for text in [
            "",
            "20150830",
            "20150830T123600",
            "20150830T123600+",
            "2015-08-30T12:36:00Z",
            "20150231T123600Z",
            "20150830T246000Z",
            "2015083\u{0660}T123600Z",
        ] {
            assert!(Moment::read(text).is_err(), "{text}");
        }
        assert_eq!(Moment::at(i64::MIN).as_str(), "00000101T000000Z");
    }
}
