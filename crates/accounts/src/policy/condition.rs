//! Condition operators: one operator, one key, and the values that it is compared with.
//!
//! | the key is | `…Equals`, `…Like`, … | `…Not…` | `ForAllValues:` | `ForAnyValue:` |
//! | --- | --- | --- | --- | --- |
//! | absent | no | yes | yes | no |
//! | absent, with `IfExists` | yes | yes | yes | yes |
//! | there | a value fits one of the policy's | no value fits any | each value does | a value does |
//!
//! A value that is none of the operator's type (no number, no date, no address) equals nothing.
//! Numbers, dates, addresses and booleans of the policy are parsed once, so that a policy in which
//! one is wrong is refused when it is put, not when it is needed.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Condition operators", "Multivalued context
//! keys".

use std::cmp::Ordering;
use std::net::IpAddr;

use model::Timestamp;

use super::Effect;
use super::context::Context;
use super::pattern::{ArnPattern, Grammar, Pattern};

const DATE: &str = "a date, such as 2026-05-04T03:02:01Z, or seconds since 1970";
const NETWORK: &str = "an IP address or a range, such as 203.0.113.0/24";

/// One operator on one key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    quantifier: Option<Quantifier>,
    if_exists: bool,
    negated: bool,
    /// In lower case.
    key: String,
    test: Test,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Quantifier {
    ForAllValues,
    ForAnyValue,
}

/// What is compared and how, with the policy's values.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    IsAbsent(Vec<bool>),
    Text(Vec<Pattern>),
    TextInAnyCase(Vec<Pattern>),
    Arn(Vec<ArnPattern>),
    Bool(Vec<bool>),
    Binary(Vec<String>),
    Number(Comparison, Vec<f64>),
    Date(Comparison, Vec<i64>),
    Ip(Vec<(IpAddr, u8)>),
}

/// An operator by its name's parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Operator {
    quantifier: Option<Quantifier>,
    if_exists: bool,
    negated: bool,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Null,
    Equals,
    EqualsIgnoreCase,
    Like,
    Arn,
    Bool,
    Binary,
    Ip,
    Numeric(Comparison),
    Date(Comparison),
}

/// How the context's value stands to the policy's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// Reads `[ForAllValues:|ForAnyValue:]OPERATOR[IfExists]`.
    pub(super) fn parse(name: &str) -> Option<Operator> {
        let (quantifier, plain) = match name.split_once(':') {
            None => (None, name),
            Some(("ForAllValues", plain)) => (Some(Quantifier::ForAllValues), plain),
            Some(("ForAnyValue", plain)) => (Some(Quantifier::ForAnyValue), plain),
            Some(_) => return None,
        };
        let (plain, if_exists) = match plain.strip_suffix("IfExists") {
            Some(plain) => (plain, true),
            None => (plain, false),
        };
        let (negated, kind) = match plain {
            "Null" if quantifier.is_none() && !if_exists => (false, Kind::Null),
            "StringEquals" => (false, Kind::Equals),
            "StringNotEquals" => (true, Kind::Equals),
            "StringEqualsIgnoreCase" => (false, Kind::EqualsIgnoreCase),
            "StringNotEqualsIgnoreCase" => (true, Kind::EqualsIgnoreCase),
            "StringLike" => (false, Kind::Like),
            "StringNotLike" => (true, Kind::Like),
            // The two pairs behave identically.
            "ArnEquals" | "ArnLike" => (false, Kind::Arn),
            "ArnNotEquals" | "ArnNotLike" => (true, Kind::Arn),
            "Bool" => (false, Kind::Bool),
            "BinaryEquals" => (false, Kind::Binary),
            "IpAddress" => (false, Kind::Ip),
            "NotIpAddress" => (true, Kind::Ip),
            other => ordered(other)?,
        };
        Some(Operator { quantifier, if_exists, negated, kind })
    }
}

/// `NumericLessThan`, `DateNotEquals`, …
fn ordered(name: &str) -> Option<(bool, Kind)> {
    let (kind, comparison): (fn(Comparison) -> Kind, &str) = match name.strip_prefix("Numeric") {
        Some(comparison) => (Kind::Numeric, comparison),
        None => (Kind::Date, name.strip_prefix("Date")?),
    };
    let (negated, comparison) = match comparison {
        "Equals" => (false, Comparison::Equal),
        "NotEquals" => (true, Comparison::Equal),
        "LessThan" => (false, Comparison::Less),
        "LessThanEquals" => (false, Comparison::LessOrEqual),
        "GreaterThan" => (false, Comparison::Greater),
        "GreaterThanEquals" => (false, Comparison::GreaterOrEqual),
        _ => return None,
    };
    Some((negated, kind(comparison)))
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Condition {
    /// Reads the policy's values; of one that is wrong, its index and what is.
    pub(super) fn parse(
        operator: Operator,
        key: &str,
        values: &[String],
        has_variables: bool,
    ) -> Result<Condition, (usize, String)> {
        let texts = Grammar { wildcards: operator.kind == Kind::Like, variables: has_variables };
        let arns = Grammar { wildcards: true, variables: has_variables };
        let patterns = || each(values, |text| Pattern::parse(text, texts));
        let flags = || typed(values, flag, "\"true\" or \"false\"");
        let test = match operator.kind {
            Kind::Null => Test::IsAbsent(flags()?),
            Kind::Equals | Kind::Like => Test::Text(patterns()?),
            Kind::EqualsIgnoreCase => Test::TextInAnyCase(patterns()?),
            Kind::Arn => Test::Arn(each(values, |text| ArnPattern::parse(text, arns))?),
            Kind::Bool => Test::Bool(flags()?),
            Kind::Binary => Test::Binary(values.to_vec()),
            Kind::Numeric(comparison) => {
                Test::Number(comparison, typed(values, number, "a number")?)
            }
            Kind::Date(comparison) => Test::Date(comparison, typed(values, date, DATE)?),
            Kind::Ip => Test::Ip(typed(values, network, NETWORK)?),
        };
        let Operator { quantifier, if_exists, negated, .. } = operator;
        Ok(Condition { quantifier, if_exists, negated, key: key.to_ascii_lowercase(), test })
    }

    /// Whether it holds. A variable without a value must not widen what is allowed, nor narrow what
    /// is denied; so the effect has a say.
    pub(super) fn holds(&self, context: &Context, effect: Effect) -> bool {
        let found = context.values(&self.key);
        let is_absent = found.is_empty();
        if let Test::IsAbsent(expected) = &self.test {
            return expected.contains(&is_absent);
        }
        let is_met = |value: &String| self.is_met_by(value, context, effect);
        match self.quantifier {
            Some(Quantifier::ForAllValues) => found.iter().all(is_met),
            Some(Quantifier::ForAnyValue) if is_absent => self.if_exists,
            Some(Quantifier::ForAnyValue) => found.iter().any(is_met),
            None if is_absent => self.if_exists || self.negated,
            None if self.negated => found.iter().all(is_met),
            None => found.iter().any(is_met),
        }
    }

    fn is_met_by(&self, value: &str, context: &Context, effect: Effect) -> bool {
        match self.test.fits(value, context) {
            Some(fits) => fits != self.negated,
            None => self.negated && effect == Effect::Deny,
        }
    }
}

impl Test {
    /// Whether any of the policy's values fits; `None` when none does and a variable has no value.
    fn fits(&self, value: &str, context: &Context) -> Option<bool> {
        match self {
            Test::Text(patterns) => {
                any(patterns.iter().map(|pattern| pattern.matches(value, context)))
            }
            Test::TextInAnyCase(patterns) => {
                any(patterns.iter().map(|pattern| pattern.matches_any_case(value, context)))
            }
            Test::Arn(patterns) => {
                any(patterns.iter().map(|pattern| pattern.matches(value, context)))
            }
            // What is absent has no value that could be asked for.
            Test::IsAbsent(_) => Some(false),
            Test::Bool(flags) => Some(flag(value).is_some_and(|flag| flags.contains(&flag))),
            Test::Binary(texts) => Some(texts.iter().any(|text| text == value)),
            Test::Number(comparison, numbers) => {
                let order = |other: &f64| number(value)?.partial_cmp(other);
                Some(numbers.iter().filter_map(order).any(|order| comparison.holds(order)))
            }
            Test::Date(comparison, dates) => {
                let order = |other: &i64| Some(date(value)?.cmp(other));
                Some(dates.iter().filter_map(order).any(|order| comparison.holds(order)))
            }
            Test::Ip(networks) => {
                let address: Option<IpAddr> = value.parse().ok();
                let is_inside =
                    |address| networks.iter().any(|network| contains(*network, address));
                Some(address.is_some_and(is_inside))
            }
        }
    }
}

/// Whether any of several matches; `None` when none does and one is unknown.
pub(super) fn any(matches: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut found = Some(false);
    for is_match in matches {
        match is_match {
            Some(true) => return Some(true),
            Some(false) => {}
            None => found = None,
        }
    }
    found
}

fn each<T>(
    values: &[String],
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, (usize, String)> {
    let parsed = values.iter().enumerate();
    parsed.map(|(index, text)| parse(text).map_err(|problem| (index, problem))).collect()
}

fn typed<T>(
    values: &[String],
    parse: fn(&str) -> Option<T>,
    expected: &str,
) -> Result<Vec<T>, (usize, String)> {
    each(values, |text| {
        parse(text).ok_or_else(|| match text.contains("${") {
            true => {
                format!("expected {expected}: variables stand in string and ARN operators only")
            }
            false => format!("expected {expected}"),
        })
    })
}

fn flag(text: &str) -> Option<bool> {
    match () {
        () if text.eq_ignore_ascii_case("true") => Some(true),
        () if text.eq_ignore_ascii_case("false") => Some(false),
        () => None,
    }
}

fn number(text: &str) -> Option<f64> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|number: &f64| is_decimal && number.is_finite())
}

/// Milliseconds since 1970 of a moment (without an offset, of UTC), a day, or seconds since 1970.
fn date(text: &str) -> Option<i64> {
    if let Some(moment) = Timestamp::parse(text) {
        return Some(moment.as_millis());
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(moment.as_millisecond());
    }
    if text.len() == 10
        && text.as_bytes()[4] == b'-'
        && let Some(midnight) = Timestamp::parse(&format!("{text}T00:00:00Z"))
    {
        return Some(midnight.as_millis());
    }
    let seconds: i64 = text.parse().ok()?;
    seconds.checked_mul(1000)
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = match text.split_once('/') {
        None => (text, None),
        Some((address, prefix)) => (address, Some(prefix)),
    };
    let address: IpAddr = address.parse().ok()?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => bits,
        Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => prefix.parse().ok()?,
        Some(_) => return None,
    };
    (prefix <= bits).then_some((address, prefix))
}

fn contains((network, prefix): (IpAddr, u8), address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    };
    let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
    // An IPv4 address that came over an IPv6 socket is one all the same.
    let address = if network.is_ipv4() { address.to_canonical() } else { address };
    network.is_ipv4() == address.is_ipv4() && (bits(network) ^ bits(address)) & mask == 0
}
