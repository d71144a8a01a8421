//! One client that sends as much as it can of everything, and an honest one after each flood.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use shared::classroom::{CODE_ALPHABET, CODE_LENGTH, ClassCreated, ClassMessage};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::people::{OPTIONS, answers, default_model, median, picture, runs};
use super::report::{Report, Row, Tally};
use super::wire::{self, Socket, ask, form, run_of, send, with_body};
use super::{HONEST, RUDE, Siege};

/// Requests that are under way at once.
const AT_ONCE: usize = 64;

/// Sends so many requests, as they are made one by one.
async fn flood(to: SocketAddr, n: usize, what: &str, made: impl Fn(usize) -> Arc<[u8]>) -> Tally {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut flood = JoinSet::new();
    let mut tally = Tally::default();
    for i in 0..n {
        let turn = turns.clone().acquire_owned().await.unwrap();
        let request = made(i);
        flood.spawn(async move {
            let answer = send(RUDE, to, &request).await;
            drop(turn);
            answer.map_err(|e| format!("no answer: {e}")).and_then(|a| a.verdict())
        });
        while let Some(Ok(verdict)) = flood.try_join_next() {
            tally.count(what, verdict);
        }
    }
    while let Some(verdict) = flood.join_next().await {
        tally.count(what, verdict.unwrap_or_else(|e| Err(e.to_string())));
    }
    if let Err(why) = answers(to).await {
        tally.lose(what, why);
    }
    tally
}

/// The n-th guess of a class's code.
fn guess(n: usize) -> String {
    let signs: Vec<char> = CODE_ALPHABET.chars().collect();
    let sign = |power: u32| signs[n * 7_919 / 25_usize.pow(power) % signs.len()];
    let tail: String = (0..CODE_LENGTH as u32 - 2).map(sign).collect();
    format!("CC{tail}")
}

/// How soon a client whose requests were too many may ask again: its bound gives a hundred back each second.
const AGAIN: Duration = Duration::from_secs(2);

/// Finds a class by its code; asks again where the address asked for too much.
async fn found(from: Ipv4Addr, to: SocketAddr, code: &str) -> Result<(), String> {
    loop {
        let answer = ask(from, to, &format!("GET /api/classrooms/{code}")).await;
        let answer = answer.map_err(|e| e.to_string())?;
        match answer.status {
            200 => return Ok(()),
            429 => tokio::time::sleep(Duration::from_millis(50)).await,
            _ => return answer.verdict().map(|_| ()),
        }
    }
}

async fn open_class(to: SocketAddr) -> Result<ClassCreated, String> {
    let request = with_body("POST /api/classrooms", "text/plain", b"");
    send(HONEST, to, &request).await.map_err(|e| e.to_string())?.json()
}

pub async fn run(siege: &Siege, report: &mut Report) -> Result<(), String> {
    let data = tempfile::tempdir().unwrap();
    let mut lab = siege.program.start(data.path())?;
    let (to, scale) = (lab.address, siege.scale);
    let n = scale.flood;
    runs(to, 1).await?;
    let alone = median(runs(to, scale.runs).await?);

    let tally = flood(to, n, "a run", |_| run_of(&form(&picture(), OPTIONS)).into()).await;
    report.tally("runs, 64 at once", tally);
    // Its runs that wait are served in turn with the honest one's.
    honest(to, scale.runs, "runs after a flood of them", report).await;

    let class: Arc<[u8]> = with_body("POST /api/classrooms", "text/plain", b"").into();
    report.tally("classes", flood(to, n, "a class", |_| class.clone()).await);
    let (code, tally) = match open_class(to).await {
        Ok(class) => (Some(class.code), Tally::default()),
        Err(why) => {
            let mut tally = Tally::default();
            tally.lose("a class for another", why);
            (None, tally)
        }
    };
    let guesses = |i: usize| -> Arc<[u8]> {
        let line = format!("GET /api/classrooms/{}", guess(i));
        format!("{}\r\n", wire::head(&line)).into_bytes().into()
    };
    let mut guessed = flood(to, 5 * n, "a guessed code", guesses).await;
    guessed.add(tally);
    if let Some(code) = code {
        // Also for who sits at the address from which so many were tried, once it may ask again.
        for from in [HONEST, RUDE] {
            let found = timeout(AGAIN, found(from, to, &code)).await;
            if let Err(why) = found.unwrap_or_else(|_| Err("it is not found".to_owned())) {
                guessed.lose("another's class", why);
            }
        }
    }
    report.tally("guesses of a class's code", guessed);

    let model = default_model(to).await?;
    let spec = format!(r#"{{"models":["{model}"],"samples":100}}"#);
    let experiment = with_body("POST /api/experiments", "application/json", spec.as_bytes());
    let experiment: Arc<[u8]> = experiment.into();
    let mut tally = flood(to, n / 4, "an experiment", |_| experiment.clone()).await;
    let another = send(HONEST, to, &experiment).await.map_err(|e| e.to_string())?;
    if another.verdict() != Ok(true) {
        tally.lose("another's experiment", String::from_utf8_lossy(&another.body));
    }
    report.tally("experiments", tally);

    let heavy = vec![0x89; scale.upload];
    let upload: Arc<[u8]> = run_of(&form(&heavy, OPTIONS)).into();
    let tally = flood(to, n / 4, "an upload", |_| upload.clone()).await;
    report.tally(format!("uploads of {} MiB", scale.upload >> 20), tally);

    sockets(to, 5 * n, report).await?;
    let beside = honest(to, scale.runs, "runs beside its experiments", report).await;
    if let Some(beside) = beside {
        // Experiments have the model between runs, an item at a time; told, not judged.
        report.ratio("the experiments of others", alone, beside, false);
    }
    if lab.lives() { Ok(()) } else { Err("the lab ended".to_owned()) }
}

/// An honest client's runs; the milliseconds of the middle one.
async fn honest(to: SocketAddr, n: usize, what: &str, report: &mut Report) -> Option<f64> {
    let tried = n as u64;
    let mut row = Row { attack: what.to_owned(), tried, ..Row::default() };
    let outcome = runs(to, n).await;
    let mut beside = None;
    match outcome {
        Ok(times) => {
            row.survived = tried;
            let middle = median(times);
            row.told = format!("{middle:.0} ms each");
            beside = Some(middle);
        }
        Err(why) => {
            row.lost = tried;
            report.broken(what, why);
        }
    }
    report.row(row);
    beside
}

/// Whether the honest client is let into a class.
async fn joins(to: SocketAddr, path: &str) -> Result<(), String> {
    let mut socket = wire::socket(HONEST, to, path).await?;
    let first = timeout(Duration::from_secs(20), socket.next()).await;
    match first.map_err(|_| "it is told nothing")? {
        Some(Ok(Message::Binary(bytes))) => match rmp_serde::from_slice(&bytes) {
            Ok(ClassMessage::Error(body)) => Err(body.message),
            Ok(_) => Ok(()),
            Err(why) => Err(why.to_string()),
        },
        other => Err(format!("it is told {other:?}")),
    }
}

/// More connections than one client may have.
const SOCKETS: usize = 1_500;

/// Opens websockets of one class and keeps them; then another client's is opened.
async fn sockets(to: SocketAddr, n: usize, report: &mut Report) -> Result<(), String> {
    let class = match open_class(to).await {
        Ok(class) => class,
        Err(why) => return Err(format!("no class for another: {why}")),
    };
    let path = |who: usize| format!("/api/classrooms/{}/events?follower={who:032}", class.code);
    let mut kept: Vec<Socket> = Vec::new();
    let mut refused: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    let mut row = Row { attack: "websockets of a class".to_owned(), ..Row::default() };
    for i in 0..n {
        row.tried += 1;
        // What is refused is refused before the handshake, with a status.
        match wire::socket(RUDE, to, &path(i)).await {
            Ok(socket) => kept.push(socket),
            Err(why) => *refused.entry(why).or_default() += 1,
        }
    }
    row.survived = (kept.len() + refused.values().sum::<usize>()) as u64;
    let why = refused.iter().map(|(why, n)| format!("{n} refused: {why}"));
    row.told =
        [format!("{} opened", kept.len())].into_iter().chain(why).collect::<Vec<_>>().join(", ");
    if kept.len() == n && n >= SOCKETS {
        report.broken("websockets", "one client may open as many as it likes");
    }
    if let Err(why) = answers(to).await {
        row.lost += 1;
        report.broken("websockets", why);
    }
    if let Err(why) = joins(to, &path(1_000_000)).await {
        row.lost += 1;
        report.broken("another's websocket", why);
    }
    report.row(row);
    Ok(())
}
