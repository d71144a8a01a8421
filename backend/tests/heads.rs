//! Rows by head: kept beside the events, handed out a head at a time, and there after a restart.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::PathBuf;
use std::process::Command;

use crate::common::{Options, TestLab, png};
use axum::http::{Method, StatusCode, header};
use langoverrule::runs::samples::Samples;
use safetensors::SafeTensors;
use shared::{ErrorCode, Event, Group, HeadRows, HeadRowsKept, Observation, Rows};
use tempfile::TempDir;

const NAME: &str = "llava-gqa";
const TOKENS: usize = 5;

fn model() -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/goldens");
    PathBuf::from(folder).join(NAME).canonicalize().unwrap()
}

fn options() -> String {
    format!(
        r#"{{"prompt":"What is it?","quant":"f32","max_new_tokens":{TOKENS},"ignore_eos":true}}"#
    )
}

/// What the lab keeps is what the maps of the command line say, head by head.
#[tokio::test]
async fn one_heads_rows_are_handed_out_and_equal_the_dumped_maps() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("p.png"), png(64, 48)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_langoverrule"))
        .args(["analyze", "--image", "p.png", "--prompt", "What is it?", "--quant", "f32"])
        .args(["--ignore-eos", "--json", "--max-new-tokens", &TOKENS.to_string()])
        .args(["--dump-attention", "maps.safetensors", "--record", "run.json"])
        .args(["--record-heads", "run.heads", "--model"])
        .arg(model())
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let maps = std::fs::read(folder.path().join("maps.safetensors")).unwrap();
    let maps = SafeTensors::deserialize(&maps).unwrap();
    let map = maps.tensor("generated").unwrap();
    let &[layers, heads, rows, wide] = map.shape() else { panic!("{:?}", map.shape()) };
    let floats = |bytes: &[u8]| -> Vec<f32> {
        bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    };
    let map = floats(map.data());

    let lab = TestLab::real(NAME, &model());
    let run = lab.submit(&options()).await;
    let record = lab.ended(&run.id).await;
    let mut observation = Observation::default();
    record.events.iter().for_each(|e| observation.apply(&e.event));
    let prompt = observation.layout.as_ref().unwrap().len();
    let told = record.events.iter().find_map(|e| match &e.event {
        Event::Layout { model, .. } => Some(HeadRowsKept::of(model, prompt)),
        _ => None,
    });
    assert!(matches!(told, Some(HeadRowsKept::First(n)) if n as usize >= TOKENS), "{told:?}");

    for head in 0..heads {
        let path = format!("/api/runs/{}/heads/{head}", run.id);
        let kept: HeadRows = lab.get(&path).await.ok();
        assert_eq!((kept.head as usize, kept.layers as usize), (head, layers));
        assert_eq!((kept.from, kept.tokens.len()), (0, TOKENS));
        for token in 1..TOKENS {
            for layer in 0..layers {
                let at = ((layer * heads + head) * rows + token - 1) * wide;
                let row = kept.row(token, layer).unwrap();
                assert_eq!(row, &map[at..at + prompt + token], "{head} {token} {layer}");
                // A head's map is not the average's, and their sums are the head's masses.
                let on = observation.map(Rows::Head(&kept), 0, token, layer).unwrap();
                assert_ne!(Some(&on), observation.overlay(0, token, layer).as_ref());
                let sum: f32 = on.iter().flatten().sum();
                let mass = observation.tokens[token].flow.get(
                    &shared::Bins::default(),
                    layer,
                    head,
                    Group::Image,
                );
                assert!((sum - mass).abs() < 1e-5, "{sum} {mass}");
            }
        }
        // Only what is new, and in the compact form.
        let later: HeadRows = lab.get(&format!("{path}?from=3")).await.ok();
        assert_eq!((later.from, &later.tokens[..]), (3, &kept.tokens[3..]));
        let none: HeadRows = lab.get(&format!("{path}?from=99")).await.ok();
        assert!(none.tokens.is_empty());
        let request = axum::http::Request::get(&path).header(header::ACCEPT, "application/msgpack");
        let answer = lab.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/msgpack");
        assert!(answer.headers[header::CACHE_CONTROL].to_str().unwrap().contains("max-age"));
        assert_eq!(rmp_serde::from_slice::<HeadRows>(&answer.body).unwrap(), kept);
    }
    for wrong in ["99", "-1", "x", "4294967296"] {
        let answer = lab.get(&format!("/api/runs/{}/heads/{wrong}", run.id)).await;
        answer.is_error(ErrorCode::NotFound);
    }
    lab.get(&format!("/api/runs/{}/heads/0?form=1", run.id)).await.is_error(ErrorCode::BadRequest);
    lab.get("/api/runs/nobody/heads/0").await.is_error(ErrorCode::NotFound);

    // The events are as light as ever: what a viewer is sent holds no rows by head.
    let sent = serde_json::to_string(&record.events).unwrap();
    assert!(!sent.contains("by_head") && !sent.contains("weights"));

    // A shipped run brings its rows along, in a file of the command line's.
    std::fs::create_dir(folder.path().join("samples")).unwrap();
    for file in ["run.json", "run.heads"] {
        std::fs::copy(folder.path().join(file), folder.path().join("samples").join(file)).unwrap();
    }
    let samples = Samples::in_folder(folder.path());
    assert_eq!(samples.run_heads().len(), TOKENS);
    let shipped = HeadRows::pick(1, 0, samples.run_heads());
    let live: HeadRows = lab.get(&format!("/api/runs/{}/heads/1", run.id)).await.ok();
    assert_eq!(shipped, live);
    let options = Options { samples: folder.path().to_owned(), ..Options::default() };
    let other = TestLab::with(options);
    assert_eq!(other.get("/api/runs/sample/heads/1").await.ok::<HeadRows>(), live);
    let tail: HeadRows = other.get("/api/runs/sample/heads/1?from=4").await.ok();
    assert_eq!((tail.from, &tail.tokens[..]), (4, &live.tokens[4..]));
}

#[tokio::test]
async fn rows_by_head_survive_a_restart_and_go_with_their_run() {
    let lab = TestLab::real(NAME, &model());
    let run = lab.submit(&options()).await;
    lab.ended(&run.id).await;
    let path = format!("/api/runs/{}/heads/1", run.id);
    let before: HeadRows = lab.get(&path).await.ok();
    let folder = lab.close().await;
    let file = folder.path().join("lab.sqlite");
    let count = || -> i64 {
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection.query_row("SELECT count(*) FROM heads", [], |r| r.get(0)).unwrap()
    };
    assert_eq!(count(), TOKENS as i64);

    // Another lab on the same folder, even one whose models could not make them.
    let lab = TestLab::in_folder(folder, Options::default());
    assert_eq!(lab.get(&path).await.ok::<HeadRows>(), before);
    let gone = format!("/api/runs/{}", run.id);
    let answer = lab.as_owner(Method::DELETE, &gone, &run.owner_token).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    lab.get(&path).await.is_error(ErrorCode::NotFound);
    assert_eq!(count(), 0, "nothing of a deleted run is left");
    // A run without rows by head says so by handing out none.
    let plain = lab.ask("What is it?").await;
    lab.ended(&plain.id).await;
    let none: HeadRows = lab.get(&format!("/api/runs/{}/heads/1", plain.id)).await.ok();
    assert_eq!((none.layers, none.tokens.len()), (0, 0));
}

/// A store of the lab before: its runs are read, and have no rows by head.
#[tokio::test]
async fn an_earlier_labs_runs_still_open() {
    let lab = TestLab::new();
    let run = lab.ask("What is it?").await;
    let before = lab.ended(&run.id).await;
    let folder = lab.close().await;
    {
        let file = folder.path().join("lab.sqlite");
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection.execute_batch("DROP TABLE heads; DROP TABLE sums; ALTER TABLE runs DROP COLUMN events;
             ALTER TABLE runs DROP COLUMN heads; ALTER TABLE runs DROP COLUMN sum; PRAGMA user_version = 2",
            ).unwrap();
    }
    let lab = TestLab::in_folder(folder, Options::default());
    assert_eq!(lab.record(&run.id).await, before);
    let none: HeadRows = lab.get(&format!("/api/runs/{}/heads/0", run.id)).await.ok();
    assert!(none.tokens.is_empty());
    // An event as that lab wrote it, byte for byte: no word of rows by head.
    let layout = before.events.iter().find(|e| matches!(e.event, Event::Layout { .. })).unwrap();
    let written = serde_json::to_string(layout).unwrap();
    assert!(!written.contains("head_rows"), "{written}");
    let back: shared::Envelope = serde_json::from_str(&written).unwrap();
    let Event::Layout { model, layout, .. } = &back.event else { panic!("{back:?}") };
    assert_eq!(HeadRowsKept::of(model, layout.len()), HeadRowsKept::NotHandedOut);
}
