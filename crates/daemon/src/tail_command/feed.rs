//! A tail of the daemon, as it comes: [`crate::http::tail`] says which lines there are.

use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::http::tail::ALIVE;
use crate::http_client;
use crate::serve::wall_clock;
use crate::signing::Signer;

/// The daemon is lost when it is silent for so long: it says something each [`ALIVE`].
const SILENT_MAX: Duration = Duration::from_secs(4 * ALIVE.as_secs());
/// The longest line: a record and what stands around it.
const LINE_BYTES_MAX: usize = 1 << 20;

/// A line.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Line {
    /// How far the tail is: where it goes on.
    pub(super) position: Option<String>,
    pub(super) account: String,
    pub(super) region: String,
    /// The record, as it came in.
    pub(super) event: Option<Box<RawValue>>,
    pub(super) missed: Option<u64>,
    pub(super) at_most: bool,
    pub(super) at_least: bool,
    pub(super) start_time: String,
    pub(super) end_time: String,
    /// Why it ends.
    pub(super) end: Option<String>,
    pub(super) message: String,
}

/// Where a tail is asked for.
pub(super) struct Place<'a> {
    pub(super) endpoint: &'a str,
    pub(super) signer: Signer,
}

/// Why there is no tail, or no more of it.
#[derive(Debug)]
pub(super) enum Broken {
    /// It is of no use to try again.
    ForGood(anyhow::Error),
    /// It may be there again, not before this time.
    ForNow(String, Duration),
    /// The daemon was not reached.
    Unreached(anyhow::Error),
}

/// A tail that is open.
pub(super) struct Feed {
    body: Incoming,
    /// What came and is no whole line yet.
    begun: BytesMut,
    /// So much of it holds no line's end.
    looked: usize,
}

impl Feed {
    /// Opens one.
    pub(super) async fn open(place: &Place<'_>, query: &str) -> Result<Feed, Broken> {
        let uri = format!("{}/v1/tail?{query}", place.endpoint.trim_end_matches('/'));
        let request = place.request(&uri).await.map_err(Broken::ForGood)?;
        if request.uri().scheme_str() != Some("http") {
            let message = "--endpoint must begin with http://; the daemon listens without TLS";
            return Err(Broken::ForGood(anyhow!(message)));
        }
        let uri = request.uri().clone();
        let opened = tokio::time::timeout(SILENT_MAX, http_client::open(request)).await;
        let answer = match opened {
            Ok(answer) => answer.map_err(Broken::Unreached)?,
            Err(_) => return Err(Broken::Unreached(anyhow!("{uri} does not answer"))),
        };
        let (status, wait) = (answer.status(), http_client::retry_after(answer.headers()));
        if status == StatusCode::OK {
            return Ok(Feed { body: answer.into_body(), begun: BytesMut::new(), looked: 0 });
        }
        let answer = http_client::read(answer, &uri).await.map_err(Broken::Unreached)?;
        let told: http_client::Told = serde_json::from_slice(answer.body()).unwrap_or_default();
        let message = format!("{}: {}", told.kind, told.message);
        Err(match status {
            StatusCode::FORBIDDEN => {
                Broken::ForGood(anyhow!("{message} ({})", place.signer.advice().await))
            }
            StatusCode::NOT_FOUND => Broken::ForGood(anyhow!(
                "{} has no live tail: is it a Cairn of this version? ({})",
                place.endpoint,
                told.message
            )),
            _ if status.is_server_error() => Broken::ForNow(told.message, wait),
            _ if told.kind.is_empty() => {
                Broken::ForGood(anyhow!("{status}: not an answer of Cairn"))
            }
            _ => Broken::ForGood(anyhow!(message)),
        })
    }

    /// The next line.
    pub(super) async fn next(&mut self) -> Result<Line, Broken> {
        let lost = |why: String| Broken::ForNow(why, Duration::ZERO);
        loop {
            let end = memchr::memchr(b'\n', &self.begun[self.looked..]);
            if let Some(end) = end {
                let line = self.begun.split_to(self.looked + end + 1);
                self.looked = 0;
                return serde_json::from_slice(&line).map_err(|error| {
                    Broken::ForGood(anyhow!("a line is not one of Cairn's tails: {error}"))
                });
            }
            self.looked = self.begun.len();
            if self.looked > LINE_BYTES_MAX {
                return Err(Broken::ForGood(anyhow!(
                    "a line is too long for one of Cairn's tails"
                )));
            }
            let frame = tokio::time::timeout(SILENT_MAX, self.body.frame()).await;
            let frame = frame.map_err(|_| lost("the daemon is silent".into()))?;
            let frame = frame.ok_or_else(|| lost("the connection was closed".into()))?;
            let frame = frame.map_err(|_| lost("the connection broke off".into()))?;
            if let Ok(data) = frame.into_data() {
                self.begun.extend_from_slice(&data);
            }
        }
    }
}

impl Place<'_> {
    async fn request(&self, uri: &str) -> anyhow::Result<Request<http_client::Body>> {
        let request = Request::get(uri).body(Bytes::new());
        let mut request = request.with_context(|| {
            format!("--endpoint {:?} is not a URL, or the filters are too long", self.endpoint)
        })?;
        let agent = concat!("cairn-tail/", env!("CARGO_PKG_VERSION"));
        request.headers_mut().insert(header::USER_AGENT, header::HeaderValue::from_static(agent));
        let request = self.signer.sign(request, wall_clock()).await?;
        Ok(request.map(|_| http_client::empty()))
    }
}
