//! A day in small: one lab, used and disturbed for a long time, that must not grow.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::lab::Held;
use super::people::{median, runs, submit, watch};
use super::report::{Report, Row};
use super::wire::{ask, connect};
use super::{HONEST, RUDE, Siege};

/// Honest runs of a round.
const RUNS: usize = 3;
/// Who watches each round's last run.
const VIEWERS: u8 = 20;
/// Connections of a round that ask nothing and leave.
const IDLE: usize = 50;
/// How often it is looked what the lab holds.
const LOOK: Duration = Duration::from_secs(60);
/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(2);
/// What memory may grow by from the second quarter to the last.
const GROWTH: f64 = 1.1;

/// What a lab held at a time.
#[derive(Debug)]
struct Look {
    minute: u64,
    held: Held,
    /// Bytes of the data folder.
    data: u64,
    /// The median of the honest runs since the last look, in milliseconds.
    run: f64,
}

/// One round of use.
async fn round(to: SocketAddr) -> Result<Vec<f64>, String> {
    let times = runs(to, RUNS).await?;
    let run = submit(HONEST, to).await?;
    let mut watching = JoinSet::new();
    for n in 1..=VIEWERS {
        let id = run.id.clone();
        watching.spawn(async move { watch(Ipv4Addr::new(127, 0, 1, n), to, &id).await });
    }
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(connect(RUDE, to).await.map_err(|e| e.to_string())?);
    }
    while let Some(seen) = watching.join_next().await {
        seen.map_err(|e| e.to_string())??;
    }
    for path in ["/api/runs", "/metrics", "/api/models", "/api/classrooms/999999/none"] {
        // The last is nobody's; what counts is that each is answered.
        ask(RUDE, to, &format!("GET {path}")).await.map_err(|e| format!("{path}: {e}"))?;
    }
    Ok(times)
}

fn bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).sum()
}

/// Uses a lab for so many minutes, and prints what it held each minute.
pub async fn run(siege: &Siege, minutes: u64, report: &mut Report) -> Result<(), String> {
    let data = tempfile::tempdir().unwrap();
    let mut lab = siege.program.start(data.path())?;
    let to = lab.address;
    let began = Instant::now();
    let (mut looks, mut times, mut rounds) = (Vec::<Look>::new(), Vec::new(), 0);
    while looks.len() as u64 <= minutes {
        times.extend(round(to).await?);
        rounds += 1;
        if began.elapsed() >= LOOK * looks.len() as u32 {
            let held = lab.held().ok_or("the lab ended")?;
            let minute = looks.len() as u64;
            let run = median(std::mem::take(&mut times));
            looks.push(Look { minute, held, data: bytes(data.path()), run });
        }
        tokio::time::sleep(PAUSE).await;
    }
    println!(
        "| minute | memory, MiB | open files | threads | data, MiB | a run, ms |\n|---|---|---|---|---|---|"
    );
    for Look { minute, held, data, run } in looks.iter().step_by((looks.len() / 12).max(1)) {
        let Held { memory, files, threads } = held;
        println!(
            "| {minute} | {} | {files} | {threads} | {} | {run:.0} |",
            memory >> 10,
            data >> 20
        );
    }
    let quarter = looks.len() / 4;
    let memory = |part: &[Look]| median(part.iter().map(|l| l.held.memory as f64).collect());
    let (second, last) = (memory(&looks[quarter..2 * quarter]), memory(&looks[3 * quarter..]));
    if quarter > 0 && last > GROWTH * second {
        report.broken("soak", format!("memory grew {:.2} times", last / second));
    }
    let files = |look: Option<&Look>| look.map_or(0, |l| l.held.files);
    if files(looks.last()) > files(looks.get(1)) + IDLE {
        report.broken("soak", "files stay open");
    }
    report.row(Row {
        attack: format!("rounds of use in {minutes} minutes"),
        tried: rounds,
        survived: rounds,
        lost: 0,
        told: format!("memory at the end {:.2} times that of the second quarter", last / second),
    });
    if lab.lives() { Ok(()) } else { Err("the lab ended".to_owned()) }
}
