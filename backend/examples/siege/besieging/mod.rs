//! What a lab on a school's network has to stand, and the table of what it stood.
//!
//! Each attack has a file and a lab of its own, in a process, on loopback and on a temporary folder.
//! Attackers are other loopback addresses than the honest client's, which to the lab are other
//! clients. Everything is bounded in number and in time ([`Scale`]).

#![allow(clippy::unwrap_used, reason = "a failed step ends the siege, which is what it is for")]
#![allow(missing_docs, reason = "a tool and a test")]

mod bombs;
mod fairness;
mod few;
mod files;
mod floods;
mod kills;
mod lab;
mod load;
mod people;
mod report;
mod slow;
mod soak;
pub mod wire;

use std::net::Ipv4Addr;
use std::time::Duration;

pub use lab::Program;
pub use report::Report;

/// Whom everybody else must not disturb.
pub const HONEST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
/// Strangers; each is a client of its own.
pub const RUDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Another stranger.
pub const RUDER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Websockets that watch one run.
    pub viewers: usize,
    /// Honest runs in each measurement.
    pub runs: usize,
    /// Connections on which nothing is asked.
    pub idle: usize,
    /// Connections that dawdle, in each of four ways.
    pub dawdling: usize,
    /// Whether it is waited for that those who dawdle are sent away.
    pub sent_away: Option<Duration>,
    /// Honest runs beside a greedy client's.
    pub polite: usize,
    /// Labs that are killed under load.
    pub kills: usize,
    /// Samples of the experiment that is killed with them.
    pub samples: u32,
    /// Requests of each kind of flood.
    pub flood: usize,
    /// What a bomb unpacks into, in bytes.
    pub unpacked: u64,
    /// Bytes of an upload in the flood of them.
    pub upload: usize,
    /// Whether a promise about time is judged. Beside other tests on the same cores it cannot be.
    pub times: bool,
}

impl Scale {
    /// What the promises are stated for: some minutes.
    pub const LONG: Scale = Scale {
        viewers: 500,
        runs: 15,
        idle: 1000,
        dawdling: 250,
        sent_away: Some(Duration::from_secs(120)),
        polite: 30,
        kills: 100,
        samples: 100,
        flood: 400,
        unpacked: 1 << 28,
        upload: 19 << 20,
        times: true,
    };

    /// The same in less than a minute.
    pub const SHORT: Scale = Scale {
        viewers: 100,
        runs: 7,
        idle: 100,
        dawdling: 25,
        sent_away: None,
        polite: 10,
        kills: 5,
        samples: 20,
        flood: 60,
        unpacked: 1 << 26,
        upload: 2 << 20,
        times: true,
    };
}

/// What is attacked, and how.
#[derive(Clone, Debug)]
pub struct Siege {
    /// The lab.
    pub program: Program,
    /// How much.
    pub scale: Scale,
}

/// The attacks, by name.
pub const ATTACKS: [&str; 7] = ["load", "slow", "few", "fairness", "kills", "bombs", "floods"];

impl Siege {
    /// Attacks in one way.
    pub async fn attack(&self, name: &str, report: &mut Report) {
        let outcome = match name {
            "load" => load::run(self, report).await,
            "slow" => slow::run(self, report).await,
            "few" => few::run(self, report).await,
            "fairness" => fairness::run(self, report).await,
            "kills" => kills::run(self, report).await,
            "bombs" => bombs::run(self, report).await,
            "floods" => floods::run(self, report).await,
            other => Err(format!("there is no attack {other}; there are {}", ATTACKS.join(", "))),
        };
        self.judge(name, outcome, report);
    }

    /// Uses one lab for so many minutes.
    pub async fn soak(&self, minutes: u64, report: &mut Report) {
        let outcome = soak::run(self, minutes, report).await;
        self.judge("soak", outcome, report);
    }

    fn judge(&self, name: &str, outcome: Result<(), String>, report: &mut Report) {
        if let Err(why) = outcome {
            report.broken(name, why);
        }
        let peak = self.program.peak();
        if peak >= 1 << 20 {
            report.broken(name, format!("the lab took {} MiB", peak >> 10));
        }
        report.peak = report.peak.max(peak);
    }
}
