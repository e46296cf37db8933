//! Whether a trail's topic takes messages: the validation message is published, which subscribers
//! know and drop.

use model::notice::VALIDATION_MESSAGE;
use notifier::Topic;
use trails::Trail;

use super::Found;

/// Publishes the validation message on the trail's topic.
pub(super) async fn check(topics: &impl Topic, trail: &Trail) -> Result<Option<String>, Found> {
    let Some(topic) = &trail.topic else { return Ok(None) };
    let published = topics.publish(topic, VALIDATION_MESSAGE).await;
    published.map(|()| None).map_err(|error| match error.topic_at_fault {
        // What SNS says of a topic in a suspended account.
        _ if error.code == "InvalidClientTokenId" => Found::refused(
            "CloudTrailInvalidClientTokenIdException",
            "The account of the SNS topic is suspended, or SNS does not know the daemon's credentials.",
            &error,
        ),
        true => Found::refused(
            "InsufficientSnsTopicPolicyException",
            "SNS Topic does not exist or the topic policy is incorrect!",
            &error,
        ),
        false => Found::unknown(&error),
    })
}
