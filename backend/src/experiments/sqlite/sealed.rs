//! Rows of experiments and ends with their checksums: sealed when written, checked before anything
//! of them is used.

use rusqlite::{Connection, Row, params};

use crate::id::RunId;
use crate::store::{StoreError, sums};

/// What an experiment's checksum covers.
pub(super) const EXPERIMENT: &str = "id, created, lab, title, spec, dataset, grid, drawn, owner, \
                                     state, problem, models, number, ended, done";
const EXPERIMENT_COLUMNS: usize = 15;

/// What an end's checksum covers.
pub(super) const END: &str = "seq, experiment, item, done, at, data, run";
const END_COLUMNS: usize = 7;

/// Checks an experiment's row of [`EXPERIMENT`] and its checksum.
pub(super) fn check(row: &Row) -> Result<(), StoreError> {
    sums::check("experiments", row, EXPERIMENT_COLUMNS)
}

/// Checks an end's row of [`END`] and its checksum.
pub(super) fn check_end(row: &Row) -> Result<(), StoreError> {
    sums::check("ends", row, END_COLUMNS)
}

/// Gives an experiment its checksum.
pub(super) fn seal(c: &Connection, number: i64) -> Result<(), StoreError> {
    let sum = c
        .prepare_cached(&format!("SELECT {EXPERIMENT} FROM experiments WHERE number = ?1"))?
        .query_row(params![number], |r| Ok(sums::sum_of("experiments", r, EXPERIMENT_COLUMNS)))?;
    c.prepare_cached("UPDATE experiments SET sum = ?2 WHERE number = ?1")?
        .execute(params![number, sum?])?;
    Ok(())
}

/// Checks an experiment's row; gives how many ends it has, and how many of them are outcomes.
pub(super) fn counts(c: &Connection, number: i64) -> Result<(u32, u32), StoreError> {
    c.prepare_cached(&format!("SELECT {EXPERIMENT}, sum FROM experiments WHERE number = ?1"))?
        .query_row(params![number], |r| Ok(counted(r, number)))?
}

fn counted(row: &Row, number: i64) -> Result<(u32, u32), StoreError> {
    check(row)?;
    match row.get::<_, i64>(12)? == number {
        true => Ok((row.get(13)?, row.get(14)?)),
        false => Err(StoreError::Damaged("an index leads to another row".to_owned())),
    }
}

/// The number of an experiment, if there is one of that name and its row is as it was written.
pub(super) fn number(c: &Connection, id: &RunId) -> Result<Option<i64>, StoreError> {
    let sql = format!("SELECT {EXPERIMENT}, sum FROM experiments WHERE id = ?1");
    let mut statement = c.prepare_cached(&sql)?;
    let mut rows = statement.query(params![id.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    check(row)?;
    match row.get::<_, String>(0)? == id.as_str() {
        true => Ok(Some(row.get(12)?)),
        false => Err(StoreError::Damaged("an index leads to another row".to_owned())),
    }
}

/// Changes an experiment's row, if it is as it was written.
pub(super) fn change(
    c: &Connection,
    number: i64,
    change: impl FnOnce() -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    counts(c, number)?;
    change()?;
    seal(c, number)
}

/// Whether an experiment's row is as it was written. One that is not is taken out of work: it keeps
/// a checksum that it does not have, and is refused when it is asked for.
pub(super) fn intact(c: &Connection, number: i64) -> Result<bool, StoreError> {
    match counts(c, number) {
        Ok(_) => Ok(true),
        Err(StoreError::Damaged(cause)) => {
            tracing::error!(%cause, "an experiment is damaged");
            c.execute("UPDATE experiments SET state = 'paused' WHERE number = ?1", [number])?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Gives an item's end its checksum.
pub(super) fn seal_end(c: &Connection, number: i64, item: u32) -> Result<(), StoreError> {
    let sum = c
        .prepare_cached(&format!("SELECT {END} FROM ends WHERE experiment = ?1 AND item = ?2"))?
        .query_row(params![number, item], |r| Ok(sums::sum_of("ends", r, END_COLUMNS)))?;
    c.prepare_cached("UPDATE ends SET sum = ?3 WHERE experiment = ?1 AND item = ?2")?
        .execute(params![number, item, sum?])?;
    Ok(())
}

/// Reads an item's end, if it has one.
pub(super) fn end<T>(
    c: &Connection,
    number: i64,
    item: u32,
    read: impl FnOnce(&Row) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let sql = format!("SELECT {END}, sum FROM ends WHERE experiment = ?1 AND item = ?2");
    let mut statement = c.prepare_cached(&sql)?;
    let mut rows = statement.query(params![number, item])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    check_end(row)?;
    belongs(row, number, row.get::<_, u32>(2)? == item)?;
    read(row).map(Some)
}

/// Checks that an end is one of this experiment's, and whatever else it should be: a damaged index may
/// lead to another's.
pub(super) fn belongs(row: &Row, number: i64, and: bool) -> Result<(), StoreError> {
    match row.get::<_, i64>(1)? == number && and {
        true => Ok(()),
        false => Err(StoreError::Damaged("an index leads to another row".to_owned())),
    }
}

/// Checks that an experiment has as many ends as were written, `found` of them after `after`.
pub(super) fn check_count(
    c: &Connection,
    number: i64,
    after: u64,
    found: usize,
) -> Result<(), StoreError> {
    let (written, _) = counts(c, number)?;
    let before: u32 = c
        .prepare_cached(
            "SELECT count(*) FROM ends INDEXED BY ends_of WHERE experiment = ?1 AND seq <= ?2",
        )?
        .query_row(params![number, after as i64], |r| r.get(0))?;
    match before as usize + found == written as usize {
        true => Ok(()),
        false => {
            let what = format!("{written} ends of experiment {number} are not all there");
            Err(StoreError::Damaged(what))
        }
    }
}

/// Gives everything that an earlier version wrote its checksum, as it stands there now.
pub(super) fn seal_all(c: &Connection) -> Result<(), StoreError> {
    c.execute_batch(
        "UPDATE experiments SET
             ended = (SELECT count(*) FROM ends WHERE experiment = experiments.number),
             done = (SELECT coalesce(sum(ends.done), 0) FROM ends
                     WHERE experiment = experiments.number)",
    )?;
    let numbers: Vec<i64> = c
        .prepare("SELECT number FROM experiments")?
        .query_map([], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    numbers.iter().try_for_each(|number| seal(c, *number))?;
    let ends: Vec<(i64, u32)> = c
        .prepare("SELECT experiment, item FROM ends")?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<Result<_, _>>()?;
    ends.iter().try_for_each(|(number, item)| seal_end(c, *number, *item))
}
