//! What decides on what a caller may see of the events of others and its own, for downloads and
//! tails: its policies, and then [`api::sight`], now and whenever it is looked at again.
//!
//! The action is `cloudtrail:LookupEvents`, as it is the same data.

use std::collections::BTreeSet;

use api::sight::{self, Named};
use api::{Caller, Exception, authorize};
use axum::http::header;
use axum::http::request::Parts;
use model::AccountId;

use super::Site;
use super::permits::{source_ip, text};

const ACTION: &str = "cloudtrail:LookupEvents";

/// Who looks, from where, and at whose events.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    caller: Caller,
    source_ip: String,
    user_agent: Option<String>,
    asked: Named<AccountId>,
}

impl Sight {
    /// Of a request whose caller is proven.
    pub(super) fn of(caller: Caller, head: &Parts, asked: Named<AccountId>) -> Sight {
        let user_agent = text(head, header::USER_AGENT.as_str()).map(str::to_owned);
        Sight { caller, source_ip: source_ip(head), user_agent, asked }
    }

    /// The accounts whose events are shown.
    pub(super) fn accounts(&self, site: &Site) -> Result<BTreeSet<AccountId>, Exception> {
        self.judge(site, &self.caller)
    }

    /// The same some time later: with the key, the policies and the organization that there are by
    /// now.
    pub(super) fn again(&self, site: &Site) -> Result<BTreeSet<AccountId>, Exception> {
        let caller = site.auth.again(&self.caller, site.parts.now().wall).ok_or_else(|| {
            let message = "the access key or session that this was opened with is no longer valid";
            Exception::new("AccessDeniedException", message)
        })?;
        self.judge(site, &caller)
    }

    fn judge(&self, site: &Site, caller: &Caller) -> Result<BTreeSet<AccountId>, Exception> {
        let (now, user_agent) = (site.parts.now().wall, self.user_agent.as_deref());
        authorize::check(&accounts::Call {
            principal: &caller.principal,
            action: ACTION,
            resource: "*",
            resource_account: &caller.account,
            resource_policy: None,
            context: &authorize::context(caller, now, &self.source_ip, user_agent),
        })?;
        sight::accounts(caller, &self.asked, &site.definitions.borrow())
    }
}

/// What a parameter names, with commas between; refused with what is expected.
pub(super) fn named<T: Ord>(
    name: &str,
    value: &str,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Named<T>, Exception> {
    if value.eq_ignore_ascii_case("all") {
        return Ok(Named::All);
    }
    let read = |word: &str| {
        read(word).ok_or_else(|| {
            let message = format!(
                "{name}: {word:?} is none; expected {expected}, with commas between, or ALL"
            );
            Exception::new("ValidationException", message)
        })
    };
    Ok(Named::These(value.split(',').map(read).collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use accounts::{Accounts, Principal};
    use axum::http::Request;
    use trails::{Definitions, Organization};

    use super::*;
    use crate::http::room::ROOM_BYTES;
    use crate::http::tests::World;

    const MANAGER: &str = "111111111111";
    const MEMBER: &str = "222222222222";
    const OTHER: &str = "333333333333";

    /// Who may see what does not depend on how callers prove who they are.
    #[tokio::test]
    async fn every_mode_shows_the_same() {
        let id = |account: &str| account.parse::<AccountId>().unwrap();
        let organization = Organization {
            id: "o-abc123defg".parse().unwrap(),
            management_account: id(MANAGER),
            members: vec![id(MEMBER)],
        };
        let accounts = vec![id(MANAGER), id(MEMBER)];
        let definitions =
            Definitions { organization: Some(organization), accounts, ..Definitions::default() };
        let these = |account| Named::These([id(account)].into());
        let head = Request::get("/v1/tail").body(()).unwrap().into_parts().0;
        let world = || World::new(8, ROOM_BYTES);
        for world in [world(), world().signed(Accounts::default())] {
            world.define(definitions.clone());
            for (caller, asked, seen) in [
                (MANAGER, Named::Unsaid, Some(vec![MANAGER])),
                (MANAGER, Named::All, Some(vec![MANAGER, MEMBER])),
                (MANAGER, these(MEMBER), Some(vec![MEMBER])),
                (MANAGER, these(OTHER), None),
                (MEMBER, Named::Unsaid, Some(vec![MEMBER])),
                (MEMBER, Named::All, None),
                (MEMBER, these(MANAGER), None),
                (OTHER, Named::Unsaid, None),
                (OTHER, these(OTHER), None),
            ] {
                let principal = Principal::root(id(caller));
                let known = Caller::new(principal, "us-east-1".parse().unwrap(), "KEY".into());
                let found = Sight::of(known, &head, asked.clone()).accounts(&world.site);
                let seen = seen.map(|seen| seen.into_iter().map(id).collect());
                assert_eq!(found.ok(), seen, "{caller} asks for {asked:?}");
            }
        }
    }
}
