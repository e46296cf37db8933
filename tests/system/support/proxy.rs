//! A proxy before LocalStack whose faults a test switches on and off while the daemon runs, and which
//! counts what it met: so a test waits for "the fault was met three times" and not for a time.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::localstack;
use super::wait::eventually;

type Body = BoxBody<Bytes, std::io::Error>;

/// What is asked of AWS, as far as faults differ by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// PUT of an object.
    Put,
    /// HEAD of an object.
    Head,
    /// GET of an object.
    Get,
    /// SNS `Publish`.
    Publish,
    /// Anything else.
    Other,
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is not passed on; this is the answer.
    Answer { status: u16, content_type: &'static str, body: String },
    /// It is taken, and nothing ever comes back.
    Silence,
    /// The connection is cut, and nothing was done.
    CutBefore,
    /// It is carried out; then the connection is cut.
    CutAfter,
    /// It is carried out; half of the answer's body comes, then the connection is cut.
    CutWithin,
}

impl Fault {
    /// An error as S3 says it.
    pub fn s3(status: u16, code: &str) -> Fault {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>a fault of this test</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>"
        );
        Fault::Answer { status, content_type: "application/xml", body }
    }

    /// An error as SNS says it.
    pub fn sns(status: u16, code: &str) -> Fault {
        let body = format!(
            "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>a fault of this test</Message></Error><RequestId>9e6b4d2f</RequestId></ErrorResponse>"
        );
        Fault::Answer { status, content_type: "text/xml", body }
    }

    /// A page of something in between that believes that all is well.
    pub fn html() -> Fault {
        let body = "<html><body>Please sign in to use this network.</body></html>".into();
        Fault::Answer { status: 200, content_type: "text/html", body }
    }
}

/// Requests of these kinds that name a part, a bucket for instance, meet a fault.
#[derive(Clone, Debug)]
struct Rule {
    calls: Vec<Call>,
    part: String,
    fault: Fault,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    /// Buckets that stand for others.
    redirected: Vec<(String, String)>,
    met: usize,
    /// Everything that was asked.
    seen: Vec<(Call, String)>,
}

/// A proxy that runs until it is dropped.
pub struct Proxy {
    endpoint: String,
    state: Arc<Mutex<State>>,
    _running: JoinSet<()>,
}

impl Proxy {
    /// Before LocalStack, without faults.
    pub async fn start() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::<Mutex<State>>::default();
        let mut running = JoinSet::new();
        running.spawn(accept(listener, Arc::clone(&state)));
        Proxy { endpoint, state, _running: running }
    }

    /// The endpoint of an AWS with faults.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// From now on requests of these kinds that name `part` meet a fault; others go on meeting theirs.
    pub fn fail(&self, calls: &[Call], part: &str, fault: Fault) {
        let rule = Rule { calls: calls.to_vec(), part: part.into(), fault };
        self.state.lock().unwrap().rules.push(rule);
    }

    /// From now on requests for one bucket go to another.
    pub fn redirect(&self, from: &str, to: &str) {
        let names = (format!("/{from}/"), format!("/{to}/"));
        self.state.lock().unwrap().redirected.push(names);
    }

    /// From now on all is well. What was left without an answer stays so.
    pub fn heal(&self) {
        self.state.lock().unwrap().rules.clear();
    }

    /// How many requests met a fault so far.
    pub fn met(&self) -> usize {
        self.state.lock().unwrap().met
    }

    /// Waits until a fault was met so often.
    pub async fn met_times(&self, times: usize) {
        eventually(&format!("a fault is met {times} times"), async || {
            (self.met() >= times).then_some(())
        })
        .await;
    }

    /// How many requests of a kind named `part` so far.
    pub fn count(&self, call: Call, part: &str) -> usize {
        let state = self.state.lock().unwrap();
        state.seen.iter().filter(|(seen, text)| *seen == call && text.contains(part)).count()
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (state, client) = (Arc::clone(&state), client.clone());
        connections.spawn(async move {
            let serve = service_fn(|request| handle(request, &state, &client));
            // A connection that is cut here is the fault, and one that is cut there no concern.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), serve)
                .await;
        });
    }
}

/// An error cuts the connection.
async fn handle(
    request: Request<Incoming>,
    state: &Mutex<State>,
    client: &Client<HttpConnector, Full<Bytes>>,
) -> Result<Response<Body>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let call = call(&head.method, head.uri.path(), &body);
    let text = format!("{} {}", head.uri, String::from_utf8_lossy(&body[..body.len().min(1024)]));
    let fault = state.lock().unwrap().meet(call, text);
    match &fault {
        Some(Fault::Answer { status, content_type, body }) => {
            let answer = Response::builder().status(*status).header("content-type", *content_type);
            return Ok(answer.body(whole(body.clone().into())).unwrap());
        }
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::CutBefore) => return Err(cut()),
        Some(Fault::CutAfter | Fault::CutWithin) | None => {}
    }
    let uri = state.lock().unwrap().directed(&head.uri.to_string());
    let mut passed_on = Request::builder().method(head.method).uri(uri);
    *passed_on.headers_mut().unwrap() = head.headers;
    let answer = client.request(passed_on.body(Full::new(body)).unwrap()).await;
    let (head, body) = answer.map_err(std::io::Error::other)?.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    match fault {
        Some(Fault::CutAfter) => Err(cut()),
        Some(Fault::CutWithin) => {
            let half = Frame::data(body.slice(..body.len() / 2));
            let frames = stream::iter([Ok(half), Err(cut())]);
            Ok(Response::from_parts(head, BodyExt::boxed(StreamBody::new(frames))))
        }
        _ => Ok(Response::from_parts(head, whole(body))),
    }
}

impl State {
    /// Where a request goes.
    fn directed(&self, path: &str) -> String {
        let to = self.redirected.iter().find(|(from, _)| path.starts_with(from));
        let path = to.map_or(path.to_owned(), |(from, to)| path.replacen(from, to, 1));
        localstack::endpoint() + &path
    }

    /// Counts a request and finds its fault.
    fn meet(&mut self, call: Call, text: String) -> Option<Fault> {
        let rule =
            self.rules.iter().find(|rule| rule.calls.contains(&call) && text.contains(&rule.part));
        let fault = rule.map(|rule| rule.fault.clone());
        self.met += usize::from(fault.is_some());
        self.seen.push((call, text));
        fault
    }
}

fn call(method: &Method, path: &str, body: &[u8]) -> Call {
    // A bucket and a key; the marker of a trail, whose key ends in a slash, is none of these.
    let names_object = path.trim_start_matches('/').contains('/') && !path.ends_with('/');
    match *method {
        Method::PUT if names_object => Call::Put,
        Method::HEAD if names_object => Call::Head,
        Method::GET if names_object => Call::Get,
        Method::POST if body.starts_with(b"Action=Publish&") => Call::Publish,
        _ => Call::Other,
    }
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed()
}

fn cut() -> std::io::Error {
    std::io::Error::other("cut by the fault of a test")
}
