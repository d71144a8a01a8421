//! A viewer.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde::de::DeserializeOwned;
use shared::api::ServerMessage;
use shared::{Envelope, ErrorCode, Event};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

use super::SOON;

/// The events of a run as they come, for tests that are not async: up to the end of the run, or of the lab.
pub fn events_of(server: SocketAddr, id: &str) -> impl Iterator<Item = Envelope> + use<> {
    let stream = std::net::TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let address = format!("ws://{server}/api/runs/{id}/events");
    let (mut socket, _) = tokio_tungstenite::tungstenite::client(address, stream).unwrap();
    std::iter::from_fn(move || {
        loop {
            match socket.read() {
                Ok(Message::Binary(bytes)) => match rmp_serde::from_slice(&bytes).unwrap() {
                    ServerMessage::Event(envelope) => return Some(envelope),
                    ServerMessage::Alive => {}
                    other => panic!("{other:?}"),
                },
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    })
}

pub struct Viewer {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub protocol: Option<String>,
    pub binary: usize,
    pub text: usize,
}

/// Everything a viewer was sent.
#[derive(Debug, Default)]
pub struct Seen {
    pub events: Vec<Envelope>,
    pub gaps: Vec<(u64, u64)>,
    pub beats: u32,
    pub errors: Vec<ErrorCode>,
    pub close: Option<u16>,
}

impl Viewer {
    pub async fn open(server: SocketAddr, path: &str, protocols: Option<&str>) -> Viewer {
        Self::try_open(server, path, protocols).await.unwrap()
    }

    pub async fn try_open(
        server: SocketAddr,
        path: &str,
        protocols: Option<&str>,
    ) -> Result<Viewer, Error> {
        let mut request = format!("ws://{server}{path}").into_client_request().unwrap();
        if let Some(protocols) = protocols {
            let value = HeaderValue::from_str(protocols).unwrap();
            request.headers_mut().insert("sec-websocket-protocol", value);
        }
        let (stream, response) = connect_async(request).await?;
        let protocol = response.headers().get("sec-websocket-protocol");
        let protocol = protocol.map(|v| v.to_str().unwrap().to_owned());
        Ok(Viewer { stream, protocol, binary: 0, text: 0 })
    }

    /// A viewer at an address of this machine.
    pub async fn open_from(from: &str, server: SocketAddr, path: &str) -> Viewer {
        Self::try_open_from(from, server, path).await.unwrap()
    }

    /// The same, where the server takes it.
    pub async fn try_open_from(
        from: &str,
        server: SocketAddr,
        path: &str,
    ) -> Result<Viewer, Error> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
        let stream = MaybeTlsStream::Plain(socket.connect(server).await?);
        let request = format!("ws://{server}{path}").into_client_request().unwrap();
        let (stream, _) = client_async(request, stream).await?;
        Ok(Viewer { stream, protocol: None, binary: 0, text: 0 })
    }

    pub async fn of_run(server: SocketAddr, id: &str) -> Viewer {
        Self::open(server, &format!("/api/runs/{id}/events"), None).await
    }

    /// The next message of a run; `Err` with the code when the server closed.
    pub async fn next(&mut self) -> Result<ServerMessage, Option<u16>> {
        self.next_of().await
    }

    /// The next message of a kind of websocket; `Err` with the code when the server closed.
    pub async fn next_of<T: DeserializeOwned>(&mut self) -> Result<T, Option<u16>> {
        loop {
            let next = tokio::time::timeout(SOON, self.stream.next()).await;
            match next.expect("the server says something") {
                Some(Ok(Message::Binary(bytes))) => {
                    self.binary += 1;
                    return Ok(rmp_serde::from_slice(&bytes).unwrap());
                }
                Some(Ok(Message::Text(text))) => {
                    self.text += 1;
                    return Ok(serde_json::from_str(&text).unwrap());
                }
                Some(Ok(Message::Close(frame))) => {
                    // Reading on sends the answer that the server waits for.
                    while let Some(Ok(_)) = self.stream.next().await {}
                    return Err(frame.map(|f| CloseCode::into(f.code)));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Reads until the model is at work on the run.
    pub async fn until_at_work(&mut self) {
        while !matches!(
            self.next().await.unwrap(),
            ServerMessage::Event(Envelope { event: Event::PrefillLayer { .. }, .. })
        ) {}
    }

    /// Everything until the server closes.
    pub async fn rest(&mut self) -> Seen {
        let mut seen = Seen::default();
        loop {
            match self.next().await {
                Ok(ServerMessage::Event(envelope)) => seen.events.push(envelope),
                Ok(ServerMessage::Gap { from, to }) => seen.gaps.push((from, to)),
                Ok(ServerMessage::Alive) => seen.beats += 1,
                Ok(ServerMessage::Error(body)) => seen.errors.push(body.code),
                Err(close) => {
                    seen.close = close;
                    return seen;
                }
            }
        }
    }

    pub async fn say(&mut self, text: &str) {
        self.stream.send(Message::Text(text.into())).await.unwrap();
    }

    /// Sends a frame as it is.
    pub async fn say_frame(&mut self, frame: Frame) {
        self.stream.send(Message::Frame(frame)).await.unwrap();
    }

    pub async fn say_bytes(&mut self, bytes: Vec<u8>) {
        self.stream.send(Message::Binary(bytes.into())).await.unwrap();
    }
}
