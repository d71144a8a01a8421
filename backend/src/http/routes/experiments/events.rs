//! `GET /api/experiments/{id}/events`: how far an experiment is, as it goes.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt, stream};
use shared::ErrorBody;
use shared::experiment::ExperimentProgress;
use tokio::sync::watch;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::extract::TheExperiment;
use crate::error::ApiError;
use crate::experiments::live::Told;
use crate::fair::{Client, Place};
use crate::http::state::AppState;

/// A connection on which nothing happens is written to this often, so that nobody on the way takes
/// it for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How far an experiment is, whenever that has changed, at most twice a second.
///
/// Server-sent events of type `status`, each an `ExperimentProgress`. The first comes at once. The
/// stream ends when nothing can change any more, or the experiment was deleted.
#[utoipa::path(
    get,
    path = "/api/experiments/{id}/events",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's name")),
    responses(
        (status = 200, content_type = "text/event-stream", body = ExperimentProgress),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 429, body = ErrorBody, description = "too_many_requests"),
        (status = 503, body = ErrorBody, description = "queue_full: too many streams are open"),
    )
)]
pub async fn experiment_events(
    State(state): State<AppState>,
    client: Client,
    found: TheExperiment,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let place = state.runs.fair.socket(client)?;
    let mut told = state.live.watch(&found.means, found.id()).await?;
    told.mark_changed();
    let stays = state.viewers.token();
    let closing = state.closing.clone();
    let all = stream::unfold((told, stays, place), next).map(Ok);
    // A lab that goes down does not wait for those who watch.
    let stream = all.take_until(closing.cancelled_owned());
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

type Viewer = (watch::Receiver<Told>, TaskTrackerToken, Place<Client>);

async fn next((mut told, stays, place): Viewer) -> Option<(Event, Viewer)> {
    told.changed().await.ok()?;
    let progress = told.borrow_and_update().clone();
    // Plain data: it always has a JSON form.
    let event = Event::default().event("status").json_data(&*progress).ok()?;
    Some((event, (told, stays, place)))
}
