//! Guests: callers of other accounts than a channel's, who send to it by its resource policy.
//!
//! | the channel's policy | a guest is answered |
//! | --- | --- |
//! | allows the call | as the owner |
//! | names the guest, and does not allow the call | `ChannelInsufficientPermission` |
//! | does not name the guest, or there is none | `ChannelNotFound`, as if there were no such channel |
//!
//! So nobody learns which channels there are but whom the owner told. A policy's condition on
//! `cloudtrail:ExternalId` is about the call's `externalId`.
//! Source: AWS CloudTrail User Guide, "Resource-based policies for channels"; AWS CloudTrail Data
//! Service API Reference, `PutAuditEvents`.

use accounts::{Call, Context, Decision, Policy, PolicyKind, Principal, authorize};
use trails::Channel;

const ACTION: &str = "cloudtrail-data:PutAuditEvents";

/// What a channel is to a caller of another account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guest {
    /// It may send.
    Allowed,
    /// It may know of the channel, and not send.
    Refused,
    /// For it there is no such channel.
    Unknown,
}

/// What a channel is to a caller of another account who makes a call with this `externalId`.
pub(super) fn judge(
    principal: &Principal,
    channel: &Channel,
    external_id: Option<&str>,
    mut context: Context,
) -> Guest {
    // The API takes no policy that cannot be read.
    let policy = channel.policy.as_deref();
    let policy = policy.and_then(|text| Policy::parse(text, PolicyKind::Resource).ok());
    let Some(policy) = policy.filter(|policy| policy.names(principal)) else {
        return Guest::Unknown;
    };
    if let Some(id) = external_id {
        context.set("cloudtrail:ExternalId", id);
    }
    let call = Call {
        principal,
        action: ACTION,
        resource: &channel.arn(),
        resource_account: &channel.account,
        resource_policy: Some(&policy),
        context: &context,
    };
    match authorize(&call) {
        Decision::Allowed => Guest::Allowed,
        Decision::Denied(_) => Guest::Refused,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(statements: &Value, external_id: Option<&str>, expected: Guest) {
        let (account, region) = ("111111111111".parse().unwrap(), "eu-west-1".parse().unwrap());
        let name = "shop".parse().unwrap();
        let mut channel = Channel::configured(account, region, name, "Custom".into());
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        channel.policy = Some(policy.replace("THIS", &channel.arn()));
        let guest = Principal::root("222222222222".parse().unwrap());
        let context = Context::default();
        assert_eq!(judge(&guest, &channel, external_id, context), expected, "{statements}");
    }

    fn statement(effect: &str, principal: &str, resource: &str) -> Value {
        json!({ "Effect": effect, "Principal": { "AWS": principal },
            "Action": "cloudtrail-data:PutAuditEvents", "Resource": resource })
    }

    #[test]
    fn a_guest_sends_by_the_policy_and_knows_of_the_channel_if_it_is_named() {
        let guest = "arn:aws:iam::222222222222:root";
        for (statements, expected) in [
            (json!([statement("Allow", guest, "THIS")]), Guest::Allowed),
            (json!([statement("Allow", "222222222222", "*")]), Guest::Allowed),
            (json!([statement("Allow", "*", "THIS")]), Guest::Allowed),
            (json!([statement("Allow", "333333333333", "THIS")]), Guest::Unknown),
            (json!([statement("Deny", guest, "THIS")]), Guest::Refused),
            (
                json!([statement("Allow", "*", "THIS"), statement("Deny", guest, "*")]),
                Guest::Refused,
            ),
            (
                json!([statement("Allow", guest, "arn:aws:cloudtrail:*:111111111111:channel/x")]),
                Guest::Refused,
            ),
        ] {
            check(&statements, None, expected);
        }
    }

    #[test]
    fn an_external_id_is_the_call_s() {
        let mut one = statement("Allow", "222222222222", "THIS");
        one["Condition"] = json!({ "StringEquals": { "cloudtrail:ExternalId": "word" } });
        check(&json!([one]), Some("word"), Guest::Allowed);
        check(&json!([one]), Some("other"), Guest::Refused);
        check(&json!([one]), None, Guest::Refused);
    }

    #[test]
    fn without_a_policy_nobody_knows_of_a_channel() {
        let (account, region) = ("111111111111".parse().unwrap(), "eu-west-1".parse().unwrap());
        let name = "shop".parse().unwrap();
        let mut channel = Channel::configured(account, region, name, "Custom".into());
        let guest = Principal::root("222222222222".parse().unwrap());
        for policy in [None, Some("{".to_owned())] {
            channel.policy = policy;
            assert_eq!(judge(&guest, &channel, None, Context::default()), Guest::Unknown);
        }
    }
}
