//! How many events were recorded under each trail: one addition per commit, and as large as the
//! trails that there are, however often they change.
//!
//! Events under the trails in force are one number, which is folded into the counts by trail when
//! the set changes. The count of a trail that is defined no longer and in no segment is handed over
//! to whoever keeps the books, with the retired batch that was the last to need it; they may still
//! wait for files of the trail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{BatchId, TrailArn};
use trails::TrailSet;

/// Events recorded since the start, those that the start found in segments included. Cheap to
/// clone.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// All of them, whatever the trails.
    events: u64,
    /// The trails in force, and the events recorded under them and not counted in `former`.
    current: (Arc<TrailSet>, u64),
    /// By trail, under other sets of trails.
    former: Arc<BTreeMap<TrailArn, u64>>,
    handed_over: Option<HandedOver>,
}

/// Counts that the journal keeps no longer.
#[derive(Clone, Debug)]
pub struct HandedOver {
    /// The batch that was retired with them, the last of all.
    pub by: BatchId,
    /// Events recorded, by trail; mostly none.
    pub counts: Arc<BTreeMap<TrailArn, u64>>,
}

impl Recorded {
    /// Events were recorded under these trails.
    pub fn count(&mut self, trails: &Arc<TrailSet>, events: u64) {
        self.events += events;
        if Arc::ptr_eq(trails, &self.current.0) {
            self.current.1 += events;
        } else {
            self.fold(trails, events);
        }
    }

    /// These trails come into force.
    pub fn define(&mut self, trails: &Arc<TrailSet>) {
        let (before, events) = std::mem::replace(&mut self.current, (Arc::clone(trails), 0));
        self.fold(&before, events);
    }

    /// A batch is retired, and these segments are left: what neither they nor the trails in force
    /// need is handed over.
    pub fn retired<'a>(&mut self, by: BatchId, left: impl Iterator<Item = &'a TrailSet>) {
        let mut over: BTreeSet<&TrailArn> = self.former.keys().collect();
        let mut keep = |trails: &TrailSet| {
            for trail in &trails.trails {
                over.remove(&trail.arn);
            }
        };
        keep(&self.current.0);
        left.for_each(keep);
        let over: Vec<TrailArn> = over.into_iter().cloned().collect();
        let mut counts = BTreeMap::new();
        if !over.is_empty() {
            let former = Arc::make_mut(&mut self.former);
            counts.extend(over.into_iter().filter_map(|trail| former.remove_entry(&trail)));
        }
        self.handed_over = Some(HandedOver { by, counts: Arc::new(counts) });
    }

    /// All events, whatever the trails.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Events by trail: the trails in force, and those that segments may need.
    #[must_use]
    pub fn by_trail(&self) -> BTreeMap<TrailArn, u64> {
        let mut counts = BTreeMap::clone(&self.former);
        let (trails, events) = &self.current;
        for trail in &trails.trails {
            *counts.entry(trail.arn.clone()).or_default() += events;
        }
        counts
    }

    /// What the last batch that was retired left behind.
    #[must_use]
    pub fn handed_over(&self) -> Option<&HandedOver> {
        self.handed_over.as_ref()
    }

    fn fold(&mut self, trails: &TrailSet, events: u64) {
        if events == 0 {
            return;
        }
        let former = Arc::make_mut(&mut self.former);
        for trail in &trails.trails {
            *former.entry(trail.arn.clone()).or_default() += events;
        }
    }
}
