//! Everything: what survives a crash, the process, and the steps that a run is made of.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use delivery::memory::MemoryStore;
use delivery::{ObjectStore, Put};
use disk::simulated::{Fault, Operation};
use disk::{Disk, SimulatedDisk};
use futures_util::future::{BoxFuture, FutureExt, join_all};
use model::{BatchId, Category, Timestamp, TopicArn};
use notifier::PublishError;
use notifier::memory::MemoryTopic;
use producer::{Batch, Now, Outcome, Refusal, window};
use trails::{AdvancedEventSelector, Definitions, Organization, Trail, TrailSet};

use crate::dice::Dice;
use crate::drive::drive;
use crate::history::History;
use crate::mistakes::Mistake;
use crate::outside::{Outside, Weather, store_error};
use crate::process::{Process, parts};
use crate::run::Tally;

const BUCKETS: [&str; 3] = ["logs", "elsewhere", "third"];
pub const TOPICS: [&str; 2] =
    ["arn:aws:sns:eu-west-1:111111111111:one", "arn:aws:sns:eu-west-1:111111111111:two"];
const TRAILS: [&str; 4] = [
    "arn:aws:cloudtrail:eu-west-1:111111111111:trail/one",
    "arn:aws:cloudtrail:us-east-1:111111111111:trail/two",
    "arn:aws:cloudtrail:eu-west-1:222222222222:trail/one",
    "arn:aws:cloudtrail:eu-west-1:333333333333:trail/org",
];

/// What a step returns: an error is something that must never be seen.
pub type Step = Result<(), String>;

/// One call among those of a group.
enum Answer {
    Recorded(Vec<usize>, Arc<TrailSet>, Result<Vec<Outcome>, Refusal>),
    Changed(Arc<TrailSet>, Result<(), Refusal>),
}

pub struct World {
    pub dice: Dice,
    pub outside: Outside,
    pub history: History,
    /// Objects that somebody else put, by bucket and key.
    pub foreign: BTreeSet<(String, String)>,
    pub tally: Tally,
    mistake: Mistake,
    disk: SimulatedDisk,
    clock: Arc<Mutex<Now>>,
    process: Option<Process>,
    /// The trails that events are recorded under.
    in_force: Arc<TrailSet>,
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

    fn now(&self) -> Now {
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

    /// Some calls at once: new events, events sent again, perhaps a change of trails among them.
    pub async fn record(&mut self) -> Step {
        let calls = 1 + self.dice.below(3);
        let change_at = if self.dice.one_in(8) { self.dice.below(calls) } else { u64::MAX };
        let mut trails = Arc::clone(&self.in_force);
        let mut requests: Vec<(Vec<usize>, Arc<TrailSet>)> = Vec::new();
        let mut change = None;
        for call in 0..calls {
            if call == change_at
                && let Some(changed) = self.register()
            {
                change = Some((requests.len(), Arc::clone(&changed)));
                trails = changed;
            }
            requests.push((self.draw_events(), Arc::clone(&trails)));
        }
        if self.mistake == Mistake::AnswerBeforeSync {
            for (numbers, trails) in &requests {
                numbers.iter().for_each(|number| self.history.is_recorded(*number, trails));
            }
        }
        let answers = self.call(&requests, change).await;
        match answers {
            Some(answers) => answers.into_iter().try_for_each(|answer| self.note(answer)),
            None => {
                requests.iter().for_each(|(numbers, trails)| self.note_unknown(numbers, trails));
                Ok(())
            }
        }
    }

    /// Makes the calls in this order, so that they gather in one group.
    async fn call(
        &mut self,
        requests: &[(Vec<usize>, Arc<TrailSet>)],
        change: Option<(usize, Arc<TrailSet>)>,
    ) -> Option<Vec<Answer>> {
        let now = self.now();
        let process = self.process.as_mut().unwrap();
        let intake = process.intake.clone();
        let mut calls: Vec<BoxFuture<'_, Answer>> = Vec::new();
        for (place, (numbers, trails)) in requests.iter().enumerate() {
            if let Some((_, changed)) = change.as_ref().filter(|(at, _)| *at == place)
                && self.mistake != Mistake::ForgetSealOnTrailChange
            {
                let (intake, changed) = (intake.clone(), Arc::clone(changed));
                calls.push(
                    async move {
                        let result = intake.set_trails(Arc::clone(&changed)).await;
                        Answer::Changed(changed, result)
                    }
                    .boxed(),
                );
            }
            let events = numbers.iter().map(|number| self.history.sent[*number].event.clone());
            let (intake, events) = (intake.clone(), events.collect());
            calls.push(
                async move {
                    let result = intake.record(events).await;
                    Answer::Recorded(numbers.clone(), Arc::clone(trails), result)
                }
                .boxed(),
            );
        }
        let answers = drive(&mut process.desk, now, &self.outside.weather, join_all(calls)).await;
        if let (Some((_, changed)), Mistake::ForgetSealOnTrailChange) = (change, self.mistake) {
            self.in_force = changed;
        }
        answers
    }

    fn note(&mut self, answer: Answer) -> Step {
        match answer {
            Answer::Changed(trails, Ok(())) => self.in_force = trails,
            Answer::Changed(_, Err(_)) => {}
            Answer::Recorded(numbers, trails, Err(_)) => {
                self.tally.refused += 1;
                self.note_unknown(&numbers, &trails);
            }
            Answer::Recorded(numbers, trails, Ok(outcomes)) => {
                for (number, outcome) in numbers.into_iter().zip(outcomes) {
                    match outcome {
                        Outcome::Recorded => self.history.is_recorded(number, &trails),
                        Outcome::Again => {
                            self.tally.again += 1;
                            self.history.sent[number].is_promised = true;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// No answer, or a refusal: these may be recorded or not.
    fn note_unknown(&mut self, numbers: &[usize], trails: &Arc<TrailSet>) {
        for number in numbers {
            if !self.history.sent[*number].is_promised {
                self.history.may_be_recorded(*number, trails);
            }
        }
    }

    fn draw_events(&mut self) -> Vec<usize> {
        let events = 1 + self.dice.below(4);
        let draw = |_| match self.history.sent.len() as u64 {
            known if known > 0 && self.dice.one_in(6) => {
                usize::try_from(self.dice.below(known)).unwrap()
            }
            _ => self.history.new_event(&self.dice),
        };
        (0..events).map(draw).collect()
    }

    /// Other definitions, durable when it returns; `None` when the disk refuses.
    fn register(&mut self) -> Option<Arc<TrailSet>> {
        let definitions = self.draw_definitions();
        let now = self.now().wall;
        let registry = &mut self.process.as_mut().unwrap().registry;
        registry.apply(definitions, now).ok()?;
        self.tally.changes += 1;
        Some(registry.snapshot())
    }

    fn draw_definitions(&self) -> Definitions {
        let organization = Organization {
            id: "o-abc123defg".parse().unwrap(),
            management_account: "333333333333".parse().unwrap(),
            members: vec!["111111111111".parse().unwrap()],
        };
        let trails = TRAILS.iter().filter(|_| !self.dice.one_in(4)).map(|arn| self.draw_trail(arn));
        Definitions {
            trails: trails.collect(),
            organization: Some(organization),
            ..Definitions::default()
        }
    }

    fn draw_trail(&self, arn: &str) -> Trail {
        let selectors: [&[Category]; 4] =
            [&[], &[], &[Category::Management, Category::Data], &[Category::Data]];
        let topic = self.dice.below(3);
        Trail {
            arn: arn.parse().unwrap(),
            bucket: self.dice.pick(&BUCKETS).parse().unwrap(),
            prefix: self.dice.one_in(3).then(|| "some/prefix".parse().unwrap()),
            topic: TOPICS.get(usize::try_from(topic).unwrap()).map(|arn| arn.parse().unwrap()),
            kms_key: None,
            is_multi_region: self.dice.one_in(2),
            include_global_service_events: true,
            is_organization: arn.ends_with("/org"),
            is_logging: !self.dice.one_in(6),
            selectors: AdvancedEventSelector::of_categories(self.dice.pick(&selectors)),
        }
    }

    /// The pipeline settles one sealed batch, mostly the oldest.
    pub async fn settle(&mut self) -> Step {
        let sealed = self.process().sealed();
        if sealed.is_empty() {
            return Ok(());
        }
        let batch = if self.dice.one_in(4) { self.dice.pick(&sealed) } else { sealed[0] };
        let hurries = self.mistake == Mistake::RetireBeforeDelivery && self.dice.one_in(3);
        if hurries { self.retire(batch).await } else { self.settle_one(batch).await }
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

    /// A bucket or a topic begins to refuse, or takes what comes again.
    pub fn change_weather(&mut self) {
        let (is_refusing, is_bucket) = (self.dice.one_in(3), self.dice.one_in(2));
        if is_bucket {
            let error = is_refusing.then(|| store_error("AccessDenied"));
            self.outside.store.refuse(self.dice.pick(&BUCKETS), error);
            return;
        }
        let topic: TopicArn = self.dice.pick(&TOPICS).parse().unwrap();
        match is_refusing {
            true => self.outside.topics.refuse(&topic, PublishError::refused("NotFound", "gone")),
            false => self.outside.topics.accept(&topic),
        }
    }

    /// One of the next operations of the disk fails.
    pub fn plant_fault(&mut self) {
        let operations = [
            Operation::Create,
            Operation::Write,
            Operation::Sync,
            Operation::Rename,
            Operation::Remove,
            Operation::SyncDirectory,
        ];
        let fault = Fault::once(self.dice.pick(&operations)).after(self.dice.below(8));
        self.disk.fail(fault);
    }

    /// Somebody puts an object where a log file is to go.
    pub async fn plant_object(&mut self) {
        let Some(batch) = self.process().sealed().last().copied() else { return };
        let Ok(plan) = Batch::read(&self.disk, batch).map(|batch| batch.plan()) else { return };
        let contents = plan.expect("what was read can be planned").contents;
        let Some((name, destination)) = contents.first().and_then(|content| content.files.first()) else {
            return;
        };
        let (bucket, key) = (destination.bucket.clone(), name.key(0));
        if !matches!(self.outside.store.read(&bucket, &key).await, Ok(None)) {
            return;
        }
        self.foreign.insert((bucket.to_string(), key.clone()));
        let body = Bytes::from_static(b"nothing to see here");
        self.outside.store.plant(Put { bucket, key, body, kms_key: None, trail: name.trail.clone() });
    }

    /// The process will end in the middle of something.
    pub fn plan_end(&mut self) {
        match self.dice.one_in(2) {
            true => self.disk.stop_after(self.dice.below(30)),
            false => self.outside.weather.kill_in(self.dice.below(12)),
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
        self.process = None;
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
            return Err(format!("recorded is not unselected, delivered and waiting: {unbalanced:?}"));
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
