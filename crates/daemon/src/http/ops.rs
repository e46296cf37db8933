//! Health and metrics.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Site;

/// The process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Events are recorded and delivered; otherwise 503 and what the operator should do. A bucket or
/// topic that refuses is a warning here and no reason to take the daemon out of service: what it
/// takes is safe.
pub async fn readyz(State(site): State<Arc<Site>>) -> Response {
    let health = (site.look)().health();
    let status = if health.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(health)).into_response()
}

/// Prometheus, in the text format of OpenMetrics.
pub async fn metrics(State(site): State<Arc<Site>>) -> Response {
    let text = site.metrics.encode(&(site.look)(), &site.pressure());
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
