//! ARNs of CloudTrail's own resources: `arn:PARTITION:cloudtrail:REGION:ACCOUNT:KIND/ID`.

use model::ids::partition_of;
use model::{AccountId, Region};
use uuid::Uuid;

use crate::caller::Caller;

/// An ARN of CloudTrail, taken apart.
pub(crate) struct ResourceArn<'a> {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    /// `trail`, `channel`, `eventdatastore`, …
    pub(crate) kind: &'a str,
    /// What stands behind the slash; not empty.
    pub(crate) id: &'a str,
}

impl<'a> ResourceArn<'a> {
    /// Takes an ARN apart; `None` for what is none of CloudTrail's.
    pub(crate) fn parse(text: &'a str) -> Option<ResourceArn<'a>> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "cloudtrail", region, account, resource] = parts[..] else {
            return None;
        };
        let (kind, id) = resource.split_once('/')?;
        let (account, region) = (account.parse().ok()?, region.parse().ok()?);
        let is_sound = partition == partition_of(&region) && !kind.is_empty() && !id.is_empty();
        is_sound.then_some(ResourceArn { account, region, kind, id })
    }

    /// Whether it names something of the account and the Region that a call acts in.
    pub(crate) fn is_at(&self, caller: &Caller) -> bool {
        self.account == caller.account && self.region == caller.region
    }
}

/// Whether an id is a UUID as ARNs write it.
pub(crate) fn is_uuid(id: &str) -> bool {
    id.len() == 36 && Uuid::try_parse(id).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_arns_of_cloudtrail_with_kind_and_id_are_taken() {
        fn kind_and_id(text: &str) -> Option<(&str, &str)> {
            ResourceArn::parse(text).map(|arn| (arn.kind, arn.id))
        }
        let arn = "arn:aws:cloudtrail:eu-west-1:111111111111:channel/a/b:c";
        assert_eq!(kind_and_id(arn), Some(("channel", "a/b:c")));
        for (part, other) in [
            ("arn", "urn"),
            ("aws", "aws-cn"),
            ("cloudtrail", "s3"),
            ("eu-west-1", "EU"),
            ("111111111111", "1"),
            ("channel/a/b:c", "channel"),
            ("channel/a/b:c", "channel/"),
            ("channel/a/b:c", "/a"),
        ] {
            assert_eq!(kind_and_id(&arn.replacen(part, other, 1)), None, "{part} to {other}");
        }
    }
}
