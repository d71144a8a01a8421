//! Honest clients: they ask, and wait for the answer.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde::Deserialize;
use shared::Event;
use shared::api::{RunCreated, ServerMessage};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::wire::{ask, connect, form, head, run_of, send, socket};
use super::{HONEST, files};

/// No run may take longer, whatever else the lab does.
const PATIENCE: Duration = Duration::from_secs(120);

/// The options of an honest run.
pub const OPTIONS: &str = r#"{"prompt":"Which animal is it?","max_new_tokens":3}"#;

/// An honest picture.
pub fn picture() -> Vec<u8> {
    files::png(96, 64)
}

/// Submits a run.
pub async fn submit(from: Ipv4Addr, to: SocketAddr) -> Result<RunCreated, String> {
    let request = run_of(&form(&picture(), OPTIONS));
    send(from, to, &request).await.map_err(|e| e.to_string())?.json()
}

/// Watches a run to its end; gives the number of its events.
pub async fn watch(from: Ipv4Addr, to: SocketAddr, id: &str) -> Result<u64, String> {
    let mut socket = socket(from, to, &format!("/api/runs/{id}/events")).await?;
    let watching = async {
        let mut next = 0;
        while let Some(Ok(message)) = socket.next().await {
            let Message::Binary(bytes) = message else { continue };
            match rmp_serde::from_slice(&bytes).map_err(|e| e.to_string())? {
                ServerMessage::Event(envelope) => {
                    if envelope.seq != next {
                        return Err(format!("event {} came where {next} was due", envelope.seq));
                    }
                    next += 1;
                    match envelope.event {
                        Event::Done { .. } => return Ok(next),
                        event if event.is_last() => return Err(format!("it ended with {event:?}")),
                        _ => {}
                    }
                }
                ServerMessage::Gap { to, .. } => next = to,
                ServerMessage::Alive => {}
                ServerMessage::Error(body) => return Err(format!("{}: {body}", body.code)),
            }
        }
        Err("the websocket ended before the run".to_owned())
    };
    timeout(PATIENCE, watching).await.map_err(|_| "the run takes too long".to_owned())?
}

/// Asks and waits for the answer, several times; the milliseconds of each.
pub async fn runs(to: SocketAddr, n: usize) -> Result<Vec<f64>, String> {
    let mut times = Vec::new();
    for _ in 0..n {
        let start = Instant::now();
        let created = submit(HONEST, to).await?;
        watch(HONEST, to, &created.id).await?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// The middle one of some figures.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Whether the lab answers an honest client soon.
pub async fn answers(to: SocketAddr) -> Result<(), String> {
    let answer = timeout(Duration::from_secs(20), ask(HONEST, to, "GET /healthz")).await;
    let answer = answer.map_err(|_| "it answers nobody")?.map_err(|e| e.to_string())?;
    match answer.status {
        200 => Ok(()),
        other => Err(format!("it says {other} of its health")),
    }
}

/// The model that runs when none is named.
pub async fn default_model(to: SocketAddr) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Entry {
        name: String,
        default: bool,
    }
    let answer = ask(HONEST, to, "GET /api/models").await.map_err(|e| e.to_string())?;
    let models: Vec<Entry> = answer.json()?;
    let model = models.into_iter().find(|m| m.default);
    model.map(|m| m.name).ok_or_else(|| "the lab has no model".to_owned())
}

/// Reads a stream of events until one holds any of some words; gives which.
pub async fn until(to: SocketAddr, path: &str, words: &[&str]) -> Result<usize, String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let reading = async {
        let mut stream = connect(HONEST, to).await.map_err(|e| e.to_string())?;
        let request = format!("{}\r\n", head(&format!("GET {path}")));
        stream.write_all(request.as_bytes()).await.map_err(|e| e.to_string())?;
        let (mut text, mut part) = (Vec::new(), [0; 4096]);
        loop {
            let read = stream.read(&mut part).await.map_err(|e| e.to_string())?;
            text.extend_from_slice(&part[..read]);
            let so_far = String::from_utf8_lossy(&text);
            // The latest is what counts.
            let last = |word: &&str| so_far.rfind(*word);
            let found = words.iter().enumerate().filter_map(|(i, w)| Some((last(w)?, i))).max();
            if let Some((_, which)) = found {
                return Ok(which);
            }
            if read == 0 {
                return Err(format!("{path} ended without {}", words.join(" or ")));
            }
        }
    };
    let waited = timeout(10 * PATIENCE / 2, reading).await;
    waited.map_err(|_| format!("{path} does not come to {}", words.join(" or ")))?
}
