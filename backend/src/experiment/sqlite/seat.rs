//! Seats: who of the workers is alive.
//!
//! A worker holds a lock on a file of its own, and the system lets go of it when the process ends,
//! however it ends. So whether a worker lives is never a matter of clocks or of patience.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::experiment::queue::{Claim, Seat};
use crate::id::RunId;
use crate::store::StoreError;

/// Bytes of a note: an experiment's name, a blank and an item's number.
const NOTE: usize = 40;

/// A worker's place, held by a lock on its file.
#[derive(Debug)]
pub(super) struct FileSeat {
    name: String,
    path: PathBuf,
    file: File,
}

impl FileSeat {
    pub(super) fn take(folder: &Path) -> Result<FileSeat, StoreError> {
        let broken = |e: &dyn std::fmt::Display| {
            StoreError::Broken(format!(
                "a worker's place in {} cannot be taken: {e}",
                folder.display()
            ))
        };
        std::fs::create_dir_all(folder).map_err(|e| broken(&e))?;
        let name = RunId::random().map_err(|e| broken(&e))?.to_string();
        let path = folder.join(&name);
        let file = File::options().create_new(true).write(true).open(&path);
        let file = file.map_err(|e| broken(&e))?;
        file.lock().map_err(|e| broken(&e))?;
        Ok(FileSeat { name, path, file })
    }
}

impl Seat for FileSeat {
    fn name(&self) -> &str {
        &self.name
    }

    fn at_work(&mut self, claim: Option<&Claim>) {
        let note =
            claim.map(|c| format!("{} {}", c.experiment.as_str(), c.item)).unwrap_or_default();
        // What is noted only matters if the worker dies; not being able to note must not stop it.
        let note = format!("{note:<NOTE$}");
        let _ =
            self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.write_all(note.as_bytes()));
    }
}

impl Drop for FileSeat {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether a worker is gone and, if so, what it was at work on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    Gone(Option<Claim>),
}

/// Looks after a worker.
pub(super) fn life(folder: &Path, name: &str) -> Life {
    let path = folder.join(name);
    let file = match File::options().read(true).write(true).open(&path) {
        Ok(file) => file,
        // A worker that ends in good order takes its file with it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Life::Gone(None),
        // That it cannot be looked at (too many open files, say) is no sign of death.
        Err(_) => return Life::Alive,
    };
    match file.try_lock() {
        Ok(()) => {
            let note = std::fs::read_to_string(&path).unwrap_or_default();
            Life::Gone(read_note(&note))
        }
        Err(_) => Life::Alive,
    }
}

fn read_note(note: &str) -> Option<Claim> {
    let (experiment, item) = note.trim().split_once(' ')?;
    Some(Claim { experiment: RunId::parse(experiment)?, item: item.parse().ok()? })
}

/// Forgets a worker that is gone.
pub(super) fn clear(folder: &Path, name: &str) {
    let _ = std::fs::remove_file(folder.join(name));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_worker_lives_while_it_holds_its_seat() {
        let folder = tempfile::tempdir().unwrap();
        let mut seat = FileSeat::take(folder.path()).unwrap();
        let name = seat.name().to_owned();
        assert_eq!(life(folder.path(), &name), Life::Alive);
        let claim = Claim { experiment: RunId::random().unwrap(), item: 4_000_000_000 };
        seat.at_work(Some(&Claim { experiment: RunId::random().unwrap(), item: 7 }));
        seat.at_work(Some(&claim));
        // As a killed process leaves it: the file stays, the lock does not.
        let path = seat.path.clone();
        let kept = std::fs::read(&path).unwrap();
        drop(seat);
        std::fs::write(&path, kept).unwrap();
        assert_eq!(life(folder.path(), &name), Life::Gone(Some(claim)));
        clear(folder.path(), &name);
        assert_eq!(life(folder.path(), &name), Life::Gone(None));
    }
}
