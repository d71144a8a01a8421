//! The embedded queue: one SQLite file in the data folder, shared by all workers of the machine.

mod check;
mod deaths;
mod expire;
mod lacks;
mod rate;
mod rows;
mod schema;
mod sealed;
mod seat;

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use shared::ModelInfo;
use shared::experiment::ExperimentState;

use super::queue::{
    Claim, End, Ended, Experiment, NewExperiment, Noted, Post, Progress, Queue, Seat,
};
use crate::id::RunId;
use crate::store::{Integrity, Space, StoreError, folder, space, wal};
use crate::{clock, lock};
pub use check::check;
use rows::{broken, end, ended, experiment, insert, json, name, number, parse, run_id, state};
use seat::FileSeat;

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

impl Queue for SqliteQueue {
    fn create(&self, new: &NewExperiment) -> Result<(), StoreError> {
        if self.space.is_full() && !(self.space.keep() && self.space.has_room()) {
            return Err(StoreError::Full);
        }
        let created = self.synced(|c| insert(c, new));
        if matches!(created, Err(StoreError::Full)) {
            self.space.note_full();
        }
        created
    }

    fn get(&self, id: &RunId) -> Result<Option<Experiment>, StoreError> {
        self.with(|c| {
            let sql = format!("SELECT {}, sum FROM experiments WHERE id = ?1", sealed::EXPERIMENT);
            let mut statement = c.prepare_cached(&sql)?;
            let mut rows = statement.query(params![id.as_str()])?;
            if let Some(row) = rows.next()? {
                let found = experiment(row)?;
                return match found.start.id == *id {
                    true => Ok(Some(found)),
                    false => Err(StoreError::Damaged("an index leads to another row".to_owned())),
                };
            }
            // A damaged file may have lost the experiment, and then it was not deleted.
            let damage = match &self.lost {
                Some(lost) => Some(lost.clone()),
                None => self.looked()?.damage(),
            };
            damage.map_or(Ok(None), |damage| Err(StoreError::Damaged(damage)))
        })
    }

    fn list(&self, most: u32) -> Result<Vec<Experiment>, StoreError> {
        self.with(|c| {
            let sql = format!(
                "SELECT {}, sum FROM experiments ORDER BY number DESC LIMIT ?1",
                sealed::EXPERIMENT
            );
            let mut statement = c.prepare_cached(&sql)?;
            let mut rows = statement.query(params![most])?;
            let mut list = Vec::new();
            while let Some(row) = rows.next()? {
                match experiment(row) {
                    Ok(experiment) => list.push(experiment),
                    // Named by `damaged`; the others are listed.
                    Err(error @ StoreError::Damaged(_)) => {
                        tracing::error!(%error, "an experiment is not listed");
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(list)
        })
    }

    fn damaged(&self) -> Result<Vec<String>, StoreError> {
        self.with(|c| {
            let sql =
                format!("SELECT {}, sum FROM experiments ORDER BY number DESC", sealed::EXPERIMENT);
            let mut statement = c.prepare_cached(&sql)?;
            let mut rows = statement.query([])?;
            let mut damaged = Vec::new();
            while let Some(row) = rows.next()? {
                match sealed::check(row) {
                    Ok(()) => {}
                    Err(StoreError::Damaged(_)) => {
                        let name = row.get::<_, String>(0).ok().and_then(|id| RunId::parse(&id));
                        damaged.push(name.map_or_else(|| "?".to_owned(), |id| id.to_string()));
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(damaged)
        })
    }

    fn progress(&self, id: &RunId) -> Result<Progress, StoreError> {
        self.with(|c| {
            let c = c.transaction()?;
            let Some(number) = sealed::number(&c, id)? else { return Ok(Progress::default()) };
            let (ended, done) = sealed::counts(&c, number)?;
            let (running, workers): (u32, u32) = c
                .prepare_cached(
                    "SELECT count(*), count(DISTINCT worker) FROM items
                     WHERE state = ?2 AND experiment = ?1",
                )?
                .query_row(params![number, HELD], |r| Ok((r.get(0)?, r.get(1)?)))?;
            let newest_first: Vec<f64> = c
                .prepare_cached(
                    "SELECT at FROM ends WHERE experiment = ?1 ORDER BY seq DESC LIMIT 2000",
                )?
                .query_map([number], |r| r.get(0))?
                .collect::<Result<_, _>>()?;
            let rate =
                (workers > 0).then(|| rate::of(&newest_first, clock::unix_seconds())).flatten();
            Ok(Progress { done, left_out: ended - done, running, workers, rate })
        })
    }

    fn state(&self, id: &RunId) -> Result<Option<ExperimentState>, StoreError> {
        self.with(|c| state(c, id))
    }

    fn set_state(
        &self,
        id: &RunId,
        wanted: ExperimentState,
        problem: Option<&str>,
    ) -> Result<Option<ExperimentState>, StoreError> {
        if wanted == ExperimentState::Running {
            // First, so that what a worker died of earlier does not pause it again.
            self.bury("")?;
        }
        self.always(|c| {
            let Some(number) = number(c, id)? else { return Ok(None) };
            if wanted == ExperimentState::Running {
                lacks::forget_of(c, number)?;
            }
            sealed::change(c, number, || {
                c.prepare_cached(
                    "UPDATE experiments SET state = ?2, problem = ?3
                     WHERE number = ?1 AND state IN ('running', 'paused')",
                )?
                .execute(params![number, name(wanted), problem])?;
                Ok(())
            })?;
            state(c, id)
        })
    }

    fn delete(&self, id: &RunId) -> Result<bool, StoreError> {
        let gone = self.always(|c| rows::delete(c, id))?;
        self.give_back()?;
        Ok(gone)
    }

    fn expire(&self, before: SystemTime) -> Result<Vec<RunId>, StoreError> {
        let old = self.always(|c| expire::expire(c, before))?;
        if !old.is_empty() {
            self.give_back()?;
        }
        Ok(old)
    }

    fn sit(&self, post: Post) -> Result<Box<dyn Seat>, StoreError> {
        let seat = FileSeat::take(&self.seats, post)?;
        self.bury(seat.name())?;
        self.write(|c| self.forget_gone(c))?;
        lock(&self.taken).push(seat.name().to_owned());
        Ok(Box::new(seat))
    }

    fn leave(&self) {
        lock(&self.taken).iter().for_each(|name| seat::blank(&self.seats, name));
    }

    fn claim(&self, seat: &dyn Seat, most: u32) -> Result<Vec<Claim>, StoreError> {
        // Idle workers ask often: they must not hold up those that write.
        let any = self.with(|c| {
            Ok(c.prepare_cached("SELECT 1 FROM experiments WHERE state = 'running' LIMIT 1")?
                .exists([])?)
        })?;
        if !any {
            return Ok(Vec::new());
        }
        self.bury(seat.name())?;
        self.write(|c| {
            let mut claims = Vec::new();
            let mut waiting = c.prepare_cached(&format!(
                "SELECT e.id, i.experiment, i.place, i.item FROM experiments e
                 JOIN items i ON i.experiment = e.number AND i.state = 0
                 WHERE e.state = 'running' AND {} ORDER BY e.number, i.place LIMIT ?2",
                lacks::ABLE
            ))?;
            let mut take = c.prepare_cached(
                "UPDATE items SET state = 1, worker = ?3 WHERE experiment = ?1 AND place = ?2",
            )?;
            let found = waiting.query_map(params![seat.name(), most], |r| {
                Ok((r.get::<_, String>(0)?, r.get::<_, i64>(1)?, r.get::<_, i64>(2)?, r.get(3)?))
            })?;
            for row in found.collect::<Result<Vec<_>, _>>()? {
                let (id, number, place, item) = row;
                if !sealed::intact(c, number)? {
                    continue;
                }
                take.execute(params![number, place, seat.name()])?;
                claims.push(Claim { experiment: run_id(&id)?, item });
            }
            if claims.is_empty() {
                self.pause_stuck(c)?;
            }
            Ok(claims)
        })
    }

    fn finish(&self, seat: &dyn Seat, ends: &[(Claim, End)]) -> Result<u32, StoreError> {
        self.write(|c| {
            let mut taken = 0;
            for (claim, ended) in ends {
                let Some(number) = number(c, &claim.experiment)? else { continue };
                let holds = c
                    .prepare_cached(
                        "SELECT 1 FROM items WHERE experiment = ?1 AND item = ?2 AND state = 1
                         AND worker = ?3",
                    )?
                    .exists(params![number, claim.item, seat.name()])?;
                if holds && sealed::intact(c, number)? {
                    end(c, number, claim.item, ended)?;
                    taken += 1;
                }
            }
            Ok(taken)
        })
    }

    fn release(&self, seat: &dyn Seat, claims: &[Claim]) -> Result<(), StoreError> {
        self.write(|c| {
            for claim in claims {
                let Some(number) = number(c, &claim.experiment)? else { continue };
                c.prepare_cached(
                    "UPDATE items SET state = ?4, worker = NULL
                     WHERE experiment = ?1 AND item = ?2 AND state = 1 AND worker = ?3",
                )?
                .execute(params![number, claim.item, seat.name(), WAITING])?;
            }
            Ok(())
        })
    }

    fn lack(
        &self,
        seat: &dyn Seat,
        id: &RunId,
        items: &[Range<u32>],
        reason: &str,
    ) -> Result<(), StoreError> {
        self.write(|c| {
            let Some(number) = number(c, id)? else { return Ok(()) };
            lacks::note(c, number, seat.name(), items, reason)?;
            let mut give_back = c.prepare_cached(
                "UPDATE items SET state = ?5, worker = NULL WHERE experiment = ?1
                 AND state = 1 AND worker = ?2 AND item >= ?3 AND item < ?4",
            )?;
            for range in items {
                let Range { start, end } = range;
                give_back.execute(params![number, seat.name(), start, end, WAITING])?;
            }
            self.pause_stuck(c)
        })
    }

    fn try_again(&self, seat: &dyn Seat) -> Result<bool, StoreError> {
        self.write(|c| lacks::forget_by(c, seat.name()))
    }

    fn ends(&self, id: &RunId, after: u64, most: u32) -> Result<Vec<Ended>, StoreError> {
        self.with(|c| {
            let c = c.transaction()?;
            let Some(number) = sealed::number(&c, id)? else { return Ok(Vec::new()) };
            // By one index, so that what is counted below is what was read.
            let sql = format!(
                "SELECT {}, sum FROM ends INDEXED BY ends_of
                 WHERE experiment = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
                sealed::END
            );
            let mut statement = c.prepare_cached(&sql)?;
            let mut rows = statement.query(params![number, after as i64, most])?;
            let mut ends: Vec<Ended> = Vec::new();
            while let Some(row) = rows.next()? {
                let end = ended(row)?;
                let rises = end.seq > ends.last().map_or(after, |last| last.seq);
                sealed::belongs(row, number, rises)?;
                ends.push(end);
            }
            // The last of them: none may be missing.
            if ends.len() < most as usize {
                sealed::check_count(&c, number, after, ends.len())?;
            }
            Ok(ends)
        })
    }

    fn end(&self, id: &RunId, item: u32) -> Result<Option<Ended>, StoreError> {
        self.with(|c| {
            let Some(number) = sealed::number(c, id)? else { return Ok(None) };
            sealed::end(c, number, item, ended)
        })
    }

    fn note_model(&self, id: &RunId, model: &ModelInfo) -> Result<Noted, StoreError> {
        self.write(|c| {
            let Some(number) = number(c, id)? else { return Ok(Noted::Noted) };
            let mut noted = Noted::Noted;
            sealed::change(c, number, || {
                let known: String = c
                    .prepare_cached("SELECT models FROM experiments WHERE number = ?1")?
                    .query_row(params![number], |r| r.get(0))?;
                let mut models: Vec<ModelInfo> = parse(&known)?;
                let mut same =
                    models.iter().filter(|m| (&m.name, m.quant) == (&model.name, model.quant));
                if let Some(first) = same.next()
                    && first.hash != model.hash
                {
                    noted = Noted::Differs(first.hash.clone());
                } else if !models.contains(model) {
                    // Once for each device: all of them made the numbers.
                    models.push(model.clone());
                    c.prepare_cached("UPDATE experiments SET models = ?2 WHERE number = ?1")?
                        .execute(params![number, json(&models)?])?;
                }
                Ok(())
            })?;
            Ok(noted)
        })
    }

    fn note_run(&self, id: &RunId, item: u32, run: &str) -> Result<(), StoreError> {
        self.write(|c| {
            let Some(number) = number(c, id)? else { return Ok(()) };
            if sealed::end(c, number, item, |_| Ok(()))?.is_none() {
                return Ok(());
            }
            c.prepare_cached("UPDATE ends SET run = ?3 WHERE experiment = ?1 AND item = ?2")?
                .execute(params![number, item, run])?;
            sealed::seal_end(c, number, item)
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
