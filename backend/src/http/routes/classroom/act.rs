//! Opening a class, reading what it is shown, ending it.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use shared::classroom::{ClassCreated, ClassState};
use shared::sentence::LabError;
use shared::{ErrorBody, ErrorCode};

use crate::error::ApiError;
use crate::fair::Client;
use crate::http::routes::extract::bearer;
use crate::http::state::AppState;

/// Opens a class.
///
/// Classes live in memory: a restart of the lab ends them, and so does nobody being connected for two
/// hours, or for a minute where all places are taken and somebody opens another. The runs they show
/// are kept as all runs are.
#[utoipa::path(
    post,
    path = "/api/classrooms",
    tag = "classroom",
    responses(
        (status = 201, body = ClassCreated, description = "The code to join and the presenter's token"),
        (status = 429, body = ErrorBody, description = "too_many_requests: too many are the client's"),
        (status = 503, body = ErrorBody, description = "classroom_full: too many classes are held"),
    )
)]
pub async fn open_classroom(
    State(state): State<AppState>,
    client: Client,
) -> Result<(StatusCode, Json<ClassCreated>), ApiError> {
    let (session, token) = state.classrooms.open(client)?;
    let created = ClassCreated {
        code: session.code.as_str().to_owned(),
        presenter_token: token.reveal(),
        network_address: state.network_address.clone(),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// What a class is shown now.
#[utoipa::path(
    get,
    path = "/api/classrooms/{code}",
    tag = "classroom",
    params(("code" = String, Path, description = "The class's code, as people type it")),
    responses(
        (status = 200, body = ClassState),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn classroom(
    State(state): State<AppState>,
    code: Result<Path<String>, PathRejection>,
) -> Result<Json<ClassState>, ApiError> {
    Ok(Json(state.classrooms.find(&typed(code))?.state()))
}

/// Ends a class for everybody in it.
#[utoipa::path(
    delete,
    path = "/api/classrooms/{code}",
    tag = "classroom",
    params(
        ("code" = String, Path, description = "The class's code"),
        ("Authorization" = String, Header, description = "`Bearer` and the presenter's token"),
    ),
    responses(
        (status = 204, description = "Its websockets are told and closed"),
        (status = 403, body = ErrorBody, description = "not_owner"),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn end_classroom(
    State(state): State<AppState>,
    code: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let session = state.classrooms.find(&typed(code))?;
    if !session.is_presenter(bearer(&headers).unwrap_or_default()) {
        return Err(not_presenter());
    }
    state.classrooms.end(&session);
    Ok(StatusCode::NO_CONTENT)
}

/// A code from an address; one that is no text is no code.
pub(super) fn typed(code: Result<Path<String>, PathRejection>) -> String {
    code.map_or_else(|_| String::new(), |Path(code)| code)
}

pub(super) fn not_presenter() -> ApiError {
    ApiError::new(ErrorCode::NotOwner, LabError::NotPresenter)
}
