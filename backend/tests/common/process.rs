//! Programs in processes of their own: how their ends, and what they do unseen, are waited for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Instant;

use serde::de::DeserializeOwned;
use shared::api::{RunCreated, RunRecord};

use super::socket::events_of;
use super::{ASK_AGAIN, Form, SOON};

/// Waits for a process to end by itself. One that does not in time is killed, and the test fails.
pub fn ended(child: &mut Child) -> ExitStatus {
    let (done, is_done) = sync_channel::<()>(0);
    let id = child.id().to_string();
    let guard = std::thread::spawn(move || {
        let late = is_done.recv_timeout(SOON) == Err(RecvTimeoutError::Timeout);
        if late {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
        late
    });
    let status = child.wait().unwrap();
    drop(done);
    assert!(!guard.join().unwrap(), "the process did not end in {SOON:?}");
    status
}

/// Asks a process again and again until it has an answer. For that alone which it tells only whoever asks,
/// such as whether there is room on its disk: of runs and experiments there are events.
pub fn asked_until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < SOON, "waited {SOON:?} for {what}");
        std::thread::sleep(ASK_AGAIN);
    }
}

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_langoverrule"));
    command.env("RUST_LOG", "info").stdin(Stdio::null());
    command
}

/// A lab in a process of its own.
pub struct Process {
    pub child: Child,
    pub server: SocketAddr,
}

impl Process {
    pub fn start(data: &Path) -> Process {
        Self::with_grace(data, "30")
    }

    pub fn with_grace(data: &Path, seconds: &str) -> Process {
        Self::with(data, &["--grace", seconds], Stdio::null())
    }

    pub fn with(data: &Path, args: &[&str], log: Stdio) -> Process {
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

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(name).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the process to end by itself; `None` where it was killed.
    pub fn wait(&mut self) -> Option<i32> {
        ended(&mut self.child).code()
    }

    pub fn record(&self, id: &str) -> RunRecord {
        self.get(&format!("/api/runs/{id}"))
    }

    /// Waits until a run has ended, and gives it.
    pub fn ended(&self, id: &str) -> RunRecord {
        assert!(events_of(self.server, id).any(|e| e.event.is_last()), "the lab ended first");
        self.record(id)
    }

    /// Changes something that a run's owner may change.
    pub fn as_owner(&self, method: &str, path: &str, run: &RunCreated, body: &str) -> String {
        let request = format!(
            "{method} /api/runs/{}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            run.id,
            run.owner_token,
            body.len()
        );
        let mut stream = TcpStream::connect(self.server).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    }

    pub fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        talk(self.server, head.as_bytes())
    }

    /// Posts nothing to an address.
    pub fn post<T: DeserializeOwned>(&self, path: &str) -> T {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        talk(self.server, head.as_bytes())
    }

    pub fn ask(&self, prompt: &str, tokens: u32) -> RunCreated {
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

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The one sentence with which a program fails.
pub fn fails(output: &Output) -> String {
    assert!(!output.status.success());
    assert!(output.stdout.is_empty(), "results only on standard output");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "one sentence: {text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}
