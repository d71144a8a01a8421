//! Why a model is not to be had.

use shared::ErrorCode;

use crate::models::hub::size;

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
    /// The demo model cannot be written out.
    #[error("the demo model cannot be written to {folder}: {cause}")]
    Unpack {
        /// Where to.
        folder: String,
        /// What the operating system says.
        cause: std::io::Error,
    },
}

impl CatalogError {
    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        match self {
            CatalogError::NotPulled { .. } => ErrorCode::ModelNotPulled,
            _ => ErrorCode::UnknownModel,
        }
    }
}
