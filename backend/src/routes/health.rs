//! `GET /healthz`: whether the lab is well.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use crate::app::AppState;

/// How the lab is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Health {
    /// `ok`, or `model thread ended`.
    status: &'static str,
    /// What the model thread does: `idle`, `loading`, `running` or `ended`.
    model: &'static str,
    /// Models in memory, as `name/quantization`.
    loaded: Vec<String>,
    /// Runs waiting.
    queued: usize,
}

/// Whether the lab is well.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "lab",
    responses(
        (status = 200, body = Health),
        (status = 503, body = Health, description = "No run can be taken"),
    )
)]
pub async fn health(State(state): State<AppState>) -> (StatusCode, Json<Health>) {
    let model = state.lobby.model_state.borrow().clone();
    let doing = match (model.alive, model.loading, model.running) {
        (false, ..) => "ended",
        (_, true, _) => "loading",
        (_, _, true) => "running",
        _ => "idle",
    };
    let (code, status) = match model.alive {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "model thread ended"),
    };
    let loaded = model.loaded.iter().map(|(name, q)| format!("{name}/{}", q.name())).collect();
    let queued = state.lobby.queue.len();
    (code, Json(Health { status, model: doing, loaded, queued }))
}
