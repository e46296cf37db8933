//! The values of a condition, sorted so that 500 cost little more than 5.
//!
//! Whether a text is among them, begins with one or ends with one takes one binary search each. Of
//! beginnings only those are kept that begin with no other one: then the only candidate is the last
//! one that does not sort behind the text. Endings are beginnings read backwards.

use std::cmp::Ordering;

use crate::field::Operator;

/// Values, compared in one of three ways.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values<'a> {
    equals: Vec<&'a str>,
    /// Sorted; none begins with another.
    starts: Vec<&'a str>,
    /// Sorted by their bytes from the last to the first; none ends with another.
    ends: Vec<&'a str>,
    /// As they were given, for people.
    pub(crate) given: Vec<(Operator, &'a str)>,
}

impl<'a> Values<'a> {
    /// Sorts values; a negative operator compares as its positive one does.
    pub(crate) fn new(given: Vec<(Operator, &'a str)>) -> Values<'a> {
        let mut values = Values { given, ..Values::default() };
        for (operator, value) in &values.given {
            match operator {
                Operator::Equals | Operator::NotEquals => values.equals.push(value),
                Operator::StartsWith | Operator::NotStartsWith => values.starts.push(value),
                Operator::EndsWith | Operator::NotEndsWith => values.ends.push(value),
            }
        }
        values.equals.sort_unstable();
        values.starts.sort_unstable();
        values.starts.dedup_by(|longer, shorter| longer.starts_with(*shorter));
        values.ends.sort_unstable_by(|a, b| backwards(a, b));
        values.ends.dedup_by(|longer, shorter| longer.ends_with(*shorter));
        values
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// Whether a text is one of them, begins or ends with one, and with which.
    pub(crate) fn find(&self, text: &str) -> Option<(Comparison, &'a str)> {
        let last = |values: &[&'a str], count: usize| Some(values[count.checked_sub(1)?]);
        let equal = || {
            let place = self.equals.binary_search(&text).ok()?;
            Some((Comparison::Is, self.equals[place]))
        };
        let start = || {
            let start = last(&self.starts, self.starts.partition_point(|start| *start <= text))?;
            text.starts_with(start).then_some((Comparison::BeginsWith, start))
        };
        let end = || {
            let is_before = |end: &&str| backwards(end, text) != Ordering::Greater;
            let end = last(&self.ends, self.ends.partition_point(is_before))?;
            text.ends_with(end).then_some((Comparison::EndsWith, end))
        };
        equal().or_else(start).or_else(end)
    }
}

/// How a text was found among values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Is,
    BeginsWith,
    EndsWith,
}

fn backwards(a: &str, b: &str) -> Ordering {
    a.bytes().rev().cmp(b.bytes().rev())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn operator() -> impl Strategy<Value = Operator> {
        use Operator::{EndsWith, Equals, NotEndsWith, NotEquals, NotStartsWith, StartsWith};
        let all = [Equals, StartsWith, EndsWith, NotEquals, NotStartsWith, NotEndsWith];
        proptest::sample::select(all.to_vec())
    }

    proptest! {
        /// Two letters, one of them of two bytes: so that beginnings of beginnings are common.
        #[test]
        fn a_search_finds_what_a_look_at_each_value_finds(
            given in prop::collection::vec((operator(), "[aé]{1,4}"), 0..12),
            text in "[aé]{0,6}",
        ) {
            let values = given.iter().map(|(operator, value)| (*operator, value.as_str()));
            let values = Values::new(values.collect());
            let hits = |(operator, value): &(Operator, String)| match operator {
                Operator::Equals | Operator::NotEquals => text == *value,
                Operator::StartsWith | Operator::NotStartsWith => text.starts_with(value),
                Operator::EndsWith | Operator::NotEndsWith => text.ends_with(value),
            };
            prop_assert_eq!(values.find(&text).is_some(), given.iter().any(hits));
        }
    }
}
