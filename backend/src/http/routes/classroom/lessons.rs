//! `GET /api/lessons`: prepared lessons on the demo model.

use axum::Json;
use axum::extract::State;
use shared::lesson::Lesson;

use crate::http::state::AppState;

/// The prepared lessons that ship with the lab.
///
/// Each step names a sample picture, a prompt and options to run it with, a question to the class,
/// and what the result shows and does not show, in English and Korean.
#[utoipa::path(
    get,
    path = "/api/lessons",
    tag = "classroom",
    responses((status = 200, body = Vec<Lesson>))
)]
pub async fn lessons(State(state): State<AppState>) -> Json<Vec<Lesson>> {
    Json(state.runs.samples.lessons().to_vec())
}
