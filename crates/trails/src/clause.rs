//! Selectors, compiled: a trail takes an event that meets all conditions of one of its clauses.
//!
//! An advanced selector is one clause, with a condition for each of its fields. A basic selector is
//! short for several: one for management events, and one for each of its data resources. Cheap
//! conditions come first, so that most events are turned away before their record is parsed.

use std::fmt;

use model::Category;

use crate::arn::Kind;
use crate::check_basic;
use crate::event_selectors::{DataResource, EventSelector, EventSelectors, ReadWriteType};
use crate::facts::Facts;
use crate::field::{Field, Operator};
use crate::selector::{AdvancedEventSelector, FieldSelector};
use crate::values::Values;

/// Conditions that must all hold.
#[derive(Clone, Debug)]
pub(crate) struct Clause<'a> {
    pub(crate) title: Title<'a>,
    pub(crate) conditions: Vec<Condition<'a>>,
}

/// What a clause was made of, for people.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Title<'a> {
    /// No selectors at all.
    Default,
    /// The management events of a basic selector, counted from 1.
    Management(usize),
    /// The data events of a basic selector for one type of resource.
    Data(usize, &'a str),
    /// An advanced selector, and its name.
    Advanced(usize, Option<&'a str>),
}

/// A condition on the values that a record has for one field. A field that this version does not
/// know is one that no record has.
#[derive(Clone, Debug)]
pub(crate) struct Condition<'a> {
    pub(crate) name: &'a str,
    pub(crate) field: Option<Field>,
    /// One value must be found here, if anything is.
    pub(crate) wanted: Values<'a>,
    /// No value may be found here.
    pub(crate) barred: Values<'a>,
}

impl Clause<'_> {
    pub(crate) fn holds(&self, facts: &Facts<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(facts))
    }
}

impl<'a> Condition<'a> {
    /// The one place where it is decided.
    pub(crate) fn holds(&self, facts: &Facts<'_>) -> bool {
        self.has_wanted(facts) && !self.has_barred(facts)
    }

    fn has_wanted(&self, facts: &Facts<'_>) -> bool {
        self.wanted.is_empty() || self.any(facts, |value| self.wanted.find(value).is_some())
    }

    fn has_barred(&self, facts: &Facts<'_>) -> bool {
        !self.barred.is_empty() && self.any(facts, |value| self.barred.find(value).is_some())
    }

    /// Asks for the values that the record has.
    pub(crate) fn any(&self, facts: &Facts<'_>, test: impl FnMut(&str) -> bool) -> bool {
        self.field.is_some_and(|field| facts.any(field, test))
    }

    fn new(name: &'a str, values: impl Iterator<Item = (Operator, &'a str)>) -> Condition<'a> {
        let (barred, wanted): (Vec<_>, Vec<_>) =
            values.partition(|(operator, _)| operator.is_negative());
        let field = Field::from_name(name);
        Condition { name, field, wanted: Values::new(wanted), barred: Values::new(barred) }
    }

    fn of(selector: &'a FieldSelector) -> Condition<'a> {
        let values = selector.operators().into_iter().flat_map(|(operator, values)| {
            values.iter().map(move |value| (operator, value.as_str()))
        });
        Condition::new(&selector.field, values)
    }

    fn one(field: Field, operator: Operator, value: &'a str) -> Condition<'a> {
        Condition::new(field.name(), std::iter::once((operator, value)))
    }

    fn is_of(category: Category) -> Condition<'a> {
        Condition::one(Field::EventCategory, Operator::Equals, category.name())
    }
}

/// The clauses of a trail's selectors.
pub(crate) fn compile(selectors: &EventSelectors) -> Vec<Clause<'_>> {
    match selectors {
        EventSelectors::Default => {
            let conditions = vec![Condition::is_of(Category::Management)];
            vec![Clause { title: Title::Default, conditions }]
        }
        EventSelectors::Basic(selectors) => {
            let clauses = (1..).zip(selectors).flat_map(|(number, selector)| {
                let management =
                    selector.include_management_events.then(|| management(number, selector));
                let data = move |resource| data(number, selector, resource);
                management.into_iter().chain(selector.data_resources.iter().map(data))
            });
            clauses.collect()
        }
        EventSelectors::Advanced(selectors) => {
            let clause = |(number, selector)| advanced(number, selector);
            (1..).zip(selectors).map(clause).collect()
        }
    }
}

fn management(number: usize, selector: &EventSelector) -> Clause<'_> {
    let mut conditions = vec![Condition::is_of(Category::Management)];
    conditions.extend(read_or_write(selector.read_write_type));
    let excluded = &selector.exclude_management_event_sources;
    if !excluded.is_empty() {
        let values = excluded.iter().map(|source| (Operator::NotEquals, source.as_str()));
        conditions.push(Condition::new(Field::EventSource.name(), values));
    }
    Clause { title: Title::Management(number), conditions }
}

fn data<'a>(
    number: usize,
    selector: &'a EventSelector,
    DataResource { kind, values }: &'a DataResource,
) -> Clause<'a> {
    let mut conditions = vec![Condition::is_of(Category::Data)];
    conditions.extend(read_or_write(selector.read_write_type));
    conditions.push(Condition::one(Field::ResourcesType, Operator::Equals, kind));
    if !values.iter().any(|value| check_basic::is_all(value)) {
        let operator = match Kind::of(kind) {
            Kind::Object => Operator::StartsWith,
            Kind::Function | Kind::Table | Kind::Other => Operator::Equals,
        };
        let values = values.iter().map(|value| (operator, value.as_str()));
        conditions.push(Condition::new(Field::ResourcesArn.name(), values));
    }
    Clause { title: Title::Data(number, kind), conditions }
}

/// Records that do not say whether they only read count as writes: nothing that may have changed
/// something is left out.
fn read_or_write<'a>(kind: ReadWriteType) -> Option<Condition<'a>> {
    match kind {
        ReadWriteType::All => None,
        ReadWriteType::ReadOnly => Some(Condition::one(Field::ReadOnly, Operator::Equals, "true")),
        ReadWriteType::WriteOnly => {
            Some(Condition::one(Field::ReadOnly, Operator::NotEquals, "true"))
        }
    }
}

/// The clause of an advanced selector.
pub(crate) fn advanced(number: usize, selector: &AdvancedEventSelector) -> Clause<'_> {
    let mut conditions: Vec<_> = selector.field_selectors.iter().map(Condition::of).collect();
    conditions.sort_by_key(|condition| match condition.field {
        None | Some(Field::EventCategory) => 0,
        Some(Field::ResourcesArn | Field::ResourcesType | Field::UserIdentityArn) => 2,
        Some(_) => 1,
    });
    Clause { title: Title::Advanced(number, selector.name.as_deref()), conditions }
}

impl fmt::Display for Title<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Title::Default => write!(formatter, "the default selector"),
            Title::Management(number) => write!(formatter, "selector {number}, management events"),
            Title::Data(number, kind) => {
                write!(formatter, "selector {number}, data events of {kind}")
            }
            Title::Advanced(number, Some(name)) => write!(formatter, "selector {number}, {name:?}"),
            Title::Advanced(number, None) => write!(formatter, "selector {number}"),
        }
    }
}
