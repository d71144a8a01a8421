//! Why a model is not to be had.

use std::time::Duration;

use shared::ErrorCode;
use shared::sentence::{CatalogFault, Message};

use crate::error::{ApiError, sentence};
use crate::models::hub::size;

/// When a model that is not unpacked may be asked for again: disks seldom have room sooner.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// No model of that name, or its files are not there.
#[derive(Debug)]
pub enum CatalogError {
    /// No model of that name.
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Message,
    },
    /// The registry knows it; its files are not here.
    NotPulled {
        /// Its name.
        name: String,
        /// Bytes to fetch.
        download: Option<u64>,
    },
    /// The registry says where it lies, and it does not.
    NotInPlace {
        /// Its name.
        name: String,
        /// What is wrong with the place.
        what: Message,
    },
    /// The registry cannot be read.
    Registry(String),
    /// The folder of models that was named cannot be read.
    NoFolder {
        /// The folder.
        folder: String,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// A folder is not a model.
    NotAModel(String),
    /// A path leads nowhere.
    Nowhere(String),
    /// A file is not a model by itself.
    NotModelFile(String),
    /// Files of llama.cpp that are no model.
    Files(Message),
    /// The lab carries it, and cannot unpack it now.
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

    /// Its sentence, as it stands in others.
    pub fn said(&self) -> Message {
        let fault = match self {
            CatalogError::Unknown { name, known } => {
                CatalogFault::Unknown { name: name.clone(), known: known.clone() }
            }
            CatalogError::NotPulled { name, download: None } => {
                CatalogFault::NotPulled { name: name.clone() }
            }
            CatalogError::NotPulled { name, download: Some(bytes) } => {
                CatalogFault::NotPulledOfSize { name: name.clone(), size: size(*bytes) }
            }
            CatalogError::NotInPlace { name, what } => {
                CatalogFault::NotInPlace { name: name.clone(), what: what.clone() }
            }
            CatalogError::Registry(why) => CatalogFault::Registry { why: why.clone() },
            CatalogError::NoFolder { folder, cause } => {
                CatalogFault::NoFolder { folder: folder.clone(), cause: cause.to_string() }
            }
            CatalogError::NotAModel(name) => CatalogFault::NotAModel { name: name.clone() },
            CatalogError::Nowhere(path) => CatalogFault::Nowhere { path: path.clone() },
            CatalogError::NotModelFile(path) => CatalogFault::NotAModelFile { path: path.clone() },
            CatalogError::Files(what) => CatalogFault::Files { what: what.clone() },
            CatalogError::NotUnpacked(why) => return why.clone(),
        };
        fault.into()
    }
}

impl std::fmt::Display for CatalogError {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for CatalogError {}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        let code = error.code();
        match error {
            CatalogError::NotUnpacked(why) => ApiError::new(code, why).again_in(TRY_AGAIN),
            other => ApiError::new(code, sentence(other.said())),
        }
    }
}
