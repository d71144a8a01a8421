//! The book in SQLite.

use std::time::SystemTime;

use rusqlite::params;
use shared::Message;
use shared::experiment::ExperimentState;

use super::rows::{ended, experiment, insert, name, number, state};
use super::{HELD, SqliteQueue, expire, kept, lacks, rate, rows, sealed};
use crate::clock;
use crate::experiments::book::{Book, Ended, Experiment, NewExperiment, Progress};
use crate::id::RunId;
use crate::store::StoreError;

impl Book for SqliteQueue {
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

    fn note_asker(&self, id: &RunId, network: &str) -> Result<(), StoreError> {
        self.always(|c| {
            c.execute(
                "DELETE FROM askers WHERE experiment IN
                     (SELECT id FROM experiments WHERE state NOT IN ('running', 'paused'))",
                [],
            )?;
            c.prepare_cached(
                "INSERT OR REPLACE INTO askers (experiment, network) VALUES (?1, ?2)",
            )?
            .execute(params![id.as_str(), network])?;
            Ok(())
        })
    }

    fn unfinished(&self, network: &str) -> Result<(usize, usize), StoreError> {
        self.with(|c| {
            let running = "SELECT count(*) FROM experiments WHERE state = 'running'";
            let running: u32 = c.prepare_cached(running)?.query_row([], |row| row.get(0))?;
            let own: u32 = c
                .prepare_cached(
                    "SELECT count(*) FROM askers JOIN experiments ON id = experiment
                     WHERE network = ?1 AND state IN ('running', 'paused')",
                )?
                .query_row([network], |row| row.get(0))?;
            Ok((running as usize, own as usize))
        })
    }

    fn state(&self, id: &RunId) -> Result<Option<ExperimentState>, StoreError> {
        self.with(|c| state(c, id))
    }

    fn set_state(
        &self,
        id: &RunId,
        wanted: ExperimentState,
        problem: Option<&Message>,
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
                .execute(params![
                    number,
                    name(wanted),
                    problem.map(kept::line)
                ])?;
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
        // One transaction each: other workers write between them, and on a full disk one is all that
        // there is room for.
        let mut gone = Vec::new();
        for id in self.with(|c| expire::find(c, before))? {
            if self.always(|c| expire::delete(c, &id, before))? {
                self.give_back()?;
                gone.push(id);
            }
        }
        Ok(gone)
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
