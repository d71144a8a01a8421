//! Pulls through the API and the command line, from a hub of the test's own.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use crate::common::{Answer, Options, TestLab, asked_until};
use crate::fake::{FakeHub, Faults, REPO};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use langoverrule::models::catalog::Catalog;
use langoverrule::models::pulls::{Allowed, Pulls};
use langoverrule::workers::lab::ScriptedLab;
use shared::ErrorCode;
use shared::api::{ModelEntry, ModelState, Pull, PullState};
use tempfile::TempDir;

const OWN: &str = r#"
    [[model]]
    name = "mine"
    title = "Mine"
    source = { repo = "lab/model" }
    licence = { name = "Terms", url = "https://example.org" }

    [[model]]
    name = "other"
    source = { repo = "lab/other" }
"#;

/// A lab whose registry has a model on the test's hub.
fn lab(server: &FakeHub, home: &TempDir, allowed: Allowed) -> TestLab {
    let folder = Arc::new(TempDir::new().unwrap());
    std::fs::write(folder.path().join("models.toml"), OWN).unwrap();
    let none = TempDir::new().unwrap();
    let catalog = Catalog::find(Some(none.path()), folder.path()).unwrap();
    let catalog = catalog.with_hub(server.client(home));
    let scripted = Arc::new(ScriptedLab::default());
    let mut lab = TestLab::of(scripted, catalog, folder, Options::default());
    lab.change(|state| state.pulls = Arc::new(Pulls::new(allowed)));
    lab
}

async fn ask(lab: &TestLab, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost:1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    lab.send(request.body(Body::empty()).unwrap()).await
}

async fn entry(lab: &TestLab, name: &str) -> ModelEntry {
    let all: Vec<ModelEntry> = ask(lab, "GET", "/api/models", &[]).await.ok();
    all.into_iter().find(|m| m.name == name).unwrap()
}

async fn until(lab: &TestLab, good: impl Fn(&Pull) -> bool) -> ModelEntry {
    asked_until("the pull", async || {
        let entry = entry(lab, "mine").await;
        entry.pull.as_ref().is_some_and(&good).then_some(entry)
    })
    .await
}

const PULL: &str = "/api/models/mine/pull";

#[tokio::test]
async fn a_pull_from_the_page_to_a_model_that_is_ready() {
    let (server, home) = (FakeHub::with_model(), TempDir::new().unwrap());
    let lab = lab(&server, &home, Allowed::Local);
    let before = entry(&lab, "mine").await;
    assert_eq!((before.state, before.may_pull, &before.pull), (ModelState::Absent, true, &None));
    assert_eq!(before.licence.unwrap().name, "Terms");
    let built_in = entry(&lab, "llava-1.5-7b").await;
    assert!(built_in.memory.len() == 7 && built_in.download.is_some());

    // Not there yet: a run says so, and what to do.
    let refused =
        lab.submit_form(crate::common::Form::new(r#"{"prompt":"x","model":"mine"}"#)).await;
    assert_eq!(
        refused.json::<shared::ErrorBody>().code,
        ErrorCode::ModelNotPulled,
        "{}",
        refused.text()
    );
    assert!(refused.text().contains("models pull mine"));

    server.set(Faults { slow: Some(Duration::from_millis(10)), ..Faults::default() });
    let answer = ask(&lab, "POST", PULL, &[]).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let at_work = until(&lab, |p| p.bytes > 0 && p.bytes < p.total).await;
    assert_eq!(at_work.state, ModelState::Pulling);
    // Asked again, it goes on; another has to wait.
    assert_eq!(ask(&lab, "POST", PULL, &[]).await.status, StatusCode::ACCEPTED);
    let other = ask(&lab, "POST", "/api/models/other/pull", &[]).await;
    assert_eq!(other.json::<shared::ErrorBody>().code, ErrorCode::PullBusy);
    let done = until(&lab, |p| p.state != PullState::Pulling).await;
    let pull = done.pull.unwrap();
    assert_eq!((pull.state, pull.error), (PullState::Done, None));
    assert_eq!((pull.bytes, done.state, done.may_pull), (pull.total, ModelState::Ready, false));
    // Now a run is taken.
    lab.submit(r#"{"prompt":"x","model":"mine","max_new_tokens":1}"#).await;
}

#[tokio::test]
async fn a_pull_is_stopped_and_continued_and_its_failure_is_told() {
    let (server, home) = (FakeHub::with_model(), TempDir::new().unwrap());
    let lab = lab(&server, &home, Allowed::Everybody);
    server.set(Faults { slow: Some(Duration::from_millis(100)), ..Faults::default() });
    ask(&lab, "POST", PULL, &[]).await;
    until(&lab, |p| p.bytes > 50_000).await;
    // Another address may ask for pulls too, and not stop this one.
    let stop = Request::delete(PULL).body(Body::empty()).unwrap();
    lab.send_from("192.0.2.7", stop).await.is_error(ErrorCode::NotOwner);
    assert_eq!(ask(&lab, "DELETE", PULL, &[]).await.status, StatusCode::ACCEPTED);
    let stopped = until(&lab, |p| p.state == PullState::Cancelled).await;
    assert_eq!((stopped.state, stopped.may_pull), (ModelState::Absent, true));
    let here = stopped.pull.unwrap().bytes;
    let again = ask(&lab, "DELETE", PULL, &[]).await;
    assert_eq!(again.json::<shared::ErrorBody>().code, ErrorCode::NotFound);

    server.set(Faults { refuse: Some((403, "GatedRepo")), ..Faults::default() });
    // The thread that was told to stop may still be at its last line.
    while ask(&lab, "POST", PULL, &[]).await.status != StatusCode::ACCEPTED {}
    let failed = until(&lab, |p| p.state == PullState::Failed).await.pull.unwrap();
    let error = failed.error.unwrap();
    assert_eq!(error.code, ErrorCode::HubDenied);
    assert!(error.message.starts_with(&format!("{}{}", "L", &REPO[1..])), "{}", error.message);
    assert!(!error.message.contains(home.path().to_str().unwrap()));
    assert!(failed.bytes >= here.min(1), "what came is kept");

    server.set(Faults::default());
    while ask(&lab, "POST", PULL, &[]).await.status != StatusCode::ACCEPTED {}
    until(&lab, |p| p.state == PullState::Done).await;
}

#[tokio::test]
async fn strangers_cannot_fill_the_disk() {
    let (server, home) = (FakeHub::with_model(), TempDir::new().unwrap());
    let local = lab(&server, &home, Allowed::Local);
    let nobody = lab(&server, &home, Allowed::Nobody);
    for (lab, headers) in [(&local, vec![("x-forwarded-for", "1.2.3.4")]), (&nobody, vec![])] {
        for method in ["POST", "DELETE"] {
            let answer = ask(lab, method, PULL, &headers).await;
            assert_eq!(answer.json::<shared::ErrorBody>().code, ErrorCode::PullNotAllowed);
        }
        let all: Vec<ModelEntry> = ask(lab, "GET", "/api/models", &headers).await.ok();
        assert!(all.iter().all(|m| !m.may_pull));
    }
    for name in ["nothing", "demo-llava", "lab%2Fmodel", "%FF"] {
        let answer = ask(&local, "POST", &format!("/api/models/{name}/pull"), &[]).await;
        assert_eq!(answer.json::<shared::ErrorBody>().code, ErrorCode::UnknownModel, "{name}");
    }
    assert!(server.asked().is_empty());
}

/// The shipped model, as a repository of the test's hub.
fn demo_on_hub() -> FakeHub {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo-llava");
    let server = FakeHub::start(&[]);
    for file in std::fs::read_dir(folder).unwrap().flatten() {
        if file.path().is_file() {
            let bytes = std::fs::read(file.path()).unwrap();
            server.put(file.file_name().to_str().unwrap(), &bytes);
        }
    }
    server
}

fn program(server: &FakeHub, home: &TempDir, data: &TempDir, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_langoverrule"));
    command.args(args).arg("--data").arg(data.path());
    for name in ["HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN_PATH"] {
        command.env_remove(name);
    }
    command.env("HF_ENDPOINT", server.url()).env("HF_HOME", home.path());
    // The test's own server is asked directly.
    command.env("NO_PROXY", "localhost,127.0.0.1");
    command.output().unwrap()
}

#[test]
fn a_model_is_pulled_by_name_and_analyzed() {
    let server = demo_on_hub();
    let (home, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    std::fs::write(data.path().join("models.toml"), OWN).unwrap();
    let run = |args: &[&str]| program(&server, &home, &data, args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo-llava/samples");
    let picture = picture.join("cat-far.png").display().to_string();
    let analyze = |model: &str| {
        run(&[
            "analyze",
            "--model",
            model,
            "--image",
            &picture,
            "--prompt",
            "What is it?",
            "--json",
        ])
    };
    let early = analyze("mine");
    assert!(!early.status.success());
    assert!(text(&early.stderr).contains("models pull mine"), "{}", text(&early.stderr));

    let pulled = run(&["models", "pull", "mine"]);
    let said = text(&pulled.stderr);
    assert!(pulled.status.success(), "{said}");
    for words in ["Terms", "0 bytes of", "15.9 MiB fetched"] {
        assert!(said.contains(words), "no \"{words}\" in: {said}");
    }
    let folder = text(&pulled.stdout).trim().to_owned();
    assert!(Path::new(&folder).join("model.safetensors").is_file(), "{folder}");
    assert!(!Path::new(&folder).join("README.md").exists());
    let list = text(&run(&["models", "list"]).stdout);
    assert!(list.contains(&folder) && list.contains("24.8"), "{list}");

    // By name and by repository it gives what the shipped files give.
    let answer = |model: &str| {
        let output = analyze(model);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (json["layers"].clone(), json["generated"].clone(), json["model"]["hash"].clone())
    };
    let mine = answer("mine");
    assert_eq!(mine, answer("demo-llava"));
    assert_eq!(mine, answer(REPO));

    for (args, words) in [
        (vec!["models", "pull", "nothing"], "no model named \"nothing\""),
        (vec!["models", "pull", "lab/nothing"], "no model repository lab/nothing"),
        (vec!["models", "pull", "demo-llava"], "ships with the lab"),
        (vec!["models", "pull", "../x"], "is no repository"),
        (vec!["models", "pull", "other"], "no model repository lab/other"),
    ] {
        let output = run(&args);
        assert!(!output.status.success(), "{args:?}");
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
    std::fs::write(data.path().join("models.toml"), "[[model]]\nnmae = 1\n").unwrap();
    let broken = run(&["models", "list"]);
    assert!(text(&broken.stderr).contains("nmae"), "{}", text(&broken.stderr));
}
