//! The listener: intake, health and metrics over HTTP.
//!
//! | route | what it does |
//! | --- | --- |
//! | `POST /` | CloudTrail's own API ([`cloudtrail`]) |
//! | `POST /PutAuditEvents` | CloudTrail's own API for audit events ([`put_audit_events`]) |
//! | `POST /v1/events` | CloudTrail records in bulk ([`bulk`]) |
//! | `GET /v1/history` | events of the history, as JSON or CSV ([`history`]) |
//! | `GET /v1/tail` | events live, as they are recorded ([`tail`]) |
//! | `POST /v1/history/import` | log files of other places into the history ([`import`]) |
//! | `GET /healthz` | 200 while the process runs |
//! | `GET /readyz` | 200 while events are recorded and delivered; 503 with the reasons otherwise |
//! | `GET /metrics` | Prometheus |

pub mod auth;
pub mod bulk;
pub mod caller;
pub mod cloudtrail;
pub mod connections;
pub mod guard;
mod guests;
pub mod history;
pub mod import;
mod input;
pub mod ops;
pub mod patience;
pub mod permits;
mod places;
pub mod put_audit_events;
pub mod room;
mod sight;
pub mod splitter;
pub mod tail;
#[cfg(test)]
mod tests;
pub mod whole;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use ::history::History;
use api::{Answer, Caller};
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use http_body_util::{BodyStream, Limited};
use model::AccountId;
use producer::{Intake, JournalError, JournalState, Outcome, Refusal};
use sigv4::SignatureError;
use tokio::sync::{Semaphore, watch};
use trails::Definitions;

use self::auth::Auth;
use self::connections::Connections;
use self::history::Downloads;
use self::room::{NoRoom, Room, RoomState};
use self::tail::Tails;
use crate::health::Snapshot;
use crate::metrics::Metrics;
use crate::parts::Parts;

/// Seconds after which a refused caller should come back.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// What is read of a body behind the point where it was refused.
const DRAINED_BYTES_MAX: usize = 64 << 20;
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// Bodies at a time of which that is read. They are not counted in the room.
pub const DRAINS_MAX: usize = 64;

/// Answers a call of CloudTrail's own API.
pub type CloudTrail = Arc<dyn Fn(Caller, api::Request) -> BoxFuture<'static, Answer> + Send + Sync>;

/// What the handlers stand on.
pub struct Site {
    /// Clocks and randomness.
    pub parts: Parts,
    /// The way to the journal.
    pub intake: Intake,
    /// What the journal knows of itself.
    pub journal: watch::Receiver<JournalState>,
    /// Channels and accounts in force.
    pub definitions: watch::Receiver<Arc<Definitions>>,
    /// CloudTrail's own API.
    pub api: CloudTrail,
    /// What was counted and timed.
    pub metrics: Arc<Metrics>,
    /// How callers prove who they are.
    pub auth: Auth,
    /// The memory of calls.
    pub room: Arc<Room>,
    /// The memory of bodies whose callers are not proven: [`whole::UNPROVEN_BYTES`].
    pub unproven: Arc<Room>,
    /// Bodies of refused calls that may still be read: [`DRAINS_MAX`].
    pub drains: Semaphore,
    /// The history of all events.
    pub history: Arc<History>,
    /// Bodies that may be imported at a time: [`import::IMPORTS_MAX`].
    pub imports: Arc<Semaphore>,
    /// The connections.
    pub connections: Arc<Connections>,
    /// Downloads of the history.
    pub downloads: Arc<Downloads>,
    /// Who follows events live.
    pub tails: Tails,
    /// What health and metrics look at.
    pub look: Arc<dyn Fn() -> Snapshot + Send + Sync>,
}

/// How much comes in at a time, for metrics.
#[derive(Clone, Copy, Debug)]
pub struct Pressure {
    /// Connections that are open, and how many may be.
    pub connections: (usize, usize),
    /// Calls, and the memory that they hold.
    pub room: RoomState,
    /// Downloads that are under way, and how many may be.
    pub downloads: (usize, usize),
    /// Who follows events live.
    pub tails: ::tail::Report,
}

/// All routes.
pub fn router(site: Arc<Site>) -> Router {
    let routes = Router::new()
        .route("/", post(cloudtrail::handle))
        .route("/PutAuditEvents", post(put_audit_events::handle))
        .route("/v1/events", post(bulk::handle))
        .route(history::PATH, get(history::handle))
        .route("/v1/tail", get(tail::handle))
        .route("/v1/history/import", post(import::handle))
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics));
    let routes = with_fallbacks(routes);
    let routes = match site.auth.is_open() {
        true => routes.layer(middleware::from_fn(guard::keep_browsers_out)),
        false => routes,
    };
    stamped(routes, &site).with_state(site)
}

/// What operators ask, for a listener of its own: all of it, whoever asks.
pub fn ops_router(site: Arc<Site>) -> Router {
    let routes = Router::new()
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::whole_readyz))
        .route("/metrics", get(ops::whole_metrics));
    stamped(with_fallbacks(routes), &site).with_state(site)
}

fn with_fallbacks(routes: Router<Arc<Site>>) -> Router<Arc<Site>> {
    routes
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::disable())
}

fn stamped(routes: Router<Arc<Site>>, site: &Site) -> Router<Arc<Site>> {
    let entropy = Arc::clone(&site.parts.entropy);
    routes.layer(middleware::from_fn(move |request, next| {
        stamp(request, next, format!("{:016x}{:016x}", entropy(), entropy()))
    }))
}

/// The id of a request, as its answer carries it.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Every answer carries a request id, as AWS's do.
async fn stamp(mut request: Request, next: Next, hex: String) -> Response {
    let id = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    let value = HeaderValue::from_str(&id).expect("hex digits and hyphens");
    response.headers_mut().insert("x-amzn-requestid", value);
    response
}

async fn not_found(request: Request) -> Response {
    let message = format!(
        "{} {} is no route of this version; see POST /, POST /PutAuditEvents, POST /v1/events, GET /v1/history, POST /v1/history/import, GET /v1/tail, GET /healthz, GET /readyz, GET /metrics",
        request.method(),
        request.uri().path(),
    );
    aws_error(StatusCode::NOT_FOUND, "UnknownOperationException", &message)
}

/// The router adds `Allow`.
async fn not_allowed(request: Request) -> Response {
    let message =
        format!("{} is not for {}; see the Allow header", request.method(), request.uri().path(),);
    aws_error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowedException", &message)
}

/// What is at the bottom of an error: layers above only say that there was one.
fn cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Refuses a call whose body may go on. What its sender still sends is read first, within bounds:
/// while it sends it does not listen, and an answer before the end of the body would be lost with
/// the connection. When too many bodies are read so, it is left to the sender to hear the answer.
async fn refuse(site: &Site, body: Body, mut refusal: Response) -> Response {
    if body.is_end_stream() {
        return refusal;
    }
    let Ok(_drain) = site.drains.try_acquire() else {
        refusal.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return refusal;
    };
    let rest = Limited::new(body, DRAINED_BYTES_MAX);
    let _ =
        tokio::time::timeout(DRAIN_MAX, BodyStream::new(rest).try_for_each(async |_| Ok(()))).await;
    refusal
}

/// An error as AWS's REST-JSON services write it.
fn aws_error(status: StatusCode, kind: &'static str, message: &str) -> Response {
    let body = serde_json::json!({ "message": message, "__type": kind });
    let mut response = (status, axum::Json(body)).into_response();
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(kind));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert("retry-after", RETRY_AFTER);
    }
    response
}

/// A refusal of the journal: nothing was taken that was not said to be, and the caller may send
/// again. The SDKs do so by themselves, and more slowly when they are told of throttling.
fn unavailable(refusal: &Refusal) -> Response {
    let kind = match refusal {
        Refusal::Busy => "ThrottlingException",
        Refusal::Journal(_) | Refusal::Stopping => "ServiceUnavailableException",
    };
    aws_error(StatusCode::SERVICE_UNAVAILABLE, kind, &told(refusal))
}

/// A caller is not proven, to a route that speaks REST-JSON.
fn not_proven(site: &Site, error: &SignatureError) -> Response {
    site.metrics.refused_call("signature");
    aws_error(StatusCode::FORBIDDEN, error.code(), &error.to_string())
}

/// A refusal for the sender. The journal's own words may name files of this machine; health and the
/// log have them.
fn told(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Journal(JournalError::Full { .. }) => {
            "the journal is full and takes no events now; send again later".into()
        }
        Refusal::Journal(JournalError::Halted(_) | JournalError::Disk(_)) => {
            "the journal is halted until the daemon is restarted; send again later".into()
        }
        other => other.to_string(),
    }
}

/// There is no memory for a call, of which nothing was read.
fn no_room(site: &Site, no_room: NoRoom) -> Response {
    site.metrics.refused_call("memory");
    aws_error(StatusCode::SERVICE_UNAVAILABLE, "ThrottlingException", &no_room.to_string())
}

impl Site {
    /// Whether the journal takes events, as far as it knows; for work that would be in vain.
    fn may_record(&self) -> Result<(), Refusal> {
        let state = self.journal.borrow();
        if let Some(reason) = &state.halted {
            return Err(JournalError::Halted(reason.clone()).into());
        }
        match &state.full {
            Some(reason) => Err(JournalError::Full { reason: reason.clone() }.into()),
            None => Ok(()),
        }
    }

    /// Records events in the turn of an account, waiting so long for it, and keeps the time it took.
    async fn record(
        &self,
        account: &AccountId,
        events: Vec<model::Event>,
        wait_max: Duration,
    ) -> Result<Vec<Outcome>, Refusal> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let begun = self.parts.now().uptime;
        let result = self.intake.record_for(account, events, wait_max).await;
        let taken = self.parts.now().uptime.saturating_sub(begun);
        self.metrics.acknowledged(taken, &result.as_ref().map_err(refusal_kind));
        result
    }

    /// How much comes in.
    fn pressure(&self) -> Pressure {
        // Where everybody is believed, nothing waits to be proven.
        let room = match self.auth.is_open() {
            true => self.room.state(),
            false => self.room.state().and(self.unproven.state()),
        };
        Pressure {
            connections: self.connections.state(),
            room,
            downloads: self.downloads.state(),
            tails: self.tails.report(),
        }
    }
}

/// The reason of a refusal, as metrics name it.
fn refusal_kind(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Busy => "busy",
        Refusal::Stopping => "stopping",
        Refusal::Journal(JournalError::Full { .. }) => "full",
        Refusal::Journal(JournalError::TooLarge { .. }) => "too large",
        Refusal::Journal(_) => "halted",
    }
}
