//! Whether there is room for a trail in each Region where it shows: for its name, and in the quota.
//!
//! A multi-Region trail shows in every Region, and counts in each.
//! Source: AWS CloudTrail User Guide, "Quotas in AWS CloudTrail".

use std::collections::BTreeSet;

use model::Region;
use trails::{Definitions, Trail};

use crate::context::Context;

/// The owner's other trails.
fn others<'a>(
    definitions: &'a Definitions,
    trail: &'a Trail,
) -> impl Iterator<Item = &'a Trail> + Clone {
    let others = definitions.trails.iter().map(|one| &one.trail);
    others.filter(|one| one.arn.account == trail.arn.account && one.arn != trail.arn)
}

/// The home Region of another trail that shows under the same name where this one would.
pub(super) fn clash<'a>(definitions: &'a Definitions, trail: &'a Trail) -> Option<&'a Region> {
    let meets = |one: &&Trail| {
        one.arn.name == trail.arn.name && (one.is_multi_region || trail.is_multi_region)
    };
    others(definitions, trail).find(meets).map(|one| &one.arn.home_region)
}

/// A Region where the trail would be one too many.
pub(super) fn full<'a>(context: &Context<'a>, trail: &'a Trail) -> Option<&'a Region> {
    let others = others(context.definitions, trail);
    let shown_in = |region: &Region| {
        others.clone().filter(|one| one.is_multi_region || one.arn.home_region == *region).count()
    };
    let elsewhere: BTreeSet<&Region> = match trail.is_multi_region {
        true => others.clone().map(|one| &one.arn.home_region).collect(),
        false => BTreeSet::new(),
    };
    let mut regions = std::iter::once(&trail.arn.home_region).chain(elsewhere);
    regions.find(|region| shown_in(region) >= context.quotas.trails_per_region)
}
