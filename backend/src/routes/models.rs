//! `GET /api/models`, `POST` and `DELETE /api/models/{name}/pull`: which models there are, and
//! bringing one here.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use shared::api::{ModelEntry, ModelState, Pull, PullState};
use shared::{ErrorBody, ErrorCode};

use crate::app::AppState;
use crate::catalog::{Catalog, Known};
use crate::error::ApiError;
use crate::pulls::Allowed;
use crate::registry::{Entry, Origin};

/// The models the lab knows: those that are here, and those that can be.
///
/// While `state` is `pulling`, `pull` says how far it is; ask again.
#[utoipa::path(
    get,
    path = "/api/models",
    tag = "lab",
    responses((status = 200, body = Vec<ModelEntry>))
)]
pub async fn models(State(state): State<AppState>, headers: HeaderMap) -> Json<Vec<ModelEntry>> {
    let catalog = &state.lobby.catalog;
    let default = catalog.default_model().map(|m| m.name.as_str());
    let loaded = state.lobby.model_state.borrow().loaded.clone();
    let may_pull = is_allowed(state.pulls.allowed, &headers);
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
        let title = m.source.as_ref().map(|s| s.title.clone());
        let traits = m.source.as_ref().map(|s| catalog.known_model(s).traits).unwrap_or_default();
        ModelEntry {
            title: title.or(m.entry.map(|e| e.title.clone())).unwrap_or_default(),
            default: default == Some(m.name),
            loaded: loaded.iter().any(|(name, _)| *name == m.name),
            quants: Catalog::QUANTS.to_vec(),
            default_quant: m.source.as_ref().map_or_else(quant, |s| s.default_quant()),
            one_size: traits.one_size,
            least_pixels: traits.pixels.map(|p| p.0),
            most_pixels: traits.pixels.map(|p| p.1),
            picture_tokens: traits.tokens,
            speed: state.lobby.speed(m.name),
            templates: m.source.as_ref().map(|s| catalog.templates(s)).unwrap_or_default(),
            state: model_state,
            licence: m.entry.and_then(|e| e.licence.clone()),
            memory: m.entry.map(Entry::memory).unwrap_or_default(),
            download: m.entry.and_then(|e| e.download),
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
    headers: HeaderMap,
) -> Result<(StatusCode, Json<Pull>), ApiError> {
    let name = named(name)?;
    allowed(&state, &headers)?;
    let catalog = &state.lobby.catalog;
    let origin = catalog.entry(&name).map(|e| e.origin.clone());
    let (Some(Origin::Hub(repository, wanted)), Some(hub)) = (origin, catalog.hub()) else {
        return Err(unknown());
    };
    let pull = state.pulls.start(&name, hub.clone(), repository, wanted)?;
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
        (status = 403, body = ErrorBody, description = "pull_not_allowed"),
        (status = 404, body = ErrorBody, description = "not_found: it is not being pulled"),
    )
)]
pub async fn stop_pull(
    State(state): State<AppState>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let name = named(name)?;
    allowed(&state, &headers)?;
    match state.pulls.stop(&name) {
        true => Ok(StatusCode::ACCEPTED),
        false => Err(ApiError::new(ErrorCode::NotFound, "This model is not being pulled.")),
    }
}

fn named(name: Result<Path<String>, PathRejection>) -> Result<String, ApiError> {
    name.map(|Path(name)| name).map_err(|_| unknown())
}

fn unknown() -> ApiError {
    ApiError::new(ErrorCode::UnknownModel, "There is no model of that name to pull.")
}

fn allowed(state: &AppState, headers: &HeaderMap) -> Result<(), ApiError> {
    if is_allowed(state.pulls.allowed, headers) {
        return Ok(());
    }
    let message = "This lab pulls no models on request: use `langoverrule models pull` on its \
        machine, or start it with --allow-pull.";
    Err(ApiError::new(ErrorCode::PullNotAllowed, message))
}

/// Whether a request is one of those that are allowed.
pub(super) fn is_allowed(allowed: Allowed, headers: &HeaderMap) -> bool {
    match allowed {
        Allowed::Nobody => false,
        Allowed::Everybody => true,
        Allowed::Local => is_local(headers),
    }
}

/// Whether a request was made to this machine's own name and passed on by no proxy: a proxy, or
/// a website whose name was made to lead here, is how strangers reach a lab that listens on this
/// machine alone.
pub(super) fn is_local(headers: &HeaderMap) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "x-forwarded-host", "via"];
    if forwarded.iter().any(|name| headers.contains_key(*name)) {
        return false;
    }
    let Some(host) = headers.get(header::HOST).and_then(|v| v.to_str().ok()) else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let address: Option<std::net::IpAddr> = name.parse().ok();
    name.eq_ignore_ascii_case("localhost") || address.is_some_and(|a| a.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn local_is_what_comes_to_this_machines_own_name() {
        let local = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs
                .iter()
                .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)));
            is_local(&pairs.collect())
        };
        for host in ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "127.0.0.2"] {
            assert!(local(&[("host", host)]), "{host}");
        }
        for host in ["lab.example", "192.168.1.5:8080", "127.0.0.1.evil.example", "", "[::2]"] {
            assert!(!local(&[("host", host)]), "{host}");
        }
        assert!(!local(&[]));
        assert!(!local(&[("host", "localhost"), ("x-forwarded-for", "1.2.3.4")]));
    }
}
