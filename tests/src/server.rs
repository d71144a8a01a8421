//! The lab, started as a person starts it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::Process;
use crate::root;

/// The `langoverrule` binary: `LANGOVERRULE_BIN`, or the one of this build.
///
/// # Errors
/// It has not been built.
pub fn program() -> Result<PathBuf> {
    if let Some(program) = std::env::var_os("LANGOVERRULE_BIN") {
        return Ok(program.into());
    }
    let test = std::env::current_exe()?;
    // target/debug/deps/browser-…
    let folder = test.ancestors().nth(2).context("no build folder")?;
    let program = folder.join(format!("langoverrule{}", std::env::consts::EXE_SUFFIX));
    ensure!(
        program.exists(),
        "{} is missing: run `cargo build -p langoverrule`, or all of it with `./run.sh test`",
        program.display()
    );
    Ok(program)
}

/// A running lab.
#[derive(Debug)]
pub struct Server {
    process: Process,
    data: PathBuf,
    more: Vec<String>,
    /// Where it listens, without a slash at the end.
    pub url: String,
}

impl Server {
    /// Starts a lab on a free port with its data in `data`; `more` goes to `serve`.
    ///
    /// # Errors
    /// The binary is missing or does not come up; its log lies in `data/lab.log`.
    pub fn start(data: &Path, more: &[&str]) -> Result<Server> {
        let more: Vec<String> = more.iter().map(|s| (*s).to_owned()).collect();
        let (process, url) = Self::launch(data, "127.0.0.1:0", &more)?;
        Ok(Server { process, data: data.to_owned(), more, url })
    }

    /// The folder that the lab keeps its data in.
    pub fn data(&self) -> PathBuf {
        self.data.join("data")
    }

    fn launch(data: &Path, bind: &str, more: &[String]) -> Result<(Process, String)> {
        let log = File::options().create(true).append(true).open(data.join("lab.log"))?;
        let mut command = Command::new(program()?);
        command.args(["serve", "--bind", bind, "--data"]).arg(data.join("data")).args(more);
        command.current_dir(root()).stderr(log);
        let mut process = Process::start(&mut command)?;
        let url = process.line_after("open at ", Duration::from_secs(60)).with_context(|| {
            let log = std::fs::read_to_string(data.join("lab.log")).unwrap_or_default();
            format!("the lab did not open; it says:\n{log}")
        })?;
        Ok((process, url))
    }

    /// Ends the lab without any warning, as a power cut does, and starts it again where it was.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn power_cut(&mut self) -> Result<()> {
        self.process.kill();
        let address = self.url.trim_start_matches("http://").to_owned();
        (self.process, self.url) = Self::launch(&self.data, &address, &self.more)?;
        Ok(())
    }

    /// Ends the lab without any warning, for good.
    pub fn go_away(&mut self) {
        self.process.kill();
    }

    /// Ends the lab in good order.
    ///
    /// # Errors
    /// It says otherwise with its status, or is still there after half a minute.
    pub fn stop(mut self) -> Result<()> {
        self.process.terminate()?;
        self.process.wait(Duration::from_secs(30)).with_context(|| {
            let log = std::fs::read_to_string(self.data.join("lab.log")).unwrap_or_default();
            format!("the lab, told to stop; it said last: {}", log.lines().last().unwrap_or("-"))
        })
    }
}
