//! Moments: arithmetic with them, and moments as texts. All are UTC, in milliseconds.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Date32Builder, Int64Builder, StringBuilder,
    TimestampMillisecondBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimestampMillisecondType};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use super::extract::moment_type;
use super::texts::{Texts, rows};

/// What a function does, and which of its arguments is a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum What {
    Add,
    Diff,
    FromIso,
    Parse(Pattern),
    Format(Pattern),
    Date,
}

/// Whose letters a format is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Pattern {
    /// `%Y-%m-%d %H:%i:%s`.
    MySql,
    /// `yyyy-MM-dd HH:mm:ss`.
    Joda,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TimeFunction {
    name: &'static str,
    what: What,
    signature: Signature,
}

pub(super) fn all() -> Vec<Arc<ScalarUDF>> {
    let function = |name, what| {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(TimeFunction { name, what, signature }))
    };
    vec![
        function("date_add", What::Add),
        function("date_diff", What::Diff),
        function("from_iso8601_timestamp", What::FromIso),
        function("date_parse", What::Parse(Pattern::MySql)),
        function("parse_datetime", What::Parse(Pattern::Joda)),
        function("date_format", What::Format(Pattern::MySql)),
        function("format_datetime", What::Format(Pattern::Joda)),
        function("date", What::Date),
    ]
}

/// The types that a function takes whose argument at this place is a moment; the engine casts to them.
pub(super) fn moment_of(name: &str, types: &[DataType], place: usize) -> Result<Vec<DataType>> {
    let mut types = types.to_vec();
    match types.get(place) {
        Some(
            DataType::Timestamp(..)
            | DataType::Date32
            | DataType::Date64
            | DataType::Utf8
            | DataType::Utf8View
            | DataType::LargeUtf8
            | DataType::Null,
        ) => types[place] = moment_type(),
        Some(other) => {
            return plan_err!("{name} takes a moment, such as eventTime; this is {other}");
        }
        None => return plan_err!("{name}: a moment is missing"),
    }
    Ok(types)
}

impl ScalarUDFImpl for TimeFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name;
        let takes = |count: usize, how: &str| match types.len() == count {
            true => Ok(()),
            false => plan_err!("{name} is written {name}({how})"),
        };
        match self.what {
            What::Add => {
                takes(3, "'day', -7, eventTime")?;
                let types = moment_of(name, types, 2)?;
                Ok(vec![DataType::Utf8, DataType::Int64, types[2].clone()])
            }
            What::Diff => {
                takes(3, "'day', eventTime, now()")?;
                let types = moment_of(name, &moment_of(name, types, 1)?, 2)?;
                Ok(vec![DataType::Utf8, types[1].clone(), types[2].clone()])
            }
            What::FromIso => {
                takes(1, "'2026-01-01T00:00:00Z'")?;
                Ok(vec![DataType::Utf8])
            }
            What::Parse(_) => {
                takes(2, "text, 'format'")?;
                Ok(vec![DataType::Utf8, DataType::Utf8])
            }
            What::Format(_) => {
                takes(2, "eventTime, 'format'")?;
                Ok(vec![moment_of(name, types, 0)?[0].clone(), DataType::Utf8])
            }
            What::Date => {
                takes(1, "eventTime")?;
                moment_of(name, types, 0)
            }
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.what {
            What::Add | What::FromIso | What::Parse(_) => moment_type(),
            What::Diff => DataType::Int64,
            What::Format(_) => DataType::Utf8,
            What::Date => DataType::Date32,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let count = rows(&args);
        let moments = |place: usize| -> Result<ArrayRef> {
            Ok(cast(&args.args[place].to_array(count)?, &moment_type())?)
        };
        let array: ArrayRef = match self.what {
            What::Add => {
                let units = Texts::of(&args.args[0])?;
                let amounts = args.args[1].to_array(count)?;
                let amounts = amounts.as_primitive::<Int64Type>();
                let moments = moments(2)?;
                let moments = moments.as_primitive::<TimestampMillisecondType>();
                let mut built = TimestampMillisecondBuilder::new().with_timezone("UTC");
                for row in 0..count {
                    let is_null = amounts.is_null(row) || moments.is_null(row);
                    let sum = match units.get(row).filter(|_| !is_null) {
                        Some(unit) => Some(add(unit, amounts.value(row), moments.value(row))?),
                        None => None,
                    };
                    built.append_option(sum);
                }
                Arc::new(built.finish())
            }
            What::Diff => {
                let units = Texts::of(&args.args[0])?;
                let (from, to) = (moments(1)?, moments(2)?);
                let from = from.as_primitive::<TimestampMillisecondType>();
                let to = to.as_primitive::<TimestampMillisecondType>();
                let mut built = Int64Builder::new();
                for row in 0..count {
                    let is_null = from.is_null(row) || to.is_null(row);
                    let difference = match units.get(row).filter(|_| !is_null) {
                        Some(unit) => Some(between(unit, from.value(row), to.value(row))?),
                        None => None,
                    };
                    built.append_option(difference);
                }
                Arc::new(built.finish())
            }
            What::FromIso => {
                let texts = Texts::of(&args.args[0])?;
                let mut built = TimestampMillisecondBuilder::new().with_timezone("UTC");
                for row in 0..count {
                    let moment = match texts.get(row) {
                        Some(text) => match parse_moment(text) {
                            Some(moment) => Some(moment),
                            None => return exec_err!("'{text}' is no ISO 8601 timestamp"),
                        },
                        None => None,
                    };
                    built.append_option(moment);
                }
                Arc::new(built.finish())
            }
            What::Parse(pattern) => {
                let format = self.format(pattern, &args.args[1])?;
                let texts = Texts::of(&args.args[0])?;
                let mut built = TimestampMillisecondBuilder::new().with_timezone("UTC");
                for row in 0..count {
                    let moment = match texts.get(row) {
                        Some(text) => Some(parse(&format, text)?),
                        None => None,
                    };
                    built.append_option(moment);
                }
                Arc::new(built.finish())
            }
            What::Format(pattern) => {
                let format = self.format(pattern, &args.args[1])?;
                let moments = moments(0)?;
                let moments = moments.as_primitive::<TimestampMillisecondType>();
                let mut built = StringBuilder::new();
                for row in 0..count {
                    let text = match moments.is_null(row) {
                        true => None,
                        false => Some(show(&format, moments.value(row))?),
                    };
                    built.append_option(text);
                }
                Arc::new(built.finish())
            }
            What::Date => {
                let moments = moments(0)?;
                let moments = moments.as_primitive::<TimestampMillisecondType>();
                let mut built = Date32Builder::new();
                for row in 0..count {
                    let day = (!moments.is_null(row))
                        .then(|| moments.value(row).div_euclid(86_400_000))
                        .and_then(|day| i32::try_from(day).ok());
                    built.append_option(day);
                }
                Arc::new(built.finish())
            }
        };
        Ok(ColumnarValue::Array(array))
    }
}

impl TimeFunction {
    fn format(&self, pattern: Pattern, value: &ColumnarValue) -> Result<String> {
        let text = Texts::of(value)?;
        let Some(format) = text.one() else {
            return exec_err!("{}: the format must be one text, not a column", self.name);
        };
        match pattern {
            Pattern::MySql => from_mysql(format),
            Pattern::Joda => from_joda(format),
        }
    }
}

/// A moment in ISO 8601, or as SQL writes it; UTC where it names no zone. In milliseconds.
pub(crate) fn parse_moment(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_millisecond());
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from));
    Some(in_utc(civil.ok()?)?.as_millisecond())
}

fn in_utc(civil: DateTime) -> Option<Timestamp> {
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn civil(millis: i64) -> Result<DateTime> {
    match Timestamp::from_millisecond(millis) {
        Ok(moment) => Ok(moment.to_zoned(TimeZone::UTC).datetime()),
        Err(error) => exec_err!("{error}"),
    }
}

fn span(unit: &str, amount: i64) -> Result<Span> {
    let of = match unit.to_ascii_lowercase().as_str() {
        "millisecond" => Span::new().try_milliseconds(amount),
        "second" => Span::new().try_seconds(amount),
        "minute" => Span::new().try_minutes(amount),
        "hour" => Span::new().try_hours(amount),
        "day" => Span::new().try_days(amount),
        "week" => Span::new().try_weeks(amount),
        "month" => Span::new().try_months(amount),
        "quarter" => Span::new().try_months(amount.saturating_mul(3)),
        "year" => Span::new().try_years(amount),
        _ => return unknown_unit(unit),
    };
    match of {
        Ok(span) => Ok(span),
        Err(error) => exec_err!("{error}"),
    }
}

fn unknown_unit<T>(unit: &str) -> Result<T> {
    exec_err!(
        "'{unit}' is no unit of time; there are millisecond, second, minute, hour, day, week, month, quarter and year"
    )
}

fn add(unit: &str, amount: i64, moment: i64) -> Result<i64> {
    let sum = civil(moment)?.checked_add(span(unit, amount)?).ok().and_then(in_utc);
    match sum {
        Some(sum) => Ok(sum.as_millisecond()),
        None => exec_err!("{amount} {unit}s from there is out of range"),
    }
}

/// How many whole units lie between.
fn between(unit: &str, from: i64, to: i64) -> Result<i64> {
    let millis = match unit.to_ascii_lowercase().as_str() {
        "millisecond" => 1,
        "second" => 1000,
        "minute" => 60_000,
        "hour" => 3_600_000,
        "day" => 86_400_000,
        "week" => 7 * 86_400_000,
        calendar => return months_between(calendar, civil(from)?, civil(to)?),
    };
    Ok((to - from) / millis)
}

fn months_between(unit: &str, from: DateTime, to: DateTime) -> Result<i64> {
    let size = match unit {
        "month" => 1,
        "quarter" => 3,
        "year" => 12,
        _ => return unknown_unit(unit),
    };
    let months = |at: DateTime| i64::from(at.year()) * 12 + i64::from(at.month());
    let mut whole = months(to) - months(from);
    let reached = from.checked_add(whole.months()).unwrap_or(to);
    // The last one is not full.
    if whole > 0 && reached > to {
        whole -= 1;
    } else if whole < 0 && reached < to {
        whole += 1;
    }
    Ok(whole / size)
}

fn parse(format: &str, text: &str) -> Result<i64> {
    let read = BrokenDownTime::parse(format, text.trim());
    let moment = read.ok().and_then(|read| match read.offset() {
        Some(_) => read.to_timestamp().ok(),
        None => {
            let date = read.to_date().ok()?;
            let time = read.to_time().unwrap_or(jiff::civil::Time::midnight());
            in_utc(date.to_datetime(time))
        }
    });
    match moment {
        Some(moment) => Ok(moment.as_millisecond()),
        None => exec_err!("'{text}' is not written in that format"),
    }
}

fn show(format: &str, millis: i64) -> Result<String> {
    let zoned = civil(millis)?.to_zoned(TimeZone::UTC);
    let shown = zoned.map_err(|error| error.to_string()).and_then(|zoned| {
        BrokenDownTime::from(&zoned).to_string(format).map_err(|error| error.to_string())
    });
    match shown {
        Ok(shown) => Ok(shown),
        Err(error) => exec_err!("{error}"),
    }
}

/// MySQL's letters as those of strftime.
fn from_mysql(format: &str) -> Result<String> {
    let mut made = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            made.push(letter);
            continue;
        }
        made.push_str(match letters.next() {
            Some('Y') => "%Y",
            Some('y') => "%y",
            Some('m') => "%m",
            Some('c') => "%-m",
            Some('d') => "%d",
            Some('e') => "%-d",
            Some('H') => "%H",
            Some('k') => "%-H",
            Some('h' | 'I') => "%I",
            Some('l') => "%-I",
            Some('i') => "%M",
            Some('s' | 'S') => "%S",
            Some('f') => "%6f",
            Some('T') => "%H:%M:%S",
            Some('r') => "%I:%M:%S %p",
            Some('p') => "%p",
            Some('M') => "%B",
            Some('b') => "%b",
            Some('W') => "%A",
            Some('a') => "%a",
            Some('j') => "%j",
            Some('%') => "%%",
            other => {
                let other = other.map_or(String::new(), String::from);
                return exec_err!("the format '{format}' has %{other}, which is not known here");
            }
        });
    }
    Ok(made)
}

/// Joda's letters as those of strftime.
fn from_joda(format: &str) -> Result<String> {
    let mut made = String::new();
    let mut rest = format;
    while let Some(letter) = rest.chars().next() {
        if letter == '\'' {
            let (quoted, behind) = rest[1..].split_once('\'').unwrap_or((&rest[1..], ""));
            made.push_str(&if quoted.is_empty() { "'".into() } else { quoted.replace('%', "%%") });
            rest = behind;
            continue;
        }
        let length = rest.len() - rest.trim_start_matches(letter).len();
        let run;
        (run, rest) = rest.split_at(length);
        if !letter.is_ascii_alphabetic() {
            made.push_str(&run.replace('%', "%%"));
            continue;
        }
        made.push_str(match (letter, run.len()) {
            ('y' | 'Y', 2) => "%y",
            ('y' | 'Y', _) => "%Y",
            ('M', 1) => "%-m",
            ('M', 2) => "%m",
            ('M', 3) => "%b",
            ('M', _) => "%B",
            ('d', 1) => "%-d",
            ('d', _) => "%d",
            ('D', _) => "%j",
            ('H', 1) => "%-H",
            ('H', _) => "%H",
            ('h', 1) => "%-I",
            ('h', _) => "%I",
            ('m', _) => "%M",
            ('s', _) => "%S",
            ('S', 1) => "%1f",
            ('S', 2) => "%2f",
            ('S', _) => "%3f",
            ('a', _) => "%p",
            ('E', 1..=3) => "%a",
            ('E', _) => "%A",
            ('e', _) => "%u",
            ('Z', 1) => "%z",
            ('Z', _) => "%:z",
            _ => return exec_err!("the format '{format}' has {run}, which is not known here"),
        });
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        parse_moment(text).unwrap()
    }

    fn text(millis: i64) -> String {
        Timestamp::from_millisecond(millis).unwrap().to_string()
    }

    #[test]
    fn moments_are_read_in_every_usual_form() {
        for (written, meant) in [
            ("2026-03-09", "2026-03-09T00:00:00Z"),
            ("2026-03-09 14:05:00", "2026-03-09T14:05:00Z"),
            ("2026-03-09 14:05:00.250", "2026-03-09T14:05:00.25Z"),
            ("2026-03-09T14:05:00Z", "2026-03-09T14:05:00Z"),
            ("2026-03-09T14:05:00+02:00", "2026-03-09T12:05:00Z"),
        ] {
            assert_eq!(text(at(written)), meant, "{written}");
        }
        assert_eq!(parse_moment("yesterday"), None);
    }

    #[test]
    fn units_are_added_as_the_calendar_has_them() {
        for (unit, amount, from, to) in [
            ("day", -7, "2026-03-05 01:00:00", "2026-02-26T01:00:00Z"),
            ("month", 1, "2026-01-31", "2026-02-28T00:00:00Z"),
            ("quarter", -1, "2026-01-31", "2025-10-31T00:00:00Z"),
            ("year", 1, "2024-02-29", "2025-02-28T00:00:00Z"),
            ("HOUR", 36, "2026-01-01", "2026-01-02T12:00:00Z"),
            ("millisecond", 1, "2026-01-01", "2026-01-01T00:00:00.001Z"),
        ] {
            assert_eq!(text(add(unit, amount, at(from)).unwrap()), to, "{amount} {unit}");
        }
        let error = add("fortnight", 1, 0).unwrap_err().to_string();
        assert!(error.contains("week, month"), "{error}");
        assert!(add("year", i64::MAX, 0).is_err());
    }

    #[test]
    fn differences_count_whole_units_towards_zero() {
        for (unit, from, to, units) in [
            ("day", "2026-01-01 12:00:00", "2026-01-03 11:59:59", 1),
            ("day", "2026-01-03 11:59:59", "2026-01-01 12:00:00", -1),
            ("month", "2026-01-15", "2026-03-14", 1),
            ("month", "2026-01-15", "2026-03-15", 2),
            ("month", "2026-03-14", "2026-01-15", -1),
            ("year", "2024-02-29", "2026-02-28", 2),
            ("quarter", "2026-01-01", "2026-07-01", 2),
            ("hour", "2026-01-01", "2026-01-02", 24),
        ] {
            assert_eq!(between(unit, at(from), at(to)).unwrap(), units, "{unit} {from} {to}");
        }
    }

    #[test]
    fn formats_are_mysqls_and_jodas() {
        let moment = at("2026-03-09 14:05:07.250");
        for (format, shown) in [
            ("%Y-%m-%d %H:%i:%s", "2026-03-09 14:05:07"),
            ("%Y-%m-%d %T", "2026-03-09 14:05:07"),
            ("%e. %M %Y, %l %p", "9. March 2026, 2 PM"),
            ("%f %%", "250000 %"),
        ] {
            assert_eq!(show(&from_mysql(format).unwrap(), moment).unwrap(), shown, "{format}");
        }
        for (format, shown) in [
            ("yyyy-MM-dd'T'HH:mm:ss.SSS", "2026-03-09T14:05:07.250"),
            ("EEE, d MMM yyyy h a", "Mon, 9 Mar 2026 2 PM"),
            ("yyyy''MM %", "2026'03 %"),
        ] {
            assert_eq!(show(&from_joda(format).unwrap(), moment).unwrap(), shown, "{format}");
        }
        assert_eq!(parse("%Y-%m-%d %H:%M:%S", "2026-03-09 14:05:07").unwrap(), moment - 250);
        assert_eq!(parse("%Y-%m-%d", "2026-03-09").unwrap(), at("2026-03-09"));
        assert_eq!(
            parse("%Y-%m-%dT%H:%M:%S%z", "2026-03-09T14:05:07+0100").unwrap(),
            moment - 250 - 3_600_000
        );
        assert!(parse("%Y-%m-%d", "March").is_err());
        assert!(from_mysql("%Q").is_err() && from_joda("yyyy V").is_err());
    }
}
