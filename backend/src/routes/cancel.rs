//! `POST /api/runs/{id}/cancel`: stops a run.

use axum::extract::State;
use axum::http::StatusCode;
use shared::ErrorBody;

use super::extract::OwnRun;
use crate::app::AppState;

/// Stops a run.
///
/// Its last event is then `cancelled`, unless it ended before. What was observed is kept.
#[utoipa::path(
    post,
    path = "/api/runs/{id}/cancel",
    tag = "runs",
    params(
        ("id" = String, Path, description = "The run's name"),
        ("Authorization" = String, Header, description = "`Bearer` and the owner's token"),
    ),
    responses(
        (status = 202, description = "It stops within a layer"),
        (status = 403, body = ErrorBody, description = "not_owner"),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn cancel(State(state): State<AppState>, OwnRun(run): OwnRun) -> StatusCode {
    state.lobby.cancel(&run).await;
    StatusCode::ACCEPTED
}
