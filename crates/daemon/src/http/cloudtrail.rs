//! `POST /`: CloudTrail's own API ([`api`]), over HTTP.
//!
//! A signature is scoped to the service `cloudtrail`. What is wrong with it is answered with 400, as all
//! that AWS JSON services refuse.

use std::sync::Arc;

use api::{Answer, Exception, wire};
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use producer::intake::WAIT_MAX;

use super::auth::Scope;
use super::permits::{source_ip, text};
use super::room::{CALL_BYTES, Held, NoRoom};
use super::whole::{self, Measure, NotTaken, Whole};
use super::{RETRY_AFTER, RequestId, Site, no_room, refuse};

const SCOPE: Scope = Scope { services: &["cloudtrail"], takes_streams: false };
const MEASURE: Measure = Measure { bytes_max: wire::BODY_BYTES_MAX, factor: wire::BODY_FACTOR };

/// Takes a call.
pub async fn handle(
    State(site): State<Arc<Site>>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    request: Request,
) -> Response {
    let (head, mut body) = request.into_parts();
    let claim = match site.auth.claim(&head, SCOPE, site.parts.now().wall) {
        Ok(claim) => claim,
        Err(error) => return refused(&site, body, &error.into()).await,
    };
    let is_target_signed = claim.signs("x-amz-target");
    let Whole { proven, body: bytes, mut held } =
        match whole::read(&site, claim, &mut body, MEASURE).await {
            Ok(whole) => whole,
            Err(error) => return refused(&site, body, &error).await,
        };
    let caller = proven.caller;
    if let Err(message) = site.serves(&caller.account) {
        return respond(Answer::refused(&Exception::new("AccessDeniedException", message)));
    }
    let weight = match wire::weight(&bytes) {
        Ok(weight) => weight,
        Err(exception) => return respond(Answer::refused(&exception)),
    };
    if let Err(full) = held.hold(CALL_BYTES + weight, WAIT_MAX).await {
        return no_room(&site, full);
    }
    let request = api::Request {
        is_target_signed,
        target: text(&head, "x-amz-target").unwrap_or_default().to_owned(),
        body: bytes.into(),
        request_id,
        source_ip: source_ip(&head),
        user_agent: text(&head, header::USER_AGENT.as_str()).map(str::to_owned),
        host: text(&head, header::HOST.as_str()).map(str::to_owned),
    };
    let call = (site.api)(caller, request);
    // What the call holds is its own: it goes on without a caller.
    let call = async move {
        let answer = call.await;
        held.keep(CALL_BYTES);
        (answer, held)
    };
    match to_its_end(call.boxed()).await {
        Some((answer, held)) => respond_to(&site, answer, held),
        None => respond(Answer::refused(&Exception::internal())),
    }
}

/// A long answer holds its memory until its reader has it: a reader may be slow.
fn respond_to(site: &Site, answer: Answer, mut held: Held) -> Response {
    if answer.body.len() <= CALL_BYTES {
        return respond(answer);
    }
    match held.try_hold(answer.body.len()) {
        true => respond_holding(answer, Some(held)),
        false => no_room(site, NoRoom),
    }
}

/// The bytes of an answer, and the memory that they take.
struct Holding {
    body: Vec<u8>,
    _held: Option<Held>,
}

impl AsRef<[u8]> for Holding {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

async fn refused(site: &Site, body: Body, error: &NotTaken) -> Response {
    let exception = match error {
        NotTaken::NoRoom(full) => return refuse(site, body, no_room(site, *full)).await,
        NotTaken::Signature(error) => {
            site.metrics.refused_call("signature");
            Exception::new(error.code(), error.to_string())
        }
        NotTaken::TooLarge(_) | NotTaken::BrokeOff(_) => {
            Exception::serialization(format!("{error}."))
        }
    };
    refuse(site, body, respond(Answer::refused(&exception))).await
}

/// Drives a call to its end though its caller goes away: a change must not stop half-way. `None` when
/// it panicked.
async fn to_its_end<T: Send + 'static>(call: BoxFuture<'static, T>) -> Option<T> {
    #[allow(clippy::disallowed_methods)] // it is awaited here, and outlives nothing but its caller
    let ended = tokio::spawn(call).await;
    ended.ok()
}

fn respond(answer: Answer) -> Response {
    respond_holding(answer, None)
}

fn respond_holding(answer: Answer, held: Option<Held>) -> Response {
    let status = StatusCode::from_u16(answer.status).expect("exceptions have statuses of HTTP");
    let body = Bytes::from_owner(Holding { body: answer.body, _held: held });
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(wire::CONTENT_TYPE));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}
