//! `GET /api/runs/{id}/picture`: the picture as it was uploaded.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderName, header};
use shared::ErrorBody;

use super::extract::TheRun;
use crate::error::ApiError;
use crate::http::state::AppState;
use crate::id::SAMPLE;
use crate::store::Store;

/// Headers of a person's picture: it never changes, and whatever it is, it is never run as a page.
pub(super) fn headers(content_type: &str) -> [(HeaderName, String); 4] {
    [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        (header::CACHE_CONTROL, "private, max-age=86400".to_owned()),
    ]
}

/// The picture as it was uploaded.
#[utoipa::path(
    get,
    path = "/api/runs/{id}/picture",
    tag = "runs",
    params(("id" = String, Path, description = "The run's name")),
    responses(
        (status = 200, description = "The file", content_type = "image/*", body = Vec<u8>),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn picture(
    State(state): State<AppState>,
    TheRun(run): TheRun,
) -> Result<([(HeaderName, String); 4], Bytes), ApiError> {
    if run.id.as_str() == SAMPLE {
        let (bytes, kind) = state.runs.samples.run_picture().ok_or_else(ApiError::no_run)?;
        return Ok((headers(kind), bytes));
    }
    let id = run.id.clone();
    let read = move |store: &Store| {
        Ok(store.picture(&id)?.map(|stored| (stored.bytes, stored.content_type)))
    };
    let (bytes, kind) = state.runs.read_file(read).await?.ok_or_else(ApiError::no_run)?;
    Ok((headers(&kind), bytes))
}
