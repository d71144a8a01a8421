//! The HTTP interface: a file for each route, with its handler and how its errors are mapped.

pub mod cancel;
pub mod classroom;
pub mod create_run;
pub mod delete_run;
pub mod drawn;
pub mod events;
pub mod experiments;
pub mod export;
mod extract;
pub mod get_run;
pub mod heads;
pub mod health;
pub mod label_run;
pub mod metrics;
pub mod models;
pub mod openapi;
mod packed;
pub mod page;
pub mod picture;
pub mod prepared;
mod preview;
pub mod samples;
mod socket;

use axum::Router;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::state::AppState;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "LangOverrule Lab",
        description = "Runs a picture and a prompt through a vision-language model and shows, \
            layer by layer, how much attention goes to the words and how much to the picture. \
            Every error is an `ErrorBody` with a stable `code`."
    ),
    components(schemas(
        shared::api::ServerMessage,
        shared::api::ViewerMessage,
        shared::classroom::ClassMessage,
        shared::classroom::ClassRequest,
        shared::RunOptions,
        shared::Definition,
        shared::experiment::ExperimentProgress
    ))
)]
struct Document;

/// The routes of the API and the document that describes them, made from the same list.
pub fn api() -> (Router<AppState>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(create_run::create_run))
        .routes(routes!(get_run::get_run, label_run::label_run, delete_run::delete_run))
        .routes(routes!(events::events))
        .routes(routes!(picture::picture))
        .routes(routes!(prepared::prepared))
        .routes(routes!(heads::heads))
        .routes(routes!(export::export_json))
        .routes(routes!(export::export_csv))
        .routes(routes!(drawn::export_svg))
        .routes(routes!(drawn::export_png))
        .routes(routes!(drawn::card_svg))
        .routes(routes!(drawn::card_png))
        .routes(routes!(cancel::cancel))
        .merge(experiments::routes())
        .merge(classroom::routes())
        .routes(routes!(models::models))
        .routes(routes!(models::pull, models::stop_pull))
        .routes(routes!(samples::samples))
        .routes(routes!(samples::sample))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
        .routes(routes!(openapi::openapi))
        .split_for_parts()
}
