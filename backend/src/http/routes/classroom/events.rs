//! `GET /api/classrooms/{code}/events`: a class over a websocket, for who follows and who presents.
//!
//! As with runs, two halves live and die together: one sends the latest state, the other listens. A
//! connection that is slow to take a message is told the then latest state next; nothing waits for
//! it and nothing is kept for it.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use serde::Deserialize;
use shared::classroom::{Answer, Board, ClassMessage, ClassRequest};
use shared::sentence::LabError;
use shared::{ErrorBody, ErrorCode};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::act::{not_presenter, typed};
use crate::classroom::{FollowerId, Seat, Sheet};
use crate::error::ApiError;
use crate::fair::{Activity, Client};
use crate::http::routes::extract::query;
use crate::http::routes::socket::{
    Form, PATIENCE, Sender, Unsent, agree, fault, goodbye, heard, refused_inside,
};
use crate::http::state::AppState;

/// Answers that may wait for somebody who sends faster than they read.
const ANSWERS: usize = 4;

/// How long a presenter who would be refused may take to say so: pages say it at once.
const PROOF: Duration = Duration::from_secs(2);

/// Who comes.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ClassQuery {
    /// The random name a browser gives itself, 16 to 64 letters, digits and dashes: its guess is
    /// kept under it. Without one a connection only looks, or presents.
    follower: Option<String>,
}

/// What a class is shown, as it changes.
///
/// A websocket. The server sends `ClassMessage`s: binary MessagePack with named fields, or JSON text
/// under the subprotocol `json`. A follower is first told the `guess` or `answer` that the lab holds of it; then
/// comes the latest state, and each newer one; where nothing happens, the latest comes again every
/// 20 seconds, so that silence is a lost connection. Somebody slow is told the latest only. A page may send
/// `ClassRequest`s in either form: `guess`, `answer`, `around` and `name` as a follower; `present` with the presenter's token, and
/// then `show`. Tally and presence are told at most ten times a second, what the presenter shows
/// at once. After `ended` the server closes with 1000.
#[utoipa::path(
    get,
    path = "/api/classrooms/{code}/events",
    tag = "classroom",
    params(("code" = String, Path, description = "The class's code"), ClassQuery),
    responses(
        (status = 101, body = ClassMessage, description = "A websocket"),
        (status = 400, body = ErrorBody, description = "bad_request: no websocket was asked for"),
    )
)]
pub async fn classroom_events(
    State(state): State<AppState>,
    client: Client,
    connection: Option<Extension<Arc<Activity>>>,
    code: Result<Path<String>, PathRejection>,
    asked: Result<Query<ClassQuery>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let (upgrade, form) = agree(upgrade)?;
    let follower = match query(asked)?.follower {
        None => None,
        Some(name) => Some(
            FollowerId::read(&name)
                .ok_or_else(|| ApiError::new(ErrorCode::BadRequest, LabError::FollowerName))?,
        ),
    };
    let (code, follows) = (typed(code), follower.is_some());
    // A page cannot read the answer to a refused upgrade, so refusals come inside.
    let place = state.runs.fair.socket(client);
    let seat = match &place {
        Ok(_) => state.classrooms.find(&code).and_then(|session| session.join(follower, client)),
        Err(error) => Err(error.clone()),
    };
    let stays = state.viewers.token();
    let refusal = seat.as_ref().err().map(|refusal| refusal.0.clone());
    let who = Who { code, client, follows, connection: connection.map(|Extension(it)| it) };
    let upgraded = upgrade.on_upgrade(move |socket| async move {
        serve(socket, state, seat, who, form).await;
        drop((stays, place));
    });
    Ok(refused_inside(upgraded, refusal))
}

/// How somebody's time in a class ends.
enum End {
    /// The class is over.
    Over,
    /// They left, or nothing can be sent any more.
    Gone,
    /// They broke the protocol: the code and the reason to close with.
    Broken(u16, &'static str),
    /// They are sent away, and told why.
    Refused(ErrorBody, u16),
}

/// Who comes, and to which class.
struct Who {
    code: String,
    client: Client,
    follows: bool,
    /// What they are connected by; `None` where nothing is known of it.
    connection: Option<Arc<Activity>>,
}

/// Lets the presenter in who is refused for what others do at the same address, where the first that
/// is said is the class's token.
async fn prove(
    stream: &mut SplitStream<WebSocket>,
    state: &AppState,
    who: &Who,
) -> Option<Result<Seat, ApiError>> {
    let Ok(Some(Ok(message))) = timeout(PROOF, stream.next()).await else { return None };
    let Some(Ok(ClassRequest::Present { presenter_token })) = heard(&message) else { return None };
    let session = state.classrooms.find(&who.code).ok()?;
    session.is_presenter(&presenter_token).then(|| session.join(None, who.client))
}

async fn serve(
    socket: WebSocket,
    state: AppState,
    mut seat: Result<Seat, ApiError>,
    who: Who,
    form: Form,
) {
    let _counted = state.runs.metrics.viewer();
    let (sink, mut stream) = socket.split();
    let mut sender = Sender::new(sink, form, state.limits.dead);
    let mut presents = false;
    if let Err(ApiError(body)) = &seat
        && body.code == ErrorCode::TooManyRequests
        && !who.follows
        && let Some(proved) = prove(&mut stream, &state, &who).await
    {
        if let (Ok(_), Some(connection)) = (&proved, &who.connection) {
            // It was taken for one that is about to be closed.
            connection.busy().upgraded(true);
        }
        (seat, presents) = (proved, true);
    }
    let end = match &seat {
        Err(ApiError(body)) => End::Refused(body.clone(), close_code::POLICY),
        Ok(seat) => {
            let (answer, answers) = mpsc::channel(ANSWERS);
            tokio::select! {
                end = show(&mut sender, &state, seat, answers) => end,
                end = listen(&mut stream, &state, seat, answer, presents) => end,
                () = state.closing.cancelled() => {
                    End::Refused(ApiError::shutting_down().0, close_code::AWAY)
                }
            }
        }
    };
    // A goodbye takes its time; whoever leaves is not counted while it does.
    drop(seat);
    let (code, reason) = match end {
        End::Gone => return,
        End::Broken(code, reason) => (code, reason),
        End::Over => (close_code::NORMAL, "the class is over"),
        End::Refused(body, code) => {
            let reason = body.code.name();
            if sender.tell(&ClassMessage::Error(body)).await.is_err() {
                return;
            }
            (code, reason)
        }
    };
    goodbye(&mut sender, &mut stream, code, reason).await;
}

/// Sends the latest state whenever there is a newer one, until the class is over.
async fn show(
    sender: &mut Sender,
    state: &AppState,
    seat: &Seat,
    mut answers: mpsc::Receiver<ClassMessage>,
) -> End {
    match follow(sender, state, seat, &mut answers).await {
        Ok(()) => End::Over,
        Err(Unsent) => End::Gone,
    }
}

async fn follow(
    sender: &mut Sender,
    state: &AppState,
    seat: &Seat,
    answers: &mut mpsc::Receiver<ClassMessage>,
) -> Result<(), Unsent> {
    let mut latest = seat.session.watch();
    latest.mark_changed();
    if let Some(follower) = &seat.follower {
        sender.tell(&seat.session.answer_of(follower)).await?;
    }
    let mut ping_at = Instant::now() + state.limits.ping;
    loop {
        tokio::select! {
            // The class lives as long as the seat, which is held here.
            _ = latest.changed() => {
                let sheet = latest.borrow_and_update().clone();
                sender.send(sheet_in(sender.form, &sheet)).await?;
                if sheet.is_last() {
                    return Ok(());
                }
            }
            Some(answer) = answers.recv() => sender.tell(&answer).await?,
            () = sleep_until(ping_at) => {
                sender.send(Message::Ping(Bytes::new())).await?;
                // A page is not told of pings; the state says too that the connection lives.
                let sheet = latest.borrow_and_update().clone();
                sender.send(sheet_in(sender.form, &sheet)).await?;
                if sheet.is_last() {
                    return Ok(());
                }
                ping_at = Instant::now() + state.limits.ping;
            }
        }
    }
}

/// A state as it is read; encoded once for everybody.
fn sheet_in(form: Form, sheet: &Sheet) -> Message {
    match form {
        Form::MessagePack => Message::Binary(sheet.msgpack()),
        Form::Json => Message::Text(sheet.json()),
    }
}

/// Hears what is said until they leave or are not heard of for too long.
async fn listen(
    stream: &mut SplitStream<WebSocket>,
    state: &AppState,
    seat: &Seat,
    answers: mpsc::Sender<ClassMessage>,
    mut presents: bool,
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
        let Some(heard) = heard::<ClassRequest>(&message) else { continue };
        let done = match heard {
            Ok(request) => act(request, state, seat, &mut presents).await,
            Err(body) => Err(body),
        };
        let answer = match done {
            Ok(None) => continue,
            Ok(Some(answer)) => answer,
            Err(body) => {
                state.runs.fair.refusals().answered(&body, seat.client);
                // A guess that comes a moment late is nobody's mistake.
                mistakes += u32::from(body.code != ErrorCode::GuessClosed);
                if mistakes >= PATIENCE {
                    return End::Refused(body, close_code::POLICY);
                }
                ClassMessage::Error(body)
            }
        };
        let _ = answers.try_send(answer);
    }
}

/// Does what somebody asks, where they may; gives what they are to be told.
async fn act(
    request: ClassRequest,
    state: &AppState,
    seat: &Seat,
    presents: &mut bool,
) -> Result<Option<ClassMessage>, ErrorBody> {
    let session = &seat.session;
    match request {
        ClassRequest::Guess { round, guess } => {
            answered(state, seat, round, Answer::Side(guess)).map(Some).map_err(|e| e.0)
        }
        ClassRequest::Answer { round, answer } => {
            answered(state, seat, round, answer).map(Some).map_err(|e| e.0)
        }
        ClassRequest::Around { around } => {
            seat.look_around(around);
            Ok(None)
        }
        ClassRequest::Name { name } => {
            let follower = follower_of(seat).map_err(|e| e.0)?;
            state.runs.fair.guess(seat.client, std::time::Instant::now()).map_err(|e| e.0)?;
            session.name(follower, &name).map_err(|e| e.0)?;
            Ok(None)
        }
        ClassRequest::Present { presenter_token } => {
            *presents = session.is_presenter(&presenter_token);
            if *presents { Ok(None) } else { Err(not_presenter().0) }
        }
        ClassRequest::Show { .. } if !*presents => Err(not_presenter().0),
        ClassRequest::Show { board, after } => {
            check(&board, state, seat).await.map_err(|e| e.0)?;
            // Whoever comes too late has been told the state that was first.
            session.show(board, after);
            Ok(None)
        }
    }
}

fn follower_of(seat: &Seat) -> Result<&FollowerId, ApiError> {
    let only_looks = || ApiError::new(ErrorCode::BadRequest, LabError::OnlyLooks);
    seat.follower.as_ref().ok_or_else(only_looks)
}

/// Takes an answer, and says what is held of it.
fn answered(
    state: &AppState,
    seat: &Seat,
    round: u32,
    answer: Answer,
) -> Result<ClassMessage, ApiError> {
    let follower = follower_of(seat)?;
    state.runs.fair.guess(seat.client, std::time::Instant::now())?;
    seat.session.answer(follower, round, answer)?;
    Ok(seat.session.answer_of(follower))
}

/// Whether a board can be shown: what it names must be there, or sixty screens stay empty.
async fn check(board: &Board, state: &AppState, seat: &Seat) -> Result<(), ApiError> {
    board.check().map_err(|why| ApiError::new(ErrorCode::BadMessage, why))?;
    match &board.run {
        Some(run) if seat.session.state().board.run.as_ref() != Some(run) => {
            state.runs.find(run).await.map(drop)
        }
        _ => Ok(()),
    }
}
