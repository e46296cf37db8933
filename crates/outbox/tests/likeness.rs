//! Random actions on an outbox and on a tiny model of it: both must say the same.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use cairn_outbox::{ItemId, Outbox, OutboxError, RetrySettings};
use disk::SimulatedDisk;
use model::Timestamp;
use proptest::prelude::*;

const LANES: [&str; 3] = ["a", "b", "c"];
const BOUND: u64 = 12;
const PAUSE_MAX: i64 = 80;
const SETTINGS: RetrySettings = RetrySettings {
    pause_min: Duration::from_millis(10),
    pause_max: Duration::from_millis(80),
    give_up_after: Duration::from_millis(400),
};

#[derive(Clone, Debug)]
enum Action {
    Park {
        lane: usize,
        size: usize,
    },
    Fail {
        lane: usize,
        random: f64,
    },
    Succeed {
        lane: usize,
    },
    TakeDue,
    /// Ends the first flight: 0 removes the item, 1 releases it, 2 fails and releases it.
    Land {
        outcome: u8,
    },
    Wait {
        millis: i64,
    },
    SetClock {
        millis: i64,
    },
    Expire,
    LosePower,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let lane = 0..LANES.len();
    let action = prop_oneof![
        4 => (lane.clone(), 0..6_usize).prop_map(|(lane, size)| Action::Park { lane, size }),
        2 => (lane.clone(), 0.0..1.0).prop_map(|(lane, random)| Action::Fail { lane, random }),
        1 => lane.prop_map(|lane| Action::Succeed { lane }),
        4 => Just(Action::TakeDue),
        4 => (0..3_u8).prop_map(|outcome| Action::Land { outcome }),
        3 => (0..60_i64).prop_map(|millis| Action::Wait { millis }),
        1 => (-2000..2000_i64).prop_map(|millis| Action::SetClock { millis }),
        1 => Just(Action::Expire),
        1 => Just(Action::LosePower),
    ];
    prop::collection::vec(action, 1..80)
}

#[derive(Default)]
struct LaneModel {
    items: VecDeque<(ItemId, i64, Vec<u8>)>,
    in_flight: bool,
    failures: u32,
    pause_end: Option<i64>,
}

impl LaneModel {
    fn pauses(&self, now: i64) -> bool {
        self.pause_end.is_some_and(|end| now < end && end <= now + PAUSE_MAX)
    }

    fn fail(&mut self, now: i64, random: f64) {
        if self.failures > 0 && self.pauses(now) {
            return;
        }
        let bound = (10.0 * 2_f64.powi(self.failures.min(20) as i32)).min(80.0);
        self.pause_end = Some(now + ((bound * random) as i64).max(1));
        self.failures += 1;
    }

    fn bytes(&self) -> usize {
        self.items.iter().map(|(_, _, payload)| payload.len()).sum()
    }
}

struct Pair {
    disk: SimulatedDisk,
    outbox: Outbox,
    lanes: BTreeMap<&'static str, LaneModel>,
    flights: VecDeque<(String, ItemId)>,
    expired: usize,
    now: i64,
}

fn open(disk: &SimulatedDisk) -> Outbox {
    Outbox::open(Arc::new(disk.clone()), "outbox", BOUND, SETTINGS).unwrap()
}

impl Pair {
    fn new() -> Pair {
        let disk = SimulatedDisk::new();
        let lanes = LANES.iter().map(|lane| (*lane, LaneModel::default())).collect();
        let outbox = open(&disk);
        Pair { disk, outbox, lanes, flights: VecDeque::new(), expired: 0, now: 1_000_000 }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    fn model(&mut self, lane: &str) -> &mut LaneModel {
        self.lanes.get_mut(lane).unwrap()
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Park { lane, size } => self.park(LANES[lane], size),
            Action::Fail { lane, random } => self.fail(LANES[lane], random),
            Action::Succeed { lane } => self.succeed(LANES[lane]),
            Action::TakeDue => self.take_due(),
            Action::Land { outcome } => self.land(outcome),
            Action::Wait { millis } | Action::SetClock { millis } => self.now += millis,
            Action::Expire => self.expire(),
            Action::LosePower => self.lose_power(),
        }
    }

    /// What both do when they are told the time.
    fn settle(lane: &mut LaneModel, now: i64) {
        if !lane.pauses(now) {
            lane.pause_end = None;
        }
    }

    fn park(&mut self, lane: &'static str, size: usize) {
        let (now, payload) = (self.now, vec![7; size]);
        let parked = self.outbox.park(lane, &payload, self.now());
        let model = self.model(lane);
        if !model.items.is_empty() && model.bytes() + size > BOUND as usize {
            assert!(matches!(parked, Err(OutboxError::Full { .. })));
            return;
        }
        model.items.push_back((parked.unwrap(), now, payload));
        Pair::settle(model, now);
    }

    fn fail(&mut self, lane: &str, random: f64) {
        let now = self.now;
        self.outbox.failed(lane, "no", self.now(), random);
        self.model(lane).fail(now, random);
    }

    fn succeed(&mut self, lane: &str) {
        let refused = self.outbox.succeeded(lane);
        let model = self.model(lane);
        assert_eq!(refused, model.failures > 0);
        (model.failures, model.pause_end) = (0, None);
    }

    fn take_due(&mut self) {
        let now = self.now;
        let taken = self.outbox.take_due(self.now());
        let mut expected = Vec::new();
        for (name, lane) in &mut self.lanes {
            Pair::settle(lane, now);
            let Some((item, _, _)) = lane.items.front() else { continue };
            if !lane.in_flight && !lane.pauses(now) {
                lane.in_flight = true;
                expected.push(((*name).to_owned(), *item));
            }
        }
        let taken: Vec<_> = taken.into_iter().map(|due| (due.lane, due.item)).collect();
        assert_eq!(taken, expected);
        self.flights.extend(taken);
    }

    fn land(&mut self, outcome: u8) {
        let Some((lane, item)) = self.flights.pop_front() else { return };
        if outcome == 0 {
            self.outbox.remove(item).unwrap();
            assert_eq!(self.model(&lane).items.pop_front().unwrap().0, item);
        } else {
            if outcome == 2 {
                self.fail(&lane, 0.7);
            }
            self.outbox.release(item);
        }
        self.model(&lane).in_flight = false;
    }

    fn expire(&mut self) {
        let now = self.now;
        let expired = self.outbox.expire(self.now()).unwrap();
        let mut expected = Vec::new();
        for lane in self.lanes.values_mut().filter(|lane| lane.failures > 0 && !lane.in_flight) {
            while lane.items.front().is_some_and(|(_, parked_at, _)| now - parked_at > 400) {
                expected.push(lane.items.pop_front().unwrap().0);
            }
        }
        assert_eq!(expired.iter().map(|one| one.item).collect::<Vec<_>>(), expected);
        self.expired += expected.len();
    }

    fn lose_power(&mut self) {
        self.disk.lose_power(&mut |_| 0);
        self.outbox = open(&self.disk);
        self.flights.clear();
        for lane in self.lanes.values_mut() {
            (lane.in_flight, lane.failures, lane.pause_end) = (false, 0, None);
        }
    }

    fn compare(&self) {
        let reports = self.outbox.lanes();
        for (name, lane) in &self.lanes {
            let refusing = !lane.items.is_empty() || lane.pauses(self.now);
            assert_eq!(self.outbox.is_refusing(name, self.now()), refusing, "{name}");
            let report = reports.iter().find(|report| report.lane == *name);
            assert_eq!(report.map_or(0, |it| it.items), lane.items.len() as u64, "{name}");
            assert_eq!(report.map_or(0, |it| it.failures), lane.failures, "{name}");
            for (item, _, payload) in &lane.items {
                assert_eq!(self.outbox.read(*item).unwrap(), *payload);
            }
        }
        assert_eq!(self.outbox.set_aside().len(), self.expired);
        assert_eq!(self.outbox.next_due(self.now()), self.next_due());
    }

    fn next_due(&self) -> Option<Timestamp> {
        let waiting = self.lanes.values().filter(|it| !it.in_flight && !it.items.is_empty());
        let due = waiting
            .map(|lane| if lane.pauses(self.now) { lane.pause_end.unwrap() } else { self.now });
        due.min().map(Timestamp::from_millis)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_outbox_behaves_as_its_model(actions in actions()) {
        let mut pair = Pair::new();
        for action in &actions {
            pair.act(action);
            pair.compare();
        }
    }

    /// Whatever happened before, also to the clock: the longest pause after it has come to rest,
    /// every lane that holds items has been tried or can be.
    #[test]
    fn no_lane_stalls(actions in actions()) {
        let mut pair = Pair::new();
        for action in &actions {
            pair.act(action);
        }
        pair.take_due();
        while !pair.flights.is_empty() {
            pair.land(1);
        }
        pair.now += PAUSE_MAX;
        let waiting = pair.lanes.values().filter(|lane| !lane.items.is_empty()).count();
        prop_assert_eq!(pair.outbox.take_due(pair.now()).len(), waiting);
    }
}
