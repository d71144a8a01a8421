//! A demo model that the binary carries, written out where the engine can read it: when the lab
//! starts, and again and again where that fails, for a disk may have room later.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use shared::sentence::{LabError, Message};

use crate::assets::Assets;
use crate::lock;

/// Whoever asks has it tried no more often.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// A model that the binary carries.
#[derive(Debug)]
pub(super) struct Packed {
    name: &'static str,
    assets: Assets,
    /// Where it lies once it is unpacked: named after what it holds.
    folder: PathBuf,
    /// Why it does not lie there.
    missing: Mutex<Option<Message>>,
    /// When that was tried last; held while it is.
    tried: Mutex<Option<Instant>>,
}

impl Packed {
    /// A model whose place is in `models`; `None` where it has no files.
    pub(super) fn new(name: &'static str, assets: Assets, models: &Path) -> Option<Packed> {
        let mut hash = Sha256::new();
        let mut any = false;
        for (path, bytes) in assets.files() {
            any = true;
            hash.update(&*path);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(&bytes);
        }
        let tag = shared::hex(&hash.finalize()[..6]);
        let folder = models.join(format!("{name}-{tag}"));
        let (missing, tried) = (Mutex::new(None), Mutex::new(None));
        any.then_some(Packed { name, assets, folder, missing, tried })
    }

    /// Its name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Where it lies once it is unpacked.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Why it is not to be had now.
    pub(super) fn missing(&self) -> Option<Message> {
        lock(&self.missing).clone()
    }

    /// Unpacks it, unless somebody else is at it or it was tried just now. Takes as long as writing
    /// some megabytes does.
    pub(super) fn unpack(&self) {
        self.unpack_at(Instant::now());
    }

    fn unpack_at(&self, now: Instant) {
        let Ok(mut tried) = self.tried.try_lock() else { return };
        if tried.is_some_and(|at| now.saturating_duration_since(at) < TRY_EVERY) {
            return;
        }
        *tried = Some(now);
        let written = self.write();
        let (name, folder) = (self.name, self.folder.display());
        let before = self.missing();
        let now = written.as_ref().err().map(|error| {
            let what = why(error);
            Message::from(LabError::ModelNotUnpacked { name: name.to_owned(), what })
        });
        match (&written, &before) {
            (Err(error), before) if *before != now => {
                tracing::error!(model = name, %folder, %error, "a demo model cannot be unpacked");
            }
            (Ok(()), Some(_)) => tracing::info!(model = name, %folder, "unpacked after all"),
            _ => {}
        }
        *lock(&self.missing) = now;
    }

    /// Writes it out, unless it lies there as it should.
    fn write(&self) -> io::Result<()> {
        let folder = &self.folder;
        let same = |(path, bytes): (Cow<str>, Cow<[u8]>)| {
            std::fs::read(folder.join(&*path)).is_ok_and(|kept| kept == *bytes)
        };
        if folder.is_dir() {
            if self.assets.files().all(same) {
                return Ok(());
            }
            tracing::error!(folder = %folder.display(), "a model is damaged, and written anew");
            let _ = std::fs::remove_dir_all(folder);
        }
        // Written beside and renamed, so that a half-written model is never taken for one.
        let half = folder.with_extension(format!("{}.part", std::process::id()));
        let written = self.write_to(&half).and_then(|()| std::fs::rename(&half, folder));
        if written.is_err() {
            // Half a model helps nobody, and fills a disk that has little room.
            let _ = std::fs::remove_dir_all(&half);
        }
        match written {
            // Another lab was faster.
            Err(_) if folder.is_dir() => Ok(()),
            other => other,
        }
    }

    fn write_to(&self, half: &Path) -> io::Result<()> {
        for (path, bytes) in self.assets.files() {
            let file = half.join(&*path);
            std::fs::create_dir_all(file.parent().unwrap_or(half))?;
            write_through(&file, &bytes)?;
        }
        // On the disk before it gets its name: after a power failure, the name vouches for the files.
        sync_folders(half)
    }
}

/// What keeps a folder from being written, in words that name no place of this machine.
fn why(error: &io::Error) -> Message {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded => LabError::CacheFull,
        ReadOnlyFilesystem => LabError::CacheReadOnly,
        PermissionDenied => LabError::CacheForbidden,
        _ => LabError::CacheUnusable { why: error.to_string() },
    }
    .into()
}

fn write_through(file: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::File::create(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Syncs a folder and those in it, where the system can.
fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    // Elsewhere a folder cannot be opened as a file.
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;
    use crate::assets::DEMO;

    fn unpack(packed: &Packed, at: Instant) -> Option<String> {
        packed.unpack_at(at);
        packed.missing().map(|message| message.text)
    }

    #[test]
    fn a_model_that_cannot_be_unpacked_says_why_and_is_unpacked_later() {
        let place = tempfile::tempdir().unwrap();
        let models = place.path().join("models");
        std::fs::write(&models, "a file where the folder is to be").unwrap();
        let packed = Packed::new("demo", DEMO, &models).unwrap();
        let start = Instant::now();
        let said = unpack(&packed, start).unwrap();
        assert!(said.starts_with("The model demo, which the lab carries inside, is not unpacked"));
        assert!(said.contains("cache folder cannot be written"), "{said}");
        assert!(
            !said.contains(place.path().to_str().unwrap()),
            "no folder of this machine: {said}"
        );
        std::fs::remove_file(&models).unwrap();
        // Not before a while has passed.
        assert!(unpack(&packed, start + TRY_EVERY / 2).is_some());
        assert_eq!(unpack(&packed, start + TRY_EVERY), None);
        for (path, bytes) in DEMO.files() {
            assert_eq!(std::fs::read(packed.folder().join(&*path)).unwrap(), *bytes, "{path}");
        }
        // What was damaged since is written anew, and nothing else is left beside it.
        std::fs::write(packed.folder().join("config.json"), "{}").unwrap();
        assert_eq!(unpack(&packed, start + 2 * TRY_EVERY), None);
        let config = std::fs::read(packed.folder().join("config.json")).unwrap();
        assert_eq!(config, DEMO.get("config.json").unwrap().data);
        assert_eq!(std::fs::read_dir(&models).unwrap().count(), 1);
    }

    #[test]
    fn half_a_model_is_taken_away_again() {
        let place = tempfile::tempdir().unwrap();
        let packed = Packed::new("demo", DEMO, place.path()).unwrap();
        // A folder where one of its files is to be: what comes before it is written.
        let half = packed.folder().with_extension(format!("{}.part", std::process::id()));
        let last = DEMO.files().last().unwrap().0;
        std::fs::create_dir_all(half.join(&*last)).unwrap();
        let start = Instant::now();
        assert!(unpack(&packed, start).is_some());
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
        assert_eq!(unpack(&packed, start + TRY_EVERY), None);
    }

    #[test]
    fn what_keeps_a_folder_from_being_written_is_told_by_its_kind() {
        for (kind, part) in [
            (io::ErrorKind::StorageFull, "no space left"),
            (io::ErrorKind::QuotaExceeded, "no space left"),
            (io::ErrorKind::ReadOnlyFilesystem, "can only be read"),
            (io::ErrorKind::PermissionDenied, "no right to write"),
            (io::ErrorKind::NotADirectory, "cannot be written"),
        ] {
            let said = why(&kind.into()).text;
            assert!(said.contains(part), "{said}");
        }
    }
}
