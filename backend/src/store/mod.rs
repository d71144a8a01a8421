//! The store: one SQLite file in one data folder, made on first start.
//!
//! One thread writes, so that a write is never refused because another is under way; readers have
//! connections of their own and never wait for it (WAL). What a caller was told is written was
//! synced to disk before; what is read is compared with its checksum (see `sealed`).

mod ask;
mod blob;
mod check;
mod classes;
mod ends;
mod error;
mod expire;
pub(crate) mod folder;
mod integrity;
mod loading;
mod open;
mod read;
mod rows;
mod schema;
mod sealed;
pub(crate) mod space;
pub(crate) mod sums;
pub(crate) mod wal;
mod write;
mod writer;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use axum::body::Bytes;
use rusqlite::Connection;
use shared::{Label, LabelChange, Message, RunOptions, TokenHeads};

use crate::id::{OwnerHash, RunId};
use crate::lock;
use open::{OpenRefused, open_file};
use writer::Writer;

pub use check::{Checked, check as check_runs};
pub(crate) use check::{copy as copy_store, open as open_to_read, structure};
pub use classes::{StoredClass, StoredClasses};
pub(crate) use ends::{interrupted, state_after, state_of};
pub use error::{OpenError, StoreError};
pub use expire::Older;
pub(crate) use folder::{Held, NotHeld};
pub(crate) use integrity::Integrity;
pub use loading::Loading;
pub use read::{StoredPicture, StoredRun};
pub use rows::{KeptRows, RunEnd, RunRows};
pub use space::Space;
pub(crate) use wal::lost_of_copy;

/// Reading connections kept open.
const READERS_KEPT: usize = 4;

/// How a store is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreOptions {
    /// Most pages the file may have: stands in for a full disk in tests.
    pub max_pages: Option<u32>,
}

/// A run to be made durable before it is acknowledged.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its name.
    pub id: RunId,
    /// When it was submitted, RFC 3339.
    pub created: String,
    /// What was asked for.
    pub options: RunOptions,
    /// Who may delete it.
    pub owner: OwnerHash,
    /// The picture as it was uploaded.
    pub picture: Bytes,
    /// Further pictures with their content types, in the prompt's order.
    pub more: Vec<(Bytes, &'static str)>,
    /// The picture's content type.
    pub content_type: &'static str,
}

/// Runs, pictures and events, kept.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    integrity: OnceLock<Integrity>,
    /// What was lost of the log that the last stop left.
    lost: Option<String>,
    space: Arc<Space>,
    /// Whether the disk was so full that the file could not be opened to be written.
    read_only: bool,
    loading: Arc<Loading>,
    /// Held while the store is open, so that no second lab takes its live runs for interrupted.
    held: Held,
}

impl Store {
    /// Opens the store in `folder`, making both where missing, and marks the runs that an earlier
    /// lab left unfinished as interrupted.
    ///
    /// # Errors
    /// One sentence that says what is wrong with the folder.
    pub fn open(folder: &Path, options: &StoreOptions) -> Result<Store, OpenError> {
        let shown = folder.display().to_string();
        let unwritable = |cause| OpenError::Folder { folder: shown.clone(), cause };
        folder::prepare(folder).map_err(unwritable)?;
        let held = Held::take(folder).map_err(|refused| match refused {
            NotHeld::ByAnother => OpenError::InUse(shown.clone()),
            NotHeld::Cannot(cause) => unwritable(cause),
        })?;
        let path = folder.join("lab.sqlite");
        let lost = wal::look(&path);
        let space = Arc::new(Space::of(folder));
        let reserve = space.keep();
        let mut opened = open_file(&path, options);
        if reserve && opened.as_ref().is_err_and(OpenRefused::may_lack_space) && space.give_up() {
            opened = open_file(&path, options);
        }
        let lacks_space = !(space.keep() && space.has_room());
        if lacks_space {
            space.note_full();
        }
        let (mut connection, read_only) = match opened {
            Ok(connection) => (connection, false),
            // What cannot be opened to be written may still be shown.
            Err(refused) if lacks_space && refused.may_lack_space() => {
                match schema::connect_unchanged(&path) {
                    Some(connection) => (connection, true),
                    None => return Err(refused.told(shown)),
                }
            }
            Err(refused) => return Err(refused.told(shown)),
        };
        if !read_only {
            match space.need(|| write::interrupt_unfinished(&mut connection)) {
                Ok(0) => {}
                Ok(runs) => tracing::warn!(runs, "runs were interrupted by the last stop"),
                // Such runs also read as interrupted when nothing is noted; a full disk must not keep
                // the lab from starting.
                Err(StoreError::Full) => {}
                Err(error) => {
                    return Err(OpenError::Broken { folder: shown, cause: error.to_string() });
                }
            }
        }
        let writer = Writer::start(connection)
            .map_err(|e| OpenError::Broken { folder: shown, cause: e.to_string() })?;
        let loading = Arc::new(Loading::of(folder));
        Ok(Store {
            path,
            writer,
            readers: Mutex::default(),
            integrity: OnceLock::new(),
            lost,
            space,
            read_only,
            loading,
            held,
        })
    }

    /// What is noted of the model that is being loaded.
    pub fn loading(&self) -> &Arc<Loading> {
        &self.loading
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Makes a run durable.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was written then.
    pub async fn insert(&self, run: NewRun) -> Result<(), StoreError> {
        self.if_space(move |c| write::insert(c, &run)).await
    }

    /// Writes what a run at work left, some time soon: `rows` is asked for it on the writer's thread, and
    /// `kept` is told how much is written. Does nothing when the writer is busy: the end of the run
    /// writes whatever is missing, and only a crash would lose it.
    pub fn save_soon(
        &self,
        rows: impl FnOnce() -> RunRows + Send + 'static,
        kept: impl FnOnce(KeptRows) + Send + 'static,
    ) {
        if self.space.is_full() {
            return;
        }
        self.writer.try_tell(move |c| {
            let rows = rows();
            match write::save(c, &rows) {
                Ok(now) => kept(now),
                Err(error) => {
                    let run = rows.id.short();
                    tracing::warn!(run, %error, "events of a running run were not written");
                }
            }
        });
    }

    /// Writes the end of a run: `rows` is asked for it on the writer's thread, and `done` is called
    /// there. Waits only where the writer's line is full. For threads that are not async.
    pub fn finish(
        &self,
        rows: impl FnOnce() -> RunRows + Send + 'static,
        done: impl FnOnce(Result<KeptRows, StoreError>) + Send + 'static,
    ) {
        let (space, read_only) = (self.space.clone(), self.read_only);
        self.writer.tell(move |c| match c {
            Some(_) if read_only => done(Err(StoreError::Full)),
            Some(c) => {
                let saved = write::save(c, &rows());
                if matches!(saved, Err(StoreError::Full)) {
                    space.note_full();
                }
                done(saved);
            }
            None => done(Err(StoreError::Closed)),
        });
    }

    /// Deletes a run with its events, and pictures that no other run uses. Gives whether it was
    /// there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete(&self, id: RunId) -> Result<bool, StoreError> {
        self.always(move |c| write::delete(c, &id)).await
    }

    /// Notes that a run is to be cancelled, and returns once that, and whatever was written before,
    /// survives a power cut. Without effect on a run that ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_cancelled(&self, id: RunId) -> Result<(), StoreError> {
        self.always(move |c| write::note_cancelled(c, &id)).await
    }

    /// The runs that seem too old to be kept, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn expired(&self, older: Older) -> Result<Vec<RunId>, StoreError> {
        self.read(|c| expire::list(c, older))
    }

    /// Deletes those of the runs that are too old to be kept; gives which they were.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was deleted then.
    pub async fn expire(&self, ids: Vec<RunId>, older: Older) -> Result<Vec<RunId>, StoreError> {
        self.always(move |c| expire::delete(c, &ids, older)).await
    }

    /// Changes what a run is called; `None` where there is no such run, and a sentence where the
    /// texts are too long.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was changed then.
    pub async fn label(
        &self,
        id: RunId,
        change: LabelChange,
    ) -> Result<Option<Result<Label, Message>>, StoreError> {
        self.if_space(move |c| write::label(c, &id, &change)).await
    }

    /// Reads a run that ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn run(&self, id: &RunId) -> Result<Option<StoredRun>, StoreError> {
        let found = self.read(|c| read::run(c, id))?;
        // A damaged file may have lost the run, and then it was not deleted.
        match found {
            Some(run) => Ok(Some(run)),
            None => self.damage().map_or(Ok(None), |damage| Err(StoreError::Damaged(damage))),
        }
    }

    /// What is wrong with the file as a whole.
    fn damage(&self) -> Option<String> {
        if self.lost.is_some() {
            return self.lost.clone();
        }
        if let Some(looked) = self.integrity.get() {
            return looked.damage();
        }
        let connection = self.connect().ok()?;
        self.integrity.get_or_init(|| Integrity::look(connection)).damage()
    }

    /// Reads one of a run's pictures as it was uploaded, by its number from 0.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn picture(&self, id: &RunId, medium: u8) -> Result<Option<StoredPicture>, StoreError> {
        self.read(|c| read::picture(c, id, medium))
    }

    /// Reads all of a run's pictures as they were uploaded, in the prompt's order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn pictures(&self, id: &RunId) -> Result<Option<Vec<StoredPicture>>, StoreError> {
        self.read(|c| read::pictures(c, id))
    }

    /// Reads one of a run's pictures as the model saw it, by its number from 0.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn prepared(&self, id: &RunId, medium: u8) -> Result<Option<Bytes>, StoreError> {
        self.read(|c| read::prepared(c, id, medium))
    }

    /// Reads rows by head of some tokens of a run's answer: of as many, from the first of them on, as
    /// are kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn heads(&self, id: &RunId, tokens: Range<u32>) -> Result<Vec<TokenHeads>, StoreError> {
        self.read(|c| read::heads(c, id, tokens))
    }

    /// Bytes of the pictures and counts of rows: for tests and metrics.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn totals(&self) -> Result<Totals, StoreError> {
        self.read(read::totals)
    }

    /// Writes what was handed over and stops; the folder is then free for another lab.
    pub fn close(&self) {
        if let Some(looking) = self.integrity.get() {
            looking.stop();
        }
        self.writer.close();
        self.loading.clear();
        self.held.let_go();
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        match self.read_only {
            true => schema::connect_unchanged(&self.path).ok_or(StoreError::Full),
            false => Ok(schema::connect(&self.path)?),
        }
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let kept = lock(&self.readers).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let result = work(&connection);
        let mut readers = lock(&self.readers);
        if readers.len() < READERS_KEPT {
            readers.push(connection);
        }
        result
    }
}

/// What the store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Runs.
    pub runs: u64,
    /// Rows of events.
    pub event_rows: u64,
    /// Pictures, each once.
    pub blobs: u64,
}
