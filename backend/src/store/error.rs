//! What goes wrong with the store, and what people are told of it.

use shared::ErrorCode;
use shared::sentence::LabError;

use crate::error::ApiError;

/// A write or a read failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space is left.
    #[error("no space is left")]
    Full,
    /// The store was closed: the lab is going down.
    #[error("the store is closed")]
    Closed,
    /// A later version of the lab recorded the run.
    #[error("the run is of format {found}, this version knows {known}")]
    Newer {
        /// The run's event format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// What is on the disk is not what was written.
    #[error("damaged: {0}")]
    Damaged(String),
    /// Anything else.
    #[error("{0}")]
    Broken(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        /// `SQLITE_IOERR_SHMSIZE`: the file that readers and writers share has no room to be made.
        const NO_ROOM_TO_SHARE: i32 = 4874;
        if error.sqlite_error().is_some_and(|e| e.extended_code == NO_ROOM_TO_SHARE) {
            return StoreError::Full;
        }
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => StoreError::Full,
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                StoreError::Damaged(error.to_string())
            }
            _ => StoreError::Broken(error.to_string()),
        }
    }
}

/// The store cannot be opened: one sentence for the person who starts the lab.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or written.
    #[error("the data folder {folder} cannot be written: {cause}")]
    Folder {
        /// The folder.
        folder: String,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// Another lab holds the folder.
    #[error("the data folder {0} is in use by another lab; stop that one or name another --data")]
    InUse(String),
    /// A later version of the lab wrote the store.
    #[error(
        "the store in {folder} was written by a later version of the lab (schema {found}, this \
         version knows {known})"
    )]
    TooNew {
        /// The folder.
        folder: String,
        /// The schema found.
        found: u32,
        /// The newest schema known here.
        known: u32,
    },
    /// SQLite cannot open it.
    #[error("the store in {folder} cannot be opened: {cause}")]
    Broken {
        /// The folder.
        folder: String,
        /// What SQLite says.
        cause: String,
    },
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::full(LabError::RunNotStarted),
            StoreError::Closed => Self::shutting_down(),
            StoreError::Newer { found, known } => {
                let (found, known) = (found.into(), known.into());
                Self::new(ErrorCode::NewerVersion, LabError::NewerVersion { found, known })
            }
            StoreError::Damaged(cause) => {
                tracing::error!(%cause, "the data folder is damaged");
                Self::new(ErrorCode::StorageDamaged, LabError::StorageDamaged)
            }
            StoreError::Broken(cause) => Self::internal(cause),
        }
    }
}
