//! Opening the store's file, and what stands in the way.

use std::path::Path;

use rusqlite::Connection;

use super::schema::{self, MigrateError};
use super::{OpenError, StoreError, StoreOptions, folder};

/// Opens the file to be written, as this version of the lab has it.
pub(super) fn open_file(path: &Path, options: &StoreOptions) -> Result<Connection, OpenRefused> {
    folder::make_database(path).map_err(OpenRefused::Folder)?;
    let mut connection = schema::connect(path).map_err(MigrateError::Sqlite)?;
    if let Some(pages) = options.max_pages {
        schema::limit_pages(&connection, pages).map_err(MigrateError::Sqlite)?;
    }
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// Why the file was not opened.
#[derive(Debug)]
pub(super) enum OpenRefused {
    Folder(std::io::Error),
    File(MigrateError),
}

impl From<MigrateError> for OpenRefused {
    fn from(error: MigrateError) -> Self {
        OpenRefused::File(error)
    }
}

impl OpenRefused {
    /// Whether it may be for want of space: SQLite does not always say so.
    pub(super) fn may_lack_space(&self) -> bool {
        match self {
            OpenRefused::Folder(error) => error.kind() == std::io::ErrorKind::StorageFull,
            OpenRefused::File(MigrateError::TooNew { .. }) => false,
            OpenRefused::File(MigrateError::Store(error)) => matches!(error, StoreError::Full),
            OpenRefused::File(MigrateError::Sqlite(error)) => matches!(
                error.sqlite_error_code(),
                Some(
                    rusqlite::ErrorCode::DiskFull
                        | rusqlite::ErrorCode::CannotOpen
                        | rusqlite::ErrorCode::SystemIoFailure
                )
            ),
        }
    }

    pub(super) fn told(self, folder: String) -> OpenError {
        match self {
            OpenRefused::Folder(cause) => OpenError::Folder { folder, cause },
            OpenRefused::File(MigrateError::TooNew { found, known }) => {
                OpenError::TooNew { folder, found, known }
            }
            OpenRefused::File(MigrateError::Sqlite(error)) => {
                OpenError::Broken { folder, cause: error.to_string() }
            }
            OpenRefused::File(MigrateError::Store(error)) => {
                OpenError::Broken { folder, cause: error.to_string() }
            }
        }
    }
}
