//! Errors of the engine: a stable code and a sentence about the person's own input.

use shared::sentence::{EngineRefusal, FileFault, Localized};
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
    /// An error with a code and a sentence, which every language has.
    pub fn new(code: ErrorCode, said: impl Into<Localized>) -> Self {
        Self::of(code, said.into().into())
    }

    /// Something that should not happen, in words for the log: people are told no more than that.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::of(ErrorCode::Internal, cause.to_string().into())
    }

    fn of(code: ErrorCode, Message { text, sentence }: Message) -> Self {
        EngineError { code, message: text, sentence }
    }

    /// Its sentence.
    pub fn into_message(self) -> Message {
        Message { text: self.message, sentence: self.sentence }
    }

    /// A model's files cannot be used.
    pub(crate) fn model(fault: impl Into<Localized>) -> Self {
        Self::new(ErrorCode::ModelUnusable, fault)
    }

    /// A model's files cannot be used because of this one, or of this folder.
    pub(crate) fn of_file(file: impl std::fmt::Display, what: impl Into<Localized>) -> Self {
        Self::model(FileFault::OfFile { file: file.to_string(), what: what.into() })
    }
}

impl From<shared::ErrorBody> for EngineError {
    fn from(error: shared::ErrorBody) -> Self {
        EngineError::of(error.code, error.into_message())
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

/// That a file could not be read, and why: without the system's number.
pub(crate) fn unreadable(error: &std::io::Error) -> FileFault {
    use std::io::ErrorKind;
    let why = match error.kind() {
        ErrorKind::NotFound => FileFault::NoSuchFile,
        ErrorKind::PermissionDenied => FileFault::Forbidden,
        ErrorKind::IsADirectory => FileFault::ItIsAFolder,
        ErrorKind::UnexpectedEof => FileFault::EndsEarly,
        other => FileFault::System { words: other.to_string() },
    };
    FileFault::Unreadable { why: why.into() }
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
