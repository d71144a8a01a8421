//! A client that asks for as much as it gets, beside one that has two questions open at a time.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::people::{runs, submit, watch};
use super::report::{Report, Row, Tally};
use super::wire::{form, run_of, send};
use super::{HONEST, RUDE, Siege, people};

/// How many ask for the greedy one at once.
const HANDS: usize = 8;
/// How long a hand waits that was told to wait.
const REFUSED: Duration = Duration::from_millis(50);
/// Runs that the polite client has open at a time.
const POLITE_HANDS: usize = 3;
/// The part of the line that the greedy one may have beside one other.
const PART: f64 = 2.0 / 3.0;

/// Asks again and again, and tells of each run that is done.
async fn grab(
    to: SocketAddr,
    done: mpsc::Sender<bool>,
    tallies: mpsc::Sender<Result<bool, String>>,
) {
    let request = run_of(&form(&people::picture(), people::OPTIONS));
    let mut watching = JoinSet::new();
    loop {
        let answer = send(RUDE, to, &request).await.map_err(|e| e.to_string());
        let verdict = answer.as_ref().map_err(Clone::clone).and_then(|a| a.verdict());
        let accepted = verdict == Ok(true);
        let created: Option<shared::api::RunCreated> =
            answer.ok().filter(|_| accepted).and_then(|a| a.json().ok());
        if tallies.send(verdict).await.is_err() {
            return;
        }
        match created {
            Some(created) => {
                let done = done.clone();
                watching.spawn(async move {
                    if watch(RUDE, to, &created.id).await.is_ok() {
                        let _ = done.send(true).await;
                    }
                });
            }
            // The greedy one does not wait as long as it is told.
            None => tokio::time::sleep(REFUSED).await,
        }
        while watching.try_join_next().is_some() {}
    }
}

pub async fn run(siege: &Siege, report: &mut Report) -> Result<(), String> {
    let data = tempfile::tempdir().unwrap();
    let mut lab = siege.program.start(data.path())?;
    let to = lab.address;
    runs(to, 1).await?;
    let (done, mut ended) = mpsc::channel(64);
    let (tell, mut told) = mpsc::channel(64);
    let mut greedy = JoinSet::new();
    for _ in 0..HANDS {
        greedy.spawn(grab(to, done.clone(), tell.clone()));
    }
    drop(tell);
    let mut tally = Tally::default();
    // The line is full of the greedy one's runs before the polite one comes, if it can be filled.
    let mut asked = 0;
    while let Some(verdict) = told.recv().await {
        let full = verdict == Ok(false);
        tally.count("a greedy run", verdict);
        asked += 1;
        if full || asked == 64 {
            break;
        }
    }
    let counting = tokio::spawn(async move {
        while let Some(verdict) = told.recv().await {
            tally.count("a greedy run", verdict);
        }
        tally
    });
    // So many open at a time that one waits whenever another is at work or on its way.
    let polite = siege.scale.polite;
    let mut asking = JoinSet::new();
    for hand in 0..POLITE_HANDS {
        let done = done.clone();
        let n = polite / POLITE_HANDS + usize::from(hand < polite % POLITE_HANDS);
        asking.spawn(async move {
            let mut lost = Vec::new();
            for _ in 0..n {
                let outcome = async {
                    let created = submit(HONEST, to).await?;
                    watch(HONEST, to, &created.id).await
                };
                match outcome.await {
                    Ok(_) => {
                        let _ = done.send(false).await;
                    }
                    Err(why) => lost.push(why),
                }
            }
            lost
        });
    }
    drop(done);
    // Counted from the polite one's first run to its last.
    let finished = async {
        let mut lost = Vec::new();
        while let Some(hand) = asking.join_next().await {
            lost.extend(hand.unwrap_or_else(|e| vec![e.to_string()]));
        }
        lost
    };
    let counted = async {
        let (mut theirs, mut own) = (0_u64, 0_u64);
        while let Some(greedy) = ended.recv().await {
            match greedy {
                false => own += 1,
                true if own > 0 => theirs += 1,
                true => {}
            }
            if own >= polite as u64 {
                break;
            }
        }
        (theirs, own)
    };
    let deadline = Duration::from_secs(300);
    let mut counted = std::pin::pin!(counted);
    let mut finished = std::pin::pin!(finished);
    let (lost, counts) = tokio::select! {
        counts = &mut counted => (finished.await, Some(counts)),
        lost = &mut finished => (lost, None),
        () = tokio::time::sleep(deadline) => return Err("the polite one's runs take too long".to_owned()),
    };
    let counts = match counts {
        Some(counts) => counts,
        // Some are lost, or the last is still on its way to be counted.
        None => tokio::time::timeout(Duration::from_secs(5), counted).await.unwrap_or((0, 0)),
    };
    greedy.shutdown().await;
    let tally = counting.await.map_err(|e| e.to_string())?;
    report.tally("runs that a greedy client asks for", tally);
    let ((theirs, own), tried) = (counts, polite as u64);
    let share = theirs as f64 / (theirs + own).max(1) as f64;
    // A scripted model ends faster than a polite client can ask again.
    if share > PART && siege.scale.times {
        report.broken("fairness", format!("the greedy one had {share:.2} of the line"));
    }
    if let Some(why) = lost.first() {
        report.broken("a polite client's runs", why);
    }
    let lost = lost.len() as u64;
    report.row(Row {
        attack: "a polite client's runs beside it".to_owned(),
        tried,
        survived: tried - lost,
        lost,
        told: format!("{theirs} of the greedy one's meanwhile: {share:.2} of the line"),
    });
    if lab.lives() { Ok(()) } else { Err("the lab ended".to_owned()) }
}
