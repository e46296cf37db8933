//! Topics whose queues Cairn sets up: the topic, each queue, its policy and the subscription.

use std::collections::{BTreeMap, BTreeSet};

use model::{TopicArn, TopicName};

use super::reader::Reader;

/// One topic and the queues that receive its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FanoutSettings {
    /// The topic; never FIFO.
    pub topic: TopicArn,
    /// Its queues, in the topic's account and Region; at least one.
    pub queues: Vec<FanoutQueueSettings>,
}

/// One queue of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FanoutQueueSettings {
    /// Its name, at most 80 characters; never FIFO.
    pub name: TopicName,
    /// Whether messages arrive as published, instead of in SNS's envelope.
    pub raw: bool,
}

pub(super) fn read(root: &mut Reader<'_, '_>) -> Vec<FanoutSettings> {
    let mut topics = BTreeMap::new();
    root.each("fanout", |reader, index| {
        let topic: TopicArn =
            reader.required("topic", "arn:aws:sns:us-east-1:000000000000:stand-in");
        if topic.is_fifo() {
            reader.mistake("topic", "expected a standard topic, not FIFO".into());
        }
        if reader.are_sound(&["topic"])
            && let Some(first) = topics.insert(topic.clone(), index)
        {
            let why = format!("fanout[{first}] has this topic; list all its queues there");
            reader.mistake("topic", why);
        }
        let before = reader.mistakes();
        let queues = queues(reader);
        if queues.is_empty() && reader.mistakes() == before {
            let why = "expected at least one queue, such as [{ name = \"audit\" }]";
            reader.mistake("queues", why.into());
        }
        FanoutSettings { topic, queues }
    })
}

fn queues(reader: &mut Reader<'_, '_>) -> Vec<FanoutQueueSettings> {
    let mut names = BTreeSet::new();
    let queues = reader.each("queues", |reader, _| {
        let raw = reader.flag("raw", false);
        let name = queue_name(reader)?;
        if !names.insert(name.clone()) {
            reader.mistake("name", "this topic has this queue already; list it once".into());
        }
        Some(FanoutQueueSettings { name, raw })
    });
    queues.into_iter().flatten().collect()
}

/// A queue's name has the characters of a topic's and is shorter.
fn queue_name(reader: &mut Reader<'_, '_>) -> Option<TopicName> {
    const EXPECTED: &str =
        "a standard queue's name of 1 to 80 letters, digits, underscores and hyphens";
    let text = reader.text("name", EXPECTED);
    if !reader.has("name") {
        reader.mistake("name", format!("missing; expected {EXPECTED}"));
    }
    let text = text?;
    let is_standard = text.len() <= 80 && !text.contains('.');
    let name = text.parse().ok().filter(|_| is_standard);
    if name.is_none() {
        reader.wrong("name", format!("expected {EXPECTED}"));
    }
    name
}
