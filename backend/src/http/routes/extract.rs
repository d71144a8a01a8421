//! What several routes take from a request, with errors in the one envelope.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use http_body_util::LengthLimitError;
use shared::ErrorCode;
use shared::sentence::LabError;

use crate::error::ApiError;
use crate::http::state::AppState;
use crate::runs::Run;

/// The run that the path names.
pub struct TheRun(pub Arc<Run>);

impl FromRequestParts<AppState> for TheRun {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        // A name that is not even text names no run.
        let Path(id) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::no_run())?;
        state.runs.find(&id).await.map(TheRun)
    }
}

/// The run that the path names, by the one who owns it.
pub struct OwnRun(pub Arc<Run>);

impl FromRequestParts<AppState> for OwnRun {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let TheRun(run) = TheRun::from_request_parts(parts, state).await?;
        match bearer(&parts.headers) {
            Some(token) if run.is_owner(token) => Ok(OwnRun(run)),
            _ => Err(ApiError::not_owner()),
        }
    }
}

/// The token that a request shows, if it shows one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok());
    // The scheme's name is case-insensitive (RFC 9110, 11.1).
    header
        .and_then(|v| v.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
}

/// What a request with JSON sends, at most so many bytes.
///
/// Who names no kind of content, or one that programs name where nobody told them which (as curl does
/// for `-d`), is believed to send JSON.
///
/// # Errors
/// `wrong_content_type`, or `body_too_large` with what is too large.
pub async fn json_body(
    request: Request,
    most: usize,
    too_large: LabError,
) -> Result<Bytes, ApiError> {
    let unnamed = ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"];
    let json = |kind: &str| {
        kind == "application/json" || kind.ends_with("+json") || unnamed.contains(&kind)
    };
    let headers = request.headers();
    if headers.contains_key(CONTENT_TYPE) {
        of_kind(headers, json, "JSON (application/json)")?;
    }
    unpacked(headers)?;
    to_bytes(request.into_body(), most).await.map_err(|error| {
        if std::error::Error::source(&error).is_some_and(|e| e.is::<LengthLimitError>()) {
            return ApiError::new(ErrorCode::BodyTooLarge, too_large);
        }
        let why = LabError::UnreadableRequest { why: error.to_string() };
        ApiError::new(ErrorCode::BadRequest, why)
    })
}

/// Checks the kind of what is sent.
///
/// # Errors
/// `wrong_content_type`, with what is wanted.
pub fn of_kind(
    headers: &HeaderMap,
    wanted: impl Fn(&str) -> bool,
    name: &str,
) -> Result<(), ApiError> {
    let wrong = |why| Err(ApiError::new(ErrorCode::WrongContentType, why));
    let Some(found) = headers.get(CONTENT_TYPE) else {
        return wrong(LabError::NoContentType { wanted: name.to_owned() });
    };
    let found = String::from_utf8_lossy(found.as_bytes());
    let kind = found.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match wanted(&kind) {
        true => Ok(()),
        false => {
            let found = kind.chars().take(100).collect();
            wrong(LabError::WrongContentType { found, wanted: name.to_owned() })
        }
    }
}

/// Checks that what is sent is not packed: what it unpacks into would have no bound.
///
/// # Errors
/// `wrong_content_type`.
pub fn unpacked(headers: &HeaderMap) -> Result<(), ApiError> {
    let all = headers.get_all(CONTENT_ENCODING).iter();
    let mut packed = all.filter(|how| !how.as_bytes().eq_ignore_ascii_case(b"identity"));
    let Some(how) = packed.next() else { return Ok(()) };
    let how = String::from_utf8_lossy(how.as_bytes()).chars().take(100).collect();
    Err(ApiError::new(ErrorCode::WrongContentType, LabError::PackedBody { how }))
}

/// Query parameters, or what is wrong with them.
pub fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    match query {
        Ok(Query(value)) => Ok(value),
        Err(error) => {
            let why = LabError::UnreadableRequest { why: error.body_text() };
            Err(ApiError::new(ErrorCode::BadRequest, why))
        }
    }
}
