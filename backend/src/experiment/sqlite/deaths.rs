//! What workers that died leave: their items to others, a count at the one that they were at, and a
//! pause of the work that a lab died of before it had begun.

use rusqlite::{OptionalExtension, Transaction, params};
use shared::ErrorCode;
use shared::experiment::{LeftOut, SampleRef};

use super::rows::end;
use super::seat::{self, Last, Life};
use super::{SqliteQueue, sealed};
use crate::experiment::queue::End;
use crate::store::StoreError;

/// An item at which this many workers died is left out: it would kill the next one too.
const MOST_DEATHS: u32 = 3;

/// What is said of work that a lab was killed at before any of it was done.
const KILLED: &str = "The lab was killed while it was starting this work; most often there is too little memory for \
     it. It is paused so that the lab stays open.";

impl SqliteQueue {
    /// Gives back what dead workers held.
    pub(super) fn bury(&self, c: &Transaction, own: &str) -> Result<(), StoreError> {
        let workers: Vec<String> = c
            .prepare_cached("SELECT DISTINCT worker FROM items WHERE state = 1")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for worker in workers.iter().filter(|w| *w != own) {
            let Life::Gone(last) = seat::life(&self.seats, worker) else { continue };
            c.prepare_cached(
                "UPDATE items SET state = 0, worker = NULL WHERE state = 1 AND worker = ?1",
            )?
            .execute(params![worker])?;
            if let Some(last) = last {
                died_at(c, &last)?;
            }
            seat::clear(&self.seats, worker);
        }
        Ok(())
    }
}

/// Counts a worker's death at an item, leaves the item out after too many, and pauses the work that a
/// lab died of at its start.
fn died_at(c: &Transaction, last: &Last) -> Result<(), StoreError> {
    let at = &last.claim;
    let deaths = c
        .prepare_cached(
            "UPDATE items SET deaths = deaths + 1 WHERE state = 0 AND item = ?2
             AND experiment = (SELECT number FROM experiments WHERE id = ?1)
             RETURNING deaths, experiment",
        )?
        .query_row(params![at.experiment.as_str(), at.item], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    let Some((deaths, number)) = deaths else { return Ok(()) };
    let (experiment, item) = (at.experiment.short(), at.item);
    tracing::warn!(experiment, item, deaths, "a worker died at an item");
    if !sealed::intact(c, number)? {
        return Ok(());
    }
    if deaths >= MOST_DEATHS {
        let left_out = LeftOut {
            sample: SampleRef::default(),
            code: ErrorCode::Internal,
            message: format!(
                "{deaths} workers died at work on it; most often there is too little memory for it."
            ),
        };
        end(c, number, at.item, &End::LeftOut(left_out))?;
    }
    if last.lab_started && pause(c, number, KILLED)? {
        tracing::warn!(experiment, "{KILLED}");
    }
    Ok(())
}

/// Pauses an experiment that is running, and says why; gives whether it was.
pub(super) fn pause(c: &Transaction, number: i64, problem: &str) -> Result<bool, StoreError> {
    let mut paused = false;
    sealed::change(c, number, || {
        paused = c
            .prepare_cached(
                "UPDATE experiments SET state = 'paused', problem = ?2
                 WHERE number = ?1 AND state = 'running'",
            )?
            .execute(params![number, problem])?
            > 0;
        Ok(())
    })?;
    Ok(paused)
}
