//! `GET /api/runs/{id}/prepared.png`: the picture as the model saw it.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderName;
use shared::sentence::LabError;
use shared::{ErrorBody, ErrorCode, PictureUse};

use super::extract::TheRun;
use super::picture::{WhichPicture, headers};
use crate::error::ApiError;
use crate::http::state::AppState;
use crate::id::SAMPLE;
use crate::runs::Run;
use crate::store::Store;

/// How long an early request waits for the model to prepare the picture.
const PATIENCE: Duration = Duration::from_secs(10);

/// The picture as the model saw it; of a film all frames that it saw, eight beside each other, row by row, made
/// smaller by a whole number where they are many.
///
/// A live run has it from its first token on; a request that comes before waits for some seconds.
#[utoipa::path(
    get,
    path = "/api/runs/{id}/prepared.png",
    tag = "runs",
    params(("id" = String, Path, description = "The run's name"), WhichPicture),
    responses(
        (status = 200, description = "The picture", content_type = "image/png", body = Vec<u8>),
        (status = 404, body = ErrorBody, description = "not_found: no such run, it never came to \
            that, or it shows the model no picture"),
    )
)]
pub async fn prepared(
    State(state): State<AppState>,
    TheRun(run): TheRun,
    Query(which): Query<WhichPicture>,
) -> Result<([(HeaderName, String); 4], Bytes), ApiError> {
    if run.options.picture == PictureUse::None {
        return Err(ApiError::new(ErrorCode::NotFound, LabError::NoPictureShown));
    }
    let png = picture_of(&state, &run, which.medium())
        .await?
        .ok_or_else(|| ApiError::new(ErrorCode::NotFound, LabError::PictureNotPrepared))?;
    Ok((headers("image/png"), png))
}

/// A prepared picture of a run that shows the model some; `None` where it never came to that.
pub(super) async fn picture_of(
    state: &AppState,
    run: &Run,
    medium: u8,
) -> Result<Option<Bytes>, ApiError> {
    if run.id.as_str() == SAMPLE && medium == 0 {
        return Ok(state.runs.samples.run_prepared());
    }
    if let Some(png) = from_memory(run, medium).await {
        return Ok(Some(png));
    }
    let id = run.id.clone();
    let read = move |store: &Store| Ok(store.prepared(&id, medium)?.map(|png| (png, ())));
    Ok(state.runs.read_file(read).await?.map(|(png, ())| png))
}

async fn from_memory(run: &Run, medium: u8) -> Option<Bytes> {
    let mut progress = run.log.watch();
    // Set before the event that wakes this is published, so no wake-up is missed.
    let there = progress.wait_for(|p| p.ended || run.prepared(0).is_some());
    let _ = tokio::time::timeout(PATIENCE, there).await;
    run.prepared(medium)
}
