//! The part of the bench that goes through the lab's own door: `doors LAB PICTURE`.
//!
//! Starts the lab, waits for the shipped run, asks questions as a browser would, and prints
//! medians in milliseconds: start to shipped run, submit to 202, submit to the first layer on the
//! websocket, submit to the last event.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring tool")]

mod common;

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use shared::Event;
use shared::api::{RunCreated, ServerMessage};
use tokio_tungstenite::tungstenite::Message;

use common::{Lab, form, http, median};

const RUNS: usize = 21;

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
        let there = Lab::start(&program, data.path());
        http(&there.host, "GET /api/runs/sample", b"").await;
        starts.push(start.elapsed().as_secs_f64() * 1e3);
        lab = Some(there);
    }
    let lab = lab.unwrap();
    let host = lab.host.clone();
    let form = form("Which animal is in the picture?", &picture);
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
