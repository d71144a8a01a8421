//! Reads everything that a store's file holds, compared with its checksums.

use std::path::Path;

use rusqlite::backup::Backup;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{StoreError, classes, read};
use crate::id::RunId;

/// Pages that are copied before another process may write.
const PAGES_AT_ONCE: i32 = 1024;

/// What a look at a whole file found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Runs or experiments, the damaged ones included.
    pub count: u64,
    /// A sentence for everything that is damaged.
    pub damaged: Vec<String>,
}

/// Opens a file of SQLite that is not to be written.
pub(crate) fn open(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(20))?;
    Ok(connection)
}

/// What SQLite says of a file's own structures, where it is not well.
pub(crate) fn structure(c: &Connection) -> Result<Option<String>, StoreError> {
    let said: String = c.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok((said != "ok").then_some(said))
}

/// Reads every run with its pictures and rows by head.
///
/// # Errors
/// The file cannot be read at all.
pub fn check(file: &Path) -> Result<Checked, StoreError> {
    let c = open(file)?;
    let mut found = Checked { count: 0, damaged: structure(&c)?.into_iter().collect() };
    let ids: Vec<String> = c
        .prepare("SELECT id FROM runs")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for name in ids {
        found.count += 1;
        let read = RunId::parse(&name)
            .ok_or_else(|| StoreError::Damaged("its name is none".to_owned()))
            .and_then(|id| whole(&c, &id));
        match read {
            // A later version's run was compared as far as it is known here.
            Ok(()) | Err(StoreError::Newer { .. }) => {}
            Err(error) => {
                // A run's name opens it: its beginning is enough to tell which it is.
                let short: String = name.chars().take(8).collect();
                let cause = match error {
                    StoreError::Damaged(cause) => cause,
                    other => other.to_string(),
                };
                found.damaged.push(format!("the run {short}…: {cause}"));
            }
        }
    }
    found.damaged.extend(classes::check(&c)?);
    Ok(found)
}

/// Copies a store as it is at one moment into an empty file: without the pages that nothing uses, or,
/// where one of its pages cannot be understood, page by page as they lie there.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let connection = open(from)?;
    let text = to.to_str().ok_or_else(|| StoreError::Broken("its path is no text".to_owned()))?;
    let Err(error) = connection.execute("VACUUM INTO ?1", [text]) else { return Ok(()) };
    if error.sqlite_error_code() != Some(ErrorCode::DatabaseCorrupt) {
        return Err(error.into());
    }
    let emptied = std::fs::File::options().write(true).truncate(true).open(to);
    emptied.map_err(|e| StoreError::Broken(e.to_string()))?;
    let mut copy = Connection::open(to)?;
    Backup::new(&connection, &mut copy)?.run_to_completion(
        PAGES_AT_ONCE,
        std::time::Duration::ZERO,
        None,
    )?;
    Ok(())
}

fn whole(c: &Connection, id: &RunId) -> Result<(), StoreError> {
    read::every_picture(c, id)?;
    read::heads(c, id, 0..u32::MAX)?;
    read::run(c, id)?;
    Ok(())
}
