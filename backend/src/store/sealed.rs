//! Rows and blocks with their checksums: sealed when written, checked before anything of them is
//! used.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use shared::Label;

use super::StoreError;
use super::blob::broken;
use crate::id::{OwnerHash, RunId};
use crate::store::sums;

/// What a run's checksum covers: all that is known of it but its blocks.
const RUN: &str = "id, version, created, state, options, owner, picture, content_type, prepared, \
                   name, note, events, heads";
const RUN_COLUMNS: usize = 13;

/// A run's row.
#[derive(Clone, Debug)]
pub(super) struct RunRow {
    pub(super) version: u32,
    pub(super) created: String,
    pub(super) state: String,
    pub(super) options: String,
    pub(super) owner: OwnerHash,
    pub(super) picture: String,
    pub(super) content_type: String,
    pub(super) prepared: Option<String>,
    pub(super) label: Label,
    /// Events that are kept.
    pub(super) events: u64,
    /// Tokens of the answer whose rows by head are kept.
    pub(super) heads: u32,
}

/// A run's row, if there is one and it is as it was written.
pub(super) fn run(c: &Connection, id: &RunId) -> Result<Option<RunRow>, StoreError> {
    let mut statement = c.prepare_cached(&format!("SELECT {RUN}, sum FROM runs WHERE id = ?1"))?;
    let mut rows = statement.query(params![id.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    sums::check("runs", row, RUN_COLUMNS)?;
    if row.get_ref(0)? != ValueRef::Text(id.as_str().as_bytes()) {
        return Err(StoreError::Damaged("an index leads to another row".to_owned()));
    }
    let row = RunRow {
        version: row.get(1)?,
        created: row.get(2)?,
        state: row.get(3)?,
        options: row.get(4)?,
        owner: OwnerHash(row.get(5)?),
        picture: row.get(6)?,
        content_type: row.get(7)?,
        prepared: row.get(8)?,
        label: Label { name: row.get(9)?, note: row.get(10)? },
        events: row.get::<_, i64>(11)?.unsigned_abs(),
        heads: row.get(12)?,
    };
    Ok(Some(row))
}

/// Gives a run's row its checksum, after it was written or changed.
pub(super) fn seal_run(c: &Connection, id: &str) -> Result<(), StoreError> {
    let sum = c
        .prepare_cached(&format!("SELECT {RUN} FROM runs WHERE id = ?1"))?
        .query_row(params![id], |row| Ok(sums::sum_of("runs", row, RUN_COLUMNS)))
        .optional()?;
    if let Some(sum) = sum {
        c.prepare_cached("UPDATE runs SET sum = ?2 WHERE id = ?1")?.execute(params![id, sum?])?;
    }
    Ok(())
}

/// One of a run's pictures.
#[derive(Clone, Debug)]
pub(super) struct PictureRow {
    pub(super) picture: String,
    pub(super) content_type: String,
    pub(super) prepared: Option<String>,
}

/// What the checksum of a further picture's row covers.
const PICTURE: &str = "run, place, count, picture, content_type, prepared";
const PICTURE_COLUMNS: usize = 6;

/// A run's pictures beyond the first, in order, if all are there as they were written.
pub(super) fn further_pictures(c: &Connection, id: &RunId) -> Result<Vec<PictureRow>, StoreError> {
    let sql = format!("SELECT {PICTURE}, sum FROM pictures WHERE run = ?1 ORDER BY place");
    let mut statement = c.prepare_cached(&sql)?;
    let mut rows = statement.query(params![id.as_str()])?;
    let (mut found, mut count) = (Vec::new(), 1);
    while let Some(row) = rows.next()? {
        sums::check("pictures", row, PICTURE_COLUMNS)?;
        count = row.get::<_, i64>(2)?;
        if row.get::<_, i64>(1)? != found.len() as i64 + 1 {
            return Err(StoreError::Damaged("a picture is missing".to_owned()));
        }
        found.push(PictureRow {
            picture: row.get(3)?,
            content_type: row.get(4)?,
            prepared: row.get(5)?,
        });
    }
    match found.len() as i64 + 1 == count {
        true => Ok(found),
        false => Err(StoreError::Damaged("a picture is missing".to_owned())),
    }
}

/// Gives a further picture's row its checksum, after it was written or changed.
pub(super) fn seal_picture(c: &Connection, run: &str, place: usize) -> Result<(), StoreError> {
    let sum = c
        .prepare_cached(&format!("SELECT {PICTURE} FROM pictures WHERE run = ?1 AND place = ?2"))?
        .query_row(params![run, place as i64], |row| {
            Ok(sums::sum_of("pictures", row, PICTURE_COLUMNS))
        })
        .optional()?;
    if let Some(sum) = sum {
        c.prepare_cached("UPDATE pictures SET sum = ?3 WHERE run = ?1 AND place = ?2")?
            .execute(params![run, place as i64, sum?])?;
    }
    Ok(())
}

/// The two kinds of blocks that belong to a run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Events = 0,
    Heads = 1,
}

impl Kind {
    const fn table(self) -> &'static str {
        match self {
            Kind::Events => "events",
            Kind::Heads => "heads",
        }
    }
}

/// Keeps the checksum of a block: of its run, its number, how much it holds and its bytes.
pub(super) fn seal_block(
    c: &Connection,
    kind: Kind,
    run: &str,
    first: i64,
    count: i64,
    data: &[u8],
) -> Result<(), StoreError> {
    let sum = sums::sum(kind.table(), &block(run, first, count, data));
    c.prepare_cached(
        "INSERT OR REPLACE INTO sums (run, kind, first, sum) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![run, kind as i64, first, sum])?;
    Ok(())
}

fn block<'a>(run: &'a str, first: i64, count: i64, data: &'a [u8]) -> [ValueRef<'a>; 4] {
    let run = ValueRef::Text(run.as_bytes());
    [run, ValueRef::Integer(first), ValueRef::Integer(count), ValueRef::Blob(data)]
}

/// A run's blocks of events from its first, in order, with their number of events each.
pub(super) const EVENTS: &str = "
    SELECT e.run, e.first, e.count, e.data, s.sum FROM events e
    LEFT JOIN sums s ON s.run = e.run AND s.kind = 0 AND s.first = e.first
    WHERE e.run = ?1 ORDER BY e.first";

/// A run's rows by head of some tokens, in order.
pub(super) const HEADS: &str = "
    SELECT h.run, h.token, 1, h.data, s.sum FROM heads h
    LEFT JOIN sums s ON s.run = h.run AND s.kind = 1 AND s.first = h.token
    WHERE h.run = ?1 AND h.token >= ?2 AND h.token < ?3 ORDER BY h.token";

/// The bytes of a block that one of the two queries found, if they are as they were written and it
/// is the block that begins with `first`; and how many events or tokens it holds.
pub(super) fn opened<'r>(
    kind: Kind,
    row: &'r Row,
    first: u64,
) -> Result<(&'r [u8], u64), StoreError> {
    sums::check(kind.table(), row, 4)?;
    if row.get::<_, i64>(1)?.unsigned_abs() != first {
        return Err(missing(kind, first));
    }
    let data = row.get_ref(3)?.as_blob().map_err(broken)?;
    Ok((data, row.get::<_, i64>(2)?.unsigned_abs()))
}

/// A block that a run should have is not there.
pub(super) fn missing(kind: Kind, first: u64) -> StoreError {
    StoreError::Damaged(format!("the {} from {first} on are not there", kind.table()))
}

/// Gives everything that an earlier version wrote its checksum, as it stands there now.
pub(super) fn seal_all(c: &Connection) -> Result<(), StoreError> {
    for (kind, sql) in [
        (
            Kind::Events,
            "SELECT run, first, count, data FROM events WHERE run IN (SELECT id FROM runs)",
        ),
        (Kind::Heads, "SELECT run, token, 1, data FROM heads WHERE run IN (SELECT id FROM runs)"),
    ] {
        let mut statement = c.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (run, data) = (row.get_ref(0)?, row.get_ref(3)?);
            let (Ok(run), Ok(data)) = (run.as_str(), data.as_blob()) else { continue };
            seal_block(c, kind, run, row.get(1)?, row.get(2)?, data)?;
        }
    }
    c.execute_batch(
        "UPDATE runs SET
             events = (SELECT coalesce(sum(count), 0) FROM events WHERE run = runs.id),
             heads = (SELECT count(*) FROM heads WHERE run = runs.id)",
    )?;
    let ids: Vec<String> =
        c.prepare("SELECT id FROM runs")?.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
    ids.iter().try_for_each(|id| seal_run(c, id))
}
