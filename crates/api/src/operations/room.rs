//! Whether there is room for a trail in each Region where it shows: for its name, and in the quota.
//!
//! A multi-Region trail shows in every Region, and counts in each. Cairn has no list of Regions, so
//! an account names as many as it likes, up to [`REGIONS_MAX`]: else quotas by Region would be none.
//! Source: AWS CloudTrail User Guide, "Quotas in AWS CloudTrail".

use std::collections::BTreeSet;

use model::{AccountId, Region};
use trails::{Definitions, Trail};

use crate::context::Context;
use crate::exception::Exception;

/// Regions in which an account may have trails and channels; AWS has fewer.
const REGIONS_MAX: usize = 64;

/// Refuses an account's first trail or channel in a Region when it has some in too many others.
pub(super) fn check_region(
    definitions: &Definitions,
    account: &AccountId,
    region: &Region,
) -> Result<(), Exception> {
    let trails = definitions.trails.iter().map(|one| &one.trail.arn);
    let trails = trails.filter(|arn| arn.account == *account).map(|arn| &arn.home_region);
    let channels = definitions.channels.iter().filter(|channel| channel.account == *account);
    let mut regions: BTreeSet<&Region> = trails.chain(channels.map(|one| &one.region)).collect();
    regions.insert(region);
    if regions.len() <= REGIONS_MAX {
        return Ok(());
    }
    let message = format!("An account has trails and channels in at most {REGIONS_MAX} Regions.");
    Err(Exception::new("OperationNotPermittedException", message))
}

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
