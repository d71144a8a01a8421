//! Child processes that end with the value that holds them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// A child process, killed when dropped, whose standard output is read line by line.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Result<Process> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{program} cannot be started"))?;
        let out = child.stdout.take().context("no standard output")?;
        let (send, lines) = sync_channel(64);
        // Reads to the end, so that a talkative child never blocks on a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = send.try_send(line);
            }
        });
        Ok(Process { child, lines })
    }

    /// The rest of the first line that holds `mark`.
    pub(crate) fn line_after(&mut self, mark: &str, within: Duration) -> Result<String> {
        let until = Instant::now() + within;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some((_, rest)) = line.split_once(mark) {
                        return Ok(rest.trim().to_owned());
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("no line with {mark:?} in {within:?}"),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("ended ({:?}) before a line with {mark:?}", self.child.wait())
                }
            }
        }
    }

    /// Asks the process to end, as a terminal or a service manager does.
    pub(crate) fn terminate(&mut self) -> Result<()> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().context("kill")?;
        Ok(())
    }

    /// Waits for a good end.
    pub(crate) fn wait(&mut self, within: Duration) -> Result<()> {
        let until = Instant::now() + within;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "ended with {status}");
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("still running after {within:?}")
    }
}

impl Process {
    /// Ends the process at once.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
