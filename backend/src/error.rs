//! Errors as the API shows them: one envelope, one code, one sentence.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::EngineError;
use shared::sentence::{LabError, Message};
use shared::{ErrorBody, ErrorCode};

use crate::id::NoRandomness;

/// An error on its way to a person. What went wrong inside is logged where it is turned into one
/// and never travels with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError(pub ErrorBody);

impl ApiError {
    /// An error with a code and a sentence.
    pub fn new(code: ErrorCode, message: impl Into<Message>) -> Self {
        ApiError(ErrorBody::new(code, message))
    }

    /// The same, and when asking again may help: whole seconds, at least one.
    #[must_use]
    pub fn again_in(mut self, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        self.0.retry_after = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        self
    }

    /// Something that should not happen: the cause goes to the log, not to the person.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(ErrorCode::Internal, LabError::Internal)
    }

    /// No run of that name.
    pub fn no_run() -> Self {
        Self::new(ErrorCode::NotFound, LabError::NoRun)
    }

    /// The owner's token is missing or wrong.
    pub fn not_owner() -> Self {
        Self::new(ErrorCode::NotOwner, LabError::NotRunOwner)
    }

    /// No space is left for something; the sentence says what became of it.
    pub fn full(what: LabError) -> Self {
        Self::new(ErrorCode::StorageFull, LabError::StorageFull { what: what.into() })
    }

    /// The lab is going down.
    pub fn shutting_down() -> Self {
        Self::new(ErrorCode::ShuttingDown, LabError::ShuttingDown)
    }
}

/// An error as the API writes sentences: from a capital letter to a full stop.
pub(crate) fn sentence(what: impl Into<Message>) -> Message {
    let what = what.into();
    let whole = match what.text.ends_with(['.', '?']) {
        true => what,
        false => LabError::Whole { what }.into(),
    };
    let mut letters = whole.text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let text = first + letters.as_str();
    Message { text, ..whole }
}

/// What an answer refuses, for who counts and notes refusals.
#[derive(Clone, Debug)]
pub struct Refusal(pub Arc<ErrorBody>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.http_status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let refusal = Refusal(Arc::new(self.0.clone()));
        let after = self.0.retry_after.map(|seconds| [(header::RETRY_AFTER, seconds.to_string())]);
        let mut response = match after {
            Some(after) => (status, after, Json(self.0)).into_response(),
            None => (status, Json(self.0)).into_response(),
        };
        response.extensions_mut().insert(refusal);
        response
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        if error.code == ErrorCode::Internal {
            return Self::internal(error);
        }
        Self::new(error.code, error.into_message())
    }
}

impl From<NoRandomness> for ApiError {
    fn from(error: NoRandomness) -> Self {
        Self::internal(error)
    }
}
