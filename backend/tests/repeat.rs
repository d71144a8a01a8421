//! One question asked several times in one request: the table follows from the seed, others come between
//! the answers, and whoever stops it stops it between two.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use axum::http::Method;
use langoverrule::workers::lab::Script;
use shared::api::{RunRecord, RunState};
use shared::event::{EVENT_VERSION, ONCE_VERSION};
use shared::{ErrorCode, Event, RepeatTable, Report, Sampled};

use crate::common::socket::Viewer;
use crate::common::{Form, Options, TestLab};

const PROMPT: &str = "The picture shows a dog. Which animal is in the picture?";

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo-llava").canonicalize().unwrap()
}

fn picture() -> PathBuf {
    demo().join("samples/cat-near.png")
}

/// What asks the demo model so often at a temperature.
fn asked(times: u32, sampling: &str) -> Form {
    let options = format!(
        r#"{{"prompt":"{PROMPT}","quant":"f32","max_new_tokens":6,
            "sampling":{{{sampling}}},"repeat":{{"times":{times}}}}}"#
    );
    let picture = std::fs::read(picture()).unwrap();
    Form::empty().with("picture", &picture).with("options", options.as_bytes())
}

/// Asks and waits for the end; gives the run and its table.
async fn table(lab: &TestLab, form: Form) -> (RunRecord, RepeatTable) {
    let id = lab.submit_form(form).await.json::<shared::api::RunCreated>().id;
    let record = lab.ended(&id).await;
    assert_eq!(record.state, RunState::Done, "{:?}", record.events.last());
    let report: Report = lab.get(&format!("/api/runs/{id}/export.json")).await.ok();
    (record, report.repeat.unwrap())
}

fn answers(record: &RunRecord) -> Vec<&Sampled> {
    let events = record.events.iter().map(|e| &e.event);
    let one = events.filter_map(|event| match event {
        Event::Sampled(one) => Some(one),
        _ => None,
    });
    one.collect()
}

#[tokio::test]
async fn the_same_seed_gives_the_same_table_at_every_door_and_after_a_restart() {
    let lab = TestLab::real("demo-llava", &demo());
    let server = lab.listen().await;
    let drawn = r#""temperature":2.5,"seed":5"#;
    let (record, first) = table(&lab, asked(4, drawn)).await;
    let (_, second) = table(&lab, asked(4, drawn)).await;
    assert_eq!(first, second);
    assert_eq!((first.times, first.answered, first.late.n), (4, 4, 4));
    assert_eq!(first.claim.as_deref(), Some("a dog"));
    assert_eq!(first.answers.iter().map(|a| a.share.count).sum::<u32>(), 4);
    assert_eq!(record.version, EVENT_VERSION);
    // Each is an answer of its own seed, the first of the one that was asked for.
    let all = answers(&record);
    assert_eq!(all.iter().map(|one| one.index).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(all[0].seed, 5);
    for one in [all[0], all[3]] {
        let options = format!(
            r#"{{"prompt":"{PROMPT}","quant":"f32","max_new_tokens":6,
                "sampling":{{"temperature":2.5,"seed":{}}}}}"#,
            one.seed
        );
        let picture = std::fs::read(picture()).unwrap();
        let form = Form::empty().with("picture", &picture).with("options", options.as_bytes());
        let id = lab.submit_form(form).await.json::<shared::api::RunCreated>().id;
        let once = lab.ended(&id).await;
        assert_eq!(once.version, ONCE_VERSION, "earlier labs read it");
        let Some(Event::Done { summary }) = once.events.last().map(|e| &e.event) else {
            panic!("{:?}", once.events.last())
        };
        assert_eq!((&summary.answer, summary.tokens), (&one.answer, one.tokens));
    }
    // Whoever watches is told each, in order, and the end after them.
    let seen = Viewer::of_run(server, &record.id).await.rest().await;
    let kinds: Vec<_> = seen.events.iter().rev().take(5).map(|e| e.event.clone()).collect();
    assert!(matches!(&kinds[0], Event::Done { .. }), "{:?}", kinds[0]);
    assert!(kinds[1..].iter().all(|event| matches!(event, Event::Sampled(_))));
    // The command line gives the same table, and draws it.
    let folder = tempfile::TempDir::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_langoverrule"))
        .args(["analyze", "--quant", "f32", "--max-new-tokens", "6", "--temperature", "2.5"])
        .args(["--seed", "5", "--times", "4", "--plot", "band.svg", "--json", "--prompt", PROMPT])
        .arg("--model")
        .arg(demo())
        .arg("--image")
        .arg(picture())
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report.repeat.as_ref(), Some(&first));
    let drawn = std::fs::read_to_string(folder.path().join("band.svg")).unwrap();
    assert!(drawn.contains("MDI by layer over 4 answers"), "{drawn}");
    let answer = lab.get(&format!("/api/runs/{}/export.svg?plot=repeat", record.id)).await;
    assert!(answer.text().contains("MDI by layer over 4 answers"));
    let csv = lab.get(&format!("/api/runs/{}/export.csv", record.id)).await.text();
    assert!(csv.contains("# repeat: {\"times\":4"), "{csv}");
    // What was kept is what was told.
    let folder = lab.close().await;
    let lab = TestLab::in_folder(folder, Options::default());
    let kept = lab.record(&record.id).await;
    assert_eq!(answers(&kept), all);
}

#[tokio::test]
async fn at_temperature_0_it_is_one_answer_as_often_as_it_was_asked() {
    let lab = TestLab::real("demo-llava", &demo());
    let (_, found) = table(&lab, asked(3, "")).await;
    assert_eq!(found.answers.len(), 1, "{found:?}");
    assert_eq!((found.answers[0].share.count, found.answers[0].share.share), (3, Some(1.0)));
    let share = found.answers[0].share;
    assert_eq!((share.low, share.high), (None, None), "nothing was drawn");
    assert_eq!(found.answers[0].seeds, [0; 3]);
    for spread in found.layers.iter().chain([&found.late]) {
        let (low, high) = spread.band().unwrap();
        assert!(high - low <= 1e-12 * high, "{spread:?}");
    }
}

/// A lab on a scripted model whose answers take some 50 milliseconds.
fn scripted() -> TestLab {
    let step = Duration::from_millis(5);
    let script = Script { layers: 4, heads: 2, grid: 3, step, ..Script::default() };
    TestLab::with(Options { script, ..Options::default() })
}

const MOST: &str = r#"{"prompt":"What is it?","max_new_tokens":6,"repeat":{"times":32}}"#;

#[tokio::test]
async fn others_come_between_the_answers() {
    let lab = scripted();
    let long = lab.submit(MOST).await;
    lab.until(&long.id, |r| !answers(r).is_empty()).await;
    let other = lab.send_from(
        "127.0.0.3",
        Form::new(r#"{"prompt":"And this?","max_new_tokens":6}"#).request(),
    );
    let other = other.await.json::<shared::api::RunCreated>();
    assert_eq!(lab.ended(&other.id).await.state, RunState::Done);
    let meanwhile = lab.record(&long.id).await;
    assert_eq!(meanwhile.state, RunState::Running, "it has answers to come");
    let ended = lab.ended(&long.id).await;
    assert_eq!((ended.state, answers(&ended).len()), (RunState::Done, 32));
    // Nobody is told to wait who has an answer.
    let first = ended.events.iter().position(|e| matches!(e.event, Event::Sampled(_))).unwrap();
    let queued = |e: &shared::Envelope| matches!(e.event, Event::Queued { .. });
    assert!(!ended.events[first..].iter().any(queued));
}

#[tokio::test]
async fn it_is_cancelled_between_two_answers_and_keeps_those_it_has() {
    let lab = scripted();
    let long = lab.submit(MOST).await;
    lab.until(&long.id, |r| answers(r).len() >= 2).await;
    let path = format!("/api/runs/{}/cancel", long.id);
    let answer = lab.as_owner(Method::POST, &path, &long.owner_token).await;
    assert!(answer.status.is_success(), "{}", answer.text());
    let ended = lab.ended(&long.id).await;
    let there = answers(&ended).len();
    assert!(ended.state == RunState::Cancelled && (2..32).contains(&there), "{there}");
    let export = format!("/api/runs/{}/export.json", long.id);
    let report: Report = lab.get(&export).await.ok();
    assert_eq!(report.repeat, None, "no number of what did not finish, unless somebody asks");
    let report: Report = lab.get(&format!("{export}?partial=1")).await.ok();
    assert_eq!(report.repeat.map(|t| (t.times, t.answered as usize)), Some((32, there)));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_in_a_sentence() {
    let lab = TestLab::with(Options { experiments: true, ..Options::default() });
    for times in ["0", "1", "33"] {
        let options = format!(r#"{{"prompt":"What is it?","repeat":{{"times":{times}}}}}"#);
        let error = lab.submit_form(Form::new(&options)).await.is_error(ErrorCode::BadOption);
        assert!(error.message.contains("2 to 32 times"), "{}", error.message);
    }
    let spec = r#"{"models":["demo-llava"],"base":{"repeat":{"times":2}}}"#;
    let request = axum::http::Request::post("/api/experiments").body(spec.into()).unwrap();
    let error = lab.send(request).await.is_error(ErrorCode::BadOption);
    assert!(error.message.contains("single run"), "{}", error.message);
}
