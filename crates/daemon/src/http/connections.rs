//! The connections: how many are open, and how long each may keep its place.
//!
//! An idle connection is cheap, so many are let in: as many as there are file descriptors for, less
//! those that the journal and the uploads need. When all places are taken, the connection that has
//! waited longest for a request is closed for the newcomer; a connection waits for the next one as
//! soon as all of its answer is on the way, be it read or not. So nobody can lock others out, health
//! probes included, by opening connections and being silent or slow. Only when all connections are
//! at work is a newcomer turned away, with a 503.
//!
//! | what a peer does | what ends it |
//! | --- | --- |
//! | sends nothing, or its head slowly | [`HEAD_MAX`] from the last answer; or a newcomer, if full |
//! | sends a head of more than [`HEAD_BYTES_MAX`] | 431 |
//! | sends its body slowly, or does not read its answer | [`super::patience`] |
//!
//! HTTP/1.1 only: one call at a time on each connection, so that the bound on connections bounds
//! calls too.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::patience::{PacedBody, PacedIo};
use super::permits::Peer;
use crate::metrics::Metrics;

/// Connections at a time, however many descriptors there are.
const CONNECTIONS_MAX: usize = 10_240;
/// Descriptors that are left for everything else; half of them all, if there are few.
const DESCRIPTORS_LEFT: usize = 512;
/// How long a connection waits for the head of a request, and the request for its end.
pub const HEAD_MAX: Duration = Duration::from_secs(75);
/// The head of a request.
pub const HEAD_BYTES_MAX: usize = 16 << 10;
/// What is read of a body at a time.
const READ_BYTES_MAX: usize = 64 << 10;
/// How long no connection is accepted after the system could not give one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a newcomer is told when all connections are at work.
const CROWDED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\n\
    x-amzn-errortype: ThrottlingException\r\nContent-Type: application/json\r\nContent-Length: 77\r\n\r\n\
    {\"message\":\"too many connections are at work\",\"__type\":\"ThrottlingException\"}";

/// As many connections as this process may have.
#[must_use]
pub fn connections_max() -> usize {
    // Without a limit of its own a process may have what the system has.
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
    let left = DESCRIPTORS_LEFT.min(descriptors / 2);
    (descriptors - left).min(CONNECTIONS_MAX)
}

/// The places of connections.
#[derive(Debug)]
pub struct Connections {
    max: usize,
    places: Mutex<Places>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Places {
    taken: usize,
    next: u64,
    /// Those that wait for a request, the one that waits longest first.
    idle: BTreeMap<u64, Arc<Notify>>,
}

/// A place; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    /// Told when the place is taken away.
    taken_away: Arc<Notify>,
    /// Its number among those that wait for a request, the last one while it is at work. Changes
    /// under the lock of all places.
    number: AtomicU64,
}

/// A call that is at work: its connection keeps its place until all of its answer is handed to the
/// connection. What its peer has not read by then is cut off if the place is taken away, which a
/// peer that reads slowly meets only when all places are taken and it is the one longest so.
#[derive(Debug)]
struct Work(Arc<Place>);

impl Connections {
    /// Places for so many.
    #[must_use]
    pub fn new(max: usize, metrics: Arc<Metrics>) -> Arc<Connections> {
        Arc::new(Connections { max, places: Mutex::default(), metrics })
    }

    /// How many are open, and how many may be.
    #[must_use]
    pub fn state(&self) -> (usize, usize) {
        (self.lock().taken, self.max)
    }

    /// A place for a newcomer, if need be that of whoever waits longest for a request.
    pub(super) fn enter(self: &Arc<Connections>) -> Option<Arc<Place>> {
        let mut places = self.lock();
        if places.taken >= self.max && !places.take_away() {
            return None;
        }
        places.taken += 1;
        let taken_away = Arc::new(Notify::new());
        let number = AtomicU64::new(places.wait(&taken_away));
        Some(Arc::new(Place { connections: Arc::clone(self), taken_away, number }))
    }

    /// Closes the connection that waits longest for a request.
    fn make_room(&self) {
        self.lock().take_away();
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// Takes away the place of whoever waits longest for a request; false when nobody waits.
    fn take_away(&mut self) -> bool {
        let Some((_, longest)) = self.idle.pop_first() else { return false };
        self.taken -= 1;
        longest.notify_one();
        true
    }

    fn wait(&mut self, taken_away: &Arc<Notify>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.idle.insert(number, Arc::clone(taken_away));
        number
    }
}

impl Place {
    /// A request is here; `None` when the place was taken away in this moment.
    fn work(self: &Arc<Place>) -> Option<Work> {
        self.connections.lock().idle.remove(&self.number.load(Ordering::Relaxed))?;
        Some(Work(Arc::clone(self)))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut places = self.0.connections.lock();
        self.0.number.store(places.wait(&self.0.taken_away), Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.connections.lock();
        // Its work, if there was any, has ended before: work holds its place.
        let has_place = places.idle.remove(&self.number.load(Ordering::Relaxed)).is_some();
        if has_place {
            places.taken -= 1;
        }
    }
}

/// Serves connections until the door closes; then those at work to the end of their calls.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    connections: Arc<Connections>,
    closed: impl Future<Output = ()>,
) {
    let mut closed = pin!(closed);
    let (closing, is_closing) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut is_failing = false;
    loop {
        let accepted = tokio::select! {
            () = &mut closed => break,
            // A call that panicked has ended its connection, and no other.
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match connections.enter() {
                Some(place) => {
                    let peer = Peer(peer.ip().to_canonical());
                    tasks.spawn(attend(stream, peer, router.clone(), place, is_closing.clone()));
                }
                None => turn_away(stream, &connections.metrics),
            },
            Err(error) if is_peers_fault(&error) => continue,
            Err(error) => {
                if !is_failing {
                    tracing::error!(%error, "no connection can be accepted; trying again");
                }
                connections.make_room();
                tokio::time::sleep(ACCEPT_PAUSE).await;
                is_failing = true;
                continue;
            }
        }
        is_failing = false;
    }
    drop(listener);
    closing.send_replace(true);
    while tasks.join_next().await.is_some() {}
}

/// Serves one connection.
pub(super) async fn attend<I>(
    io: I,
    peer: Peer,
    router: Router,
    place: Arc<Place>,
    mut is_closing: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = TowerToHyperService::new(router);
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let work = place.work();
        let answering =
            work.map(|work| (router.call(request.map(|b| Body::new(PacedBody::new(b)))), work));
        async move {
            let Some((answering, work)) = answering else { return Err(TakenAway) };
            let Ok(response) = answering.await;
            Ok(response.map(|body| AnswerBody { body, _work: work }))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(READ_BYTES_MAX)
        .serve_connection(TokioIo::new(PacedIo::new(io)), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = place.taken_away.notified() => {
            place.connections.metrics.closed_connection("made room");
            return;
        }
        _ = is_closing.wait_for(|is_closing| *is_closing) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if ended.is_err_and(|error| error.is_timeout()) {
        place.connections.metrics.closed_connection("silent");
    }
}

/// The place was taken away when the request was just here: it is not carried out.
#[derive(Debug, thiserror::Error)]
#[error("the connection was closed to make room")]
struct TakenAway;

/// The body of an answer, until whose end its connection is at work.
struct AnswerBody {
    body: Body,
    _work: Work,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Tells a newcomer that it must come again. Whether it hears that is up to its system: its request
/// is not read.
fn turn_away(stream: TcpStream, metrics: &Metrics) {
    metrics.closed_connection("crowded");
    let told = stream.into_std().and_then(|mut stream| stream.write(CROWDED));
    drop(told);
}

/// Errors of the one connection that was to be accepted.
fn is_peers_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
