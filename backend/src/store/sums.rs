//! Checksums of what is kept in SQLite: SQLite notices damage to the structure of its file, but not to
//! what stands in its rows.
//!
//! Every row that is shown to somebody has the SHA-256 of its columns beside it, computed when it is
//! written and compared when it is read, before anything of the row is decoded.

use rusqlite::Row;
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};

use super::StoreError;

/// SHA-256 of a row's columns, each with its type and length, under the table's name.
pub(crate) fn sum(table: &str, values: &[ValueRef<'_>]) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(0, table.as_bytes());
    for value in values {
        match value {
            ValueRef::Null => part(1, &[]),
            ValueRef::Integer(number) => part(2, &number.to_le_bytes()),
            ValueRef::Real(number) => part(3, &number.to_bits().to_le_bytes()),
            ValueRef::Text(text) => part(4, text),
            ValueRef::Blob(blob) => part(5, blob),
        }
    }
    hash.finalize().into()
}

/// The checksum of a row's first `columns` columns.
pub(crate) fn sum_of(table: &str, row: &Row, columns: usize) -> Result<[u8; 32], StoreError> {
    let values: Result<Vec<_>, _> = (0..columns).map(|i| row.get_ref(i)).collect();
    Ok(sum(table, &values?))
}

/// Compares the checksum of a row's first `columns` columns with the one that stands in the column
/// after them.
///
/// # Errors
/// [`StoreError::Damaged`] where they differ.
pub(crate) fn check(table: &str, row: &Row, columns: usize) -> Result<(), StoreError> {
    let stored = row.get_ref(columns)?;
    if stored == ValueRef::Blob(&sum_of(table, row, columns)?) {
        return Ok(());
    }
    // The first column names the row, as far as it can still be read.
    let name = match row.get_ref(0)? {
        ValueRef::Text(text) => String::from_utf8_lossy(text).chars().take(6).collect(),
        ValueRef::Integer(number) => number.to_string(),
        _ => String::from("?"),
    };
    Err(StoreError::Damaged(format!("a row of {table} ({name}…) does not have its checksum")))
}
