//! `GET /api/experiments/{id}` and `…/tables`: where an experiment stands, and what came out.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderName, header};
use serde::Deserialize;
use shared::ErrorBody;
use shared::experiment::ExperimentStatus;
use shared::experiment::tables::Tables;

use super::extract::TheExperiment;
use crate::error::ApiError;
use crate::experiments::status;
use crate::export::parse_definition;
use crate::http::routes::extract::query;
use crate::http::state::AppState;

/// Under which definition.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TablesQuery {
    /// `paper` (when left out), `reimplementation`, `forward`, or a `Definition` as JSON.
    #[serde(default)]
    pub(super) definition: String,
}

/// Where an experiment stands, with its spec and its grid.
#[utoipa::path(
    get,
    path = "/api/experiments/{id}",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's name")),
    responses(
        (status = 200, body = ExperimentStatus),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn experiment(found: TheExperiment) -> Result<Json<ExperimentStatus>, ApiError> {
    let (means, experiment) = found.into_parts();
    let read = move || {
        let progress = means.book.progress(&experiment.start.id)?;
        Ok(Json(status(&experiment, &progress)))
    };
    tokio::task::spawn_blocking(read).await.map_err(ApiError::internal)?
}

/// The tables of what has been measured so far, every number with its interval.
///
/// While the experiment runs they are at most half a second old, or as old as it takes to compute
/// them.
#[utoipa::path(
    get,
    path = "/api/experiments/{id}/tables",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's name"), TablesQuery),
    responses(
        (status = 200, body = Tables),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn tables(
    State(state): State<AppState>,
    found: TheExperiment,
    asked: Result<Query<TablesQuery>, QueryRejection>,
) -> Result<([(HeaderName, &'static str); 1], Bytes), ApiError> {
    let definition = parse_definition(&query(asked)?.definition)?;
    let shown = state.live.tables(&found.means, found.id(), definition).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], shown.json))
}
