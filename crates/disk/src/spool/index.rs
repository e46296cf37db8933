//! What a spool knows of its items without reading their files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ItemId;

/// How one lane stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// The lane's name.
    pub lane: String,
    /// How many items it holds; at least one.
    pub items: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// The earliest parking time among them.
    pub oldest_parked_at_ms: i64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) parked_at_ms: i64,
    pub(super) payload_bytes: u64,
}

/// Items by id and by lane; a lane without items is not there.
#[derive(Debug, Default)]
pub(super) struct Index {
    items: BTreeMap<ItemId, (Arc<str>, Entry)>,
    lanes: BTreeMap<Arc<str>, Lane>,
}

#[derive(Debug, Default)]
struct Lane {
    items: BTreeSet<ItemId>,
    bytes: u64,
}

impl Index {
    pub(super) fn insert(&mut self, id: ItemId, lane: &str, entry: Entry) {
        let known = self.lanes.get_key_value(lane).map(|(name, _)| Arc::clone(name));
        let name = known.unwrap_or_else(|| lane.into());
        let lane = self.lanes.entry(Arc::clone(&name)).or_default();
        lane.items.insert(id);
        lane.bytes += entry.payload_bytes;
        self.items.insert(id, (name, entry));
    }

    pub(super) fn remove(&mut self, id: ItemId) {
        let Some((name, entry)) = self.items.remove(&id) else { return };
        let lane = self.lanes.get_mut(&name).expect("an item's lane lives as long as the item");
        lane.items.remove(&id);
        lane.bytes -= entry.payload_bytes;
        if lane.items.is_empty() {
            self.lanes.remove(&name);
        }
    }

    pub(super) fn get(&self, id: ItemId) -> Option<Entry> {
        self.items.get(&id).map(|(_, entry)| *entry)
    }

    pub(super) fn items(&self, lane: &str) -> impl Iterator<Item = ItemId> {
        self.lanes.get(lane).into_iter().flat_map(|lane| lane.items.iter().copied())
    }

    /// `None` for a lane without items.
    pub(super) fn lane_bytes(&self, lane: &str) -> Option<u64> {
        self.lanes.get(lane).map(|lane| lane.bytes)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.lanes.values().map(|lane| lane.bytes).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn lanes(&self) -> Vec<LaneStatus> {
        self.lanes.iter().map(|(name, lane)| self.status(name, lane)).collect()
    }

    fn status(&self, name: &str, lane: &Lane) -> LaneStatus {
        let entries = lane.items.iter().filter_map(|id| self.get(*id));
        let oldest = entries.map(|entry| entry.parked_at_ms).min();
        LaneStatus {
            lane: name.to_owned(),
            items: lane.items.len() as u64,
            bytes: lane.bytes,
            oldest_parked_at_ms: oldest.expect("a lane without items is not there"),
        }
    }
}
