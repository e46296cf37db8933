//! The rules by which trails take events: a [`TrailSet`], compiled. Made once for many events, and
//! asked without allocating.
//!
//! A trail takes an event when all of this holds:
//!
//! | rule | source: AWS CloudTrail User Guide |
//! | --- | --- |
//! | it sees the account: its own; for an organization trail every member's | "Creating a trail for an organization" |
//! | its logging is started | "StartLogging" |
//! | a single-Region trail sees its home Region; a multi-Region trail every Region | "Multi-Region trails" |
//! | events of global services are recorded in the leading Region; a single-Region trail there takes them unless told not to | "Global service events" |
//! | records of CloudTrail's own deliveries are taken unless `RecursiveLogging` is off | API Reference, "CreateTrail" |
//! | one of its selectors matches; without selectors all management events, read and write | "Logging management events" |
//!
//! [`crate::explain`] asks the same rules, and says how each was answered.

use std::collections::{BTreeSet, HashMap, HashSet};

use model::AccountId;

use crate::clause::{self, Clause};
use crate::facts::Facts;
use crate::trail::Trail;
use crate::trail_set::TrailSet;

/// The rules of all trails at one moment.
#[derive(Debug)]
pub struct Rules<'a> {
    pub(crate) trails: Vec<Compiled<'a>>,
    /// The places, among [`TrailSet::trails`], of the trails that see an account's events: of
    /// accounts that own trails, and of all other members of the organization.
    of_owners: HashMap<&'a AccountId, Vec<usize>>,
    of_members: Vec<usize>,
    members: HashSet<&'a AccountId>,
}

/// One trail.
#[derive(Debug)]
pub(crate) struct Compiled<'a> {
    pub(crate) trail: &'a Trail,
    pub(crate) clauses: Vec<Clause<'a>>,
}

/// What must hold besides the selectors, of an event of an account that the trail sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Logging,
    Region,
    GlobalEvents,
    OwnDeliveries,
}

impl<'a> Rules<'a> {
    /// Compiles the rules of these trails, whose selectors were checked.
    #[must_use]
    pub fn of(set: &'a TrailSet) -> Rules<'a> {
        let organization = set.organization.as_ref();
        let members: HashSet<&AccountId> = organization
            .map(|one| std::iter::once(&one.management_account).chain(&one.members).collect())
            .unwrap_or_default();
        let of_members: Vec<usize> = (0..set.trails.len())
            .filter(|place| set.trails[*place].is_organization && !members.is_empty())
            .collect();
        let mut of_owners: HashMap<&AccountId, BTreeSet<usize>> = HashMap::new();
        for (place, trail) in set.trails.iter().enumerate() {
            of_owners.entry(&trail.arn.account).or_default().insert(place);
        }
        for (account, places) in &mut of_owners {
            if members.contains(*account) {
                places.extend(&of_members);
            }
        }
        let of_owners = of_owners
            .into_iter()
            .map(|(account, places)| (account, places.into_iter().collect()))
            .collect();
        let compile =
            |trail: &'a Trail| Compiled { trail, clauses: clause::compile(&trail.selectors) };
        Rules { trails: set.trails.iter().map(compile).collect(), of_owners, of_members, members }
    }

    /// The places, among [`TrailSet::trails`], of those that take an event, in their order.
    pub fn takers(&self, facts: &Facts<'_>) -> impl Iterator<Item = usize> {
        let seeing = self.seeing(facts.account).iter().copied();
        seeing.filter(|place| self.trails[*place].takes(facts))
    }

    /// The places of the trails that see an account's events at all.
    pub(crate) fn seeing(&self, account: &AccountId) -> &[usize] {
        match self.of_owners.get(account) {
            Some(places) => places,
            None if self.members.contains(account) => &self.of_members,
            None => &[],
        }
    }
}

impl Compiled<'_> {
    fn takes(&self, facts: &Facts<'_>) -> bool {
        Gate::ALL.iter().all(|gate| gate.admits(self.trail, facts))
            && self.clauses.iter().any(|clause| clause.holds(facts))
    }
}

impl Gate {
    pub(crate) const ALL: [Gate; 4] =
        [Gate::Logging, Gate::Region, Gate::GlobalEvents, Gate::OwnDeliveries];

    /// The one place where it is decided.
    pub(crate) fn admits(self, trail: &Trail, facts: &Facts<'_>) -> bool {
        match self {
            Gate::Logging => trail.is_logging,
            Gate::Region => trail.is_multi_region || *facts.region == trail.arn.home_region,
            Gate::GlobalEvents => !facts.is_global || trail.include_global_service_events,
            Gate::OwnDeliveries => trail.recursive_logging || !facts.is_own_delivery(),
        }
    }
}
