//! What was sent and acknowledged, and which versions of the trails may have been in force then.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::events::Event;
use super::layout;

/// What happened to an event, as its sender knows it.
#[derive(Clone, Copy, Debug)]
pub struct Fate {
    /// The oldest version of the trails that could be in force when it was sent first.
    pub oldest: usize,
    /// The newest one that could be in force when it was acknowledged; none when it never was.
    pub acknowledged: Option<usize>,
}

#[derive(Debug, Default)]
pub struct History(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    fates: BTreeMap<Event, Fate>,
    /// In force for certain, or superseded.
    oldest: usize,
    /// Perhaps in force already.
    newest: usize,
}

impl History {
    /// Events are about to be sent, perhaps once more.
    pub fn sent(&self, events: &[Event]) {
        let mut state = self.0.lock().unwrap();
        let fate = Fate { oldest: state.oldest, acknowledged: None };
        for event in events {
            state.fates.entry(*event).or_insert(fate);
        }
    }

    pub fn acknowledged(&self, events: &[Event]) {
        let mut state = self.0.lock().unwrap();
        let newest = state.newest;
        for event in events {
            state.fates.get_mut(event).unwrap().acknowledged.get_or_insert(newest);
        }
    }

    /// From now on the next version of the trails may come into force at any moment; gives it.
    pub fn change_begins(&self) -> usize {
        let mut state = self.0.lock().unwrap();
        state.newest += 1;
        state.newest
    }

    /// The newest version is in force.
    pub fn change_ends(&self) {
        let mut state = self.0.lock().unwrap();
        state.oldest = state.newest;
    }

    pub fn fates(&self) -> BTreeMap<Event, Fate> {
        self.0.lock().unwrap().fates.clone()
    }

    /// The version that the last change made.
    pub fn newest(&self) -> usize {
        self.0.lock().unwrap().newest
    }
}

impl Fate {
    /// Whether an event of this fate may be found in just these spots, which are sorted.
    pub fn allows(&self, event: Event, found: &[layout::Spot], newest: usize) -> bool {
        let is_unpromised = self.acknowledged.is_none() && found.is_empty();
        let mut versions = self.oldest..=self.acknowledged.unwrap_or(newest);
        is_unpromised || versions.any(|version| layout::spots(version, event) == found)
    }
}

#[test]
fn an_event_may_be_where_its_version_sends_it_and_nowhere_else() {
    use super::events::Kind;
    // Of the second account in the Region where trails are at home.
    let event = Event::new(1, Kind::Management);
    let acknowledged = Fate { oldest: 0, acknowledged: Some(0) };
    let unanswered = Fate { oldest: 0, acknowledged: None };
    let home = [(0, Some("home")), (2, Some("a/b"))];
    assert_eq!(layout::spots(0, event), home);
    assert!(acknowledged.allows(event, &home, 0) && unanswered.allows(event, &home, 0));
    assert!(!acknowledged.allows(event, &[], 0), "lost");
    assert!(unanswered.allows(event, &[], 0), "nobody was promised anything");
    for fate in [acknowledged, unanswered] {
        assert!(!fate.allows(event, &home[..1], 0), "lost by one trail");
        let twice = [home[0], home[0], home[1]];
        assert!(!fate.allows(event, &twice, 0), "doubled");
        assert!(!fate.allows(event, &[(0, None), home[0], home[1]], 0), "not selected by that one");
    }
}
