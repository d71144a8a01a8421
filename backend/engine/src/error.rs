//! Errors of the engine: a stable code and a sentence about the person's own input.

use shared::ErrorCode;

/// What went wrong and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
}

impl EngineError {
    /// An error with a code and a sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        EngineError { code, message: message.into() }
    }

    /// A model's files cannot be used.
    pub(crate) fn model(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ModelUnusable, message)
    }
}

impl From<candle_core::Error> for EngineError {
    fn from(error: candle_core::Error) -> Self {
        EngineError::new(ErrorCode::Internal, format!("the model's arithmetic failed: {error}"))
    }
}
