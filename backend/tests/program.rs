//! The program itself: what it says, above all when it cannot start.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;

use crate::common::process::{Process, fails, program};
use crate::common::{Form, png};

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
