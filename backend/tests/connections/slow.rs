//! Who asks or reads too slowly is closed, and who does so fast enough is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::routing::get;
use langoverrule::http::net::Connections;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{ASK, PIECE, PIPE, answered, endless, hello, limits, open};

#[tokio::test(start_paused = true)]
async fn who_asks_nothing_or_asks_too_slowly_is_closed() {
    let connections = Connections::new(limits());
    // Nothing at all.
    let (mut near, _) = open(&connections, hello());
    let started = Instant::now();
    assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
    assert!(started.elapsed().abs_diff(Duration::from_secs(30)) < Duration::from_millis(10));
    // A byte a second.
    let (mut near, served) = open(&connections, hello());
    let started = Instant::now();
    near.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ").await.unwrap();
    while near.write_all(b"x").await.is_ok() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(started.elapsed() < Duration::from_secs(35));
    }
    served.await.unwrap();
    // Kept alive after an answer, and then idle.
    let (mut near, _) = open(&connections, hello());
    for _ in 0..3 {
        near.write_all(ASK.as_bytes()).await.unwrap();
        assert!(answered(&mut near).await);
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    let idle = Instant::now();
    assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
    assert!(idle.elapsed() <= Duration::from_secs(11), "{:?}", idle.elapsed());
    tokio::task::yield_now().await;
    assert_eq!(connections.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn forty_readers_that_read_nothing_hold_little_and_are_closed() {
    let connections = Connections::new(limits());
    let made = Arc::new(AtomicUsize::new(0));
    let mut readers = Vec::new();
    for _ in 0..40 {
        let (mut near, served) = open(&connections, endless(made.clone()));
        near.write_all(ASK.as_bytes()).await.unwrap();
        readers.push((near, served));
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    // What lies in the pipe, what is being written, and the piece after that.
    let held = made.load(Ordering::Relaxed) * PIECE;
    let each = PIPE + (32 << 10) + 4 * PIECE;
    assert!(held >= 40 * PIPE && held <= 40 * each, "{held} bytes for 40 readers");
    // Somebody else is answered meanwhile.
    let (mut near, _) = open(&connections, hello());
    near.write_all(ASK.as_bytes()).await.unwrap();
    assert!(answered(&mut near).await);
    drop(near);
    tokio::time::sleep(Duration::from_secs(11)).await;
    for (_, served) in readers {
        assert!(served.is_finished(), "closed after 30 seconds of waiting");
    }
    let at_last = made.load(Ordering::Relaxed) * PIECE;
    assert!(at_last <= 40 * each, "{at_last} bytes for 40 readers");
    assert_eq!(connections.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_above_the_floor_goes_on_and_one_below_it_is_closed() {
    for (bytes_a_second, lives) in [(2 << 10, true), (256, false)] {
        let connections = Connections::new(limits());
        let (mut near, served) = open(&connections, endless(Arc::default()));
        near.write_all(ASK.as_bytes()).await.unwrap();
        let mut buffer = vec![0; bytes_a_second];
        for _ in 0..300 {
            if near.read_exact(&mut buffer).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(!served.is_finished(), lives, "{bytes_a_second} bytes a second");
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_lives_for_long_and_one_that_reads_nothing_is_closed() {
    let (ended, mut ends) = mpsc::channel(2);
    let app = |pause: Duration| {
        let ended = ended.clone();
        Router::new().route(
            "/",
            get(async move |upgrade: WebSocketUpgrade| {
                upgrade.on_upgrade(async move |mut socket| {
                    let mut sent = 0_u32;
                    while sent < 1000
                        && socket.send(Message::Text("x".repeat(PIECE).into())).await.is_ok()
                    {
                        sent += 1;
                        tokio::time::sleep(pause).await;
                    }
                    ended.send(sent).await.unwrap();
                })
            }),
        )
    };
    let shake = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let connections = Connections::new(limits());
    // Read at leisure, over 1000 seconds, and asked nothing: it is no idle connection.
    let (mut near, _) = open(&connections, app(Duration::from_secs(1)));
    near.write_all(shake.as_bytes()).await.unwrap();
    let reader = tokio::spawn(async move {
        let mut buffer = vec![0; PIPE];
        while near.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
    });
    assert_eq!(ends.recv().await, Some(1000));
    reader.await.unwrap();
    // Never read.
    let (mut near, _) = open(&connections, app(Duration::ZERO));
    near.write_all(shake.as_bytes()).await.unwrap();
    let started = Instant::now();
    let sent = ends.recv().await.unwrap();
    assert!(sent < 100, "{sent} messages of {PIECE} bytes");
    assert!(started.elapsed() <= Duration::from_secs(31), "{:?}", started.elapsed());
    tokio::task::yield_now().await;
    assert_eq!(connections.count(), 0, "a websocket is counted until it is closed, and no longer");
}
