//! What a download asks for, from the query of its URL.

use std::collections::BTreeSet;

use api::Exception;
use api::sight::Named;
use axum::extract::Query as Pairs;
use axum::http::Uri;
use history::{Attribute, Query, ScopeFilter};
use model::{AccountId, Category, Region, Timestamp};
use serde_json::{Map, Value, json};

use crate::export::Format;
use crate::http::sight::named;
use crate::lookup::terms;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) format: Format,
    pub(super) limit: Option<u64>,
    attributes: Vec<(Attribute, String)>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    pub(super) accounts: Named<AccountId>,
    regions: Named<Region>,
    categories: Named<Category>,
}

impl Asked {
    /// Reads a query. What is not known is refused: a filter that is misspelt would show too much.
    pub(super) fn read(uri: &Uri) -> Result<Asked, Exception> {
        let pairs = Pairs::<Vec<(String, String)>>::try_from_uri(uri);
        let Pairs(pairs) =
            pairs.map_err(|error| invalid(format!("the query is not readable: {error}")))?;
        let mut asked = Asked {
            format: Format::Ndjson,
            limit: None,
            attributes: Vec::new(),
            from: None,
            to: None,
            accounts: Named::Unsaid,
            regions: Named::Unsaid,
            categories: Named::Unsaid,
        };
        let mut seen = BTreeSet::new();
        for (name, value) in &pairs {
            // Of a signature in the URL.
            if name.to_ascii_lowercase().starts_with("x-amz-") {
                continue;
            }
            let is_attribute = asked.take(name, value)?;
            if !seen.insert(name) && !is_attribute {
                return Err(invalid(format!("{name} stands twice in the query")));
            }
        }
        if let (Some(from), Some(to)) = (asked.from, asked.to)
            && from > to
        {
            let message = format!("startTime ({from}) is later than endTime ({to})");
            return Err(Exception::new("InvalidTimeRangeException", message));
        }
        Ok(asked)
    }

    /// Takes a parameter; true if it is an attribute's.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, Exception> {
        match name {
            "format" => {
                self.format = Format::from_name(value).ok_or_else(|| {
                    invalid(format!("format is {value:?}; expected ndjson, json or csv"))
                })?;
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| *limit > 0);
                let message = || format!("limit is {value:?}; expected a number from 1");
                self.limit = Some(
                    limit.ok_or_else(|| Exception::new("InvalidMaxResultsException", message()))?,
                );
            }
            "startTime" => self.from = Some(moment(name, value)?),
            "endTime" => self.to = Some(moment(name, value)?),
            "accountIds" => {
                self.accounts = named(name, value, "ids of 12 digits", |id| id.parse().ok())?;
            }
            "regions" => {
                let region = |name: &str| name.parse().ok();
                self.regions = named(name, value, "Regions such as eu-west-1", region)?;
            }
            "eventCategories" => {
                self.categories = named(name, value, terms::CATEGORIES, terms::category)?;
            }
            _ => {
                self.take_attribute(name, value)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn take_attribute(&mut self, name: &str, value: &str) -> Result<(), Exception> {
        let Some(attribute) = terms::attribute(name) else {
            return Err(invalid(format!(
                "{name:?} is no parameter; known are format, startTime, endTime, accountIds, regions, eventCategories, limit, and the attributes {}",
                Attribute::ALL.map(Attribute::name).join(", ")
            )));
        };
        let refused = |message| Exception::new("InvalidLookupAttributesException", message);
        terms::check_value(attribute, value).map_err(refused)?;
        if self.attributes.len() >= terms::ATTRIBUTES_MAX {
            let message = format!("at most {} attributes are taken", terms::ATTRIBUTES_MAX);
            return Err(refused(message));
        }
        self.attributes.push((attribute, value.to_owned()));
        Ok(())
    }

    /// The members of the LookupEvents that asks for the same, for its record.
    pub(super) fn members(&self) -> Value {
        let mut members = Map::new();
        let mut add = |name: &str, value: Option<Value>| {
            members.extend(value.map(|value| (name.to_owned(), value)));
        };
        let attributes: Vec<Value> = self
            .attributes
            .iter()
            .map(|(key, value)| json!({ "AttributeKey": key.name(), "AttributeValue": value }))
            .collect();
        add("MatchAll", (attributes.len() > 1).then(|| true.into()));
        add("LookupAttributes", (!attributes.is_empty()).then(|| attributes.into()));
        add("StartTime", self.from.map(|from| from.to_iso_seconds().into()));
        add("EndTime", self.to.map(|to| to.to_iso_seconds().into()));
        add("AccountIds", self.accounts.words(AccountId::as_str));
        add("Regions", self.regions.words(Region::as_str));
        add("EventCategories", self.categories.words(|category| category.name()));
        add("MaxResults", self.limit.map(Value::from));
        add("DownloadFormat", Some(self.format.name().into()));
        Value::Object(members)
    }

    /// Which of the events of these accounts are meant.
    pub(super) fn scopes(&self, accounts: BTreeSet<AccountId>, region: &Region) -> ScopeFilter {
        ScopeFilter {
            accounts: Some(accounts),
            regions: self.regions.or(region),
            categories: self.categories.or(&Category::Management),
        }
    }

    /// The query, from its beginning.
    pub(super) fn query(&self, scopes: ScopeFilter) -> Query {
        Query {
            scopes,
            attributes: self.attributes.clone(),
            from: self.from.unwrap_or_else(|| Timestamp::from_millis(i64::MIN)),
            to: self.to.unwrap_or_else(|| Timestamp::from_millis(i64::MAX)),
            after: None,
            limit: 0,
        }
    }
}

fn moment(name: &str, value: &str) -> Result<Timestamp, Exception> {
    terms::moment(value).ok_or_else(|| {
        let message = format!(
            "{name} is {value:?}; expected a moment such as 2026-03-09T14:05:00Z, or a day; in a URL + is written %2B"
        );
        Exception::new("InvalidTimeRangeException", message)
    })
}

fn invalid(message: String) -> Exception {
    Exception::new("ValidationException", message)
}
