//! Compressed contents: pictures by their hash, events in blocks.

use std::io::Read as _;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use shared::{Envelope, TokenHeads};

use super::StoreError;

const PLAIN: i64 = 0;
const ZSTD: i64 = 1;
/// Fast, and within a few percent of the levels that cost ten times as much on this data.
const LEVEL: i32 = 3;

/// Most bytes of a content: some times what a prepared picture of the most pixels can have.
const LARGEST: u64 = 1 << 30;

/// Keeps a content once, under its hash, which it gives. One that is there but damaged is written
/// anew.
pub(super) fn put(connection: &Connection, content: &[u8]) -> Result<String, StoreError> {
    let hash = named(content);
    let known =
        connection.prepare_cached("SELECT 1 FROM blobs WHERE hash = ?1")?.exists(params![hash])?;
    if known {
        match get(connection, &hash) {
            Err(StoreError::Damaged(_)) => {}
            other => return other.map(|_| hash),
        }
    }
    // Most pictures are compressed already; those stay as they are.
    let packed = zstd::bulk::compress(content, LEVEL).map_err(broken)?;
    let smaller = packed.len() < content.len() / 10 * 9;
    let (codec, data) = if smaller { (ZSTD, &packed[..]) } else { (PLAIN, content) };
    connection
        .prepare_cached(
            "INSERT INTO blobs (hash, codec, data) VALUES (?1, ?2, ?3)
             ON CONFLICT (hash) DO UPDATE SET codec = ?2, data = ?3",
        )?
        .execute(params![hash, codec, data])?;
    Ok(hash)
}

fn named(content: &[u8]) -> String {
    shared::hex(Sha256::digest(content))
}

/// The content with this hash, to which something refers.
///
/// # Errors
/// [`StoreError::Damaged`] where it is not there, or is not what was written.
pub(super) fn get(connection: &Connection, hash: &str) -> Result<Vec<u8>, StoreError> {
    let damaged = |what: &str| StoreError::Damaged(format!("the content {hash} {what}"));
    let mut statement =
        connection.prepare_cached("SELECT codec, data FROM blobs WHERE hash = ?1")?;
    let mut rows = statement.query(params![hash])?;
    let Some(row) = rows.next()? else { return Err(damaged("is not there")) };
    let (ValueRef::Integer(codec), ValueRef::Blob(data)) = (row.get_ref(0)?, row.get_ref(1)?)
    else {
        return Err(damaged("is no content"));
    };
    let mut content = Vec::new();
    match codec {
        PLAIN => content.extend_from_slice(data),
        ZSTD => {
            // Bounded: damaged, it could become anything.
            let decoder = zstd::Decoder::with_buffer(data).map_err(broken)?;
            let read = decoder.take(LARGEST).read_to_end(&mut content);
            read.map_err(|_| damaged("cannot be unpacked"))?;
        }
        _ => return Err(damaged("is packed in an unknown way")),
    }
    match named(&content) == hash {
        true => Ok(content),
        false => Err(damaged("does not have its checksum")),
    }
}

/// Removes the contents among `hashes` that no run refers to.
pub(super) fn drop_unused(connection: &Connection, hashes: &[String]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM blobs WHERE hash = ?1
         AND NOT EXISTS (SELECT 1 FROM runs WHERE picture = ?1)
         AND NOT EXISTS (SELECT 1 FROM runs WHERE prepared = ?1)
         AND NOT EXISTS (SELECT 1 FROM pictures WHERE picture = ?1)
         AND NOT EXISTS (SELECT 1 FROM pictures WHERE prepared = ?1)",
    )?;
    for hash in hashes {
        statement.execute(params![hash])?;
    }
    Ok(())
}

/// Events that others hold too, without copying them.
struct Envelopes<'a>(&'a [Arc<Envelope>]);

impl Serialize for Envelopes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|e| &**e))
    }
}

/// Packs a block of events.
pub(super) fn pack(events: &[Arc<Envelope>]) -> Result<Vec<u8>, StoreError> {
    let plain = rmp_serde::to_vec_named(&Envelopes(events)).map_err(broken)?;
    zstd::bulk::compress(&plain, LEVEL).map_err(broken)
}

/// Unpacks a block of events.
pub(super) fn unpack(data: &[u8]) -> Result<Vec<Envelope>, StoreError> {
    let plain = zstd::decode_all(data).map_err(broken)?;
    rmp_serde::from_slice(&plain).map_err(broken)
}

/// Packs a token's rows by head.
pub(super) fn pack_heads(rows: &TokenHeads) -> Result<Vec<u8>, StoreError> {
    let plain = rmp_serde::to_vec_named(rows).map_err(broken)?;
    zstd::bulk::compress(&plain, LEVEL).map_err(broken)
}

/// Unpacks a token's rows by head.
pub(super) fn unpack_heads(data: &[u8]) -> Result<TokenHeads, StoreError> {
    let plain = zstd::decode_all(data).map_err(broken)?;
    rmp_serde::from_slice(&plain).map_err(broken)
}

/// Wraps what another library says.
pub(super) fn broken(error: impl std::fmt::Display) -> StoreError {
    StoreError::Broken(error.to_string())
}
