//! Channels: what a call of `PutAuditEvents` names.

use std::fmt::Write as _;

use model::activity::event_id;
use model::ids::partition_of;
use model::{AccountId, ChannelName, Identity, Region};
use serde::{Deserialize, Serialize};

use crate::definitions::{Origin, Tag};

/// A channel, by which programs outside AWS send audit events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// The last part of the ARN: a UUID.
    #[serde(default)]
    pub id: String,
    /// The owner, and the only recipient that events of the integration schema may have.
    pub account: AccountId,
    /// The channel's Region, and the `awsRegion` of such events.
    pub region: Region,
    /// Its name.
    pub name: ChannelName,
    /// `Source`: `Custom`, or the one `eventSource` that it takes.
    pub source: String,
    /// Who defined it.
    #[serde(default)]
    pub origin: Origin,
    /// `Destinations`, as they were given.
    #[serde(default)]
    pub destinations: Vec<ChannelDestination>,
    /// Its tags, in the order in which they came.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// `ResourcePolicy`: who of other accounts may send to it.
    #[serde(default)]
    pub policy: Option<String>,
}

/// Where a channel's events go, in the shape of the AWS API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChannelDestination {
    /// `EVENT_DATA_STORE` or `AWS_SERVICE`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// The ARN of the event data store.
    pub location: String,
}

impl Channel {
    /// A channel of the configuration. Its id is derived from owner, Region and name, so that it
    /// keeps its ARN on every machine.
    #[must_use]
    pub fn configured(
        account: AccountId,
        region: Region,
        name: ChannelName,
        source: String,
    ) -> Channel {
        let parts = ["channel", account.as_str(), region.as_str(), name.as_str()];
        Channel {
            id: event_id(Identity::of(&parts.map(str::as_bytes))),
            account,
            region,
            name,
            source,
            origin: Origin::Configuration,
            destinations: Vec::new(),
            tags: Vec::new(),
            policy: None,
        }
    }

    /// `arn:PARTITION:cloudtrail:REGION:ACCOUNT:channel/UUID`
    #[must_use]
    pub fn arn(&self) -> String {
        let mut arn = format!("arn:{}:cloudtrail:", partition_of(&self.region));
        write!(arn, "{}:{}:channel/{}", self.region, self.account, self.id)
            .expect("writing to a string does not fail");
        arn
    }

    /// Whether a caller's `channelArn` names this channel: the ARN, or its last part.
    #[must_use]
    pub fn is_named(&self, arn_or_id: &str) -> bool {
        arn_or_id == self.id || arn_or_id == self.arn()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_named_by_its_arn_or_the_last_part_of_it() {
        let channel = |name: &str| {
            let (account, region) = ("111111111111".parse(), "eu-west-1".parse());
            let name = name.parse().unwrap();
            Channel::configured(account.unwrap(), region.unwrap(), name, "Custom".into())
        };
        let (renamed, channel) = (channel("shop2"), channel("shop"));
        let arn = channel.arn();
        let id = arn.strip_prefix("arn:aws:cloudtrail:eu-west-1:111111111111:channel/").unwrap();
        assert_eq!(id.len(), 36);
        assert!(channel.is_named(&arn) && channel.is_named(id));
        assert!(
            !channel.is_named("shop")
                && !channel.is_named(&arn.replace("111111111111", "222222222222"))
        );
        assert_ne!(renamed.arn(), arn);
    }
}
