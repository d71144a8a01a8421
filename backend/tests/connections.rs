//! Slow and idle clients cost themselves only. The clock is paused, and the connections are pipes, but
//! where the system's own sockets are what is tried.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::http::{Request, StatusCode};
use axum::routing::get;
use futures_util::stream;
use langoverrule::fair::{Client, Shares};
use langoverrule::http::app::Limits;
use langoverrule::http::net::{self, Accept, Access, ConnectionLimits, Connections, Drain, Pace};
use shared::classroom::{ClassCreated, ClassMessage};
use shared::{ErrorBody, ErrorCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::common::socket::Viewer;
use crate::common::{Options, TestLab};

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

/// Everything that is said until the connection ends, whatever is still sent.
async fn last_words(near: &mut DuplexStream) -> String {
    let mut said = Vec::new();
    near.read_to_end(&mut said).await.unwrap();
    String::from_utf8(said).unwrap()
}

/// The refusal that an answer, the last on a connection, is.
#[track_caller]
fn refusal(answer: &str) -> ErrorBody {
    let (head, text) = answer.split_once("\r\n\r\n").expect(answer);
    assert!(head.contains("\r\nConnection: close"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", text.len())), "{answer}");
    let body: ErrorBody = serde_json::from_str(text).expect(text);
    assert!(head.starts_with(&format!("HTTP/1.1 {} ", body.code.http_status())), "{head}");
    assert!(body.message.ends_with('.') && body.sentence.is_some(), "{}", body.message);
    body
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_too_slowly_is_told_so() {
    let connections = Connections::new(limits());
    for beginning in ["G", "GET / HTTP/1.1\r\nHost: localhost\r\n"] {
        let (mut near, served) = open(&connections, hello());
        // Also on a connection that was used before.
        near.write_all(ASK.as_bytes()).await.unwrap();
        assert!(answered(&mut near).await);
        tokio::time::sleep(Duration::from_secs(10)).await;
        near.write_all(beginning.as_bytes()).await.unwrap();
        let began = Instant::now();
        assert_eq!(refusal(&last_words(&mut near).await).code, ErrorCode::TooSlow);
        assert!(began.elapsed().abs_diff(Duration::from_secs(20)) < Duration::from_millis(10));
        drop(near);
        served.await.unwrap();
    }
    assert_eq!(connections.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_no_route_sees_is_refused_in_words() {
    let get = "GET / HTTP/1.1\r\nHost: localhost\r\n";
    let long = |n: usize| "x".repeat(n);
    let too_large = [
        format!("{get}X: {}\r\n\r\n", long(40 << 10)),
        format!("{get}X: {}", long(1 << 20)),
        format!("{get}{}: x\r\n\r\n", long(40 << 10)),
        format!("{get}{}\r\n", "X: 1\r\n".repeat(101)),
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", long(40 << 10)),
    ];
    let no_http = [
        "\u{16}\u{3}\u{1}\0\u{5}".repeat(100),
        "hello\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost localhost\r\n\r\n".to_owned(),
        "GET / HTTP/7.0\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /\u{7f} HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_owned(),
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n".to_owned(),
    ];
    let due = |code| move |text| (text, code);
    let all = too_large.into_iter().map(due(ErrorCode::HeadTooLarge));
    let all: Vec<_> = all.chain(no_http.into_iter().map(due(ErrorCode::BadRequest))).collect();
    // At first, after an answer, and before that was read.
    for before in 0..3 {
        for (text, code) in &all {
            let connections = Connections::new(limits());
            let (near, served) = open(&connections, hello());
            let (mut read, mut write) = tokio::io::split(near);
            let sending = tokio::spawn({
                let text = format!("{}{text}", if before == 2 { ASK } else { "" });
                async move {
                    if before == 1 {
                        write.write_all(ASK.as_bytes()).await.unwrap();
                        // Until it was answered.
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                    // Cut off when the connection ends.
                    let _ = write.write_all(text.as_bytes()).await;
                    write
                }
            });
            let mut said = Vec::new();
            read.read_to_end(&mut said).await.unwrap();
            let said = String::from_utf8(said).unwrap();
            let last = match before {
                0 => said.as_str(),
                _ => said.split_once("hello").expect(&said).1,
            };
            assert_eq!(refusal(last).code, *code, "{before} {:?}", &text[..40.min(text.len())]);
            served.await.unwrap();
            drop((read, sending.await.unwrap()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answers_of_routes_are_left_as_they_are() {
    // What a route says may look like a bare status, and may have no body.
    let bare = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n";
    let app = Router::new()
        .route("/", get(async move || (StatusCode::BAD_REQUEST, bare)))
        .route("/empty", get(async || StatusCode::BAD_REQUEST));
    let connections = Connections::new(limits());
    let (mut near, _) = open(&connections, app);
    for (method, path, ends) in [
        ("GET", "/", bare),
        ("HEAD", "/", "\r\n\r\n"),
        ("GET", "/empty", "\r\n\r\n"),
        ("GET", "/", bare),
    ] {
        let ask = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        near.write_all(ask.as_bytes()).await.unwrap();
        let mut part = vec![0; 4096];
        let n = near.read(&mut part).await.unwrap();
        let said = std::str::from_utf8(&part[..n]).unwrap();
        assert!(said.starts_with("HTTP/1.1 400 Bad Request\r\n") && said.ends_with(ends), "{said}");
        assert!(!said.contains("sentence"), "{said}");
    }
}

#[tokio::test]
async fn what_was_refused_early_is_heard_by_who_goes_on_sending() {
    let limits = Limits {
        body: Pace { grace: Duration::from_millis(100), ..Limits::default().body },
        ..Limits::default()
    };
    let lab = TestLab::with(Options { limits, experiments: true, ..Options::default() });
    let address = lab.listen().await;
    let json = "Content-Type: application/json\r\nContent-Length: 500000\r\n";
    let form = "Content-Type: multipart/form-data; boundary=a\r\nContent-Length: 500000\r\n";
    let cases = [
        ("POST /api/experiments", json, 400_000, ErrorCode::BodyTooLarge),
        ("POST /api/runs", json, 400_000, ErrorCode::WrongContentType),
        ("POST /api/runs", form, 10, ErrorCode::TooSlow),
        ("GET /healthz", &"X: 1\r\n".repeat(200), 400_000, ErrorCode::HeadTooLarge),
    ];
    for (line, headers, sent, code) in cases {
        let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
        let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        write.write_all(head.as_bytes()).await.unwrap();
        let sending = tokio::spawn(async move {
            for _ in 0..sent / 10 {
                if write.write_all(&[b'x'; 10]).await.is_err() {
                    break;
                }
            }
            write
        });
        let mut said = String::new();
        timeout(Duration::from_secs(20), read.read_to_string(&mut said)).await.unwrap().unwrap();
        let (head, text) = said.split_once("\r\n\r\n").expect(&said);
        let body: ErrorBody = serde_json::from_str(text).expect(&said);
        assert_eq!(body.code, code, "{line}: {said}");
        assert!(head.starts_with(&format!("HTTP/1.1 {} ", code.http_status())), "{said}");
        drop(sending.await.unwrap());
    }
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

/// Connections that come over a channel.
struct Pipes(mpsc::Receiver<io::Result<DuplexStream>>);

impl Accept for Pipes {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        match self.0.recv().await {
            Some(next) => next.map(|pipe| (pipe, peer())),
            None => std::future::pending().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_system_without_files_is_waited_for_and_idlers_make_room() {
    let (come, coming) = mpsc::channel(8);
    let connections = Connections::new(limits());
    let stopping = CancellationToken::new();
    let server = net::serve(
        Pipes(coming),
        hello(),
        connections.clone(),
        Arc::new(Access::default()),
        stopping.clone(),
    );
    let server = tokio::spawn(server);
    let connect = async || {
        let (near, far) = duplex(PIPE);
        come.send(Ok(far)).await.unwrap();
        near
    };
    let mut idle = connect().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..3 {
        // EMFILE, and a client that left before it was accepted.
        come.send(Err(io::Error::from_raw_os_error(24))).await.unwrap();
        come.send(Err(io::ErrorKind::ConnectionAborted.into())).await.unwrap();
    }
    let mut near = connect().await;
    near.write_all(ASK.as_bytes()).await.unwrap();
    assert!(answered(&mut near).await);
    assert_eq!(idle.read(&mut [0; 8]).await.unwrap(), 0, "it had asked nothing");
    // Told to stop, it lets go of who is idle and ends.
    stopping.cancel();
    timeout(Duration::from_secs(5), server).await.unwrap().unwrap();
    assert_eq!(connections.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_being_answered_is_answered_before_the_server_ends() {
    let (come, coming) = mpsc::channel(1);
    let connections = Connections::new(limits());
    let stopping = CancellationToken::new();
    let slow = async || {
        tokio::time::sleep(Duration::from_secs(3)).await;
        "hello"
    };
    let app = Router::new().route("/", get(slow));
    let server =
        net::serve(Pipes(coming), app, connections, Arc::new(Access::default()), stopping.clone());
    let server = tokio::spawn(server);
    let (mut near, far) = duplex(PIPE);
    come.send(Ok(far)).await.unwrap();
    near.write_all(ASK.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stopping.cancel();
    assert!(answered(&mut near).await);
    assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
    server.await.unwrap();
}

/// Everything that comes over a connection to a lab.
async fn all(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    timeout(Duration::from_secs(20), stream.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

/// A connection's request of a lab, and everything that it says to it.
async fn asked(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    // Who is refused may be closed before it is written.
    let _ = stream.write_all(request).await;
    all(&mut stream).await
}

#[tokio::test]
async fn who_has_too_many_connections_is_told_so() {
    let lab = TestLab::new();
    let few = ConnectionLimits { all: 6, per_client: 3, ..limits() };
    let connections = Connections::new(few);
    let address = lab.listen_with(connections.clone()).await;
    let slots = |client: [u8; 4], n: usize| -> Vec<_> {
        (0..n).map(|_| connections.admit(Some(Client::at(client.into()))).unwrap()).collect()
    };
    let busy = |slots: &[net::Slot]| -> Vec<_> {
        slots.iter().map(|slot| slot.activity().busy()).collect()
    };
    let refused = async |head: &str, code: ErrorCode| {
        let text = asked(address).await;
        assert!(text.starts_with(head), "{text}");
        assert!(text.to_lowercase().contains("retry-after: "), "{text}");
        let body: ErrorBody = serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(body.code, code);
        assert!(body.message.contains("try again"), "{}", body.message);
    };
    let mine = slots([127, 0, 0, 1], 3);
    let at_work = busy(&mine);
    refused("HTTP/1.1 429 Too Many Requests\r\n", ErrorCode::TooManyConnections).await;
    // One that idles makes room.
    drop(at_work);
    assert!(asked(address).await.starts_with("HTTP/1.1 200"));
    drop(mine);
    // Others are at work on all of the places.
    let others = [slots([192, 0, 2, 2], 3), slots([192, 0, 2, 3], 3)];
    let at_work = [busy(&others[0]), busy(&others[1])];
    refused("HTTP/1.1 503 Service Unavailable\r\n", ErrorCode::ConnectionsFull).await;
    drop(at_work);
    assert!(asked(address).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn websockets_leave_a_quarter_of_the_connections_for_requests() {
    let few = ConnectionLimits { all: 24, per_client: 8, ..limits() };
    let shares = Shares::default().with_sockets_within(few.lasting());
    let lab = TestLab::with(Options { shares: Some(shares), ..Options::default() });
    let address = lab.listen_with(Connections::new(few)).await;
    let request = Request::post("/api/classrooms").body(Body::empty()).unwrap();
    let class: ClassCreated = lab.send(request).await.json();
    let path = format!("/api/classrooms/{}/events", class.code);
    // Three strangers who may have all connections together, and read nothing that they are sent.
    let mut held = Vec::new();
    for stranger in 2..=4 {
        for _ in 0..8 {
            held.extend(
                Viewer::try_open_from(&format!("127.0.0.{stranger}"), address, &path).await,
            );
        }
    }
    assert!(held.len() > 18, "{} opened", held.len());
    // A person opens the page, which asks for several things at once, and looks.
    let answers = futures_util::future::join_all((0..4).map(|_| asked(address))).await;
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 200")), "{answers:?}");
    let look = async || Viewer::open(address, &path, None).await.next_of::<ClassMessage>().await;
    match look().await {
        Ok(ClassMessage::Error(body)) => assert_eq!(body.code, ErrorCode::QueueFull),
        other => panic!("{other:?}"),
    }
    drop(held);
    loop {
        match look().await {
            Ok(ClassMessage::Error(body)) => assert_eq!(body.code, ErrorCode::QueueFull),
            Ok(ClassMessage::State(_)) => break,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unread_answer_makes_room_for_another_client() {
    let few = ConnectionLimits { all: 8, per_client: 4, ..limits() };
    let connections = Connections::new(few);
    let mut unread = Vec::new();
    for n in 1..=2 {
        for _ in 0..4 {
            let (mut near, far) = duplex(PIPE);
            let client = Some(Client::at([192, 0, 2, n].into()));
            let slot = connections.admit(client).unwrap();
            let app = endless(Arc::default());
            tokio::spawn(net::answer(far, peer(), app, slot, CancellationToken::new()));
            near.write_all(ASK.as_bytes()).await.unwrap();
            unread.push(near);
        }
    }
    // Until each of them waits for its reader.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let honest = connections.admit(Some(Client::at([192, 0, 2, 9].into())));
    assert!(honest.is_ok(), "one of theirs makes room");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(connections.count(), 8, "which is closed");
}
