//! Several devices: which run goes where, both at work at once, and one whose thread ends.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use engine::{EngineError, LoadOptions, Media, Observer};
use langoverrule::experiments::End;
use langoverrule::id::RunId;
use langoverrule::models::catalog::Catalog;
use langoverrule::workers::lab::{Lab, LoadedModel, PreparedRun, Script, ScriptedLab};
use shared::api::{RunRecord, RunState};
use shared::experiment::{ExperimentCreated, ExperimentState};
use shared::{ErrorCode, Event, ModelInfo, RunOptions, Summary};
use tempfile::TempDir;

use crate::common::{Options, TestLab};

/// Plays a device: its models say where they are, and `[ends]` in a prompt ends its thread.
struct Pretended {
    name: &'static str,
    scripted: ScriptedLab,
}

struct OnDevice(Box<dyn LoadedModel>, ModelInfo);

struct RunOnDevice<'m>(Box<dyn PreparedRun + 'm>);

/// Panics once more when it is thrown away: nothing that guards a run is left then.
struct Twice;

impl Drop for Twice {
    fn drop(&mut self) {
        std::panic::panic_any("the thread of a pretended device ends");
    }
}

impl Lab for Pretended {
    fn load(
        &self,
        folder: &Path,
        options: &LoadOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Box<dyn LoadedModel>, EngineError> {
        let model = self.scripted.load(folder, options, progress)?;
        let info = ModelInfo { device: self.name.to_owned(), ..model.info().clone() };
        Ok(Box::new(OnDevice(model, info)))
    }
}

impl LoadedModel for OnDevice {
    fn info(&self) -> &ModelInfo {
        &self.1
    }

    fn prepare<'m>(
        &'m self,
        media: &Media<'_>,
        options: &RunOptions,
    ) -> Result<Box<dyn PreparedRun + 'm>, EngineError> {
        Ok(Box::new(RunOnDevice(self.0.prepare(media, options)?)))
    }
}

impl PreparedRun for RunOnDevice<'_> {
    fn prompt_tokens(&self) -> usize {
        self.0.prompt_tokens()
    }

    fn options(&self) -> &RunOptions {
        self.0.options()
    }

    fn picture_png(&self, medium: usize) -> Option<Vec<u8>> {
        self.0.picture_png(medium)
    }

    fn run(&self, observer: &mut dyn Observer) -> Result<Option<Summary>, EngineError> {
        if self.0.options().prompt.contains("[ends]") {
            std::panic::panic_any(Twice);
        }
        self.0.run(observer)
    }
}

/// A lab on two pretended devices, and the file that says how far `[held]` runs may go.
fn lab(step: Duration, experiments: bool) -> (TestLab, PathBuf) {
    let folder = Arc::new(TempDir::new().unwrap());
    let allowed = folder.path().join("steps");
    let script = Script { layers: 4, heads: 2, grid: 3, step, ..Script::default() };
    let device = |name: &'static str| {
        let scripted = ScriptedLab { script, allowed: Some(allowed.clone()) };
        (name, Arc::new(Pretended { name, scripted }) as Arc<dyn Lab>)
    };
    let options = Options { script, experiments, ..Options::default() };
    (TestLab::on(&[device("left"), device("right")], Catalog::scripted(), folder, options), allowed)
}

/// The device that a run ran on.
fn place(run: &RunRecord) -> &str {
    let model = run.events.iter().find_map(|e| match &e.event {
        Event::Layout { model, .. } => Some(model),
        _ => None,
    });
    &model.expect("it was laid out").device
}

fn laid_out(run: &RunRecord) -> bool {
    run.events.iter().any(|e| matches!(e.event, Event::Layout { .. }))
}

#[tokio::test]
async fn two_runs_are_at_work_at_once_and_one_of_them_is_cancelled() {
    let (lab, allowed) = lab(Duration::ZERO, false);
    let (one, two) = (lab.ask("[held]").await, lab.ask("[held]").await);
    let places = [lab.until(&one.id, laid_out).await, lab.until(&two.id, laid_out).await];
    assert_eq!(places.each_ref().map(place), ["left", "right"]);
    assert_eq!(lab.state.runs.devices().len(), 2);
    assert!(lab.state.runs.devices().iter().all(|(_, state)| state.running));
    // A third waits for whoever is done first.
    let three = lab.ask("[held]").await;
    let queued = lab.record(&three.id).await;
    assert_eq!(queued.state, RunState::Queued);
    let position = queued.events.iter().find_map(|e| match e.event {
        Event::Queued { position } => Some(position),
        _ => None,
    });
    assert_eq!(position, Some(2), "two are ahead of it");
    let path = format!("/api/runs/{}/cancel", two.id);
    assert!(lab.as_owner(Method::POST, &path, &two.owner_token).await.status.is_success());
    assert_eq!(lab.ended(&two.id).await.state, RunState::Cancelled);
    assert_eq!(place(&lab.until(&three.id, laid_out).await), "right");
    assert_eq!(lab.record(&one.id).await.state, RunState::Running, "it is nobody's business");
    std::fs::write(allowed, "1000").unwrap();
    assert_eq!(lab.ended(&one.id).await.state, RunState::Done);
    assert_eq!(lab.ended(&three.id).await.state, RunState::Done);
    lab.close().await;
}

#[tokio::test]
async fn a_run_goes_where_its_model_lies() {
    let (lab, allowed) = lab(Duration::ZERO, false);
    for _ in 0..3 {
        let run = lab.ask("What is it?").await;
        assert_eq!(place(&lab.ended(&run.id).await), "left", "loaded once, and nowhere else");
    }
    let loaded = |lab: &TestLab| {
        lab.state.runs.devices().iter().map(|(_, state)| state.loaded.len()).collect::<Vec<_>>()
    };
    assert_eq!(loaded(&lab), [1, 0]);
    // While that device is at work, the other has room.
    let held = lab.ask("[held]").await;
    assert_eq!(place(&lab.until(&held.id, laid_out).await), "left");
    let beside = lab.ask("What is it?").await;
    assert_eq!(place(&lab.ended(&beside.id).await), "right");
    assert_eq!(loaded(&lab), [1, 1]);
    std::fs::write(allowed, "1000").unwrap();
    lab.ended(&held.id).await;
    lab.close().await;
}

#[tokio::test]
async fn a_device_whose_thread_ends_fails_its_run_and_the_other_goes_on() {
    let (lab, _) = lab(Duration::ZERO, false);
    let last = lab.ask("[ends]").await;
    let record = lab.ended(&last.id).await;
    let Some(Event::Failed { code, .. }) = record.events.last().map(|e| &e.event) else {
        panic!("it failed: {:?}", record.state)
    };
    assert_eq!(*code, ErrorCode::Internal);
    let alive = |lab: &TestLab| {
        lab.state.runs.devices().iter().map(|(_, state)| state.alive).collect::<Vec<_>>()
    };
    assert_eq!(alive(&lab), [false, true]);
    let health = lab.get("/healthz").await;
    assert_eq!(health.status, StatusCode::OK, "{}", health.text());
    let health: serde_json::Value = health.json();
    assert_eq!(health["status"], "degraded", "{health}");
    assert!(health["problems"][0].as_str().unwrap().contains("left"), "{health}");
    let does =
        |at: usize| (health["devices"][at]["name"].clone(), health["devices"][at]["does"].clone());
    assert_eq!(
        (does(0), does(1)),
        (("left".into(), "ended".into()), ("right".into(), "idle".into()))
    );
    assert_eq!(lab.get("/readyz").await.status, StatusCode::OK);
    for _ in 0..2 {
        let run = lab.ask("What is it?").await;
        assert_eq!(place(&lab.ended(&run.id).await), "right");
    }
    // With the last of them nothing runs any more, and that is said.
    let last = lab.ask("[ends]").await;
    lab.ended(&last.id).await;
    assert_eq!(lab.get("/healthz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    lab.close().await;
}

#[tokio::test]
async fn an_experiment_is_worked_at_by_every_device() {
    let (lab, _) = lab(Duration::from_millis(10), true);
    let spec = r#"{"models":["scripted"],"samples":40,"base":{"max_new_tokens":3}}"#;
    let request = Request::post("/api/experiments").body(Body::from(spec)).unwrap();
    let created: ExperimentCreated = lab.send(request).await.json();
    let status = lab.experiment_until(&created.id, |s| s.state == ExperimentState::Done).await;
    assert_eq!((status.done, status.left_out), (40, 0));
    let means = lab.state.experiments.clone().unwrap();
    let ends = means.book.ends(&RunId::parse(&created.id).unwrap(), 0, 100).unwrap();
    assert_eq!(ends.len(), 40, "each once");
    for device in ["left", "right"] {
        let there = ends.iter().filter(|ended| match &ended.end {
            End::Done(outcome) => outcome.made_with.as_ref().unwrap().device == device,
            End::LeftOut(_) => false,
        });
        assert!(there.count() >= 5, "{device} did its part");
    }
    lab.close().await;
}
