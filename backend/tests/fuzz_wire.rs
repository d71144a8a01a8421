//! Whatever comes over the wire is read or refused in words: messages of websockets, options, forms,
//! and websockets' own frames (`tests/fuzz`).
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use langoverrule::http::validate::parse_options;
use shared::api::{ServerMessage, ViewerMessage};
use shared::classroom::{ClassCreated, ClassMessage, ClassRequest};
use shared::experiment::ExperimentSpec;
use shared::{ErrorBody, ErrorCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::TestLab;
use crate::fuzz;

#[test]
fn fuzz_messages() {
    let words: [&[u8]; 8] = [
        b"\"type\":\"guess\"",
        b"\"type\":\"cancel\"",
        b"\"board\":{",
        b"[[[[[[[[[[[[[[[[",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x91\x91\x91\x91\x91\x91\x91\x91",
        b"\\ud800",
    ];
    fuzz::each("messages", &fuzz::corpus("messages"), &words, |bytes| {
        let json = serde_json::from_slice::<ClassRequest>(bytes).is_ok();
        let packed = rmp_serde::from_slice::<ClassRequest>(bytes).is_ok();
        let viewer = serde_json::from_slice::<ViewerMessage>(bytes).is_ok();
        let viewer = rmp_serde::from_slice::<ViewerMessage>(bytes).is_ok() || viewer;
        let spec = serde_json::from_slice::<ExperimentSpec>(bytes).is_ok();
        // What the page reads of a lab that is not what it seems.
        let theirs = rmp_serde::from_slice::<ServerMessage>(bytes).is_ok();
        let theirs = rmp_serde::from_slice::<ClassMessage>(bytes).is_ok() || theirs;
        let options = match parse_options(bytes) {
            Ok(_) => true,
            Err(error) => {
                assert!(error.0.message.ends_with('.'), "{error:?}");
                false
            }
        };
        json || packed || viewer || spec || theirs || options
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn fuzz_multipart() {
    let runtime = runtime();
    let lab = runtime.block_on(async { TestLab::new() });
    let words: [&[u8]; 9] = [
        b"\r\n--siege\r\n",
        b"--siege--",
        b"\r\n\r\n",
        b"Content-Disposition: form-data; name=\"options\"\r\n\r\n",
        b"; filename=\"",
        b"; filename*=UTF-8''%ff",
        b"Content-Type: multipart/mixed; boundary=siege\r\n",
        b"{\"prompt\":\"?\",\"model\":\"none\"}",
        b"\0",
    ];
    fuzz::each("multipart", &fuzz::corpus("multipart"), &words, |bytes| {
        let request = Request::post("/api/runs")
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=siege")
            .body(Body::from(bytes.to_vec()))
            .unwrap();
        let answer = runtime.block_on(lab.send(request));
        if answer.status.is_success() {
            return true;
        }
        let body: ErrorBody = answer.json();
        assert_eq!(answer.status.as_u16(), body.code.http_status());
        assert_ne!(body.code, ErrorCode::Internal, "{}", body.message);
        assert_ne!(answer.status.as_u16(), 429, "the reader was not reached: {}", body.message);
        // It was read where what it asks for is what is wrong with it.
        body.code == ErrorCode::UnknownModel
    });
    drop(lab);
}

/// Opens a websocket, sends bytes as its frames, leaves, and reads to the end.
async fn talk(server: SocketAddr, path: &str, frames: &[u8]) -> Vec<u8> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let stream = TcpStream::connect(server).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let mut all = Vec::new();
    let talking = async {
        let _ = write.write_all(request.as_bytes()).await;
        // Whoever leaves before the answer is not answered.
        while !all.windows(4).any(|end| end == b"\r\n\r\n") {
            if !matches!(read.read_buf(&mut all).await, Ok(1..)) {
                return;
            }
        }
        let leaving = async {
            let _ = write.write_all(frames).await;
            let _ = write.shutdown().await;
        };
        let _ = futures_util::future::join(leaving, read.read_to_end(&mut all)).await;
    };
    tokio::time::timeout(Duration::from_secs(30), talking).await.expect("it ends");
    all
}

#[test]
fn fuzz_websocket() {
    let runtime = runtime();
    let (lab, server, path) = runtime.block_on(async {
        let lab = TestLab::new();
        let server = lab.listen().await;
        let open = Request::post("/api/classrooms").body(Body::empty()).unwrap();
        let class: ClassCreated = lab.send(open).await.json();
        (lab, server, format!("/api/classrooms/{}/events?follower={:032}", class.code, 1))
    });
    let words: [&[u8]; 6] = [
        b"\x88\x80\x01\x02\x03\x04",
        b"\x81\xfe\xff\xff",
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x01\x80\x01\x02\x03\x04",
        b"\x00\x80\x01\x02\x03\x04",
        b"\xf1",
    ];
    fuzz::each("websocket", &fuzz::corpus("websocket"), &words, |bytes| {
        let all = runtime.block_on(talk(server, &path, bytes));
        all.starts_with(b"HTTP/1.1 101")
    });
    // It lives on.
    let well = runtime.block_on(lab.get("/healthz"));
    assert!(well.status.is_success());
    assert!(runtime.block_on(talk(server, &path, b"")).starts_with(b"HTTP/1.1 101"));
}
