//! The operations of CloudTrail, by name: adding one touches this table and its own module.

mod channel_shapes;
mod channels;
mod create;
mod delete;
mod event_configuration;
mod event_data_stores;
mod event_selectors;
mod insight_selectors;
mod list_trails;
mod log_group;
mod logging;
mod lookup_events;
mod members;
mod organization;
mod public_keys;
mod resource_policies;
mod room;
mod shapes;
mod status;
mod tags;
mod trails;
mod update;

use ::trails::{Definitions, TrailDefinition};
use model::TrailArn;

use crate::context::Context;
use crate::operation::{Table, change, lookup, read, unsupported};

/// Operations that Cairn has not (yet): each answers with `UnsupportedOperationException`.
const UNSUPPORTED: [&str; 30] = [
    "CancelQuery",
    "CreateDashboard",
    "CreateEventDataStore",
    "DeleteDashboard",
    "DeleteEventDataStore",
    "DescribeQuery",
    "DisableFederation",
    "EnableFederation",
    "GenerateQuery",
    "GetDashboard",
    "GetEventDataStore",
    "GetImport",
    "GetQueryResults",
    "ListDashboards",
    "ListEventDataStores",
    "ListImportFailures",
    "ListImports",
    "ListInsightsData",
    "ListInsightsMetricData",
    "ListQueries",
    "RestoreEventDataStore",
    "SearchSampleQueries",
    "StartDashboardRefresh",
    "StartEventDataStoreIngestion",
    "StartImport",
    "StartQuery",
    "StopEventDataStoreIngestion",
    "StopImport",
    "UpdateDashboard",
    "UpdateEventDataStore",
];

/// All operations.
pub(crate) fn table() -> Table {
    let mut table = Table::from(UNSUPPORTED.map(|name| (name, unsupported())));
    table.extend([
        ("AddTags", change(tags::add)),
        ("CreateChannel", change(channels::create)),
        ("CreateTrail", change(create::create)),
        ("DeleteChannel", change(channels::delete)),
        ("DeleteResourcePolicy", change(resource_policies::delete)),
        ("DeleteTrail", change(delete::delete)),
        ("DeregisterOrganizationDelegatedAdmin", change(organization::deregister)),
        ("DescribeTrails", read(trails::describe)),
        ("GetChannel", read(channels::get)),
        ("GetEventConfiguration", read(event_configuration::get)),
        ("GetEventSelectors", read(event_selectors::get)),
        ("GetInsightSelectors", read(insight_selectors::get)),
        ("GetResourcePolicy", read(resource_policies::get)),
        ("GetTrail", read(trails::get)),
        ("GetTrailStatus", read(status::get)),
        ("ListChannels", read(channels::list)),
        ("ListPublicKeys", read(public_keys::list)),
        ("ListTags", read(tags::list)),
        ("ListTrails", read(list_trails::list)),
        ("LookupEvents", lookup(lookup_events::plan)),
        ("PutEventConfiguration", change(event_configuration::put)),
        ("PutEventSelectors", change(event_selectors::put)),
        ("PutInsightSelectors", change(insight_selectors::put)),
        ("PutResourcePolicy", change(resource_policies::put)),
        ("RegisterOrganizationDelegatedAdmin", change(organization::register)),
        ("RemoveTags", change(tags::remove)),
        ("StartLogging", change(logging::start)),
        ("StopLogging", change(logging::stop)),
        ("UpdateChannel", change(channels::update)),
        ("UpdateTrail", change(update::update)),
    ]);
    table
}

/// The definitions with one trail changed.
fn with_trail(
    context: &Context<'_>,
    arn: &TrailArn,
    change: impl FnOnce(&mut TrailDefinition),
) -> Definitions {
    let mut definitions = context.definitions.clone();
    definitions.trails.iter_mut().find(|one| one.trail.arn == *arn).map(change);
    definitions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Handler;

    #[test]
    fn what_only_tells_is_named_so_and_nothing_implemented_is_unsupported() {
        assert_eq!(table().len(), 60);
        for (name, operation) in table() {
            let tells = ["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb));
            match operation.handler {
                Handler::Read(_) => assert!(tells, "{name}"),
                Handler::Lookup(_) => assert!(name.starts_with("Lookup"), "{name}"),
                Handler::Change(_) => assert!(!tells, "{name}"),
                Handler::Unsupported => assert!(UNSUPPORTED.contains(&name), "{name}"),
            }
            let is_unsupported = matches!(operation.handler, Handler::Unsupported);
            assert_eq!(UNSUPPORTED.contains(&name), is_unsupported, "{name}");
        }
    }
}
