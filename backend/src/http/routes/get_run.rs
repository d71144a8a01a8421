//! `GET /api/runs/{id}`: a run with its events.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use shared::ErrorBody;
use shared::api::RunRecord;

use super::extract::TheRun;
use crate::error::ApiError;
use crate::runs::record;

/// Events of more bytes than this are written while they are read.
const SMALL: usize = 512 << 10;

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
    let kind = [(CONTENT_TYPE, "application/json")];
    if run.log.bytes() > SMALL {
        return Ok((kind, record::body(run)).into_response());
    }
    let written = tokio::task::spawn_blocking(move || record::whole(run)).await;
    Ok((kind, written.map_err(ApiError::internal)?).into_response())
}
