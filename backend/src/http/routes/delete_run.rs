//! `DELETE /api/runs/{id}`: forgets a run.

use axum::extract::State;
use axum::http::StatusCode;
use shared::ErrorBody;

use super::extract::OwnRun;
use crate::error::ApiError;
use crate::http::state::AppState;

/// Deletes a run with its events and its picture, stopping it first.
#[utoipa::path(
    delete,
    path = "/api/runs/{id}",
    tag = "runs",
    params(
        ("id" = String, Path, description = "The run's name"),
        ("Authorization" = String, Header, description = "`Bearer` and the owner's token"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 403, body = ErrorBody, description = "not_owner"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 507, body = ErrorBody, description = "storage_full"),
    )
)]
pub async fn delete_run(
    State(state): State<AppState>,
    OwnRun(run): OwnRun,
) -> Result<StatusCode, ApiError> {
    state.runs.delete(&run).await?;
    Ok(StatusCode::NO_CONTENT)
}
