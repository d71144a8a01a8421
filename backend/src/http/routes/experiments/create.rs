//! `POST /api/experiments`: starts an experiment.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use shared::experiment::{ExperimentCreated, ExperimentSpec};
use shared::sentence::LabError;
use shared::{ErrorBody, ErrorCode};

use super::extract::Workshop;
use crate::error::ApiError;
use crate::experiments::{Means, Reach, could_fit, plan};
use crate::fair::{Client, Fair};
use crate::http::routes::extract::json_body;
use crate::http::state::AppState;
use crate::store::StoreError;

/// Most bytes of a spec.
const MAX_SPEC: usize = 64 << 10;
/// Most items of an experiment that is asked for over the network.
const MAX_ITEMS: u64 = 20_000;
/// Most conditions of one.
const MAX_CONDITIONS: u64 = 400;

/// Starts an experiment.
///
/// Answers once it is durable. Models and datasets are named as the lab knows them; files of the
/// lab's machine are for its command line.
#[utoipa::path(
    post,
    path = "/api/experiments",
    tag = "experiments",
    request_body(content = ExperimentSpec, description = "At most 64 KiB"),
    responses(
        (status = 202, body = ExperimentCreated, headers(
            ("Location" = String, description = "The experiment"),
        )),
        (status = 400, body = ErrorBody, description = "bad_request, bad_option"),
        (status = 404, body = ErrorBody, description = "unknown_model, not_found: no such dataset, \
            or no experiments here"),
        (status = 413, body = ErrorBody, description = "body_too_large"),
        (status = 415, body = ErrorBody, description = "wrong_content_type"),
        (status = 422, body = ErrorBody, description = "dataset_unusable"),
        (status = 429, body = ErrorBody, description = "too_many_requests: too many of the client's are \
            unfinished"),
        (status = 503, body = ErrorBody, description = "queue_full: too many are unfinished"),
        (status = 507, body = ErrorBody, description = "storage_full"),
    )
)]
pub async fn create_experiment(
    State(state): State<AppState>,
    client: Client,
    Workshop(means): Workshop,
    request: Request,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<ExperimentCreated>), ApiError> {
    let too_large = LabError::ExperimentTooLarge { kib: (MAX_SPEC >> 10) as u64 };
    let bytes = json_body(request, MAX_SPEC, too_large).await?;
    let spec = parse(&bytes)?;
    check(&spec)?;
    // One at a time: the bound on unfinished ones holds, and planning takes one core at most.
    let (live, fair) = (state.live.clone(), state.runs.fair.clone());
    let created = tokio::spawn(async move {
        let _turn = live.creating.lock().await;
        tokio::task::spawn_blocking(move || create(&means, &fair, client, spec)).await
    });
    let created = created.await.map_err(ApiError::internal)?.map_err(ApiError::internal)??;
    tracing::info!(experiment = &created.id[..8], "experiment started");
    let location = [(header::LOCATION, format!("/api/experiments/{}", created.id))];
    Ok((StatusCode::ACCEPTED, location, Json(created)))
}

fn parse(bytes: &[u8]) -> Result<ExperimentSpec, ApiError> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| {
        ApiError::new(ErrorCode::BadRequest, LabError::ExperimentNotJson { why: error.to_string() })
    })?;
    // Serde would take a list for an object's values in order.
    if !value.is_object() {
        return Err(ApiError::new(ErrorCode::BadOption, LabError::ExperimentNoObject));
    }
    serde_json::from_value(value).map_err(|error| {
        let why = error.to_string();
        ApiError::new(ErrorCode::BadOption, LabError::ExperimentUnusable { why })
    })
}

/// Checks the size before anything is made of it.
fn check(spec: &ExperimentSpec) -> Result<(), ApiError> {
    let lists = [
        spec.models.len(),
        spec.quants.len().max(1),
        spec.templates.len(),
        spec.max_pixels.len(),
        match spec.one_at_a_time {
            true => (spec.prune.len() + spec.replicate.len()).saturating_sub(1),
            false => spec.prune.len() * spec.replicate.len(),
        },
    ];
    let conditions = lists.iter().fold(1_u64, |all, n| all.saturating_mul(*n as u64));
    if conditions > MAX_CONDITIONS {
        let many = LabError::TooManyConditions { n: conditions, most: MAX_CONDITIONS };
        return Err(ApiError::new(ErrorCode::BadOption, many));
    }
    check_items(conditions * u64::from(spec.samples))
}

fn check_items(items: u64) -> Result<(), ApiError> {
    if items <= MAX_ITEMS {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::BadOption, LabError::TooManyItems { n: items, most: MAX_ITEMS }))
}

fn create(
    means: &Means,
    fair: &Fair,
    client: Client,
    spec: ExperimentSpec,
) -> Result<ExperimentCreated, ApiError> {
    let network = client.to_string();
    // Refused before the dataset is read, and asked again once nobody else is starting one.
    let room = || {
        let (running, own) = means.book.unfinished(&network)?;
        fair.experiment(running, own)
    };
    room()?;
    let (new, token) = plan(spec, &means.catalog, &means.shelves, Reach::Remote)?;
    // Asked for all samples there are, it is known only now how many.
    check_items(u64::from(new.grid.items()))?;
    could_fit(&new.grid, &means.catalog, &*means.lab)?;
    let _starting = fair.starting();
    room()?;
    let kept = means.book.create(&new).and_then(|()| means.items.offer(&new.id));
    kept.map_err(|error| match error {
        StoreError::Full => ApiError::full(LabError::ExperimentNotStarted),
        other => other.into(),
    })?;
    // It is there, and its owner must have the token; without this it is only nobody's in the count.
    if let Err(error) = means.book.note_asker(&new.id, &network) {
        tracing::warn!(%error, "who asked for an experiment is not kept");
    }
    Ok(ExperimentCreated { id: new.id.to_string(), owner_token: token.reveal() })
}
