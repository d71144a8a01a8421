//! What no route sees is refused in words that its client hears.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use langoverrule::http::app::Limits;
use langoverrule::http::net::{Connections, Pace};
use shared::{ErrorBody, ErrorCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::common::{Options, TestLab};

use super::{ASK, answered, hello, limits, open};

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
