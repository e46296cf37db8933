//! What a tail asks for, in the query of its URL.
//!
//! | parameter | what it asks for |
//! | --- | --- |
//! | `filter` | `eventName=Delete*`: see [`tail::term`]; several must all hold |
//! | `eventSelectors` | advanced event selectors, as JSON: one must take the event |
//! | `accountIds` | accounts, or `ALL`; the caller's own without it |
//! | `regions` | Regions; all without it |
//! | `eventCategories` | categories; all without it |
//! | `startTime` | begin with what happened since then, a day at most |
//! | `after` | begin with what was recorded after this position |
//!
//! Lists have commas between, or the parameter stands several times.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use api::Exception;
use axum::extract::Query;
use axum::http::Uri;
use model::{AccountId, Category, Region, Timestamp};
use serde_json::{Value, json};
use tail::{Filter, Place, Scope};
use trails::AdvancedEventSelector;

use super::past::SINCE_MAX;

/// Accounts, Regions or categories that are named.
const NAMED_MAX: usize = 1_000;
const ALL: &str = "ALL";
const CATEGORIES: &str = "Management, Data, NetworkActivity, Insight, Aggregated, ActivityAuditLog, \
     ConfigurationItem, Evidence";
const PARAMETERS: &str =
    "filter, eventSelectors, accountIds, regions, eventCategories, startTime, after";

/// Whose events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Accounts {
    /// The caller's.
    #[default]
    Own,
    /// All that the caller may see.
    All,
    /// These.
    These(BTreeSet<AccountId>),
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Asked {
    pub(super) accounts: Accounts,
    regions: Option<BTreeSet<Region>>,
    categories: Option<BTreeSet<Category>>,
    terms: Vec<String>,
    selectors: Option<Vec<AdvancedEventSelector>>,
    pub(super) start_time: Option<Timestamp>,
    pub(super) after: Option<Place>,
}

impl Asked {
    /// Of a query, as it stands in the URL.
    pub(super) fn parse(query: &str, now: Timestamp) -> Result<Asked, Exception> {
        let mut asked = Asked::default();
        for (name, value) in pairs(query)? {
            match name.as_str() {
                "filter" => asked.terms.push(value),
                "eventSelectors" if asked.selectors.is_none() => {
                    let selectors = serde_json::from_str(&value);
                    asked.selectors = Some(selectors.map_err(|error| {
                        let example =
                            r#"[{"FieldSelectors":[{"Field":"eventName","Equals":["PutObject"]}]}]"#;
                        invalid(&format!("eventSelectors: {error}; expected a list as {example}"))
                    })?);
                }
                "accountIds" if value == ALL && asked.accounts == Accounts::Own => {
                    asked.accounts = Accounts::All;
                }
                "accountIds" if asked.accounts != Accounts::All => {
                    let mut accounts = match asked.accounts {
                        Accounts::These(accounts) => accounts,
                        Accounts::Own | Accounts::All => BTreeSet::new(),
                    };
                    add(&mut accounts, &name, &value, "12 digits, or ALL alone", str_parse)?;
                    asked.accounts = Accounts::These(accounts);
                }
                "regions" => {
                    let regions = asked.regions.get_or_insert_default();
                    add(regions, &name, &value, "a Region code such as eu-west-1", str_parse)?;
                }
                "eventCategories" => {
                    let categories = asked.categories.get_or_insert_default();
                    add(categories, &name, &value, CATEGORIES, category)?;
                }
                "startTime" if asked.start_time.is_none() => {
                    asked.start_time = Some(start_time(&value, now)?);
                }
                "after" if asked.after.is_none() => {
                    let place = value.parse();
                    asked.after =
                        Some(place.map_err(|error| invalid(&format!("after {value:?}: {error}")))?);
                }
                "eventSelectors" | "accountIds" | "startTime" | "after" => {
                    return Err(invalid(&format!("{name} stands twice in the query")));
                }
                _ => {
                    return Err(invalid(&format!(
                        "the query has an unknown parameter {name:?}; a tail takes {PARAMETERS}"
                    )));
                }
            }
        }
        asked.filter(Scope::default())?;
        Ok(asked)
    }

    /// Whether it begins with what is past.
    pub(super) fn has_past(&self) -> bool {
        self.start_time.is_some() || self.after.is_some()
    }

    /// All but the accounts.
    pub(super) fn scope(&self) -> Scope {
        Scope { accounts: None, regions: self.regions.clone(), categories: self.categories.clone() }
    }

    pub(super) fn filter(&self, scope: Scope) -> Result<Filter, Exception> {
        Filter::new(scope, &self.terms, self.selectors.clone())
            .map_err(|error| invalid(&error.to_string()))
    }

    /// As its record tells it.
    pub(super) fn parameters(&self) -> Value {
        let mut told = json!({ "Tail": true });
        let mut tell = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                told[name] = value;
            }
        };
        tell(
            "AccountIds",
            match &self.accounts {
                Accounts::Own => None,
                Accounts::All => Some(json!([ALL])),
                Accounts::These(accounts) => Some(json!(accounts)),
            },
        );
        tell("Regions", self.regions.as_ref().map(|regions| json!(regions)));
        let names = |all: &BTreeSet<Category>| all.iter().map(|one| one.name()).collect::<Vec<_>>();
        tell("EventCategories", self.categories.as_ref().map(|all| json!(names(all))));
        tell("Filters", (!self.terms.is_empty()).then(|| json!(self.terms)));
        tell("EventSelectors", self.selectors.as_ref().map(|selectors| json!(selectors)));
        tell("StartTime", self.start_time.map(|time| json!(time.to_iso_seconds())));
        tell("After", self.after.map(|place| json!(place.to_string())));
        told
    }
}

/// The parameters of a query, in their order.
fn pairs(query: &str) -> Result<Vec<(String, String)>, Exception> {
    let uri: Result<Uri, _> = format!("/?{query}").parse();
    let pairs = uri.ok().and_then(|uri| Query::try_from_uri(&uri).ok());
    let Query(pairs) = pairs.ok_or_else(|| invalid("the query is not percent-encoded UTF-8"))?;
    Ok(pairs)
}

fn add<T: Ord>(
    set: &mut BTreeSet<T>,
    name: &str,
    list: &str,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<(), Exception> {
    for text in list.split(',') {
        let one = parse(text.trim());
        set.insert(one.ok_or_else(|| invalid(&format!("{name} {text:?}: expected {expected}")))?);
    }
    match set.len() > NAMED_MAX {
        true => Err(invalid(&format!("{name} has more than {NAMED_MAX} values"))),
        false => Ok(()),
    }
}

fn str_parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn category(text: &str) -> Option<Category> {
    let names = CATEGORIES.split(", ");
    names.filter(|name| name.eq_ignore_ascii_case(text)).find_map(Category::from_name)
}

fn start_time(text: &str, now: Timestamp) -> Result<Timestamp, Exception> {
    let time = Timestamp::parse(text).ok_or_else(|| {
        invalid(&format!("startTime {text:?}: expected a time such as 2026-05-04T03:02:01Z"))
    })?;
    if now.since(time) > SINCE_MAX + Duration::from_secs(60) {
        let hours = SINCE_MAX.as_secs() / 3600;
        return Err(invalid(&format!(
            "startTime {text:?} is more than {hours} hours ago; look further back by LookupEvents \
             or `cairn lookup`"
        )));
    }
    Ok(time)
}

fn invalid(message: &(impl Display + ?Sized)) -> Exception {
    Exception::new("ValidationException", message.to_string())
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
    fn a_query_is_told_as_it_was_asked() {
        let query = "filter=eventName%3DDelete*&filter=errorCode!=*&accountIds=111122223333,111122223334\
                     &regions=eu-west-1&regions=us-east-1&eventCategories=management,Data\
                     &startTime=1970-01-01T00:00:00Z&after=0000019a01c2b3d4.17\
                     &eventSelectors=[{%22FieldSelectors%22:[{%22Field%22:%22readOnly%22,%22Equals%22:[%22true%22]}]}]";
        let asked = Asked::parse(query, NOW).unwrap();
        expect![[r#"{"AccountIds":["111122223333","111122223334"],"After":"0000019a01c2b3d4.17","EventCategories":["Management","Data"],"EventSelectors":[{"FieldSelectors":[{"Equals":["true"],"Field":"readOnly"}]}],"Filters":["eventName=Delete*","errorCode!=*"],"Regions":["eu-west-1","us-east-1"],"StartTime":"1970-01-01T00:00:00Z","Tail":true}"#]]
            .assert_eq(&asked.parameters().to_string());
        assert_eq!(Asked::parse("", NOW).unwrap().parameters(), json!({ "Tail": true }));
        let all = Asked::parse("accountIds=ALL", NOW).unwrap();
        assert_eq!(all.accounts, Accounts::All);
    }

    #[test]
    fn a_mistake_names_the_parameter_and_the_fix() {
        check(
            "filters=a",
            &expect![[
                r#"the query has an unknown parameter "filters"; a tail takes filter, eventSelectors, accountIds, regions, eventCategories, startTime, after"#
            ]],
        );
        check(
            "filter=evntName=a",
            &expect![[
                r#"field "evntName" is unknown: write eventName; .evntName is a member of your own"#
            ]],
        );
        check("accountIds=1", &expect![[r#"accountIds "1": expected 12 digits, or ALL alone"#]]);
        check(
            "accountIds=111122223333&accountIds=ALL",
            &expect![[r#"accountIds "ALL": expected 12 digits, or ALL alone"#]],
        );
        check(
            "accountIds=ALL&accountIds=111122223333",
            &expect!["accountIds stands twice in the query"],
        );
        check("regions=", &expect![[r#"regions "": expected a Region code such as eu-west-1"#]]);
        check(
            "eventCategories=Audit",
            &expect![[
                r#"eventCategories "Audit": expected Management, Data, NetworkActivity, Insight, Aggregated, ActivityAuditLog, ConfigurationItem, Evidence"#
            ]],
        );
        check(
            "startTime=now",
            &expect![[r#"startTime "now": expected a time such as 2026-05-04T03:02:01Z"#]],
        );
        check(
            "startTime=1969-12-30T00:00:00Z",
            &expect![[
                r#"startTime "1969-12-30T00:00:00Z" is more than 24 hours ago; look further back by LookupEvents or `cairn lookup`"#
            ]],
        );
        check(
            "after=17",
            &expect![[
                r#"after "17": a position is as a line of a tail has it, such as 0000019a01c2b3d4.17"#
            ]],
        );
        check("after=%ff", &expect!["the query is not percent-encoded UTF-8"]);
        let error = Asked::parse("eventSelectors={}", NOW).unwrap_err().message;
        assert!(
            error.starts_with("eventSelectors: ") && error.contains("expected a list"),
            "{error}"
        );
    }
}
