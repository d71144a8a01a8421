//! A lab in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use super::wire::HOST;

/// How long a lab may take until it listens.
const OPENING: Duration = Duration::from_secs(120);

/// How labs are started.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    args: Vec<String>,
    /// The most memory that any of them took, in KiB.
    peak: Arc<AtomicU64>,
}

impl Program {
    /// A program and what it is told beside `serve`.
    pub fn new(path: impl Into<PathBuf>, args: &[&str]) -> Program {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Program { path: path.into(), args, peak: Arc::default() }
    }

    /// The most memory that any lab took so far, in KiB.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Starts a lab on a data folder, and waits until it listens.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(&self, data: &Path) -> Result<Lab, String> {
        self.start_with(data, &[])
    }

    /// The same, told more.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_with(&self, data: &Path, more: &[&str]) -> Result<Lab, String> {
        let mut child = Command::new(&self.path)
            .args([
                "serve",
                "--bind",
                "127.0.0.1:0",
                "--origin",
                &format!("http://{HOST}"),
                "--data",
            ])
            .arg(data)
            .args(&self.args)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("{} cannot be started: {e}", self.path.display()))?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        // Ended with it, whatever comes of it.
        let mut lab = Lab { child, address: ([127, 0, 0, 1], 0).into(), peak: self.peak.clone() };
        let line = first_line(stdout)?;
        let address = line.trim().rsplit('/').next().and_then(|text| text.parse().ok());
        lab.address = address.ok_or_else(|| format!("the lab did not open, but said '{line}'"))?;
        Ok(lab)
    }
}

/// The first line that a lab writes, which says where it listens.
///
/// # Errors
/// It writes none within [`OPENING`].
fn first_line(stdout: ChildStdout) -> Result<String, String> {
    let (write, read) = mpsc::sync_channel(1);
    // A thread, for a pipe cannot be read with a time limit. It ends with the lab's process.
    thread::spawn(move || {
        let mut line = String::new();
        let got = BufReader::new(stdout).read_line(&mut line);
        let _ = write.send(got.map(|_| line));
    });
    let got = read.recv_timeout(OPENING);
    let late = || format!("the lab does not open within {} s", OPENING.as_secs());
    got.map_err(|_| late())?.map_err(|e| e.to_string())
}

/// What a lab's process holds.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Memory, in KiB.
    pub memory: u64,
    /// Open files.
    pub files: usize,
    /// Threads.
    pub threads: u64,
}

/// A lab, ended with the siege.
pub struct Lab {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    peak: Arc<AtomicU64>,
}

impl Lab {
    /// Whether it has not ended by itself.
    pub fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it, as a power cut or the memory killer would.
    pub fn kill(mut self) {
        self.end();
    }

    /// A number of the process's status.
    fn number(&self, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// What it holds now.
    pub fn held(&self) -> Option<Held> {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).ok()?.count();
        let (memory, threads) = (self.number("VmRSS:")?, self.number("Threads:")?);
        Some(Held { memory, files, threads })
    }

    fn end(&mut self) {
        self.peak.fetch_max(self.number("VmHWM:").unwrap_or(0), Ordering::Relaxed);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.end();
    }
}
