//! Knockouts and replaced pictures, from the command line and over HTTP, on a real, tiny model.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::common::{Form, TestLab, png};
use shared::api::RunState;
use shared::{
    ErrorBody, ErrorCode, Event, Group, Knockout, LayerBand, Observation, PictureUse, Report,
};
use tempfile::TempDir;

const NAME: &str = "llava-gqa";

fn model(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/goldens");
    PathBuf::from(folder).join(name).canonicalize().unwrap()
}

fn analyze(name: &str, args: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("p.png"), png(64, 48)).unwrap();
    Command::new(env!("CARGO_BIN_EXE_langoverrule"))
        .args(["analyze", "--image", "p.png", "--prompt", "What is it?", "--quant", "f32"])
        .args(["--ignore-eos", "--max-new-tokens", "3"])
        .args(args)
        .arg("--model")
        .arg(model(name))
        .current_dir(folder.path())
        .output()
        .unwrap()
}

fn text(name: &str, args: &[&str]) -> String {
    let output = analyze(name, args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn report(name: &str, args: &[&str]) -> Report {
    serde_json::from_str(&text(name, &[args, &["--json"]].concat())).unwrap()
}

/// The text names what ran, and what the number of picture tokens does to MDI by itself.
#[test]
fn the_text_of_analyze_names_what_ran() {
    let said = text(NAME, &["--fit", "pad", "--resize", "pillow-12"]);
    for part in ["template    ", "(fit pad, resized as pillow-12)"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("had the shares"), "nothing was dropped: {said}");
    let whole = report(NAME, &[]).layout.picture.unwrap();
    let whole = u32::from(whole.rows) * u32::from(whole.cols);
    let said = text(NAME, &["--replicate", "2"]);
    let alone = format!("{} picture tokens instead of {whole}: had the shares", 2 * whole);
    assert!(said.contains(&alone) && said.contains("would give 2.000 times the MDI"), "{said}");
    assert!(text(NAME, &["--prune", "0.5"]).contains("would give 0.5"));
    // Without a picture there is nothing to fit or to count.
    assert!(!text(NAME, &["--picture", "none"]).contains("resized as"));
}

#[test]
fn a_knockout_on_the_command_line_reaches_the_report() {
    let args = ["--knockout", "text+generated>image@1-2"];
    let seen = report(NAME, &args);
    assert_eq!(seen.options.knockout, Some("text+generated>image@1-2".parse().unwrap()));
    let mdi: Vec<bool> = seen.layers.iter().map(|l| l.numbers.mdi.is_some()).collect();
    assert_eq!(mdi, [true, false, false, true], "no attention on the picture in the band");
    assert_eq!(seen.layers[1].numbers.attention_image, Some(0.0));
    let table = text(NAME, &args);
    assert!(table.contains("knockout    text+generated>image@1-2"), "{table}");
    // Left to the model: the run says which layers they were.
    let whole = report(NAME, &["--knockout", "generated>image"]).options.knockout.unwrap();
    assert_eq!(whole.layers, Some(LayerBand { first: 0, last: 3 }));
    let error = analyze(NAME, &["--knockout", "text>image@1-4"]);
    assert!(!error.status.success());
    let error = String::from_utf8(error.stderr).unwrap();
    assert!(error.contains("bad_option: knockout names layer 4"), "{error}");
}

#[test]
fn another_picture_on_the_command_line_reaches_the_report() {
    for name in [NAME, "qwen-tall"] {
        let own = report(name, &[]);
        for (asked, says) in [("blank", "blank (the mean colour)"), ("noise:3", "noise of seed 3")]
        {
            let other = report(name, &["--picture", asked]);
            assert_eq!(other.options.picture, asked.parse().unwrap());
            assert_eq!(other.layout, own.layout);
            assert_ne!(other.layers, own.layers);
            let table = text(name, &["--picture", asked]);
            assert!(table.contains(says), "{table}");
        }
        let alone = report(name, &["--picture", "none"]);
        assert!(alone.layout.picture.is_none());
        assert!(alone.layout.tokens.iter().all(|t| t.group != Group::Image && t.cell().is_none()));
        for layer in &alone.layers {
            assert_eq!((layer.numbers.mdi, layer.numbers.image_tokens), (None, Some(0)));
            assert!(layer.numbers.undefined.is_some());
        }
        assert_eq!(alone.generated.ids.len(), 3);
        let table = text(name, &["--picture", "none"]);
        assert!(table.contains("picture     none: the question alone"), "{table}");
        let error = analyze(name, &["--picture", "none", "--prepared", "seen.png"]);
        let error = String::from_utf8(error.stderr).unwrap();
        assert!(error.contains("leave one of them out"), "{error}");
    }
}

/// Every address of a run without a picture answers, and says so where a picture would be.
#[tokio::test]
async fn a_run_without_a_picture_has_everything_but_the_picture() {
    let lab = TestLab::real(NAME, &model(NAME));
    let options = r#"{"prompt":"What is it?","quant":"f32","max_new_tokens":3,"ignore_eos":true,
        "picture":"none","verify":true}"#;
    let run = lab.submit(options).await;
    let record = lab.ended(&run.id).await;
    assert_eq!(record.state, RunState::Done, "{:?}", record.events.last());
    let at = |end: &str| format!("/api/runs/{}/{end}", run.id);
    let report: Report = lab.get(&at("export.json")).await.ok();
    assert_eq!(report.options.picture, PictureUse::None);
    assert_eq!(report.layers.len(), 4);
    let csv = lab.get(&at("export.csv")).await;
    assert_eq!(csv.status.as_u16(), 200, "{}", csv.text());
    let error = lab.get(&at("prepared.png")).await.is_error(ErrorCode::NotFound);
    assert!(error.message.contains("no picture"), "{}", error.message);
    assert_eq!(lab.get(&at("picture")).await.status.as_u16(), 200, "what was sent is kept");
    let mut seen = Observation::default();
    record.events.iter().for_each(|e| seen.apply(&e.event));
    assert_eq!(seen.layers(), 4);
    assert_eq!(seen.overlay(0, 0, 0), None);
    assert!(seen.tokens.iter().all(|t| t.alternatives.len() == 5));
}

#[tokio::test]
async fn a_knockout_over_http_is_run_or_refused() {
    let lab = TestLab::real(NAME, &model(NAME));
    let ask = |knockout: &str| {
        format!(
            r#"{{"prompt":"What is it?","quant":"f32","max_new_tokens":3,"knockout":{knockout}}}"#
        )
    };
    let run = lab.submit(&ask(r#"{"from":["instruction"],"to":["image"],"heads":[0]}"#)).await;
    let record = lab.ended(&run.id).await;
    assert_eq!(record.state, RunState::Done, "{:?}", record.events.last());
    let mut blocked = 0;
    for event in &record.events {
        match &event.event {
            Event::Layout { options, .. } => {
                let want: Knockout = "instruction>image@0-3#0".parse().unwrap();
                assert_eq!(options.knockout, Some(want));
            }
            Event::PrefillLayer { flow, .. } => {
                assert_eq!(
                    flow.get(&shared::Bins::default(), 0, Group::Instruction, Group::Image),
                    0.0
                );
                assert!(
                    flow.get(&shared::Bins::default(), 1, Group::Instruction, Group::Image) > 0.0
                );
                blocked += 1;
            }
            _ => {}
        }
    }
    assert_eq!(blocked, 4);
    // The model is known now: what it cannot do is refused where it is asked.
    for (knockout, words) in [
        (r#"{"from":[],"to":["image"]}"#, "from"),
        (r#"{"from":["instruction"],"to":["image"],"layers":{"first":2,"last":9}}"#, "layer 9"),
        (r#"{"from":["instruction"],"to":["image"],"heads":[8]}"#, "head 8"),
        (r#"{"from":["begin"],"to":["image"]}"#, "blocks nothing"),
        (r#"{"from":["words"],"to":["image"]}"#, "not usable"),
    ] {
        let answer = lab.submit_form(Form::new(&ask(knockout))).await;
        assert_eq!(answer.status.as_u16(), 400, "{}", answer.text());
        let error: ErrorBody = answer.json();
        assert_eq!(error.code, ErrorCode::BadOption);
        assert!(error.message.contains(words), "{}", error.message);
    }
}
