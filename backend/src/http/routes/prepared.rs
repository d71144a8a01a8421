//! `GET /api/runs/{id}/prepared.png`: the picture as the model saw it.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderName;
use shared::{ErrorBody, ErrorCode, PictureUse};

use super::extract::TheRun;
use super::picture::headers;
use crate::error::ApiError;
use crate::http::state::AppState;
use crate::id::SAMPLE;
use crate::runs::Run;
use crate::store::Store;

/// How long an early request waits for the model to prepare the picture.
const PATIENCE: Duration = Duration::from_secs(10);

/// The picture as the model saw it.
///
/// A live run has it from its first token on; a request that comes before waits for some seconds.
#[utoipa::path(
    get,
    path = "/api/runs/{id}/prepared.png",
    tag = "runs",
    params(("id" = String, Path, description = "The run's name")),
    responses(
        (status = 200, description = "The picture", content_type = "image/png", body = Vec<u8>),
        (status = 404, body = ErrorBody, description = "not_found: no such run, it never came to \
            that, or it shows the model no picture"),
    )
)]
pub async fn prepared(
    State(state): State<AppState>,
    TheRun(run): TheRun,
) -> Result<([(HeaderName, String); 4], Bytes), ApiError> {
    if run.options.picture == PictureUse::None {
        let what = "The model was shown no picture in this run.";
        return Err(ApiError::new(ErrorCode::NotFound, what));
    }
    let png = if run.id.as_str() == SAMPLE {
        state.runs.samples.run_prepared()
    } else if let Some(png) = from_memory(&run).await {
        Some(png)
    } else {
        let id = run.id.clone();
        let read = move |store: &Store| Ok(store.prepared(&id)?.map(|png| (png, ())));
        state.runs.read_file(read).await?.map(|(png, ())| png)
    };
    let png = png.ok_or_else(|| {
        ApiError::new(ErrorCode::NotFound, "The model has not prepared this run's picture (yet).")
    })?;
    Ok((headers("image/png"), png))
}

async fn from_memory(run: &Run) -> Option<Bytes> {
    let mut progress = run.log.watch();
    // Set before the event that wakes this is published, so no wake-up is missed.
    let there = progress.wait_for(|p| p.ended || run.prepared().is_some());
    let _ = tokio::time::timeout(PATIENCE, there).await;
    run.prepared()
}
