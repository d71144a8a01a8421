//! Runs: the line before the model, stopping, deleting, failing.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::common::socket::Viewer;
use crate::common::{Form, Options, TestLab, png, same};
use axum::http::{Method, StatusCode, header};
use engine::{EngineError, LoadOptions, Picture};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use langoverrule::fair::{Bound, Shares};
use langoverrule::models::catalog::Catalog;
use langoverrule::workers::lab::{EngineLab, Lab, LoadedModel, Script, ScriptedLab};
use shared::api::{RunCreated, RunRecord, RunState};
use shared::{ErrorCode, Event, Undefined};

async fn cancel(lab: &TestLab, run: &RunCreated) {
    let path = format!("/api/runs/{}/cancel", run.id);
    let answer = lab.as_owner(Method::POST, &path, &run.owner_token).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
}

fn last(record: &RunRecord) -> &Event {
    &record.events.last().unwrap().event
}

fn places(record: &RunRecord) -> Vec<u32> {
    let events = record.events.iter().map(|e| &e.event);
    let place = |e: &Event| match e {
        Event::Queued { position } => Some(*position),
        _ => None,
    };
    events.filter_map(place).collect()
}

#[tokio::test]
async fn runs_wait_in_line_and_know_their_place() {
    let lab = TestLab::new();
    let slow = lab.ask("[slow]").await;
    lab.until(&slow.id, |r| r.state == RunState::Running).await;
    let (second, third) = (lab.ask("second").await, lab.ask("third").await);
    assert_eq!(places(&lab.record(&third.id).await), [2]);
    cancel(&lab, &second).await;
    let record = lab.ended(&second.id).await;
    assert_eq!((last(&record), record.events.len()), (&Event::Cancelled, 2), "it never started");
    assert_eq!(places(&lab.record(&third.id).await), [2, 1]);
    cancel(&lab, &slow).await;
    assert_eq!(last(&lab.ended(&slow.id).await), &Event::Cancelled);
    let third = lab.ended(&third.id).await;
    assert_eq!(third.state, RunState::Done);
    assert_eq!(places(&third), [2, 1]);
}

#[tokio::test]
async fn cancelling_takes_no_longer_than_a_layer_and_keeps_what_was_seen() {
    let script = Script { layers: 20, step: Duration::from_millis(50), ..Script::default() };
    let lab = TestLab::with(Options { script, ..Options::default() });
    let run = lab.ask("What is it?").await;
    let layers = |r: &RunRecord| {
        r.events.iter().filter(|e| matches!(e.event, Event::PrefillLayer { .. })).count()
    };
    lab.until(&run.id, |r| layers(r) >= 3).await;
    cancel(&lab, &run).await;
    let before = layers(&lab.record(&run.id).await);
    let record = lab.ended(&run.id).await;
    assert_eq!(record.state, RunState::Cancelled);
    assert!(layers(&record) <= before + 1, "{before} layers, then {}", layers(&record));
    // Cancelling once more changes nothing.
    cancel(&lab, &run).await;
    same(&lab.record(&run.id).await.events, &record.events);
    // Whoever asks for what was observed gets it; the rest says that it was not.
    let export = |rest: &str| format!("/api/runs/{}/export.{rest}", run.id);
    let partial: shared::Report = lab.get(&export("json?partial=1")).await.ok();
    assert_eq!((partial.status, partial.partial), (RunState::Cancelled, true));
    assert!(partial.layers[0].numbers.mdi.is_some());
    assert!(partial.flows[0].is_some() && partial.flows[19].is_none());
    assert_eq!(partial.timing, None);
    assert_eq!(partial.layers[19].numbers.undefined, Some(shared::Undefined::NotObserved));
    // Whoever does not ask gets no number that a finished run would not have.
    unfinished(&lab, &run.id, RunState::Cancelled).await;
}

/// Neither export of a run that is not done has a number, and both say where it stands.
async fn unfinished(lab: &TestLab, id: &str, status: RunState) {
    let export = |rest: &str| format!("/api/runs/{id}/export.{rest}");
    let report: shared::Report = lab.get(&export("json")).await.ok();
    assert_eq!((report.status, report.partial), (status, false));
    let stages = [&report.stages.early, &report.stages.middle, &report.stages.late];
    let layers = report.layers.iter().flat_map(|l| l.heads.iter().chain([&l.numbers]));
    for numbers in stages.into_iter().chain(layers) {
        assert_eq!(numbers.undefined, Some(Undefined::Unfinished));
        assert_eq!((numbers.mdi, numbers.share_text), (None, None));
        assert_eq!((numbers.attention_text, numbers.text_tokens), (None, None));
    }
    assert!(!report.flows.is_empty() && report.flows.iter().all(Option::is_none));
    assert_eq!(report.timing, None);
    let json: serde_json::Value = lab.get(&export("json")).await.ok();
    assert!(json["timing"].is_null());
    assert_eq!(json["status"], status.name());
    assert_eq!(json["stages"]["late"]["undefined"], "unfinished");
    let csv = lab.get(&export("csv")).await.text();
    assert!(csv.contains(&format!("# status: {}: the run did not finish", status.name())), "{csv}");
    assert!(csv.lines().any(|l| l.starts_with("# late,,") && l.ends_with(",unfinished")), "{csv}");
    assert!(csv.lines().any(|l| l.starts_with("0,,") && l.ends_with(",unfinished")), "{csv}");
    let csv = lab.get(&export("csv?partial=1")).await.text();
    assert!(csv.contains(&format!("# status: {}, partial: ", status.name())), "{csv}");
    assert!(!csv.contains("unfinished"), "{csv}");
}

#[tokio::test]
async fn exports_say_whether_a_run_finished() {
    let lab = TestLab::new();
    // While it runs: the prefill is through, and some tokens are there.
    let slow = lab.submit(r#"{"prompt":"[slow]","max_new_tokens":12}"#).await;
    let tokens =
        |r: &RunRecord| r.events.iter().filter(|e| matches!(e.event, Event::Token { .. })).count();
    lab.until(&slow.id, |r| tokens(r) >= 2).await;
    unfinished(&lab, &slow.id, RunState::Running).await;
    cancel(&lab, &slow).await;
    lab.ended(&slow.id).await;
    unfinished(&lab, &slow.id, RunState::Cancelled).await;
    // One that broke after its prefill.
    let broken = lab.ask("[panic]").await;
    lab.ended(&broken.id).await;
    unfinished(&lab, &broken.id, RunState::Failed).await;
    // One that finished has its numbers, and asking for partial ones changes nothing.
    let whole = lab.ask("What is it?").await;
    lab.ended(&whole.id).await;
    let export = |rest: &str| format!("/api/runs/{}/export.{rest}", whole.id);
    let report: shared::Report = lab.get(&export("json")).await.ok();
    assert_eq!((report.status, report.partial), (RunState::Done, false));
    assert!(report.stages.late.mdi.is_some());
    assert!(report.timing.is_some() && report.flows.iter().all(Option::is_some));
    assert_eq!(lab.get(&export("json?partial=1")).await.ok::<shared::Report>(), report);
    assert!(lab.get(&export("csv")).await.text().contains("# status: done\n"));
    lab.get(&export("json?partial=maybe")).await.is_error(ErrorCode::BadRequest);
}

#[tokio::test]
async fn a_full_line_refuses_and_keeps_nothing_of_the_refused() {
    let lab = TestLab::with(Options { queue: 2, ..Options::default() });
    let slow = lab.ask("[slow]").await;
    lab.until(&slow.id, |r| r.state == RunState::Running).await;
    let waiting = [lab.ask("second").await, lab.ask("third").await];
    let refused = lab.submit_form(Form::new(r#"{"prompt":"fourth"}"#)).await;
    refused.is_error(ErrorCode::QueueFull);
    assert_eq!(lab.state.runs.store.totals().unwrap().runs, 3);
    cancel(&lab, &slow).await;
    for run in &waiting {
        assert_eq!(lab.ended(&run.id).await.state, RunState::Done);
    }
    lab.ask("fifth").await;
}

#[tokio::test]
async fn only_the_owner_deletes_and_then_nothing_is_left() {
    let lab = TestLab::new();
    let server = lab.listen().await;
    let (run, other) = (lab.ask("What is it?").await, lab.ask("And this?").await);
    lab.ended(&run.id).await;
    lab.ended(&other.id).await;
    let path = format!("/api/runs/{}", run.id);
    for token in ["", "x", &other.owner_token, &run.id] {
        lab.as_owner(Method::DELETE, &path, token).await.is_error(ErrorCode::NotOwner);
        let cancel = format!("{path}/cancel");
        lab.as_owner(Method::POST, &cancel, token).await.is_error(ErrorCode::NotOwner);
    }
    let nobody = format!("/api/runs/{}", "a".repeat(26));
    lab.as_owner(Method::DELETE, &nobody, &run.owner_token).await.is_error(ErrorCode::NotFound);
    lab.as_owner(Method::DELETE, "/api/runs/sample", "x").await.is_error(ErrorCode::NotFound);
    // Both runs have one picture: it is kept once, and stays while one of them is there.
    let totals = lab.state.runs.store.totals().unwrap();
    assert_eq!((totals.runs, totals.blobs), (2, 2), "the picture, and the prepared one");
    let answer = lab.as_owner(Method::DELETE, &path, &run.owner_token).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    for path in [path.clone(), format!("{path}/picture"), format!("{path}/export.json")] {
        lab.get(&path).await.is_error(ErrorCode::NotFound);
    }
    let gone = Viewer::of_run(server, &run.id).await.rest().await;
    assert_eq!(gone.errors, [ErrorCode::NotFound]);
    lab.as_owner(Method::DELETE, &path, &run.owner_token).await.is_error(ErrorCode::NotFound);
    assert_eq!(lab.get(&format!("/api/runs/{}/picture", other.id)).await.status, StatusCode::OK);
    let path = format!("/api/runs/{}", other.id);
    lab.as_owner(Method::DELETE, &path, &other.owner_token).await;
    let totals = lab.state.runs.store.totals().unwrap();
    assert_eq!((totals.runs, totals.blobs, totals.event_rows), (0, 0, 0));
}

#[tokio::test]
async fn deleting_a_run_at_work_stops_it_for_good() {
    let lab = TestLab::new();
    let server = lab.listen().await;
    let run = lab.ask("[slow]").await;
    lab.until(&run.id, |r| r.state == RunState::Running).await;
    let mut viewer = Viewer::of_run(server, &run.id).await;
    let path = format!("/api/runs/{}", run.id);
    lab.as_owner(Method::DELETE, &path, &run.owner_token).await;
    let seen = viewer.rest().await;
    assert_eq!(seen.events.last().unwrap().event, Event::Cancelled, "viewers learn of the end");
    // Once the model is through with it and did another, nothing of it came back.
    let next = lab.ask("next").await;
    lab.ended(&next.id).await;
    lab.get(&path).await.is_error(ErrorCode::NotFound);
    assert_eq!(lab.state.runs.store.totals().unwrap().runs, 1);
}

#[tokio::test]
async fn a_panic_in_the_model_is_one_failed_run() {
    let lab = TestLab::new();
    let run = lab.ask("[panic]").await;
    let record = lab.ended(&run.id).await;
    let Event::Failed { code, message, .. } = last(&record) else { panic!("{:?}", last(&record)) };
    assert_eq!(*code, ErrorCode::Internal);
    assert!(!message.contains("script"), "the cause stays inside: {message}");
    assert!(record.events.len() > 3, "what came before is kept");
    let next = lab.ask("What is it?").await;
    assert_eq!(lab.ended(&next.id).await.state, RunState::Done);
    assert_eq!(lab.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_the_model_refuses_comes_with_its_code() {
    let lab = TestLab::new();
    let run = lab.ask("[fail]").await;
    let record = lab.ended(&run.id).await;
    let Event::Failed { code, message, .. } = last(&record) else { panic!("{:?}", last(&record)) };
    assert_eq!((*code, message.as_str()), (ErrorCode::PromptTooLong, "The prompt is too long."));
}

#[tokio::test]
async fn a_broken_model_is_said_without_the_servers_paths() {
    let folder = Arc::new(tempfile::TempDir::new().unwrap());
    let model = folder.path().join("broken");
    std::fs::create_dir(&model).unwrap();
    std::fs::write(model.join("config.json"), "{}").unwrap();
    let mut catalog = Catalog::default();
    catalog.set_default(model.to_str().unwrap()).unwrap();
    let lab =
        TestLab::of(Arc::new(EngineLab::default()), catalog, folder.clone(), Options::default());
    let run = lab.ask("What is it?").await;
    let record = lab.ended(&run.id).await;
    let Event::Failed { code, message, .. } = last(&record) else { panic!("{:?}", last(&record)) };
    assert_eq!(*code, ErrorCode::ModelUnusable);
    assert!(message.contains("\"broken\""), "{message}");
    assert!(!message.contains('/') && !message.contains("config.json"), "{message}");
}

/// A lab that decodes when it is let, and counts.
#[derive(Default)]
struct HeldDecoder {
    now: AtomicUsize,
    most: AtomicUsize,
    calls: AtomicUsize,
    open: Mutex<bool>,
    opened: Condvar,
}

impl HeldDecoder {
    fn let_through(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

struct Held(Arc<HeldDecoder>);

impl Lab for Held {
    fn decode(&self, _: &[u8]) -> Result<Picture, EngineError> {
        let now = self.0.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(now, Ordering::SeqCst);
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        drop(self.0.opened.wait_while(self.0.open.lock().unwrap(), |open| !*open).unwrap());
        self.0.now.fetch_sub(1, Ordering::SeqCst);
        ScriptedLab::default().decode(&png(8, 8))
    }

    fn load(
        &self,
        folder: &Path,
        options: &LoadOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Box<dyn LoadedModel>, EngineError> {
        ScriptedLab::default().load(folder, options, progress)
    }
}

#[tokio::test]
async fn one_picture_is_decoded_at_a_time_whoever_hangs_up() {
    let held = Arc::new(HeldDecoder::default());
    let folder = Arc::new(tempfile::TempDir::new().unwrap());
    let shares =
        Shares { uploads: Bound::new(20, 12), runs: Bound::new(100, 60), ..Shares::default() };
    let options = Options { shares: Some(shares), ..Options::default() };
    let lab = Arc::new(Held(held.clone()));
    let lab = TestLab::of(lab, Catalog::scripted(), folder, options);
    // Clients that leave while their picture waits or is decoded: what is being decoded goes on.
    for _ in 0..6 {
        let form = lab.submit_form(Form::new(r#"{"prompt":"a","max_new_tokens":1}"#));
        let _ = tokio::time::timeout(Duration::from_millis(30), form).await;
    }
    assert_eq!(held.most.load(Ordering::SeqCst), 1);
    // More at once than one client may have on their way: those are told at once.
    let mut answers: FuturesUnordered<_> =
        (0..40).map(|_| lab.submit_form(Form::new(r#"{"prompt":"a"}"#))).collect();
    for _ in 0..28 {
        let answer = answers.next().await.unwrap();
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        answer.is_error(ErrorCode::TooManyRequests);
    }
    // The others are served, one after another.
    held.let_through();
    while let Some(answer) = answers.next().await {
        assert_eq!(answer.status, StatusCode::ACCEPTED);
    }
    assert_eq!(held.most.load(Ordering::SeqCst), 1);
    assert_eq!(held.calls.load(Ordering::SeqCst), 13, "the first that hung up, and these twelve");
}

#[tokio::test]
async fn a_full_disk_is_said_and_survived() {
    // Room for the tables and a few small runs.
    let lab = TestLab::with(Options { max_pages: Some(60), ..Options::default() });
    let mut taken = Vec::new();
    let refused = loop {
        // Each with a picture of its own, of noise that no compression makes small.
        let seed = taken.len() as u32 + 1;
        let form = Form::empty()
            .with("picture", &noise(64, seed))
            .with("options", br#"{"prompt":"What is it?","max_new_tokens":2}"#);
        let answer = lab.submit_form(form).await;
        if answer.status != StatusCode::ACCEPTED {
            break answer;
        }
        let run: RunCreated = answer.json();
        lab.ended(&run.id).await;
        taken.push(run);
        assert!(taken.len() < 100, "the limit has no effect");
    };
    refused.is_error(ErrorCode::StorageFull);
    assert!(taken.len() > 2, "only {} runs fit", taken.len());
    // Everything else goes on, and what was kept is whole.
    assert_eq!(lab.get("/healthz").await.status, StatusCode::OK);
    let first = lab.get(&format!("/api/runs/{}/picture", taken[0].id)).await;
    assert_eq!(first.header(header::CONTENT_TYPE), "image/png");
    // Room made is room to use.
    for run in &taken {
        let path = format!("/api/runs/{}", run.id);
        let answer = lab.as_owner(Method::DELETE, &path, &run.owner_token).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    }
    let run = lab.ask("What is it?").await;
    assert_eq!(lab.ended(&run.id).await.state, RunState::Done);
}

#[tokio::test]
async fn a_run_whose_end_finds_no_space_says_so() {
    // The run is taken; its 200 tokens of rows are more than there is room for.
    let script = Script { layers: 8, heads: 4, grid: 16, ..Script::default() };
    let lab = TestLab::with(Options { script, max_pages: Some(36), ..Options::default() });
    let run = lab.submit(r#"{"prompt":"What is it?","max_new_tokens":200}"#).await;
    let record = lab.ended(&run.id).await;
    let Event::Failed { code, .. } = last(&record) else { panic!("{:?}", record.state) };
    assert_eq!(*code, ErrorCode::StorageFull);
    // And the next one, small enough, is kept.
    let run = lab.ask("What is it?").await;
    assert_eq!(lab.ended(&run.id).await.state, RunState::Done);
}

fn noise(side: u32, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    let mut file = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_fn(side, side, |_, _| image::Rgb([next(), next(), next()]))
        .write_to(&mut file, image::ImageFormat::Png)
        .unwrap();
    file.into_inner()
}
