//! `GET /api/experiments`: the experiments there are, for those who may know.

use axum::Json;
use axum::extract::State;
use shared::ErrorBody;
use shared::experiment::{ExperimentList, ExperimentProgress};

use super::extract::Workshop;
use crate::error::ApiError;
use crate::experiments::status;
use crate::fair::Client;
use crate::http::routes::models::is_allowed;
use crate::http::state::AppState;

/// Most experiments that are listed.
const MOST: u32 = 100;

/// The experiments of this lab, the newest first; at most 100.
///
/// A name is all it takes to read an experiment, so strangers are told none: the list is for
/// requests from the lab's own machine, to a lab that listens on it alone, and for everybody where
/// the lab was started with `--share-experiments`.
#[utoipa::path(
    get,
    path = "/api/experiments",
    tag = "experiments",
    responses(
        (status = 200, body = ExperimentList),
        (status = 404, body = ErrorBody, description = "not_found: no experiments here"),
    )
)]
pub async fn experiments(
    State(state): State<AppState>,
    Workshop(means): Workshop,
    client: Client,
) -> Result<Json<ExperimentList>, ApiError> {
    if !is_allowed(state.listed, &client) {
        return Ok(Json(ExperimentList::default()));
    }
    let read = move || {
        let mut experiments = Vec::new();
        for experiment in means.book.list(MOST)? {
            let progress = means.book.progress(&experiment.start.id)?;
            experiments.push(ExperimentProgress::from(&status(&experiment, &progress)));
        }
        let damaged = means.book.damaged()?;
        Ok(Json(ExperimentList { shown: true, experiments, damaged }))
    };
    tokio::task::spawn_blocking(read).await.map_err(ApiError::internal)?
}
