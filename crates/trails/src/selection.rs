//! Advanced event selectors by themselves, without a trail: which events somebody wants to see.
//!
//! The grammar is that of trails, and so is what it means. But what AWS allows a trail only for some
//! categories, or demands of it, holds here for none: any field goes with any operator, and none must
//! be there.

use crate::check_advanced;
use crate::clause::{self, Clause};
use crate::facts::Facts;
use crate::invalid_selector::InvalidSelector;
use crate::selector::AdvancedEventSelector;

/// Selectors whose fields are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection(Vec<AdvancedEventSelector>);

/// The same, made ready for many events; asked without allocating.
#[derive(Debug)]
pub struct Picker<'a>(Vec<Clause<'a>>);

impl Selection {
    /// Checks selectors. Refuses fields that are unknown or have no values, and too many values.
    pub fn new(selectors: Vec<AdvancedEventSelector>) -> Result<Selection, InvalidSelector> {
        check_advanced::check_words(&selectors)?;
        Ok(Selection(selectors))
    }

    /// Makes it ready.
    #[must_use]
    pub fn picker(&self) -> Picker<'_> {
        let clauses = (1..).zip(&self.0);
        Picker(clauses.map(|(number, selector)| clause::advanced(number, selector)).collect())
    }
}

impl Picker<'_> {
    /// Whether one of the selectors takes an event.
    #[must_use]
    pub fn takes(&self, facts: &Facts<'_>) -> bool {
        self.0.iter().any(|clause| clause.holds(facts))
    }
}

#[cfg(test)]
mod tests {
    use model::{Event, Sender};

    use super::*;

    fn selection(json: &str) -> Result<Selection, InvalidSelector> {
        Selection::new(serde_json::from_str(json).unwrap())
    }

    fn check(json: &str, takes: bool) {
        let sender = Sender {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let record = r#"{"eventName":"DeleteBucket","eventSource":"s3.amazonaws.com"}"#;
        let event = Event::from_record(record.into(), &sender).unwrap().event;
        let selection = selection(json).unwrap();
        assert_eq!(selection.picker().takes(&Facts::of(&event)), takes, "{json}");
    }

    #[test]
    fn what_no_trail_may_ask_of_management_events_is_asked_here() {
        check(r#"[{"FieldSelectors":[{"Field":"eventName","StartsWith":["Delete"]}]}]"#, true);
        check(r#"[{"FieldSelectors":[{"Field":"eventName","NotStartsWith":["Delete"]}]}]"#, false);
        check(r#"[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]}]}]"#, false);
        check(
            r#"[{"FieldSelectors":[{"Field":"eventName","EndsWith":["Key"]}]},
                {"FieldSelectors":[{"Field":"eventSource","Equals":["s3.amazonaws.com"]},
                                   {"Field":"errorCode","NotEquals":["AccessDenied"]}]}]"#,
            true,
        );
    }

    #[test]
    fn a_mistake_is_named() {
        for (json, said) in [
            ("[]", "Specify between 1 and 500 selectors"),
            (r#"[{"FieldSelectors":[{"Field":"eventNam","Equals":["a"]}]}]"#, "\"eventNam\""),
            (r#"[{"FieldSelectors":[{"Field":"eventName"}]}]"#, "needs at least one value"),
            (r#"[{"FieldSelectors":[{"Field":"eventName","Equals":[""]}]}]"#, "1 to 2048"),
        ] {
            let error = selection(json).unwrap_err().to_string();
            assert!(error.contains(said), "{json}: {error}");
        }
    }
}
