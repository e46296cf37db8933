//! Channels: what a call of `PutAuditEvents` names.

use std::fmt::Write as _;

use model::activity::event_id;
use model::ids::partition_of;
use model::{AccountId, Identity, Region, TrailName};
use serde::{Deserialize, Serialize};

/// A channel, by which programs outside AWS send audit events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// The owner, and the only recipient that events of the integration schema may have.
    pub account: AccountId,
    /// The channel's Region, and the `awsRegion` of such events.
    pub region: Region,
    /// Its name: the same characters as a trail's.
    pub name: TrailName,
    /// `Source`: `Custom`, or the one `eventSource` that it takes.
    pub source: String,
}

impl Channel {
    /// The last part of the ARN: a UUID derived from owner, Region and name, so that a channel of
    /// the configuration keeps its ARN on every machine.
    #[must_use]
    pub fn id(&self) -> String {
        let parts = ["channel", self.account.as_str(), self.region.as_str(), self.name.as_str()];
        event_id(Identity::of(&parts.map(str::as_bytes)))
    }

    /// `arn:PARTITION:cloudtrail:REGION:ACCOUNT:channel/UUID`
    #[must_use]
    pub fn arn(&self) -> String {
        let mut arn = format!("arn:{}:cloudtrail:", partition_of(&self.region));
        write!(arn, "{}:{}:channel/{}", self.region, self.account, self.id())
            .expect("writing to a string does not fail");
        arn
    }

    /// Whether a caller's `channelArn` names this channel: the ARN, or its last part.
    #[must_use]
    pub fn is_named(&self, arn_or_id: &str) -> bool {
        let id = self.id();
        arn_or_id == id || arn_or_id == self.arn()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_named_by_its_arn_or_the_last_part_of_it() {
        let channel = Channel {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            name: "shop".parse().unwrap(),
            source: "Custom".into(),
        };
        let arn = channel.arn();
        let id = arn.strip_prefix("arn:aws:cloudtrail:eu-west-1:111111111111:channel/").unwrap();
        assert_eq!(id.len(), 36);
        assert!(channel.is_named(&arn) && channel.is_named(id));
        assert!(
            !channel.is_named("shop")
                && !channel.is_named(&arn.replace("111111111111", "222222222222"))
        );
        let renamed = Channel { name: "shop2".parse().unwrap(), ..channel };
        assert_ne!(renamed.arn(), arn);
    }
}
