//! The embedded queue: one SQLite file in the data folder, shared by all workers of the machine.

mod deaths;
mod lacks;
mod schema;
mod sealed;
mod seat;

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::ModelInfo;
use shared::experiment::ExperimentState;

use super::queue::{
    Claim, End, Ended, Experiment, NewExperiment, Noted, Post, Progress, Queue, Seat,
};
use crate::id::{OwnerHash, RunId};
use crate::store::{Integrity, Space, StoreError, folder, space, wal};
use crate::{clock, lock};
use seat::FileSeat;

/// Ends of this many seconds tell the rate.
const MINUTE: f64 = 60.0;
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

/// Writes an experiment and its items.
fn insert(c: &Transaction, new: &NewExperiment) -> Result<(), StoreError> {
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
            let rate = (workers > 0).then(|| rate(&newest_first, clock::unix_seconds())).flatten();
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
        self.always(|c| {
            let Some(number) = number(c, id)? else { return Ok(None) };
            if wanted == ExperimentState::Running {
                // First, so that what a worker died of earlier does not pause it again.
                self.bury(c, "")?;
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
        let gone = self.always(|c| {
            let gone = c.execute("DELETE FROM experiments WHERE id = ?1", params![id.as_str()])?;
            Ok(gone > 0)
        })?;
        self.with(|c| {
            // Done is done, whether or not the disk gets something back now.
            if let Err(error) = self.space.need(|| space::give_back(c)) {
                tracing::warn!(%error, "the disk was not given back what was deleted");
            }
            Ok(gone)
        })
    }

    fn sit(&self, post: Post) -> Result<Box<dyn Seat>, StoreError> {
        let seat = FileSeat::take(&self.seats, post)?;
        self.write(|c| {
            self.bury(c, seat.name())?;
            self.forget_gone(c)
        })?;
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
        self.write(|c| {
            self.bury(c, seat.name())?;
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

/// Items a second over the last minute of work, from the moments at which items ended, the newest
/// first. The clock may have been set meanwhile, forward or back, and several workers hand ends in:
/// what lies between two ends counts only where it is no less than nothing and no more than a minute.
fn rate(newest_first: &[f64], now: f64) -> Option<f64> {
    let plausible = |span: &f64| (0.0..=MINUTE).contains(span);
    newest_first.first().map(|newest| now - newest).filter(plausible)?;
    let (mut items, mut seconds) = (0_u32, 0.0);
    let spans = newest_first.windows(2).map(|pair| pair[0] - pair[1]);
    for span in spans.filter(plausible) {
        if seconds + span > MINUTE {
            break;
        }
        items += 1;
        seconds += span;
    }
    (items > 0 && seconds > 0.0).then(|| f64::from(items) / seconds)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// An item a second, while the clock is set to another day, and back.
    #[test]
    fn a_clock_that_is_set_makes_no_estimate_absurd() {
        let day = 86_400.0;
        let ends = |shifts: &[(usize, f64)]| {
            let mut at: Vec<f64> = (0..40).map(f64::from).collect();
            for (from, shift) in shifts {
                at[*from..].iter_mut().for_each(|at| *at += shift);
            }
            let now = at[39] + 0.5;
            at.reverse();
            (at, now)
        };
        for shifts in [
            &[][..],
            &[(20, day)],
            &[(20, -day)],
            &[(39, 3650.0 * day)],
            &[(10, day), (11, -day), (30, -3.0 * day)],
            &[(38, -day), (39, day)],
        ] {
            let (at, now) = ends(shifts);
            let rate = rate(&at, now).unwrap();
            assert!((rate - 1.0).abs() < 1e-9, "{shifts:?}: {rate}");
        }
        // Set since the last end: nothing is known until the next.
        let (at, now) = ends(&[]);
        assert_eq!((rate(&at, now + day), rate(&at, now - day)), (None, None));
        assert_eq!((rate(&[], 0.0), rate(&[5.0], 5.0), rate(&[5.0, 5.0], 5.0)), (None, None, None));
        // Two workers whose clocks are a day apart, one end each in turn: no estimate, none that is
        // wrong.
        let two: Vec<f64> = (0..40).map(|i| f64::from(39 - i) + f64::from(i % 2) * day).collect();
        assert_eq!(rate(&two, 39.5), None);
        // Only the last minute counts.
        let slower: Vec<f64> = (0..100).map(|i| 1000.0 - 10.0 * f64::from(i)).collect();
        assert_eq!(rate(&slower, 1001.0), Some(0.1));
    }

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
