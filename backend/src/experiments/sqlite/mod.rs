//! The embedded queue: one SQLite file in the data folder, shared by all workers of the machine.

mod book;
mod check;
mod deaths;
mod expire;
mod items;
mod kept;
mod lacks;
mod rate;
mod rows;
mod schema;
mod sealed;
mod seat;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::lock;
use crate::store::{Integrity, Space, StoreError, folder, space, wal};
pub use check::check;
use rows::broken;

const WAITING: u32 = 0;
const HELD: u32 = 1;
const ENDED: u32 = 2;

/// Experiments in a SQLite file.
#[derive(Debug)]
pub struct SqliteQueue {
    seats: PathBuf,
    path: PathBuf,
    connections: Mutex<Vec<Connection>>,
    integrity: OnceLock<Integrity>,
    /// What was lost of the log that the last stop left.
    lost: Option<String>,
    /// Held while the file is open (see [`wal::look_alone`]).
    _open: Option<File>,
    space: Arc<Space>,
    /// The seats that were taken here.
    taken: Mutex<Vec<String>>,
}

impl SqliteQueue {
    /// Opens the queue in a data folder, making both where missing. Other processes may have it
    /// open too.
    ///
    /// # Errors
    /// [`StoreError`]: what is wrong with the file.
    pub fn open(data: &Path) -> Result<SqliteQueue, StoreError> {
        Self::open_in(data, Arc::new(Space::of(data)))
    }

    /// The same beside a store, which knows the folder's space.
    ///
    /// # Errors
    /// As [`SqliteQueue::open`]; [`StoreError::Full`] where there is no space even to open it.
    pub fn open_in(data: &Path, space: Arc<Space>) -> Result<SqliteQueue, StoreError> {
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::StorageFull => StoreError::Full,
            _ => broken(error),
        };
        folder::prepare(data).map_err(failed)?;
        let path = data.join("experiments.sqlite");
        let (open, lost) = match wal::look_alone(&path) {
            Ok((open, lost)) => (Some(open), lost),
            // A file system without locks: SQLite says whether it can be worked with.
            Err(error) => {
                tracing::warn!(%error, "the experiments' log is not looked at");
                (None, None)
            }
        };
        let connection = space.need(|| {
            folder::make_database(&path).map_err(failed)?;
            let mut connection = schema::connect(&path)?;
            schema::migrate(&mut connection)?;
            Ok(connection)
        })?;
        Ok(SqliteQueue {
            seats: data.join("workers"),
            path,
            connections: Mutex::new(vec![connection]),
            integrity: OnceLock::new(),
            lost,
            _open: open,
            space,
            taken: Mutex::default(),
        })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let kept = lock(&self.connections).pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => schema::connect(&self.path)?,
        };
        let result = work(&mut connection);
        lock(&self.connections).push(connection);
        result
    }

    /// The look at the file as a whole.
    fn looked(&self) -> Result<&Integrity, StoreError> {
        if let Some(looked) = self.integrity.get() {
            return Ok(looked);
        }
        let connection = schema::connect(&self.path)?;
        Ok(self.integrity.get_or_init(|| Integrity::look(connection)))
    }

    /// A transaction that is on the disk when it returns, also when the power fails after it.
    fn synced<T>(
        &self,
        work: impl Fn(&Transaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with(|c| {
            c.pragma_update(None, "synchronous", "full")?;
            let done = (|| {
                let transaction = c.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let result = work(&transaction)?;
                transaction.commit()?;
                Ok(result)
            })();
            c.pragma_update(None, "synchronous", "normal")?;
            done
        })
    }

    /// The same for what must be possible on a full disk: what people are told was stopped or deleted
    /// stays so.
    fn always<T>(
        &self,
        work: impl Fn(&Transaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.space.need(|| self.synced(&work))
    }

    /// Gives the disk back what was deleted, as far as that can be.
    fn give_back(&self) -> Result<(), StoreError> {
        self.with(|c| {
            // Done is done, whether or not the disk gets something back now.
            if let Err(error) = self.space.need(|| space::give_back(c)) {
                tracing::warn!(%error, "the disk was not given back what was deleted");
            }
            Ok(())
        })
    }

    /// A transaction that may write: it waits for other writers at its beginning, and never fails
    /// half-way because of one.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with(|c| {
            let transaction = c.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_acknowledged_is_synced_first() {
        let data = tempfile::tempdir().unwrap();
        let queue = SqliteQueue::open(data.path()).unwrap();
        let synced = |c: &Connection| -> Result<u32, StoreError> {
            Ok(c.pragma_query_value(None, "synchronous", |row| row.get(0))?)
        };
        assert_eq!(queue.synced(|c| synced(c)).unwrap(), 2, "FULL");
        assert_eq!(queue.write(|c| synced(c)).unwrap(), 1, "NORMAL");
    }
}
