//! Health and metrics.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use serde_json::json;

use super::permits::Peer;
use super::{Site, aws_error, guard};
use crate::health::Health;

/// The process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Events are recorded and delivered; otherwise 503 and what the operator should do. A bucket or
/// topic that refuses is a warning here and no reason to take the daemon out of service: what it
/// takes is safe. What is said names trails of all accounts: others than this machine hear the status
/// alone.
pub async fn readyz(State(site): State<Arc<Site>>, request: Request) -> Response {
    if is_from_here(&request) {
        return whole_readyz(State(site)).await;
    }
    let health = (site.look)().health();
    (status(&health), axum::Json(json!({ "status": health.status }))).into_response()
}

/// The same, in full.
pub async fn whole_readyz(State(site): State<Arc<Site>>) -> Response {
    let health = (site.look)().health();
    (status(&health), axum::Json(health)).into_response()
}

/// Prometheus, in the text format of OpenMetrics; for this machine.
pub async fn metrics(State(site): State<Arc<Site>>, request: Request) -> Response {
    if is_from_here(&request) {
        return whole_metrics(State(site)).await;
    }
    let message = "metrics are told to this machine only; set ops_listen to have them elsewhere";
    aws_error(StatusCode::FORBIDDEN, "AccessDeniedException", message)
}

/// The same, for all who ask.
pub async fn whole_metrics(State(site): State<Arc<Site>>) -> Response {
    let text = site.metrics.encode(&(site.look)(), &site.pressure());
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

fn status(health: &Health) -> StatusCode {
    if health.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// Whether a program on this machine asks, and not a page in a browser on it.
fn is_from_here(request: &Request) -> bool {
    let peer = request.extensions().get::<Peer>();
    peer.is_some_and(|peer| peer.is_here())
        && guard::suspicion(request.headers(), request.uri()).is_none()
}
