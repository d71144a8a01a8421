//! `GET /metrics`: counters for Prometheus.

use axum::extract::State;
use axum::http::{HeaderName, header};

use crate::error::ApiError;
use crate::http::state::AppState;
use crate::metrics::{CONTENT_TYPE, Gauges};

/// Counters, in Prometheus' text form.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "lab",
    responses((status = 200, body = String, content_type = "text/plain"))
)]
pub async fn metrics(
    State(state): State<AppState>,
) -> Result<([(HeaderName, &'static str); 1], String), ApiError> {
    let runs = state.runs;
    let running = runs.devices().iter().filter(|(_, device)| device.running).count();
    let gauges = Gauges { queued: runs.queue.len(), models: runs.loaded().len(), running };
    let render = move || runs.metrics.render(gauges, runs.store.folder());
    let text = tokio::task::spawn_blocking(render).await.map_err(ApiError::internal)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
}
