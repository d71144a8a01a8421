//! Words for who is refused before a route sees the request: whose head is too large, comes too slowly,
//! or is no HTTP.
//!
//! hyper answers the first and the last with a bare status, and closes for the second without one; it
//! has no way to say more. So this lies between hyper and the connection. What hyper writes while no
//! request is being answered, after all answers were written, can only be such a status: a whole answer
//! of the lab's takes its place.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use shared::sentence::LabError;
use shared::{ErrorBody, ErrorCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::connections::Asker;
use crate::fair::Activity;

/// Most bytes of a request's head.
pub const HEAD: usize = 32 << 10;
/// Most lines of it, after the first.
pub const LINES: usize = 100;
/// How long what is still sent is read after the last word: a connection that is closed with
/// something unread takes back what was said.
const LINGER: Duration = Duration::from_secs(2);
/// Most bytes that are read for that.
const UNREAD: usize = 1 << 20;

/// A refusal as it is written over a connection that is then closed.
pub fn refusal(body: &ErrorBody) -> Vec<u8> {
    let status = StatusCode::from_u16(body.code.http_status()).unwrap_or(StatusCode::BAD_REQUEST);
    // Plain data: it always has a JSON form.
    let text = serde_json::to_string(body).unwrap_or_default();
    let after = body.retry_after.map_or(String::new(), |s| format!("Retry-After: {s}\r\n"));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{after}\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        text.len()
    );
    (head + &text).into_bytes()
}

/// A connection that refuses in words.
pub struct Worded<I> {
    io: I,
    activity: Arc<Activity>,
    asker: Asker,
    /// How long a head may take, and nothing at all.
    patience: Duration,
    head: Option<Head>,
    /// Requests that had come when all answers were written.
    answered: Option<u64>,
    last: Option<Last>,
    closing: Closing,
}

/// A head that is waited for.
struct Head {
    /// Requests that came before.
    after: u64,
    timer: Pin<Box<Sleep>>,
    begun: bool,
}

/// The last words on a connection.
struct Last {
    bytes: Vec<u8>,
    written: usize,
}

/// How far the end of a connection is.
enum Closing {
    No,
    /// Nothing more is said; what still comes is read, so many bytes more.
    Lingers(Pin<Box<Sleep>>, usize),
    Done,
}

impl<I> Worded<I> {
    /// Watches a connection.
    pub fn new(io: I, activity: Arc<Activity>, asker: Asker, patience: Duration) -> Self {
        let (head, answered, last, closing) = (None, Some(0), None, Closing::No);
        Worded { io, activity, asker, patience, head, answered, last, closing }
    }

    /// Notes a refusal, and has it said.
    fn refuse(&mut self, code: ErrorCode, why: LabError) {
        let body = ErrorBody::new(code, why);
        self.asker.refused(&body);
        self.last = Some(Last { bytes: refusal(&body), written: 0 });
    }

    /// Whether what is written now is the HTTP parser's own.
    fn is_parsers_own(&self) -> bool {
        self.activity.between_requests().is_some_and(|came| self.answered == Some(came))
    }

    /// Takes the place of a bare status.
    fn reword(&mut self, bare: &[u8]) {
        let status = bare.get(9..12).and_then(|s| std::str::from_utf8(s).ok()?.parse().ok());
        match status {
            Some(414 | 431) => {
                let (kib, lines) = ((HEAD >> 10) as u64, LINES as u64);
                self.refuse(ErrorCode::HeadTooLarge, LabError::HeadTooLarge { kib, lines });
            }
            _ => self.refuse(ErrorCode::BadRequest, LabError::NotHttp),
        }
    }
}

impl<I: AsyncWrite + Unpin> Worded<I> {
    /// Writes the last words.
    fn poll_say(&mut self, cx: &mut Context) -> Poll<io::Result<()>> {
        while let Some(last) = &mut self.last
            && last.written < last.bytes.len()
        {
            let rest = &last.bytes[last.written..];
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            last.written += written;
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Worded<I> {
    /// Says nothing more, and reads what still comes where something was not read.
    fn poll_close(&mut self, cx: &mut Context) -> Poll<io::Result<()>> {
        loop {
            match &mut self.closing {
                Closing::No => {
                    ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
                    self.closing = match self.last.is_some() || self.activity.is_unread() {
                        true => Closing::Lingers(Box::pin(sleep(LINGER)), UNREAD),
                        false => Closing::Done,
                    };
                }
                Closing::Lingers(timer, left) => {
                    let mut unread = [0; 4096];
                    let mut unread = ReadBuf::new(&mut unread);
                    let over = match Pin::new(&mut self.io).poll_read(cx, &mut unread) {
                        Poll::Pending => timer.as_mut().poll(cx).is_ready(),
                        Poll::Ready(Err(_)) => true,
                        Poll::Ready(Ok(())) => {
                            let read = unread.filled().len();
                            *left = left.saturating_sub(read);
                            if read > 0 && *left > 0 && !timer.is_elapsed() {
                                continue;
                            }
                            true
                        }
                    };
                    if !over {
                        return Poll::Pending;
                    }
                    self.closing = Closing::Done;
                }
                Closing::Done => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncRead for Worded<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // The time for the next head begins when this request is over, whoever notices that.
        this.activity.wake_after_request(cx.waker());
        let Some(after) = this.activity.between_requests() else {
            return Pin::new(&mut this.io).poll_read(cx, buffer);
        };
        if this.last.is_none() {
            let patience = this.patience;
            let anew = || Head { after, timer: Box::pin(sleep(patience)), begun: false };
            let head = match &mut this.head {
                Some(head) if head.after == after => head,
                other => other.insert(anew()),
            };
            let before = buffer.filled().len();
            if let Poll::Ready(read) = Pin::new(&mut this.io).poll_read(cx, buffer) {
                head.begun |= buffer.filled().len() > before;
                return Poll::Ready(read);
            }
            ready!(head.timer.as_mut().poll(cx));
            if !head.begun {
                // Nothing was asked, so nothing is answered.
                return Poll::Ready(Ok(()));
            }
            let seconds = patience.as_secs();
            this.refuse(ErrorCode::TooSlow, LabError::HeadTooSlow { seconds });
        }
        ready!(this.poll_say(cx))?;
        ready!(this.poll_close(cx))?;
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Worded<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.last.is_none() && self.is_parsers_own() {
            self.reword(bytes);
        }
        match self.last {
            Some(_) => self.poll_say(cx).map_ok(|()| bytes.len()),
            None => Pin::new(&mut self.io).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        bytes: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        if self.last.is_none() && self.is_parsers_own() {
            self.reword(bytes.first().map_or(&[], |first| first));
        }
        match self.last {
            Some(_) => self.poll_say(cx).map_ok(|()| bytes.iter().map(|slice| slice.len()).sum()),
            None => Pin::new(&mut self.io).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        // The HTTP parser flushes when it has nothing more to write.
        self.answered = self.activity.between_requests();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        self.poll_close(cx)
    }
}
