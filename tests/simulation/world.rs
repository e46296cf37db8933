//! Everything: what survives a crash, the process, time, and the steps that a run is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use disk::{Disk, SimulatedDisk};
use model::{Timestamp, TrailArn};
use producer::{Batch, Now, window};
use trails::{Definitions, TrailDefinition, TrailSet};

use crate::calls::{Answer, Call};
use crate::definitions::{BUCKETS, TOPICS};
use crate::dice::Dice;
use crate::drive::Turnstile;
use crate::history::History;
use crate::mistakes::Mistake;
use crate::outside::Outside;
use crate::process::{Process, parts};
use crate::rot::{self, Rot};
use crate::stretches::Stretches;
use crate::tally::Tally;
use crate::watched::WatchedDisk;

/// What a step returns: an error is something that must never be seen.
pub type Step = Result<(), String>;

/// No pause lets this many turns be taken: something goes round in circles.
const TURNS_MAX: u64 = 20_000;
pub const DAY_MINUTES: u64 = 24 * 60;
/// Nothing may be given up in less time.
const GIVE_UP_MIN: Duration = Duration::from_secs(14 * 24 * 3600);

/// What is known of the registry.
#[derive(Default)]
pub struct Registered {
    /// What each version defined.
    pub known: BTreeMap<u64, Definitions>,
    /// Changes that failed since the last that succeeded: they may have become durable.
    pub attempted: Vec<Definitions>,
    /// The keys that each trail had.
    pub keys: BTreeMap<TrailArn, BTreeSet<Option<String>>>,
}

impl Registered {
    pub fn note_keys(&mut self, definitions: &Definitions) {
        for TrailDefinition { trail, .. } in &definitions.trails {
            self.keys.entry(trail.arn.clone()).or_default().insert(trail.kms_key.clone());
        }
    }
}

pub struct World {
    pub dice: Dice,
    pub outside: Outside,
    pub history: History,
    /// Objects that somebody else put, by bucket and key.
    pub foreign: BTreeMap<(String, String), Bytes>,
    pub tally: Tally,
    pub mistake: Mistake,
    pub disk: SimulatedDisk,
    pub watched: WatchedDisk,
    clock: Arc<Mutex<Now>>,
    turnstile: Turnstile,
    pub process: Option<Process>,
    /// The trails that events of the next call will be recorded under.
    pub in_force: Arc<TrailSet>,
    pub registered: Registered,
    /// Whether bits may flip in this run.
    pub is_rotten: bool,
    pub rots: Vec<Rot>,
    /// Whether a fault of reading was planted in this life or before it.
    pub is_reading_faulty: bool,
    window_events: usize,
    /// A digest is written so often.
    pub digests_interval: Duration,
    pub stretches: Stretches,
    /// Whether the clock was ever set back.
    pub was_set_back: bool,
    /// The latest time of day before it was.
    pub latest: Timestamp,
    /// The process ends after so many turns.
    pub turns_left: u64,
}

/// Whose turn it is.
#[derive(Clone, Copy)]
enum Turn {
    Journal,
    Callers,
    Stage(usize),
}

impl World {
    pub async fn new(seed: u64, mistake: Mistake) -> Result<World, String> {
        let dice = Dice::new(seed);
        let wall = Timestamp::parse("2026-03-09T14:01:13Z").unwrap();
        let clock = Arc::new(Mutex::new(Now { wall, uptime: Duration::ZERO }));
        let outside = Outside::new(Dice::new(!seed), mistake, Arc::clone(&clock));
        let disk = SimulatedDisk::new();
        // Mostly large enough for everything; else so small that events are forgotten.
        let window_events = [100_000, 100_000, 100_000, 0, 6, 40][index(dice.below(6))];
        let digests_interval =
            Duration::from_secs(60 * dice.pick(&[10, 60, DAY_MINUTES, DAY_MINUTES]));
        let mut world = World {
            watched: WatchedDisk::new(disk.process(), mistake),
            is_rotten: dice.one_in(3),
            dice,
            outside,
            history: History::new(window_events),
            foreign: BTreeMap::new(),
            tally: Tally::default(),
            mistake,
            disk,
            clock,
            turnstile: Turnstile::new(),
            process: None,
            in_force: Arc::default(),
            registered: Registered::default(),
            rots: Vec::new(),
            is_reading_faulty: false,
            window_events,
            digests_interval,
            stretches: Stretches::default(),
            was_set_back: false,
            latest: wall,
            turns_left: u64::MAX,
        };
        world.registered.known.insert(0, Definitions::default());
        world.tally.count("small windows", u64::from(window_events < 1000));
        world.start()?;
        Ok(world)
    }

    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("a process runs between steps")
    }

    pub fn now(&self) -> Now {
        *self.clock.lock().unwrap()
    }

    /// Time passes, on both clocks, and the writer looks at them.
    pub async fn wait(&mut self, seconds: u64) {
        let passed = Duration::from_secs(seconds);
        {
            let mut now = self.clock.lock().unwrap();
            now.uptime += passed;
            now.wall = now.wall.plus(passed);
        }
        tokio::time::advance(passed).await;
        if let Some(process) = &self.process {
            process.intake.tick();
        }
    }

    /// Whether digests are so rare that weeks may pass: to sign one takes as long as ten steps.
    pub fn has_daily_digests(&self) -> bool {
        self.digests_interval >= Duration::from_secs(60 * DAY_MINUTES)
    }

    /// Somebody sets the wall clock, by up to two or twelve hours.
    pub fn set_clock(&mut self) {
        let most = self.dice.pick(&[2, 12]) * 3600 * 1000;
        let jump = i64::try_from(self.dice.below(2 * most)).unwrap() - i64::try_from(most).unwrap();
        self.was_set_back |= jump < 0;
        let mut now = self.clock.lock().unwrap();
        self.latest = self.latest.max(now.wall);
        now.wall = Timestamp::from_millis(now.wall.as_millis() + jump);
        self.tally.count("clock jumps", 1);
    }

    /// Gives turns until nothing is left to do at this moment, or the process ends.
    pub fn go(&mut self) -> Step {
        let turns = self.take_turns(TURNS_MAX)?;
        if turns == TURNS_MAX {
            return Err("something goes round in circles".into());
        }
        Ok(())
    }

    /// Gives at most so many turns; how many there were.
    pub fn take_turns(&mut self, turns_max: u64) -> Result<u64, String> {
        for turn in 0..turns_max {
            if self.has_ended() {
                return Ok(turn);
            }
            let ready = self.ready();
            if ready.is_empty() {
                return Ok(turn);
            }
            self.take_turn(self.dice.pick(&ready))?;
            self.turns_left = self.turns_left.saturating_sub(1);
        }
        Ok(turns_max)
    }

    fn ready(&mut self) -> Vec<Turn> {
        let process = self.process.as_mut().unwrap();
        let mut ready = Vec::with_capacity(5);
        if process.desk.has_commands() {
            ready.push(Turn::Journal);
        }
        if process.callers.iter().any(|caller| caller.task.is_ready()) {
            ready.push(Turn::Callers);
        }
        for (number, stage) in process.stages.iter().enumerate() {
            if stage.as_ref().is_some_and(|stage| stage.is_ready()) {
                ready.push(Turn::Stage(number));
            }
        }
        ready
    }

    fn take_turn(&mut self, turn: Turn) -> Step {
        let now = self.now();
        let process = self.process.as_mut().unwrap();
        match turn {
            Turn::Journal => process.desk.serve(now),
            Turn::Callers => {
                let mut callers = std::mem::take(&mut process.callers);
                let mut answers = Vec::new();
                callers.retain_mut(|caller| match caller.task.step() {
                    Some(answer) => {
                        let call = std::mem::replace(&mut caller.call, Call::Seal);
                        answers.push((call, answer));
                        false
                    }
                    None => true,
                });
                process.callers = callers;
                return answers.into_iter().try_for_each(|(call, answer)| self.note(call, answer));
            }
            Turn::Stage(number) => {
                let stage = process.stages[number].as_mut().expect("it was ready");
                let is_done = stage.step().is_some();
                // The notices do their disk work at once.
                if number < 5 {
                    self.turnstile.let_through();
                }
                if is_done {
                    process.stages[number] = None;
                }
            }
        }
        Ok(())
    }

    /// Whether the process has ended in the middle of something.
    pub fn has_ended(&self) -> bool {
        self.turns_left == 0
            || self.outside.weather.is_killed.load(Ordering::Relaxed)
            || self.disk.list("").is_err()
    }

    /// Asks the journal to seal.
    pub fn seal(&mut self) {
        self.call(Call::Seal, |intake| async move { Answer::Done(intake.seal().await) });
    }

    /// A stop with manners, as the daemon's: seal, settle what can be settled, end.
    pub async fn stop(&mut self) -> Step {
        self.seal();
        self.go()?;
        if self.has_ended() {
            return Ok(());
        }
        self.process().stopping.send_replace(true);
        for _ in 0..3 {
            self.go()?;
            self.wait(10).await;
        }
        if !self.has_ended() {
            self.call(Call::Stop, |intake| async move { Answer::Done(intake.stop().await) });
            self.go()?;
        }
        Ok(())
    }

    /// The process ends, by a kill or with the power, and starts again.
    pub fn restart(&mut self) -> Step {
        let had_power_loss = self.end();
        let is_calm = self.outside.weather.is_calm.load(Ordering::Relaxed);
        if !is_calm {
            if had_power_loss {
                self.rot_before_start();
            }
            self.rot_what_starts()?;
            self.start_in_trouble()?;
            if self.process.is_some() {
                return self.check();
            }
        }
        self.start()?;
        self.check()
    }

    /// Perhaps the start itself is cut off, or the disk fails in the middle of it.
    fn start_in_trouble(&mut self) -> Step {
        match self.dice.below(5) {
            0 => self.disk.stop_after(self.dice.below(25)),
            1 => self.plant_fault(),
            _ => return Ok(()),
        }
        if self.start().is_err() {
            self.tally.count("failed starts", 1);
            self.end();
        } else if self.has_ended() || self.dice.one_in(2) {
            self.end();
        }
        Ok(())
    }

    /// Whether it ended with the power.
    pub fn end(&mut self) -> bool {
        if self.process.is_some() {
            self.note_damage();
        }
        if let Some(process) = self.process.take() {
            self.tally.count("notices", process.notifier.report().parked);
            self.tally.count("halts", u64::from(process.is_halted()));
            let digests = process.digests.report();
            self.tally.count("foreign digests", digests.foreign_objects);
            self.tally.count("trails given up", digests.given_up.len() as u64);
            let kept = process.history.report();
            self.tally.count("merges", kept.merges);
            self.tally.count("expired rows", kept.expired_rows);
            self.stretches.given_up.extend(digests.given_up);
            for caller in &process.callers {
                self.note_unknown(&caller.call);
            }
            // What was on its way is gone, and what the blocking thread had been given is done.
            drop(process);
            self.turnstile.let_through();
        }
        self.tally.note_life(&self.watched.watch());
        self.tally.count("ends with a digest prepared", self.prepared() as u64);
        self.turns_left = u64::MAX;
        self.outside.restart();
        self.disk.heal();
        self.is_reading_faulty = false;
        let had_power_loss = self.dice.one_in(2);
        if !had_power_loss {
            self.disk.crash_process();
            self.tally.count("kills", 1);
        } else {
            let dice = self.dice.clone();
            self.disk.lose_power(&mut |bound| dice.below(bound));
            self.tally.count("power losses", 1);
        }
        self.tally.count("torn tails", rot::torn_tails(&self.disk));
        had_power_loss
    }

    pub fn start(&mut self) -> Step {
        let clock = Arc::clone(&self.clock);
        let clock = Arc::new(move || *clock.lock().unwrap());
        self.watched = WatchedDisk::new(self.disk.process(), self.mistake);
        self.watched.watch().is_starting = true;
        let parts = parts(Arc::new(self.watched.clone()), clock, &self.dice);
        let (window_events, interval) = (self.window_events, self.digests_interval);
        let process = Process::start(&parts, &self.outside, window_events, interval, self.mistake);
        self.watched.watch().is_starting = false;
        let process = process.map_err(|error| format!("it does not start: {error}"))?;
        self.in_force = process.registry.snapshot();
        let definitions = process.registry.definitions().clone();
        self.process = Some(process);
        self.tell_digests(&definitions);
        self.note_what_was_found();
        self.check_definitions(definitions)
    }

    /// The definitions are those of the last change, or of one after it that failed half-way.
    fn check_definitions(&mut self, mut found: Definitions) -> Step {
        // What the registry adds by itself is not what was defined.
        found.logging.clear();
        let version = self.in_force.version;
        let (newest, known) = self.registered.known.last_key_value().expect("there is version 0");
        let is_newest = (version, &found) == (*newest, known);
        if !is_newest && (version != newest + 1 || !self.registered.attempted.contains(&found)) {
            return Err(format!("version {version} of the trails is not what was defined"));
        }
        self.registered.note_keys(&found);
        self.registered.known.insert(version, found);
        self.registered.attempted.clear();
        Ok(())
    }

    /// What holds between any two steps.
    pub fn check(&mut self) -> Step {
        if let Some(violation) = self.watched.watch().violation.take() {
            return Err(violation);
        }
        self.note_damage();
        let journal = self.process().journal.borrow().clone();
        let damaged = journal.damaged.iter().chain(&journal.forgotten).map(|it| it.file.clone());
        let damaged =
            damaged.chain(self.process().damaged().into_iter().map(producer::segment::path));
        for file in damaged {
            if !self.is_rotten(&file) && !self.is_reading_faulty {
                return Err(format!("{file} is damaged without rot"));
            }
        }
        self.check_set_aside()?;
        if self.dice.one_in(8) {
            self.check_kept()?;
        }
        if !self.ready().is_empty() {
            return Ok(());
        }
        let unbalanced = self.process().unbalanced();
        if !unbalanced.is_empty() {
            return Err(format!(
                "recorded is not unselected, delivered and waiting: {unbalanced:?}"
            ));
        }
        Ok(())
    }

    /// What was given up is kept, reported, and either damaged or old.
    fn check_set_aside(&self) -> Step {
        let is_aside = |name: &str| name.ends_with(".expired") || name.ends_with(".damaged");
        let (files, notices) = (self.files("spill", is_aside), self.files("notices", is_aside));
        let mut reported = self.process().delivery.set_aside_files();
        reported.sort();
        let reported: Vec<String> = reported.iter().map(|name| format!("spill/{name}")).collect();
        let noticed = self.process().notifier.report().set_aside.len();
        if reported != files || noticed != notices.len() {
            return Err(format!(
                "set aside are {files:?} and {notices:?}, reported {reported:?} and {noticed}"
            ));
        }
        for file in files.iter().chain(&notices) {
            let is_old = file.ends_with(".expired") && self.now().uptime >= GIVE_UP_MIN;
            if !is_old && !self.is_rotten(file) {
                return Err(format!("{file} was given up too early"));
            }
        }
        Ok(())
    }

    /// What [`Mistake::RetireBeforeDelivery`] does beside the pipeline.
    pub fn retire_early(&mut self) {
        if self.mistake != Mistake::RetireBeforeDelivery {
            return;
        }
        let Some(batch) = self.process().sealed().first().copied() else { return };
        let Ok(contents) = Batch::read(&self.disk, batch) else { return };
        let _ = window::store(&self.watched, batch, &contents.identities());
        self.call(Call::Seal, |intake| async move { Answer::Done(intake.retire(batch).await) });
    }

    /// Counts what a look shows.
    pub fn look(&mut self) {
        let parks = self.process().delivery.lanes().iter().any(|lane| lane.items > 0);
        self.tally.count("looks at parked files", u64::from(parks));
        let journal = self.process().journal.borrow().full.is_some();
        self.tally.count("looks at a full journal", u64::from(journal));
    }

    /// What the run was made of.
    pub fn finish(mut self) -> Tally {
        let weather = Arc::clone(&self.outside.weather);
        for (what, count) in [
            ("promised", self.history.promised()),
            ("repeated", self.history.repeated()),
            ("objects", self.outside.store.objects().len() as u64),
            ("foreign objects", self.foreign.len() as u64),
            ("store or topic failed", weather.faults.load(Ordering::Relaxed)),
            ("slow answers", weather.slow.load(Ordering::Relaxed)),
            ("hung calls", weather.hung.load(Ordering::Relaxed)),
            ("late acts", weather.late.load(Ordering::Relaxed)),
        ] {
            self.tally.count(what, count);
        }
        self.tally
    }

    /// All faults cease.
    pub fn calm(&mut self) {
        self.outside.weather.is_calm.store(true, Ordering::Relaxed);
        self.disk.heal();
        self.disk.set_capacity(u64::MAX);
        BUCKETS.iter().for_each(|bucket| self.outside.store.refuse(bucket, None));
        TOPICS.iter().for_each(|topic| self.outside.topics.accept(&topic.parse().unwrap()));
    }

    /// Seals, and gives everything that waits time to arrive.
    pub async fn drain(&mut self) -> Step {
        self.seal();
        self.go()?;
        self.outside.act_late().await;
        self.wait(330).await;
        self.go()
    }
}

/// A drawn number as an index.
pub fn index(drawn: u64) -> usize {
    usize::try_from(drawn).unwrap()
}
