//! Reading.

use std::ops::Range;

use axum::body::Bytes;
use rusqlite::{Connection, params};
use shared::api::RunRecord;
use shared::event::EVENT_VERSION;
use shared::{Envelope, TokenHeads};

use super::blob::{self, broken};
use super::ends::state_of;
use super::sealed::{self, Kind, PictureRow};
use super::{StoreError, Totals};
use crate::id::{OwnerHash, RunId};

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
    let Some(row) = sealed::run(&c, id)? else { return Ok(None) };
    // Before anything of it is read: what a later format looks like is not known here.
    if row.version > EVENT_VERSION {
        return Err(StoreError::Newer { found: row.version, known: EVENT_VERSION });
    }
    let events = events(&c, id, row.events)?;
    // A run that was written to its end has an end.
    let unfinished = matches!(&*row.state, "queued" | "stopping");
    if !unfinished && !events.last().is_some_and(|e| e.event.is_last()) {
        return Err(sealed::missing(Kind::Events, row.events));
    }
    let record = RunRecord {
        id: id.to_string(),
        version: row.version,
        created: row.created,
        state: state_of(&events),
        options: serde_json::from_str(&row.options).map_err(broken)?,
        label: row.label,
        events,
    };
    Ok(Some(StoredRun { record, owner: row.owner }))
}

/// A run's events, which are to be `count`.
pub(super) fn events(c: &Connection, id: &RunId, count: u64) -> Result<Vec<Envelope>, StoreError> {
    let mut statement = c.prepare_cached(sealed::EVENTS)?;
    let mut rows = statement.query(params![id.as_str()])?;
    let mut events: Vec<Envelope> = Vec::new();
    while let Some(row) = rows.next()? {
        let first = events.len() as u64;
        let (data, count) = sealed::opened(Kind::Events, row, first)?;
        events.extend(blob::unpack(data)?);
        if events.len() as u64 != first + count {
            return Err(sealed::missing(Kind::Events, events.len() as u64));
        }
    }
    if events.len() as u64 != count || !events.iter().zip(0..).all(|(e, seq)| e.seq == seq) {
        return Err(sealed::missing(Kind::Events, events.len() as u64));
    }
    Ok(events)
}

/// A run's pictures as their rows name them; none where there is no such run.
fn named(c: &Connection, id: &RunId) -> Result<Option<Vec<PictureRow>>, StoreError> {
    let Some(row) = sealed::run(c, id)? else { return Ok(None) };
    let first =
        PictureRow { picture: row.picture, content_type: row.content_type, prepared: row.prepared };
    let mut all = vec![first];
    all.extend(sealed::further_pictures(c, id)?);
    Ok(Some(all))
}

fn stored(c: &Connection, row: &PictureRow) -> Result<StoredPicture, StoreError> {
    let bytes = blob::get(c, &row.picture)?.into();
    Ok(StoredPicture { bytes, content_type: row.content_type.clone() })
}

pub(super) fn picture(
    c: &Connection,
    id: &RunId,
    medium: u8,
) -> Result<Option<StoredPicture>, StoreError> {
    let c = c.unchecked_transaction()?;
    let rows = named(&c, id)?.unwrap_or_default();
    rows.get(usize::from(medium)).map(|row| stored(&c, row)).transpose()
}

pub(super) fn pictures(
    c: &Connection,
    id: &RunId,
) -> Result<Option<Vec<StoredPicture>>, StoreError> {
    let c = c.unchecked_transaction()?;
    let Some(rows) = named(&c, id)? else { return Ok(None) };
    rows.iter().map(|row| stored(&c, row)).collect::<Result<Vec<_>, _>>().map(Some)
}

pub(super) fn prepared(
    c: &Connection,
    id: &RunId,
    medium: u8,
) -> Result<Option<Bytes>, StoreError> {
    let c = c.unchecked_transaction()?;
    let rows = named(&c, id)?.unwrap_or_default();
    let hash = rows.get(usize::from(medium)).and_then(|row| row.prepared.as_ref());
    hash.map(|hash| blob::get(&c, hash).map(Bytes::from)).transpose()
}

/// Reads every picture of a run, for the sake of their checksums.
pub(super) fn every_picture(c: &Connection, id: &RunId) -> Result<(), StoreError> {
    let c = c.unchecked_transaction()?;
    for row in named(&c, id)?.unwrap_or_default() {
        stored(&c, &row)?;
        row.prepared.map(|hash| blob::get(&c, &hash)).transpose()?;
    }
    Ok(())
}

/// Rows by head of some tokens of an answer: of as many, from the first of them on, as are kept.
pub(super) fn heads(
    c: &Connection,
    id: &RunId,
    tokens: Range<u32>,
) -> Result<Vec<TokenHeads>, StoreError> {
    let c = c.unchecked_transaction()?;
    let Some(run) = sealed::run(&c, id)? else { return Ok(Vec::new()) };
    let end = tokens.end.min(run.heads);
    let mut statement = c.prepare_cached(sealed::HEADS)?;
    let mut rows = statement.query(params![id.as_str(), tokens.start, end])?;
    let mut heads = Vec::new();
    for token in tokens.start..end {
        let token = u64::from(token);
        let Some(row) = rows.next()? else { return Err(sealed::missing(Kind::Heads, token)) };
        heads.push(blob::unpack_heads(sealed::opened(Kind::Heads, row, token)?.0)?);
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
