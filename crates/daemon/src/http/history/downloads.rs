//! Downloads that are under way: how many, and how each goes on.
//!
//! A download looks up a page when its client has taken the one before, so that it holds one page and
//! nothing else, and holds up nobody however slow its client is; [`super::super::patience`] ends a client
//! that does not read. Pages are looked up and written off the async threads, in turns ([`Reads`]).

use std::io;
use std::sync::Arc;

use api::{Caller, Exception};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::BoxFuture;
use futures_util::stream::try_unfold;
use history::{History, HistoryError, Query};
use model::AccountId;
use serde_json::Value;
use tokio::sync::watch;

use super::query::Asked;
use crate::export::Writer;
use crate::http::places::{Place, Places};
use crate::reads::Reads;

/// Downloads at a time; half of them for one account.
pub(super) const DOWNLOADS_MAX: usize = 16;
/// Rows of a page; of large records there are fewer ([`history::PAGE_BYTES`]).
pub(super) const ROWS_MAX: usize = 512;

/// Makes the record of a download that is begun or refused: LookupEvents with these members.
pub type RecordLookup = Arc<
    dyn Fn(
            Caller,
            api::Request,
            Value,
            Result<(), Exception>,
        ) -> BoxFuture<'static, Result<(), Exception>>
        + Send
        + Sync,
>;

/// The downloads of a daemon.
pub struct Downloads {
    history: Arc<History>,
    record: RecordLookup,
    stopping: watch::Receiver<bool>,
    places: Arc<Places>,
    reads: Arc<Reads>,
}

/// Whether a caller may still see what it downloads.
pub(super) type MaySee = Box<dyn Fn() -> bool + Send + Sync>;

/// A download.
pub(super) struct Download {
    downloads: Arc<Downloads>,
    account: AccountId,
    _place: Place,
    may_see: MaySee,
    pages: Option<Pages>,
    /// A page that is not sent yet.
    ready: Option<Bytes>,
}

/// What is still to come of a download.
struct Pages {
    query: Query,
    /// Rows that it may still have.
    left: u64,
    writer: Writer,
    is_begun: bool,
}

/// Why no page can be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    /// The history can't be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The daemon stops.
    #[error("the daemon stops; try again when it is back")]
    Stopping,
    /// The caller's key is gone, or its policies or its organization changed.
    #[error("the caller may not see these events any more")]
    Denied,
    /// There is a bug.
    #[error("a page could not be made")]
    Panicked,
}

impl Downloads {
    /// Of this history, none yet; they are broken off when `stopping` says so.
    #[must_use]
    pub fn new(
        history: Arc<History>,
        reads: Arc<Reads>,
        record: RecordLookup,
        stopping: watch::Receiver<bool>,
    ) -> Arc<Downloads> {
        let places = Places::new(DOWNLOADS_MAX);
        Arc::new(Downloads { history, record, stopping, places, reads })
    }

    /// How many are under way, and how many may be.
    #[must_use]
    pub fn state(&self) -> (usize, usize) {
        self.places.state()
    }

    /// A place for a download of an account, if there is one.
    pub(super) fn enter(&self, account: &AccountId) -> Option<Place> {
        self.places.enter(account)
    }

    pub(in crate::http) async fn record(
        &self,
        caller: &Caller,
        call: api::Request,
        members: Value,
        result: Result<(), Exception>,
    ) -> Result<(), Exception> {
        (self.record)(caller.clone(), call, members, result).await
    }
}

impl Download {
    /// Nothing is looked up yet. Before each page it is asked whether the caller may still see it.
    pub(super) fn new(
        downloads: Arc<Downloads>,
        account: AccountId,
        place: Place,
        may_see: MaySee,
        query: Query,
        asked: &Asked,
    ) -> Download {
        let pages = Pages {
            query,
            left: asked.limit.unwrap_or(u64::MAX),
            writer: Writer::new(asked.format),
            is_begun: false,
        };
        Download { downloads, account, _place: place, may_see, pages: Some(pages), ready: None }
    }

    /// Has the next page ready, if there is one.
    pub(super) async fn look(&mut self) -> Result<(), Unread> {
        while self.ready.is_none()
            && let Some(mut pages) = self.pages.take()
        {
            if *self.downloads.stopping.borrow() {
                return Err(Unread::Stopping);
            }
            if !(self.may_see)() {
                return Err(Unread::Denied);
            }
            let turn = self.downloads.reads.turn(&self.account).await;
            let history = Arc::clone(&self.downloads.history);
            let looked = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                let page = pages.next(&history)?;
                Ok::<_, HistoryError>((page, pages))
            });
            let (page, pages) = looked.await.map_err(|_| Unread::Panicked)??;
            self.pages = (!page.is_last).then_some(pages);
            self.ready = (!page.bytes.is_empty()).then_some(page.bytes);
        }
        Ok(())
    }

    /// All pages, the one that is ready first. Ends with an error when there is no whole answer.
    pub(super) fn chunks(self) -> impl Stream<Item = io::Result<Bytes>> {
        try_unfold(self, async |mut download| {
            if let Err(unread) = download.look().await {
                tracing::warn!(error = %unread, "a download of the history is broken off");
                return Err(io::Error::other(unread.to_string()));
            }
            Ok(download.ready.take().map(|page| (page, download)))
        })
    }
}

/// A page, as it is sent.
struct Written {
    bytes: Bytes,
    is_last: bool,
}

impl Pages {
    fn next(&mut self, history: &History) -> Result<Written, HistoryError> {
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.is_begun, true) {
            self.writer.begin(&mut out);
        }
        self.query.limit = usize::try_from(self.left).unwrap_or(usize::MAX).min(ROWS_MAX);
        let page = history.lookup(&self.query)?;
        for row in &page.rows {
            self.writer.record(&row.record, &mut out);
        }
        self.left -= page.rows.len() as u64;
        self.query.after = page.next;
        let is_last = self.left == 0 || page.next.is_none();
        if is_last {
            self.writer.end(&mut out);
        }
        Ok(Written { bytes: out.into(), is_last })
    }
}
