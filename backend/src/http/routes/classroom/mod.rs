//! `/api/classrooms`: a presenter drives, a class follows and guesses; `/api/lessons`: what to show.
//!
//! The code is all it takes to follow, and it can be guessed: it gives what the presenter shows and
//! nothing more. The presenter's token is what it takes to show and to end.

mod act;
mod events;
mod lessons;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::state::AppState;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(act::open_classroom))
        .routes(routes!(act::classroom, act::end_classroom))
        .routes(routes!(act::class_record))
        .routes(routes!(events::classroom_events))
        .routes(routes!(lessons::lessons))
}
