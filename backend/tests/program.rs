//! The program itself: what it says when it cannot start, and how it stops.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::socket::Viewer;
use crate::common::{Form, png};
use serde::de::DeserializeOwned;
use shared::api::{RunCreated, RunRecord, RunState};
use shared::{ErrorCode, Event};
use tempfile::TempDir;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_langoverrule"));
    command.env("RUST_LOG", "info").stdin(Stdio::null());
    command
}

/// A lab in a process of its own.
struct Process {
    child: Child,
    server: SocketAddr,
}

impl Process {
    fn start(data: &Path) -> Process {
        Self::with_grace(data, "30")
    }

    fn with_grace(data: &Path, seconds: &str) -> Process {
        Self::with(data, &["--grace", seconds], Stdio::null())
    }

    fn with(data: &Path, args: &[&str], log: Stdio) -> Process {
        let mut child = program()
            .args(["serve", "--scripted", "--bind", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let server = line.trim().rsplit("//").next().unwrap().parse().expect(&line);
        Process { child, server }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(name).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the process to end by itself.
    fn wait(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < Duration::from_secs(20), "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        talk(self.server, head.as_bytes())
    }

    fn ask(&self, prompt: &str, tokens: u32) -> RunCreated {
        let options = format!("{{\"prompt\":\"{prompt}\",\"max_new_tokens\":{tokens}}}");
        let body = Form::new(&options).body();
        let head = format!(
            "POST /api/runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {}\r\n\
             Content-Length: {}\r\n\r\n",
            Form::content_type(),
            body.len()
        );
        talk(self.server, &[head.as_bytes(), &body].concat())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whoever starts a lab with the demo models alone is told what they cannot do, and what can.
#[test]
fn a_lab_of_demo_models_names_one_for_photographs() {
    let (data, models) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo-llava");
    std::os::unix::fs::symlink(demo.canonicalize().unwrap(), models.path().join("demo-llava"))
        .unwrap();
    let mut child = program()
        .args(["serve", "--bind", "127.0.0.1:0", "--device", "cpu", "--data"])
        .arg(data.path())
        .arg("--models")
        .arg(models.path())
        .env("HF_HOME", data.path().join("hub"))
        .env("OLLAMA_MODELS", data.path().join("ollama"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(2);
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said[0].contains(" is open at http://127.0.0.1:"), "{said:?}");
    for part in ["learned drawings", "smolvlm-256m", "Apache-2.0", "models pull"] {
        assert!(said[1].contains(part), "{said:?}");
    }
}

/// The beginning of an answer over a connection.
fn said(mut stream: &TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut part = [0; 1024];
    let n = stream.read(&mut part).unwrap();
    String::from_utf8_lossy(&part[..n]).into_owned()
}

#[test]
fn who_is_refused_stands_in_the_log_and_does_not_fill_it() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    let told = std::fs::File::create(&log).unwrap();
    let few = ["--connections", "8", "--per-client", "classes=1"];
    let mut lab = Process::with(&folder.path().join("data"), &few, told.into());
    let ask = |line: &str, more: &str| {
        let mut stream = TcpStream::connect(lab.server).unwrap();
        write!(stream, "{line} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n").unwrap();
        let answer = said(&stream);
        (stream, answer)
    };
    for code in ["CCCCCC", "DDDDDD", "FFFFFF"] {
        let (_, answer) = ask(&format!("GET /api/classrooms/{code}"), "");
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
    for status in ["201", "429", "429"] {
        let (_, answer) = ask("POST /api/classrooms", "Content-Length: 0\r\n");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    // One address has four connections. Those that idle make room; those that send do not.
    let idle: Vec<_> = (0..5).map(|_| ask("GET /healthz", "").0).collect();
    let form = format!(
        "Content-Type: {}\r\nContent-Length: 100\r\nExpect: 100-continue\r\n",
        Form::content_type()
    );
    let mut sending = Vec::new();
    for _ in 0..4 {
        let (stream, answer) = ask("POST /api/runs", &form);
        assert!(answer.starts_with("HTTP/1.1 100"), "{answer}");
        sending.push(stream);
    }
    for _ in 0..3 {
        let refused = said(&TcpStream::connect(lab.server).unwrap());
        assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    }
    drop((idle, sending));
    lab.signal("-TERM");
    assert_eq!(lab.wait(), Some(0));
    let log = std::fs::read_to_string(&log).unwrap();
    for kind in ["no_class", "classes_held", "sent away for another", "too_many_connections"] {
        let kind = format!("kind=\"{kind}\"");
        let lines: Vec<_> = log.lines().filter(|line| line.contains(&kind)).collect();
        // One more where the test took ten seconds.
        assert!((1..=2).contains(&lines.len()), "{kind}: {log}");
        assert!(lines[0].contains("count=1 clients=1 most=\"127.0.0.1\""), "{}", lines[0]);
    }
}

/// What a cancelled run's owner was told is so, whatever becomes of the lab.
#[test]
fn a_cancelled_run_stays_cancelled_after_kill_9() {
    let data = TempDir::new().unwrap();
    let mut told = Vec::new();
    for _ in 0..3 {
        let mut lab = Process::start(data.path());
        // At work, in a layer that takes a while; and waiting in the line.
        let (at_work, waits) = (lab.ask("[slow] What is it?", 1), lab.ask("[slow] And now?", 1));
        while lab.get::<RunRecord>(&format!("/api/runs/{}", at_work.id)).state != RunState::Running
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        for run in [&at_work, &waits] {
            let head = format!(
                "POST /api/runs/{}/cancel HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                 Authorization: Bearer {}\r\nContent-Length: 0\r\n\r\n",
                run.id, run.owner_token
            );
            let mut stream = TcpStream::connect(lab.server).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).unwrap();
            assert!(line.contains(" 202 "), "{line}");
        }
        lab.signal("-KILL");
        assert_eq!(lab.wait(), None, "killed");
        told.extend([at_work.id, waits.id]);
    }
    let lab = Process::start(data.path());
    for id in told {
        let record: RunRecord = lab.get(&format!("/api/runs/{id}"));
        assert_eq!(record.state, RunState::Cancelled);
        assert_eq!(record.events.last().map(|e| &e.event), Some(&Event::Cancelled));
    }
}

fn talk<T: DeserializeOwned>(server: SocketAddr, request: &[u8]) -> T {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").expect(&text);
    assert!(!head.contains("chunked"), "{head}");
    serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let data = TempDir::new().unwrap();
    let mut lab = Process::start(data.path());
    let done = lab.ask("What is it?", 3);
    let path = format!("/api/runs/{}", done.id);
    let started = Instant::now();
    let before = loop {
        let record: RunRecord = lab.get(&path);
        if record.state == RunState::Done {
            break record;
        }
        assert!(started.elapsed() < Duration::from_secs(10));
    };
    let (running, waiting) = (lab.ask("[slow]", 3), lab.ask("later", 3));
    // No pause: the answer to the last submit is all that was waited for.
    lab.signal("-9");
    assert_eq!(lab.wait(), None, "killed");

    let lab = Process::start(data.path());
    let after: RunRecord = lab.get(&path);
    assert!(after == before, "a run that was done is whole");
    for run in [running, waiting] {
        let record: RunRecord = lab.get(&format!("/api/runs/{}", run.id));
        assert_eq!(record.state, RunState::Failed);
        let last = &record.events.last().unwrap().event;
        assert!(matches!(last, Event::Failed { code: ErrorCode::Interrupted, .. }), "{last:?}");
    }
}

/// A run shorter than the time between saves: its prefill and first token are kept all the same.
#[test]
fn the_first_seconds_of_a_run_survive_kill_9() {
    let data = TempDir::new().unwrap();
    let mut lab = Process::start(data.path());
    // Eight layers and one token, and no further.
    std::fs::write(data.path().join("steps"), "9").unwrap();
    let (started, run) = (Instant::now(), lab.ask("[held]", 20));
    let path = format!("/api/runs/{}", run.id);
    let tokens = |record: &RunRecord| {
        record.events.iter().filter(|e| matches!(e.event, Event::Token { .. })).count()
    };
    while tokens(&lab.get(&path)) == 0 {
        assert!(started.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(5));
    }
    // A moment for the writer; the regular save is far off.
    std::thread::sleep(Duration::from_millis(150));
    lab.signal("-9");
    lab.wait();

    let lab = Process::start(data.path());
    let record: RunRecord = lab.get(&path);
    let layers = record.events.iter().filter(|e| matches!(e.event, Event::PrefillLayer { .. }));
    assert_eq!(layers.count(), 8, "the whole prefill");
    assert!(tokens(&record) >= 1, "and the first token");
    let last = &record.events.last().unwrap().event;
    assert!(matches!(last, Event::Failed { code: ErrorCode::Interrupted, .. }), "{last:?}");
}

#[tokio::test]
async fn a_stop_lets_the_run_at_work_finish_and_viewers_leave_in_order() {
    let data = TempDir::new().unwrap();
    let mut lab = Process::start(data.path());
    let (running, waiting) = (lab.ask("[slow]", 20), lab.ask("later", 3));
    let mut viewer = Viewer::of_run(lab.server, &running.id).await;
    let mut other = Viewer::of_run(lab.server, &waiting.id).await;
    viewer.until_at_work().await;
    lab.signal("-TERM");
    let (seen, late) = tokio::join!(viewer.rest(), other.rest());
    let last = &seen.events.last().unwrap().event;
    assert!(matches!(last, Event::Done { .. }), "within the grace period it finishes: {last:?}");
    assert_eq!(seen.close, Some(1000));
    let last = &late.events.last().unwrap().event;
    assert!(matches!(last, Event::Failed { code: ErrorCode::ShuttingDown, .. }), "{last:?}");
    assert_eq!(late.close, Some(1000));
    assert_eq!(tokio::task::spawn_blocking(move || lab.wait()).await.unwrap(), Some(0));
    // One file: the write-ahead log was folded in.
    assert!(!data.path().join("lab.sqlite-wal").exists());
    let lab = Process::start(data.path());
    let record: RunRecord = lab.get(&format!("/api/runs/{}", running.id));
    assert_eq!(record.state, RunState::Done);
}

#[tokio::test]
async fn a_run_that_outlasts_the_grace_period_is_stopped_and_told() {
    let data = TempDir::new().unwrap();
    let mut lab = Process::with_grace(data.path(), "0");
    // It would never end by itself.
    std::fs::write(data.path().join("steps"), "4").unwrap();
    let run = lab.ask("[held]", 20);
    let mut viewer = Viewer::of_run(lab.server, &run.id).await;
    viewer.until_at_work().await;
    lab.signal("-INT");
    let seen = viewer.rest().await;
    let last = &seen.events.last().unwrap().event;
    assert!(matches!(last, Event::Failed { code: ErrorCode::ShuttingDown, .. }), "{last:?}");
    assert_eq!(tokio::task::spawn_blocking(move || lab.wait()).await.unwrap(), Some(0));
    let lab = Process::start(data.path());
    let record: RunRecord = lab.get(&format!("/api/runs/{}", run.id));
    let last = &record.events.last().unwrap().event;
    assert!(matches!(last, Event::Failed { code: ErrorCode::ShuttingDown, .. }), "{last:?}");
}

fn fails(output: &Output) -> String {
    assert!(!output.status.success());
    assert!(output.stdout.is_empty(), "results only on standard output");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "one sentence: {text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

#[test]
fn a_lab_at_work_is_copied_restored_and_asked_whether_it_is_well() {
    let (data, place) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut lab = Process::start(data.path());
    let url = format!("http://{}/", lab.server);
    let run = lab.ask("What is it?", 3);
    let path = format!("/api/runs/{}", run.id);
    let started = Instant::now();
    let before = loop {
        let record: RunRecord = lab.get(&path);
        if record.state == RunState::Done {
            break record;
        }
        assert!(started.elapsed() < Duration::from_secs(10));
    };
    let well = program().args(["health", "--url", &url]).output().unwrap();
    assert!(well.status.success(), "{}", String::from_utf8_lossy(&well.stderr));
    assert!(String::from_utf8_lossy(&well.stdout).contains("\"status\":\"ok\""));

    let (copy, restored) = (place.path().join("copy"), place.path().join("restored"));
    let output = program().arg("backup").arg(&copy).arg("--data").arg(data.path()).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 run and 0 experiments"), "{said}");
    let over = program().arg("restore").arg(&copy).arg("--data").arg(data.path()).output();
    assert!(fails(&over.unwrap()).contains("holds a lab already"));
    lab.signal("-9");
    lab.wait();
    assert!(fails(&program().args(["health", "--url", &url]).output().unwrap()).contains(&url));

    let output = program().arg("restore").arg(&copy).arg("--data").arg(&restored).output();
    assert!(output.unwrap().status.success());
    let lab = Process::start(&restored);
    let after: RunRecord = lab.get(&path);
    assert!(after == before, "the run is what it was");
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let folder = TempDir::new().unwrap();
    let output = program().arg("man").arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
    assert!(page("langoverrule.1").contains(".TH langoverrule 1"));
    assert!(page("langoverrule-serve.1").contains("\\-\\-keep"));
    for command in ["analyze", "backup", "restore", "health", "experiment"] {
        page(&format!("langoverrule-{command}.1"));
    }
}

#[test]
fn a_port_in_use_is_one_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = TempDir::new().unwrap();
    let output = program()
        .args(["serve", "--scripted", "--bind", &address, "--data"])
        .arg(data.path())
        .output();
    let text = fails(&output.unwrap());
    assert!(
        text.contains(&address) && text.contains("in use") && text.contains("--bind"),
        "{text}"
    );
}

#[test]
fn a_data_folder_that_cannot_be_is_one_sentence() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("file");
    std::fs::write(&file, "").unwrap();
    let args = ["serve", "--scripted", "--bind", "127.0.0.1:0", "--data"];
    let text = fails(&program().args(args).arg(file.join("data")).output().unwrap());
    assert!(text.contains("data folder"), "{text}");
    // Held by a lab that runs.
    let _running = Process::start(data.path());
    let text = fails(&program().args(args).arg(data.path()).output().unwrap());
    assert!(text.contains("in use by another lab"), "{text}");
}

#[test]
fn analyze_says_what_is_wrong_in_one_sentence() {
    let folder = TempDir::new().unwrap();
    let (picture, text) = (folder.path().join("p.png"), folder.path().join("t.txt"));
    std::fs::write(&picture, png(8, 8)).unwrap();
    std::fs::write(&text, "no picture").unwrap();
    let models = folder.path().join("models");
    let model = models.join("broken");
    std::fs::create_dir_all(&model).unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::write(model.join(file), "{}").unwrap();
    }
    let analyze = |args: &[&str]| {
        let output = program()
            .arg("analyze")
            .arg("--models")
            .arg(&models)
            .args(args)
            .current_dir(folder.path())
            .output();
        fails(&output.unwrap())
    };
    let cases: [(&[&str], &str); 12] = [
        (
            &["--model", "gpt", "--image", "p.png", "--prompt", "x"],
            "there is no model named \"gpt\"",
        ),
        (&["--model", "broken", "--image", "none.png", "--prompt", "x"], "none.png cannot be read"),
        (&["--model", "broken", "--image", "t.txt", "--prompt", "x"], "picture_unreadable"),
        (&["--model", "broken", "--image", "p.png", "--prompt", " "], "prompt_empty"),
        (&["--model", "broken", "--image", "p.png", "--prompt", "x", "--quant", "q2"], "q8_0"),
        (
            &["--model", "broken", "--image", "p.png", "--prompt", "x", "--prune-count", "up"],
            "there is no prune-count \"up\"; name round or floor",
        ),
        (
            &["--model", "broken", "--image", "p.png", "--prompt", "x", "--prune-positions", "up"],
            "there is no prune-positions \"up\"; name repacked or kept",
        ),
        (
            &["--model", "broken", "--image", "p.png", "--prompt", "x", "--copies", "both"],
            "there is no copies \"both\"; name new or shared",
        ),
        (
            &["--model", "broken", "--image", "p.png", "--prompt", "x", "--picture", "gone"],
            "\"gone\" is no picture; name own, blank, noise:SEED or none",
        ),
        (
            &[
                "--model",
                "broken",
                "--image",
                "p.png",
                "--prompt",
                "x",
                "--knockout",
                "words>image",
            ],
            "there is no group \"words\"",
        ),
        (
            &["--model", "broken", "--image", "p.png", "--prompt", "x", "--definition", "y"],
            "forward",
        ),
        (&["--model", "broken", "--image", "p.png", "--prompt", "x"], "model_unusable"),
    ];
    for (args, expected) in cases {
        let text = analyze(args);
        assert!(text.contains(expected), "{args:?}: {text}");
    }
}

#[test]
fn analyzing_leaves_nothing_where_it_is_called() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (here, caches) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let picture = root.join("datasets/demo/images/0000.png");
    let output = program()
        .args(["analyze", "--prompt", "What is it?", "--max-new-tokens", "2", "--models"])
        .arg(root.join("models"))
        .arg("--image")
        .arg(picture)
        .current_dir(here.path())
        .env("XDG_CACHE_HOME", caches.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let left: Vec<_> = std::fs::read_dir(here.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(
        caches.path().join("langoverrule/weights").is_dir(),
        "what helps the next time is kept"
    );
}

#[test]
fn an_experiment_in_which_nothing_ran_is_a_failure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (here, caches) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let rows = here.path().join("rows.jsonl");
    std::fs::write(&rows, "{\"image\": \"none.png\", \"prompt\": \"?\"}\n".repeat(3)).unwrap();
    let output = program()
        .args(["experiment", "--model", "demo-llava", "--samples", "3", "--out", "out"])
        .arg("--dataset")
        .arg(format!("jsonl:{}", rows.display()))
        .arg("--models")
        .arg(root.join("models"))
        .current_dir(here.path())
        .env("XDG_CACHE_HOME", caches.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    let last = said.trim_end().lines().last().unwrap_or_default();
    assert!(last.contains("none of 3 runs could be done") && last.contains("none.png"), "{said}");
}
