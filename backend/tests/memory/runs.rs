//! Runs and pictures that do not fit are refused, and a lab that none fits says so.

use std::sync::Arc;

use crate::common::{Form, Options, TestLab};
use axum::http::StatusCode;
use engine::{DeviceChoice, amount};
use langoverrule::models::catalog::Catalog;
use langoverrule::workers::lab::EngineLab;
use langoverrule::workers::memory::Machine;
use shared::{ErrorCode, Event, Quant};
use tempfile::TempDir;

use super::{MIB, free, lab, large, last, need};

#[tokio::test]
async fn a_run_that_could_never_fit_is_refused_at_the_door() {
    let machine = TempDir::new().unwrap();
    let (f32, q8_0) = (need(Quant::F32), need(Quant::Q8_0));
    assert!(f32 > q8_0 + 10.0, "{f32} {q8_0}");
    let lab = lab(&machine, f32 - 1.0, f32 - 1.0);
    let ask = |quant: &str| {
        format!("{{\"prompt\":\"What is it?\",\"quant\":\"{quant}\",\"max_new_tokens\":2}}")
    };
    let answer = lab.submit_form(Form::new(&ask("f32"))).await;
    assert_eq!(answer.status, StatusCode::INSUFFICIENT_STORAGE, "{}", answer.text());
    let text = answer.text();
    assert!(text.contains("out_of_memory") && text.contains("In f16 it needs"), "{text}");
    assert!(text.contains(&amount(((f32 - 1.0) * MIB) as u64)), "what there is: {text}");
    let run = lab.submit(&ask("q8_0")).await;
    assert!(matches!(last(&lab.ended(&run.id).await), Event::Done { .. }));
}

/// What fits the machine but not what is free now fails at its turn, before anything is taken;
/// models that are loaded make room.
#[tokio::test]
async fn at_its_turn_a_run_takes_what_is_free_or_nothing() {
    let machine = TempDir::new().unwrap();
    let (f32, q8_0) = (need(Quant::F32), need(Quant::Q8_0));
    let lab = lab(&machine, 10_000.0, 10_000.0);
    let ask = async |quant: &str, tokens: u32| {
        let options = format!(
            "{{\"prompt\":\"What is it?\",\"quant\":\"{quant}\",\"max_new_tokens\":{tokens}}}"
        );
        let run = lab.submit(&options).await;
        last(&lab.ended(&run.id).await)
    };
    assert!(matches!(ask("q8_0", 2).await, Event::Done { .. }));
    // Less than f32 needs even when q8_0 is given up: that one stays.
    free(&machine, 10_000.0, f32 - q8_0 - 8.0);
    let Event::Failed { code, message, .. } = ask("f32", 2).await else { panic!("refused") };
    assert_eq!(code, ErrorCode::OutOfMemory, "{message}");
    assert!(message.contains("needs about"), "{message}");
    let loaded = || lab.state.runs.loaded();
    assert_eq!(loaded().len(), 1, "nothing was given up for it");
    // A loaded model's own run is measured too, where there is room to decode its picture.
    free(&machine, 10_000.0, 3.0);
    let Event::Failed { code, message, .. } = ask("q8_0", 100).await else { panic!("refused") };
    assert_eq!(code, ErrorCode::OutOfMemory, "{message}");
    assert!(
        message.contains("100 to answer") && message.contains("would fit")
            || message.contains("Not even a short question fits"),
        "{message}"
    );
    // What comes back of the other model counts: it is given up first.
    free(&machine, 10_000.0, f32 + 1.0);
    assert!(matches!(ask("f32", 2).await, Event::Done { .. }));
    assert_eq!(loaded().len(), 2);
}

/// What is free decides whether `verify` compares with f32, and the result says why it did not.
#[tokio::test]
async fn a_comparison_with_f32_that_does_not_fit_says_so() {
    let machine = TempDir::new().unwrap();
    let lab = lab(&machine, 10_000.0, 10_000.0);
    let verified = async |quant: &str| {
        let options = format!(
            "{{\"prompt\":\"What is it?\",\"quant\":\"{quant}\",\"max_new_tokens\":2,\"verify\":true}}"
        );
        let run = lab.submit(&options).await;
        let record = lab.ended(&run.id).await;
        let found = record.events.iter().find_map(|e| match &e.event {
            Event::Verified { fidelity } => Some(fidelity.clone()),
            _ => None,
        });
        (run.id, found.unwrap_or_else(|| panic!("not verified: {:?}", last(&record))))
    };
    let (_, with) = verified("q8_0").await;
    assert!(with.quantized.is_some() && with.uncompared.is_none(), "{with:?}");
    let (_, exact) = verified("f32").await;
    assert!(exact.quantized.is_none());
    assert_eq!(exact.uncompared.as_deref(), Some("the weights are held in f32 already."));
    // f32 is in memory now and is given up for no comparison: it is loaded a second time, or not.
    free(&machine, 10_000.0, need(Quant::F32) - 1.0);
    let (id, without) = verified("q8_0").await;
    assert!(without.quantized.is_none() && without.moved.is_none(), "{without:?}");
    let why = without.uncompared.unwrap();
    assert!(why.contains("demo-llava in f32 needs about") && why.contains("are free"), "{why}");
    let report: serde_json::Value = lab.get(&format!("/api/runs/{id}/export.json")).await.ok();
    assert_eq!(report["fidelity"]["uncompared"], why);
}

/// How a lab says that it is: its status, whether it takes runs, and its problems.
async fn health(lab: &TestLab) -> (String, bool, String) {
    let health: serde_json::Value = lab.get("/healthz").await.ok();
    let ready = lab.get("/readyz").await.status == StatusCode::OK;
    assert_eq!(health["ready"], ready);
    let problems = health["problems"].as_array().unwrap().iter().map(|p| p.as_str().unwrap());
    let problems: Vec<&str> = problems.collect();
    (health["status"].as_str().unwrap().to_owned(), ready, problems.join(" "))
}

#[tokio::test]
async fn a_lab_that_no_model_fits_says_that_it_is_not_well() {
    let machine = TempDir::new().unwrap();
    let lab = lab(&machine, 1000.0, 500.0);
    let well = ("ok".to_owned(), true, String::new());
    assert_eq!(health(&lab).await, well);
    // What is free now passes by; what there is at all does not.
    free(&machine, 1000.0, 1.0);
    assert_eq!(health(&lab).await, well);
    // Which quantization takes least depends on the processor's products.
    let quants = Quant::ALL.into_iter().filter(|quant| *quant != Quant::Stored);
    let least = quants.map(need).fold(f64::INFINITY, f64::min);
    free(&machine, least - 1.0, least - 1.0);
    let (status, ready, problems) = health(&lab).await;
    assert_eq!((status.as_str(), ready), ("degraded", false));
    for part in ["No model fits", "demo-llava in ", "--memory-limit"] {
        assert!(problems.contains(part), "{problems}");
    }
    // One that is asked for by its quantization fits, the one that runs unasked does not.
    let between = (least + need(Quant::Q8_0)) / 2.0;
    assert!(between - least > 0.5, "the test has room between them");
    free(&machine, between, between);
    let (status, ready, problems) = health(&lab).await;
    assert_eq!((status.as_str(), ready), ("degraded", true));
    assert!(
        problems.contains("The model that runs when none is named, demo-llava in q8_0"),
        "{problems}"
    );
    free(&machine, 1000.0, 500.0);
    assert_eq!(health(&lab).await, well);
}

#[tokio::test]
async fn a_lab_without_a_model_says_so() {
    let folder = Arc::new(TempDir::new().unwrap());
    let lab = EngineLab { device: DeviceChoice::Cpu, machine: Machine::default() };
    let lab = TestLab::of(Arc::new(lab), Catalog::default(), folder, Options::default());
    let (status, ready, problems) = health(&lab).await;
    assert_eq!((status.as_str(), ready), ("degraded", false));
    assert!(problems.contains("There is no model here"), "{problems}");
}

/// Of a picture that would unpack into more than there is, nothing is unpacked.
#[tokio::test]
async fn a_picture_that_does_not_fit_is_refused_before_it_is_decoded() {
    let machine = TempDir::new().unwrap();
    let lab = lab(&machine, 10_000.0, 80.0);
    let ask = async |picture: &[u8]| {
        let form = Form::empty()
            .with("picture", picture)
            .with("options", br#"{"prompt":"What is it?","max_new_tokens":2}"#);
        lab.send(form.request()).await
    };
    // 6,000 by 6,000 pixels of three bytes.
    let refused = ask(&large(6000)).await;
    let said = refused.is_error(ErrorCode::OutOfMemory);
    for part in ["Decoding the picture takes about 104 MiB", "80 MiB are left", "smaller picture"] {
        assert!(said.message.contains(part), "{}", said.message);
    }
    assert!(said.sentence.is_some());
    let taken = ask(&large(600)).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{}", taken.text());
    free(&machine, 10_000.0, 9_000.0);
    let taken = ask(&large(6000)).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{}", taken.text());
}
