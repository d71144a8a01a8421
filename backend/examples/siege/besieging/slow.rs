//! Clients that cost time: connections on which nothing is asked, and requests that come, or answers
//! that are taken, a byte at a time or not at all.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::people::{OPTIONS, answers, median, picture, runs, submit, watch as watch_run};
use super::report::{Report, Row};
use super::wire::{BOUNDARY, HOST, ask_here, connect, connect_narrow, form, head};
use super::{HONEST, RUDE, RUDER, Siege};

/// Time from one byte to the next.
const PACE: Duration = Duration::from_secs(1);
/// How long it may take to open all the connections.
const OPENING: Duration = Duration::from_secs(60);

/// The ways to dawdle.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// A request's head, a byte a second.
    Head,
    /// A form's body, a byte a second.
    Body,
    /// Many answers, none of which is read.
    Answers,
    /// A websocket that is never read.
    Socket,
}

const WAYS: [(Way, &str); 4] = [
    (Way::Head, "heads a byte a second"),
    (Way::Body, "bodies a byte a second"),
    (Way::Answers, "answers that are not read"),
    (Way::Socket, "websockets that are not read"),
];

/// How many are open, and how many were sent away.
#[derive(Clone, Copy, Default)]
struct Count {
    open: usize,
    refused: usize,
    gone: usize,
}

type Counts = Arc<watch::Sender<Count>>;

pub async fn run(siege: &Siege, report: &mut Report) -> Result<(), String> {
    let data = tempfile::tempdir().unwrap();
    let mut lab = siege.program.start(data.path())?;
    let to = lab.address;
    let scale = siege.scale;
    let created = submit(HONEST, to).await?;
    watch_run(HONEST, to, &created.id).await?;
    let run = created.id;
    let before = runs(to, scale.runs).await?;

    let mut attackers = JoinSet::new();
    let idle: Counts = Arc::default();
    for n in 0..scale.idle {
        attackers.spawn(idling(to, n % 2 == 0, idle.clone()));
    }
    let slow = WAYS.map(|(way, _)| {
        let counts: Counts = Arc::default();
        for _ in 0..scale.dawdling {
            attackers.spawn(dawdling(to, way, run.clone(), counts.clone()));
        }
        counts
    });
    let all = [&idle].into_iter().chain(&slow);
    for (counts, wanted) in all.zip([scale.idle].into_iter().chain([scale.dawdling; 4])) {
        let mut counts = counts.subscribe();
        let there = counts.wait_for(|c| c.open + c.refused >= wanted);
        let there = timeout(OPENING, there).await;
        there.map_err(|_| "the connections do not open".to_owned())?.map_err(|e| e.to_string())?;
    }
    let beside = runs(to, scale.runs).await;
    let well = answers(to).await;

    let mut rows = vec![(format!("idle connections of {RUDE}"), scale.idle, idle.clone())];
    for ((_, what), counts) in WAYS.iter().zip(&slow) {
        rows.push((format!("{what}, of {RUDER}"), scale.dawdling, counts.clone()));
    }
    let (mut away, mut closed) = (String::new(), String::new());
    if let Some(most) = scale.sent_away {
        let began = Instant::now();
        for counts in &slow[..2] {
            let mut counts = counts.subscribe();
            let gone = counts.wait_for(|c| c.gone + c.refused >= scale.dawdling);
            match timeout(most.saturating_sub(began.elapsed()), gone).await {
                Ok(_) => {
                    away = format!(", all sent away after {} s more", began.elapsed().as_secs())
                }
                Err(_) => report.broken("slow", "who dawdles is not sent away"),
            }
        }
        match connections_fall(to, most.saturating_sub(began.elapsed())).await {
            Ok(()) => {
                closed = format!(", all closed by the lab {} s later", began.elapsed().as_secs())
            }
            Err(why) => report.broken("slow", why),
        }
    }
    for (i, (attack, wanted, counts)) in rows.into_iter().enumerate() {
        let Count { open, refused, gone } = *counts.borrow();
        // Who reads nothing does not see the end: the lab's own count tells it.
        let told = match i {
            1 | 2 => format!("{open} opened, {refused} refused, {gone} sent away{away}"),
            3.. => format!("{open} opened, {refused} refused{closed}"),
            0 => format!("{open} opened, {refused} refused, {gone} sent away"),
        };
        let (tried, survived) = (wanted as u64, (open + refused) as u64);
        report.row(Row { attack, tried, survived, lost: 0, told });
    }
    attackers.shutdown().await;
    let after = runs(to, scale.runs).await?;

    let tried = scale.runs as u64;
    let mut row =
        Row { attack: "honest runs beside all of them".to_owned(), tried, ..Row::default() };
    match beside {
        Ok(times) => {
            row.survived = times.len() as u64;
            let alone = median([before, after].concat());
            let times = median(times);
            let ratio = report.ratio("idle and slow connections", alone, times, scale.times);
            row.told =
                format!("{alone:.0} ms alone, {times:.0} ms beside them, {ratio:.2} times as long");
        }
        Err(why) => {
            row.lost = tried;
            report.broken("honest runs beside slow connections", why);
        }
    }
    report.row(row);
    well?;
    if lab.lives() { Ok(()) } else { Err("the lab ended".to_owned()) }
}

/// Waits until the lab counts no more connections than those of whoever asks it.
async fn connections_fall(to: SocketAddr, most: Duration) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let answer = ask_here(to, "GET /metrics").await.map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let open = text.lines().find_map(|line| line.strip_prefix("langoverrule_connections "));
        let open: u64 = open.and_then(|n| n.parse().ok()).ok_or("the lab counts no connections")?;
        if open <= 1 {
            return Ok(());
        }
        if began.elapsed() > most {
            return Err(format!("{open} connections of clients that read nothing stay open"));
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Opens a connection and keeps it until the lab closes it; `asks` first for something small.
async fn idling(to: SocketAddr, asks: bool, counts: Counts) {
    let Ok(mut stream) = connect(RUDE, to).await else {
        return counts.send_modify(|c| c.refused += 1);
    };
    if asks {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        let _ = stream.write_all(request.as_bytes()).await;
        let _ = stream.read(&mut [0; 1024]).await;
    }
    counts.send_modify(|c| c.open += 1);
    until_gone(stream, &counts).await;
}

/// Reads until the lab closes.
async fn until_gone(mut stream: TcpStream, counts: &Counts) {
    let mut part = [0; 1024];
    while matches!(stream.read(&mut part).await, Ok(1..)) {}
    counts.send_modify(|c| c.gone += 1);
}

async fn dawdling(to: SocketAddr, way: Way, run: String, counts: Counts) {
    let narrow = matches!(way, Way::Answers | Way::Socket);
    let from: Ipv4Addr = RUDER;
    let connected = if narrow { connect_narrow(from, to).await } else { connect(from, to).await };
    let Ok(mut stream) = connected else { return counts.send_modify(|c| c.refused += 1) };
    let (at_once, slowly): (String, Vec<u8>) = match way {
        Way::Head => (String::new(), head("GET /healthz").into_bytes().repeat(9)),
        Way::Body => {
            let body = form(&picture(), OPTIONS);
            let kind = format!("multipart/form-data; boundary={BOUNDARY}");
            let head = head("POST /api/runs");
            let length = body.len();
            (format!("{head}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"), body)
        }
        Way::Answers => {
            let one = format!("GET /api/runs/{run} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
            (one.repeat(50), Vec::new())
        }
        Way::Socket => {
            let head = format!(
                "GET /api/runs/{run}/events HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\n\
                 Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            (head, Vec::new())
        }
    };
    let _ = stream.write_all(at_once.as_bytes()).await;
    counts.send_modify(|c| c.open += 1);
    if narrow {
        // Nothing is read, so its end is not seen either; it ends with the siege.
        return std::future::pending().await;
    }
    let (read, mut write) = stream.into_split();
    let trickle = async {
        for byte in slowly {
            if write.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(PACE).await;
        }
        std::future::pending::<()>().await;
    };
    let ended = async {
        let mut read = read;
        let mut part = [0; 1024];
        while matches!(read.read(&mut part).await, Ok(1..)) {}
    };
    tokio::select! {
        () = trickle => {}
        () = ended => {}
    }
    counts.send_modify(|c| c.gone += 1);
}
