//! `GET /api/samples` and `GET /api/samples/{file}`: pictures to try.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderName;
use shared::api::Sample;
use shared::sentence::LabError;
use shared::{ErrorBody, ErrorCode};

use super::picture::headers;
use crate::error::ApiError;
use crate::http::state::AppState;

/// The sample pictures that ship with the lab.
#[utoipa::path(
    get,
    path = "/api/samples",
    tag = "lab",
    responses((status = 200, body = Vec<Sample>))
)]
pub async fn samples(State(state): State<AppState>) -> Json<Vec<Sample>> {
    Json(state.runs.samples.list().to_vec())
}

/// A sample picture.
#[utoipa::path(
    get,
    path = "/api/samples/{file}",
    tag = "lab",
    params(("file" = String, Path, description = "The sample's file")),
    responses(
        (status = 200, description = "The file", content_type = "image/*", body = Vec<u8>),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn sample(
    State(state): State<AppState>,
    file: Result<Path<String>, PathRejection>,
) -> Result<([(HeaderName, String); 4], Bytes), ApiError> {
    let found = file.ok().and_then(|Path(file)| state.runs.samples.picture(&file));
    let (bytes, kind) =
        found.ok_or_else(|| ApiError::new(ErrorCode::NotFound, LabError::NoSamplePicture))?;
    Ok((headers(kind), bytes))
}
