//! Opening a class, reading what it is shown, ending it.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use shared::classroom::{ClassCreated, ClassState};
use shared::sentence::LabError;
use shared::{ErrorBody, ErrorCode};

use crate::error::ApiError;
use crate::fair::Client;
use crate::http::classes;
use crate::http::routes::extract::bearer;
use crate::http::state::AppState;

/// Opens a class.
///
/// A class outlives a restart of the lab with its code, its board and the answers so far; where it cannot be
/// kept, its state says why (`unkept`). It ends when nobody was connected for two hours, or for a minute
/// where all places are taken and somebody opens another.
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
    // On the disk before anybody is told its code; where it cannot be, the class says so itself.
    classes::save(&state).await;
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
    classes::save(&state).await;
    Ok(StatusCode::NO_CONTENT)
}

/// What a class was asked and answered, as comma-separated values: a line for each answer.
///
/// For its presenter, while the class is held and for seven days after it ended. People are numbers; a name
/// stands only where somebody typed one for this record.
#[utoipa::path(
    get,
    path = "/api/classrooms/{code}/record.csv",
    tag = "classroom",
    params(
        ("code" = String, Path, description = "The class's code"),
        ("Authorization" = String, Header, description = "`Bearer` and the presenter's token"),
    ),
    responses(
        (status = 200, body = String, content_type = "text/csv"),
        (status = 403, body = ErrorBody, description = "not_owner"),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn class_record(
    State(state): State<AppState>,
    code: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<([(HeaderName, &'static str); 2], String), ApiError> {
    let token = bearer(&headers).unwrap_or_default();
    let csv = classes::record(&state, &typed(code), token).await?;
    let kind = (header::CONTENT_TYPE, "text/csv; charset=utf-8");
    let how = (header::CONTENT_DISPOSITION, "attachment; filename=\"class.csv\"");
    Ok(([kind, how], csv))
}

/// A code from an address; one that is no text is no code.
pub(super) fn typed(code: Result<Path<String>, PathRejection>) -> String {
    code.map_or_else(|_| String::new(), |Path(code)| code)
}

pub(super) fn not_presenter() -> ApiError {
    ApiError::new(ErrorCode::NotOwner, LabError::NotPresenter)
}
