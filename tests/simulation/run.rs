//! One run: a seed's sequence of steps, then calm, then the verdict.

use crate::mistakes::Mistake;
use crate::tally::Tally;
use crate::verdict;
use crate::world::{Step, World};

const STEPS: u64 = 100;
/// Rounds in which everything must have arrived once the faults have ceased.
const ROUNDS_MAX: u32 = 200;
/// How often what is damaged or was given up is restored.
const MENDINGS_MAX: u32 = 12;

/// Runs one seed to its end.
pub fn run(seed: u64, mistake: Mistake) -> Result<Tally, String> {
    // Time passes only where the run says so, and one thread does what would block.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).max_blocking_threads(1);
    runtime.build().unwrap().block_on(run_all(seed, mistake))
}

async fn run_all(seed: u64, mistake: Mistake) -> Result<Tally, String> {
    let mut world = World::new(seed, mistake).await?;
    for number in 0..STEPS {
        let step = step(&mut world).await;
        step.map_err(|error| format!("step {number}: {error}"))?;
    }
    world.calm();
    world.restart()?;
    drain(&mut world).await?;
    verdict::check_reports(&mut world).map_err(|error| format!("before mending: {error}"))?;
    world.check_kept()?;
    // What was given up once is given up again by the next failure: then it is tried once more.
    for _ in 0..MENDINGS_MAX {
        if !world.needs_mending() {
            break;
        }
        world.end();
        world.mend()?;
        world.start()?;
        drain(&mut world).await?;
    }
    verdict::check(&mut world)?;
    world.check_kept()?;
    world.end_chains().await?;
    Ok(world.finish())
}

/// Everything that is not damaged arrives.
pub async fn drain(world: &mut World) -> Step {
    for _ in 0..ROUNDS_MAX {
        world.drain().await?;
        world.check()?;
        if !world.process().is_waiting() {
            return Ok(());
        }
    }
    Err(format!("something waits for ever: {}", world.process().waiting()))
}

async fn step(world: &mut World) -> Step {
    match world.dice.below(200) {
        0..70 => world.record(),
        70..82 => world.seal(),
        82..104 => {
            let seconds = world.dice.below(45);
            world.wait(seconds).await;
        }
        104..124 => {
            let seconds = world.dice.below(400);
            world.wait(seconds).await;
        }
        124..134 => world.change_weather(),
        134..146 => world.plant_fault(),
        146..149 => world.fill_disk(),
        149..158 => world.plan_end(),
        158..162 => world.plant_object(),
        162..164 => world.plant_digests(),
        164..168 => {
            world.stop().await?;
            return world.restart();
        }
        168..172 => return world.restart(),
        172..176 => return world.end_in_seal().await,
        176..178 if world.has_daily_digests() => world.refuse_for_weeks().await?,
        176..178 => world.refuse_for_hours().await?,
        178..184 => world.set_clock(),
        184..190 => world.rot(),
        190..194 => world.retire_early(),
        _ => world.outside.act_late().await,
    }
    // Mostly all there is to do is done, else the next thing happens in its middle.
    match world.dice.one_in(4) {
        true => drop(world.take_turns(world.dice.below(12))?),
        false => world.go()?,
    }
    if world.has_ended() {
        return world.restart();
    }
    world.check()?;
    world.look();
    // A halted journal goes on delivering; somebody restarts it before long.
    let is_halted = world.process().is_halted();
    if is_halted && world.dice.one_in(3) { world.restart() } else { Ok(()) }
}
