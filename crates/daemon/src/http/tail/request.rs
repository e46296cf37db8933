//! What a tail asks for, in the query of its URL.
//!
//! | parameter | what it asks for |
//! | --- | --- |
//! | `filter` | `eventName=Delete*`: see [`tail::term`]; several must all hold |
//! | `eventSelectors` | advanced event selectors, as JSON: one must take the event |
//! | `accountIds` | these, with commas between, or `ALL` of the organization; else the caller's |
//! | `regions` | these, or `ALL`, as without it |
//! | `eventCategories` | these, or `ALL`, as without it |
//! | `startTime` | begin with what happened since this moment, a day ago at most |
//! | `after` | begin with what was recorded after this position |

use std::collections::BTreeSet;
use std::time::Duration;

use api::Exception;
use api::sight::Named;
use axum::extract::Query;
use axum::http::Uri;
use model::{AccountId, Category, Region, Timestamp};
use serde_json::{Value, json};
use tail::{Filter, Place, Scope};
use trails::AdvancedEventSelector;

use super::past::SINCE_MAX;
use crate::http::sight::named;
use crate::lookup::terms;

/// How far the caller's clock may be behind.
const SKEW_MAX: Duration = Duration::from_secs(60);

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Asked {
    pub(super) accounts: Named<AccountId>,
    regions: Named<Region>,
    categories: Named<Category>,
    terms: Vec<String>,
    selectors: Option<Vec<AdvancedEventSelector>>,
    pub(super) from: Option<Timestamp>,
    pub(super) after: Option<Place>,
}

impl Asked {
    /// Of a query, as it stands in the URL. What is not known is refused.
    pub(super) fn parse(query: &str, now: Timestamp) -> Result<Asked, Exception> {
        let mut asked = Asked::default();
        let mut seen = BTreeSet::new();
        for (name, value) in pairs(query)? {
            // Of a signature in the URL.
            if name.to_ascii_lowercase().starts_with("x-amz-") {
                continue;
            }
            if name != "filter" && !seen.insert(name.clone()) {
                return Err(invalid(format!("{name} stands twice in the query")));
            }
            asked.take(&name, value, now)?;
        }
        asked.filter(Scope::default())?;
        Ok(asked)
    }

    fn take(&mut self, name: &str, value: String, now: Timestamp) -> Result<(), Exception> {
        match name {
            "filter" => self.terms.push(value),
            "eventSelectors" => self.selectors = Some(selectors(&value)?),
            "accountIds" => {
                self.accounts = named(name, &value, "ids of 12 digits", |id| id.parse().ok())?;
            }
            "regions" => {
                let region = |name: &str| name.parse().ok();
                self.regions = named(name, &value, "Regions such as eu-west-1", region)?;
            }
            "eventCategories" => {
                self.categories = named(name, &value, terms::CATEGORIES, terms::category)?;
            }
            "startTime" => self.from = Some(from(&value, now)?),
            "after" => {
                let place = value.parse();
                self.after = Some(place.map_err(|error| invalid(format!("after: {error}")))?);
            }
            _ => {
                return Err(invalid(format!(
                    "{name:?} is no parameter; known are filter, eventSelectors, accountIds, \
                     regions, eventCategories, startTime, after"
                )));
            }
        }
        Ok(())
    }

    /// Whether it begins with what is past.
    pub(super) fn has_past(&self) -> bool {
        self.from.is_some() || self.after.is_some()
    }

    /// Which of the events of these accounts may be wanted.
    pub(super) fn scope(&self, accounts: BTreeSet<AccountId>) -> Scope {
        Scope {
            accounts: Some(accounts),
            regions: self.regions.or_all(),
            categories: self.categories.or_all(),
        }
    }

    pub(super) fn filter(&self, scope: Scope) -> Result<Filter, Exception> {
        Filter::new(scope, &self.terms, self.selectors.clone())
            .map_err(|error| invalid(error.to_string()))
    }

    /// The members of a LookupEvents that asks for it, for its record.
    pub(super) fn members(&self) -> Value {
        let mut members = json!({ "Tail": true });
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members[name] = value;
            }
        };
        add("AccountIds", self.accounts.words(AccountId::as_str));
        add("Regions", self.regions.words(Region::as_str));
        add("EventCategories", self.categories.words(|category| category.name()));
        add("Filters", (!self.terms.is_empty()).then(|| json!(self.terms)));
        add("EventSelectors", self.selectors.as_ref().map(|selectors| json!(selectors)));
        add("StartTime", self.from.map(|from| from.to_iso_seconds().into()));
        add("After", self.after.map(|place| place.to_string().into()));
        members
    }
}

/// The parameters of a query, in their order.
fn pairs(query: &str) -> Result<Vec<(String, String)>, Exception> {
    let uri: Result<Uri, _> = format!("/?{query}").parse();
    let pairs = uri.ok().and_then(|uri| Query::try_from_uri(&uri).ok());
    let Query(pairs) = pairs.ok_or_else(|| invalid("the query is not readable".into()))?;
    Ok(pairs)
}

fn selectors(json: &str) -> Result<Vec<AdvancedEventSelector>, Exception> {
    serde_json::from_str(json).map_err(|error| {
        let example = r#"[{"FieldSelectors":[{"Field":"eventName","Equals":["PutObject"]}]}]"#;
        invalid(format!("eventSelectors: {error}; expected a list such as {example}"))
    })
}

fn from(text: &str, now: Timestamp) -> Result<Timestamp, Exception> {
    let time = terms::moment(text).ok_or_else(|| {
        invalid(format!(
            "startTime is {text:?}; expected a moment such as 2026-03-09T14:05:00Z, or a day"
        ))
    })?;
    if now.since(time) > SINCE_MAX + SKEW_MAX {
        let hours = SINCE_MAX.as_secs() / 3600;
        return Err(invalid(format!(
            "startTime is {time}, more than {hours} hours ago; look further back by LookupEvents or \
             `cairn lookup`"
        )));
    }
    Ok(time)
}

fn invalid(message: String) -> Exception {
    Exception::new("ValidationException", message)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn check(query: &str, expected: &Expect) {
        expected.assert_eq(&Asked::parse(query, NOW).unwrap_err().message);
    }

    #[test]
    fn a_query_is_recorded_as_it_was_asked() {
        let query = "filter=eventName%3DDelete*&filter=errorCode!=*&accountIds=111122223333,111122223334\
                     &regions=eu-west-1,us-east-1&eventCategories=management,Data&X-Amz-Date=1\
                     &startTime=1970-01-01T00:00:00Z&after=0000019a01c2b3d4.17\
                     &eventSelectors=[{%22FieldSelectors%22:[{%22Field%22:%22readOnly%22,%22Equals%22:[%22true%22]}]}]";
        let asked = Asked::parse(query, NOW).unwrap();
        expect![[r#"{"AccountIds":["111122223333","111122223334"],"After":"0000019a01c2b3d4.17","EventCategories":["Management","Data"],"EventSelectors":[{"FieldSelectors":[{"Equals":["true"],"Field":"readOnly"}]}],"Filters":["eventName=Delete*","errorCode!=*"],"Regions":["eu-west-1","us-east-1"],"StartTime":"1970-01-01T00:00:00Z","Tail":true}"#]].assert_eq(&asked.members().to_string());
        assert_eq!(Asked::parse("", NOW).unwrap().members(), json!({ "Tail": true }));
        let all = Asked::parse("accountIds=ALL&regions=all", NOW).unwrap();
        assert_eq!((all.accounts, all.regions), (Named::All, Named::All));
    }

    #[test]
    fn a_mistake_names_the_parameter_and_the_fix() {
        check(
            "filters=a",
            &expect![[
                r#""filters" is no parameter; known are filter, eventSelectors, accountIds, regions, eventCategories, startTime, after"#
            ]],
        );
        check(
            "filter=evntName=a",
            &expect![[
                r#"field "evntName" is unknown: write eventName; .evntName is a member of your own"#
            ]],
        );
        check(
            "accountIds=1",
            &expect![[
                r#"accountIds: "1" is none; expected ids of 12 digits, with commas between, or ALL"#
            ]],
        );
        check(
            "accountIds=111122223333&accountIds=ALL",
            &expect!["accountIds stands twice in the query"],
        );
        check(
            "regions=",
            &expect![[
                r#"regions: "" is none; expected Regions such as eu-west-1, with commas between, or ALL"#
            ]],
        );
        check(
            "eventCategories=Audit",
            &expect![[
                r#"eventCategories: "Audit" is none; expected management, data, insight, networkactivity, aggregated, activityauditlog, with commas between, or ALL"#
            ]],
        );
        check(
            "startTime=now",
            &expect![[
                r#"startTime is "now"; expected a moment such as 2026-03-09T14:05:00Z, or a day"#
            ]],
        );
        check(
            "startTime=1969-12-30T00:00:00Z",
            &expect![
                "startTime is 1969-12-30T00:00:00Z, more than 24 hours ago; look further back by LookupEvents or `cairn lookup`"
            ],
        );
        check(
            "after=17",
            &expect![
                "after: a position is as a line of a tail has it, such as 0000019a01c2b3d4.17"
            ],
        );
        check(
            "after=%ff",
            &expect![
                "after: a position is as a line of a tail has it, such as 0000019a01c2b3d4.17"
            ],
        );
        let error = Asked::parse("eventSelectors={}", NOW).unwrap_err().message;
        assert!(
            error.starts_with("eventSelectors: ") && error.contains("expected a list"),
            "{error}"
        );
    }
}
