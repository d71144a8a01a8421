//! The part of the bench that goes through the lab's own door: `doors LAB PICTURE`.
//!
//! Starts the lab, waits for the shipped run, asks questions as a browser would, and prints
//! medians in milliseconds: start to shipped run, submit to 202, submit to the first layer on the
//! websocket, submit to the last event.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring tool")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use shared::Event;
use shared::api::{RunCreated, ServerMessage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

const RUNS: usize = 21;

/// The lab, ended with the measuring.
struct Lab(Child);

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One HTTP request on a connection of its own; the answer's body.
async fn http(host: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "{head} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: \
         multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let split = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&answer[..split]));
    answer.split_off(split + 4)
}

/// Submit to 202, to the first layer and to the last event, in milliseconds.
async fn ask(host: &str, form: &[u8]) -> [f64; 3] {
    let start = Instant::now();
    let ms = || start.elapsed().as_secs_f64() * 1e3;
    let created: RunCreated =
        serde_json::from_slice(&http(host, "POST /api/runs", form).await).unwrap();
    let accepted = ms();
    let address = format!("ws://{host}/api/runs/{}/events", created.id);
    let (mut socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
    let mut first = None;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(bytes) = message else { continue };
        let ServerMessage::Event(envelope) = rmp_serde::from_slice(&bytes).unwrap() else {
            continue;
        };
        if matches!(envelope.event, Event::PrefillLayer { .. }) {
            first.get_or_insert_with(ms);
        }
        if envelope.event.is_last() {
            assert!(matches!(envelope.event, Event::Done { .. }), "the run failed");
            break;
        }
    }
    [accepted, first.unwrap(), ms()]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let (program, picture) = (args.next().unwrap(), args.next().unwrap());
    let data = tempfile::tempdir().unwrap();
    let mut starts = Vec::new();
    let mut lab = None;
    for _ in 0..5 {
        drop(lab.take());
        let start = Instant::now();
        let mut child = Command::new(&program)
            .args(["serve", "--bind", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let host = line.trim().rsplit('/').next().unwrap().to_owned();
        http(&host, "GET /api/runs/sample", b"").await;
        starts.push(start.elapsed().as_secs_f64() * 1e3);
        lab = Some((Lab(child), host));
    }
    let (_lab, host) = lab.unwrap();
    let mut form = b"--x\r\nContent-Disposition: form-data; name=\"options\"\r\n\r\n\
        {\"prompt\":\"Which animal is in the picture?\"}\r\n--x\r\nContent-Disposition: form-data; \
        name=\"picture\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"
        .to_vec();
    form.extend(std::fs::read(picture).unwrap());
    form.extend(b"\r\n--x--\r\n");
    let mut times = Vec::new();
    for i in 0..RUNS + 3 {
        let time = ask(&host, &form).await;
        if i >= 3 {
            times.push(time);
        }
        // As a person would: not before the lab has put the last one away.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let of = |i: usize| median(times.iter().map(|t| t[i]).collect());
    println!("\n| through the door (demo-llava, q8_0) | median ms |\n|---|---|");
    println!("| start of the lab to the shipped run | {:.0} |", median(starts));
    println!("| submit to 202 | {:.1} |", of(0));
    println!("| submit to the first layer on the websocket | {:.1} |", of(1));
    println!("| submit to the last event | {:.1} |", of(2));
}
