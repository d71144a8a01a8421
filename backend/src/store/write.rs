//! Writing. Every function is one transaction.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use shared::api::RunState;
use shared::{Envelope, Event, Label, LabelChange, Message, TokenHeads};

use super::blob::{self, broken};
use super::ends::{interrupted, state_of};
use super::sealed::{self, Kind};
use super::{KeptRows, NewRun, RunRows, StoreError};
use crate::id::RunId;

const fn state_name(state: RunState) -> &'static str {
    match state {
        RunState::Queued | RunState::Running => "queued",
        RunState::Done => "done",
        RunState::Failed => "failed",
        RunState::Cancelled => "cancelled",
    }
}

pub(super) fn begin(c: &mut Connection) -> Result<rusqlite::Transaction<'_>, StoreError> {
    Ok(c.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

pub(super) fn insert(c: &mut Connection, run: &NewRun) -> Result<(), StoreError> {
    let t = begin(c)?;
    let picture = blob::put(&t, &run.picture)?;
    t.prepare_cached(
        "INSERT INTO runs (id, version, created, state, options, owner, picture, content_type)
         VALUES (?1, ?2, ?3, 'queued', ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        run.id.as_str(),
        run.options.event_version(),
        run.created,
        serde_json::to_string(&run.options).map_err(broken)?,
        run.owner.0,
        picture,
        run.content_type,
    ])?;
    sealed::seal_run(&t, run.id.as_str())?;
    let count = run.more.len() as i64 + 1;
    for (place, (picture, content_type)) in (1..).zip(&run.more) {
        let picture = blob::put(&t, picture)?;
        t.prepare_cached(
            "INSERT INTO pictures (run, place, count, picture, content_type)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![run.id.as_str(), place as i64, count, picture, content_type])?;
        sealed::seal_picture(&t, run.id.as_str(), place)?;
    }
    Ok(t.commit()?)
}

fn put_events(c: &Connection, id: &RunId, events: &[Arc<Envelope>]) -> Result<(), StoreError> {
    let Some(first) = events.first() else { return Ok(()) };
    let (first, count) = (first.seq as i64, events.len() as i64);
    let data = blob::pack(events)?;
    c.prepare_cached("INSERT INTO events (run, first, count, data) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![id.as_str(), first, count, data])?;
    sealed::seal_block(c, Kind::Events, id.as_str(), first, count, &data)
}

fn put_heads(
    c: &Connection,
    id: &RunId,
    first: u32,
    heads: &[Arc<TokenHeads>],
) -> Result<(), StoreError> {
    let mut put =
        c.prepare_cached("INSERT OR REPLACE INTO heads (run, token, data) VALUES (?1, ?2, ?3)")?;
    for (token, rows) in (first..).zip(heads) {
        let data = blob::pack_heads(rows)?;
        put.execute(params![id.as_str(), token, data])?;
        sealed::seal_block(c, Kind::Heads, id.as_str(), token.into(), 1, &data)?;
    }
    Ok(())
}

/// Writes what a run left, and the state it ended in, where it did; gives how much of it is kept now.
pub(super) fn save(c: &mut Connection, run: &RunRows) -> Result<KeptRows, StoreError> {
    let kept = run.kept();
    let t = begin(c)?;
    // A run deleted while it was running has nowhere to put its events, and that is right.
    if let Some(row) = sealed::run(&t, &run.id)? {
        put_events(&t, &run.id, &run.events)?;
        put_heads(&t, &run.id, run.kept.heads, &run.heads)?;
        let (mut state, mut prepared) = (row.state.as_str(), row.prepared);
        if let Some(end) = &run.end {
            state = state_name(end.state);
            let mut hashes = Vec::new();
            for png in &end.prepared {
                hashes.push(blob::put(&t, png)?);
            }
            for (place, hash) in hashes.iter().enumerate().skip(1) {
                t.prepare_cached(
                    "UPDATE pictures SET prepared = ?3 WHERE run = ?1 AND place = ?2",
                )?
                .execute(params![run.id.as_str(), place as i64, hash])?;
                sealed::seal_picture(&t, run.id.as_str(), place)?;
            }
            prepared = hashes.into_iter().next();
        }
        t.prepare_cached(
            "UPDATE runs SET state = ?2, prepared = ?3, events = ?4, heads = ?5 WHERE id = ?1",
        )?
        .execute(params![
            run.id.as_str(),
            state,
            prepared,
            kept.events as i64,
            kept.heads
        ])?;
        sealed::seal_run(&t, run.id.as_str())?;
    }
    t.commit()?;
    Ok(kept)
}

/// Changes a run's label; `None` where there is no such run, and a sentence where the label would
/// be too long.
pub(super) fn label(
    c: &mut Connection,
    id: &RunId,
    change: &LabelChange,
) -> Result<Option<Result<Label, Message>>, StoreError> {
    let t = begin(c)?;
    let Some(row) = sealed::run(&t, id)? else { return Ok(None) };
    let before = row.label;
    let label = match before.changed(change) {
        Ok(label) => label,
        Err(sentence) => return Ok(Some(Err(sentence))),
    };
    t.prepare_cached("UPDATE runs SET name = ?2, note = ?3 WHERE id = ?1")?.execute(params![
        id.as_str(),
        label.name,
        label.note
    ])?;
    sealed::seal_run(&t, id.as_str())?;
    t.commit()?;
    Ok(Some(Ok(label)))
}

pub(super) fn delete(c: &mut Connection, id: &RunId) -> Result<bool, StoreError> {
    let t = begin(c)?;
    let there = delete_row(&t, id)?;
    t.commit()?;
    Ok(there)
}

/// Deletes a run's row with all that hangs on it; gives whether it was there.
pub(super) fn delete_row(t: &Connection, id: &RunId) -> Result<bool, StoreError> {
    let hashes = t
        .prepare_cached("SELECT picture, prepared FROM runs WHERE id = ?1")?
        .query_row(params![id.as_str()], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
        })
        .optional()?;
    let Some((picture, prepared)) = hashes else { return Ok(false) };
    let mut more = Vec::new();
    let mut further = t.prepare_cached("SELECT picture, prepared FROM pictures WHERE run = ?1")?;
    let mut rows = further.query(params![id.as_str()])?;
    while let Some(row) = rows.next()? {
        more.push(row.get::<_, String>(0)?);
        more.extend(row.get::<_, Option<String>>(1)?);
    }
    t.prepare_cached("DELETE FROM runs WHERE id = ?1")?.execute(params![id.as_str()])?;
    let hashes: Vec<String> = std::iter::once(picture).chain(prepared).chain(more).collect();
    blob::drop_unused(t, &hashes)?;
    Ok(true)
}

/// Notes that a run that has no end yet is to be cancelled.
pub(super) fn note_cancelled(c: &mut Connection, id: &RunId) -> Result<(), StoreError> {
    let t = begin(c)?;
    if sealed::run(&t, id)?.is_some_and(|row| row.state == "queued") {
        t.prepare_cached("UPDATE runs SET state = 'stopping' WHERE id = ?1")?
            .execute(params![id.as_str()])?;
        sealed::seal_run(&t, id.as_str())?;
    }
    Ok(t.commit()?)
}

/// Ends the runs that an earlier lab left unfinished; gives how many.
pub(super) fn interrupt_unfinished(c: &mut Connection) -> Result<usize, StoreError> {
    let t = begin(c)?;
    let ids: Vec<String> = t
        .prepare("SELECT id FROM runs WHERE state IN ('queued', 'stopping')")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for id in &ids {
        let Some(id) = RunId::parse(id) else { continue };
        match interrupt(&t, &id) {
            Ok(()) => {}
            Err(StoreError::Full) => return Err(StoreError::Full),
            // One damaged run must not keep the others, and the lab, from starting. It keeps the
            // checksum that it does not have, and is refused when it is asked for.
            Err(error) => {
                tracing::error!(run = id.short(), %error, "an unfinished run cannot be read");
                t.prepare_cached("UPDATE runs SET state = 'failed' WHERE id = ?1")?
                    .execute(params![id.as_str()])?;
            }
        }
    }
    t.commit()?;
    Ok(ids.len())
}

fn interrupt(c: &Connection, id: &RunId) -> Result<(), StoreError> {
    let Some(row) = sealed::run(c, id)? else { return Ok(()) };
    let mut events = super::read::events(c, id, row.events)?;
    // A last event may be there already, written together with events that came late.
    if !events.last().is_some_and(|e| e.event.is_last()) {
        let mut last = interrupted(&events);
        if row.state == "stopping" {
            last.event = Event::Cancelled;
        }
        put_events(c, id, &[Arc::new(last.clone())])?;
        events.push(last);
    }
    let state = state_name(state_of(&events));
    c.prepare_cached("UPDATE runs SET state = ?2, events = ?3 WHERE id = ?1")?.execute(params![
        id.as_str(),
        state,
        events.len() as i64
    ])?;
    sealed::seal_run(c, id.as_str())
}
