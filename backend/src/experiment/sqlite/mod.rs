//! The embedded queue: one SQLite file in the data folder, shared by all workers of the machine.

mod schema;
mod seat;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::experiment::{ExperimentState, LeftOut, SampleRef};
use shared::{ErrorCode, ModelInfo};

use super::queue::{Claim, End, Ended, Experiment, NewExperiment, Progress, Queue, Seat};
use crate::id::{OwnerHash, RunId};
use crate::store::StoreError;
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
        let mut connection = schema::connect(&path)?;
        schema::migrate(&mut connection)?;
        let connections = Mutex::new(vec![connection]);
        Ok(SqliteQueue { seats: data.join("workers"), path, connections })
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
    c.prepare_cached(
        "UPDATE items SET state = ?3, worker = NULL WHERE experiment = ?1 AND item = ?2",
    )?
    .execute(params![number, item, ENDED])?;
    c.prepare_cached(
        "UPDATE experiments SET state = 'done', problem = NULL WHERE number = ?1
         AND state IN ('running', 'paused')
         AND NOT EXISTS (SELECT 1 FROM items WHERE experiment = ?1 AND state < ?2)",
    )?
    .execute(params![number, ENDED])?;
    Ok(())
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
            let sql = format!("{COLUMNS} WHERE id = ?1");
            let row = c.prepare_cached(&sql)?.query_row(params![id.as_str()], row).optional()?;
            row.map(experiment).transpose()
        })
    }

    fn list(&self, most: u32) -> Result<Vec<Experiment>, StoreError> {
        self.with(|c| {
            let sql = format!("{COLUMNS} ORDER BY number DESC LIMIT ?1");
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map(params![most], row)?;
            rows.map(|r| experiment(r?)).collect()
        })
    }

    fn progress(&self, id: &RunId) -> Result<Progress, StoreError> {
        self.with(|c| {
            let c = c.transaction()?;
            let Some(number) = number(&c, id)? else { return Ok(Progress::default()) };
            let (ended, done): (u32, u32) = c
                .prepare_cached(
                    "SELECT count(*), coalesce(sum(done), 0) FROM ends WHERE experiment = ?1",
                )?
                .query_row(params![number], |r| Ok((r.get(0)?, r.get(1)?)))?;
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
            c.prepare_cached(
                "UPDATE experiments SET state = ?2, problem = ?3
                 WHERE id = ?1 AND state IN ('running', 'paused')",
            )?
            .execute(params![id.as_str(), name(wanted), problem])?;
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
                if holds {
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
            let Some(number) = number(c, id)? else { return Ok(Vec::new()) };
            let mut statement = c.prepare_cached(
                "SELECT seq, item, done, data, run FROM ends
                 WHERE experiment = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
            )?;
            let rows = statement.query_map(params![number, after as i64, most], ended_row)?;
            rows.map(|r| ended(r?)).collect()
        })
    }

    fn end(&self, id: &RunId, item: u32) -> Result<Option<Ended>, StoreError> {
        self.with(|c| {
            let Some(number) = number(c, id)? else { return Ok(None) };
            let row = c
                .prepare_cached(
                    "SELECT seq, item, done, data, run FROM ends WHERE experiment = ?1 AND item = ?2",
                )?
                .query_row(params![number, item], ended_row)
                .optional()?;
            row.map(ended).transpose()
        })
    }

    fn note_model(&self, id: &RunId, model: &ModelInfo) -> Result<(), StoreError> {
        self.write(|c| {
            let known: Option<String> = c
                .prepare_cached("SELECT models FROM experiments WHERE id = ?1")?
                .query_row(params![id.as_str()], |r| r.get(0))
                .optional()?;
            let Some(known) = known else { return Ok(()) };
            let mut models: Vec<ModelInfo> = parse(&known)?;
            // Once for each state of its files and each device: all of them made the numbers.
            if !models.contains(model) {
                models.push(model.clone());
                c.prepare_cached("UPDATE experiments SET models = ?2 WHERE id = ?1")?
                    .execute(params![id.as_str(), json(&models)?])?;
            }
            Ok(())
        })
    }

    fn note_run(&self, id: &RunId, item: u32, run: &str) -> Result<(), StoreError> {
        self.write(|c| {
            let Some(number) = number(c, id)? else { return Ok(()) };
            c.prepare_cached("UPDATE ends SET run = ?3 WHERE experiment = ?1 AND item = ?2")?
                .execute(params![number, item, run])?;
            Ok(())
        })
    }
}

const COLUMNS: &str = "SELECT id, created, lab, title, spec, dataset, grid, drawn, owner, state,
                              problem, models FROM experiments";

type Columns = ([String; 7], Vec<u8>, [u8; 32], String, Option<String>, String);

fn row(r: &Row) -> rusqlite::Result<Columns> {
    let texts = [r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?];
    Ok((texts, r.get(7)?, r.get(8)?, r.get(9)?, r.get(10)?, r.get(11)?))
}

fn experiment(columns: Columns) -> Result<Experiment, StoreError> {
    let ([id, created, lab, title, spec, dataset, grid], drawn, owner, state, problem, models) =
        columns;
    let (rows, _) = drawn.as_chunks::<8>();
    let start = NewExperiment {
        id: run_id(&id)?,
        created,
        title,
        spec: parse(&spec)?,
        dataset: parse(&dataset)?,
        grid: parse(&grid)?,
        rows: rows.iter().map(|row| u64::from_le_bytes(*row)).collect(),
        owner: OwnerHash(owner),
    };
    Ok(Experiment { start, lab, state: state_named(&state)?, problem, models: parse(&models)? })
}

type EndColumns = (i64, u32, bool, Vec<u8>, Option<String>);

fn ended_row(r: &Row) -> rusqlite::Result<EndColumns> {
    Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?))
}

fn ended((seq, item, done, data, run): EndColumns) -> Result<Ended, StoreError> {
    let end = match done {
        true => End::Done(Box::new(unpack(&data)?)),
        false => End::LeftOut(unpack(&data)?),
    };
    Ok(Ended { seq: seq as u64, item, end, run })
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
