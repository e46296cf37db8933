//! A small HTTP client for the daemon's own listener.

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::{HeaderMap, Request, Response, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

/// Answers are read up to this size.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// A connection must be made within this time.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// A request's body.
pub type Body = BoxBody<Bytes, std::io::Error>;

/// A body without bytes.
#[must_use]
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

/// What a refused caller is told.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Told {
    /// The exception.
    #[serde(rename = "__type")]
    pub kind: String,
    /// What it means.
    pub message: String,
}

/// How long the other side wants to be left alone.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(header::RETRY_AFTER);
    let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(2).min(60))
}

/// Sends a request, and gives the answer as it comes.
pub async fn open(request: Request<Body>) -> anyhow::Result<Response<Incoming>> {
    if request.uri().scheme_str() != Some("http") {
        bail!("the endpoint must begin with http://; the daemon listens on loopback without TLS");
    }
    let uri = request.uri().clone();
    let mut connector = hyper_util::client::legacy::connect::HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_MAX));
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(connector);
    let answer = client.request(request).await;
    answer.with_context(|| format!("no answer from {uri}; is `cairn serve` running there?"))
}

/// Sends a request and reads the answer.
pub async fn send(request: Request<Body>) -> anyhow::Result<Response<Bytes>> {
    let uri = request.uri().clone();
    read(open(request).await?, &uri).await
}

/// Reads all of an answer.
pub async fn read(answer: Response<Incoming>, uri: &Uri) -> anyhow::Result<Response<Bytes>> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("the answer of {uri} broke off: {error}"))?;
    Ok(Response::from_parts(head, body.to_bytes()))
}
