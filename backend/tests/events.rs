//! The websocket: both forms, replay from anywhere, viewers that are late, slow, lost or wrong.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::time::Duration;

use crate::common::socket::Viewer;
use crate::common::{Options, TestLab, same};
use langoverrule::http::app::Limits;
use langoverrule::workers::lab::Script;
use shared::api::{RunState, ServerMessage, ViewerMessage};
use shared::{ErrorCode, Event};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

const NORMAL: Option<u16> = Some(1000);
const POLICY: Option<u16> = Some(1008);

fn events(id: &str) -> String {
    format!("/api/runs/{id}/events")
}

#[tokio::test]
async fn both_forms_carry_the_same_run() {
    let lab = TestLab::new();
    let server = lab.listen().await;
    let run = lab.ask("What is it?").await;
    let mut live = Viewer::of_run(server, &run.id).await;
    let seen = live.rest().await;
    assert_eq!(seen.close, NORMAL);
    assert_eq!((live.text, live.protocol.as_deref()), (0, None), "MessagePack unless asked");
    let record = lab.record(&run.id).await;
    same(&seen.events, &record.events);
    assert_eq!(record.state, RunState::Done);
    assert!(record.events.iter().enumerate().all(|(i, e)| e.seq == i as u64));
    let kinds: Vec<&str> = record.events.iter().map(|e| kind(&e.event)).collect();
    let expected = "queued loading loading layout prefill_layer prefill_layer prefill_layer \
                    prefill_layer token token token done";
    // How often loading is told depends on the clock.
    let told = kinds.join(" ").replace("loading loading loading", "loading loading");
    assert_eq!(told, expected);

    for (asked, given) in [
        ("json", Some("json")),
        ("msgpack", Some("msgpack")),
        ("json, msgpack", Some("msgpack")),
        ("x, json", Some("json")),
    ] {
        let mut viewer = Viewer::open(server, &events(&run.id), Some(asked)).await;
        assert_eq!(viewer.protocol.as_deref(), given);
        let seen = viewer.rest().await;
        same(&seen.events, &record.events);
        assert_eq!(viewer.text > 0, given == Some("json"));
        assert_eq!(viewer.binary > 0, given == Some("msgpack"));
    }
}

const fn kind(event: &Event) -> &'static str {
    match event {
        Event::Queued { .. } => "queued",
        Event::Loading { .. } => "loading",
        Event::Layout { .. } => "layout",
        Event::PrefillLayer { .. } => "prefill_layer",
        Event::Token { .. } => "token",
        Event::Done { .. } => "done",
        Event::Failed { .. } => "failed",
        Event::Sampled(_) => "sampled",
        Event::Verifying => "verifying",
        Event::Verified { .. } => "verified",
        Event::Cancelled => "cancelled",
    }
}

#[tokio::test]
async fn replay_from_every_event() {
    let lab = TestLab::new();
    let server = lab.listen().await;
    let run = lab.ask("What is it?").await;
    let record = lab.ended(&run.id).await;
    let len = record.events.len() as u64;
    for from in 0..len {
        let path = format!("{}?from={from}", events(&run.id));
        let seen = Viewer::open(server, &path, None).await.rest().await;
        same(&seen.events, &record.events[from as usize..]);
        assert_eq!((seen.close, seen.gaps.len()), (NORMAL, 0));
    }
    // From the end on: the viewer remembers as much as was kept, or more, and is told how the run
    // ended; what it saw in that place may have been another event.
    for from in [len, len + 1, u64::MAX] {
        let path = format!("{}?from={from}", events(&run.id));
        let seen = Viewer::open(server, &path, None).await.rest().await;
        assert_eq!((seen.gaps, seen.close), (vec![(from, len - 1)], NORMAL));
        same(&seen.events, &record.events[len as usize - 1..]);
    }

    let bad = Viewer::try_open(server, &format!("{}?from=-1", events(&run.id)), None).await;
    let Err(Error::Http(answer)) = bad else { panic!("not refused") };
    assert_eq!(answer.status().as_u16(), 400);
}

#[tokio::test]
async fn a_late_viewer_catches_up_and_goes_on_live() {
    let script = Script { layers: 4, step: Duration::from_millis(30), ..Script::default() };
    let lab = TestLab::with(Options { script, ..Options::default() });
    let server = lab.listen().await;
    let run = lab.submit(r#"{"prompt":"What is it?","max_new_tokens":10}"#).await;
    lab.until(&run.id, |r| r.events.len() > 8).await;
    let mut late = Viewer::of_run(server, &run.id).await;
    let seen = late.rest().await;
    same(&seen.events, &lab.ended(&run.id).await.events);
    assert!(seen.gaps.is_empty());
}

#[tokio::test]
async fn a_slow_viewer_is_told_of_the_gap_and_slows_nobody() {
    // Events of some 100 kB each: more than the connection's buffers hold.
    let script = Script {
        layers: 64,
        heads: 4,
        grid: 20,
        step: Duration::from_micros(500),
        ..Script::default()
    };
    let limits = Limits { viewer_lag: 16, ..Limits::default() };
    let lab = TestLab::with(Options { script, limits, ..Options::default() });
    let server = lab.listen().await;
    let run = lab.submit(r#"{"prompt":"What is it?","max_new_tokens":300}"#).await;
    let mut slow = Viewer::of_run(server, &run.id).await;
    let first = slow.next().await;
    assert!(first.is_ok());
    // It reads no more until the run is over, which takes no longer for that.
    let record = lab.ended(&run.id).await;
    assert_eq!(record.state, RunState::Done);
    let seen = slow.rest().await;
    assert_eq!(seen.close, NORMAL);
    assert!(!seen.gaps.is_empty(), "{} events came", seen.events.len());
    let last = seen.events.last().unwrap();
    assert!(last.event.is_last(), "the end comes to everyone");
    // What came and what was said to be missing is the whole run, in order, once.
    let mut next = 1;
    let mut gaps = seen.gaps.iter();
    for envelope in &seen.events {
        while envelope.seq != next {
            let (from, to) = *gaps.next().expect("every leap is announced");
            assert_eq!(from, next);
            assert!(to > from);
            next = to;
        }
        same(std::slice::from_ref(envelope), &record.events[next as usize..][..1]);
        next += 1;
    }
    assert_eq!(next, record.events.len() as u64);
}

#[tokio::test]
async fn the_owner_cancels_over_the_socket_and_nobody_else() {
    let lab = TestLab::new();
    let server = lab.listen().await;
    let run = lab.ask("[slow]").await;
    let mut viewer = Viewer::open(server, &events(&run.id), Some("json")).await;
    viewer.say(r#"{"type":"cancel","owner_token":"not it"}"#).await;
    loop {
        match viewer.next().await.unwrap() {
            ServerMessage::Error(body) => {
                assert_eq!(body.code, ErrorCode::NotOwner);
                break;
            }
            _ => continue,
        }
    }
    lab.until(&run.id, |r| r.state == RunState::Running).await;
    // The other form than the one it reads in is understood as well.
    let cancel = ViewerMessage::Cancel { owner_token: run.owner_token.clone() };
    viewer.say_bytes(rmp_serde::to_vec_named(&cancel).unwrap()).await;
    let seen = viewer.rest().await;
    assert_eq!(seen.events.last().unwrap().event, Event::Cancelled);
    assert_eq!(seen.close, NORMAL);

    // The same message again, to a run that is over: nothing happens, nothing breaks.
    let mut again = Viewer::of_run(server, &run.id).await;
    again.say_bytes(rmp_serde::to_vec_named(&cancel).unwrap()).await;
    same(&again.rest().await.events, &lab.record(&run.id).await.events);
}

#[tokio::test]
async fn malformed_messages_are_answered_and_then_ended() {
    let lab = TestLab::new();
    let server = lab.listen().await;
    let run = lab.ask("[slow]").await;
    let mut viewer = Viewer::of_run(server, &run.id).await;
    // Who waits for the answer is told of each.
    for _ in 0..2 {
        viewer.say(r#"{"type":"explode"}"#).await;
        loop {
            match viewer.next().await.unwrap() {
                ServerMessage::Error(body) => break assert_eq!(body.code, ErrorCode::BadMessage),
                _ => continue,
            }
        }
    }
    for _ in 2..8 {
        viewer.say(r#"{"type":"explode"}"#).await;
    }
    let seen = viewer.rest().await;
    assert!(!seen.errors.is_empty() && seen.errors.iter().all(|c| *c == ErrorCode::BadMessage));
    assert_eq!(seen.close, POLICY);

    let mut huge = Viewer::of_run(server, &run.id).await;
    huge.say(&"x".repeat(1 << 20)).await;
    assert_ne!(huge.rest().await.close, NORMAL, "it is cut off");
    // The run knows nothing of all this.
    assert_eq!(lab.ended(&run.id).await.state, RunState::Done);
}

#[tokio::test]
async fn what_breaks_the_protocol_is_said_in_the_code_of_the_end() {
    let lab = TestLab::new();
    let server = lab.listen().await;
    let run = lab.ask("[slow]").await;
    let end = async |opcode: Data, bytes: Vec<u8>| {
        let mut viewer = Viewer::of_run(server, &run.id).await;
        viewer.say_frame(Frame::message(bytes, OpCode::Data(opcode), true)).await;
        viewer.rest().await.close
    };
    assert_eq!(end(Data::Text, vec![b'x'; (16 << 10) + 1]).await, Some(1009));
    assert_eq!(end(Data::Text, vec![0xff, 0xfe]).await, Some(1007));
    assert_eq!(end(Data::Reserved(3), vec![1]).await, Some(1002));
    // The second part of a message without a first.
    assert_eq!(end(Data::Continue, vec![1]).await, Some(1002));
    assert_eq!(lab.ended(&run.id).await.state, RunState::Done);
}

#[tokio::test]
async fn an_unknown_run_is_said_so_inside_the_socket() {
    let lab = TestLab::new();
    let server = lab.listen().await;
    let seen = Viewer::of_run(server, "nobody").await.rest().await;
    assert_eq!((seen.errors, seen.close), (vec![ErrorCode::NotFound], POLICY));
}

#[tokio::test]
async fn a_viewer_of_a_busy_run_is_pinged_too() {
    // Something to tell every few milliseconds, for much longer than a dead viewer is waited for.
    let script = Script { layers: 4, step: Duration::from_millis(10), ..Script::default() };
    let limits = Limits {
        ping: Duration::from_millis(50),
        dead: Duration::from_millis(250),
        ..Limits::default()
    };
    let lab = TestLab::with(Options { script, limits, ..Options::default() });
    let server = lab.listen().await;
    let run = lab.submit(r#"{"prompt":"What is it?","max_new_tokens":100}"#).await;
    let mut viewer = Viewer::of_run(server, &run.id).await;
    let seen = viewer.rest().await;
    assert_eq!(seen.close, NORMAL, "{} events came", seen.events.len());
    same(&seen.events, &lab.ended(&run.id).await.events);
}

#[tokio::test]
async fn a_silent_viewer_is_pinged_and_a_dead_one_forgotten() {
    let limits = Limits {
        ping: Duration::from_millis(50),
        dead: Duration::from_millis(400),
        ..Limits::default()
    };
    let lab = TestLab::with(Options { limits, ..Options::default() });
    let server = lab.listen().await;
    let run = lab.ask("[slow]").await;
    // This one answers pings, as it reads all the time.
    let mut alive = Viewer::of_run(server, &run.id).await;
    // This one never reads, so it never answers.
    let _dead = Viewer::of_run(server, &run.id).await;
    let viewers = || async {
        let text = lab.get("/metrics").await.text();
        let line = text.lines().find(|l| l.starts_with("langoverrule_viewers ")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()
    };
    // Whatever the one that reads is told, they are counted.
    let (mut counts, mut beats) = (Vec::new(), 0);
    let close = loop {
        match alive.next().await {
            Ok(ServerMessage::Event(envelope)) if envelope.event.is_last() => continue,
            Ok(message) => {
                beats += u32::from(matches!(message, ServerMessage::Alive));
                counts.push(viewers().await);
            }
            Err(close) => break close,
        }
    };
    assert_eq!(close, NORMAL);
    assert!(beats > 0, "pages see no pings");
    assert!(counts.contains(&2), "{counts:?}");
    assert_eq!(
        counts.last(),
        Some(&1),
        "the dead one is forgotten while the run goes on: {counts:?}"
    );
}
