//! Requests and websockets from any loopback address.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::de::DeserializeOwned;
use shared::ErrorBody;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::{WebSocketStream, client_async};

/// No answer may take longer, whatever else happens.
const PATIENCE: Duration = Duration::from_secs(60);

/// The lab's public name here. Whoever asks by it is a stranger to the lab, on this machine too.
pub const HOST: &str = "siege.test";

/// What a boundary of forms is here.
pub const BOUNDARY: &str = "siege";

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body, put together where it came in pieces.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether what was asked is done; where it is refused, whether that is as refusals should be: a
    /// status that fits its code, and a sentence.
    pub fn verdict(&self) -> Result<bool, String> {
        if (200..300).contains(&self.status) {
            return Ok(true);
        }
        let text = || String::from_utf8_lossy(&self.body).chars().take(200).collect::<String>();
        let body: ErrorBody = serde_json::from_slice(&self.body)
            .map_err(|_| format!("{} without a sentence: '{}'", self.status, text()))?;
        if self.status != body.code.http_status() || self.status == 500 {
            return Err(format!("{} for {}", self.status, text()));
        }
        if body.message.len() < 10 || !body.message.ends_with('.') {
            return Err(format!("{} says '{}'", self.status, body.message));
        }
        Ok(false)
    }

    /// The body, where what was asked is done.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        match self.verdict()? {
            true => serde_json::from_slice(&self.body).map_err(|e| format!("it is cut: {e}")),
            false => Err(format!("refused: {}", String::from_utf8_lossy(&self.body))),
        }
    }
}

/// A connection from an address.
pub async fn connect(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    open(from, to, None).await
}

/// A connection of somebody who takes little at once.
pub async fn connect_narrow(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    open(from, to, Some(4096)).await
}

async fn open(from: Ipv4Addr, to: SocketAddr, window: Option<u32>) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = window {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind((from, 0).into())?;
    let connected = timeout(PATIENCE, socket.connect(to)).await;
    let stream = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends whatever bytes and reads the answer. What is refused early is not sent to its end.
pub async fn send(from: Ipv4Addr, to: SocketAddr, request: &[u8]) -> io::Result<Answer> {
    let asked = async {
        let (mut read, mut write) = connect(from, to).await?.into_split();
        let mut answer = Vec::new();
        let sending = async {
            let sent = write.write_all(request).await;
            // Until there is an answer: a side that is shut looks like somebody who left.
            (sent, std::future::pending::<()>().await)
        };
        tokio::select! {
            got = read.read_to_end(&mut answer) => match got {
                // The answer came before the connection broke.
                Err(_) if !answer.is_empty() => {}
                other => { other?; }
            },
            _ = sending => {}
        }
        parse(&answer).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    };
    let answered = timeout(PATIENCE, asked).await;
    answered.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?.to_ascii_lowercase();
    let status = head.strip_prefix("http/1.1 ")?.get(..3)?.parse().ok()?;
    let body = &bytes[end + 4..];
    let length: Option<usize> =
        head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok());
    let body = match length {
        Some(length) => body.get(..length)?.to_vec(),
        None if head.contains("transfer-encoding: chunked") => whole(body)?,
        None => body.to_vec(),
    };
    Some(Answer { status, body })
}

/// What was sent in chunks, if its end came.
fn whole(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = chunks.windows(2).position(|w| w == b"\r\n")?;
        let size = std::str::from_utf8(&chunks[..line]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let from = line + 2;
        body.extend_from_slice(chunks.get(from..from + size)?);
        chunks = chunks.get(from + size + 2..)?;
    }
}

/// A request's head, all but its last line's end.
pub fn head(line: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n")
}

/// A request without a body.
pub async fn ask(from: Ipv4Addr, to: SocketAddr, line: &str) -> io::Result<Answer> {
    send(from, to, format!("{}\r\n", head(line)).as_bytes()).await
}

/// A request of whoever judges the lab: asked on its own machine by that machine's name, it has no bound.
pub async fn ask_here(to: SocketAddr, line: &str) -> io::Result<Answer> {
    let request = format!("{line} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n");
    send(Ipv4Addr::LOCALHOST, to, request.as_bytes()).await
}

/// A request of an owner.
pub async fn ask_as(from: Ipv4Addr, to: SocketAddr, line: &str, token: &str) -> io::Result<Answer> {
    let request =
        format!("{}Authorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n", head(line));
    send(from, to, request.as_bytes()).await
}

/// A request with a body.
pub fn with_body(line: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let (head, length) = (head(line), body.len());
    let head = format!("{head}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A form that asks about a picture.
pub fn form(picture: &[u8], options: &str) -> Vec<u8> {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"options\"\r\n\r\n{options}\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a.png\"\r\n\r\n"
    );
    [head.as_bytes(), picture, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat()
}

/// A submitted run.
pub fn run_of(body: &[u8]) -> Vec<u8> {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    with_body("POST /api/runs", &kind, body)
}

/// A websocket.
pub type Socket = WebSocketStream<TcpStream>;

/// Opens a websocket.
pub async fn socket(from: Ipv4Addr, to: SocketAddr, path: &str) -> Result<Socket, String> {
    let stream = connect(from, to).await.map_err(|e| e.to_string())?;
    let opened = timeout(PATIENCE, client_async(format!("ws://{HOST}{path}"), stream)).await;
    Ok(opened.map_err(|_| "the handshake takes too long")?.map_err(|e| e.to_string())?.0)
}
