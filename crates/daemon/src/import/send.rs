//! The daemon that imports: bodies are sent, and sent again while it is busy or not there.

use std::time::Duration;

use anyhow::{Context, bail};
use aws_credential_types::Credentials;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, header};
use model::{Region, Timestamp};

use crate::http::import::Answer;
use crate::serve::wall_clock;
use crate::{aws, http_client, signing};

/// How often a body is sent in vain, one after the other, before it is given up. Between two of them is
/// a second or what the daemon asks for.
const TRIES: u32 = 150;
/// What bodies are signed for.
const SERVICE: &str = "cloudtrail";
const PAUSE: Duration = Duration::from_secs(1);
/// A daemon that does not answer at all may be starting.
const TRIES_UNANSWERED: u32 = 30;

/// The daemon.
pub(super) struct Daemon {
    endpoint: String,
    region: Region,
    credentials: Option<Credentials>,
}

impl Daemon {
    pub(super) async fn new(endpoint: &str) -> anyhow::Result<Daemon> {
        let region = aws::load().await.region().map(|region| region.as_ref().parse()).transpose();
        Ok(Daemon {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region: region
                .context("AWS_REGION")?
                .unwrap_or_else(|| "us-east-1".parse().expect("it is a Region")),
            credentials: signing::credentials().await,
        })
    }

    /// The oldest moment that it keeps; `None` where there is no such. Fails when it does not let this
    /// caller import, or is not there.
    pub(super) async fn ask(&self) -> anyhow::Result<Option<Timestamp>> {
        let answer = http_client::send(self.request(Bytes::new())?).await?;
        let answer = self.read(&answer)?.context("the daemon is busy; try again in a moment")?;
        Ok(answer.kept_from.as_deref().and_then(Timestamp::parse))
    }

    /// Sends a body until it is taken.
    pub(super) async fn send(&self, body: Bytes) -> anyhow::Result<Answer> {
        let (mut tries, mut unanswered) = (0, 0);
        loop {
            let pause = match http_client::send(self.request(body.clone())?).await {
                Ok(response) => {
                    unanswered = 0;
                    if let Some(answer) = self.read(&response)? {
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

    fn request(&self, body: Bytes) -> anyhow::Result<Request<http_client::Body>> {
        let uri = format!("{}/v1/history/import", self.endpoint);
        let request = Request::post(uri).body(body);
        let mut request =
            request.with_context(|| format!("--endpoint {:?} is not a URL", self.endpoint))?;
        if let Some(credentials) = &self.credentials {
            request = signing::signed(request, credentials, SERVICE, &self.region, wall_clock())?;
        } else {
            let region = &self.region;
            let scope = format!(
                "AWS4-HMAC-SHA256 Credential=cairn-import/00000000/{region}/cloudtrail/aws4_request"
            );
            request.headers_mut().insert(header::AUTHORIZATION, scope.parse()?);
        }
        Ok(request.map(|body| Full::new(body).map_err(|never| match never {}).boxed()))
    }

    /// What a body was answered; `None` when it should be sent again.
    fn read(&self, answer: &Response<Bytes>) -> anyhow::Result<Option<Answer>> {
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
            let advice = signing::advice(self.credentials.as_ref());
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
