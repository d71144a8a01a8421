//! Experiments wait where there is too little memory, and lose nothing by it.

use std::sync::Arc;

use crate::common::{Options, TestLab};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use engine::DeviceChoice;
use langoverrule::experiments::{Reach, plan};
use langoverrule::models::catalog::Catalog;
use langoverrule::workers::lab::EngineLab;
use langoverrule::workers::memory::Machine;
use shared::experiment::{ExperimentCreated, ExperimentSpec, ExperimentState, ExperimentStatus};
use shared::{AskedOptions, Quant};
use tempfile::TempDir;

use super::{free, lab, large, models, need};

#[tokio::test]
async fn an_experiment_is_refused_or_pauses_and_goes_on_when_there_is_room() {
    let machine = TempDir::new().unwrap();
    let f32 = need(Quant::F32);
    let lab = lab(&machine, f32 + 100.0, 4.0);
    let spec = |quant: &str| {
        let model = models().join("demo-llava");
        let model = model.file_name().unwrap().to_str().unwrap();
        format!(
            r#"{{"models":["{model}"],"samples":2,"quants":["{quant}"],"base":{{"max_new_tokens":2}}}}"#
        )
    };
    let create = async |quant: &str| {
        let request = Request::post("/api/experiments").body(Body::from(spec(quant))).unwrap();
        lab.send(request).await
    };
    let answer = create("f32").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let created: ExperimentCreated = answer.json();
    let paused = until(&lab, &created.id, ExperimentState::Paused).await;
    let problem = paused.problem.unwrap();
    assert!(problem.contains("demo-llava") && problem.contains("needs about"), "{problem}");
    assert_eq!((paused.done, paused.left_out), (0, 0));
    // There is room again.
    free(&machine, f32 + 100.0, f32 + 90.0);
    let path = format!("/api/experiments/{}/resume", created.id);
    let answer = lab.as_owner(axum::http::Method::POST, &path, &created.owner_token).await;
    assert!(answer.status.is_success(), "{}", answer.text());
    let done = until(&lab, &created.id, ExperimentState::Done).await;
    assert_eq!((done.done, done.left_out), (2, 0));
    // On a machine that is too small it is refused when it is asked for.
    free(&machine, f32 - 1.0, f32 - 1.0);
    let answer = create("f32").await;
    assert_eq!(answer.status, StatusCode::INSUFFICIENT_STORAGE, "{}", answer.text());
}

/// A model's files that change under an experiment pause it with the reason; no sample is left out
/// for what is no sample's fault.
#[tokio::test]
async fn options_that_can_no_longer_be_pause_an_experiment() {
    let folder = TempDir::new().unwrap();
    let model = folder.path().join("changing");
    std::fs::create_dir(&model).unwrap();
    for entry in std::fs::read_dir(models().join("demo-llava")).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
        }
    }
    let template = model.join("chat_template.jinja");
    let shipped = std::fs::read_to_string(&template).unwrap();
    let own = format!("Look. {shipped}");
    std::fs::write(&template, &own).unwrap();
    let mut catalog = Catalog::default();
    catalog.set_default(model.to_str().unwrap()).unwrap();
    let name = catalog.templates(&catalog.by_name("changing").unwrap()).remove(0);
    assert!(!name.starts_with("llava-hf"), "a template of its own: {name}");
    let (machine, f32) = (TempDir::new().unwrap(), need(Quant::F32));
    free(&machine, f32 + 1000.0, 4.0);
    let lab = EngineLab { device: DeviceChoice::Cpu, machine: Machine::at(machine.path(), None) };
    let options = Options { experiments: true, ..Options::default() };
    let lab = TestLab::of(Arc::new(lab), catalog, Arc::new(TempDir::new().unwrap()), options);
    let spec = format!(
        r#"{{"models":["changing"],"samples":2,"base":{{"max_new_tokens":2,"template":"{name}"}}}}"#
    );
    let request = Request::post("/api/experiments").body(Body::from(spec)).unwrap();
    let answer = lab.send(request).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let created: ExperimentCreated = answer.json();
    let path = format!("/api/experiments/{}/resume", created.id);
    let resume = async || {
        let answer = lab.as_owner(axum::http::Method::POST, &path, &created.owner_token).await;
        assert!(answer.status.is_success(), "{}", answer.text());
    };
    until(&lab, &created.id, ExperimentState::Paused).await;
    // The template goes while it waits for memory.
    std::fs::write(&template, &shipped).unwrap();
    free(&machine, f32 + 1000.0, f32 + 900.0);
    resume().await;
    let told = |status: &ExperimentStatus| {
        status.state == ExperimentState::Done
            || status.problem.as_ref().is_some_and(|why| why.contains("no longer runs"))
    };
    let paused = lab.experiment_until(&created.id, told).await;
    assert_eq!((paused.state, paused.left_out), (ExperimentState::Paused, 0), "{paused:?}");
    let problem = paused.problem.unwrap();
    assert!(problem.contains("changing") && problem.contains(&name), "{problem}");
    // It comes back, and nothing was lost.
    std::fs::write(&template, &own).unwrap();
    resume().await;
    let done = until(&lab, &created.id, ExperimentState::Done).await;
    assert_eq!((done.done, done.left_out), (2, 0));
}

async fn until(lab: &TestLab, id: &str, state: ExperimentState) -> ExperimentStatus {
    lab.experiment_until(id, |status| status.state == state).await
}

/// A sample whose picture does not fit now is no sample that cannot be read: the experiment waits.
#[tokio::test]
async fn a_sample_that_does_not_fit_now_is_not_left_out() {
    let (machine, samples) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for (name, side) in [("large.png", 6000), ("small.png", 60)] {
        std::fs::write(samples.path().join(name), large(side)).unwrap();
    }
    let rows = "{\"image\": \"large.png\", \"prompt\": \"What?\"}\n\
                {\"image\": \"small.png\", \"prompt\": \"What?\"}\n";
    std::fs::write(samples.path().join("rows.jsonl"), rows).unwrap();
    let lab = lab(&machine, 10_000.0, 9_000.0);
    let means = lab.state.experiments.clone().unwrap();
    let spec = ExperimentSpec {
        models: vec!["demo-llava".to_owned()],
        dataset: format!("jsonl:{}", samples.path().join("rows.jsonl").display()),
        samples: 0,
        base: AskedOptions { max_new_tokens: Some(2), ..AskedOptions::default() },
        ..ExperimentSpec::default()
    };
    let (new, _) = plan(spec, &means.catalog, &means.shelves, Reach::Local).unwrap();
    free(&machine, 10_000.0, 100.0);
    means.book.create(&new).unwrap();
    means.items.offer(&new.id).unwrap();
    let paused = until(&lab, new.id.as_str(), ExperimentState::Paused).await;
    assert_eq!((paused.done, paused.left_out), (1, 0), "{paused:?}");
    let problem = paused.problem.unwrap();
    assert!(problem.contains("Decoding the picture takes about"), "{problem}");
    free(&machine, 10_000.0, 9_000.0);
    means.book.set_state(&new.id, ExperimentState::Running, None).unwrap();
    means.items.offer(&new.id).unwrap();
    let done = until(&lab, new.id.as_str(), ExperimentState::Done).await;
    assert_eq!((done.done, done.left_out), (2, 0));
}
