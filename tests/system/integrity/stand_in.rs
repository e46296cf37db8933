//! A stand-in for AWS Organizations, which LocalStack's community edition does not have: it answers
//! `DescribeOrganization`, the one call that `validate-logs` makes, and nothing else.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const TARGET: &str = "AWSOrganizationsV20161128.DescribeOrganization";

/// It answers until it is dropped.
pub struct Organizations {
    pub endpoint: String,
    _running: JoinSet<()>,
}

impl Organizations {
    /// With one organization, by its id.
    pub async fn start(id: &str) -> Organizations {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(json!({ "Organization": { "Id": id } }).to_string());
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                connections.spawn(async move {
                    let serve = service_fn(async |request| describe(&request, &answer));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), serve)
                        .await;
                });
            }
        });
        Organizations { endpoint, _running: running }
    }
}

fn describe(
    request: &Request<Incoming>,
    answer: &str,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_asked = request.headers().get("x-amz-target").is_some_and(|target| target == TARGET);
    let (status, body) = if is_asked { (200, answer.to_owned()) } else { (501, "{}".into()) };
    let answer = Response::builder().status(status);
    let answer = answer.header("content-type", "application/x-amz-json-1.1");
    Ok(answer.body(Full::new(body.into())).unwrap())
}
