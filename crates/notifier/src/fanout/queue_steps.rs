//! The steps on the side of SQS: the queue and its policy.

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_sqs::{Client, Config};
use model::ids::{TopicArn, TopicName};

use super::error::Step;
use super::policy::{merge_policy, send_statement};
use super::{Change, FanoutError, QueueArn, QueueRef, ReadyQueue};

/// 14 days, the longest SQS allows: announcements must outlive a reader's long week-end.
const RETENTION_SECONDS: &str = "1209600";

/// No such queue: AWS's code, which the SDK alone knows, and that of endpoints without the header
/// in which AWS sends it.
const ABSENT: [&str; 2] = ["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"];

/// A client for the queue's Region.
pub(super) fn client_for(config: &Config, queue: &QueueRef, topic: &TopicArn) -> Client {
    let region = queue.region().unwrap_or_else(|| topic.region.clone());
    let region = aws_sdk_sqs::config::Region::new(region.as_str().to_owned());
    Client::from_conf(config.to_builder().region(region).build())
}

/// Makes the queue when it is absent. A queue that is there keeps its attributes.
pub(super) async fn ensure_queue(
    sqs: &Client,
    queue: &QueueRef,
) -> Result<(ReadyQueue, Option<Change>), FanoutError> {
    let name = match queue {
        QueueRef::Url(url) => return Ok((ready(sqs, url.clone()).await?, None)),
        QueueRef::Name(name) | QueueRef::Arn(QueueArn { name, .. }) => name,
    };
    if let Some(url) = find_url(sqs, queue, name).await? {
        return Ok((ready(sqs, url).await?, None));
    }
    let make = Step::new("sqs:CreateQueue", queue);
    let request = sqs
        .create_queue()
        .queue_name(name.as_str())
        .attributes(QueueAttributeName::MessageRetentionPeriod, RETENTION_SECONDS);
    let made = request.send().await.map_err(|error| make.failed(&error))?;
    let url = made.queue_url.ok_or_else(|| make.lacks("QueueUrl"))?;
    let made = ready(sqs, url).await?;
    if let QueueRef::Arn(wanted) = queue
        && *wanted != made.arn
    {
        let (wanted, made) = (wanted.to_string(), made.arn.to_string());
        return Err(FanoutError::OtherAccount { wanted, made });
    }
    let change = Change::QueueMade(made.arn.clone());
    Ok((made, Some(change)))
}

/// Lets the topic send to the queue.
pub(super) async fn ensure_policy(
    sqs: &Client,
    queue: &ReadyQueue,
    topic: &TopicArn,
) -> Result<Option<Change>, FanoutError> {
    let policy = attribute(sqs, &queue.url, &QueueAttributeName::Policy, &queue.arn).await?;
    let merged = merge_policy(policy.as_deref(), &send_statement(topic, &queue.arn));
    let merged =
        merged.map_err(|source| FanoutError::Policy { queue: queue.arn.to_string(), source })?;
    let Some(policy) = merged else { return Ok(None) };
    let set = Step::new("sqs:SetQueueAttributes", &queue.arn);
    let request = sqs.set_queue_attributes().queue_url(&queue.url);
    let sent = request.attributes(QueueAttributeName::Policy, policy).send().await;
    sent.map_err(|error| set.failed(&error))?;
    Ok(Some(Change::PolicyChanged(queue.arn.clone())))
}

/// `None` when there is no such queue.
async fn find_url(
    sqs: &Client,
    queue: &QueueRef,
    name: &TopicName,
) -> Result<Option<String>, FanoutError> {
    let mut request = sqs.get_queue_url().queue_name(name.as_str());
    if let QueueRef::Arn(arn) = queue {
        request = request.queue_owner_aws_account_id(arn.account.as_str());
    }
    let step = Step::new("sqs:GetQueueUrl", queue);
    match request.send().await {
        Ok(found) => found.queue_url.ok_or_else(|| step.lacks("QueueUrl")).map(Some),
        Err(error) if error.code().is_some_and(|code| ABSENT.contains(&code)) => Ok(None),
        Err(error) => Err(step.failed(&error)),
    }
}

async fn ready(sqs: &Client, url: String) -> Result<ReadyQueue, FanoutError> {
    let arn = attribute(sqs, &url, &QueueAttributeName::QueueArn, &url).await?;
    let arn = arn.and_then(|arn| arn.parse().ok());
    let missing = || Step::new("sqs:GetQueueAttributes", &url).lacks("QueueArn");
    Ok(ReadyQueue { arn: arn.ok_or_else(missing)?, url })
}

/// One attribute of a queue; `resource` is what an error calls it.
async fn attribute(
    sqs: &Client,
    url: &str,
    name: &QueueAttributeName,
    resource: &impl ToString,
) -> Result<Option<String>, FanoutError> {
    let step = Step::new("sqs:GetQueueAttributes", resource);
    let answer = sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone());
    let answer = answer.send().await.map_err(|error| step.failed(&error))?;
    Ok(answer.attributes.and_then(|mut attributes| attributes.remove(name)))
}
