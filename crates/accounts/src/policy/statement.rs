//! One statement: whom, what and which resources it speaks of, and under which conditions.

use model::AccountId;

use super::condition::{Condition, any};
use super::context::Context;
use super::pattern::{ArnPattern, Pattern};
use super::{Call, Effect};
use crate::principal::Principal;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statement {
    pub(super) sid: Option<String>,
    pub(super) effect: Effect,
    /// Of a resource's policy; a user's policy speaks of its user.
    pub(super) principals: Option<Vec<PrincipalPattern>>,
    pub(super) actions: Choice<ActionPattern>,
    pub(super) resources: Choice<ArnPattern>,
    pub(super) conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice<T> {
    pub(super) is_negated: bool,
    pub(super) patterns: Vec<T>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum ActionPattern {
    Any,
    Of {
        /// In lower case.
        service: String,
        name: Pattern,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum PrincipalPattern {
    Anyone,
    Account(AccountId),
    Arn(String),
    /// A service, a federation, a role: none of them calls Cairn.
    NotOurs,
}

/// How closely a statement names the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    No,
    /// By its account, which then decides itself who of its users may.
    ByAccount,
    Itself,
}

impl Statement {
    /// How the statement names a caller.
    pub(super) fn names(&self, principal: &Principal) -> Named {
        self.principals.as_ref().map_or(Named::Itself, |principals| {
            let names = principals.iter().map(|pattern| pattern.names(principal));
            names.max().unwrap_or(Named::No)
        })
    }

    /// How the statement names the caller, if it applies to the call at all.
    pub(super) fn applies(&self, call: &Call<'_>, context: &Context) -> Named {
        let named = self.names(call.principal);
        let effect = self.effect;
        let applies = named != Named::No
            && self.actions.takes(effect, |pattern| pattern.matches(call.action))
            && self.resources.takes(effect, |pattern| pattern.matches(call.resource, context))
            && self.conditions.iter().all(|condition| condition.holds(context, effect));
        if applies { named } else { Named::No }
    }
}

impl<T> Choice<T> {
    /// Whether it takes what `matches` is about. A variable without a value matches nothing, and
    /// does not put anything outside an exception from what is allowed.
    fn takes(&self, effect: Effect, matches: impl Fn(&T) -> Option<bool>) -> bool {
        match any(self.patterns.iter().map(matches)) {
            Some(is_match) => is_match != self.is_negated,
            None => self.is_negated && effect == Effect::Deny,
        }
    }
}

impl ActionPattern {
    fn matches(&self, action: &str) -> Option<bool> {
        let ActionPattern::Of { service, name } = self else { return Some(true) };
        let Some((of, called)) = action.split_once(':') else { return Some(false) };
        if !service.eq_ignore_ascii_case(of) {
            return Some(false);
        }
        name.matches_any_case(called, &Context::default())
    }
}

impl PrincipalPattern {
    fn names(&self, principal: &Principal) -> Named {
        match self {
            PrincipalPattern::Anyone => Named::Itself,
            PrincipalPattern::Account(account) if *account == principal.account => Named::ByAccount,
            PrincipalPattern::Arn(arn) if *arn == principal.arn() => Named::Itself,
            _ => Named::No,
        }
    }
}
