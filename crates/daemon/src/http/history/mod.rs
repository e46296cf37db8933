//! Downloads of the history: `GET /v1/history` answers with all events of a query, newest first, any
//! number of them.
//!
//! | parameter | what it asks for |
//! | --- | --- |
//! | `format` | `ndjson` (default), `json`, `csv`: see [`crate::export`] |
//! | `EventId`, `EventName`, … | events with this value of the attribute; several must all hold |
//! | `startTime`, `endTime` | not older, not newer than this moment (RFC 3339) |
//! | `accountIds` | these, with commas between, or `ALL` of the organization; else the caller's |
//! | `regions` | these, or `ALL`; else the one that the signature is scoped to |
//! | `eventCategories` | `Management` (default), `Data`, …, or `ALL` that are kept |
//! | `limit` | so many, the newest |
//!
//! The caller needs `cloudtrail:LookupEvents`, scoped to the service `cloudtrail`; a presigned URL
//! will do. Events of other accounts are for those whom [`api::sight`] lets see them. A download is
//! recorded as a LookupEvents of its caller before its first event is sent, and is not begun when
//! that can't be done: nobody reads the history unseen. Whether the caller may still see the events
//! is looked at again before each page.
//!
//! The answer comes in chunks (`Transfer-Encoding: chunked`). One that was cut short, because the
//! history can't be read, the daemon stops or the caller's key is gone, ends without the last chunk, which clients report as an
//! error: what ends as it should is whole. That is why HTTP/1.0, which has no chunks, is refused.
//! Whatever arrives meanwhile, each event that was there is sent once.

mod downloads;
mod query;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::{Caller, Exception};
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde_json::json;

use self::downloads::{Download, Unread};
pub use self::downloads::{Downloads, RecordLookup};
use self::query::Asked;
use super::auth::Scope;
use super::permits::{source_ip, text};
use super::sight::Sight;
use super::whole::{self, Measure, NotTaken, Whole};
use super::{RequestId, Site, aws_error, no_room, not_proven, refuse};

/// The path of the route.
pub const PATH: &str = "/v1/history";
const SCOPE: Scope = Scope { services: &["cloudtrail"], takes_streams: false };
/// A GET has no body; there may be a signature over none.
const MEASURE: Measure = Measure { bytes_max: 0, factor: 1 };

/// Answers with a download.
pub async fn handle(
    State(site): State<Arc<Site>>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    request: Request,
) -> Response {
    let (head, mut body) = request.into_parts();
    if head.version < Version::HTTP_11 {
        let message =
            "a download comes in chunks, so that one that is cut short shows: use HTTP/1.1";
        let status = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
        return refuse(&site, body, aws_error(status, "ValidationException", message)).await;
    }
    let claim = match site.auth.claim(&head, SCOPE, site.parts.now().wall) {
        Ok(claim) => claim,
        Err(error) => return refuse(&site, body, not_proven(&site, &error)).await,
    };
    let caller = match whole::read(&site, claim, &mut body, MEASURE).await {
        Ok(Whole { proven, .. }) => proven.caller,
        Err(error) => return refuse(&site, body, not_taken(&site, &error)).await,
    };
    if let Err(message) = site.serves(&caller.account) {
        return aws_error(StatusCode::FORBIDDEN, "AccessDeniedException", &message);
    }
    let call = api::Request {
        target: String::new(),
        is_target_signed: true,
        body: bytes::Bytes::new(),
        request_id,
        source_ip: source_ip(&head),
        user_agent: text(&head, header::USER_AGENT.as_str()).map(str::to_owned),
        host: text(&head, header::HOST.as_str()).map(str::to_owned),
    };
    answer(site, &caller, &head, call).await.unwrap_or_else(|exception| respond(&exception))
}

/// The download that is asked for: its first page is here, and it is recorded.
async fn answer(
    site: Arc<Site>,
    caller: &Caller,
    head: &Parts,
    call: api::Request,
) -> Result<Response, Exception> {
    let downloads = Arc::clone(&site.downloads);
    let asked = Asked::read(&head.uri);
    let members = asked.as_ref().map_or_else(|_| json!({}), Asked::members);
    let begun = match asked {
        Ok(asked) => begin(&site, caller, head, &asked).await.map(|begun| (asked.format, begun)),
        Err(exception) => Err(exception),
    };
    let result = begun.as_ref().map(drop).map_err(Exception::clone);
    let recorded = downloads.record(caller, call, members, result).await;
    if let Err(exception) = &recorded {
        site.metrics.refused_call("unrecorded");
        tracing::warn!(%exception, "a download of the history can't be recorded");
    }
    let (format, download) = begun?;
    recorded?;
    let body = Body::from_stream(download.chunks().boxed());
    let mut response = (StatusCode::OK, body).into_response();
    let name = format!("attachment; filename=\"event_history.{}\"", format.name());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_str(&name).expect("names of formats are words"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn begin(
    site: &Arc<Site>,
    caller: &Caller,
    head: &Parts,
    asked: &Asked,
) -> Result<Download, Exception> {
    let sight = Sight::of(caller.clone(), head, asked.accounts.clone());
    let accounts = sight.accounts(site)?;
    let Some(place) = site.downloads.enter(&caller.account) else {
        site.metrics.refused_call("downloads");
        let message = "too many downloads are under way; try again in a moment";
        return Err(Exception { status: 503, ..Exception::throttled(message) });
    };
    let query = asked.query(asked.scopes(accounts.clone(), &caller.region));
    let (downloads, still) = (Arc::clone(&site.downloads), Arc::clone(site));
    let may_see = Box::new(move || {
        let now = sight.again(&still);
        now.is_ok_and(|now| accounts.is_subset(&now))
    });
    let mut download =
        Download::new(downloads, caller.account.clone(), place, may_see, query, asked);
    download.look().await.map_err(|unread| match unread {
        Unread::Stopping => Exception::unavailable(unread.to_string()),
        Unread::Denied => Exception::new("AccessDeniedException", unread.to_string()),
        Unread::History(_) | Unread::Panicked => {
            tracing::error!(error = %unread, "a download of the history can't be begun");
            Exception::internal()
        }
    })?;
    Ok(download)
}

fn respond(exception: &Exception) -> Response {
    let status = match exception.code {
        "AccessDeniedException" => StatusCode::FORBIDDEN,
        _ => StatusCode::from_u16(exception.status).expect("exceptions have statuses of HTTP"),
    };
    aws_error(status, exception.code, &exception.message)
}

fn not_taken(site: &Site, error: &NotTaken) -> Response {
    match error {
        NotTaken::NoRoom(full) => no_room(site, *full),
        NotTaken::Signature(error) => not_proven(site, error),
        NotTaken::TooLarge(_) | NotTaken::BrokeOff(_) => {
            let message = "GET /v1/history takes no body; what is asked for stands in the query";
            aws_error(StatusCode::BAD_REQUEST, "ValidationException", message)
        }
    }
}
