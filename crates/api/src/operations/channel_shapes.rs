//! What the operations on channels take and answer.

use model::ChannelName;
use serde::{Deserialize, Serialize};
use trails::channel::ChannelDestination;
use trails::{Channel, Tag};

use crate::caller::Caller;
use crate::names::channel_resource;
use crate::operation::Input;

/// The input of CreateChannel.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateChannel {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) destinations: Vec<ChannelDestination>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

impl Input for CreateChannel {
    const TAGS: Option<&'static str> = Some("Tags");
}

/// The input of UpdateChannel.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdateChannel {
    pub(super) channel: String,
    pub(super) name: Option<String>,
    pub(super) destinations: Option<Vec<ChannelDestination>>,
}

impl Input for UpdateChannel {
    fn resource(&self, caller: &Caller) -> String {
        channel_resource(caller, &self.channel)
    }
}

/// The input of GetChannel and DeleteChannel.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NamedChannel {
    /// An ARN or its last part.
    pub(super) channel: String,
}

impl Input for NamedChannel {
    fn resource(&self, caller: &Caller) -> String {
        channel_resource(caller, &self.channel)
    }
}

/// The input of ListChannels.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListChannels {
    pub(super) max_results: Option<i32>,
    pub(super) next_token: Option<String>,
}

impl Input for ListChannels {}

/// A channel, as all but ListChannels show it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ShownChannel {
    pub(super) channel_arn: String,
    pub(super) name: ChannelName,
    pub(super) source: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) destinations: Vec<ChannelDestination>,
    /// Told by CreateChannel only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<Tag>,
}

/// The output of ListChannels.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ChannelList {
    pub(super) channels: Vec<ListedChannel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListedChannel {
    channel_arn: String,
    name: ChannelName,
}

impl ShownChannel {
    pub(super) fn of(channel: &Channel) -> ShownChannel {
        ShownChannel {
            channel_arn: channel.arn(),
            name: channel.name.clone(),
            source: channel.source.clone(),
            destinations: channel.destinations.clone(),
            tags: Vec::new(),
        }
    }
}

impl ListedChannel {
    pub(super) fn of(channel: &Channel) -> ListedChannel {
        ListedChannel { channel_arn: channel.arn(), name: channel.name.clone() }
    }
}
