//! The lines of one tail, as the body of its answer.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::poll_fn;
use futures_util::{FutureExt, stream};
use history::HistoryError;
use model::{AccountId, Timestamp};
use serde_json::{Map, Value, json};
use tail::{Item, Missed, Tail};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval_at};

use super::Tails;
use super::past::{Lines, Past};
use super::request::Asked;
use crate::http::Site;
use crate::http::sight::Sight;

/// How often a tail that has nothing to say says so, and how soon a caller who may not read any more
/// reads no more.
pub const ALIVE: Duration = Duration::from_secs(15);
/// What is handed to the connection at a time, if so much waits.
const CHUNK_BYTES: usize = 32 << 10;

const STOPPING: &str = "the daemon stops; open the tail again when it is back";

/// A tail that was opened, and by whom.
pub(super) struct Opened {
    pub(super) account: AccountId,
    pub(super) sight: Sight,
    pub(super) asked: Asked,
    pub(super) tail: Tail,
}

struct Telling {
    site: Arc<Site>,
    opened: Opened,
    state: State,
    /// What was before is being looked for, however fast the reader is: who waits for a turn and is
    /// not polled when it comes would keep it from others. Ends when dropped.
    reading: Option<JoinSet<Result<Lines, HistoryError>>>,
    past: VecDeque<(tail::Place, Bytes)>,
    tick: Interval,
    /// All that is wanted up to here is told; `None` while the past is still to come that was asked for
    /// by its time.
    told: Option<tail::Place>,
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
    let Opened { account, asked, tail, .. } = &opened;
    let first = tail.after();
    let told = match asked.after {
        Some(after) => Some(after.min(first)),
        None => asked.from.is_none().then_some(first),
    };
    let reading = asked.has_past().then(|| {
        let (from, after, filter) = (asked.from, asked.after, tail.filter().clone());
        let Tails { history, reads, .. } = &site.tails;
        let past = Past { filter, from, after, until: first, now: site.parts.now().wall };
        let mut reading = JoinSet::new();
        reading.spawn(past.read(Arc::clone(history), Arc::clone(reads), account.clone()));
        reading
    });
    let (state, past) = (State::New, VecDeque::new());
    let telling = Telling { site, opened, state, reading, past, tick, told };
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
                self.state = if self.reading.is_some() { State::Past } else { State::Live };
                Some(self.line(json!({ "begin": self.now() })))
            }
            State::Past => Some(self.past().await),
            State::Live => Some(self.live().await),
            State::Ended => None,
        }
    }

    /// What was before. While it is looked for, and while it is told, the reader is seen to as
    /// later.
    async fn past(&mut self) -> Bytes {
        let mut chunk = Vec::new();
        if let Some(reading) = &mut self.reading {
            let read = tokio::select! {
                read = reading.join_next() => read.expect("it is read once"),
                _ = self.tick.tick() => return self.judge().unwrap_or_else(|| self.alive()),
                () = poll_fn(|context| self.opened.tail.poll_closed(context)) => {
                    return self.end("stopping", STOPPING);
                }
            };
            self.reading = None;
            match read.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
                Ok(Lines { missed, is_at_least, lines }) => {
                    self.past = lines.into();
                    if let Some(missed) = missed {
                        chunk.extend(missed_line(&missed, is_at_least, None));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the history could not be read for a tail");
                    let message = "the history cannot be read now, the log of the daemon says why; \
                                   leave out startTime and after to follow what is still to come";
                    return self.end("history", message);
                }
            }
        } else if self.tick.tick().now_or_never().is_some()
            && let Some(end) = self.judge()
        {
            return end;
        }
        while chunk.len() < CHUNK_BYTES
            && let Some((place, line)) = self.past.pop_front()
        {
            chunk.extend_from_slice(&line);
            self.told = Some(place);
        }
        if self.past.is_empty() {
            self.past = VecDeque::new();
            self.told = self.told.max(Some(self.opened.tail.after()));
            self.state = State::Live;
        }
        chunk.into()
    }

    async fn live(&mut self) -> Bytes {
        loop {
            let item = tokio::select! {
                item = poll_fn(|context| self.opened.tail.poll_next(context)) => item,
                _ = self.tick.tick() => {
                    if let Some(end) = self.judge() {
                        return end;
                    }
                    // While events wait there is something to say.
                    let Some(seen) = self.opened.tail.seen() else { continue };
                    self.told = self.told.max(Some(seen));
                    return self.alive();
                }
            };
            let Some(mut item) = item else {
                return self.end("stopping", STOPPING);
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
                chunk.extend(missed_line(missed, false, Some(missed.place)));
                self.told = Some(missed.place);
            }
        }
    }

    /// Now and then: the last line, if the caller may not read any more.
    fn judge(&mut self) -> Option<Bytes> {
        let Opened { sight, tail, .. } = &self.opened;
        match sight.again(&self.site) {
            Err(exception) => Some(self.end("denied", &exception.message)),
            Ok(accounts) if tail.filter().scope().accounts.as_ref() != Some(&accounts) => {
                let message = "the accounts of the organization have changed; open the tail again";
                Some(self.end("changed", message))
            }
            Ok(_) => None,
        }
    }

    fn alive(&self) -> Bytes {
        self.line(json!({ "alive": self.now() }))
    }

    fn end(&mut self, reason: &str, message: &str) -> Bytes {
        if self.state == State::Live {
            self.told = self.told.max(self.opened.tail.seen());
        }
        self.state = State::Ended;
        // Its turn is for others, however slowly the reader takes the last line.
        self.reading = None;
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

fn missed_line(missed: &Missed, is_at_least: bool, place: Option<tail::Place>) -> Vec<u8> {
    // LookupEvents goes by whole seconds.
    let end = missed.to.round_up_to(Duration::from_secs(1));
    let mut members = Map::new();
    members.insert("missed".into(), missed.events.into());
    if missed.is_at_most {
        members.insert("atMost".into(), true.into());
    }
    if is_at_least {
        members.insert("atLeast".into(), true.into());
    }
    let time = |time: Timestamp| Value::from(time.to_iso_seconds());
    members.insert("startTime".into(), time(missed.from));
    members.insert("endTime".into(), time(end));
    if let Some(place) = place {
        members.insert("position".into(), place.to_string().into());
    }
    format!("{}\n", Value::Object(members)).into_bytes()
}
