//! `GET /api/runs/{id}/events`: a run's events over a websocket.
//!
//! A viewer has two halves that live and die together: one sends events from the run's log, the
//! other listens. Neither is known to the model.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use shared::api::{ServerMessage, ViewerMessage};
use shared::{ErrorBody, ErrorCode};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::extract::query;
use crate::app::{AppState, Limits};
use crate::error::ApiError;
use crate::run::{Entry, Run, encode_json, encode_msgpack};

/// Viewers send a token at most; anything longer is no message of theirs.
const LONGEST_MESSAGE: usize = 16 << 10;
/// Messages a viewer may get wrong before it is shown the door.
const PATIENCE: u32 = 8;
/// How long a closing viewer may take to say so.
const GOODBYE: Duration = Duration::from_secs(2);
/// Subprotocols, the preferred one first.
const PROTOCOLS: [&str; 2] = ["msgpack", "json"];

/// Where a viewer wants to begin.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// Number of the first event wanted; 0 when left out.
    #[serde(default)]
    from: u64,
}

/// A run's events, from any of them on, as they come.
///
/// A websocket. The server sends `ServerMessage`s: binary MessagePack with named fields, or JSON
/// text under the subprotocol `json` (`msgpack` wins where both are offered). The viewer may send
/// `ViewerMessage`s in either form. After a run's last event the server closes with 1000. A viewer
/// that falls behind a live run is told of the `gap` and goes on with the newest event. Errors (an
/// unknown run, a malformed message) come as a message of kind `error`. A viewer that asks for
/// events from the end of a finished run on is told of a `gap` back to its last event, which
/// follows: where the viewer has another in that place, the run was cut short by a restart and is
/// to be read anew.
#[utoipa::path(
    get,
    path = "/api/runs/{id}/events",
    tag = "runs",
    params(("id" = String, Path, description = "The run's name"), EventsQuery),
    responses(
        (status = 101, body = ServerMessage, description = "A websocket"),
        (status = 400, body = ErrorBody, description = "bad_request: no websocket was asked for"),
    )
)]
pub async fn events(
    State(state): State<AppState>,
    id: Result<Path<String>, PathRejection>,
    asked: Result<Query<EventsQuery>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|error| {
        let message = format!("This address is a websocket: {}.", error.body_text());
        ApiError::new(ErrorCode::BadRequest, message)
    })?;
    let from = query(asked)?.from;
    // A page cannot read the answer to a refused upgrade, so an unknown run is refused inside.
    let run = match id {
        Ok(Path(id)) => state.lobby.find(&id).await,
        Err(_) => Err(ApiError::no_run()),
    };
    let upgrade = upgrade
        .protocols(PROTOCOLS)
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE);
    let json = upgrade.selected_protocol().is_some_and(|p| p.as_bytes() == b"json");
    let form = if json { Form::Json } else { Form::MessagePack };
    let stays = state.viewers.token();
    Ok(upgrade.on_upgrade(move |socket| async move {
        serve(socket, state, run, from, form).await;
        drop(stays);
    }))
}

#[derive(Clone, Copy)]
enum Form {
    MessagePack,
    Json,
}

impl Form {
    fn entry(self, entry: &Entry) -> Message {
        match self {
            Form::MessagePack => Message::Binary(entry.msgpack()),
            Form::Json => Message::Text(entry.json()),
        }
    }

    fn message(self, message: &ServerMessage) -> Message {
        match self {
            Form::MessagePack => Message::Binary(encode_msgpack(message)),
            Form::Json => Message::Text(encode_json(message)),
        }
    }
}

/// How a viewer's time ends.
enum End {
    /// The run is over and the viewer has its last event.
    RunOver,
    /// The viewer left, or nothing can be sent to it any more.
    Gone,
    /// The viewer is sent away, and told why.
    Refused(ErrorBody, u16),
}

async fn serve(
    socket: WebSocket,
    state: AppState,
    run: Result<Arc<Run>, ApiError>,
    from: u64,
    form: Form,
) {
    let _counted = state.lobby.metrics.viewer();
    let (sink, mut stream) = socket.split();
    let mut sender = Sender { sink, form, patience: state.limits.dead };
    let end = match run {
        Err(ApiError(body)) => End::Refused(body, close_code::POLICY),
        Ok(run) => {
            // One place: a viewer that makes mistakes faster than it reads is told of fewer.
            let (complaints, complain) = mpsc::channel(1);
            let closing = state.closing.clone();
            tokio::select! {
                end = show(&mut sender, &state, &run, from, complain) => end,
                end = listen(&mut stream, &state, &run, complaints) => end,
                () = closing.cancelled() => {
                    End::Refused(ApiError::shutting_down().0, close_code::AWAY)
                }
            }
        }
    };
    let (code, reason) = match end {
        End::Gone => return,
        End::RunOver => (close_code::NORMAL, "the run is over"),
        End::Refused(body, code) => {
            let reason = body.code.name();
            if sender.send(form.message(&ServerMessage::Error(body))).await.is_err() {
                return;
            }
            (code, reason)
        }
    };
    let frame = CloseFrame { code, reason: reason.into() };
    if sender.send(Message::Close(Some(frame))).await.is_ok() {
        // Until the viewer has closed too, what was sent may be on its way; a connection dropped
        // with something of the viewer's unread would take it back.
        let answered = async { while let Some(Ok(_)) = stream.next().await {} };
        let _ = timeout(GOODBYE, answered).await;
    }
}

/// Nothing can be sent any more.
struct Unsent;

struct Sender {
    sink: SplitSink<WebSocket, Message>,
    form: Form,
    patience: Duration,
}

impl Sender {
    /// Sends, waiting for a slow viewer, but not for a dead one.
    async fn send(&mut self, message: Message) -> Result<(), Unsent> {
        match timeout(self.patience, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Unsent),
        }
    }

    async fn tell(&mut self, message: &ServerMessage) -> Result<(), Unsent> {
        self.send(self.form.message(message)).await
    }
}

/// Sends the run's events from `from` on until it is over.
async fn show(
    sender: &mut Sender,
    state: &AppState,
    run: &Run,
    from: u64,
    mut complain: mpsc::Receiver<ErrorBody>,
) -> End {
    match follow(sender, state, run, from, &mut complain).await {
        Ok(()) => End::RunOver,
        Err(Unsent) => End::Gone,
    }
}

async fn follow(
    sender: &mut Sender,
    state: &AppState,
    run: &Run,
    from: u64,
    complain: &mut mpsc::Receiver<ErrorBody>,
) -> Result<(), Unsent> {
    let Limits { viewer_lag, ping, .. } = state.limits;
    let mut progress = run.log.watch();
    // What was there before the viewer came is caught up with however long it takes.
    let came_at = progress.borrow().len;
    let mut next = from;
    let mut ping_at = Instant::now() + ping;
    loop {
        let seen = *progress.borrow_and_update();
        if seen.ended && next >= seen.len && seen.len > 0 {
            // The viewer saw as much of the run as was kept, or more, and yet asks: unless it saw
            // the end, the lab went down in between, and what it saw last is not how it ended.
            let to = seen.len - 1;
            sender.tell(&ServerMessage::Gap { from: next, to }).await?;
            next = to;
        }
        while let Some(entry) = run.log.get(next) {
            let len = run.log.progress().len;
            if next >= came_at && len - next > viewer_lag {
                let to = len - 1;
                state.lobby.metrics.gap();
                sender.tell(&ServerMessage::Gap { from: next, to }).await?;
                next = to;
                continue;
            }
            sender.send(sender.form.entry(&entry)).await?;
            next += 1;
            // However busy the run is: a viewer is heard of only when it answers a ping.
            if Instant::now() >= ping_at {
                sender.send(Message::Ping(Bytes::new())).await?;
                ping_at = Instant::now() + ping;
            }
        }
        let now = run.log.progress();
        if now.ended && next >= now.len {
            return Ok(());
        }
        tokio::select! {
            // The log lives as long as the run, which is held here.
            _ = progress.changed() => {}
            Some(body) = complain.recv() => sender.tell(&ServerMessage::Error(body)).await?,
            () = sleep_until(ping_at) => {
                sender.send(Message::Ping(Bytes::new())).await?;
                ping_at = Instant::now() + ping;
            }
        }
    }
}

/// Hears what the viewer says until it leaves or is not heard of for too long.
async fn listen(
    stream: &mut SplitStream<WebSocket>,
    state: &AppState,
    run: &Arc<Run>,
    complaints: mpsc::Sender<ErrorBody>,
) -> End {
    let mut mistakes = 0;
    loop {
        let message = match timeout(state.limits.dead, stream.next()).await {
            Ok(Some(Ok(message))) => message,
            // A broken protocol, the end of the connection, or silence.
            Ok(Some(Err(_)) | None) | Err(_) => return End::Gone,
        };
        let heard = match message {
            Message::Binary(bytes) => read(rmp_serde::from_slice(&bytes)),
            Message::Text(text) => read(serde_json::from_str(&text)),
            // Answered below us; that it came is what counts.
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => return End::Gone,
        };
        let answer = match heard {
            Ok(ViewerMessage::Cancel { owner_token }) if run.is_owner(&owner_token) => {
                state.lobby.cancel(run).await;
                continue;
            }
            Ok(ViewerMessage::Cancel { .. }) => ApiError::not_owner().0,
            Err(body) => body,
        };
        mistakes += 1;
        if mistakes >= PATIENCE {
            return End::Refused(answer, close_code::POLICY);
        }
        let _ = complaints.try_send(answer);
    }
}

fn read<E: std::fmt::Display>(
    message: Result<ViewerMessage, E>,
) -> Result<ViewerMessage, ErrorBody> {
    message.map_err(|error| ErrorBody {
        code: ErrorCode::BadMessage,
        message: format!("The message could not be read: {error}."),
    })
}
