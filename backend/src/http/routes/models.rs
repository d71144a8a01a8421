//! `GET /api/models`, `POST` and `DELETE /api/models/{name}/pull`: which models there are, and
//! bringing one here.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use shared::api::{ModelEntry, ModelState, Pull, PullState};
use shared::sentence::LabError;
use shared::{ErrorBody, ErrorCode};

use crate::error::ApiError;
use crate::fair::Client;
use crate::http::state::AppState;
use crate::models::catalog::{Catalog, Known};
use crate::models::pulls::Allowed;
use crate::models::registry::{Entry, Origin};

/// The models the lab knows: those that are here, and those that can be.
///
/// While `state` is `pulling`, `pull` says how far it is; ask again.
#[utoipa::path(
    get,
    path = "/api/models",
    tag = "lab",
    responses((status = 200, body = Vec<ModelEntry>))
)]
pub async fn models(State(state): State<AppState>, client: Client) -> Json<Vec<ModelEntry>> {
    let catalog = &state.runs.catalog;
    if !catalog.all_missing().is_empty() {
        let runs = state.runs.clone();
        // What it comes to is asked below.
        let _ = tokio::task::spawn_blocking(move || runs.catalog.look_again()).await;
    }
    let default = catalog.default_model().map(|m| m.name.as_str());
    let loaded = state.runs.loaded();
    let may_pull = is_allowed(state.pulls.allowed, &client);
    let entry = |m: Known| {
        let pull = state.pulls.of(m.name);
        let pulling = pull.as_ref().is_some_and(|p| p.state == PullState::Pulling);
        let model_state = match (&m.source, pulling) {
            (_, true) => ModelState::Pulling,
            (Some(_), _) => ModelState::Ready,
            (None, _) => ModelState::Absent,
        };
        let quant = || m.entry.and_then(|e| e.quant).unwrap_or_default();
        let on_hub = m.entry.is_some_and(|e| matches!(e.origin, Origin::Hub(..)));
        let titled = m.source.as_ref().map(|s| (s.title.clone(), s.ko.clone()));
        let titled = titled.or(m.entry.map(|e| (e.title.clone(), e.ko.clone())));
        let (title, ko) = titled.unwrap_or_default();
        let known = m.source.as_ref().map(|s| catalog.known_model(s)).unwrap_or_default();
        let traits = known.traits;
        // A template that the registry names is taken instead of a refused one.
        let named = known.defaults.template.is_some();
        let refused = traits.template_refused.filter(|_| !named);
        ModelEntry {
            title,
            ko,
            default: default == Some(m.name),
            loaded: loaded.iter().any(|(name, _)| *name == m.name),
            demo: m.entry.is_some_and(|e| matches!(e.origin, Origin::Shipped)),
            quants: Catalog::QUANTS.to_vec(),
            default_quant: m.source.as_ref().map_or_else(quant, |s| s.default_quant()),
            one_size: traits.one_size,
            least_pixels: traits.pixels.map(|p| p.0),
            most_pixels: traits.pixels.map(|p| p.1),
            picture_tokens: traits.tokens,
            speeds: state.runs.speeds(m.name),
            templates: m.source.as_ref().map(|s| catalog.templates(s)).unwrap_or_default(),
            template_sentence: refused.as_ref().and_then(|why| why.sentence.clone()),
            template_refused: refused.map(|why| why.text),
            fit: traits.fit,
            resize: m.source.as_ref().map(|_| traits.resize),
            state: model_state,
            licence: m.entry.and_then(|e| e.licence.clone()),
            memory: m.entry.map(Entry::memory).unwrap_or_default(),
            download: m.entry.and_then(|e| e.download),
            answer_ms: m.entry.and_then(|e| e.answer_ms),
            unavailable: m.missing,
            may_pull: may_pull && on_hub && model_state != ModelState::Ready,
            pull,
            name: m.name.to_owned(),
        }
    };
    Json(catalog.known().into_iter().map(entry).collect())
}

/// Pulls a model of the registry from the hub, one at a time.
///
/// What a stopped or failed pull left is continued. `GET /api/models` says how far it is.
#[utoipa::path(
    post,
    path = "/api/models/{name}/pull",
    tag = "lab",
    params(("name" = String, Path, description = "The model's name")),
    responses(
        (status = 202, body = Pull, description = "It is being pulled"),
        (status = 403, body = ErrorBody, description = "pull_not_allowed"),
        (status = 404, body = ErrorBody, description = "unknown_model"),
        (status = 409, body = ErrorBody, description = "pull_busy"),
    )
)]
pub async fn pull(
    State(state): State<AppState>,
    name: Result<Path<String>, PathRejection>,
    client: Client,
) -> Result<(StatusCode, Json<Pull>), ApiError> {
    let name = named(name)?;
    allowed(&state, &client)?;
    let catalog = &state.runs.catalog;
    let origin = catalog.entry(&name).map(|e| e.origin.clone());
    let (Some(Origin::Hub(repository, wanted)), Some(hub)) = (origin, catalog.hub()) else {
        return Err(unknown());
    };
    let pull = state.pulls.start(&name, client, hub.clone(), repository, wanted)?;
    Ok((StatusCode::ACCEPTED, Json(pull)))
}

/// Stops a model's pull; what came is kept.
#[utoipa::path(
    delete,
    path = "/api/models/{name}/pull",
    tag = "lab",
    params(("name" = String, Path, description = "The model's name")),
    responses(
        (status = 202, description = "It stops within moments"),
        (status = 403, body = ErrorBody, description = "pull_not_allowed, not_owner: another asked for it"),
        (status = 404, body = ErrorBody, description = "not_found: it is not being pulled"),
    )
)]
pub async fn stop_pull(
    State(state): State<AppState>,
    name: Result<Path<String>, PathRejection>,
    client: Client,
) -> Result<StatusCode, ApiError> {
    let name = named(name)?;
    allowed(&state, &client)?;
    state.pulls.stop(&name, client)?;
    Ok(StatusCode::ACCEPTED)
}

fn named(name: Result<Path<String>, PathRejection>) -> Result<String, ApiError> {
    name.map(|Path(name)| name).map_err(|_| unknown())
}

fn unknown() -> ApiError {
    ApiError::new(ErrorCode::UnknownModel, LabError::NoModelToPull)
}

fn allowed(state: &AppState, client: &Client) -> Result<(), ApiError> {
    if is_allowed(state.pulls.allowed, client) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::PullNotAllowed, LabError::PullNotAllowed))
}

/// Whether a client is one of those that are allowed.
pub(super) fn is_allowed(allowed: Allowed, client: &Client) -> bool {
    match allowed {
        Allowed::Nobody => false,
        Allowed::Everybody => true,
        Allowed::Local => client.is_local(),
    }
}
