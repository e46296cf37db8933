//! How long a peer may keep this side waiting: [`LIMIT`] for nothing, and a second more for every
//! [`BYTES_PER_SECOND`] that it sends or takes. So a peer that is slow but comes on is served to its
//! end, and one that drips holds nothing for long. Only the time is counted in which this side waits
//! for the peer: a sender is not to blame for a journal that is busy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// What a peer may wait in all without moving anything.
pub const LIMIT: Duration = Duration::from_secs(60);
/// Bytes that are worth a second.
pub const BYTES_PER_SECOND: u32 = 4 << 10;

const TOO_SLOW: &str = "too slow: it must come on by 4 KiB a second, with pauses of up to 60 s";

/// What is left of it for one peer, in one direction.
#[derive(Debug)]
struct Patience {
    left: Duration,
    /// Since when the peer is waited for, and until when.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Patience {
    fn new() -> Patience {
        Patience { left: LIMIT, waiting: None }
    }

    /// The peer is waited for; ready when that has been too long.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let left = self.left;
        let (_, end) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        end.as_mut().poll(context)
    }

    /// The peer moved so many bytes.
    fn moved(&mut self, bytes: usize) {
        if let Some((since, _)) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        let gained = Duration::from_secs(bytes as u64) / BYTES_PER_SECOND;
        self.left = (self.left + gained).min(LIMIT);
    }
}

/// A connection whose peer must take what is written to it. For what comes in, the header timeout
/// and [`PacedBody`] care.
#[derive(Debug)]
pub struct PacedIo<I> {
    io: I,
    patience: Patience,
}

impl<I> PacedIo<I> {
    /// A connection that closes when its peer does not read.
    pub fn new(io: I) -> PacedIo<I> {
        PacedIo { io, patience: Patience::new() }
    }

    fn pace(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending if self.patience.poll_end(context).is_ready() => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")))
            }
            Poll::Ready(Ok(bytes)) => {
                self.patience.moved(bytes);
                Poll::Ready(Ok(bytes))
            }
            other => other,
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for PacedIo<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for PacedIo<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.pace(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, parts);
        self.pace(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

/// A body whose sender must come on with it.
#[derive(Debug)]
pub struct PacedBody<B> {
    body: B,
    patience: Patience,
}

impl<B> PacedBody<B> {
    /// A body that fails when its sender is too slow.
    pub fn new(body: B) -> PacedBody<B> {
        PacedBody { body, patience: Patience::new() }
    }
}

impl<B> Body for PacedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Pending if self.patience.poll_end(context).is_ready() => {
                Poll::Ready(Some(Err(TOO_SLOW.into())))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                self.patience.moved(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
