//! Deleting runs for their age.

use std::time::SystemTime;

use rusqlite::{Connection, params};

use super::sealed::{self, RunRow};
use super::{StoreError, write};
use crate::id::RunId;

/// Which runs are too old to be kept: those submitted before a moment. Only runs that ended are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Older {
    /// For runs that nobody named or noted something of.
    pub unnamed: SystemTime,
    /// For the others; `None` keeps them.
    pub named: Option<SystemTime>,
}

impl Older {
    /// The later of the two moments.
    fn latest(self) -> SystemTime {
        self.named.map_or(self.unnamed, |named| named.max(self.unnamed))
    }

    fn holds(self, created: &str, named: bool) -> bool {
        let before = if named { self.named } else { Some(self.unnamed) };
        // A time that cannot be read is no sign of age.
        let created = humantime::parse_rfc3339(created).ok();
        before.zip(created).is_some_and(|(before, created)| created < before)
    }

    fn holds_for(self, row: &RunRow) -> bool {
        let named = !row.label.name.is_empty() || !row.label.note.is_empty();
        row.state != "queued" && self.holds(&row.created, named)
    }
}

/// The runs that seem too old, oldest first.
pub(super) fn list(c: &Connection, older: Older) -> Result<Vec<RunId>, StoreError> {
    let latest = humantime::format_rfc3339_millis(older.latest()).to_string();
    let mut statement = c.prepare_cached(
        "SELECT id, created, name <> '' OR note <> '' FROM runs
         WHERE state <> 'queued' AND created < ?1 ORDER BY created",
    )?;
    let mut rows = statement.query(params![latest])?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, created): (String, String) = (row.get(0)?, row.get(1)?);
        if older.holds(&created, row.get(2)?) {
            ids.extend(RunId::parse(&id));
        }
    }
    Ok(ids)
}

/// Deletes those of the runs that are too old; gives which they were. A run whose row is damaged is
/// left: its age may be what is damaged.
pub(super) fn delete(
    c: &mut Connection,
    ids: &[RunId],
    older: Older,
) -> Result<Vec<RunId>, StoreError> {
    let t = write::begin(c)?;
    let mut deleted = Vec::new();
    for id in ids {
        match sealed::run(&t, id) {
            Ok(Some(row)) if older.holds_for(&row) => {
                write::delete_row(&t, id)?;
                deleted.push(id.clone());
            }
            Ok(_) => {}
            Err(StoreError::Damaged(cause)) => {
                tracing::warn!(run = id.short(), cause, "a damaged run is not deleted for its age");
            }
            Err(error) => return Err(error),
        }
    }
    t.commit()?;
    Ok(deleted)
}
