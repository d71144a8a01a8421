//! Deleting experiments for their age.

use std::time::SystemTime;

use rusqlite::Connection;

use super::{rows, sealed};
use crate::id::RunId;
use crate::store::StoreError;

/// Deletes an experiment if it still is one that [`find`] gives.
pub(super) fn delete(c: &Connection, id: &RunId, before: SystemTime) -> Result<bool, StoreError> {
    match find(c, before)?.contains(id) {
        true => rows::delete(c, id),
        false => Ok(false),
    }
}

/// The experiments that are not running and neither were started nor got an end since a moment.
pub(super) fn find(c: &Connection, before: SystemTime) -> Result<Vec<RunId>, StoreError> {
    let seconds = before.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let sql = format!(
        "SELECT {}, sum, (SELECT max(at) FROM ends WHERE experiment = number) AS last
         FROM experiments WHERE state <> 'running'",
        sealed::EXPERIMENT
    );
    let mut statement = c.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut old = Vec::new();
    while let Some(row) = rows.next()? {
        // Its age may be what is damaged.
        let Ok(found) = rows::experiment(row) else { continue };
        let Ok(created) = humantime::parse_rfc3339(&found.start.created) else { continue };
        let last: Option<f64> = row.get("last")?;
        if created < before && last.is_none_or(|at| at < seconds) {
            old.push(found.start.id);
        }
    }
    Ok(old)
}
