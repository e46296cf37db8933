//! What a caller may send: by its policies, and into which accounts' logs.
//!
//! The action is `cloudtrail-data:PutAuditEvents`, for a channel on its ARN, for bulk on `*`. Whatever
//! policies say, in the mode `sigv4` records go into the log of the sender's own account. Only the
//! management account of an organization and its delegated administrators send for its other
//! accounts too.

use std::net::IpAddr;

use api::{Caller, Exception, authorize};
use axum::http::header;
use axum::http::request::Parts;
use model::AccountId;
use trails::Channel;

use super::Site;

const ACTION: &str = "cloudtrail-data:PutAuditEvents";

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// Whether it came from this machine.
    #[must_use]
    pub fn is_here(self) -> bool {
        self.0.is_loopback()
    }
}

/// Where a request came from, for records and policies.
pub(super) fn source_ip(head: &Parts) -> String {
    head.extensions.get::<Peer>().map(|peer| peer.0.to_string()).unwrap_or_default()
}

/// A header's text.
pub(super) fn text<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

impl Site {
    /// Whether a caller may send: to a channel, with the externalId that it names, or in bulk.
    pub(super) fn permit(
        &self,
        caller: &Caller,
        head: &Parts,
        channel: Option<&Channel>,
        external_id: Option<&str>,
    ) -> Result<(), Exception> {
        let (now, source_ip) = (self.parts.now().wall, source_ip(head));
        let user_agent = text(head, header::USER_AGENT.as_str());
        let policy = channel.and_then(|channel| channel.policy.as_deref());
        // The API takes no policy that cannot be read; one that is damaged since allows nothing.
        let policy = policy
            .and_then(|text| accounts::Policy::parse(text, accounts::PolicyKind::Resource).ok());
        let mut context = authorize::context(caller, now, &source_ip, user_agent);
        if let Some(external_id) = external_id {
            context.set("cloudtrail:ExternalId", external_id);
        }
        authorize::check(&accounts::Call {
            principal: &caller.principal,
            action: ACTION,
            resource: &channel.map_or_else(|| "*".to_owned(), Channel::arn),
            resource_account: channel.map_or(&caller.account, |channel| &channel.account),
            resource_policy: policy.as_ref(),
            context: &context,
        })
    }

    /// Whether events of an account are taken at all.
    pub(super) fn serves(&self, account: &AccountId) -> Result<(), String> {
        if self.definitions.borrow().serves(account) {
            return Ok(());
        }
        Err(format!("account {account} is not served here"))
    }

    /// Whether a record goes into the log of this account when that account sends it.
    pub(super) fn files(&self, sender: &AccountId, account: &AccountId) -> Result<(), String> {
        self.serves(account)?;
        if self.auth.is_open() || self.definitions.borrow().may_send(sender, account) {
            return Ok(());
        }
        Err(format!(
            "the record is of account {account}, and account {sender} may not send for it; only the management account of its organization and delegated administrators may"
        ))
    }
}
