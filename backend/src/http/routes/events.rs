//! `GET /api/runs/{id}/events`: a run's events over a websocket.
//!
//! A viewer has two halves that live and die together: one sends events from the run's log, the
//! other listens. Neither is known to the model.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use serde::Deserialize;
use shared::ErrorBody;
use shared::api::{ServerMessage, ViewerMessage};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::extract::query;
use super::socket::{Form, PATIENCE, Sender, Unsent, agree, fault, goodbye, heard, refused_inside};
use crate::error::ApiError;
use crate::fair::Client;
use crate::http::state::{AppState, Limits};
use crate::runs::{LoggedEvent, Run};

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
/// that falls behind a live run is told of the `gap` and goes on with the newest event. Where nothing
/// happens, `alive` comes every 20 seconds. Errors (an unknown run, a malformed message) come as a
/// message of kind `error`. A viewer that asks for
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
    client: Client,
    id: Result<Path<String>, PathRejection>,
    asked: Result<Query<EventsQuery>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let (upgrade, form) = agree(upgrade)?;
    let from = query(asked)?.from;
    // A page cannot read the answer to a refused upgrade, so an unknown run is refused inside.
    let place = state.runs.fair.socket(client);
    let run = match (&place, id) {
        (Err(error), _) => Err(error.clone()),
        (Ok(_), Ok(Path(id))) => state.runs.find(&id).await,
        (Ok(_), Err(_)) => Err(ApiError::no_run()),
    };
    let stays = state.viewers.token();
    let refusal = run.as_ref().err().map(|refusal| refusal.0.clone());
    let upgraded = upgrade.on_upgrade(move |socket| async move {
        serve(socket, state, run, from, form).await;
        drop((stays, place));
    });
    Ok(refused_inside(upgraded, refusal))
}

/// How a viewer's time ends.
enum End {
    /// The run is over and the viewer has its last event.
    RunOver,
    /// The viewer left, or nothing can be sent to it any more.
    Gone,
    /// The viewer broke the protocol: the code and the reason to close with.
    Broken(u16, &'static str),
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
    let _counted = state.runs.metrics.viewer();
    let (sink, mut stream) = socket.split();
    let mut sender = Sender::new(sink, form, state.limits.dead);
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
        End::Broken(code, reason) => (code, reason),
        End::RunOver => (close_code::NORMAL, "the run is over"),
        End::Refused(body, code) => {
            let reason = body.code.name();
            if sender.tell(&ServerMessage::Error(body)).await.is_err() {
                return;
            }
            (code, reason)
        }
    };
    goodbye(&mut sender, &mut stream, code, reason).await;
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
    let form = sender.form;
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
                state.runs.metrics.gap();
                sender.tell(&ServerMessage::Gap { from: next, to }).await?;
                next = to;
                continue;
            }
            sender.send(entry_in(form, &entry)).await?;
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
                // A page is not told of pings.
                sender.tell(&ServerMessage::Alive).await?;
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
            Ok(Some(Err(error))) => {
                return fault(error).map_or(End::Gone, |(code, why)| End::Broken(code, why));
            }
            // The end of the connection, or silence.
            Ok(None) | Err(_) => return End::Gone,
        };
        if matches!(message, Message::Close(_)) {
            return End::Gone;
        }
        // Pings are answered below us; that they came is what counts.
        let Some(heard) = heard::<ViewerMessage>(&message) else { continue };
        let answer = match heard {
            Ok(ViewerMessage::Cancel { owner_token }) if run.is_owner(&owner_token) => {
                if let Err(error) = state.runs.cancel(run).await {
                    tracing::warn!(
                        run = run.id.short(),
                        ?error,
                        "it is not kept that a run is cancelled"
                    );
                }
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

/// An event as the viewer reads it; encoded once for all viewers.
fn entry_in(form: Form, entry: &LoggedEvent) -> Message {
    match form {
        Form::MessagePack => Message::Binary(entry.msgpack()),
        Form::Json => Message::Text(entry.json()),
    }
}
