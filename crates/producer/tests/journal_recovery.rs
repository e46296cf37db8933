//! The process ends at every operation of the journal, in every manner: what was committed is
//! there after the start, nothing is invented, and a sealed batch never changes again.
#![allow(clippy::unwrap_used)]

mod support;

use support::world::{End, World};
use support::{SETTINGS, at, dice, event, open, open_at, record, sealed_events};

/// Every kind of call, with rotation, a change of trails and retirements.
fn work(world: &mut World) {
    for round in 0..5 {
        for _ in 0..7 {
            world.stage(world.events());
            if world.events() % 3 == 0 {
                world.commit();
            }
        }
        world.rest();
        match round {
            1 => world.seal(),
            2 => world.set_trails(),
            3 => world.retire(1),
            _ => {}
        }
        world.retire(0);
        world.clock += 60_000;
    }
    world.commit();
    world.seal();
}

/// How many changing operations the work takes.
fn operations() -> u64 {
    let mut world = World::new(SETTINGS);
    let before = world.disk.operations();
    work(&mut world);
    world.disk.operations() - before
}

fn check(seeds: u64, end: impl Fn(&mut World, u64)) {
    let operations = operations();
    assert!(operations > 80, "{operations} operations");
    for operation in 0..=operations {
        for seed in 0..seeds {
            let mut world = World::new(SETTINGS);
            world.stop_after(operation, End::Killed);
            world.plan(End::PowerLost(seed));
            work(&mut world);
            end(&mut world, seed * 1000 + operation);
            world.drain();
        }
    }
}

#[test]
fn what_was_committed_survives_power_loss_at_every_operation() {
    check(12, |world, seed| world.restart(End::PowerLost(seed)));
}
