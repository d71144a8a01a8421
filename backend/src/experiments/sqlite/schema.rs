//! The tables.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::store::StoreError;
use crate::store::space::PATIENCE;

/// As the store's: never edit one that has been released, add another.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE experiments (
        id      TEXT PRIMARY KEY,
        number  INTEGER NOT NULL UNIQUE,  -- in the order they were started
        created TEXT NOT NULL,            -- RFC 3339
        lab     TEXT NOT NULL,            -- version that started it
        title   TEXT NOT NULL,
        spec    TEXT NOT NULL,            -- JSON
        dataset TEXT NOT NULL,            -- JSON
        grid    TEXT NOT NULL,            -- JSON
        drawn   BLOB NOT NULL,            -- rows drawn, little-endian u64
        owner   BLOB NOT NULL,            -- SHA-256 of the owner's token
        state   TEXT NOT NULL,            -- running, paused, done or cancelled
        problem TEXT,
        models  TEXT NOT NULL             -- JSON list
    ) STRICT;
    CREATE INDEX experiments_running ON experiments (number) WHERE state = 'running';
    CREATE TABLE items (
        experiment INTEGER NOT NULL REFERENCES experiments (number) ON DELETE CASCADE,
        place      INTEGER NOT NULL,      -- in the order they are to be run
        item       INTEGER NOT NULL,      -- number in the grid
        state      INTEGER NOT NULL DEFAULT 0,  -- 0 waiting, 1 held, 2 ended
        worker     TEXT,                  -- who holds it
        deaths     INTEGER NOT NULL DEFAULT 0,  -- workers that died at it
        PRIMARY KEY (experiment, place)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX items_item ON items (experiment, item);
    CREATE INDEX items_waiting ON items (experiment, place) WHERE state = 0;
    CREATE INDEX items_held ON items (worker) WHERE state = 1;
    CREATE TABLE ends (
        seq        INTEGER PRIMARY KEY AUTOINCREMENT,
        experiment INTEGER NOT NULL REFERENCES experiments (number) ON DELETE CASCADE,
        item       INTEGER NOT NULL,
        done       INTEGER NOT NULL,      -- 1 an outcome, 0 left out
        at         REAL NOT NULL,         -- seconds since 1970
        data       BLOB NOT NULL,         -- zstd of MessagePack, named fields
        run        TEXT,
        UNIQUE (experiment, item)
    ) STRICT;
    CREATE INDEX ends_of ON ends (experiment, seq, done, at);
",
    // Checksums of rows (see `crate::store::sums`), and how many ends an experiment has.
    "
    ALTER TABLE experiments ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE experiments ADD COLUMN done INTEGER NOT NULL DEFAULT 0;  -- of those, with an outcome
    ALTER TABLE experiments ADD COLUMN sum BLOB;
    ALTER TABLE ends ADD COLUMN sum BLOB;
",
    // What workers cannot run. Made anew by whoever tries, and so without checksums.
    "
    CREATE TABLE lacks (
        experiment INTEGER NOT NULL REFERENCES experiments (number) ON DELETE CASCADE,
        worker     TEXT NOT NULL,
        first      INTEGER NOT NULL,      -- of the items that it cannot run
        past       INTEGER NOT NULL,      -- the first after them
        reason     TEXT NOT NULL,         -- a sentence for people
        UNIQUE (worker, experiment, first, past)
    ) STRICT;
    CREATE INDEX lacks_of ON lacks (experiment);
",
    // Who asked for an experiment, until it is finished: without checksums, for it decides nothing but how
    // many more the same address may ask for.
    "
    CREATE TABLE askers (
        experiment TEXT PRIMARY KEY REFERENCES experiments (id) ON DELETE CASCADE,
        network    TEXT NOT NULL          -- an IPv4 address, or the /64 of an IPv6 one
    ) STRICT;
",
];

/// The version from which on every row has its checksum.
const SUMS: u32 = 2;

/// Opens a connection with the settings every connection has.
///
/// Ends are not synced one by one: a power cut may lose the last of them, and those items run
/// again. A killed process loses nothing.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    // Of effect on a new file only: what is deleted can then be given back to the disk.
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is overwritten, not only let go of.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

/// Brings the file to the current version, once, however many processes open it at the same time.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as u32;
    // A current file is not written: there may be no space to.
    if connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))? == known {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(StoreError::Broken(format!(
            "the experiments were written by a later version of the lab (schema {found}, this \
             version knows {known})"
        )));
    }
    for (version, sql) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        transaction.execute_batch(sql)?;
        if version as u32 + 1 == SUMS {
            super::sealed::seal_all(&transaction)?;
        }
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}
