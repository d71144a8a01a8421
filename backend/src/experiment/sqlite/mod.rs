//! The embedded queue: one SQLite file in the data folder, shared by all workers of the machine.

mod schema;
mod sealed;
mod seat;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::experiment::{ExperimentState, LeftOut, SampleRef};
use shared::{ErrorCode, ModelInfo};

use super::queue::{Claim, End, Ended, Experiment, NewExperiment, Progress, Queue, Seat};
use crate::id::{OwnerHash, RunId};
use crate::store::{Integrity, StoreError, wal};
use crate::{clock, lock};
use seat::{FileSeat, Life};

/// Ends of this many seconds tell the rate.
const MINUTE: f64 = 60.0;
/// An item at which this many workers died is left out: it would kill the next one too.
const MOST_DEATHS: u32 = 5;
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
}

impl SqliteQueue {
    /// Opens the queue in a data folder, making both where missing. Other processes may have it
    /// open too.
    ///
    /// # Errors
    /// [`StoreError`]: what is wrong with the file.
    pub fn open(data: &Path) -> Result<SqliteQueue, StoreError> {
        std::fs::create_dir_all(data).map_err(broken)?;
        let path = data.join("experiments.sqlite");
        let (open, lost) = match wal::look_alone(&path) {
            Ok((open, lost)) => (Some(open), lost),
            // A file system without locks: SQLite says whether it can be worked with.
            Err(error) => {
                tracing::warn!(%error, "the experiments' log is not looked at");
                (None, None)
            }
        };
        let mut connection = schema::connect(&path)?;
        schema::migrate(&mut connection)?;
        let connections = Mutex::new(vec![connection]);
        let seats = data.join("workers");
        Ok(SqliteQueue { seats, path, connections, integrity: OnceLock::new(), lost, _open: open })
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

    /// Gives back what dead workers held.
    fn bury(&self, c: &Transaction, own: &str) -> Result<(), StoreError> {
        let workers: Vec<String> = c
            .prepare_cached("SELECT DISTINCT worker FROM items WHERE state = 1")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for worker in workers.iter().filter(|w| *w != own) {
            let Life::Gone(at) = seat::life(&self.seats, worker) else { continue };
            c.prepare_cached(
                "UPDATE items SET state = 0, worker = NULL WHERE state = 1 AND worker = ?1",
            )?
            .execute(params![worker])?;
            if let Some(at) = at {
                died_at(c, &at)?;
            }
            seat::clear(&self.seats, worker);
        }
        Ok(())
    }
}

/// Counts a worker's death at an item, and leaves the item out after too many.
fn died_at(c: &Transaction, at: &Claim) -> Result<(), StoreError> {
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
    let Some((deaths, number)) = deaths.filter(|(deaths, _)| *deaths >= MOST_DEATHS) else {
        return Ok(());
    };
    if !sealed::intact(c, number)? {
        return Ok(());
    }
    let left_out = LeftOut {
        sample: SampleRef::default(),
        code: ErrorCode::Internal,
        message: format!(
            "{deaths} workers died while they ran it; most often there is too little memory for it."
        ),
    };
    end(c, number, at.item, &End::LeftOut(left_out))
}

/// Writes an item's end, and the experiment's where it was the last.
fn end(c: &Transaction, number: i64, item: u32, end: &End) -> Result<(), StoreError> {
    let (done, data) = match end {
        End::Done(outcome) => (true, pack(&**outcome)?),
        End::LeftOut(left_out) => (false, pack(left_out)?),
    };
    c.prepare_cached(
        "INSERT INTO ends (experiment, item, done, at, data) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![number, item, done, clock::unix_seconds(), data])?;
    sealed::seal_end(c, number, item)?;
    c.prepare_cached(
        "UPDATE items SET state = ?3, worker = NULL WHERE experiment = ?1 AND item = ?2",
    )?
    .execute(params![number, item, ENDED])?;
    sealed::change(c, number, || {
        c.prepare_cached(
            "UPDATE experiments SET ended = ended + 1, done = done + ?2 WHERE number = ?1",
        )?
        .execute(params![number, done])?;
        c.prepare_cached(
            "UPDATE experiments SET state = 'done', problem = NULL WHERE number = ?1
             AND state IN ('running', 'paused')
             AND NOT EXISTS (SELECT 1 FROM items WHERE experiment = ?1 AND state < ?2)",
        )?
        .execute(params![number, ENDED])?;
        Ok(())
    })
}

impl Queue for SqliteQueue {
    fn create(&self, new: &NewExperiment) -> Result<(), StoreError> {
        // What is acknowledged survives a power cut; a connection of its own for that.
        let mut connection = schema::connect(&self.path)?;
        connection.pragma_update(None, "synchronous", "full")?;
        let c = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let number: i64 =
            c.query_row("SELECT coalesce(max(number), 0) + 1 FROM experiments", [], |r| r.get(0))?;
        let drawn: Vec<u8> = new.rows.iter().flat_map(|row| row.to_le_bytes()).collect();
        c.execute(
            "INSERT INTO experiments (id, number, created, lab, title, spec, dataset, grid, drawn,
                                      owner, state, models)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'running', '[]')",
            params![
                new.id.as_str(),
                number,
                new.created,
                env!("CARGO_PKG_VERSION"),
                new.title,
                json(&new.spec)?,
                json(&new.dataset)?,
                json(&new.grid)?,
                drawn,
                new.owner.0,
            ],
        )?;
        sealed::seal(&c, number)?;
        {
            let mut insert =
                c.prepare("INSERT INTO items (experiment, place, item) VALUES (?1, ?2, ?3)")?;
            for (place, item) in new.grid.order().enumerate() {
                insert.execute(params![number, place as i64, item])?;
            }
        }
        c.commit()?;
        Ok(())
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
            let (recent, first, last): (u32, Option<f64>, Option<f64>) = c
                .prepare_cached(
                    "SELECT count(*), min(at), max(at) FROM
                     (SELECT at FROM ends WHERE experiment = ?1 ORDER BY seq DESC LIMIT 2000)
                     WHERE at > ?2",
                )?
                .query_row(params![number, clock::unix_seconds() - MINUTE], |r| {
                    Ok((r.get(0)?, r.get(1)?, r.get(2)?))
                })?;
            let span = last.zip(first).map_or(0.0, |(last, first)| last - first);
            let rate =
                (recent > 1 && span > 0.0 && workers > 0).then(|| f64::from(recent - 1) / span);
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
        self.write(|c| {
            let Some(number) = number(c, id)? else { return Ok(None) };
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
        self.write(|c| {
            let gone = c.execute("DELETE FROM experiments WHERE id = ?1", params![id.as_str()])?;
            Ok(gone > 0)
        })
    }

    fn sit(&self) -> Result<Box<dyn Seat>, StoreError> {
        Ok(Box::new(FileSeat::take(&self.seats)?))
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
        self.write(|c| {
            self.bury(c, seat.name())?;
            let mut claims = Vec::new();
            let mut waiting = c.prepare_cached(
                "SELECT e.id, i.experiment, i.place, i.item FROM experiments e
                 JOIN items i ON i.experiment = e.number AND i.state = 0
                 WHERE e.state = 'running' ORDER BY e.number, i.place LIMIT ?1",
            )?;
            let mut take = c.prepare_cached(
                "UPDATE items SET state = 1, worker = ?3 WHERE experiment = ?1 AND place = ?2",
            )?;
            let found = waiting.query_map(params![most], |r| {
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

    fn note_model(&self, id: &RunId, model: &ModelInfo) -> Result<(), StoreError> {
        self.write(|c| {
            let Some(number) = number(c, id)? else { return Ok(()) };
            sealed::change(c, number, || {
                let known: String = c
                    .prepare_cached("SELECT models FROM experiments WHERE number = ?1")?
                    .query_row(params![number], |r| r.get(0))?;
                let mut models: Vec<ModelInfo> = parse(&known)?;
                // Once for each state of its files and each device: all of them made the numbers.
                if !models.contains(model) {
                    models.push(model.clone());
                    c.prepare_cached("UPDATE experiments SET models = ?2 WHERE number = ?1")?
                        .execute(params![number, json(&models)?])?;
                }
                Ok(())
            })
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

/// The experiment in a row of [`sealed::EXPERIMENT`] and its checksum.
fn experiment(r: &Row) -> Result<Experiment, StoreError> {
    sealed::check(r)?;
    let text = |i: usize| r.get::<_, String>(i);
    let drawn: Vec<u8> = r.get(7)?;
    let (rows, _) = drawn.as_chunks::<8>();
    let start = NewExperiment {
        id: run_id(&text(0)?)?,
        created: text(1)?,
        title: text(3)?,
        spec: parse(&text(4)?)?,
        dataset: parse(&text(5)?)?,
        grid: parse(&text(6)?)?,
        rows: rows.iter().map(|row| u64::from_le_bytes(*row)).collect(),
        owner: OwnerHash(r.get(8)?),
    };
    let (state, models) = (state_named(&text(9)?)?, parse(&text(11)?)?);
    Ok(Experiment { start, lab: text(2)?, state, problem: r.get(10)?, models })
}

/// The end in a row of [`sealed::END`] and its checksum.
fn ended(r: &Row) -> Result<Ended, StoreError> {
    sealed::check_end(r)?;
    let data = r.get_ref(5)?.as_blob().map_err(broken)?;
    let end = match r.get(3)? {
        true => End::Done(Box::new(unpack(data)?)),
        false => End::LeftOut(unpack(data)?),
    };
    Ok(Ended { seq: r.get::<_, i64>(0)? as u64, item: r.get(2)?, end, run: r.get(6)? })
}

fn number(c: &Connection, id: &RunId) -> Result<Option<i64>, StoreError> {
    let found = c
        .prepare_cached("SELECT number FROM experiments WHERE id = ?1")?
        .query_row(params![id.as_str()], |r| r.get(0));
    Ok(found.optional()?)
}

fn state(c: &Connection, id: &RunId) -> Result<Option<ExperimentState>, StoreError> {
    let found: Option<String> = c
        .prepare_cached("SELECT state FROM experiments WHERE id = ?1")?
        .query_row(params![id.as_str()], |r| r.get(0))
        .optional()?;
    found.map(|name| state_named(&name)).transpose()
}

const STATES: [(ExperimentState, &str); 4] = [
    (ExperimentState::Running, "running"),
    (ExperimentState::Paused, "paused"),
    (ExperimentState::Done, "done"),
    (ExperimentState::Cancelled, "cancelled"),
];

fn name(state: ExperimentState) -> &'static str {
    STATES.iter().find(|(s, _)| *s == state).map_or("cancelled", |(_, name)| name)
}

fn state_named(name: &str) -> Result<ExperimentState, StoreError> {
    let found = STATES.iter().find(|(_, n)| *n == name);
    found.map(|(state, _)| *state).ok_or_else(|| broken(format!("unknown state {name}")))
}

fn run_id(text: &str) -> Result<RunId, StoreError> {
    RunId::parse(text).ok_or_else(|| broken(format!("{text} is no name")))
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(broken)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(broken)
}

fn pack(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    let plain = rmp_serde::to_vec_named(value).map_err(broken)?;
    zstd::bulk::compress(&plain, 3).map_err(broken)
}

fn unpack<T: DeserializeOwned>(data: &[u8]) -> Result<T, StoreError> {
    rmp_serde::from_slice(&zstd::decode_all(data).map_err(broken)?).map_err(broken)
}

fn broken(error: impl std::fmt::Display) -> StoreError {
    StoreError::Broken(error.to_string())
}
