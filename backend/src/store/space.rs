//! Space on the disk. A full disk cannot even forget something: SQLite writes down what it is about to
//! forget first. So a few megabytes are kept in reserve while there are any, and given up for
//! deleting; new work waits until they are back.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{StoreError, folder};
use crate::lock;

/// What is kept in reserve: deleting the largest run writes less.
pub(crate) const RESERVE: u64 = 4 << 20;
/// Pages given back to the disk at once, so that giving them back needs no more than the reserve.
const STEP: u32 = 256;
/// Steps after one deletion; what is left is used again by what comes.
const MOST_STEPS: u32 = 16;
/// How long a connection of the data folder waits for another that writes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Nobody who asks how the lab is makes it look for space more often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The space that a data folder has.
#[derive(Debug)]
pub struct Space {
    reserve: PathBuf,
    full: AtomicBool,
    looked: Mutex<Option<Instant>>,
}

impl Space {
    /// The space of a data folder, taken for enough until something shows that it is not.
    pub(crate) fn of(data: &Path) -> Space {
        Space {
            reserve: data.join("reserve"),
            full: AtomicBool::new(false),
            looked: Mutex::default(),
        }
    }

    /// Whether something could not be written for want of space, and nothing has been since.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Whether it is time to look for space again: looking costs a few megabytes of writing.
    pub(crate) fn is_due(&self) -> bool {
        let mut looked = lock(&self.looked);
        let due = looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
        if due {
            *looked = Some(Instant::now());
        }
        due
    }

    pub(crate) fn note_full(&self) {
        if !self.full.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "the data folder has no space left: the lab shows what it has and deletes, and takes no \
                 new work until there is space"
            );
        }
    }

    pub(crate) fn note_space(&self) {
        if self.full.swap(false, Ordering::Relaxed) {
            tracing::info!("the data folder has space again");
        }
    }

    /// Makes the reserve where it is missing; gives whether it is there. Half a reserve is none.
    pub(crate) fn keep(&self) -> bool {
        if std::fs::metadata(&self.reserve).is_ok_and(|found| found.len() == RESERVE) {
            return true;
        }
        let made = write_out(&self.reserve);
        if let Err(error) = &made {
            tracing::debug!(%error, "no reserve can be made");
            let _ = std::fs::remove_file(&self.reserve);
        }
        made.is_ok()
    }

    /// Whether there is room beside the reserve for as much again: tried, and undone.
    pub(crate) fn has_room(&self) -> bool {
        let trial = self.reserve.with_extension("trial");
        let written = write_out(&trial);
        let _ = std::fs::remove_file(&trial);
        written.is_ok()
    }

    /// Gives the reserve up; gives whether there was one.
    pub(crate) fn give_up(&self) -> bool {
        std::fs::remove_file(&self.reserve).is_ok()
    }

    /// Does something that must be possible on a full disk: with the reserve, if need be.
    pub(crate) fn need<T>(
        &self,
        mut work: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match work() {
            Err(StoreError::Full) => {
                self.note_full();
                match self.give_up() {
                    true => work(),
                    false => Err(StoreError::Full),
                }
            }
            other => other,
        }
    }
}

fn write_out(path: &Path) -> io::Result<()> {
    let mut file: File = folder::private().create(true).truncate(true).write(true).open(path)?;
    // Written and not only made long: a file may be long and have no room on the disk. And no zeros,
    // which some file systems do not keep.
    let mut block = [0_u8; 1 << 16];
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..RESERVE / (1 << 16) {
        for bytes in block.chunks_exact_mut(8) {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            bytes.copy_from_slice(&noise.to_le_bytes());
        }
        file.write_all(&block)?;
    }
    Ok(())
}

/// Gives the disk back what was deleted, as far as that is done in a moment.
pub(crate) fn give_back(c: &Connection) -> Result<(), StoreError> {
    let mode: u32 = c.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    for _ in 0..MOST_STEPS {
        let free: u32 = c.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        if free > 0 && mode == 2 {
            let mut vacuum = c.prepare(&format!("PRAGMA incremental_vacuum({STEP})"))?;
            let mut pages = vacuum.query([])?;
            while pages.next()?.is_some() {}
        }
        // The file ends earlier once what stands beside it is folded in. Readers are not waited for.
        c.busy_timeout(Duration::from_millis(200))?;
        let folded = c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        c.busy_timeout(PATIENCE)?;
        folded?;
        if free <= STEP || mode != 2 {
            break;
        }
    }
    Ok(())
}

/// Whether there is space for something new, in the file and beside it: tried, and undone.
pub(crate) fn try_out(c: &mut Connection) -> Result<(), StoreError> {
    let trial = c.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    trial.execute("INSERT INTO blobs (hash, codec, data) VALUES ('', 0, zeroblob(32768))", [])?;
    Ok(trial.rollback()?)
}
