//! A connection that is given up when the other side does not read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::connections::Slot;
use super::pace::Waiting;
use crate::fair::Activity;

/// How slowly what is answered may be read: within each `window` of waiting, at least `floor` bytes a
/// second of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Time of waiting over which the speed is taken.
    pub window: Duration,
    /// Bytes a second.
    pub floor: u64,
}

/// A connection that fails when the other side reads too slowly. It holds its place among the lab's
/// connections: whatever becomes of it, a websocket too, is counted until it is dropped, and fails when
/// it is to make room.
pub struct Drained<I> {
    io: I,
    drain: Drain,
    waiting: Waiting,
    taken: u64,
    leave: Pin<Box<WaitForCancellationFutureOwned>>,
    activity: Arc<Activity>,
    _slot: Slot,
}

impl<I> Drained<I> {
    /// Watches a connection.
    pub fn new(io: I, drain: Drain, slot: Slot) -> Self {
        let (leave, activity) = (Box::pin(slot.leave().cancelled_owned()), slot.activity());
        let waiting = Waiting::default();
        Drained { io, drain, waiting, taken: 0, leave, activity, _slot: slot }
    }

    /// Whether the connection is to make room.
    fn leaves(&mut self, cx: &mut Context) -> bool {
        self.leave.as_mut().poll(cx).is_ready()
    }

    fn wrote(&mut self, bytes: usize) {
        self.activity.goes_on();
        if !self.waiting.is_on() {
            // It was taken at once: whoever reads keeps up.
            return self.restart();
        }
        self.waiting.moved();
        self.taken += bytes as u64;
        if self.waiting.waited() >= self.drain.window && self.is_read() {
            self.restart();
        }
    }

    /// Whether enough was taken in this window.
    fn is_read(&self) -> bool {
        self.taken as f64 >= self.drain.floor as f64 * self.drain.window.as_secs_f64()
    }

    fn restart(&mut self) {
        self.waiting.restart();
        self.taken = 0;
    }

    /// Nothing can be written now: until when that is borne.
    fn poll_wait(&mut self, cx: &mut Context) -> Poll<io::Error> {
        self.activity.waits();
        if self.leaves(cx) {
            return Poll::Ready(makes_room());
        }
        loop {
            ready!(self.waiting.poll_over(cx, self.drain.window, None));
            if !self.is_read() {
                return Poll::Ready(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the other side reads nothing, or too slowly",
                ));
            }
            self.restart();
        }
    }
}

fn makes_room() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection makes room for another")
}

impl<I: AsyncRead + Unpin> AsyncRead for Drained<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        if self.leaves(cx) {
            return Poll::Ready(Err(makes_room()));
        }
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Drained<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.io).poll_write(cx, bytes) {
            Poll::Ready(done) => {
                self.wrote(*done.as_ref().unwrap_or(&0));
                Poll::Ready(done)
            }
            Poll::Pending => self.poll_wait(cx).map(Err),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        bytes: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.io).poll_write_vectored(cx, bytes) {
            Poll::Ready(done) => {
                self.wrote(*done.as_ref().unwrap_or(&0));
                Poll::Ready(done)
            }
            Poll::Pending => self.poll_wait(cx).map(Err),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
