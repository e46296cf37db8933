//! Sets up the way from a topic to queues, from configuration.
//!
//! ```text
//!   topic ──► subscription (raw or enveloped) ──► queue, whose policy lets the topic send
//! ```
//!
//! [`set_up`] makes what is missing and corrects what differs. What it finds right it leaves alone,
//! so that a second run changes nothing; other people's policy statements, subscriptions and
//! attributes stay as they are. It deletes nothing.
//!
//! What fails: see [`FanoutError`], which names what was attempted and the IAM statement that is
//! missing. A run that failed half-way is completed by the next.
//! Source: SNS Developer Guide, "Subscribing an Amazon SQS queue to an Amazon SNS topic".

mod error;
mod policy;
mod queue;
mod queue_steps;
mod topic_steps;

use model::ids::TopicArn;

pub use error::{FanoutError, Reason, Step};
pub use policy::{InvalidPolicy, merge_policy, send_statement};
pub use queue::{QueueArn, QueueRef};

pub(crate) use error::{allow, is_denial};

/// A topic and the queues that get its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fanout {
    /// The topic; a standard one.
    pub topic: TopicArn,
    /// Its queues.
    pub queues: Vec<FanoutQueue>,
}

/// One queue of a fan-out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FanoutQueue {
    /// Which queue.
    pub queue: QueueRef,
    /// Whether the queue gets the bare message, not one in SNS's envelope.
    pub raw: bool,
}

/// A queue that gets the topic's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyQueue {
    /// Where to receive from.
    pub url: String,
    /// Its ARN.
    pub arn: QueueArn,
}

/// What a run of [`set_up`] found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FanoutReport {
    /// The queues, in the order of the configuration.
    pub queues: Vec<ReadyQueue>,
    /// What was changed; empty when everything was right.
    pub changes: Vec<Change>,
}

/// One thing that [`set_up`] changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The topic was made.
    TopicMade(TopicArn),
    /// The queue was made.
    QueueMade(QueueArn),
    /// The queue's policy now lets the topic send.
    PolicyChanged(QueueArn),
    /// The queue was subscribed to the topic.
    Subscribed(QueueArn),
    /// The subscription's `RawMessageDelivery` was corrected.
    DeliveryChanged(QueueArn),
}

/// Makes the topic, the queues, their policies and the subscriptions be as configured. The topic
/// and the queues are sought in the Regions that their ARNs name; a queue given by name is in the
/// topic's Region. The configurations bring credentials and endpoint.
pub async fn set_up(
    sns: &aws_sdk_sns::Config,
    sqs: &aws_sdk_sqs::Config,
    fanout: &Fanout,
) -> Result<FanoutReport, FanoutError> {
    let topic = &fanout.topic;
    check(fanout)?;
    let sns = crate::sns::client_in(sns, &topic.region);
    let mut report = FanoutReport { queues: Vec::new(), changes: Vec::new() };
    report.changes.extend(topic_steps::ensure_topic(&sns, topic).await?);
    for one in &fanout.queues {
        let sqs = queue_steps::client_for(sqs, &one.queue, topic);
        let (queue, made) = queue_steps::ensure_queue(&sqs, &one.queue).await?;
        report.changes.extend(made);
        report.changes.extend(queue_steps::ensure_policy(&sqs, &queue, topic).await?);
        report
            .changes
            .extend(topic_steps::ensure_subscription(&sns, topic, &queue, one.raw).await?);
        report.queues.push(queue);
    }
    Ok(report)
}

/// What needs no call to be seen.
fn check(fanout: &Fanout) -> Result<(), FanoutError> {
    if fanout.topic.is_fifo() {
        return Err(FanoutError::FifoTopic { topic: fanout.topic.clone() });
    }
    match fanout.queues.iter().find(|one| one.queue.is_fifo()) {
        Some(one) => Err(FanoutError::FifoQueue { queue: one.queue.clone() }),
        None => Ok(()),
    }
}
