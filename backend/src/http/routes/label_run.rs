//! `PATCH /api/runs/{id}`: what a run's owner calls it.

use axum::Json;
use axum::extract::{Request, State};
use shared::sentence::LabError;
use shared::{ErrorBody, ErrorCode, Label, LabelChange};

use super::extract::{OwnRun, json_body};
use crate::error::ApiError;
use crate::http::state::AppState;

/// Most bytes of a change: the longest name and note, every character escaped, fit.
const MAX_CHANGE: usize = 64 << 10;

/// Gives a run a name and a note, which everybody who opens it sees.
///
/// What is left out stays as it is; an empty text takes one away. Answers with the label as it is
/// kept, once it is durable.
#[utoipa::path(
    patch,
    path = "/api/runs/{id}",
    tag = "runs",
    params(
        ("id" = String, Path, description = "The run's name"),
        ("Authorization" = String, Header, description = "`Bearer` and the owner's token"),
    ),
    request_body(content = LabelChange, description = "At most 64 KiB"),
    responses(
        (status = 200, body = Label),
        (status = 400, body = ErrorBody, description = "bad_request, bad_option"),
        (status = 403, body = ErrorBody, description = "not_owner"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 413, body = ErrorBody, description = "body_too_large"),
        (status = 415, body = ErrorBody, description = "wrong_content_type"),
        (status = 507, body = ErrorBody, description = "storage_full"),
    )
)]
pub async fn label_run(
    State(state): State<AppState>,
    OwnRun(run): OwnRun,
    request: Request,
) -> Result<Json<Label>, ApiError> {
    let too_large = LabError::LabelTooLarge { kib: (MAX_CHANGE >> 10) as u64 };
    let bytes = json_body(request, MAX_CHANGE, too_large).await?;
    let unusable = |why: LabError| ApiError::new(ErrorCode::BadRequest, why);
    let value: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|error| unusable(LabError::LabelNotJson { why: error.to_string() }))?;
    // Serde would take a list for an object's values in order.
    if !value.is_object() {
        return Err(unusable(LabError::LabelNoObject));
    }
    let change: LabelChange = serde_json::from_value(value)
        .map_err(|error| unusable(LabError::LabelUnusable { why: error.to_string() }))?;
    Ok(Json(state.runs.label(&run, change).await?))
}
