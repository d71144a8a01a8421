//! `GET /api/runs/{id}`: a run with its events.

use axum::Json;
use axum::response::{IntoResponse, Response};
use shared::ErrorBody;
use shared::api::RunRecord;

use super::extract::TheRun;
use crate::error::ApiError;

/// A run with all its events so far.
///
/// `sample` is the finished run that ships with the lab.
#[utoipa::path(
    get,
    path = "/api/runs/{id}",
    tag = "runs",
    params(("id" = String, Path, description = "The run's name")),
    responses(
        (status = 200, body = RunRecord),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 409, body = ErrorBody, description = "newer_version"),
    )
)]
pub async fn get_run(TheRun(run): TheRun) -> Result<Response, ApiError> {
    // A long run is tens of megabytes: written out where nobody waits for it.
    let written = tokio::task::spawn_blocking(move || Json(run.record()).into_response()).await;
    written.map_err(ApiError::internal)
}
