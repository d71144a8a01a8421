//! The server: accepts connections and answers on them, within the limits of [`Connections`].
//!
//! axum's own server has no limits of any kind, so connections are driven here, by hyper.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use shared::{ErrorBody, ErrorCode, sentence};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::Access;
use super::connections::{Connections, Refused, Slot};
use super::io::Drained;
use super::words::{HEAD, Worded, refusal};
use crate::error::Refusal;
use crate::fair::{Activity, Busy, Client};

/// Most bytes of a request that are read, and of an answer that are written, at once.
const BUFFER: usize = HEAD;
/// Most bytes that the system keeps of an answer that nobody reads.
const SEND_BUFFER: u32 = 256 << 10;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;
/// Connections that are refused in words at once; more are only closed.
const REFUSALS: usize = 64;
/// How long a refusal may take.
const REFUSING: Duration = Duration::from_secs(2);
/// How long nothing is accepted after the system had no files left.
const BREATH: Duration = Duration::from_millis(200);

/// Listens on an address.
///
/// # Errors
/// It cannot be listened on.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // What is accepted has it too.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Where connections come from.
pub trait Accept: Send {
    /// A connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next one.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // Events are small and must not wait for one another.
        let _ = stream.set_nodelay(true);
        // What was sent to a device that went away is given up after this long.
        #[cfg(target_os = "linux")]
        let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, 60_000);
        Ok((stream, peer))
    }
}

/// Serves until it is told to stop and every connection has ended; requests that are being answered
/// then are answered.
pub async fn serve<A: Accept>(
    mut listener: A,
    app: Router,
    connections: Arc<Connections>,
    access: Arc<Access>,
    stopping: CancellationToken,
) {
    let tasks = TaskTracker::new();
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopping.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (io, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_theirs(&error) => continue,
            Err(error) => {
                connections.cannot_accept(&error);
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let ip = peer.ip().to_canonical();
        let client = (!access.is_proxy(ip)).then(|| Client::at(ip));
        match connections.admit(client) {
            Ok(slot) => {
                let (app, stopping) = (app.clone(), stopping.clone());
                tasks.spawn(answer(io, peer, app, slot, stopping));
            }
            Err(refused) => {
                if let Ok(turn) = refusals.clone().try_acquire_owned() {
                    tasks.spawn(async move {
                        let _ = tokio::time::timeout(REFUSING, refuse(io, refused)).await;
                        drop(turn);
                    });
                }
            }
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// Whether accepting failed for one connection's own reasons.
fn is_theirs(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    [ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted].contains(&error.kind())
}

/// Answers on a connection until it ends, or becomes a websocket, which lives on by itself.
pub async fn answer<I>(
    io: I,
    peer: SocketAddr,
    app: Router,
    slot: Slot,
    stopping: CancellationToken,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = slot.limits();
    let (activity, asker, leave) = (slot.activity(), slot.asker(), slot.leave());
    let io = Drained::new(io, limits.drain, slot);
    let io = TokioIo::new(Worded::new(io, activity.clone(), asker, limits.head));
    let service = service_fn(move |request: Request<Incoming>| {
        let mut busy = Some(activity.busy());
        let activity = activity.clone();
        let mut request = request.map(|body| match body.is_end_stream() {
            true => Body::new(body),
            false => Body::new(Asking { body, activity: activity.clone(), ended: false }),
        });
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(activity);
        let app = app.clone();
        async move {
            let response = app.oneshot(request).await?;
            // Who is refused over a websocket, for a page cannot read another answer, is about to be
            // sent away.
            let refused = response.extensions().get::<Refusal>().is_some();
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                busy.take().into_iter().for_each(|busy| busy.upgraded(!refused));
            }
            Ok::<_, Infallible>(response.map(|body| Answering { body, _busy: busy }))
        }
    });
    let connection = http1::Builder::new()
        // That has words for it.
        .header_read_timeout(None)
        .max_header_size(HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let mut told = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended");
                }
                return;
            }
            // It makes room for another.
            () = leave.cancelled() => return,
            () = stopping.cancelled(), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A request's body, which notes when it is waited for, and that it was not read to its end.
struct Asking {
    body: Incoming,
    activity: Arc<Activity>,
    ended: bool,
}

impl HttpBody for Asking {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        match frame.is_pending() {
            true => self.activity.waits(),
            false => self.activity.goes_on(),
        }
        self.ended |= matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.activity.goes_on();
        if !self.ended && !self.body.is_end_stream() {
            self.activity.leaves_unread();
        }
    }
}

/// An answer's body, which keeps its connection busy.
struct Answering {
    body: Body,
    _busy: Option<Busy>,
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Says why a connection is not served, and closes it.
async fn refuse<I: AsyncRead + AsyncWrite + Unpin>(mut io: I, refused: Refused) -> io::Result<()> {
    let (code, why) = match refused {
        Refused::Client => (ErrorCode::TooManyConnections, sentence::LabError::TooManyConnections),
        Refused::All => (ErrorCode::ConnectionsFull, sentence::LabError::ConnectionsFull),
    };
    io.write_all(&refusal(&ErrorBody { retry_after: Some(5), ..ErrorBody::new(code, why) }))
        .await?;
    io.shutdown().await?;
    // What was sent and not read would take the answer back.
    let mut unread = [0; 4096];
    for _ in 0..16 {
        if io.read(&mut unread).await? == 0 {
            break;
        }
    }
    Ok(())
}
