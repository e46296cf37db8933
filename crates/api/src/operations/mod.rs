//! The operations of CloudTrail, by name: adding one touches this table and its own module.

mod logging;
mod trails;

use crate::operation::{Table, change, read, unsupported};

/// Operations that Cairn has not (yet): each answers with `UnsupportedOperationException`.
const UNSUPPORTED: [&str; 1] = ["LookupEvents"];

/// All operations.
pub(crate) fn table() -> Table {
    let mut table = Table::from([
        ("DescribeTrails", read(trails::describe)),
        ("StartLogging", change(logging::start)),
        ("StopLogging", change(logging::stop)),
    ]);
    table.extend(UNSUPPORTED.map(|name| (name, unsupported())));
    table
}
