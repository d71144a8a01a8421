//! Reads every experiment and every end of a file, compared with their checksums.

use std::path::Path;

use super::rows::{ended, experiment};
use super::sealed;
use crate::store::{Checked, StoreError, open_to_read, structure};

/// Reads every experiment with its ends.
///
/// # Errors
/// The file cannot be read at all.
pub fn check(file: &Path) -> Result<Checked, StoreError> {
    let c = open_to_read(file)?;
    let mut found = Checked { count: 0, damaged: structure(&c)?.into_iter().collect() };
    let mut note = |what: String, read: Result<(), StoreError>| match read {
        Ok(()) => Ok(()),
        Err(StoreError::Damaged(cause)) => {
            found.damaged.push(format!("{what}: {cause}"));
            Ok(())
        }
        Err(error) => Err(error),
    };
    let sql = format!("SELECT {}, sum FROM experiments ORDER BY number", sealed::EXPERIMENT);
    let mut statement = c.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        let number: i64 = row.get(12)?;
        let read = experiment(row).and_then(|_| {
            let ends: i64 = c
                .prepare_cached("SELECT count(*) FROM ends WHERE experiment = ?1")?
                .query_row([number], |r| r.get(0))?;
            sealed::check_count(&c, number, 0, ends as usize)
        });
        note(format!("the experiment number {number}"), read)?;
    }
    let sql = format!("SELECT {}, sum FROM ends ORDER BY seq", sealed::END);
    let mut statement = c.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (experiment, item): (i64, i64) = (row.get(1)?, row.get(2)?);
        let what = format!("the item {item} of the experiment number {experiment}");
        note(what, ended(row).map(|_| ()))?;
    }
    found.count = count;
    Ok(found)
}
