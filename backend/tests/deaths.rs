//! A lab that is killed at its work comes back, thirty times of thirty: the work that killed it waits
//! for somebody to say so, and the items that keep killing it are left out.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::common::png;
use datasets::Paths;
use langoverrule::experiments::{Book, End, NewExperiment, Reach, Shelves, SqliteQueue, plan};
use langoverrule::id::OwnerToken;
use langoverrule::models::catalog::Catalog;
use shared::experiment::{ExperimentSpec, ExperimentState, ExperimentStatus};
use tempfile::TempDir;

/// What the log says before an item's sample is read and its model is loaded.
const AT_WORK: &str = "at work";
/// What a lab says that finds it was killed at the start of its work.
const PAUSED: &str = "It is paused so that the lab stays open.";

/// A lab in a process of its own, and what it says.
struct Process {
    child: Child,
    server: SocketAddr,
    said: Lines<BufReader<ChildStderr>>,
}

impl Process {
    fn start(data: &Path) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_langoverrule"))
            .args(["serve", "--scripted", "--bind", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("RUST_LOG", "langoverrule=debug")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let server = line.trim().rsplit("//").next().unwrap().parse().expect(&line);
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        Process { child, server, said }
    }

    /// Reads what it says up to a line with these words.
    fn until(&mut self, words: &str) {
        let said = self.said.by_ref().map(Result::unwrap);
        let mut before = Vec::new();
        for line in said {
            if line.contains(words) {
                return;
            }
            before.push(line);
        }
        panic!("it ended without saying \"{words}\":\n{}", before.join("\n"));
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn request(&self, head: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.server).unwrap();
        let request =
            format!("{head}\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

/// An experiment whose items wait in a data folder; the scripted model holds each until it is told to go on.
fn waiting(data: &Path, items: usize) -> (NewExperiment, OwnerToken, SqliteQueue) {
    std::fs::write(data.join("a.png"), png(8, 8)).unwrap();
    let row = r#"{"image":"a.png","prompt":"[held] What is it?"}"#;
    let list = data.join("rows.jsonl");
    std::fs::write(&list, vec![row; items].join("\n")).unwrap();
    let spec = ExperimentSpec {
        models: vec!["scripted".into()],
        dataset: format!("jsonl:{}", list.display()),
        samples: 0,
        ..ExperimentSpec::default()
    };
    let shelves = Shelves::new(Paths::Anywhere, None);
    let (new, token) = plan(spec, &Catalog::scripted(), &shelves, Reach::Local).unwrap();
    let queue = SqliteQueue::open(data).unwrap();
    queue.create(&new).unwrap();
    (new, token, queue)
}

#[test]
fn thirty_deaths_at_work_leave_the_lab_open() {
    const ITEMS: u32 = 10;
    let data = TempDir::new().unwrap();
    let (new, token, queue) = waiting(data.path(), ITEMS as usize);
    let resume = format!(
        "POST /api/experiments/{}/resume HTTP/1.1\r\nAuthorization: Bearer {}",
        new.id,
        token.reveal()
    );
    let status = |lab: &Process| -> ExperimentStatus {
        let (status, body) = lab.request(&format!("GET /api/experiments/{} HTTP/1.1", new.id));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    for death in 0..3 * ITEMS {
        let mut lab = Process::start(data.path());
        if death > 0 {
            lab.until(PAUSED);
            let now = status(&lab);
            assert_eq!(now.state, ExperimentState::Paused);
            assert!(now.problem.is_some_and(|problem| problem.contains(PAUSED)));
            assert_eq!((now.left_out, now.running), (death / 3, 0), "after {death} deaths");
            assert_eq!(lab.request("GET /healthz HTTP/1.1").0, 200);
            assert_eq!(lab.request(&resume).0, 200);
        }
        lab.until(AT_WORK);
        lab.kill();
    }
    let mut lab = Process::start(data.path());
    lab.until("a worker died at an item");
    // Told until it is over.
    lab.request(&format!("GET /api/experiments/{}/events HTTP/1.1", new.id));
    let now = status(&lab);
    assert_eq!((now.state, now.done, now.left_out), (ExperimentState::Done, 0, ITEMS));
    for ended in queue.ends(&new.id, 0, 100).unwrap() {
        let End::LeftOut(left_out) = ended.end else { panic!("{ended:?}") };
        assert!(left_out.message.contains("3 workers died"), "{}", left_out.message);
    }
    lab.kill();
}

/// Not resumed, the work waits: a lab that is killed again for another reason opens as it was.
#[test]
fn what_is_paused_stays_paused_over_restarts() {
    let data = TempDir::new().unwrap();
    let (new, _, queue) = waiting(data.path(), 1);
    let mut lab = Process::start(data.path());
    lab.until(AT_WORK);
    lab.kill();
    let mut lab = Process::start(data.path());
    lab.until(PAUSED);
    lab.kill();
    for _ in 0..3 {
        let lab = Process::start(data.path());
        assert_eq!(lab.request("GET /healthz HTTP/1.1").0, 200);
        assert_eq!(queue.state(&new.id).unwrap(), Some(ExperimentState::Paused));
        lab.kill();
    }
    assert!(queue.ends(&new.id, 0, 10).unwrap().is_empty());
}
