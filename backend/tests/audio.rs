//! Questions about sounds, from both doors: the command line's `--audio` and the form's `audio`.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use axum::http::StatusCode;
use shared::api::{RunCreated, RunState};
use shared::{ErrorCode, Group, Medium, Report};

use crate::common::{Form, TestLab, png};

const OPTIONS: &str = r#"{"prompt":"Maybe it is a bell. What do you hear?","quant":"f32"}"#;

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../training/models/demo-audio")
        .canonicalize()
        .unwrap()
}

fn dog() -> PathBuf {
    model().join("samples/dog.wav")
}

fn analyze(model: &Path, audio: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_langoverrule"))
        .args(["analyze", "--quant", "f32", "--prompt", "Maybe it is a bell. What do you hear?"])
        .arg("--model")
        .arg(model)
        .arg("--audio")
        .arg(audio)
        .args(more)
        .output()
        .unwrap()
}

#[tokio::test]
async fn command_line_and_api_hear_the_same() {
    let output = analyze(&model(), &dog(), &["--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Report = serde_json::from_slice(&output.stdout).unwrap();
    // What transformers says (training/models/demo-audio/reference.json).
    assert_eq!(told.generated.text, "It is a dog.");
    assert_eq!(told.layout.media, [Medium::Audio { length: 1600 }]);

    let lab = TestLab::real("demo-audio", &model());
    let sound = std::fs::read(dog()).unwrap();
    let form = Form::empty().with("audio", &sound).with("options", OPTIONS.as_bytes());
    let answer = lab.submit_form(form).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let run: RunCreated = answer.json();
    let record = lab.ended(&run.id).await;
    assert_eq!(record.state, RunState::Done, "{:?}", record.events.last());
    let at = |end: &str| format!("/api/runs/{}{end}", run.id);
    let api: Report = lab.get(&at("/export.json")).await.ok();
    assert_eq!(api.layers, told.layers);
    assert_eq!(api.layout, told.layout);
    assert_eq!(api.generated, told.generated);
    let audio = api.layout.counts.iter().find(|(group, _)| *group == Group::Audio).unwrap().1;
    assert_eq!((audio, api.layers[0].numbers.image_tokens), (40, Some(40)));
    // The file that was sent is the run's, to the last byte, whatever the address calls it.
    assert_eq!(lab.get(&at("/picture")).await.body, sound);
    // No map lies on a sound; what is drawn of it is the rest.
    let map = lab.get(&at("/export.svg?plot=map")).await.is_error(ErrorCode::BadOption);
    assert!(map.message.contains("no picture that a map could lie on"), "{}", map.message);
    assert_eq!(lab.get(&at("/export.svg?plot=tokens")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_sound_or_not_heard_is_refused_in_words() {
    let lab = TestLab::real("demo-audio", &model());
    let sound = std::fs::read(dog()).unwrap();
    let ask = async |field: &str, file: &[u8]| {
        let form = Form::empty().with(field, file).with("options", OPTIONS.as_bytes());
        lab.submit_form(form).await
    };
    ask("audio", &png(8, 8)).await.is_error(ErrorCode::WrongContentType);
    ask("picture", &sound).await.is_error(ErrorCode::PictureUnreadable);
    ask("audio", &sound[..1000]).await.is_error(ErrorCode::BadRequest);

    let said = |output: Output| {
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let llava = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/goldens/llava-mha");
    let deaf = said(analyze(&llava, &dog(), &[]));
    assert!(deaf.contains("This model hears no sounds"), "{deaf}");
    let text = said(analyze(&model(), &model().join("README.md"), &[]));
    assert!(text.contains("wrong_content_type") && text.contains("WAV"), "{text}");
}

#[test]
fn a_sound_that_is_cut_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("long.wav");
    let mut wav = std::fs::read(dog()).unwrap();
    // Seven seconds, of which the demo model hears six.
    wav.resize(44 + 7 * 32_000, 0);
    wav[40..44].copy_from_slice(&(7 * 32_000u32).to_le_bytes());
    std::fs::write(&file, wav).unwrap();
    let output = analyze(&model(), &file, &[]);
    let (told, table) = (String::from_utf8_lossy(&output.stderr), &output.stdout);
    assert!(told.contains("note: audio seconds 7.00 is above the model's own limit"), "{told}");
    let table = String::from_utf8_lossy(table);
    assert!(table.contains("6.00 seconds heard") && table.contains("audio 150"), "{table}");
}
