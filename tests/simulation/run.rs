//! One run: a seed's sequence of steps, then calm, then the verdict.

use crate::check::check;
use crate::mistakes::Mistake;
use crate::world::{Step, World};

const STEPS: u64 = 120;
/// Rounds in which everything must have arrived once the faults have ceased.
const ROUNDS_MAX: u32 = 200;

/// What a run was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub promised: u64,
    pub objects: u64,
    pub foreign: u64,
    pub refused: u64,
    pub again: u64,
    pub changes: u64,
    pub settled: u64,
    /// Steps at whose end files were parked.
    pub parked: u64,
    /// Notices that were parked.
    pub notices: u64,
    pub restarts: u64,
    pub power_losses: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        for (sum, one) in self.members().into_iter().zip(other.clone().members()) {
            *sum += *one;
        }
    }

    /// The runs must be eventful.
    pub fn check(&mut self, runs: u64) {
        let text = format!("{runs} runs: {self:?}");
        assert!(self.members().into_iter().all(|member| *member >= runs / 4), "{text}");
        assert!(self.promised > 40 * runs && self.restarts > 5 * runs, "{text}");
    }

    fn members(&mut self) -> [&mut u64; 11] {
        [
            &mut self.promised,
            &mut self.objects,
            &mut self.foreign,
            &mut self.refused,
            &mut self.again,
            &mut self.changes,
            &mut self.settled,
            &mut self.parked,
            &mut self.notices,
            &mut self.restarts,
            &mut self.power_losses,
        ]
    }
}

/// Runs one seed to its end.
pub fn run(seed: u64, mistake: Mistake) -> Result<Tally, String> {
    // Time stands still: nothing in the stages that are stepped waits by it.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().max_blocking_threads(1).build().unwrap();
    runtime.block_on(run_all(seed, mistake))
}

async fn run_all(seed: u64, mistake: Mistake) -> Result<Tally, String> {
    let mut world = World::new(seed, mistake)?;
    for number in 0..STEPS {
        let step = step(&mut world).await;
        step.map_err(|error| format!("step {number}: {error}"))?;
    }
    world.calm();
    world.restart()?;
    for _ in 0..ROUNDS_MAX {
        world.drain().await?;
        world.check()?;
        if !world.process().is_waiting() {
            break;
        }
    }
    if world.process().is_waiting() {
        return Err(format!("something waits for ever: {}", world.process().waiting()));
    }
    check(&mut world)?;
    Ok(world.tally)
}

async fn step(world: &mut World) -> Step {
    match world.dice.below(100) {
        0..30 => world.record().await?,
        30..36 => world.seal().await?,
        36..44 => world.tick(),
        44..62 => world.settle().await?,
        62..74 => world.retry().await?,
        74..79 => world.change_weather(),
        79..84 => world.plant_fault(),
        84..88 => world.plan_end(),
        88..91 => world.plant_object().await,
        91..93 => world.stop().await?,
        93..95 => world.restart()?,
        95..97 => world.end_in_seal().await?,
        _ => world.wait(120),
    }
    if world.has_ended() {
        return world.restart();
    }
    world.check()?;
    let parks = world.process().delivery.lanes().iter().any(|lane| lane.items > 0);
    world.tally.parked += u64::from(parks);
    // A halted journal goes on delivering; somebody restarts it before long.
    let is_halted = world.process().is_halted();
    if is_halted && world.dice.one_in(3) { world.restart() } else { Ok(()) }
}
