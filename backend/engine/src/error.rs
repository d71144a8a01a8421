//! Errors of the engine: a stable code and a sentence about the person's own input.

use shared::sentence::EngineRefusal;
use shared::{ErrorCode, Message, Sentence};

/// What went wrong and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// For programs.
    pub code: ErrorCode,
    /// For people, in English.
    pub message: String,
    /// The same as a sentence, where it is one that the lab has in every language.
    pub sentence: Option<Sentence>,
}

impl EngineError {
    /// An error with a code and a sentence.
    pub fn new(code: ErrorCode, message: impl Into<Message>) -> Self {
        let Message { text, sentence } = message.into();
        EngineError { code, message: text, sentence }
    }

    /// Its sentence.
    pub fn into_message(self) -> Message {
        Message { text: self.message, sentence: self.sentence }
    }

    /// A model's files cannot be used.
    pub(crate) fn model(message: impl Into<Message>) -> Self {
        Self::new(ErrorCode::ModelUnusable, message)
    }
}

impl From<shared::ErrorBody> for EngineError {
    fn from(error: shared::ErrorBody) -> Self {
        EngineError::new(error.code, error.into_message())
    }
}

impl From<candle_core::Error> for EngineError {
    fn from(error: candle_core::Error) -> Self {
        let mut error = &error;
        // The trace is for developers and fills a screen; the cause is one line.
        while let candle_core::Error::WithBacktrace { inner, .. } = error {
            error = inner;
        }
        let words = error.to_string();
        // The driver's and cuBLAS's own names for it.
        if ["CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED"]
            .iter()
            .any(|name| words.contains(name))
        {
            return EngineError::new(ErrorCode::OutOfMemory, EngineRefusal::GpuFull);
        }
        EngineError::new(ErrorCode::Internal, EngineRefusal::ArithmeticFailed { words })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_gpu_is_told_apart() {
        let of = |text: &str| EngineError::from(candle_core::Error::Msg(text.to_owned()).bt());
        let full = of("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")");
        assert_eq!(full.code, ErrorCode::OutOfMemory);
        assert!(full.message.contains("shorten the prompt"), "{full}");
        assert_eq!(of("CublasError(CUBLAS_STATUS_ALLOC_FAILED)").code, ErrorCode::OutOfMemory);
        assert_eq!(of("shapes differ").code, ErrorCode::Internal);
    }
}
