//! `POST /api/runs/{id}/cancel`: stops a run.

use axum::extract::State;
use axum::http::StatusCode;
use shared::ErrorBody;

use super::extract::OwnRun;
use crate::error::ApiError;
use crate::http::state::AppState;

/// Stops a run.
///
/// Its last event is then `cancelled`, unless it ended before. What was observed is kept. Answers once
/// that is durable: the run stays cancelled whatever becomes of the lab.
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
        (status = 507, body = ErrorBody, description = "storage_full: stopped, but not for good"),
    )
)]
pub async fn cancel(
    State(state): State<AppState>,
    OwnRun(run): OwnRun,
) -> Result<StatusCode, ApiError> {
    state.runs.cancel(&run).await?;
    Ok(StatusCode::ACCEPTED)
}
