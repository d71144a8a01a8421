//! `GET /api/models`: which models there are.

use axum::Json;
use axum::extract::State;
use shared::api::ModelEntry;

use crate::app::AppState;
use crate::catalog::Catalog;

/// The models the lab can run.
#[utoipa::path(
    get,
    path = "/api/models",
    tag = "lab",
    responses((status = 200, body = Vec<ModelEntry>))
)]
pub async fn models(State(state): State<AppState>) -> Json<Vec<ModelEntry>> {
    let catalog = &state.lobby.catalog;
    let default = catalog.default_model().map(|m| m.name.as_str());
    let loaded = state.lobby.model_state.borrow().loaded.clone();
    let entry = |m: &crate::catalog::Source| ModelEntry {
        name: m.name.clone(),
        title: m.title.clone(),
        default: default == Some(m.name.as_str()),
        loaded: loaded.iter().any(|(name, _)| *name == m.name),
        quants: Catalog::QUANTS.to_vec(),
        default_quant: m.default_quant(),
    };
    Json(catalog.models().iter().map(entry).collect())
}
