//! More connections than there is room for.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use langoverrule::fair::{Client, Shares};
use langoverrule::http::net::{self, Accept, Access, ConnectionLimits, Connections};
use shared::classroom::{ClassCreated, ClassMessage};
use shared::{ErrorBody, ErrorCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::common::socket::Viewer;
use crate::common::{Options, TestLab};

use super::{ASK, PIPE, answered, endless, hello, limits, peer};

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
