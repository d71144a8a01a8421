//! `GET /metrics`: counters for Prometheus.

use axum::extract::State;
use axum::http::{HeaderName, header};

use crate::app::AppState;
use crate::metrics::Gauges;

/// Counters, in Prometheus' text form.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "lab",
    responses((status = 200, body = String, content_type = "text/plain"))
)]
pub async fn metrics(State(state): State<AppState>) -> ([(HeaderName, &'static str); 1], String) {
    let lobby = &state.lobby;
    let model = lobby.model_state.borrow().clone();
    let gauges =
        Gauges { queued: lobby.queue.len(), models: model.loaded.len(), running: model.running };
    let kind = (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    ([kind], lobby.metrics.render(gauges))
}
