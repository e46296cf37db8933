//! What goes wrong outside the process, and ends it.

use std::time::Duration;

use bytes::Bytes;
use delivery::digests::chain::Chain;
use delivery::{Metadata, Put};
use disk::document;
use disk::simulated::{Fault, Operation};
use model::{BucketName, DigestKind, TopicArn, TrailArn};
use notifier::PublishError;
use producer::Batch;

use crate::definitions::{BUCKETS, TOPICS};
use crate::outside::store_error;
use crate::process::SEGMENT_BYTES;
use crate::verdict;
use crate::world::{Step, World};

impl World {
    /// A bucket or a topic begins to refuse, or takes what comes again.
    pub fn change_weather(&mut self) {
        let (is_refusing, is_bucket) = (self.dice.one_in(3), self.dice.one_in(2));
        if is_bucket {
            let bucket = self.dice.pick(&BUCKETS);
            self.turn_bucket(bucket, is_refusing);
        } else {
            let topic = self.dice.pick(&TOPICS);
            self.turn_topic(topic, is_refusing);
        }
    }

    fn turn_bucket(&mut self, bucket: &str, is_refusing: bool) {
        let codes = ["AccessDenied", "NoSuchBucket", "SlowDown", "InvalidAccessKeyId"];
        let error = is_refusing.then(|| store_error(self.dice.pick(&codes)));
        self.outside.store.refuse(bucket, error);
    }

    fn turn_topic(&mut self, topic: &str, is_refusing: bool) {
        let topic: TopicArn = topic.parse().unwrap();
        let codes = ["NotFound", "AuthorizationError", "KMSAccessDenied"];
        match is_refusing {
            true => {
                let error = PublishError::refused(self.dice.pick(&codes), "simulated");
                self.outside.topics.refuse(&topic, error);
            }
            false => self.outside.topics.accept(&topic),
        }
    }

    /// One of the next operations of the disk fails, or all of its kind from then on.
    pub fn plant_fault(&mut self) {
        let operations = [
            Operation::Create,
            Operation::Write,
            Operation::Sync,
            Operation::Sync,
            Operation::Rename,
            Operation::Remove,
            Operation::SyncDirectory,
            Operation::Open,
            Operation::Read,
        ];
        let operation = self.dice.pick(&operations);
        self.is_reading_faulty |= matches!(operation, Operation::Open | Operation::Read);
        let fault = match self.dice.one_in(8) {
            true => Fault::forever(operation),
            false => Fault::once(operation),
        };
        self.disk.fail(fault.after(self.dice.below(8)));
    }

    /// The disk gets full, or has room again.
    pub fn fill_disk(&mut self) {
        if self.dice.one_in(2) {
            self.disk.set_capacity(self.disk.durable_bytes() + self.dice.below(SEGMENT_BYTES));
        } else {
            self.disk.set_capacity(u64::MAX);
        }
    }

    /// Somebody puts an object where a log file is to go.
    pub fn plant_object(&mut self) {
        let Some(batch) = self.process().sealed().last().copied() else { return };
        let Ok(plan) = Batch::read(&self.disk, batch).map(|batch| batch.plan()) else { return };
        let contents = plan.expect("what was read can be planned").contents;
        let Some((name, destination)) = contents.first().and_then(|content| content.files.first())
        else {
            return;
        };
        let (trail, bucket, key) = (name.trail.clone(), destination.bucket.clone(), name.key(0));
        self.plant(&trail, &bucket, key);
    }

    /// Somebody puts objects where a chain's next digest is to go, and a second later.
    pub fn plant_digests(&mut self) {
        let chains = self.files("digests", |name| name.ends_with(".json") && name != "trails.json");
        if chains.is_empty() {
            return;
        }
        let path = self.dice.pick(&chains.iter().collect::<Vec<_>>()).clone();
        let bytes = self.disk.peek(&path).unwrap_or_default();
        let Ok(chain) = document::from_bytes::<Chain>(&bytes, 1) else { return };
        let in_force = self.process().registry.definitions();
        let Some(trail) = in_force.trail(&chain.id.trail).map(|one| one.trail.clone()) else {
            return;
        };
        let end = chain.next_end(self.digests_interval);
        for second in 0..=self.dice.below(3) {
            let end = end.plus(Duration::from_secs(second));
            let key = chain.id.key(trail.prefix.as_ref(), end, DigestKind::Standard);
            self.plant(&trail.arn, &trail.bucket, key);
        }
    }

    /// Puts a foreign object, unless there is one.
    fn plant(&mut self, trail: &TrailArn, bucket: &BucketName, key: String) {
        let place = (bucket.to_string(), key.clone());
        let (bucket, trail) = (bucket.clone(), trail.clone());
        if self.outside.appeared.lock().unwrap().first.contains_key(&place) {
            return;
        }
        let body = Bytes::from_static(b"nothing to see here");
        self.foreign.insert(place, body.clone());
        let metadata = Metadata::new();
        self.outside.store.plant(Put { bucket, key, body, kms_key: None, metadata, trail });
    }

    /// The process will end in the middle of something.
    pub fn plan_end(&mut self) {
        match self.dice.below(3) {
            0 => self.disk.stop_after(self.dice.below(30)),
            1 => self.outside.weather.kill_in(self.dice.below(12)),
            _ => self.turns_left = 1 + self.dice.below(60),
        }
    }

    /// The process ends in the middle of a seal, and again as soon as names were derived from it:
    /// the one moment at which state becomes a function.
    pub async fn end_in_seal(&mut self) -> Step {
        self.record();
        self.go()?;
        if !self.has_ended() {
            self.disk.stop_after(self.dice.below(8));
            self.seal();
            self.take_turns(1 + self.dice.below(4))?;
        }
        self.restart()?;
        self.outside.weather.kill_in(self.dice.below(6));
        self.go()?;
        // Another seal would have another stamp.
        self.wait(301).await;
        self.restart()
    }

    /// A bucket refuses for hours; the digests that are owed then follow.
    pub async fn refuse_for_hours(&mut self) -> Step {
        let bucket = self.dice.pick(&BUCKETS);
        self.turn_bucket(bucket, true);
        for _ in 0..=self.dice.below(4) {
            self.record();
            self.go()?;
            if self.has_ended() {
                return Ok(());
            }
            self.wait(3600).await;
        }
        self.go()?;
        self.turn_bucket(bucket, false);
        self.tally.count("hours of refusal", 1);
        Ok(())
    }

    /// One destination refuses for weeks, while all others take what comes: they must not wait for
    /// it, and what is refused for so long is given up and kept.
    pub async fn refuse_for_weeks(&mut self) -> Step {
        self.calm_disk();
        let is_bucket = !self.dice.one_in(3);
        let (bucket, topic) = (self.dice.pick(&BUCKETS), self.dice.pick(&TOPICS));
        BUCKETS.iter().for_each(|one| self.turn_bucket(one, is_bucket && *one == bucket));
        TOPICS.iter().for_each(|one| self.turn_topic(one, !is_bucket && *one == topic));
        self.record();
        self.go()?;
        if self.has_ended() {
            return Ok(());
        }
        self.seal();
        for round in 0..100 {
            self.go()?;
            if self.has_ended() {
                return Ok(());
            }
            self.wait(400).await;
            let is_bound = is_bucket && !self.process().is_halted() && self.rots.is_empty();
            match verdict::check_others(self, bucket) {
                Err(error) if is_bound && round == 99 => return Err(error),
                Ok(()) => break,
                Err(_) => {}
            }
        }
        let before = self.reported().len();
        for _ in 0..12 {
            self.wait(self.dice.below(8) * 24 * 3600).await;
            self.go()?;
            if self.has_ended() {
                return Ok(());
            }
            self.check()?;
        }
        let expired = self.reported().len() - before.min(self.reported().len());
        self.tally.count("weeks of refusal", 1);
        self.tally.count("expired files", expired as u64);
        Ok(())
    }

    fn calm_disk(&mut self) {
        self.disk.heal();
        self.disk.set_capacity(u64::MAX);
    }
}
