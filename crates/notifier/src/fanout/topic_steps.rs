//! The steps on the side of SNS: the topic and its subscriptions.

use aws_sdk_sns::Client;
use aws_sdk_sns::types::Subscription;
use model::ids::TopicArn;

use super::error::Step;
use super::{Change, FanoutError, ReadyQueue};

const RAW: &str = "RawMessageDelivery";

/// Makes the topic when it is absent. It is looked for first: CreateTopic would make a topic of
/// that name in the caller's account when the configured one is another's.
pub(super) async fn ensure_topic(
    sns: &Client,
    topic: &TopicArn,
) -> Result<Option<Change>, FanoutError> {
    let look = Step::new("sns:GetTopicAttributes", topic);
    match sns.get_topic_attributes().topic_arn(topic.to_string()).send().await {
        Ok(_) => return Ok(None),
        Err(error) if error.as_service_error().is_some_and(|it| it.is_not_found_exception()) => {}
        Err(error) => return Err(look.failed(&error)),
    }
    let make = Step::new("sns:CreateTopic", topic);
    let made = sns.create_topic().name(topic.name.as_str()).send().await;
    let made = made.map_err(|error| make.failed(&error))?;
    let made = made.topic_arn().ok_or_else(|| make.lacks("TopicArn"))?;
    if made != topic.to_string() {
        let (wanted, made) = (topic.to_string(), made.to_owned());
        return Err(FanoutError::OtherAccount { wanted, made });
    }
    Ok(Some(Change::TopicMade(topic.clone())))
}

/// Subscribes the queue when it is not, and corrects how it gets its messages.
pub(super) async fn ensure_subscription(
    sns: &Client,
    topic: &TopicArn,
    queue: &ReadyQueue,
    raw: bool,
) -> Result<Option<Change>, FanoutError> {
    match find_subscription(sns, topic, &queue.arn.to_string()).await? {
        Some(subscription) => correct_delivery(sns, topic, queue, raw, &subscription).await,
        None => subscribe(sns, topic, queue, raw).await,
    }
}

async fn find_subscription(
    sns: &Client,
    topic: &TopicArn,
    endpoint: &str,
) -> Result<Option<Subscription>, FanoutError> {
    let list = Step::new("sns:ListSubscriptionsByTopic", topic);
    let request = sns.list_subscriptions_by_topic().topic_arn(topic.to_string());
    let mut pages = request.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| list.failed(&error))?;
        let found = page.subscriptions.unwrap_or_default().into_iter().find(|subscription| {
            subscription.protocol() == Some("sqs") && subscription.endpoint() == Some(endpoint)
        });
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

async fn subscribe(
    sns: &Client,
    topic: &TopicArn,
    queue: &ReadyQueue,
    raw: bool,
) -> Result<Option<Change>, FanoutError> {
    let step = Step::new("sns:Subscribe", topic);
    let mut request = sns.subscribe().topic_arn(topic.to_string()).protocol("sqs");
    if raw {
        request = request.attributes(RAW, "true");
    }
    let subscribed = request.endpoint(queue.arn.to_string()).send().await;
    let subscribed = subscribed.map_err(|error| step.failed(&error))?;
    check_confirmed(topic, queue, subscribed.subscription_arn())?;
    Ok(Some(Change::Subscribed(queue.arn.clone())))
}

async fn correct_delivery(
    sns: &Client,
    topic: &TopicArn,
    queue: &ReadyQueue,
    raw: bool,
    subscription: &Subscription,
) -> Result<Option<Change>, FanoutError> {
    let arn = check_confirmed(topic, queue, subscription.subscription_arn())?;
    let get = Step::new("sns:GetSubscriptionAttributes", topic);
    let attributes = sns.get_subscription_attributes().subscription_arn(arn).send().await;
    let attributes = attributes.map_err(|error| get.failed(&error))?;
    let value = attributes.attributes().and_then(|all| all.get(RAW));
    if value.is_some_and(|value| value == "true") == raw {
        return Ok(None);
    }
    let set = Step::new("sns:SetSubscriptionAttributes", topic);
    let request = sns.set_subscription_attributes().subscription_arn(arn).attribute_name(RAW);
    let corrected = request.attribute_value(raw.to_string()).send().await;
    corrected.map_err(|error| set.failed(&error))?;
    Ok(Some(Change::DeliveryChanged(queue.arn.clone())))
}

/// A subscription that waits for its confirmation has a phrase in place of its ARN.
fn check_confirmed<'a>(
    topic: &TopicArn,
    queue: &ReadyQueue,
    subscription_arn: Option<&'a str>,
) -> Result<&'a str, FanoutError> {
    let unconfirmed =
        || FanoutError::Unconfirmed { queue: queue.arn.to_string(), topic: topic.clone() };
    subscription_arn.filter(|arn| arn.starts_with("arn:")).ok_or_else(unconfirmed)
}
