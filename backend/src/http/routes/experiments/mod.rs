//! `/api/experiments`: many samples, started, watched and read over HTTP.
//!
//! As with runs, an experiment's name is all it takes to read it, and its owner's token is what it
//! takes to pause, cancel and delete it.

mod act;
mod create;
mod events;
mod export;
mod extract;
mod items;
mod list;
mod read;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::state::AppState;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::experiments, create::create_experiment))
        .routes(routes!(read::experiment, act::delete_experiment))
        .routes(routes!(read::tables))
        .routes(routes!(items::items))
        .routes(routes!(items::item_picture))
        .routes(routes!(items::open_item))
        .routes(routes!(act::pause_experiment))
        .routes(routes!(act::resume_experiment))
        .routes(routes!(act::cancel_experiment))
        .routes(routes!(events::experiment_events))
        .routes(routes!(export::experiment_json))
        .routes(routes!(export::experiment_jsonl))
        .routes(routes!(export::experiment_md))
        .routes(routes!(export::experiment_tex))
        .routes(routes!(export::experiment_csv))
        .routes(routes!(export::experiment_plot))
}
