//! Classes and records of classes, as whoever holds them packs them.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Store, StoreError, sums, write};

/// Records of classes that ended: so many are kept in all, and of one client's.
const RECORDS: (i64, i64) = (512, 24);
/// Most classes that are read when a lab opens.
const MOST: i64 = 1024;

/// What a class's checksum covers.
const COLUMNS: &str = "code, opener, seen, ended, data";
const COUNT: usize = 5;

/// A class as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredClass {
    /// Its code.
    pub code: String,
    /// Who opened it.
    pub opener: String,
    /// When somebody was last there, in seconds since 1970.
    pub seen: u64,
    /// When it ended, where only its record is kept.
    pub ended: Option<u64>,
    /// The class, packed.
    pub data: Vec<u8>,
}

/// The classes that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredClasses {
    /// Those that are held.
    pub held: Vec<StoredClass>,
    /// Codes of those that are not what was written.
    pub damaged: Vec<String>,
}

fn read(row: &Row) -> Result<StoredClass, StoreError> {
    sums::check("classes", row, COUNT)?;
    Ok(StoredClass {
        code: row.get(0)?,
        opener: row.get(1)?,
        seen: row.get::<_, i64>(2)?.unsigned_abs(),
        ended: row.get::<_, Option<i64>>(3)?.map(i64::unsigned_abs),
        data: row.get(4)?,
    })
}

/// The classes that are held.
pub(super) fn held(c: &Connection) -> Result<StoredClasses, StoreError> {
    let sql = format!("SELECT {COLUMNS}, sum FROM classes WHERE ended IS NULL LIMIT {MOST}");
    let mut statement = c.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut found = StoredClasses::default();
    while let Some(row) = rows.next()? {
        match read(row) {
            Ok(class) => found.held.push(class),
            // One damaged class takes no other along.
            Err(StoreError::Damaged(cause)) => {
                tracing::error!(cause, "a class cannot be brought back");
                found.damaged.extend(row.get::<_, String>(0));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn one(c: &Connection, code: &str) -> Result<Option<StoredClass>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, sum FROM classes WHERE code = ?1");
    let mut statement = c.prepare_cached(&sql)?;
    let mut rows = statement.query(params![code])?;
    rows.next()?.map(read).transpose()
}

fn put(c: &Connection, class: &StoredClass) -> Result<(), StoreError> {
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let (seen, ended) = (whole(class.seen), class.ended.map(whole));
    let sum = sums::sum(
        "classes",
        &[
            ValueRef::Text(class.code.as_bytes()),
            ValueRef::Text(class.opener.as_bytes()),
            ValueRef::Integer(seen),
            ended.map_or(ValueRef::Null, ValueRef::Integer),
            ValueRef::Blob(&class.data),
        ],
    );
    c.prepare_cached(
        "INSERT OR REPLACE INTO classes (code, opener, seen, ended, data, sum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![class.code, class.opener, seen, ended, class.data, sum])?;
    Ok(())
}

fn delete(c: &Connection, code: &str) -> Result<(), StoreError> {
    c.prepare_cached("DELETE FROM classes WHERE code = ?1")?.execute(params![code])?;
    Ok(())
}

/// Lets go of the oldest records where there are too many.
fn bound(c: &Connection, classes: &[StoredClass]) -> Result<(), StoreError> {
    for class in classes.iter().filter(|class| class.ended.is_some()) {
        c.prepare_cached(
            "DELETE FROM classes WHERE code IN (SELECT code FROM classes
             WHERE ended IS NOT NULL AND opener = ?1 ORDER BY ended DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute(params![class.opener, RECORDS.1])?;
    }
    c.prepare_cached(
        "DELETE FROM classes WHERE code IN (SELECT code FROM classes
         WHERE ended IS NOT NULL ORDER BY ended DESC LIMIT -1 OFFSET ?1)",
    )?
    .execute(params![RECORDS.0])?;
    Ok(())
}

/// What is wrong with classes that are kept: for a look at a whole file.
pub(super) fn check(c: &Connection) -> Result<Vec<String>, StoreError> {
    let there = c
        .query_row("SELECT 1 FROM sqlite_schema WHERE name = 'classes'", [], |_| Ok(()))
        .optional()?;
    if there.is_none() {
        return Ok(Vec::new());
    }
    let mut statement = c.prepare(&format!("SELECT {COLUMNS}, sum FROM classes"))?;
    let mut rows = statement.query([])?;
    let mut damaged = Vec::new();
    while let Some(row) = rows.next()? {
        match read(row) {
            Ok(_) => {}
            Err(StoreError::Damaged(cause)) => damaged.push(format!("a class: {cause}")),
            Err(error) => return Err(error),
        }
    }
    Ok(damaged)
}

impl Store {
    /// Keeps classes in the place of what was kept of them, and lets go of others, at once.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was changed then.
    pub async fn keep_classes(
        &self,
        kept: Vec<StoredClass>,
        gone: Vec<String>,
    ) -> Result<(), StoreError> {
        self.if_space(move |c| {
            let t = write::begin(c)?;
            gone.iter().try_for_each(|code| delete(&t, code))?;
            kept.iter().try_for_each(|class| put(&t, class))?;
            bound(&t, &kept)?;
            Ok(t.commit()?)
        })
        .await
    }

    /// Deletes the records of classes that ended before a time, in seconds since 1970.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn expire_records(&self, before: u64) -> Result<(), StoreError> {
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        self.always(move |c| {
            let t = write::begin(c)?;
            t.prepare_cached("DELETE FROM classes WHERE ended < ?1")?.execute(params![before])?;
            Ok(t.commit()?)
        })
        .await
    }

    /// The classes that were held when the lab ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn classes(&self) -> Result<StoredClasses, StoreError> {
        self.read(held)
    }

    /// A class or its record, by its code.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn class(&self, code: &str) -> Result<Option<StoredClass>, StoreError> {
        self.read(|c| one(c, code))
    }
}
