//! `POST /api/runs/summaries`: what a list says of runs.

use axum::Json;
use axum::extract::{Request, State};
use shared::listing::{MOST_LISTED, RunsAsked, RunsListed};
use shared::sentence::LabError;
use shared::{ErrorBody, ErrorCode};

use super::extract::json_body;
use crate::error::ApiError;
use crate::http::state::AppState;

/// Most bytes of what is asked: the names fit many times.
const MAX_ASKED: usize = 16 << 10;

/// What a list says of runs: question, answer, where they stand, why they failed, and late MDI.
///
/// At most 32 at once. A run's name is all it takes to read it, so names come in the body, which no log
/// keeps, and nobody is told of runs that they cannot name.
#[utoipa::path(
    post,
    path = "/api/runs/summaries",
    tag = "runs",
    request_body(content = RunsAsked, description = "At most 16 KiB"),
    responses(
        (status = 200, body = RunsListed),
        (status = 400, body = ErrorBody, description = "bad_request"),
        (status = 413, body = ErrorBody, description = "body_too_large"),
        (status = 415, body = ErrorBody, description = "wrong_content_type"),
    )
)]
pub async fn list_runs(
    State(state): State<AppState>,
    request: Request,
) -> Result<Json<RunsListed>, ApiError> {
    let too_large = LabError::RunListTooLarge { kib: (MAX_ASKED >> 10) as u64 };
    let bytes = json_body(request, MAX_ASKED, too_large).await?;
    let bad = |why: LabError| ApiError::new(ErrorCode::BadRequest, why);
    let asked: RunsAsked = serde_json::from_slice(&bytes)
        .map_err(|error| bad(LabError::RunsNotNamed { why: error.to_string() }))?;
    if asked.ids.len() > MOST_LISTED {
        return Err(bad(LabError::TooManyListed { most: MOST_LISTED as u64 }));
    }
    Ok(Json(state.runs.listed(asked.ids).await))
}
