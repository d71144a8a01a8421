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
        let mut error = &error;
        // The trace is for developers and fills a screen; the cause is one line.
        while let candle_core::Error::WithBacktrace { inner, .. } = error {
            error = inner;
        }
        EngineError::new(ErrorCode::Internal, format!("the model's arithmetic failed: {error}"))
    }
}

/// Why a file could not be read, in words and without the system's number.
pub(crate) fn why(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
        other => other.to_string(),
    }
}
