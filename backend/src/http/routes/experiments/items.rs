//! `GET /api/experiments/{id}/items`, an item's picture, and the run that shows it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderName;
use serde::Deserialize;
use shared::api::RunState;
use shared::experiment::{ItemRecord, ItemRun};
use shared::sentence::LabError;
use shared::{AskedOptions, ErrorBody, ErrorCode};

use super::extract::TheExperiment;
use crate::assets::picture_type;
use crate::error::ApiError;
use crate::experiments::live::{Asked, Order};
use crate::export::parse_definition;
use crate::fair::Client;
use crate::http::routes::extract::query;
use crate::http::routes::picture::headers;
use crate::http::state::AppState;
use crate::models::catalog::CatalogError;
use crate::runs::Asker;

/// Most items of one answer.
const MOST: usize = 200;
/// Items where nobody says how many.
const USUAL: usize = 24;

/// Which items.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ItemsQuery {
    /// A condition's number; all conditions when left out.
    condition: Option<u32>,
    /// What comes first; `highest` when left out.
    #[serde(default)]
    sort: Order,
    /// `paper` (when left out), `reimplementation`, `forward`, or a `Definition` as JSON.
    #[serde(default)]
    definition: String,
    /// At most so many; 24 when left out, 200 at most.
    limit: Option<usize>,
}

/// The items that are worth a look: the most text-leaning, the most picture-leaning, those that
/// say what the prompt falsely claims, and those left out.
#[utoipa::path(
    get,
    path = "/api/experiments/{id}/items",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's name"), ItemsQuery),
    responses(
        (status = 200, body = Vec<ItemRecord>),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn items(
    State(state): State<AppState>,
    found: TheExperiment,
    asked: Result<Query<ItemsQuery>, QueryRejection>,
) -> Result<Json<Vec<ItemRecord>>, ApiError> {
    let asked = query(asked)?;
    let asked = Asked {
        condition: asked.condition,
        order: asked.sort,
        limit: asked.limit.unwrap_or(USUAL).min(MOST),
        definition: parse_definition(&asked.definition)?,
    };
    Ok(Json(state.live.items(&found.means, found.id(), asked).await?))
}

/// The item that a path names.
fn item(path: Result<Path<(String, u32)>, PathRejection>) -> Result<u32, ApiError> {
    path.map(|Path((_, item))| item)
        .map_err(|_| ApiError::new(ErrorCode::NotFound, LabError::NoItem))
}

/// The picture of an item's sample, as the dataset has it.
#[utoipa::path(
    get,
    path = "/api/experiments/{id}/items/{item}/picture",
    tag = "experiments",
    params(
        ("id" = String, Path, description = "The experiment's name"),
        ("item" = u32, Path, description = "The item's number"),
    ),
    responses(
        (status = 200, description = "The file", content_type = "image/*", body = Vec<u8>),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 422, body = ErrorBody, description = "dataset_unusable, sample_unusable"),
    )
)]
pub async fn item_picture(
    State(state): State<AppState>,
    found: TheExperiment,
    path: Result<Path<(String, u32)>, PathRejection>,
) -> Result<([(HeaderName, String); 4], Bytes), ApiError> {
    let item = item(path)?;
    let (means, experiment) = found.into_parts();
    let read = move || state.live.sample(&means, &experiment, item);
    let sample = tokio::task::spawn_blocking(read).await.map_err(ApiError::internal)??;
    Ok((headers(picture_type(&sample.picture)), sample.picture.into()))
}

/// The run that shows an item: the one that somebody opened before, or a new one.
///
/// The run is an ordinary one, in the lab's line before the experiment's items: the same picture,
/// prompt and options, so the same numbers, with everything that can be seen of them.
#[utoipa::path(
    post,
    path = "/api/experiments/{id}/items/{item}/run",
    tag = "experiments",
    params(
        ("id" = String, Path, description = "The experiment's name"),
        ("item" = u32, Path, description = "The item's number"),
    ),
    responses(
        (status = 200, body = ItemRun),
        (status = 400, body = ErrorBody, description = "what a run's own options and picture may \
            be refused for"),
        (status = 404, body = ErrorBody, description = "not_found, unknown_model"),
        (status = 422, body = ErrorBody, description = "dataset_unusable, sample_unusable"),
        (status = 429, body = ErrorBody, description = "too_many_requests"),
        (status = 503, body = ErrorBody, description = "queue_full, shutting_down"),
    )
)]
pub async fn open_item(
    State(state): State<AppState>,
    client: Client,
    found: TheExperiment,
    path: Result<Path<(String, u32)>, PathRejection>,
) -> Result<Json<ItemRun>, ApiError> {
    let item = item(path)?;
    // A task of its own: a browser that leaves must not leave a run that nobody finds.
    let opened = tokio::spawn(open(state, found, item, client));
    opened.await.map_err(ApiError::internal)?.map(Json)
}

async fn open(
    state: AppState,
    found: TheExperiment,
    item: u32,
    client: Client,
) -> Result<ItemRun, ApiError> {
    let _turn = state.live.opening.lock().await;
    let (means, experiment) = found.into_parts();
    let (book, id) = (means.book.clone(), experiment.start.id.clone());
    let ended = tokio::task::spawn_blocking(move || book.end(&id, item)).await;
    let ended = ended.map_err(ApiError::internal)??;
    if let Some(run) = ended.as_ref().and_then(|ended| ended.run.clone())
        && let Ok(run) = state.runs.find(&run).await
        && shows(run.record().state)
    {
        return Ok(ItemRun { id: run.id.to_string(), owner_token: None });
    }
    let (live, runs) = (state.live.clone(), state.runs.clone());
    let (wanted, reading) = (experiment.clone(), means.clone());
    let read = move || live.sample(&reading, &wanted, item);
    let sample = tokio::task::spawn_blocking(read).await.map_err(ApiError::internal)??;
    let condition = experiment.start.grid.item(item).map(|(condition, _)| condition);
    let asked = condition.map_or_else(AskedOptions::default, |condition| {
        experiment.start.asked(condition, &sample.reference)
    });
    // Whoever started the experiment may have named a model by its path; its items may be opened, but
    // the path is the machine's own and is not told.
    let source = means.catalog.resolve(&asked.model);
    let source = source.map_err(|error| match error {
        CatalogError::NotUnpacked(_) => error.into(),
        gone => ApiError::new(gone.code(), LabError::ItemModelGone),
    })?;
    let files = std::iter::once(sample.picture).chain(sample.more);
    let pictures = files.map(Into::into).collect();
    let created = runs.submit_with(source, pictures, asked, Asker::of(client)).await?;
    let (book, id, run) = (means.book, experiment.start.id, created.id.clone());
    let noted = tokio::task::spawn_blocking(move || book.note_run(&id, item, &run)).await;
    noted.map_err(ApiError::internal)??;
    Ok(ItemRun { id: created.id, owner_token: Some(created.owner_token) })
}

/// Whether a run shows what it is to show, or will.
fn shows(state: RunState) -> bool {
    !matches!(state, RunState::Failed | RunState::Cancelled)
}
