//! The HTTP interface: a file for each route, with its handler and how its errors are mapped.

pub mod cancel;
pub mod classroom;
mod compared;
pub mod create_run;
pub mod delete_run;
pub mod drawn;
pub mod events;
pub mod experiments;
pub mod export;
mod extract;
mod film_form;
pub mod get_run;
pub mod heads;
pub mod health;
pub mod label_run;
pub mod list_runs;
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
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
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
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(create_run::create_run))
        .routes(routes!(get_run::get_run, label_run::label_run, delete_run::delete_run))
        .routes(routes!(list_runs::list_runs))
        .routes(routes!(events::events))
        .routes(routes!(picture::picture))
        .routes(routes!(prepared::prepared))
        .routes(routes!(heads::heads))
        .routes(routes!(export::export_json))
        .routes(routes!(export::export_csv))
        .routes(routes!(drawn::export_svg))
        .routes(routes!(drawn::export_png))
        .routes(routes!(drawn::export_html))
        .routes(routes!(drawn::card_svg))
        .routes(routes!(drawn::card_png))
        .routes(routes!(compared::compared_svg))
        .routes(routes!(compared::compared_png))
        .routes(routes!(compared::compared_html))
        .routes(routes!(compared::compared_csv))
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
        .split_for_parts();
    with_tokens(&mut document);
    (router, document)
}

/// The name of the secret that some routes take.
const TOKEN: &str = "token";

/// Says of every route that takes a token that it does, in the way by which programs that read the
/// document send one: OpenAPI has them ignore a header that is listed as `Authorization`.
fn with_tokens(document: &mut utoipa::openapi::OpenApi) {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A run's or an experiment's `owner_token`, or a class's `presenter_token`, as it was told \
             to whoever started it.",
        ))
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(scheme));
    for item in document.paths.paths.values_mut() {
        let all = [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete];
        for operation in all.into_iter().flatten().filter(|operation| takes_token(operation)) {
            let token = SecurityRequirement::new::<_, _, String>(TOKEN, []);
            operation.security = Some(vec![token]);
        }
    }
}

fn takes_token(operation: &Operation) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters.any(|parameter| match parameter {
        RefOr::T(p) => p.parameter_in == ParameterIn::Header && p.name == "Authorization",
        RefOr::Ref(_) => false,
    })
}
