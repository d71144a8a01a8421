//! A lab that may have few connections, and strangers who take as many of them as they get and let go
//! of none.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::people::{OPTIONS, answers, picture, runs, submit, watch};
use super::report::{Report, Row};
use super::wire::{BOUNDARY, HOST, connect_narrow, form, head};
use super::{HONEST, Siege};

/// Connections that the lab may have, and how many each stranger tries to have.
const CONNECTIONS: usize = 60;
const EACH: usize = 20;
/// Strangers: together they may have all of the connections.
const STRANGERS: u8 = 4;
/// How long a stranger waits for the first word of an answer.
const FIRST_WORD: Duration = Duration::from_secs(5);

/// What a connection is held with.
#[derive(Clone, Copy)]
enum Hold {
    /// A websocket that is not read.
    Socket,
    /// A form that does not go on.
    Body,
    /// Long answers that are not read.
    Answers,
}

const HOLDS: [(Hold, &str); 3] = [
    (Hold::Socket, "websockets that are not read"),
    (Hold::Body, "forms that do not go on"),
    (Hold::Answers, "answers that are not read"),
];

pub async fn run(siege: &Siege, report: &mut Report) -> Result<(), String> {
    let data = tempfile::tempdir().unwrap();
    let few = CONNECTIONS.to_string();
    let mut lab = siege.program.start_with(data.path(), &["--connections", &few])?;
    let to = lab.address;
    let run = submit(HONEST, to).await?.id;
    watch(HONEST, to, &run).await?;
    for (hold, what) in HOLDS {
        let mut held = Vec::new();
        for stranger in 1..=STRANGERS {
            let from = Ipv4Addr::new(127, 0, 1, stranger);
            for _ in 0..EACH {
                held.extend(taken(from, to, hold, &run).await);
            }
        }
        let tried = 2 * siege.scale.runs as u64;
        let attack = format!("honest runs of a lab with {few} connections, beside {what}");
        let mut row = Row { attack, tried, ..Row::default() };
        row.told = format!("{} of {} opened", held.len(), EACH * usize::from(STRANGERS));
        match runs(to, siege.scale.runs).await {
            Ok(times) => row.survived += times.len() as u64,
            Err(why) => report.broken(what, why),
        }
        for _ in 0..siege.scale.runs {
            match answers(to).await {
                Ok(()) => row.survived += 1,
                Err(why) => report.broken(what, why),
            }
        }
        report.row(row);
    }
    if lab.lives() { Ok(()) } else { Err("the lab ended".to_owned()) }
}

/// A connection that is held, if there is a place for it.
async fn taken(from: Ipv4Addr, to: SocketAddr, hold: Hold, run: &str) -> Option<TcpStream> {
    let mut stream = connect_narrow(from, to).await.ok()?;
    let request = match hold {
        Hold::Socket => format!(
            "GET /api/runs/{run}/events HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ),
        Hold::Body => {
            let length = form(&picture(), OPTIONS).len();
            let kind = format!("multipart/form-data; boundary={BOUNDARY}");
            let head = head("POST /api/runs");
            format!("{head}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n--{BOUNDARY}")
        }
        Hold::Answers => {
            format!("GET /api/runs/{run} HTTP/1.1\r\nHost: {HOST}\r\n\r\n").repeat(400)
        }
    };
    stream.write_all(request.as_bytes()).await.ok()?;
    // The first word tells that the lab is at it; nothing more is read.
    let mut word = [0; 12];
    match hold {
        Hold::Body => {}
        Hold::Socket | Hold::Answers => {
            timeout(FIRST_WORD, stream.read_exact(&mut word)).await.ok()?.ok()?;
        }
    }
    let refused = matches!(word.strip_prefix(b"HTTP/1.1 "), Some(b"429" | b"503"));
    (!refused).then_some(stream)
}
