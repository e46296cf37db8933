//! Whether a call is allowed: explicit denials first, then what the user's policies and the
//! resource's own policy allow.
//!
//! | the caller is | allowed when no policy denies and |
//! | --- | --- |
//! | root of the resource's account | always: no policy binds it, so nobody locks it out |
//! | a user of that account | a policy of the user or of the resource allows it |
//! | root of another account | the resource's policy allows it |
//! | a user of another account | a policy of the user allows it, and the resource's policy too |
//!
//! A resource's policy that names the account of the user, and not the user, allows it only
//! together with a policy of the user.
//!
//! Sources: IAM User Guide, "Policy evaluation logic", "Cross-account policy evaluation logic",
//! "Troubleshoot access denied error messages" (the texts).

use crate::policy::{Call, Context, Policy, Verdict};
use crate::principal::Principal;

/// Whether a call is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is.
    Allowed,
    /// It is not.
    Denied(Denial),
}

/// Why a call is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A statement of the user's policies denies it.
    ByIdentity,
    /// A statement of the resource's policy denies it.
    ByResource,
    /// No policy of the user allows it.
    NotByIdentity,
    /// The resource is another account's, and no policy of it allows the call.
    NotByResource,
}

/// Judges a call.
#[must_use]
pub fn authorize(call: &Call<'_>) -> Decision {
    let is_own = call.principal.account == *call.resource_account;
    if is_own && call.principal.user.is_none() {
        return Decision::Allowed;
    }
    let context = complete(call);
    let identity = call.principal.user.as_ref().map_or(Verdict::Allows, |user| {
        let verdicts = user.policies.iter().map(|policy| policy.judge(call, &context));
        verdicts.max().unwrap_or(Verdict::Silent)
    });
    let of_resource = |policy: &Policy| policy.judge(call, &context);
    let resource = call.resource_policy.map_or(Verdict::Silent, of_resource);
    let identity_allows = identity == Verdict::Allows;
    match (identity, resource) {
        (Verdict::Denies, _) => Decision::Denied(Denial::ByIdentity),
        (_, Verdict::Denies) => Decision::Denied(Denial::ByResource),
        _ if is_own && (identity_allows || resource == Verdict::Allows) => Decision::Allowed,
        _ if !identity_allows => Decision::Denied(Denial::NotByIdentity),
        (_, Verdict::Silent) => Decision::Denied(Denial::NotByResource),
        _ => Decision::Allowed,
    }
}

impl Denial {
    /// The text of `AccessDenied`, as AWS writes it.
    #[must_use]
    pub fn message(self, principal: &Principal, action: &str, resource: &str) -> String {
        let reason = match self {
            Denial::ByIdentity => "with an explicit deny in an identity-based policy".to_owned(),
            Denial::ByResource => "with an explicit deny in a resource-based policy".to_owned(),
            Denial::NotByIdentity => {
                format!("because no identity-based policy allows the {action} action")
            }
            Denial::NotByResource => {
                format!("because no resource-based policy allows the {action} action")
            }
        };
        let arn = principal.arn();
        format!(
            "User: {arn} is not authorized to perform: {action} on resource: {resource} {reason}"
        )
    }
}

/// The context with the keys that speak of the caller and of the resource's account.
fn complete(call: &Call<'_>) -> Context {
    let mut context = call.context.clone();
    let principal = call.principal;
    context.set("aws:PrincipalArn", principal.arn());
    context.set("aws:PrincipalAccount", principal.account.as_str());
    context.set("aws:ResourceAccount", call.resource_account.as_str());
    context.set("aws:userid", principal.id());
    match &principal.user {
        None => context.set("aws:PrincipalType", "Account"),
        Some(user) => {
            context.set("aws:PrincipalType", "User");
            context.set("aws:username", user.name.as_str());
        }
    }
    if let Some(since) = principal.session_since {
        context.set("aws:TokenIssueTime", since.to_iso_seconds());
        context.set("aws:MultiFactorAuthPresent", "false");
    }
    context
}
