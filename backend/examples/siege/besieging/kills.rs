//! `kill -9` under load, again and again: what was acknowledged is there afterwards.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use shared::api::{RunCreated, RunState};
use shared::experiment::{ExperimentCreated, ExperimentState, ExperimentStatus};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::people::{default_model, picture, submit, until, watch};
use super::report::{Report, Row};
use super::wire::{ask_as, ask_here, send, with_body};
use super::{HONEST, Siege};

/// Clients that ask all the time.
const CLIENTS: u8 = 4;
/// How long a client waits that was refused.
const REFUSED: Duration = Duration::from_millis(20);
/// Most acknowledged runs before a lab is killed.
const MOST: u64 = 12;

/// What is known of an acknowledged run: the record of one that was done, as it was shown.
type Acknowledged = HashMap<String, Option<Vec<u8>>>;

/// Asks until the lab is gone; each acknowledged run is told at once.
async fn storm(from: Ipv4Addr, to: SocketAddr, told: mpsc::Sender<RunCreated>) {
    loop {
        match submit(from, to).await {
            Ok(created) => {
                if told.send(created).await.is_err() {
                    return;
                }
            }
            Err(why) if why.starts_with("refused") => tokio::time::sleep(REFUSED).await,
            Err(_) => return,
        }
    }
}

async fn record(to: SocketAddr, id: &str) -> Result<(RunState, Vec<u8>), String> {
    #[derive(serde::Deserialize)]
    struct Known {
        state: RunState,
    }
    let answer = ask_here(to, &format!("GET /api/runs/{id}")).await;
    let answer = answer.map_err(|e| e.to_string())?;
    Ok((answer.json::<Known>()?.state, answer.body))
}

/// Whether an acknowledged run is as it was shown, or ended where it was not done.
async fn is_kept(to: SocketAddr, id: &str, shown: Option<&Vec<u8>>) -> Result<(), String> {
    let (state, body) = record(to, id).await?;
    let kept = ask_here(to, &format!("GET /api/runs/{id}/picture")).await;
    if kept.map_err(|e| e.to_string())?.body != picture() {
        return Err("its picture is another than was sent".to_owned());
    }
    match shown {
        Some(shown) if *shown == body => Ok(()),
        Some(_) => Err("it is another than it was".to_owned()),
        None if matches!(state, RunState::Done | RunState::Failed) => Ok(()),
        None => Err(format!("it is {}", state.name())),
    }
}

async fn status(to: SocketAddr, id: &str) -> Result<ExperimentStatus, String> {
    let answer = ask_here(to, &format!("GET /api/experiments/{id}")).await;
    answer.map_err(|e| e.to_string())?.json()
}

/// An experiment that is at work in all the lives.
struct Work {
    created: ExperimentCreated,
    /// Items that the lab said were done.
    seen: u32,
    lost: u64,
    paused: u64,
}

impl Work {
    async fn start(to: SocketAddr, samples: u32) -> Result<Work, String> {
        let model = default_model(to).await?;
        let spec = format!(
            r#"{{"models":["{model}"],"samples":{samples},"prune":[0,0.5],"base":{{"max_new_tokens":2}}}}"#
        );
        let request = with_body("POST /api/experiments", "application/json", spec.as_bytes());
        let created = send(HONEST, to, &request).await.map_err(|e| e.to_string())?.json()?;
        Ok(Work { created, seen: 0, lost: 0, paused: 0 })
    }

    /// Looks how far it is; goes on with it where a lab that was killed paused it.
    async fn look(&mut self, to: SocketAddr) -> Result<ExperimentStatus, String> {
        let ExperimentCreated { id, owner_token } = &self.created;
        let status = status(to, id).await?;
        let ended = status.done + status.left_out;
        self.lost += u64::from(self.seen.saturating_sub(ended));
        self.seen = self.seen.max(ended);
        if status.state == ExperimentState::Paused {
            self.paused += 1;
            let line = format!("POST /api/experiments/{id}/resume");
            let resumed =
                ask_as(HONEST, to, &line, owner_token).await.map_err(|e| e.to_string())?;
            if !resumed.verdict()? {
                return Err(format!("the experiment is not resumed: {:?}", status.problem));
            }
        }
        Ok(status)
    }
}

pub async fn run(siege: &Siege, report: &mut Report) -> Result<(), String> {
    let data = tempfile::tempdir().unwrap();
    let kills = siege.scale.kills;
    let mut acknowledged = Acknowledged::new();
    let mut last: Vec<String> = Vec::new();
    let mut work: Option<Work> = None;
    let (mut opened, mut draw) = (0_u64, 7_u64);
    let mut gone: HashSet<String> = HashSet::new();
    for _ in 0..kills {
        let lab = siege.program.start(data.path())?;
        opened += 1;
        let to = lab.address;
        match &mut work {
            Some(work) => drop(work.look(to).await?),
            None => work = Some(Work::start(to, siege.scale.samples).await?),
        }
        for id in last.drain(..) {
            if let Err(why) = is_kept(to, &id, acknowledged[&id].as_ref()).await {
                report.broken("an acknowledged run", why);
                gone.insert(id);
            }
        }
        // Killed after so many acknowledgements, at the very moment that the last of them comes.
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let wanted = 1 + (draw >> 33) % MOST;
        let (told, mut tells) = mpsc::channel(64);
        let mut storms = JoinSet::new();
        for client in 1..=CLIENTS {
            storms.spawn(storm(Ipv4Addr::new(127, 0, 3, client), to, told.clone()));
        }
        drop(told);
        let mut first: Option<String> = None;
        for n in 0..wanted {
            let Some(created) = tells.recv().await else {
                return Err("the lab takes no runs".to_owned());
            };
            if n == 0 && wanted.is_multiple_of(2) {
                first = Some(created.id.clone());
            }
            last.push(created.id.clone());
            acknowledged.insert(created.id, None);
        }
        // In every second life one run is watched to its end, and must be the same afterwards.
        if let Some(id) = first {
            watch(HONEST, to, &id).await?;
            let (state, body) = record(to, &id).await?;
            if state == RunState::Done {
                acknowledged.insert(id, Some(body));
            }
            if let Some(work) = &mut work {
                work.look(to).await?;
            }
        }
        lab.kill();
        // What was acknowledged until the very end counts too.
        while let Some(created) = tells.recv().await {
            last.push(created.id.clone());
            acknowledged.insert(created.id, None);
        }
        storms.shutdown().await;
    }
    let lab = siege.program.start(data.path())?;
    let to = lab.address;
    for (id, shown) in &acknowledged {
        if let Err(why) = is_kept(to, id, shown.as_ref()).await {
            report.broken("an acknowledged run, at the end", why);
            gone.insert(id.clone());
        }
    }
    let (tried, lost) = (acknowledged.len() as u64, gone.len() as u64);
    report.row(Row {
        attack: "kill -9 under load".to_owned(),
        tried: kills as u64,
        survived: opened,
        lost: 0,
        told: "each time the lab opened again".to_owned(),
    });
    report.row(Row {
        attack: "acknowledged runs over them".to_owned(),
        tried,
        survived: tried - lost,
        lost,
        told: format!(
            "all with their pictures; {} of them done and equal to the byte",
            acknowledged.values().flatten().count()
        ),
    });
    let mut work = work.ok_or("there was no life")?;
    let status = loop {
        let status = work.look(to).await?;
        if matches!(status.state, ExperimentState::Done | ExperimentState::Cancelled) {
            break status;
        }
        let events = format!("/api/experiments/{}/events", work.created.id);
        until(to, &events, &["\"state\":\"done\"", "\"state\":\"paused\""]).await?;
    };
    let items = u64::from(status.items());
    let missing = items - u64::from(status.done + status.left_out);
    report.row(Row {
        attack: "items of an experiment over them".to_owned(),
        tried: items,
        survived: u64::from(status.done + status.left_out),
        lost: work.lost + missing,
        told: format!(
            "{} left out, each with its reason; paused {} times",
            status.left_out, work.paused
        ),
    });
    Ok(())
}
