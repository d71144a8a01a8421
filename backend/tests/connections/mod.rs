//! Slow and idle clients cost themselves only. The clock is paused, and the connections are pipes, but
//! where the system's own sockets are what is tried.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod many;
mod refused;
mod slow;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use futures_util::stream;
use langoverrule::fair::Client;
use langoverrule::http::net::{self, ConnectionLimits, Connections, Drain};
use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio_util::sync::CancellationToken;

const PIPE: usize = 64 << 10;

const PIECE: usize = 16 << 10;

const ASK: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn limits() -> ConnectionLimits {
    ConnectionLimits {
        head: Duration::from_secs(30),
        drain: Drain { window: Duration::from_secs(30), floor: 1 << 10 },
        ..ConnectionLimits::within(1024)
    }
}

fn peer() -> SocketAddr {
    ([192, 0, 2, 1], 50_000).into()
}

/// Opens a connection to an application.
fn open(
    connections: &Arc<Connections>,
    app: Router,
) -> (DuplexStream, tokio::task::JoinHandle<()>) {
    let (near, far) = duplex(PIPE);
    let slot = connections.admit(Some(Client::at(peer().ip()))).unwrap();
    let served = net::answer(far, peer(), app, slot, CancellationToken::new());
    (near, tokio::spawn(served))
}

/// Answers without end, and counts what was asked of it.
fn endless(made: Arc<AtomicUsize>) -> Router {
    let body = move || {
        let made = made.clone();
        let pieces = stream::unfold((), move |()| {
            made.fetch_add(1, Ordering::Relaxed);
            async { Some((Ok::<_, Infallible>(Bytes::from(vec![b'x'; PIECE])), ())) }
        });
        async { Body::from_stream(pieces) }
    };
    Router::new().route("/", get(body))
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

/// Reads one answer to [`hello`].
async fn answered(near: &mut DuplexStream) -> bool {
    let (mut text, mut buffer) = (String::new(), [0; 1024]);
    while !text.ends_with("hello") {
        match near.read(&mut buffer).await {
            Ok(n) if n > 0 => text += std::str::from_utf8(&buffer[..n]).unwrap(),
            _ => return false,
        }
    }
    text.starts_with("HTTP/1.1 200")
}
