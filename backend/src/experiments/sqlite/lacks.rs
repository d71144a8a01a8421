//! What workers cannot run. A worker that lacks a model or a dataset is handed none of the items that
//! need it; others go on. An experiment is paused once no worker that lives can run what is left.

use std::ops::Range;

use rusqlite::{Transaction, params};
use shared::sentence::Problem;

use super::deaths::pause;
use super::seat::{self, Life};
use super::{SqliteQueue, kept, sealed};
use crate::id::RunId;
use crate::store::StoreError;

/// Most different reasons that are told of one experiment.
const MOST_REASONS: usize = 8;

/// Whether the items of `i`, a row of items, can be run by the worker `?1` as far as is known.
pub(super) const ABLE: &str = "NOT EXISTS (SELECT 1 FROM lacks l WHERE l.worker = ?1
    AND l.experiment = i.experiment AND i.item >= l.first AND i.item < l.past)";

/// Notes that a worker cannot run some items.
pub(super) fn note(
    c: &Transaction,
    number: i64,
    worker: &str,
    items: &[Range<u32>],
    reason: &str,
) -> Result<(), StoreError> {
    let mut insert = c.prepare_cached(
        "INSERT OR REPLACE INTO lacks (experiment, worker, first, past, reason)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for range in items {
        insert.execute(params![number, worker, range.start, range.end, reason])?;
    }
    Ok(())
}

/// Forgets what all workers lacked for an experiment.
pub(super) fn forget_of(c: &Transaction, number: i64) -> Result<(), StoreError> {
    c.prepare_cached("DELETE FROM lacks WHERE experiment = ?1")?.execute([number])?;
    Ok(())
}

/// Forgets what a worker lacked; gives whether it lacked anything.
pub(super) fn forget_by(c: &Transaction, worker: &str) -> Result<bool, StoreError> {
    Ok(c.prepare_cached("DELETE FROM lacks WHERE worker = ?1")?.execute([worker])? > 0)
}

impl SqliteQueue {
    /// Forgets what workers lacked that are gone.
    pub(super) fn forget_gone(&self, c: &Transaction) -> Result<(), StoreError> {
        let workers: Vec<String> = c
            .prepare_cached("SELECT DISTINCT worker FROM lacks")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for worker in workers {
            if matches!(seat::life(&self.seats, &worker), Life::Gone(_)) {
                forget_by(c, &worker)?;
            }
        }
        Ok(())
    }

    /// Pauses every running experiment of which nobody can run what is left, with the list of what is
    /// missing. A worker that has not tried counts as one that can.
    pub(super) fn pause_stuck(&self, c: &Transaction) -> Result<(), StoreError> {
        let running: Vec<(i64, String)> = c
            .prepare_cached(
                "SELECT DISTINCT e.number, e.id FROM experiments e
                 JOIN lacks l ON l.experiment = e.number
                 WHERE e.state = 'running'",
            )?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        if running.is_empty() {
            return Ok(());
        }
        let alive: Vec<String> = seat::all(&self.seats)
            .into_iter()
            .filter(|name| seat::life(&self.seats, name) == Life::Alive)
            .collect();
        for (number, id) in running {
            let held = c
                .prepare_cached("SELECT 1 FROM items WHERE experiment = ?1 AND state = 1 LIMIT 1")?
                .exists([number])?;
            if held || any_able(c, number, &alive)? || !sealed::intact(c, number)? {
                continue;
            }
            let problem = problem(c, number, &alive)?;
            if pause(c, number, &problem)?
                && let Some(id) = RunId::parse(&id)
            {
                tracing::warn!(experiment = id.short(), problem, "experiment paused");
            }
        }
        Ok(())
    }
}

fn any_able(c: &Transaction, number: i64, alive: &[String]) -> Result<bool, StoreError> {
    let mut able = c.prepare_cached(&format!(
        "SELECT 1 FROM items i WHERE i.experiment = ?2 AND i.state = 0 AND {ABLE} LIMIT 1"
    ))?;
    for worker in alive {
        if able.exists(params![worker, number])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What those who live lack of what is left, once each, in lines of [`kept`].
fn problem(c: &Transaction, number: i64, alive: &[String]) -> Result<String, StoreError> {
    let mut lacks = c.prepare_cached(
        "SELECT l.reason, l.worker FROM lacks l WHERE l.experiment = ?1 AND EXISTS (
             SELECT 1 FROM items i WHERE i.experiment = ?1 AND i.state = 0
             AND i.item >= l.first AND i.item < l.past)
         ORDER BY l.first, l.rowid",
    )?;
    let found = lacks.query_map([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut reasons: Vec<String> = Vec::new();
    for row in found {
        let (reason, worker): (String, String) = row?;
        if alive.contains(&worker) && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    let more = reasons.len().saturating_sub(MOST_REASONS);
    reasons.truncate(MOST_REASONS);
    if more > 0 {
        reasons.push(kept::line(&Problem::AndMore { more: more as u64 }.into()));
    }
    Ok(reasons.join("\n"))
}
