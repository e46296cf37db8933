//! The lines of one tail, as the body of its answer.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use api::Caller;
use axum::body::Body;
use bytes::Bytes;
use futures_util::future::poll_fn;
use futures_util::stream;
use model::Timestamp;
use serde_json::{Map, Value, json};
use tail::{Item, Missed, Place, Tail};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval_at};

use super::past::Past;
use super::request::Asked;
use crate::http::Site;

/// How often a tail that has nothing to say says so, and how soon a caller who may not read any more
/// reads no more.
pub const ALIVE: Duration = Duration::from_secs(15);
/// What is handed to the connection at a time, if so much waits.
const CHUNK_BYTES: usize = 32 << 10;

/// A tail that was opened, and by whom.
pub(super) struct Opened {
    pub(super) caller: Caller,
    pub(super) source_ip: String,
    pub(super) user_agent: Option<String>,
    pub(super) asked: Asked,
    pub(super) tail: Tail,
    /// Held as long as there is something of the past to tell.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

struct Telling {
    site: Arc<Site>,
    opened: Opened,
    state: State,
    past: VecDeque<(Place, Bytes)>,
    tick: Interval,
    /// All that is wanted up to here is told; `None` while the past is still to come that was asked for
    /// by its time.
    told: Option<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Past,
    Live,
    Ended,
}

/// The body of its answer.
pub(super) fn body(site: Arc<Site>, opened: Opened) -> Body {
    let mut tick = interval_at(tokio::time::Instant::now() + ALIVE, ALIVE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let first = opened.tail.after();
    let told = match opened.asked.after {
        Some(after) => Some(after.min(first)),
        None => opened.asked.from.is_none().then_some(first),
    };
    let telling = Telling { site, opened, state: State::New, past: VecDeque::new(), tick, told };
    Body::from_stream(stream::unfold(telling, |mut telling| async {
        let chunk = telling.next().await?;
        Some((Ok::<_, Infallible>(chunk), telling))
    }))
}

impl Telling {
    /// What is told next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        match self.state {
            State::New => {
                self.state = State::Past;
                Some(self.line(json!({ "begin": self.now() })))
            }
            State::Past => Some(self.past().await),
            State::Live => Some(self.live().await),
            State::Ended => None,
        }
    }

    /// What was before; looked for when the reader has heard that the tail is open.
    async fn past(&mut self) -> Bytes {
        let mut chunk = Vec::new();
        if self.past.is_empty() && self.opened.permit.is_some() {
            let past = Past {
                filter: self.opened.tail.filter(),
                from: self.opened.asked.from,
                after: self.opened.asked.after,
                until: self.opened.tail.after(),
            };
            match past.read(&self.site.tails.history).await {
                Ok(found) => {
                    self.past = found.lines.into();
                    if let Some(missed) = found.missed {
                        chunk.extend(missed_line(&missed, None));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the history could not be read for a tail");
                    let message = "the history cannot be read now, the log of the daemon says why; \
                                   leave out startTime and after to follow what is still to come";
                    return self.end("history", message);
                }
            }
        }
        while chunk.len() < CHUNK_BYTES
            && let Some((place, line)) = self.past.pop_front()
        {
            chunk.extend_from_slice(&line);
            self.told = Some(place);
        }
        if self.past.is_empty() {
            self.past = VecDeque::new();
            self.opened.permit = None;
            self.told = self.told.max(Some(self.opened.tail.after()));
            self.state = State::Live;
        }
        chunk.into()
    }

    async fn live(&mut self) -> Bytes {
        loop {
            let item = tokio::select! {
                item = poll_fn(|context| self.opened.tail.poll_next(context)) => item,
                _ = self.tick.tick() => match self.look_again() {
                    Some(chunk) => return chunk,
                    None => continue,
                },
            };
            let Some(mut item) = item else {
                return self
                    .end("stopping", "the daemon stops; open the tail again when it is back");
            };
            let mut chunk = Vec::new();
            loop {
                self.tell(&item, &mut chunk);
                if chunk.len() >= CHUNK_BYTES {
                    return chunk.into();
                }
                match self.opened.tail.try_next() {
                    Some(next) => item = next,
                    None => return chunk.into(),
                }
            }
        }
    }

    fn tell(&mut self, item: &Item, chunk: &mut Vec<u8>) {
        match item {
            Item::Line(place, line) => {
                chunk.extend_from_slice(line);
                self.told = Some(*place);
            }
            Item::Missed(missed) => {
                chunk.extend(missed_line(missed, Some(missed.place)));
                self.told = Some(missed.place);
            }
        }
    }

    /// Now and then: whether the caller may still read, and a sign of life. `None` while events wait.
    fn look_again(&mut self) -> Option<Bytes> {
        let Opened { caller, source_ip, user_agent, asked, tail, .. } = &self.opened;
        let site = &self.site;
        let Some(again) = site.auth.again(caller, site.parts.now().wall) else {
            let message = "the access key or session that opened this tail is no longer valid";
            return Some(self.end("denied", message));
        };
        let allowed = site
            .serves(&again.account)
            .map_err(|message| api::Exception::new("AccessDeniedException", message))
            .and_then(|()| site.may_follow(&again, source_ip, user_agent.as_deref()))
            .and_then(|()| site.followed(&again, &asked.accounts));
        let accounts = match allowed {
            Ok(accounts) => accounts,
            Err(exception) => return Some(self.end("denied", &exception.message)),
        };
        if accounts != tail.filter().scope().accounts {
            let message = "the accounts of the organization have changed; open the tail again";
            return Some(self.end("changed", message));
        }
        self.told = self.told.max(Some(tail.seen()?));
        Some(self.line(json!({ "alive": self.now() })))
    }

    fn end(&mut self, reason: &str, message: &str) -> Bytes {
        self.state = State::Ended;
        if self.told.is_some() && self.past.is_empty() {
            self.told = self.told.max(self.opened.tail.seen());
        }
        self.line(json!({ "end": reason, "message": message }))
    }

    /// A line of the tail's own, with how far it is.
    fn line(&self, mut members: Value) -> Bytes {
        if let Some(told) = self.told {
            members["position"] = told.to_string().into();
        }
        format!("{members}\n").into()
    }

    fn now(&self) -> String {
        self.site.parts.now().wall.to_iso_seconds()
    }
}

fn missed_line(missed: &Missed, place: Option<Place>) -> Vec<u8> {
    // LookupEvents goes by whole seconds.
    let end = missed.to.round_up_to(Duration::from_secs(1));
    let mut members = Map::new();
    members.insert("missed".into(), missed.events.into());
    if missed.is_at_most {
        members.insert("atMost".into(), true.into());
    }
    let time = |time: Timestamp| Value::from(time.to_iso_seconds());
    members.insert("startTime".into(), time(missed.from));
    members.insert("endTime".into(), time(end));
    if let Some(place) = place {
        members.insert("position".into(), place.to_string().into());
    }
    format!("{}\n", Value::Object(members)).into_bytes()
}
