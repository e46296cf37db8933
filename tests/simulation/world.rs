//! Everything: what survives a crash, the process, and the steps that a run is made of.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use delivery::memory::MemoryStore;
use disk::{Disk, SimulatedDisk};
use model::{BatchId, Timestamp};
use notifier::memory::MemoryTopic;
use producer::{Batch, Now, window};
use trails::TrailSet;

use crate::definitions::{BUCKETS, TOPICS};
use crate::dice::Dice;
use crate::drive::drive;
use crate::history::History;
use crate::mistakes::Mistake;
use crate::outside::{Outside, Weather};
use crate::process::{Process, parts};
use crate::run::Tally;

/// What a step returns: an error is something that must never be seen.
pub type Step = Result<(), String>;

pub struct World {
    pub dice: Dice,
    pub outside: Outside,
    pub history: History,
    /// Objects that somebody else put, by bucket and key.
    pub foreign: BTreeSet<(String, String)>,
    pub tally: Tally,
    pub mistake: Mistake,
    pub disk: SimulatedDisk,
    clock: Arc<Mutex<Now>>,
    pub process: Option<Process>,
    /// The trails that events are recorded under.
    pub in_force: Arc<TrailSet>,
}

impl World {
    pub fn new(seed: u64, mistake: Mistake) -> Result<World, String> {
        let dice = Dice::new(seed);
        let weather = Arc::new(Weather::new(Dice::new(!seed)));
        let outside = Outside {
            store: Arc::new(MemoryStore::default()),
            topics: MemoryTopic::new(),
            weather,
            mistake,
        };
        let wall = Timestamp::parse("2026-03-09T14:01:13Z").unwrap();
        let mut world = World {
            dice,
            outside,
            history: History::default(),
            foreign: BTreeSet::new(),
            tally: Tally::default(),
            mistake,
            disk: SimulatedDisk::new(),
            clock: Arc::new(Mutex::new(Now { wall, uptime: Duration::ZERO })),
            process: None,
            in_force: Arc::default(),
        };
        world.start()?;
        Ok(world)
    }

    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("a process runs between steps")
    }

    pub fn now(&self) -> Now {
        *self.clock.lock().unwrap()
    }

    /// Time passes; now and then somebody sets the wall clock.
    pub fn wait(&mut self, seconds: u64) {
        let mut now = self.now();
        let passed = Duration::from_secs(seconds);
        now.uptime += passed;
        now.wall = now.wall.plus(passed);
        if self.dice.one_in(12) {
            let jump = i64::try_from(self.dice.below(7_200_000)).unwrap() - 3_600_000;
            now.wall = Timestamp::from_millis(now.wall.as_millis() + jump);
        }
        *self.clock.lock().unwrap() = now;
    }

    /// The pipeline settles one sealed batch, mostly the oldest.
    pub async fn settle(&mut self) -> Step {
        let sealed = self.process().sealed();
        if sealed.is_empty() {
            return Ok(());
        }
        let batch = if self.dice.one_in(4) { self.dice.pick(&sealed) } else { sealed[0] };
        if self.mistake == Mistake::RetireBeforeDelivery && self.dice.one_in(3) {
            self.retire(batch).await;
            return Ok(());
        }
        self.settle_one(batch).await;
        Ok(())
    }

    async fn settle_one(&mut self, batch: BatchId) {
        let now = self.now();
        let process = self.process.as_mut().unwrap();
        let settling = process.pipeline.settle_and_report(batch);
        let settled = drive(&mut process.desk, now, &self.outside.weather, settling).await;
        if settled == Some(true) && self.mistake == Mistake::ForgetIdentities {
            let _ = window::store(&self.disk, batch, &[]);
        }
        self.tally.settled += u64::from(settled == Some(true));
    }

    /// What [`Mistake::RetireBeforeDelivery`] does in place of the pipeline.
    async fn retire(&mut self, batch: BatchId) {
        let now = self.now();
        let Ok(contents) = Batch::read(&self.disk, batch) else { return };
        let _ = window::store(&self.disk, batch, &contents.identities());
        let process = self.process.as_mut().unwrap();
        let intake = process.intake.clone();
        drive(&mut process.desk, now, &self.outside.weather, intake.retire(batch)).await;
    }

    pub async fn retry(&mut self) -> Step {
        let seconds = self.dice.below(20);
        self.wait(seconds);
        let now = self.now();
        let process = self.process.as_mut().unwrap();
        let retrying = process.pipeline.retry_due();
        drive(&mut process.desk, now, &self.outside.weather, retrying).await;
        Ok(())
    }

    pub async fn seal(&mut self) -> Step {
        let now = self.now();
        let process = self.process.as_mut().unwrap();
        let intake = process.intake.clone();
        drive(&mut process.desk, now, &self.outside.weather, intake.seal()).await;
        Ok(())
    }

    /// Time passes and the writer looks at the clock.
    pub fn tick(&mut self) {
        let seconds = self.dice.below(45);
        self.wait(seconds);
        let now = self.now();
        let process = self.process.as_mut().unwrap();
        process.intake.tick();
        if process.desk.has_commands() {
            process.desk.serve(now);
        }
    }

    /// Whether the process has ended in the middle of something.
    pub fn has_ended(&self) -> bool {
        self.outside.weather.is_killed.load(Ordering::Relaxed) || self.disk.list("").is_err()
    }

    /// A stop with manners: seal, settle what can be settled, end.
    pub async fn stop(&mut self) -> Step {
        self.seal().await?;
        for batch in self.process().sealed() {
            self.settle_one(batch).await;
        }
        if self.has_ended() {
            return self.restart();
        }
        let now = self.now();
        let process = self.process.as_mut().unwrap();
        let intake = process.intake.clone();
        drive(&mut process.desk, now, &self.outside.weather, intake.stop()).await;
        self.restart()
    }

    /// The process ends in the middle of a seal, and again as soon as names were derived from it:
    /// the one moment at which state becomes a function.
    pub async fn end_in_seal(&mut self) -> Step {
        self.record().await?;
        self.disk.stop_after(self.dice.below(6));
        self.seal().await?;
        self.restart()?;
        self.outside.weather.kill_in(self.dice.below(6));
        if let Some(newest) = self.process().sealed().last().copied() {
            self.settle_one(newest).await;
        }
        // Another seal would have another stamp.
        self.wait(301);
        self.restart()
    }

    /// The process ends, by a kill or with the power, and starts again.
    pub fn restart(&mut self) -> Step {
        self.end();
        let is_calm = self.outside.weather.is_calm.load(Ordering::Relaxed);
        if !is_calm && self.dice.one_in(3) {
            // The start itself may be cut off.
            self.disk.stop_after(self.dice.below(25));
            if self.start().is_err() || self.dice.one_in(2) {
                self.end();
            } else if !self.has_ended() {
                return self.check();
            } else {
                self.end();
            }
        }
        self.start()?;
        self.check()
    }

    fn end(&mut self) {
        if let Some(process) = self.process.take() {
            self.tally.notices += process.notifier.report().parked;
        }
        self.outside.weather.restart();
        self.disk.heal();
        self.tally.restarts += 1;
        if self.dice.one_in(2) {
            self.disk.crash_process();
        } else {
            let dice = self.dice.clone();
            self.disk.lose_power(&mut |bound| dice.below(bound));
            self.tally.power_losses += 1;
        }
    }

    fn start(&mut self) -> Step {
        let clock = Arc::clone(&self.clock);
        let clock = Arc::new(move || *clock.lock().unwrap());
        let parts = parts(&self.disk, clock, &self.dice);
        let process = Process::start(&parts, &self.outside);
        let process = process.map_err(|error| format!("it does not start: {error}"))?;
        self.in_force = process.registry.snapshot();
        self.process = Some(process);
        Ok(())
    }

    /// What holds between any two steps.
    pub fn check(&self) -> Step {
        let journal = self.process().journal.borrow().clone();
        if !journal.damaged.is_empty() {
            return Err(format!("damaged without rot: {:?}", journal.damaged));
        }
        let unbalanced = self.process().unbalanced();
        if !unbalanced.is_empty() {
            return Err(format!(
                "recorded is not unselected, delivered and waiting: {unbalanced:?}"
            ));
        }
        if !self.process().delivery.set_aside_files().is_empty() {
            return Err("a parked file was set aside".into());
        }
        Ok(())
    }

    /// All faults cease.
    pub fn calm(&mut self) {
        self.outside.weather.is_calm.store(true, Ordering::Relaxed);
        self.disk.heal();
        BUCKETS.iter().for_each(|bucket| self.outside.store.refuse(bucket, None));
        TOPICS.iter().for_each(|topic| self.outside.topics.accept(&topic.parse().unwrap()));
    }

    /// Settles and retries everything that waits.
    pub async fn drain(&mut self) -> Step {
        self.seal().await?;
        for batch in self.process().sealed() {
            self.settle_one(batch).await;
        }
        self.wait(600);
        self.retry().await
    }
}
