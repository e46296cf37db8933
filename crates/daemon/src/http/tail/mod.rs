//! `GET /v1/tail`: events live, as they are recorded, one line of JSON each (NDJSON).
//!
//! | line | says |
//! | --- | --- |
//! | `{"begin":TIME,"position":…}` | the first one: all that is recorded behind this position follows |
//! | `{"position":…,"account":…,"region":…,"category":…,"event":{…}}` | an event, its record as it came in |
//! | `{"missed":N,"startTime":…,"endTime":…,"position":…}` | N events are missing here, for which the reader was too slow; they happened between these times. With `"atMost":true` there was no time to compare them with all filters; with `"atLeast":true` not all of the past was looked at, since it is long or the history did not have it yet |
//! | `{"alive":TIME,"position":…}` | there is nothing to say, every [`stream::ALIVE`] |
//! | `{"end":REASON,"message":…,"position":…}` | the last one |
//!
//! What is asked for stands in the query: see [`request`]. A reader that comes again with
//! `after=POSITION` is told first what was recorded since, as far as the history has it; one that comes
//! with `startTime`, what happened since: see [`past`].
//!
//! A caller follows the accounts that [`api::sight`] lets it see. A tail is recorded as a
//! LookupEvents of its caller, with `"tail":true` among its parameters, and is not opened when that
//! can't be done: nobody reads unseen. Whether the caller may still do this is looked at again
//! every [`stream::ALIVE`].
//!
//! A tail has a queue of a MiB here ([`tail::Limits`]), and what waits in the connection. One whose
//! peer takes nothing for a minute is cut off ([`super::patience`]).

mod past;
mod request;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::{Caller, Exception};
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::poll_fn;
use history::History;
use serde_json::json;
use tail::{Hub, Report};

pub use self::past::{PAST_EVENTS_MAX, SINCE_MAX};
use self::request::Asked;
pub use self::stream::ALIVE;
use super::auth::Scope as SignedFor;
use super::permits::{source_ip, text};
use super::sight::Sight;
use super::whole::{self, Measure, NotTaken};
use super::{RequestId, Site, aws_error, no_room, not_proven, refuse};
use crate::reads::Reads;

const SIGNED_FOR: SignedFor = SignedFor { services: &["cloudtrail"], takes_streams: false };
/// There is nothing in a body.
const MEASURE: Measure = Measure { bytes_max: 1 << 10, factor: 1 };
/// Events that are compared with filters together, if they are small: what a stop waits for.
const DISTRIBUTED_AT_ONCE: usize = 512;

/// What tails stand on.
pub struct Tails {
    hub: Arc<Hub>,
    history: Arc<History>,
    reads: Arc<Reads>,
}

impl Tails {
    /// Of a hub, and the history that has what was before.
    #[must_use]
    pub fn new(hub: Arc<Hub>, history: Arc<History>, reads: Arc<Reads>) -> Tails {
        Tails { hub, history, reads }
    }

    /// For metrics.
    #[must_use]
    pub fn report(&self) -> Report {
        self.hub.report()
    }
}

/// Puts events in the queues of their readers, until the hub is closed. Filters may be slow: events
/// are compared off the threads that serve, by one at a time.
pub async fn distribute(hub: Arc<Hub>) {
    while let Some(group) = poll_fn(|context| hub.poll_group(context)).await {
        let (mut group, mut next) = (group, Some(0));
        while let Some(begin) = next {
            let hub = Arc::clone(&hub);
            let compared = tokio::task::spawn_blocking(move || {
                let next = hub.distribute(&group, begin, DISTRIBUTED_AT_ONCE);
                (group, next)
            });
            let compared = compared.await;
            (group, next) =
                compared.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
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
    let asked = Asked::parse(head.uri.query().unwrap_or_default(), site.parts.now().wall);
    let seated = match &asked {
        Ok(asked) => site.seat(&caller, head, asked),
        Err(exception) => Err(exception.clone()),
    };
    let call = api::Request {
        target: String::new(),
        is_target_signed: true,
        body: bytes::Bytes::new(),
        request_id,
        source_ip: source_ip(head),
        user_agent: text(head, header::USER_AGENT.as_str()).map(str::to_owned),
        host: text(head, header::HOST.as_str()).map(str::to_owned),
    };
    let members = asked.as_ref().map_or_else(|_| json!({ "Tail": true }), Asked::members);
    let result = seated.as_ref().map(drop).map_err(Exception::clone);
    let recorded = site.downloads.record(&caller, call, members, result).await;
    if let Err(exception) = &recorded {
        site.metrics.refused_call("unrecorded");
        tracing::warn!(%exception, "a tail can't be recorded");
    }
    let (Seated { seat, sight, filter }, asked) = (seated?, asked?);
    recorded?;
    // What the tail is told of begins behind its own record.
    let tail = seat.follow(filter);
    let opened = stream::Opened { account: caller.account, sight, asked, tail };
    Ok(stream::body(Arc::clone(site), opened))
}

/// All that a tail needs, but its record.
struct Seated {
    seat: tail::Seat,
    sight: Sight,
    filter: tail::Filter,
}

impl Site {
    fn seat(&self, caller: &Caller, head: &Parts, asked: &Asked) -> Result<Seated, Exception> {
        let sight = Sight::of(caller.clone(), head, asked.accounts.clone());
        let filter = asked.filter(asked.scope(sight.accounts(self)?))?;
        let seat = self.tails.hub.seat(&caller.account);
        let seat = seat.map_err(|no_place| Exception::throttled(no_place.to_string()))?;
        Ok(Seated { seat, sight, filter })
    }
}
