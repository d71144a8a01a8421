//! What is said of memory against what is taken, and what does not fit is refused before it starts.
#![allow(clippy::print_stdout, reason = "what was tried and measured")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use crate::common::{Form, Options, TestLab};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use engine::{DeviceChoice, Kernels, Weighed, amount};
use langoverrule::experiments::{Reach, plan};
use langoverrule::id::RunId;
use langoverrule::models::catalog::Catalog;
use langoverrule::workers::lab::EngineLab;
use langoverrule::workers::memory::Machine;
use shared::api::RunRecord;
use shared::experiment::{ExperimentCreated, ExperimentSpec, ExperimentState, ExperimentStatus};
use shared::{AskedOptions, ErrorCode, Event, Quant};
use tempfile::TempDir;

const MIB: f64 = 1_048_576.0;

fn program(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_langoverrule"));
    command.args(args).env("RUST_LOG", "error").output().unwrap()
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

/// MiB at the peak of a process that runs a shape, and those estimated; `None` where the system does not say.
fn measured(shape: &str, quant: Quant) -> Option<(f64, f64)> {
    let output = program(&[
        "bench",
        "--shape",
        shape,
        "--quant",
        quant.name(),
        "--memory",
        "0",
        // The second run works beside the arrangements that the first one's single rows made.
        "--runs",
        "2",
        "--observe",
        "on",
        "--new-tokens",
        "3",
        "--device",
        "cpu",
        "--json",
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = &report["rows"][0];
    let number = |name: &str| row[name].as_f64().unwrap();
    if report["processor"].as_str().is_none_or(|p| p.is_empty()) {
        panic!("the report names the processor");
    }
    let Some(peak) = row["peak_mib"].as_f64() else {
        if std::env::consts::OS == "linux" {
            panic!("Linux says what a process took: {row}");
        }
        return None;
    };
    assert!(number("tokens_in") > 64.0);
    Some((peak, number("estimate_mib")))
}

/// A process that makes a model of random weights, reads a prompt of more than 32 rows and writes
/// tokens: the estimate is between 0.9 and 1.25 times its peak, as `engine::MemoryNeed`, README and
/// docs/performance.md say.
#[test]
fn estimates_are_what_processes_take() {
    let (least, most) = (0.9, 1.25);
    for (file, text) in [
        ("README.md", format!("(between {least} and {most} times what they took)")),
        ("docs/performance.md", format!("between {least} and {most} times the peak")),
        (
            "backend/engine/src/memory/mod.rs",
            format!("/// {least} and {most} times what is measured"),
        ),
    ] {
        let said = std::fs::read_to_string(models().join("..").join(file)).unwrap();
        assert!(said.contains(&text), "{file} lacks: {text}");
    }
    let mut wrong = Vec::new();
    for shape in ["llava-100m", "qwen-100m", "qwen3-vl-100m"] {
        // Those of 16 bits take the same.
        let quants = Quant::ALL.into_iter().filter(|q| !matches!(q, Quant::Stored | Quant::Bf16));
        for quant in quants {
            let Some(first) = measured(shape, quant) else {
                println!("this system does not say what a process took: nothing is compared");
                return;
            };
            // Threads that were held up by other programs give memory back later: what is off is measured once more.
            let within = |(peak, estimate): (f64, f64)| (least..=most).contains(&(estimate / peak));
            let (peak, estimate) = match within(first) {
                true => first,
                false => measured(shape, quant).expect("the system said it before"),
            };
            let ratio = estimate / peak;
            println!("{shape} {}: {peak:.0} MiB, estimated {:.3} of it", quant.name(), ratio);
            if !(least..=most).contains(&ratio) {
                wrong.push(format!("{shape} {}: {ratio:.3}", quant.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// What the weights take once they have been used, by processor: the figures of README's table.
#[test]
fn a_seven_billion_parameter_model_by_processor() {
    let gib = |kernels, quant| {
        let weighed = Weighed::shape("llava-1.5-7b", quant, kernels).unwrap();
        weighed.memory(1000).peak() as f64 / MIB / 1024.0
    };
    for quant in [Quant::Q4k, Quant::Q5k, Quant::Q6k, Quant::Q8_0] {
        let (here, plain) = (gib(Kernels::Avx512Vnni, quant), gib(Kernels::Plain, quant));
        assert_eq!(gib(Kernels::Avx2, quant), here, "one arrangement for all");
        assert_eq!(gib(Kernels::AvxVnni, quant), here, "one arrangement for all");
        // 64 bytes more for each 16 rows of 256 values, 32 of q6k, none of q8_0.
        assert!((0.0..0.13).contains(&(here - plain)), "{quant:?}: {here}, {plain}");
    }
    // Candle's arrangement on ARM is as large as the blocks that it keeps beside it.
    let arranged = gib(Kernels::Dotprod, Quant::Q8_0) - gib(Kernels::Plain, Quant::Q8_0);
    assert!((arranged - 1.0625 * 6_607_339_520.0 / MIB / 1024.0).abs() < 0.01, "{arranged}");
}

/// README's table is what the formula gives, by processor.
#[test]
fn readme_says_what_is_computed() {
    let readme = std::fs::read_to_string(models().join("../README.md")).unwrap();
    let mut missing = Vec::new();
    for (shape, name) in [
        ("llava-1.5-7b", "LLaVA-1.5-7B"),
        ("llava-1.5-13b", "LLaVA-1.5-13B"),
        ("qwen2-vl-2b", "Qwen2-VL-2B"),
        ("qwen2-vl-7b", "Qwen2-VL-7B"),
        ("qwen2.5-vl-3b", "Qwen2.5-VL-3B"),
        ("qwen2.5-vl-7b", "Qwen2.5-VL-7B"),
        ("qwen3-vl-2b", "Qwen3-VL-2B"),
        ("qwen3-vl-4b", "Qwen3-VL-4B"),
        ("qwen3-vl-8b", "Qwen3-VL-8B"),
        ("llava-interleave-0.5b", "LLaVA-Interleave-0.5B"),
        ("internvl3.5-1b", "InternVL3.5-1B"),
        ("internvl3.5-2b", "InternVL3.5-2B"),
        ("internvl3.5-8b", "InternVL3.5-8B"),
        ("llava-onevision-0.5b", "LLaVA-OneVision-0.5B"),
        ("llava-onevision-7b", "LLaVA-OneVision-7B"),
    ] {
        for (kernels, processor) in [(Kernels::Avx2, "x86-64"), (Kernels::Dotprod, "ARM")] {
            let quants = [Quant::Q4k, Quant::Q5k, Quant::Q8_0, Quant::F16, Quant::F32];
            let cells = quants.map(|quant| {
                let need = Weighed::shape(shape, quant, kernels).unwrap().memory(1000).peak();
                format!("{:.1}", need as f64 / MIB / 1024.0)
            });
            let row = format!("| {name} | {processor} | {} |", cells.join(" | "));
            if !readme.contains(&row) {
                missing.push(row);
            }
        }
    }
    assert!(missing.is_empty(), "README lacks:\n{}", missing.join("\n"));
}

#[test]
fn analyze_refuses_what_does_not_fit_and_says_what_would() {
    let data = TempDir::new().unwrap();
    let image = models().join("demo-llava/samples/cat-far.png");
    let analyze = |limit: &str| {
        program(&[
            "analyze",
            "--model",
            "demo-llava",
            "--image",
            image.to_str().unwrap(),
            "--prompt",
            "What is it?",
            "--max-new-tokens",
            "2",
            "--quant",
            "f32",
            "--device",
            "cpu",
            "--memory-limit",
            limit,
            "--models",
            models().to_str().unwrap(),
            "--data",
            data.path().to_str().unwrap(),
        ])
    };
    let refused = analyze("52MiB");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{said}");
    for part in ["out_of_memory: demo-llava in f32 needs about", "--memory-limit leaves", "In "] {
        assert!(said.contains(part), "no \"{part}\" in: {said}");
    }
    for limit in ["400MiB", "unlimited"] {
        let fits = analyze(limit);
        assert!(fits.status.success(), "{limit}: {}", String::from_utf8_lossy(&fits.stderr));
    }
    assert!(!analyze("much").status.success());
}

/// The event that ended a run.
fn last(record: &RunRecord) -> Event {
    record.events.last().unwrap().event.clone()
}

/// A lab on the demo model, on a machine that has so much memory, so much of it free.
fn lab(machine: &TempDir, total_mib: f64, free_mib: f64) -> TestLab {
    free(machine, total_mib, free_mib);
    let mut catalog = Catalog::default();
    catalog.set_default(models().join("demo-llava").to_str().unwrap()).unwrap();
    let machine = Machine::at(machine.path(), None);
    let lab = EngineLab { device: DeviceChoice::Cpu, machine };
    let options = Options { experiments: true, ..Options::default() };
    TestLab::of(Arc::new(lab), catalog, Arc::new(TempDir::new().unwrap()), options)
}

fn free(machine: &TempDir, total_mib: f64, free_mib: f64) {
    let proc = machine.path().join("proc");
    std::fs::create_dir_all(&proc).unwrap();
    let kib = |mib: f64| (mib * 1024.0) as u64;
    let table = format!(
        "MemTotal:  {} kB\nMemFree: 0 kB\nMemAvailable: {} kB\n",
        kib(total_mib),
        kib(free_mib)
    );
    // Whole at once: the lab reads it at any time.
    let new = machine.path().join("new");
    std::fs::write(&new, table).unwrap();
    std::fs::rename(new, proc.join("meminfo")).unwrap();
}

/// MiB that the demo model takes to be loaded and asked something short.
fn need(quant: Quant) -> f64 {
    let here = Kernels::here();
    Weighed::files(models().join("demo-llava"), quant, here).unwrap().takes() as f64 / MIB
}

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
    let paused = told(&lab, &created.id, |status| {
        status.state == ExperimentState::Done
            || status.problem.as_ref().is_some_and(|why| why.contains("no longer runs"))
    })
    .await;
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
    told(lab, id, |status| status.state == state).await
}

/// Waits as those who watch an experiment do, until it is there.
async fn told(
    lab: &TestLab,
    id: &str,
    there: impl Fn(&ExperimentStatus) -> bool,
) -> ExperimentStatus {
    let wait = async {
        let means = lab.state.experiments.as_ref().unwrap();
        let mut changes = lab.state.live.watch(means, &RunId::parse(id).unwrap()).await.unwrap();
        loop {
            let status: ExperimentStatus = lab.get(&format!("/api/experiments/{id}")).await.ok();
            if there(&status) {
                return status;
            }
            // Closed once it is over: what it came to is looked at once more.
            if changes.changed().await.is_err() {
                let last: ExperimentStatus = lab.get(&format!("/api/experiments/{id}")).await.ok();
                assert!(there(&last), "it is over: {last:?}");
                return last;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), wait).await.expect("it gets there")
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

/// A picture of so many pixels that a computer draws, in a small file.
fn large(side: u32) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(side, side).write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
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
