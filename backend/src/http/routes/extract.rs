//! What several routes take from a request, with errors in the one envelope.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
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
