//! Random calls and accidents against a tiny model of what the journal promises.
#![allow(clippy::unwrap_used)]

mod support;

use disk::simulated::{Fault, Operation};
use proptest::prelude::*;
use support::SETTINGS;
use support::world::{End, World};

#[derive(Clone, Debug)]
enum Action {
    /// So many new events.
    Record(u8),
    /// One that was sent before.
    Again(u64),
    Commit,
    Rest,
    Seal,
    Retire(usize),
    SetTrails,
    Fault(Operation, u64),
    /// The process ends now.
    End(End),
    /// The process ends in the middle of an operation to come.
    StopAfter(u64, End),
    /// It ends, and again in the start that follows.
    EndTwice(End, u64, End),
    /// The clock jumps.
    Clock(i64),
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Killed), any::<u64>().prop_map(End::PowerLost)]
}

fn operation() -> impl Strategy<Value = Operation> {
    proptest::sample::select(vec![
        Operation::Create,
        Operation::Write,
        Operation::Sync,
        Operation::Rename,
        Operation::Remove,
        Operation::SyncDirectory,
    ])
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        12 => (1..6_u8).prop_map(Action::Record),
        3 => any::<u64>().prop_map(Action::Again),
        10 => Just(Action::Commit),
        4 => Just(Action::Rest),
        4 => Just(Action::Seal),
        6 => any::<usize>().prop_map(Action::Retire),
        2 => Just(Action::SetTrails),
        2 => (operation(), 0..6_u64).prop_map(|(operation, after)| Action::Fault(operation, after)),
        2 => end().prop_map(Action::End),
        3 => (0..20_u64, end()).prop_map(|(after, end)| Action::StopAfter(after, end)),
        1 => (end(), 0..12_u64, end()).prop_map(|(one, after, two)| Action::EndTwice(one, after, two)),
        2 => (-7_200_000..7_200_000_i64).prop_map(Action::Clock),
    ]
}

fn act(world: &mut World, action: &Action) {
    match *action {
        Action::Record(events) => (0..events).for_each(|_| world.stage(world.events())),
        Action::Again(number) if world.events() > 0 => world.stage(number % world.events()),
        Action::Again(_) => {}
        Action::Commit => world.commit(),
        Action::Rest => world.rest(),
        Action::Seal => world.seal(),
        Action::Retire(place) => world.retire(place),
        Action::SetTrails => world.set_trails(),
        Action::Fault(operation, after) => world.disk.fail(Fault::once(operation).after(after)),
        Action::End(end) => world.restart(end),
        Action::StopAfter(after, end) => world.stop_after(after, end),
        Action::EndTwice(one, after, two) => world.restart_twice(one, after, two),
        Action::Clock(jump) => world.clock += jump,
    }
    if world.journal().state().halted.is_some() {
        // Nothing is promised by a halted journal; a restart finds out what is on disk.
        world.commit();
        assert!(world.journal().state().halted.is_some() || world.restarts > 0);
        world.restart(End::Killed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_journal_keeps_every_promise(actions in proptest::collection::vec(action(), 1..80)) {
        let mut world = World::new(SETTINGS);
        for action in &actions {
            act(&mut world, action);
        }
        world.restart(End::PowerLost(actions.len() as u64));
        // After that it is drained, and takes events again.
        while !world.journal().state().sealed.is_empty() {
            world.retire(0);
        }
        world.stage(world.events());
        world.commit();
        world.restart(End::PowerLost(0));
        prop_assert!(world.is_promised(world.events() - 1));
    }
}
