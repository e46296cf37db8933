//! `GET /v1/tail`: events live, as they are recorded, one line of JSON each (NDJSON).
//!
//! | line | says |
//! | --- | --- |
//! | `{"begin":TIME,"position":…}` | the first one: all that is recorded behind this position follows |
//! | `{"position":…,"account":…,"region":…,"category":…,"event":{…}}` | an event, its record as it came in |
//! | `{"missed":N,"startTime":…,"endTime":…,"position":…}` | N events are missing here, for which the reader was too slow; they happened between these times. With `"atMost":true` there was no time to compare them with all filters |
//! | `{"alive":TIME,"position":…}` | there is nothing to say, every [`stream::ALIVE`] |
//! | `{"end":REASON,"message":…,"position":…}` | the last one |
//!
//! What is asked for stands in the query: see [`request`]. A reader that comes again with
//! `after=POSITION` is told first what was recorded since, as far as the history has it; one that comes
//! with `startTime`, what happened since: see [`past`].
//!
//! A caller follows its own account; the management account of an organization and its delegated
//! administrators also other accounts of it. The action is `cloudtrail:LookupEvents`, as it is the same
//! data. A tail is recorded as a LookupEvents of its caller, with `"tail":true` among its parameters,
//! and is not opened when that can't be done: nobody reads unseen. Whether the caller may still do this is looked at again with each `alive`.
//!
//! A tail has a queue of a MiB here ([`tail::Limits`]), and what waits in the connection. One whose
//! peer takes nothing for a minute is cut off ([`super::patience`]).

mod past;
mod request;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{Caller, Exception, authorize};
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::poll_fn;
use history::History;
use model::AccountId;
use producer::intake::WAIT_MAX;
use serde_json::json;
use tail::{Hub, Report, Scope};
use tokio::sync::Semaphore;

use self::past::PASTS_MAX;
pub use self::past::{PAST_EVENTS_MAX, SINCE_MAX};
use self::request::{Accounts, Asked};
pub use self::stream::ALIVE;
use super::auth::Scope as SignedFor;
use super::permits::{source_ip, text};
use super::whole::{self, Measure, NotTaken};
use super::{RequestId, Site, aws_error, no_room, not_proven, refuse};

const SIGNED_FOR: SignedFor = SignedFor { services: &["cloudtrail"], takes_streams: false };
/// There is nothing in a body.
const MEASURE: Measure = Measure { bytes_max: 1 << 10, factor: 1 };
const ACTION: &str = "cloudtrail:LookupEvents";
/// Events that are compared with filters before others get their turn on the thread.
const DISTRIBUTED_AT_ONCE: usize = 64;

/// What tails stand on.
pub struct Tails {
    hub: Arc<Hub>,
    history: Arc<History>,
    /// Those that are told of the past, at a time.
    pasts: Arc<Semaphore>,
}

impl Tails {
    /// Of a hub, and the history that has what was before.
    #[must_use]
    pub fn new(hub: Arc<Hub>, history: Arc<History>) -> Tails {
        Tails { hub, history, pasts: Arc::new(Semaphore::new(PASTS_MAX)) }
    }

    /// For metrics.
    #[must_use]
    pub fn report(&self) -> Report {
        self.hub.report()
    }
}

/// Puts events in the queues of their readers, until the hub is closed.
pub async fn distribute(hub: Arc<Hub>) {
    while let Some(group) = poll_fn(|context| hub.poll_group(context)).await {
        let mut begin = 0;
        while hub.distribute(&group, begin, DISTRIBUTED_AT_ONCE) {
            begin += DISTRIBUTED_AT_ONCE;
            tokio::task::yield_now().await;
        }
    }
}

/// Opens a tail.
pub async fn handle(
    State(site): State<Arc<Site>>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    request: Request,
) -> Response {
    let (head, mut body) = request.into_parts();
    let claim = match site.auth.claim(&head, SIGNED_FOR, site.parts.now().wall) {
        Ok(claim) => claim,
        Err(error) => return refuse(&site, body, not_proven(&site, &error)).await,
    };
    let caller = match whole::read(&site, claim, &mut body, MEASURE).await {
        Ok(whole) => whole.proven.caller,
        Err(error) => return refuse(&site, body, not_taken(&site, &error)).await,
    };
    match open(&site, caller, &head, request_id).await {
        Ok(body) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            (headers, body).into_response()
        }
        Err(exception) => {
            let status = match (exception.code, exception.status) {
                ("AccessDeniedException", _) => StatusCode::FORBIDDEN,
                ("ThrottlingException", _) => StatusCode::SERVICE_UNAVAILABLE,
                (_, status) => StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
            };
            aws_error(status, exception.code, &exception.message)
        }
    }
}

fn not_taken(site: &Site, error: &NotTaken) -> Response {
    match error {
        NotTaken::NoRoom(full) => no_room(site, *full),
        NotTaken::Signature(error) => not_proven(site, error),
        NotTaken::TooLarge(_) | NotTaken::BrokeOff(_) => {
            let message = format!("{error}; what a tail asks for stands in the query");
            aws_error(StatusCode::BAD_REQUEST, "ValidationException", &message)
        }
    }
}

/// A tail that is open, and recorded. A refusal is recorded too.
async fn open(
    site: &Arc<Site>,
    caller: Caller,
    head: &Parts,
    request_id: String,
) -> Result<Body, Exception> {
    site.serves(&caller.account)
        .map_err(|message| Exception::new("AccessDeniedException", message))?;
    let source_ip = source_ip(head);
    let user_agent = text(head, header::USER_AGENT.as_str()).map(str::to_owned);
    let asked = site
        .may_follow(&caller, &source_ip, user_agent.as_deref())
        .and_then(|()| Asked::parse(head.uri.query().unwrap_or_default(), site.parts.now().wall));
    let seated = match &asked {
        Ok(asked) => site.seat(&caller, asked).await,
        Err(exception) => Err(exception.clone()),
    };
    let call = api::Request {
        target: String::new(),
        is_target_signed: true,
        body: bytes::Bytes::new(),
        request_id,
        source_ip: source_ip.clone(),
        user_agent: user_agent.clone(),
        host: text(head, header::HOST.as_str()).map(str::to_owned),
    };
    let members = asked.as_ref().map_or_else(|_| json!({ "Tail": true }), Asked::members);
    let result = seated.as_ref().map(drop).map_err(Exception::clone);
    let recorded = site.downloads.record(&caller, call, members, result).await;
    if let Err(exception) = &recorded {
        site.metrics.refused_call("unrecorded");
        tracing::warn!(%exception, "a tail can't be recorded");
    }
    let ((seat, filter, permit), asked) = (seated?, asked?);
    recorded?;
    // What the tail is told of begins behind its own record.
    let tail = seat.follow(filter);
    let opened = stream::Opened { caller, source_ip, user_agent, asked, tail, permit };
    Ok(stream::body(Arc::clone(site), opened))
}

type Seated = (tail::Seat, tail::Filter, Option<tokio::sync::OwnedSemaphorePermit>);

impl Site {
    /// Whether the caller's policies allow it.
    fn may_follow(
        &self,
        caller: &Caller,
        source_ip: &str,
        user_agent: Option<&str>,
    ) -> Result<(), Exception> {
        let context = authorize::context(caller, self.parts.now().wall, source_ip, user_agent);
        authorize::check(&accounts::Call {
            principal: &caller.principal,
            action: ACTION,
            resource: "*",
            resource_account: &caller.account,
            resource_policy: None,
            context: &context,
        })
    }

    /// The accounts that a caller follows; `None` is all there are.
    fn followed(
        &self,
        caller: &Caller,
        asked: &Accounts,
    ) -> Result<Option<BTreeSet<AccountId>>, Exception> {
        let denied = |account: &str| {
            let own = &caller.account;
            let message = format!(
                "account {own} may not see events of {account}; only the management account of an \
                 organization and its delegated administrators see those of other accounts of it"
            );
            Exception::new("AccessDeniedException", message)
        };
        let definitions = self.definitions.borrow();
        // Who sends for an account sees what is in its log.
        let sees = |account: &AccountId| {
            self.auth.is_open() || definitions.may_send(&caller.account, account)
        };
        match asked {
            Accounts::Own => Ok(Some(BTreeSet::from([caller.account.clone()]))),
            Accounts::All if self.auth.is_open() => Ok(None),
            Accounts::All => {
                let Some(organization) = &definitions.organization else {
                    return Err(denied("all accounts: there is no organization"));
                };
                if !sees(&organization.management_account) {
                    return Err(denied("other accounts"));
                }
                let members = organization.members.iter().chain([&organization.management_account]);
                Ok(Some(members.chain([&caller.account]).cloned().collect()))
            }
            Accounts::These(accounts) => match accounts.iter().find(|account| !sees(account)) {
                Some(hidden) => Err(denied(&format!("account {hidden}"))),
                None => Ok(Some(accounts.clone())),
            },
        }
    }

    async fn seat(&self, caller: &Caller, asked: &Asked) -> Result<Seated, Exception> {
        let scope = Scope { accounts: self.followed(caller, &asked.accounts)?, ..asked.scope() };
        let filter = asked.filter(scope)?;
        let permit = match asked.has_past() {
            true => {
                let pasts = Arc::clone(&self.tails.pasts).acquire_owned();
                let permit = tokio::time::timeout(WAIT_MAX, pasts).await;
                let message = "too many tails are told of the past now; try again in a moment";
                Some(permit.map_err(|_| Exception::throttled(message))?.expect("is never closed"))
            }
            false => None,
        };
        let seat = self.tails.hub.seat(&caller.account);
        let seat = seat.map_err(|no_place| Exception::throttled(no_place.to_string()))?;
        Ok((seat, filter, permit))
    }
}
