//! The trails, which change while events come in, and what each takes: worked out here, and not by
//! Cairn's code.

use std::collections::BTreeSet;

use super::events::{ACCOUNTS, Event, REGIONS};
use crate::support::configuration::{self, ALL};

/// Names of the buckets. The last one is made late, so that files are parked until then.
pub const BUCKETS: [&str; 3] = ["first", "second", "late"];

/// After so many the first comes again.
const VERSIONS: usize = 3;

/// Where a trail's files lie: a bucket and a prefix, which no other trail has at any time.
pub type Spot = (usize, Option<&'static str>);

/// A trail.
#[derive(Clone, Copy)]
struct Trail {
    name: &'static str,
    account: &'static str,
    is_multi_region: bool,
    is_logging: bool,
    categories: &'static [&'static str],
    spot: Spot,
}

/// The trails of a version. Each differs from the one before it.
fn trails(version: usize) -> Vec<Trail> {
    let all = Trail {
        name: "all",
        account: ACCOUNTS[0],
        is_multi_region: true,
        is_logging: true,
        categories: &["Management"],
        spot: (0, None),
    };
    let deeds = Trail {
        name: "deeds",
        categories: &["Data", "ActivityAuditLog"],
        spot: (1, Some("deeds")),
        ..all
    };
    let home = Trail {
        name: "home",
        account: ACCOUNTS[1],
        is_multi_region: false,
        categories: &ALL,
        spot: (0, Some("home")),
        ..all
    };
    let waits = Trail { name: "waits", is_multi_region: true, spot: (2, Some("a/b")), ..home };
    let other = Trail { name: "other", account: ACCOUNTS[2], spot: (1, None), ..all };
    match version % VERSIONS {
        0 => vec![all, deeds, home, waits],
        1 => vec![
            all,
            Trail { spot: (0, Some("moved")), ..deeds },
            Trail { is_multi_region: true, ..home },
            waits,
            other,
        ],
        _ => vec![
            Trail { categories: &ALL, ..all },
            Trail { is_logging: false, ..deeds },
            home,
            waits,
        ],
    }
}

/// The configuration of a version.
pub fn configuration(version: usize, buckets: &[String], topic: &str) -> String {
    let trail = |trail: Trail| {
        let bucket = &buckets[trail.spot.0];
        let mut made = configuration::Trail::new(trail.name, trail.account, REGIONS[0], bucket)
            .topic(topic)
            .categories(trail.categories)
            .with(&format!("logging = {}", trail.is_logging));
        if trail.is_multi_region {
            made = made.multi_region();
        }
        if let Some(prefix) = trail.spot.1 {
            made = made.prefix(prefix);
        }
        made.to_string()
    };
    trails(version).into_iter().map(trail).collect()
}

/// How many trails a version has.
pub fn count(version: usize) -> usize {
    trails(version).len()
}

/// Where an event belongs that is recorded under a version, sorted.
pub fn spots(version: usize, event: Event) -> Vec<Spot> {
    let takes = |trail: &Trail| {
        trail.is_logging
            && trail.account == event.account()
            && (trail.is_multi_region || event.region() == REGIONS[0])
            && trail.categories.contains(&event.category())
    };
    let mut spots: Vec<Spot> =
        trails(version).iter().filter(|trail| takes(trail)).map(|trail| trail.spot).collect();
    spots.sort_unstable();
    spots
}

/// The prefixes that trails have at any time.
pub fn prefixes() -> BTreeSet<Option<&'static str>> {
    (0..VERSIONS).flat_map(trails).map(|trail| trail.spot.1).collect()
}
