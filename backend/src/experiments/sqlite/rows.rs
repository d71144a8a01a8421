//! Rows read and written: experiments, their items and ends.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::experiment::ExperimentState;

use super::{ENDED, kept, sealed};
use crate::clock;
use crate::experiments::{End, Ended, Experiment, NewExperiment};
use crate::id::{OwnerHash, RunId};
use crate::store::StoreError;

/// Writes an item's end, and the experiment's where it was the last.
pub(super) fn end(c: &Transaction, number: i64, item: u32, end: &End) -> Result<(), StoreError> {
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

/// Removes an experiment with all it left; gives whether it was there.
pub(super) fn delete(c: &Connection, id: &RunId) -> Result<bool, StoreError> {
    Ok(c.execute("DELETE FROM experiments WHERE id = ?1", params![id.as_str()])? > 0)
}

/// Writes an experiment and its items.
pub(super) fn insert(c: &Transaction, new: &NewExperiment) -> Result<(), StoreError> {
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
    sealed::seal(c, number)?;
    {
        let mut insert =
            c.prepare("INSERT INTO items (experiment, place, item) VALUES (?1, ?2, ?3)")?;
        for (place, item) in new.grid.order().enumerate() {
            insert.execute(params![number, place as i64, item])?;
        }
    }
    Ok(())
}

/// The experiment in a row of [`sealed::EXPERIMENT`] and its checksum.
pub(super) fn experiment(r: &Row) -> Result<Experiment, StoreError> {
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
    let problem: Option<String> = r.get(10)?;
    let problems = problem.as_deref().map(kept::messages).unwrap_or_default();
    Ok(Experiment { start, lab: text(2)?, state, problems, models })
}

/// The end in a row of [`sealed::END`] and its checksum.
pub(super) fn ended(r: &Row) -> Result<Ended, StoreError> {
    sealed::check_end(r)?;
    let data = r.get_ref(5)?.as_blob().map_err(broken)?;
    let end = match r.get(3)? {
        true => End::Done(Box::new(unpack(data)?)),
        false => End::LeftOut(unpack(data)?),
    };
    Ok(Ended { seq: r.get::<_, i64>(0)? as u64, item: r.get(2)?, end, run: r.get(6)? })
}

pub(super) fn number(c: &Connection, id: &RunId) -> Result<Option<i64>, StoreError> {
    let found = c
        .prepare_cached("SELECT number FROM experiments WHERE id = ?1")?
        .query_row(params![id.as_str()], |r| r.get(0));
    Ok(found.optional()?)
}

pub(super) fn state(c: &Connection, id: &RunId) -> Result<Option<ExperimentState>, StoreError> {
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

pub(super) fn name(state: ExperimentState) -> &'static str {
    STATES.iter().find(|(s, _)| *s == state).map_or("cancelled", |(_, name)| name)
}

pub(super) fn state_named(name: &str) -> Result<ExperimentState, StoreError> {
    let found = STATES.iter().find(|(_, n)| *n == name);
    found.map(|(state, _)| *state).ok_or_else(|| broken(format!("unknown state {name}")))
}

pub(super) fn run_id(text: &str) -> Result<RunId, StoreError> {
    RunId::parse(text).ok_or_else(|| broken(format!("{text} is no name")))
}

pub(super) fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(broken)
}

pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(broken)
}

pub(super) fn pack(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    let plain = rmp_serde::to_vec_named(value).map_err(broken)?;
    zstd::bulk::compress(&plain, 3).map_err(broken)
}

pub(super) fn unpack<T: DeserializeOwned>(data: &[u8]) -> Result<T, StoreError> {
    rmp_serde::from_slice(&zstd::decode_all(data).map_err(broken)?).map_err(broken)
}

pub(super) fn broken(error: impl std::fmt::Display) -> StoreError {
    StoreError::Broken(error.to_string())
}
