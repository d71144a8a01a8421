//! What an experiment's owner can do with it: pause, resume, cancel, delete.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use shared::ErrorBody;
use shared::experiment::{ExperimentProgress, ExperimentState};
use shared::sentence::LabError;

use super::extract::OwnExperiment;
use crate::error::ApiError;
use crate::experiments::live::{no_experiment, read_status};
use crate::http::state::AppState;
use crate::store::StoreError;

async fn set(
    OwnExperiment(found): OwnExperiment,
    wanted: ExperimentState,
) -> Result<Json<ExperimentProgress>, ApiError> {
    let (means, id) = (found.means.clone(), found.id().clone());
    let set = move || {
        let set = means.book.set_state(&id, wanted, None).map_err(unchanged)?;
        set.ok_or_else(no_experiment)?;
        if wanted == ExperimentState::Running {
            means.items.offer(&id)?;
        }
        Ok(Json(ExperimentProgress::from(&read_status(&means, &id)?)))
    };
    tokio::task::spawn_blocking(set).await.map_err(ApiError::internal)?
}

fn unchanged(error: StoreError) -> ApiError {
    match error {
        StoreError::Full => ApiError::full(LabError::ExperimentUnchanged),
        other => other.into(),
    }
}

/// Pauses an experiment: items at work are finished, no others are taken.
///
/// One that is done or cancelled stays so, as the answer says.
#[utoipa::path(
    post,
    path = "/api/experiments/{id}/pause",
    tag = "experiments",
    params(
        ("id" = String, Path, description = "The experiment's name"),
        ("Authorization" = String, Header, description = "`Bearer` and the owner's token"),
    ),
    responses(
        (status = 200, body = ExperimentProgress),
        (status = 403, body = ErrorBody, description = "not_owner"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 507, body = ErrorBody, description = "storage_full"),
    )
)]
pub async fn pause_experiment(own: OwnExperiment) -> Result<Json<ExperimentProgress>, ApiError> {
    set(own, ExperimentState::Paused).await
}

/// Goes on with an experiment that was paused, by its owner or by the lab.
#[utoipa::path(
    post,
    path = "/api/experiments/{id}/resume",
    tag = "experiments",
    params(
        ("id" = String, Path, description = "The experiment's name"),
        ("Authorization" = String, Header, description = "`Bearer` and the owner's token"),
    ),
    responses(
        (status = 200, body = ExperimentProgress),
        (status = 403, body = ErrorBody, description = "not_owner"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 503, body = ErrorBody, description = "queue_full: as many run as may"),
        (status = 507, body = ErrorBody, description = "storage_full"),
    )
)]
pub async fn resume_experiment(
    State(state): State<AppState>,
    own: OwnExperiment,
) -> Result<Json<ExperimentProgress>, ApiError> {
    let (means, id, fair) = (own.0.means.clone(), own.0.id().clone(), state.runs.fair.clone());
    let room = move || {
        // A paused one holds no place, so it needs one to go on.
        if means.book.state(&id)? == Some(ExperimentState::Paused) {
            let (running, _) = means.book.unfinished("")?;
            fair.experiment(running, 0)?;
        }
        Ok::<_, ApiError>(())
    };
    tokio::task::spawn_blocking(room).await.map_err(ApiError::internal)??;
    set(own, ExperimentState::Running).await
}

/// Stops an experiment for good. What was measured is kept.
#[utoipa::path(
    post,
    path = "/api/experiments/{id}/cancel",
    tag = "experiments",
    params(
        ("id" = String, Path, description = "The experiment's name"),
        ("Authorization" = String, Header, description = "`Bearer` and the owner's token"),
    ),
    responses(
        (status = 200, body = ExperimentProgress),
        (status = 403, body = ErrorBody, description = "not_owner"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 507, body = ErrorBody, description = "storage_full"),
    )
)]
pub async fn cancel_experiment(own: OwnExperiment) -> Result<Json<ExperimentProgress>, ApiError> {
    set(own, ExperimentState::Cancelled).await
}

/// Deletes an experiment with everything it left, stopping it first. Runs that were opened from
/// it stay.
#[utoipa::path(
    delete,
    path = "/api/experiments/{id}",
    tag = "experiments",
    params(
        ("id" = String, Path, description = "The experiment's name"),
        ("Authorization" = String, Header, description = "`Bearer` and the owner's token"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 403, body = ErrorBody, description = "not_owner"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 507, body = ErrorBody, description = "storage_full"),
    )
)]
pub async fn delete_experiment(
    State(state): State<AppState>,
    OwnExperiment(found): OwnExperiment,
) -> Result<StatusCode, ApiError> {
    let (book, id) = (found.means.book.clone(), found.id().clone());
    let deleted = id.clone();
    let gone = tokio::task::spawn_blocking(move || book.delete(&deleted)).await;
    gone.map_err(ApiError::internal)?.map_err(unchanged)?;
    state.live.forget(&id);
    tracing::info!(experiment = id.short(), "experiment deleted");
    Ok(StatusCode::NO_CONTENT)
}
