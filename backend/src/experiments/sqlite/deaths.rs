//! What workers that died leave: their items to others, a count at the one that they were at, and a
//! pause of the work that a lab died of before it had begun.

use rusqlite::{OptionalExtension, Transaction, params};
use shared::ErrorCode;
use shared::Message;
use shared::experiment::{LeftOut, SampleRef};
use shared::sentence::Problem;

use super::rows::end;
use super::seat::{self, Last, Life};
use super::{SqliteQueue, kept, sealed};
use crate::experiments::End;
use crate::store::StoreError;

/// An item at which this many workers died is left out: it would kill the next one too.
const MOST_DEATHS: u32 = 3;

/// What a worker's death at an item came to.
struct Death {
    experiment: String,
    item: u32,
    deaths: u32,
    paused: bool,
}

impl SqliteQueue {
    /// Gives back what dead workers held, and counts the items that they died at.
    pub(super) fn bury(&self, own: &str) -> Result<(), StoreError> {
        let workers: Vec<String> = self.with(|c| {
            let mut holding =
                c.prepare_cached("SELECT DISTINCT worker FROM items WHERE state = 1")?;
            let all = holding.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(all)
        })?;
        let mut gone = Vec::new();
        for worker in workers.into_iter().filter(|worker| worker != own) {
            if let Life::Gone(last) = seat::life(&self.seats, &worker) {
                gone.push((worker, last));
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        let deaths = self.write(|c| {
            let mut deaths = Vec::new();
            for (worker, last) in &gone {
                let held = c
                    .prepare_cached(
                        "UPDATE items SET state = 0, worker = NULL WHERE state = 1 AND worker = ?1",
                    )?
                    .execute(params![worker])?;
                // Where nothing was held any more, another lab has counted this death meanwhile.
                if held > 0
                    && let Some(last) = last
                {
                    deaths.extend(died_at(c, last)?);
                }
            }
            Ok(deaths)
        })?;
        // Only now that it is kept: a lab that is killed here must find the worker's last item again, or
        // that item would be begun as if nobody had died at it.
        for (worker, _) in &gone {
            seat::clear(&self.seats, worker);
        }
        for Death { experiment, item, deaths, paused } in deaths {
            tracing::warn!(experiment, item, deaths, "a worker died at an item");
            if paused {
                tracing::warn!(experiment, "{}", Message::from(Problem::LabKilled));
            }
        }
        Ok(())
    }
}

/// Counts a worker's death at an item, leaves the item out after too many, and pauses the work that a
/// lab died of at its start.
fn died_at(c: &Transaction, last: &Last) -> Result<Option<Death>, StoreError> {
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
    let Some((deaths, number)) = deaths else { return Ok(None) };
    let experiment = at.experiment.short().to_owned();
    let death = Death { experiment, item: at.item, deaths, paused: false };
    if !sealed::intact(c, number)? {
        return Ok(Some(death));
    }
    if deaths >= MOST_DEATHS {
        let died = Problem::WorkersDied { deaths: deaths.into() };
        let left_out = LeftOut::new(SampleRef::default(), ErrorCode::Internal, died);
        end(c, number, at.item, &End::LeftOut(left_out))?;
    }
    let paused = last.lab_started && pause(c, number, &kept::line(&Problem::LabKilled.into()))?;
    Ok(Some(Death { paused, ..death }))
}

/// Pauses an experiment that is running, and says why in lines of [`kept`]; gives whether it was.
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
