//! The daemon that imports: bodies are sent, and sent again while it is busy or not there.

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode};
use model::Timestamp;

use crate::http::import::Answer;
use crate::http_client;
use crate::serve::wall_clock;
use crate::signing::{self, Signer};

/// How often a body is sent in vain, one after the other, before it is given up. Between two of them is
/// a second or what the daemon asks for.
const TRIES: u32 = 150;
const PAUSE: Duration = Duration::from_secs(1);
/// A daemon that does not answer at all may be starting.
const TRIES_UNANSWERED: u32 = 30;

/// The daemon.
pub(super) struct Daemon {
    endpoint: String,
    signer: Signer,
}

impl Daemon {
    pub(super) async fn new(endpoint: &str) -> anyhow::Result<Daemon> {
        let signer = Signer::new("cairn-import", signing::API, None, None).await?;
        Ok(Daemon { endpoint: endpoint.trim_end_matches('/').to_owned(), signer })
    }

    /// The oldest moment that it keeps; `None` where there is no such. Fails when it does not let this
    /// caller import, or is not there.
    pub(super) async fn ask(&self) -> anyhow::Result<Option<Timestamp>> {
        let answer = http_client::send(self.request(Bytes::new()).await?).await?;
        let answer =
            self.read(&answer).await?.context("the daemon is busy; try again in a moment")?;
        Ok(answer.kept_from.as_deref().and_then(Timestamp::parse))
    }

    /// Sends a body until it is taken.
    pub(super) async fn send(&self, body: Bytes) -> anyhow::Result<Answer> {
        let (mut tries, mut unanswered) = (0, 0);
        loop {
            let pause = match http_client::send(self.request(body.clone()).await?).await {
                Ok(response) => {
                    unanswered = 0;
                    if let Some(answer) = self.read(&response).await? {
                        return Ok(answer);
                    }
                    http_client::retry_after(response.headers()).max(PAUSE)
                }
                Err(error) => {
                    unanswered += 1;
                    if unanswered >= TRIES_UNANSWERED {
                        return Err(error);
                    }
                    PAUSE
                }
            };
            tries += 1;
            if tries >= TRIES {
                bail!("the daemon stayed busy; go on later");
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn request(&self, body: Bytes) -> anyhow::Result<Request<http_client::Body>> {
        let uri = format!("{}/v1/history/import", self.endpoint);
        let request = Request::post(uri).body(body);
        let request =
            request.with_context(|| format!("--endpoint {:?} is not a URL", self.endpoint))?;
        let request = self.signer.sign(request, wall_clock()).await?;
        Ok(request.map(|body| Full::new(body).map_err(|never| match never {}).boxed()))
    }

    /// What a body was answered; `None` when it should be sent again.
    async fn read(&self, answer: &Response<Bytes>) -> anyhow::Result<Option<Answer>> {
        let status = answer.status();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return Ok(None);
        }
        if status == StatusCode::OK {
            let answer = serde_json::from_slice(answer.body());
            return answer.map(Some).context("the answer is not Cairn's");
        }
        let refused: http_client::Told = serde_json::from_slice(answer.body()).unwrap_or_default();
        if status == StatusCode::FORBIDDEN {
            let advice = self.signer.advice().await;
            bail!(
                "{}: {} ({advice}; --account imports one account alone)",
                refused.kind,
                refused.message
            );
        }
        match refused.message.is_empty() {
            true => bail!(
                "{status}: not an answer of Cairn: {}",
                String::from_utf8_lossy(answer.body())
            ),
            false => bail!("{status}: {}", refused.message),
        }
    }
}
