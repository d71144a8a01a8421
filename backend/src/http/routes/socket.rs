//! What the websockets of runs and of classes have in common: two forms, bounds, a clean end.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::sentence::LabError;
use shared::{ErrorBody, ErrorCode};
use tokio::time::timeout;
use tungstenite::error::ProtocolError;

use crate::error::{ApiError, Refusal};
use crate::wire::{encode_json, encode_msgpack};

/// What comes over a websocket is a token, a guess or a view; anything longer is no message of ours.
const LONGEST_MESSAGE: usize = 16 << 10;
/// Messages somebody may get wrong before being shown the door.
pub const PATIENCE: u32 = 8;
/// How long somebody who is sent away may take to close too.
const GOODBYE: Duration = Duration::from_secs(2);
/// Subprotocols, the preferred one first.
const PROTOCOLS: [&str; 2] = ["msgpack", "json"];

/// The form that messages take.
#[derive(Clone, Copy)]
pub enum Form {
    /// Binary MessagePack with named fields.
    MessagePack,
    /// JSON text.
    Json,
}

impl Form {
    /// A message in this form.
    pub fn message<T: Serialize>(self, message: &T) -> Message {
        match self {
            Form::MessagePack => Message::Binary(encode_msgpack(message)),
            Form::Json => Message::Text(encode_json(message)),
        }
    }
}

/// Agrees on a form and on bounds.
pub fn agree(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<(WebSocketUpgrade, Form), ApiError> {
    let upgrade = upgrade.map_err(|error| {
        ApiError::new(ErrorCode::BadRequest, LabError::NotAWebsocket { why: error.body_text() })
    })?;
    let upgrade = upgrade
        .protocols(PROTOCOLS)
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE);
    let json = upgrade.selected_protocol().is_some_and(|p| p.as_bytes() == b"json");
    Ok((upgrade, if json { Form::Json } else { Form::MessagePack }))
}

/// Notes on the answer that whoever asks will be refused over the websocket, for those who count
/// refusals, and for the connection: it is about to be closed.
pub fn refused_inside(mut upgraded: Response, refusal: Option<ErrorBody>) -> Response {
    if let Some(body) = refusal {
        upgraded.extensions_mut().insert(Refusal(Arc::new(body)));
    }
    upgraded
}

/// Nothing can be sent any more.
pub struct Unsent;

/// The sending half.
pub struct Sender {
    sink: SplitSink<WebSocket, Message>,
    /// The form agreed on.
    pub form: Form,
    patience: Duration,
}

impl Sender {
    /// A sender that gives up on one message after `patience`.
    pub fn new(sink: SplitSink<WebSocket, Message>, form: Form, patience: Duration) -> Self {
        Sender { sink, form, patience }
    }

    /// Sends, waiting for somebody slow, but not for somebody dead.
    pub async fn send(&mut self, message: Message) -> Result<(), Unsent> {
        match timeout(self.patience, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Unsent),
        }
    }

    /// Sends a message in the form agreed on.
    pub async fn tell<T: Serialize>(&mut self, message: &T) -> Result<(), Unsent> {
        self.send(self.form.message(message)).await
    }
}

/// A message read, or what is wrong with it; `None` for what carries nothing.
pub fn heard<T: DeserializeOwned>(message: &Message) -> Option<Result<T, ErrorBody>> {
    match message {
        Message::Binary(bytes) => Some(rmp_serde::from_slice(bytes).map_err(wrong)),
        Message::Text(text) => Some(serde_json::from_str(text).map_err(wrong)),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => None,
    }
}

fn wrong(error: impl std::fmt::Display) -> ErrorBody {
    ErrorBody::new(ErrorCode::BadMessage, LabError::UnreadableMessage { why: error.to_string() })
}

/// The code and the reason to close with after a message that could not be read; `None` where the
/// connection itself is over.
pub fn fault(error: axum::Error) -> Option<(u16, &'static str)> {
    let error = error.into_inner().downcast::<tungstenite::Error>().ok()?;
    match *error {
        tungstenite::Error::Capacity(_) => Some((close_code::SIZE, "a message has 16 KiB at most")),
        tungstenite::Error::Utf8(_) => Some((close_code::INVALID, "a text message is not UTF-8")),
        // Whoever goes without closing breaks the protocol too.
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        tungstenite::Error::Protocol(_) => {
            Some((close_code::PROTOCOL, "the websocket protocol was broken"))
        }
        _ => None,
    }
}

/// Closes, and waits a moment for the other side to close too.
pub async fn goodbye(
    sender: &mut Sender,
    stream: &mut SplitStream<WebSocket>,
    code: u16,
    reason: &'static str,
) {
    let frame = CloseFrame { code, reason: reason.into() };
    if sender.send(Message::Close(Some(frame))).await.is_ok() {
        // Until the other side has closed too, what was sent may be on its way; a connection
        // dropped with something unread would take it back.
        let answered = async { while let Some(Ok(_)) = stream.next().await {} };
        let _ = timeout(GOODBYE, answered).await;
    }
}
