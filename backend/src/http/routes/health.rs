//! `GET /healthz` and `GET /readyz`: whether the lab is well, and whether it takes work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use crate::http::state::AppState;
use crate::workers::{Key, WorkerState};

/// How the lab is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Health {
    /// `ok`; `degraded` where something of it does not work; `model thread ended`.
    status: &'static str,
    /// What does not work and what to do, a sentence each.
    problems: Vec<String>,
    /// Whether a run is taken now.
    ready: bool,
    /// What the devices do, all together: `idle`, `loading`, `running` or `ended`.
    model: &'static str,
    /// Models in memory, as `name/quantization`.
    loaded: Vec<String>,
    /// Each device by itself.
    devices: Vec<DeviceHealth>,
    /// Runs waiting.
    queued: usize,
}

/// How a device is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DeviceHealth {
    /// What it is called, as `cuda:0`.
    name: String,
    /// What it does: `idle`, `loading`, `running` or `ended`.
    does: &'static str,
    /// Models in its memory, as `name/quantization`.
    loaded: Vec<String>,
}

/// What one or several devices do, in a word.
fn doing<'s>(states: impl Iterator<Item = &'s WorkerState> + Clone) -> &'static str {
    let any = |what: fn(&WorkerState) -> bool| states.clone().any(what);
    match (any(|s| s.alive), any(|s| s.loading), any(|s| s.running)) {
        (false, ..) => "ended",
        (_, true, _) => "loading",
        (_, _, true) => "running",
        _ => "idle",
    }
}

fn named(models: &[Key]) -> Vec<String> {
    models.iter().map(|(name, quant)| format!("{name}/{}", quant.name())).collect()
}

async fn look(state: &AppState) -> Health {
    let runs = &state.runs;
    runs.store.look_for_space().await;
    let models = runs.models_state().await;
    let devices = runs.devices();
    let alive = devices.iter().any(|(_, state)| state.alive);
    let full = runs.store.space().is_full();
    let mut problems = state.problems.to_vec();
    if !alive {
        problems.push("The thread of the models has ended: restart the lab.".to_owned());
    } else {
        let ended = devices.iter().filter(|(_, state)| !state.alive);
        problems.extend(ended.map(|(name, _)| {
            format!(
                "The thread of {name} has ended: nothing runs there any more, and the other devices \
                 go on; restart the lab."
            )
        }));
    }
    if full {
        problems.push(
            "The data folder has no space left: what is kept is shown and can be deleted, and no new \
             work is taken until there is space."
                .to_owned(),
        );
    }
    if let Some(name) = runs.store.loading().died_of() {
        problems.push(format!(
            "The lab was killed while it was loading {name}: that model is loaded again once it is \
             asked for, and not before."
        ));
    }
    problems.extend(models.problems.into_iter().map(|problem| problem.text));
    let status = match (alive, problems.is_empty()) {
        (false, _) => "model thread ended",
        (true, false) => "degraded",
        (true, true) => "ok",
    };
    Health {
        status,
        problems,
        ready: alive && !full && models.any && !runs.is_closing(),
        model: doing(devices.iter().map(|(_, state)| state)),
        loaded: named(&runs.loaded()),
        devices: devices
            .into_iter()
            .map(|(name, state)| DeviceHealth {
                name,
                does: doing(std::iter::once(&state)),
                loaded: named(&state.loaded),
            })
            .collect(),
        queued: runs.queue.len(),
    }
}

/// Whether the lab is well.
///
/// 200 as long as it shows what it keeps; `degraded` where something else of it does not work. A lab
/// that answers 503 is to be restarted.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "lab",
    responses(
        (status = 200, body = Health),
        (status = 503, body = Health, description = "No run can be taken until it is restarted"),
    )
)]
pub async fn health(State(state): State<AppState>) -> (StatusCode, Json<Health>) {
    let health = look(&state).await;
    let code = match health.model {
        "ended" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    (code, Json(health))
}

/// Whether the lab takes runs now: a lab that answers 503 is to be sent none, and asked again.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "lab",
    responses(
        (status = 200, body = Health),
        (status = 503, body = Health, description = "Full, closing, without a model that can run, or its model thread has ended"),
    )
)]
pub async fn ready(State(state): State<AppState>) -> (StatusCode, Json<Health>) {
    let health = look(&state).await;
    let code = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(health))
}
