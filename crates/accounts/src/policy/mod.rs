//! IAM policies: read once, then asked about calls.
//!
//! ```text
//!   text ─ document: refuse or ─► Policy: statements ─ statement: does it apply? ─► verdict
//!                                                └ pattern, condition, context
//! ```
//!
//! What is refused: elements, operators and forms that are not known, members that stand twice, and
//! more than [`POLICY_BYTES_MAX`]. So a policy that is accepted is understood in full.
//!
//! Why the evaluator is Cairn's own: the crate `iam-rs` 0.8.0 was read and tried. It fills in
//! variables in `Resource` only, lets wildcards in their values count, takes an absent one for
//! empty text, compares `ArnEquals` as text and lets `ArnLike` reach over colons, passes over
//! elements that it does not know, lets a `Deny` on ARNs of all services deny nothing, and does not
//! know that an account in `Principal` stands for its users. `tests/second_opinion.rs` shows each
//! of these; where none of them is touched, both must judge alike.

mod condition;
mod context;
mod document;
mod json;
mod pattern;
mod statement;

use model::AccountId;

pub use self::context::Context;
use self::statement::{Named, Statement};
use crate::principal::Principal;

/// The longest policy, in bytes of its text. IAM takes 2,048 characters for all inline policies of
/// a user and 6,144 for a managed policy, without white space.
pub const POLICY_BYTES_MAX: usize = 10_240;

/// Whose policy it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// A user's: no statement has a `Principal`.
    Identity,
    /// A resource's: each statement has one.
    Resource,
}

/// What a statement does to the calls that it applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

/// Why a policy is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct InvalidPolicy {
    /// Where: `Statement[1].Condition."Bool"."aws:SecureTransport"`.
    pub place: String,
    /// What is wrong there, and what is expected.
    pub problem: String,
}

/// A policy that is understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    statements: Vec<Statement>,
}

/// A call to be judged.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Who calls.
    pub principal: &'a Principal,
    /// `SERVICE:ACTION`, such as `cloudtrail:CreateTrail`.
    pub action: &'a str,
    /// The resource's ARN, or `*` for an action that IAM does not know resources for.
    pub resource: &'a str,
    /// The account that the resource belongs to.
    pub resource_account: &'a AccountId,
    /// The resource's own policy.
    pub resource_policy: Option<&'a Policy>,
    /// What else is known. Keys that speak of the caller and of the resource's account are added.
    pub context: &'a Context,
}

/// What one policy says of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// No statement applies.
    Silent,
    /// The caller's account is allowed, and decides itself who of its users is.
    AllowsAccount,
    /// The caller is allowed.
    Allows,
    /// A statement denies, whatever others allow.
    Denies,
}

impl Policy {
    /// Reads a policy.
    pub fn parse(text: &str, kind: PolicyKind) -> Result<Policy, InvalidPolicy> {
        document::parse(text, kind).map(|statements| Policy { statements })
    }

    /// Whether any statement names a caller, itself or by its account, whatever it says of it.
    #[must_use]
    pub fn names(&self, principal: &Principal) -> bool {
        self.statements.iter().any(|statement| statement.names(principal) != Named::No)
    }

    /// The strongest that any statement says.
    pub(crate) fn judge(&self, call: &Call<'_>, context: &Context) -> Verdict {
        let verdicts = self.statements.iter().map(|statement| {
            match (statement.applies(call, context), statement.effect) {
                (Named::No, _) => Verdict::Silent,
                (_, Effect::Deny) => Verdict::Denies,
                (Named::ByAccount, Effect::Allow) => Verdict::AllowsAccount,
                (Named::Itself, Effect::Allow) => Verdict::Allows,
            }
        });
        verdicts.max().unwrap_or(Verdict::Silent)
    }
}
