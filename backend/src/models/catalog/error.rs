//! Why a model is not to be had.

use std::time::Duration;

use shared::ErrorCode;
use shared::sentence::Message;

use crate::error::{ApiError, sentence};
use crate::models::hub::size;

/// When a model that is not unpacked may be asked for again: disks seldom have room sooner.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// No model of that name, or its files are not there.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// No model of that name.
    #[error("there is no model named \"{name}\"; there is: {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The registry knows it; its files are not here.
    #[error(
        "{name} is not on this machine yet{}; get it with `langoverrule models pull {name}`",
        download.map(|bytes| format!(" ({} to fetch)", size(bytes))).unwrap_or_default()
    )]
    NotPulled {
        /// Its name.
        name: String,
        /// Bytes to fetch.
        download: Option<u64>,
    },
    /// The registry says where it lies, and it does not.
    #[error(
        "{name} is not where models.toml says it lies: {what}; mend its source there, or put a \
         folder in Hugging Face layout or llama.cpp's files in that place"
    )]
    NotInPlace {
        /// Its name.
        name: String,
        /// What is wrong with the place.
        what: String,
    },
    /// The registry cannot be read.
    #[error("{0}")]
    Registry(String),
    /// The folder of models that was named cannot be read.
    #[error("there is no folder of models {folder}: {cause}")]
    NoFolder {
        /// The folder.
        folder: String,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// A folder is not a model.
    #[error("{0} is not a model folder: it has no config.json")]
    NotAModel(String),
    /// A path leads nowhere.
    #[error("there is no folder or file {0}")]
    Nowhere(String),
    /// A file is not a model by itself.
    #[error("{0} is no model: name a folder with a config.json, or llama.cpp's .gguf files")]
    NotModelFile(String),
    /// Files of llama.cpp that are no model.
    #[error("model_unusable: {0}")]
    Files(String),
    /// The lab carries it, and cannot unpack it now.
    #[error("{0}")]
    NotUnpacked(Message),
}

impl CatalogError {
    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        match self {
            CatalogError::NotPulled { .. } => ErrorCode::ModelNotPulled,
            CatalogError::NotUnpacked(_) => ErrorCode::ModelNotUnpacked,
            _ => ErrorCode::UnknownModel,
        }
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        let code = error.code();
        match error {
            CatalogError::NotUnpacked(why) => ApiError::new(code, why).again_in(TRY_AGAIN),
            other => ApiError::new(code, sentence(&other.to_string())),
        }
    }
}
