//! Questions about films, from both doors: the command line's `--video` and `--frame`, and the form's fields of the
//! same names.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use axum::http::StatusCode;
use shared::api::{RunCreated, RunState};
use shared::{ErrorCode, FilmSampling, Group, Medium, Report};

use crate::common::{Form, TestLab, png};

const PROMPT: &str = "Which way does the circle move?";
const OPTIONS: &str = r#"{"prompt":"Which way does the circle move?","quant":"f32"}"#;

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../training/models/demo-video")
        .canonicalize()
        .unwrap()
}

fn right() -> PathBuf {
    model().join("samples/right.gif")
}

fn goldens(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/goldens").join(name)
}

fn frames() -> Vec<PathBuf> {
    let folder = goldens("qwen2.5-vl-film/frames");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn analyze(model: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_langoverrule"))
        .args(["analyze", "--quant", "f32", "--prompt", PROMPT, "--model"])
        .arg(model)
        .args(more)
        .output()
        .unwrap()
}

fn report(output: &Output) -> Report {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn answered(lab: &TestLab, form: Form) -> (String, Report) {
    let answer = lab.submit_form(form).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let run: RunCreated = answer.json();
    let record = lab.ended(&run.id).await;
    assert_eq!(record.state, RunState::Done, "{:?}", record.events.last());
    let report = lab.get(&format!("/api/runs/{}/export.json", run.id)).await.ok();
    (run.id, report)
}

#[tokio::test]
async fn command_line_and_api_see_the_same_film() {
    let right = right();
    let told = report(&analyze(&model(), &["--json", "--video", right.to_str().unwrap()]));
    assert_eq!(told.generated.text, "The circle moves right.");
    let [Medium::Video { times, frames, of, rate, rule, view }] = told.layout.media.as_slice()
    else {
        panic!("{:?}", told.layout.media)
    };
    assert_eq!((times.as_slice(), *of, *rate), (&[0, 1000, 2000, 3000][..], 8, 2.0));
    assert_eq!((frames.len(), *rule), (8, FilmSampling::QwenVlUtils));
    assert_eq!((view.rows, view.cols), (5, 5));

    let lab = TestLab::real("demo-video", &model());
    let film = std::fs::read(&right).unwrap();
    let form = Form::empty().with("video", &film).with("options", OPTIONS.as_bytes());
    let (id, api) = answered(&lab, form).await;
    assert_eq!(api.layers, told.layers);
    assert_eq!(api.layout, told.layout);
    assert_eq!(api.generated, told.generated);
    let tokens = api.layout.counts.iter().find(|(group, _)| *group == Group::Video).unwrap().1;
    assert_eq!((tokens, api.layers[0].numbers.image_tokens), (100, Some(100)));
    // The file that was sent is the run's, to the last byte.
    assert_eq!(lab.get(&format!("/api/runs/{id}/picture")).await.body, film);
    // All frames are one picture, eight beside each other.
    let strip = lab.get(&format!("/api/runs/{id}/prepared.png")).await.body;
    let strip = engine::Picture::decode(&strip, &engine::PictureLimits::default()).unwrap();
    assert_eq!((strip.width, strip.height), (8 * 140, 140));
    lab.get(&format!("/api/runs/{id}/export.svg?plot=map")).await.is_error(ErrorCode::BadOption);
}

#[tokio::test]
async fn frames_are_one_film_from_both_doors() {
    let model = goldens("qwen2.5-vl-film").canonicalize().unwrap();
    let files = frames();
    let rate = ["--source-fps", "30", "--source-frames", "90"];
    let mut args = vec!["--json", "--indices", "0,18,36,53,71,89"];
    args.extend(rate);
    for file in &files {
        args.extend(["--frame", file.to_str().unwrap()]);
    }
    let told = report(&analyze(&model, &args));
    let [Medium::Video { frames, of, rate, rule, .. }] = told.layout.media.as_slice() else {
        panic!("{:?}", told.layout.media)
    };
    assert_eq!(frames, &[0, 18, 36, 53, 71, 89]);
    assert_eq!((*of, *rate, *rule), (90, 2.0, FilmSampling::All));

    let lab = TestLab::real("qwen2.5-vl-film", &model);
    let mut form = Form::empty();
    for file in &files {
        form = form.with("frame", &std::fs::read(file).unwrap());
    }
    let form = form
        .with("source_fps", b"30")
        .with("source_frames", b"90")
        .with("indices", b"[0, 18, 36, 53, 71, 89]")
        .with("options", OPTIONS.as_bytes());
    let (id, api) = answered(&lab, form).await;
    assert_eq!((api.layers, api.layout), (told.layers, told.layout));
    // What is kept is one file, which can be given again.
    let kept = lab.get(&format!("/api/runs/{id}/picture")).await.body;
    let form = Form::empty().with("video", &kept).with("options", OPTIONS.as_bytes());
    let (_, again) = answered(&lab, form).await;
    assert_eq!(again.generated, told.generated);
}

#[tokio::test]
async fn what_is_no_film_or_not_seen_is_refused_in_words() {
    let lab = TestLab::real("demo-video", &model());
    let film = std::fs::read(right()).unwrap();
    let ask = async |fields: &[(&str, &[u8])]| {
        let mut form = Form::empty();
        for (name, value) in fields {
            form = form.with(name, value);
        }
        lab.submit_form(form.with("options", OPTIONS.as_bytes())).await
    };
    let still = png(64, 64);
    ask(&[("video", b"no film")]).await.is_error(ErrorCode::WrongContentType);
    ask(&[("video", &still)]).await.is_error(ErrorCode::WrongContentType);
    ask(&[("video", &film[..film.len() / 2])]).await.is_error(ErrorCode::BadRequest);
    ask(&[("frame", &still)]).await.is_error(ErrorCode::BadRequest);
    ask(&[("frame", &still), ("fps", b"many")]).await.is_error(ErrorCode::BadRequest);
    ask(&[("picture", &still), ("fps", b"2")]).await.is_error(ErrorCode::BadRequest);
    let two = png(32, 64);
    ask(&[("frame", &still), ("frame", &two), ("fps", b"2")]).await.is_error(ErrorCode::BadRequest);

    let said = |output: Output| {
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let right = right();
    let blind = said(analyze(&goldens("llava-mha"), &["--video", right.to_str().unwrap()]));
    assert!(blind.contains("This model sees no films"), "{blind}");
    let text = model().join("README.md");
    let text = said(analyze(&model(), &["--video", text.to_str().unwrap()]));
    assert!(text.contains("wrong_content_type") && text.contains("y4m"), "{text}");
}

#[test]
fn a_table_says_which_frames_were_seen_and_by_which_rule() {
    let right = right();
    let more =
        ["--video", right.to_str().unwrap(), "--sample-fps", "1", "--frame-order", "reversed"];
    let output = analyze(&model(), &more);
    let table = String::from_utf8_lossy(&output.stdout);
    let said =
        "4 of 8 frames, 1 a second, by the rule qwen-vl-utils, 140 × 140 pixels, 2 × 5 × 5 tokens";
    assert!(table.contains(said) && table.contains(", reversed"), "{table}");
    assert!(table.contains("The circle moves left."), "backwards: {table}");
}
