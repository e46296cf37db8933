//! `POST /`: CloudTrail's own API ([`api`]), over HTTP.

use std::sync::Arc;

use api::{Answer, Exception, Request, wire};
use axum::body::{Body, HttpBody};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use producer::intake::WAIT_MAX;

use super::caller::caller;
use super::room::CALL_BYTES;
use super::{RETRY_AFTER, RequestId, Site, cause, no_room, refuse};

/// What a body holds besides its bytes once it is parsed: members, the plan, the record.
const PARSED_FACTOR: usize = 4;

/// Takes a call.
pub async fn handle(
    State(site): State<Arc<Site>>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    headers: HeaderMap,
    mut body: Body,
) -> Response {
    let caller = caller(&headers);
    let announced = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
    let bytes_max = announced.map_or(wire::BODY_BYTES_MAX, |bytes| bytes.min(wire::BODY_BYTES_MAX));
    let holds = CALL_BYTES + PARSED_FACTOR * bytes_max;
    let held = match site.room.enter(&caller.account, holds, WAIT_MAX).await {
        Ok(held) => held,
        Err(full) => return refuse(&site, body, no_room(&site, full)).await,
    };
    let whole = match Limited::new(&mut body, bytes_max).collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(error) => {
            drop(held);
            let message = if error.is::<LengthLimitError>() {
                format!("The body is too large; at most {} bytes are taken.", wire::BODY_BYTES_MAX)
            } else {
                format!("The body broke off: {}.", cause(&*error))
            };
            let refusal = respond(Answer::refused(&Exception::serialization(message)));
            return refuse(&site, body, refusal).await;
        }
    };
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let request = Request {
        target: text("x-amz-target").unwrap_or_default().to_owned(),
        body: whole,
        request_id,
        source_ip: "127.0.0.1".to_owned(),
        user_agent: text(header::USER_AGENT.as_str()).map(str::to_owned),
        host: text(header::HOST.as_str()).map(str::to_owned),
    };
    let caller =
        api::Caller { account: caller.account, region: caller.region, access_key: String::new() };
    let answer = to_its_end((site.api)(caller, request)).await;
    drop(held);
    respond(answer)
}

/// Drives a call to its end though its caller goes away: a change must not stop half-way.
async fn to_its_end(call: BoxFuture<'static, Answer>) -> Answer {
    #[allow(clippy::disallowed_methods)] // it is awaited here, and outlives nothing but its caller
    let answer = tokio::spawn(call).await;
    answer.unwrap_or_else(|_| Answer::refused(&Exception::internal()))
}

fn respond(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).expect("exceptions have statuses of HTTP");
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(wire::CONTENT_TYPE));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}
