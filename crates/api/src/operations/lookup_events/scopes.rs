//! Whose events, of which Regions and of what kind: the caller's own and management events, unless
//! members beyond AWS say otherwise.

use std::collections::BTreeSet;

use history::ScopeFilter;
use model::{AccountId, Category, Region};

use super::LookupEvents;
use crate::context::Context;
use crate::exception::Exception;
use crate::sight::{self, Named};
use crate::wire::invalid_member;

const ALL: &str = "ALL";
/// Accounts or Regions of one call, unless they are all.
const LISTED_MAX: usize = 1_000;

/// Those of a call.
pub(super) fn of(context: &Context<'_>, input: &LookupEvents) -> Result<ScopeFilter, Exception> {
    Ok(ScopeFilter {
        categories: categories(input)?,
        accounts: Some(accounts(context, input)?),
        regions: regions(context, input)?,
    })
}

fn categories(input: &LookupEvents) -> Result<Option<BTreeSet<Category>>, Exception> {
    let refuse = |message: String| Err(Exception::new("InvalidEventCategoryException", message));
    match (input.event_category.as_deref(), &input.event_categories) {
        (Some(_), Some(_)) => refuse("Use EventCategory or EventCategories, and not both.".into()),
        (Some("insight"), None) => Ok(Some([Category::Insight].into())),
        (Some(other), None) => refuse(format!(
            "EventCategory {other:?} is not valid. Use insight, or leave it out for management events."
        )),
        (None, None) => Ok(Some([Category::Management].into())),
        (None, Some(names)) if is_all(names) => Ok(None),
        (None, Some(names)) => {
            if let Some(other) = names.iter().find(|name| Category::from_name(name).is_none()) {
                return refuse(format!(
                    "EventCategories has {other:?}. Use the names that records have, such as \
                     Management, Data, Insight or NetworkActivity, or ALL by itself."
                ));
            }
            if names.is_empty() {
                return refuse(
                    "EventCategories is empty. Leave it out for management events.".into(),
                );
            }
            Ok(Some(names.iter().filter_map(|name| Category::from_name(name)).collect()))
        }
    }
}

fn regions(
    context: &Context<'_>,
    input: &LookupEvents,
) -> Result<Option<BTreeSet<Region>>, Exception> {
    match &input.regions {
        None => Ok(Some([context.caller.region.clone()].into())),
        Some(names) if is_all(names) => Ok(None),
        Some(names) => {
            listed("Regions", names, "the code of a Region, such as eu-west-1").map(Some)
        }
    }
}

fn accounts(context: &Context<'_>, input: &LookupEvents) -> Result<BTreeSet<AccountId>, Exception> {
    let asked = match &input.account_ids {
        None => Named::Unsaid,
        Some(names) if is_all(names) => Named::All,
        Some(names) => Named::These(listed("AccountIds", names, "an account id of 12 digits")?),
    };
    sight::accounts(context.caller, &asked, context.definitions)
}

fn is_all(names: &[String]) -> bool {
    matches!(names, [one] if one == ALL)
}

fn listed<T: std::str::FromStr + Ord>(
    member: &str,
    names: &[String],
    expected: &str,
) -> Result<BTreeSet<T>, Exception> {
    if !(1..=LISTED_MAX).contains(&names.len()) {
        let count = names.len();
        let message =
            format!("{member} has {count} entries. Use 1 to {LISTED_MAX}, or [\"{ALL}\"].");
        return Err(invalid_member(message));
    }
    let parse = |name: &String| {
        let message = || format!("{member} has {name:?}. Use {expected}, or [\"{ALL}\"].");
        name.parse().map_err(|_| invalid_member(message()))
    };
    names.iter().map(parse).collect()
}
