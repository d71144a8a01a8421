//! The tables, and how an older file becomes a current one.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;
use super::space::PATIENCE;

/// Each brings the file from the version that is its index to the next. Never edit one that has
/// been released: add another.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE blobs (
        hash  TEXT PRIMARY KEY,     -- SHA-256 of the content, hexadecimal
        codec INTEGER NOT NULL,     -- 0 as it is, 1 zstd
        data  BLOB NOT NULL
    ) STRICT;
    CREATE TABLE runs (
        id           TEXT PRIMARY KEY,
        version      INTEGER NOT NULL,  -- of the event format
        created      TEXT NOT NULL,     -- RFC 3339
        state        TEXT NOT NULL,     -- queued until it ended; then done, failed or cancelled
        options      TEXT NOT NULL,     -- JSON
        owner        BLOB NOT NULL,     -- SHA-256 of the owner's token
        picture      TEXT NOT NULL REFERENCES blobs (hash),
        content_type TEXT NOT NULL,
        prepared     TEXT REFERENCES blobs (hash)
    ) STRICT;
    CREATE INDEX runs_unfinished ON runs (id) WHERE state = 'queued';
    CREATE INDEX runs_picture ON runs (picture);
    CREATE INDEX runs_prepared ON runs (prepared);
    CREATE TABLE events (
        run   TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        first INTEGER NOT NULL,     -- number of the first event in data
        count INTEGER NOT NULL,
        data  BLOB NOT NULL,        -- zstd of MessagePack: a list of envelopes, named fields
        PRIMARY KEY (run, first)
    ) STRICT;
",
    // What its owner calls a run.
    "
    ALTER TABLE runs ADD COLUMN name TEXT NOT NULL DEFAULT '';
    ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT '';
",
    // Rows by head, of runs that they fit the budget of.
    "
    CREATE TABLE heads (
        run   TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        token INTEGER NOT NULL,     -- number of the answer's token
        data  BLOB NOT NULL,        -- zstd of MessagePack: its row by layer and head
        PRIMARY KEY (run, token)
    ) STRICT;
",
    // Checksums of rows (see `crate::store::sums`), and how much of a run there is. Those of blocks stand in
    // a table of their own, so that older blocks need not be written again.
    "
    ALTER TABLE runs ADD COLUMN events INTEGER NOT NULL DEFAULT 0;  -- that are kept
    ALTER TABLE runs ADD COLUMN heads INTEGER NOT NULL DEFAULT 0;   -- tokens whose rows by head are kept
    ALTER TABLE runs ADD COLUMN sum BLOB;
    CREATE TABLE sums (
        run   TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        kind  INTEGER NOT NULL,     -- 0 of a block of events, 1 of a token's rows by head
        first INTEGER NOT NULL,     -- the block's first event, or the token
        sum   BLOB NOT NULL,
        PRIMARY KEY (run, kind, first)
    ) STRICT, WITHOUT ROWID;
",
    // From here on `stopping` is a state: queued, and to be cancelled. An earlier lab must not meet it.
    "
    CREATE INDEX IF NOT EXISTS runs_stopping ON runs (id) WHERE state = 'stopping';
",
    // Pictures beyond a run's first.
    "
    CREATE TABLE IF NOT EXISTS pictures (
        run          TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        place        INTEGER NOT NULL,  -- among the run's pictures, from 1: the first, 0, stands in runs
        count        INTEGER NOT NULL,  -- of the run's pictures, the first one too
        picture      TEXT NOT NULL REFERENCES blobs (hash),
        content_type TEXT NOT NULL,
        prepared     TEXT REFERENCES blobs (hash),
        sum          BLOB,
        PRIMARY KEY (run, place)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS pictures_picture ON pictures (picture);
    CREATE INDEX IF NOT EXISTS pictures_prepared ON pictures (prepared);
",
    // Classes that are held, and records of classes that ended.
    "
    CREATE TABLE IF NOT EXISTS classes (
        code   TEXT PRIMARY KEY,
        opener TEXT NOT NULL,       -- the client's address or network
        seen   INTEGER NOT NULL,    -- seconds since 1970 when somebody was last there
        ended  INTEGER,             -- likewise, of one whose record alone is kept
        data   BLOB NOT NULL,       -- zstd of JSON
        sum    BLOB NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS classes_ended ON classes (opener, ended) WHERE ended IS NOT NULL;
",
];

/// The version from which on every row has its checksum.
const SUMS: u32 = 4;

/// The file cannot be brought to the current version.
#[derive(Debug)]
pub(super) enum MigrateError {
    /// A later version wrote it.
    TooNew { found: u32, known: u32 },
    /// SQLite says no.
    Sqlite(rusqlite::Error),
    /// What is there cannot be read.
    Store(StoreError),
}

impl From<StoreError> for MigrateError {
    fn from(error: StoreError) -> Self {
        MigrateError::Store(error)
    }
}

impl From<rusqlite::Error> for MigrateError {
    fn from(error: rusqlite::Error) -> Self {
        MigrateError::Sqlite(error)
    }
}

/// Opens a connection with the settings every connection has.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    // Of effect on a new file only: what is deleted can then be given back to the disk.
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // FULL: a commit is on the disk when it returns, also when the power fails after it.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is overwritten, not only let go of.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

/// Opens a file of the current version without writing anything, also beside it, where no other
/// process has it open and nothing of it stands in a write-ahead log.
pub(super) fn connect_unchanged(path: &Path) -> Option<Connection> {
    let log = path.with_extension("sqlite-wal");
    if std::fs::metadata(log).is_ok_and(|log| log.len() > 0) {
        return None;
    }
    let mut name = String::new();
    for sign in path.to_str()?.chars() {
        match sign {
            '%' => name.push_str("%25"),
            '?' => name.push_str("%3f"),
            '#' => name.push_str("%23"),
            _ => name.push(sign),
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(format!("file:{name}?immutable=1"), flags).ok()?;
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).ok()?;
    (found == MIGRATIONS.len() as u32).then_some(connection)
}

/// Lets the file grow to `pages` pages and no further.
pub(super) fn limit_pages(connection: &Connection, pages: u32) -> rusqlite::Result<()> {
    connection.pragma_update(None, "max_page_count", pages)
}

/// Brings the file to the current version.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), MigrateError> {
    let known = MIGRATIONS.len() as u32;
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(MigrateError::TooNew { found, known });
    }
    for (version, sql) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        if version as u32 + 1 == SUMS {
            super::sealed::seal_all(&transaction)?;
        }
        transaction.pragma_update(None, "user_version", version as u32 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
