//! What goes wrong outside the process, and ends it.

use bytes::Bytes;
use delivery::{ObjectStore, Put};
use disk::simulated::{Fault, Operation};
use model::TopicArn;
use notifier::PublishError;
use producer::Batch;

use crate::definitions::{BUCKETS, TOPICS};
use crate::outside::store_error;
use crate::world::World;

impl World {
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
            Operation::Open,
            Operation::Read,
        ];
        let fault = Fault::once(self.dice.pick(&operations)).after(self.dice.below(8));
        self.disk.fail(fault);
    }

    /// Somebody puts an object where a log file is to go.
    pub async fn plant_object(&mut self) {
        let Some(batch) = self.process().sealed().last().copied() else { return };
        let Ok(plan) = Batch::read(&self.disk, batch).map(|batch| batch.plan()) else { return };
        let contents = plan.expect("what was read can be planned").contents;
        let Some((name, destination)) = contents.first().and_then(|content| content.files.first())
        else {
            return;
        };
        let (bucket, key) = (destination.bucket.clone(), name.key(0));
        if !matches!(self.outside.store.read(&bucket, &key).await, Ok(None)) {
            return;
        }
        self.foreign.insert((bucket.to_string(), key.clone()));
        let body = Bytes::from_static(b"nothing to see here");
        self.outside.store.plant(Put {
            bucket,
            key,
            body,
            kms_key: None,
            trail: name.trail.clone(),
        });
    }

    /// The process will end in the middle of something.
    pub fn plan_end(&mut self) {
        match self.dice.one_in(2) {
            true => self.disk.stop_after(self.dice.below(30)),
            false => self.outside.weather.kill_in(self.dice.below(12)),
        }
    }
}
