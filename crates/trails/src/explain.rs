//! Why a trail takes an event, or why not: every rule that [`crate::rules`] asks, and its answer.
//!
//! Nothing is decided here. Each answer is that of the rule itself, and whether the trail takes the
//! event follows from the answers in the same way; so what is explained is what happens.

use model::TrailArn;
use serde::Serialize;

use crate::clause;
use crate::facts::Facts;
use crate::rules::{Compiled, Gate, Rules};
use crate::trail::Trail;
use crate::values::{Comparison, Values};

/// Values that are named one by one.
const NAMED_MAX: usize = 3;

/// What one trail does with one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The trail.
    pub trail: TrailArn,
    /// Whether it takes the event: when all conditions hold, and one selector matches.
    pub is_taken: bool,
    /// What must hold besides the selectors.
    pub conditions: Vec<Condition>,
    /// Its selectors; a basic one is shown by its kinds of events.
    pub selectors: Vec<Selector>,
}

/// One selector, and the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Which one, such as `selector 2, data events of AWS::S3::Object`.
    pub title: String,
    /// Whether all of its conditions hold.
    pub is_match: bool,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// A condition, and the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Whether it holds.
    pub holds: bool,
    /// Why, in half a sentence that begins with the subject.
    pub because: String,
}

impl Rules<'_> {
    /// What each trail does with an event, in the order of the trails.
    pub fn explain(&self, facts: &Facts<'_>) -> impl Iterator<Item = Explanation> {
        let seeing = self.seeing(facts.account);
        let places = self.trails.iter().enumerate();
        places.map(move |(place, compiled)| compiled.explain(facts, seeing.contains(&place)))
    }
}

impl Compiled<'_> {
    fn explain(&self, facts: &Facts<'_>, is_seen: bool) -> Explanation {
        let sees = Condition { holds: is_seen, because: of_account(self.trail, facts, is_seen) };
        let gates = Gate::ALL.into_iter().filter(|gate| gate.matters(self.trail));
        let gates = gates.map(|gate| gate.explain(self.trail, facts));
        let conditions: Vec<Condition> = std::iter::once(sees).chain(gates).collect();
        let selectors: Vec<Selector> =
            self.clauses.iter().map(|clause| clause.explain(facts)).collect();
        let is_taken = conditions.iter().all(|condition| condition.holds)
            && selectors.iter().any(|selector| selector.is_match);
        Explanation { trail: self.trail.arn.clone(), is_taken, conditions, selectors }
    }
}

fn of_account(trail: &Trail, facts: &Facts<'_>, is_seen: bool) -> String {
    let (owner, account) = (&trail.arn.account, facts.account);
    match (is_seen, trail.is_organization) {
        (true, false) => format!("the trail and the event are of account {account}"),
        (true, true) => {
            format!("the trail is its organization's, and account {account} belongs to that")
        }
        (false, false) => {
            format!("the trail is of account {owner}, and the event of account {account}")
        }
        (false, true) => format!(
            "the trail is its organization's, and account {account} does not belong to that"
        ),
    }
}

impl Gate {
    /// Whether it can turn anything away from a trail. `RecursiveLogging` is not spoken of where it
    /// is on, as it is unless somebody switched it off.
    fn matters(self, trail: &Trail) -> bool {
        self != Gate::OwnDeliveries || !trail.recursive_logging
    }

    fn explain(self, trail: &Trail, facts: &Facts<'_>) -> Condition {
        let holds = self.admits(trail, facts);
        let (home, region) = (&trail.arn.home_region, facts.region);
        let because = match (self, holds) {
            (Gate::Logging, true) => "its logging is started".into(),
            (Gate::Logging, false) => "its logging is stopped".into(),
            (Gate::Region, true) if trail.is_multi_region => {
                format!("the trail sees every Region, and so {region}")
            }
            (Gate::Region, true) => format!("the trail sees {home}, and the event is of {region}"),
            (Gate::Region, false) => {
                format!("the trail sees {home} alone, and the event is of {region}")
            }
            (Gate::GlobalEvents, true) if facts.is_global => {
                "a global service recorded the event, and the trail includes those".into()
            }
            (Gate::GlobalEvents, true) => "no global service recorded the event".into(),
            (Gate::GlobalEvents, false) => "a global service recorded the event, and \
                 IncludeGlobalServiceEvents is off"
                .into(),
            (Gate::OwnDeliveries, true) => "the event is no delivery of CloudTrail's own".into(),
            (Gate::OwnDeliveries, false) => {
                "the event is a delivery of CloudTrail's own, and RecursiveLogging is off".into()
            }
        };
        Condition { holds, because }
    }
}

impl clause::Clause<'_> {
    fn explain(&self, facts: &Facts<'_>) -> Selector {
        let conditions = self.conditions.iter().map(|condition| condition.explain(facts));
        let conditions: Vec<Condition> = conditions.collect();
        let is_match = conditions.iter().all(|condition| condition.holds);
        Selector { title: self.title.to_string(), is_match, conditions }
    }
}

impl clause::Condition<'_> {
    fn explain(&self, facts: &Facts<'_>) -> Condition {
        Condition { holds: self.holds(facts), because: self.because(facts) }
    }

    /// What decided it: a value that is barred, else one that is wanted, else what there is.
    fn because(&self, facts: &Facts<'_>) -> String {
        let name = self.name;
        if let Some((value, (comparison, barred))) = self.find(facts, &self.barred) {
            let how = how(comparison, &value, barred);
            return format!("{name} is {value:?}, which the selector leaves out{how}");
        }
        if let Some((value, (comparison, wanted))) = self.find(facts, &self.wanted) {
            return format!("{name} is {value:?}, as selected{}", how(comparison, &value, wanted));
        }
        let (values, barred, wanted) = (self.values(facts), list(&self.barred), list(&self.wanted));
        match (values.is_empty(), self.wanted.is_empty()) {
            (true, true) => format!("the record has no {name}, so nothing leaves it out"),
            (true, false) => format!("the record has no {name}, which must be there ({wanted})"),
            (false, true) => {
                format!("{name} is {}, which nothing leaves out ({barred})", join(&values))
            }
            (false, false) => {
                format!("{name} is {}, which is not selected ({wanted})", join(&values))
            }
        }
    }

    /// The first value of the record that is found among these, and how.
    fn find<'v>(
        &self,
        facts: &Facts<'_>,
        values: &Values<'v>,
    ) -> Option<(String, (Comparison, &'v str))> {
        let mut first = None;
        self.any(facts, |value| {
            first = values.find(value).map(|hit| (value.to_owned(), hit));
            first.is_some()
        });
        first
    }

    fn values(&self, facts: &Facts<'_>) -> Vec<String> {
        let mut values = Vec::new();
        self.any(facts, |value| {
            values.push(value.to_owned());
            false
        });
        values
    }
}

fn how(comparison: Comparison, value: &str, with: &str) -> String {
    match comparison {
        Comparison::Is => String::new(),
        _ if value == with => String::new(),
        Comparison::BeginsWith => format!(" (it begins with {with:?})"),
        Comparison::EndsWith => format!(" (it ends with {with:?})"),
    }
}

/// The values of a condition with their operators.
fn list(values: &Values<'_>) -> String {
    let named = values.given.iter().take(NAMED_MAX);
    let named: Vec<_> = named.map(|(operator, value)| format!("{operator} {value:?}")).collect();
    more(&named, values.given.len())
}

fn join(values: &[String]) -> String {
    let named: Vec<_> = values.iter().take(NAMED_MAX).map(|value| format!("{value:?}")).collect();
    more(&named, values.len())
}

fn more(named: &[String], count: usize) -> String {
    match count.saturating_sub(named.len()) {
        0 => named.join(", "),
        others => format!("{} and {others} more", named.join(", ")),
    }
}
