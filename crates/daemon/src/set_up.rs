//! What a trail needs outside: its marker in the bucket, a word on its topic, queues behind that.
//!
//! CloudTrail writes a zero-byte object under `AWSLogs/ACCOUNT/CloudTrail/` and publishes
//! `CloudTrail validation message.` when a trail is created or changed. Both may fail here without
//! stopping the daemon: what is recorded is safe, and is delivered when the bucket takes it.

use std::time::Duration;

use aws_config::SdkConfig;
use bytes::Bytes;
use delivery::{Metadata, ObjectStore, Put};
use model::TopicArn;
use model::key::marker_keys;
use notifier::fanout::{self, Fanout, FanoutQueue, QueueRef};
use notifier::{Notifier, Topic};
use trails::TrailDefinition;

use crate::config::FanoutSettings;

/// Pause before a fan-out is looked after again; it doubles while there is something to do.
const FAN_OUT_PAUSE_MIN: Duration = Duration::from_secs(10);
const FAN_OUT_PAUSE_MAX: Duration = Duration::from_secs(300);

/// Puts the markers of trails and publishes the validation message on their topics.
pub async fn introduce<T: Topic>(
    store: &impl ObjectStore,
    notifier: &Notifier<T>,
    trails: &[TrailDefinition],
) {
    for definition in trails {
        let trail = &definition.trail;
        let bucket = &trail.bucket;
        for marker in markers(definition) {
            if let Err(error) = store.put_new(&marker).await {
                tracing::warn!(trail = %trail.arn, %bucket, %error, "a marker could not be put; run `cairn doctor`");
            }
        }
        let Some(topic) = &trail.topic else { continue };
        if let Err(error) = notifier.validate(topic).await {
            tracing::warn!(trail = %trail.arn, %topic, %error, "the validation message could not be published; run `cairn doctor`");
        }
    }
}

/// The zero-byte objects of a trail, in the folder of its log files and in that of its digests.
#[must_use]
pub fn markers(definition: &TrailDefinition) -> Vec<Put> {
    let TrailDefinition { trail, validates_log_files, .. } = definition;
    let (prefix, account) = (trail.prefix.as_ref(), &trail.arn.account);
    let marker = |key| Put {
        bucket: trail.bucket.clone(),
        key,
        body: Bytes::new(),
        kms_key: trail.kms_key.clone(),
        metadata: Metadata::new(),
        trail: trail.arn.clone(),
    };
    marker_keys(prefix, None, account, *validates_log_files).into_iter().map(marker).collect()
}

/// Keeps topics and queues set up: those in `left` first, and later again each whose topic refuses
/// (an emulator that restarts forgets all of them). Does not end by itself.
pub async fn keep_fan_out<T: Topic>(
    config: &SdkConfig,
    fanouts: &[FanoutSettings],
    mut left: Vec<FanoutSettings>,
    notifier: &Notifier<T>,
) {
    let mut pause = FAN_OUT_PAUSE_MIN;
    loop {
        let is_needed = !left.is_empty();
        left = fan_out(config, &left).await;
        tokio::time::sleep(pause).await;
        // What refuses for another reason than a missing queue is not asked about for ever.
        pause = if is_needed { (pause * 2).min(FAN_OUT_PAUSE_MAX) } else { FAN_OUT_PAUSE_MIN };
        let lanes = notifier.report().lanes;
        let refuses = |topic: &TopicArn| lanes.iter().any(|lane| lane.lane == topic.to_string());
        let more = fanouts.iter().filter(|one| refuses(&one.topic) && !left.contains(one));
        left.extend(more.cloned().collect::<Vec<_>>());
    }
}

/// Sets up topics and queues: made where absent, corrected where they differ. Returns those that
/// could not be.
pub async fn fan_out(config: &SdkConfig, fanouts: &[FanoutSettings]) -> Vec<FanoutSettings> {
    let (sns, sqs) = (aws_sdk_sns::Config::from(config), aws_sdk_sqs::Config::from(config));
    let mut left = Vec::new();
    for settings in fanouts {
        let topic = &settings.topic;
        match fanout::set_up(&sns, &sqs, &fan_out_of(settings)).await {
            Ok(report) => {
                for queue in &report.queues {
                    tracing::info!(%topic, queue = %queue.arn, url = queue.url, changes = report.changes.len(), "queue is subscribed");
                }
            }
            Err(error) => {
                tracing::error!(%topic, %error, "the fan-out could not be set up; it is tried again");
                left.push(settings.clone());
            }
        }
    }
    left
}

/// The fan-out that the settings describe.
#[must_use]
pub fn fan_out_of(settings: &FanoutSettings) -> Fanout {
    let queue = |queue: &crate::config::FanoutQueueSettings| FanoutQueue {
        queue: QueueRef::Name(queue.name.clone()),
        raw: queue.raw,
    };
    Fanout { topic: settings.topic.clone(), queues: settings.queues.iter().map(queue).collect() }
}
