//! Reading.

use std::ops::Range;

use axum::body::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use shared::api::RunRecord;
use shared::event::EVENT_VERSION;
use shared::{Envelope, Label, TokenHeads};

use super::blob::{self, broken};
use super::{StoreError, Totals};
use crate::id::{OwnerHash, RunId};
use crate::run::state_of;

/// A run as the store has it.
#[derive(Clone, Debug)]
pub struct StoredRun {
    /// The run.
    pub record: RunRecord,
    /// Who may delete it.
    pub owner: OwnerHash,
}

/// A picture as it was uploaded.
#[derive(Clone, Debug)]
pub struct StoredPicture {
    /// The file.
    pub bytes: Bytes,
    /// Its content type.
    pub content_type: String,
}

pub(super) fn run(c: &Connection, id: &RunId) -> Result<Option<StoredRun>, StoreError> {
    // One transaction, so that the run's row and its events are of the same moment.
    let c = c.unchecked_transaction()?;
    let row = c
        .prepare_cached(
            "SELECT version, created, options, owner, name, note FROM runs WHERE id = ?1",
        )?
        .query_row(params![id.as_str()], |row| {
            let text = (row.get::<_, String>(1)?, row.get::<_, String>(2)?);
            let label = Label { name: row.get(4)?, note: row.get(5)? };
            Ok((row.get::<_, u32>(0)?, text, row.get::<_, [u8; 32]>(3)?, label))
        })
        .optional()?;
    let Some((version, (created, options), owner, label)) = row else { return Ok(None) };
    // Before anything of it is read: what a later format looks like is not known here.
    if version > EVENT_VERSION {
        return Err(StoreError::Newer { found: version, known: EVENT_VERSION });
    }
    let events = events(&c, id)?;
    let record = RunRecord {
        id: id.to_string(),
        version,
        created,
        state: state_of(&events),
        options: serde_json::from_str(&options).map_err(broken)?,
        label,
        events,
    };
    Ok(Some(StoredRun { record, owner: OwnerHash(owner) }))
}

pub(super) fn events(c: &Connection, id: &RunId) -> Result<Vec<Envelope>, StoreError> {
    let mut statement =
        c.prepare_cached("SELECT data FROM events WHERE run = ?1 ORDER BY first")?;
    let mut rows = statement.query(params![id.as_str()])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.extend(blob::unpack(row.get_ref(0)?.as_blob().map_err(broken)?)?);
    }
    Ok(events)
}

pub(super) fn picture(c: &Connection, id: &RunId) -> Result<Option<StoredPicture>, StoreError> {
    let row = c
        .prepare_cached("SELECT picture, content_type FROM runs WHERE id = ?1")?
        .query_row(params![id.as_str()], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    let Some((hash, content_type)) = row else { return Ok(None) };
    Ok(blob::get(c, &hash)?.map(|bytes| StoredPicture { bytes: bytes.into(), content_type }))
}

pub(super) fn prepared(c: &Connection, id: &RunId) -> Result<Option<Bytes>, StoreError> {
    let hash = c
        .prepare_cached("SELECT prepared FROM runs WHERE id = ?1")?
        .query_row(params![id.as_str()], |row| row.get::<_, Option<String>>(0))
        .optional()?;
    match hash.flatten() {
        None => Ok(None),
        Some(hash) => Ok(blob::get(c, &hash)?.map(Bytes::from)),
    }
}

/// Rows by head of some tokens of an answer: as many, from the first of them on, as are kept.
pub(super) fn heads(
    c: &Connection,
    id: &RunId,
    tokens: Range<u32>,
) -> Result<Vec<TokenHeads>, StoreError> {
    let mut statement = c.prepare_cached(
        "SELECT token, data FROM heads WHERE run = ?1 AND token >= ?2 AND token < ?3 ORDER BY token",
    )?;
    let mut rows = statement.query(params![id.as_str(), tokens.start, tokens.end])?;
    let mut heads = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, u32>(0)? as usize != tokens.start as usize + heads.len() {
            break;
        }
        heads.push(blob::unpack_heads(row.get_ref(1)?.as_blob().map_err(broken)?)?);
    }
    Ok(heads)
}

pub(super) fn totals(c: &Connection) -> Result<Totals, StoreError> {
    let count = |table: &str| -> Result<u64, StoreError> {
        let n: i64 = c.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0))?;
        Ok(n.unsigned_abs())
    };
    Ok(Totals { runs: count("runs")?, event_rows: count("events")?, blobs: count("blobs")? })
}
