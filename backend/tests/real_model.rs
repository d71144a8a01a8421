//! The lab on a real, tiny model: command line and API agree with each other and with `shared`.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::PathBuf;
use std::process::Command;

use crate::common::{Form, TestLab, png, same};
use safetensors::SafeTensors;
use shared::api::{RunRecord, RunState};
use shared::{
    CopyPositions, ErrorBody, ErrorCode, Event, Group, Observation, PruneCount, PrunePositions,
    Report,
};
use tempfile::TempDir;

const NAME: &str = "llava-gqa";

fn model() -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/goldens");
    PathBuf::from(folder).join(NAME).canonicalize().unwrap()
}

struct Analyzed {
    report: Report,
    record: RunRecord,
    maps: Vec<u8>,
}

fn analyze(tokens: &str) -> Analyzed {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("p.png"), png(64, 48)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_langoverrule"))
        .args(["analyze", "--image", "p.png", "--prompt", "What is it?", "--quant", "f32"])
        .args(["--ignore-eos", "--json", "--max-new-tokens", tokens])
        .args(["--dump-attention", "maps.safetensors", "--record", "run.json"])
        .args(["--prepared", "seen.png", "--model"])
        .arg(model())
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(image::load_from_memory(&read("seen.png")).is_ok());
    Analyzed {
        report: serde_json::from_slice(&output.stdout).unwrap(),
        record: serde_json::from_slice(&read("run.json")).unwrap(),
        maps: read("maps.safetensors"),
    }
}

#[tokio::test]
async fn command_line_and_api_give_the_same_run() {
    let analyzed = analyze("5");
    let lab = TestLab::real(NAME, &model());
    let options = r#"{"prompt":"What is it?","quant":"f32","max_new_tokens":5,"ignore_eos":true}"#;
    let run = lab.submit(options).await;
    let record = lab.ended(&run.id).await;
    assert_eq!(record.state, RunState::Done, "{:?}", record.events.last());
    let api: Report = lab.get(&format!("/api/runs/{}/export.json", run.id)).await.ok();
    let report = analyzed.report;
    assert_eq!(api.layers, report.layers);
    assert_eq!(api.stages, report.stages);
    assert_eq!(api.generated, report.generated);
    assert_eq!(api.layout, report.layout);
    assert_eq!(api.model, report.model);
    assert_eq!(api.options, report.options);
    let seen = lab.get(&format!("/api/runs/{}/prepared.png", run.id)).await;
    assert!(image::load_from_memory(&seen.body).is_ok());
    assert_eq!(report.generated.ids.len(), 5);
    for layer in &report.layers {
        assert!(layer.numbers.identity_residual.unwrap() < 1e-9);
    }
    // The record is the same run again, and reads back over the API's own types.
    let mut again = Observation::default();
    analyzed.record.events.iter().for_each(|e| again.apply(&e.event));
    assert_eq!(again.answer(), report.generated.text);
    let json = serde_json::to_vec(&analyzed.record).unwrap();
    let back: RunRecord = serde_json::from_slice(&json).unwrap();
    same(&back.events, &analyzed.record.events);
}

/// A run that is to be verified says how it compares, before it ends; so do its exports.
#[tokio::test]
async fn a_verified_run_tells_what_observing_changed() {
    let lab = TestLab::real(NAME, &model());
    let ask = |quant: &str| {
        format!(
            r#"{{"prompt":"What is it?","quant":"{quant}","max_new_tokens":5,"ignore_eos":true,"verify":true}}"#
        )
    };
    for (quant, exact) in [("q8_0", false), ("f32", true)] {
        let run = lab.submit(&ask(quant)).await;
        let record = lab.ended(&run.id).await;
        let events: Vec<&Event> = record.events.iter().map(|e| &e.event).collect();
        let [.., Event::Verifying, Event::Verified { fidelity }, Event::Done { .. }] = events[..]
        else {
            panic!("{:?}", events.last())
        };
        assert!(fidelity.observed.agrees(), "{fidelity:?}");
        assert_eq!((fidelity.observed.tokens, fidelity.observed.same_tokens), (5, 5));
        assert_eq!(fidelity.observed.largest_logit_difference, 0.0);
        assert!(fidelity.observed.largest_logit > 0.0, "something was compared");
        let report: Report = lab.get(&format!("/api/runs/{}/export.json", run.id)).await.ok();
        assert_eq!(report.fidelity.as_ref(), Some(fidelity));
        // Every prompt row, and those of four tokens.
        assert_eq!(fidelity.observed.rows as usize, report.layout.tokens.len() + 4);
        match (&fidelity.quantized, exact) {
            (None, true) => {}
            (Some(off), false) => {
                assert!(off.largest_logit_difference > 0.0, "{off:?}");
                // 8 bits move the numbers a little, in every stage, and say by how much.
                let moved = fidelity.moved.expect("f32 was observed");
                for ratio in [moved.early.mdi, moved.middle.mdi, moved.late.mdi] {
                    let ratio = ratio.expect("defined");
                    assert!(ratio != 1.0 && (0.95..1.05).contains(&ratio), "{moved:?}");
                }
                assert_eq!(moved.layers.map(|l| l.layers), Some(report.layers.len() as u32));
            }
            other => panic!("{other:?}"),
        }
        let csv = lab.get(&format!("/api/runs/{}/export.csv", run.id)).await;
        let csv = String::from_utf8(csv.body.to_vec()).unwrap();
        assert!(csv.contains("# fidelity: {\"observed\":"), "{csv}");
    }
    // Nothing of it in a run that did not ask.
    let plain = lab.submit(r#"{"prompt":"What is it?","quant":"f32","max_new_tokens":2}"#).await;
    let record = lab.ended(&plain.id).await;
    let verified =
        |e: &shared::Envelope| matches!(e.event, Event::Verifying | Event::Verified { .. });
    assert!(!record.events.iter().any(verified));
}

/// Once a model has been loaded, what cannot fit it is refused where it is asked, not after a wait.
#[tokio::test]
async fn what_does_not_fit_a_known_model_is_refused_at_once() {
    let lab = TestLab::real(NAME, &model());
    let unknown = r#"{"prompt":"x","template":"nope","quant":"f32"}"#;
    let first = lab.submit(r#"{"prompt":"x","quant":"f32","max_new_tokens":1}"#).await;
    assert_eq!(lab.ended(&first.id).await.state, RunState::Done);
    let refused = async |options: &str| -> ErrorBody {
        let answer = lab.submit_form(Form::new(options)).await;
        assert_eq!(answer.status.as_u16(), 400, "{}", answer.text());
        answer.json()
    };
    let long = format!(r#"{{"prompt":"{}","quant":"f32"}}"#, "가나다 ".repeat(2000));
    for (options, code, words) in [
        (unknown, ErrorCode::BadOption, "llava-hf"),
        (&long, ErrorCode::PromptTooLong, "reads at most"),
        (r#"{"prompt":"x","max_pixels":900}"#, ErrorCode::BadOption, "max_pixels"),
        (r#"{"prompt":"x","replicate":64}"#, ErrorCode::PromptTooLong, "replicate"),
    ] {
        let error = refused(options).await;
        assert_eq!(error.code, code, "{}", error.message);
        assert!(error.message.contains(words), "{}", error.message);
    }
    // In any other quantization too: a template is no matter of weights.
    let error = refused(r#"{"prompt":"x","template":"nope","quant":"q4k"}"#).await;
    assert_eq!(error.code, ErrorCode::BadOption);
}

/// What is asked on the command line is what is done, and both forms of the result say so.
#[test]
fn levers_on_the_command_line_reach_the_report() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("p.png"), png(64, 48)).unwrap();
    let analyze = |name: &str, args: &[&str]| -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_langoverrule"))
            .args(["analyze", "--image", "p.png", "--prompt", "What is it?", "--quant", "f32"])
            .args(["--max-new-tokens", "2", "--prune", "0.9"])
            .args(args)
            .arg("--model")
            .arg(model().with_file_name(name))
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let report = |name: &str, args: &[&str]| -> Report {
        serde_json::from_str(&analyze(name, &[args, &["--json"]].concat())).unwrap()
    };
    let of = |report: &Report| report.layout.tokens.iter().filter(|t| t.cell().is_some()).count();

    // 1.6 of 16 tokens.
    let plain = report(NAME, &[]);
    assert_eq!((of(&plain), plain.options.prune_positions), (2, Some(PrunePositions::Repacked)));
    assert_eq!(
        (&*plain.model.prune_score, plain.options.copies),
        ("cls-attention", CopyPositions::New)
    );
    let options = ["--prune-count", "floor", "--prune-positions", "kept"];
    let other = report(NAME, &[&options[..], &["--replicate", "3", "--copies", "shared"]].concat());
    assert_eq!((of(&other), other.options.prune_positions), (3, Some(PrunePositions::Kept)));
    assert_eq!(other.options.prune_count, PruneCount::Floor);
    assert_eq!(other.options.copies, CopyPositions::Shared);

    // A tower without [CLS]: the substitute is named wherever what it ranked is told of.
    let substitute = "attention-received-in-last-full-block";
    let qwen = report("qwen-tall", &["--max-pixels", "4000000000"]);
    assert_eq!(qwen.model.prune_score, substitute);
    assert_eq!(qwen.options.prune_positions, Some(PrunePositions::Kept));
    assert_eq!(qwen.options.max_pixels, Some(1536), "the model's own limit");
    let text = analyze("qwen-tall", &["--replicate", "2", "--copies", "shared"]);
    for part in [substitute, "positions kept", "repeated 2 times at the same positions"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn dumped_maps_add_up_to_the_reported_numbers() {
    let Analyzed { report, maps, .. } = analyze("5");
    let tensors = SafeTensors::deserialize(&maps).unwrap();
    let floats = |name: &str| -> (Vec<usize>, Vec<f32>) {
        let t = tensors.tensor(name).unwrap();
        let words = t.data().as_chunks::<4>().0;
        (t.shape().to_vec(), words.iter().map(|w| f32::from_le_bytes(*w)).collect())
    };
    let ((shape, prefill), (wide, generated)) = (floats("prefill"), floats("generated"));
    let (l, h, s) = (report.layers.len(), report.model.heads as usize, report.layout.tokens.len());
    assert_eq!((shape, wide), (vec![l, h, s, s], vec![l, h, 4, s + 4]));
    let ids: Vec<i64> = {
        let t = tensors.tensor("input_ids").unwrap();
        t.data().as_chunks::<8>().0.iter().map(|w| i64::from_le_bytes(*w)).collect()
    };
    assert_eq!(ids, report.layout.tokens.iter().map(|t| i64::from(t.id)).collect::<Vec<_>>());
    // Every row sums to 1 and looks at nothing after itself.
    let check = |row: &[f32], position: usize| {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(row[position + 1..].iter().all(|v| *v == 0.0));
    };
    prefill.chunks_exact(s).enumerate().for_each(|(i, row)| check(row, i % s));
    generated.chunks_exact(s + 4).enumerate().for_each(|(i, row)| check(row, s + i % 4));
    // MDI under the paper's definition, from the maps, by the plain formula.
    let image = |j: usize| report.layout.tokens[j].group == Group::Image;
    let n_o = (0..s).filter(|j| image(*j)).count() as f64;
    let n_t = s as f64 - n_o;
    for layer in &report.layers {
        let (mut text, mut picture) = (0.0, 0.0);
        let mut add = |row: &[f32]| {
            for (j, v) in row.iter().enumerate().take(s) {
                *if image(j) { &mut picture } else { &mut text } += f64::from(*v);
            }
        };
        for head in 0..h {
            let at = layer.index as usize * h + head;
            add(&prefill[(at * s + s - 1) * s..][..s]);
            (0..4).for_each(|k| add(&generated[(at * 4 + k) * (s + 4)..][..s + 4]));
        }
        let mdi = (text / n_t) / (picture / n_o);
        let reported = layer.numbers.mdi.unwrap();
        assert!((mdi - reported).abs() < 1e-5 * mdi, "layer {}: {mdi} {reported}", layer.index);
    }
}
