//! Seats: who of the workers is alive.
//!
//! A worker holds a lock on a file of its own, and the system lets go of it when the process ends,
//! however it ends. So whether a worker lives is never a matter of clocks or of patience.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::experiments::{AtWork, Claim, Post, Seat};
use crate::id::RunId;
use crate::store::{StoreError, folder};

/// Bytes of a note: an experiment's name, a blank, an item's number, and [`STARTING`].
const NOTE: usize = 40;
/// Stands at the end of a lab's note while it is only starting the work.
const STARTING: &str = "!";

/// A worker's place, held by a lock on its file.
#[derive(Debug)]
pub(super) struct FileSeat {
    name: String,
    path: PathBuf,
    file: File,
    post: Post,
}

impl FileSeat {
    pub(super) fn take(seats: &Path, post: Post) -> Result<FileSeat, StoreError> {
        let broken = |e: &dyn std::fmt::Display| {
            StoreError::Broken(format!(
                "a worker's place in {} cannot be taken: {e}",
                seats.display()
            ))
        };
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::StorageFull => StoreError::Full,
            _ => broken(&e),
        };
        folder::make(seats).map_err(failed)?;
        let name = RunId::random().map_err(|e| broken(&e))?.to_string();
        let path = seats.join(&name);
        let file = folder::private().create_new(true).write(true).open(&path);
        let file = file.map_err(failed)?;
        file.lock().map_err(failed)?;
        let mut seat = FileSeat { name, path, file, post };
        // What is written over later needs no space that the disk may not have then.
        seat.write(String::new()).map_err(failed)?;
        Ok(seat)
    }

    fn write(&mut self, note: String) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(format!("{note:<NOTE$}").as_bytes())
    }
}

impl Seat for FileSeat {
    fn name(&self) -> &str {
        &self.name
    }

    fn at_work(&mut self, at: Option<AtWork>) {
        let note = at.map(|at| {
            let mark = if at.starting && self.post == Post::Lab { STARTING } else { "" };
            format!("{} {} {mark}", at.claim.experiment.as_str(), at.claim.item)
        });
        // What is noted only matters if the worker dies; not being able to note must not stop it.
        let written = self.write(note.unwrap_or_default());
        // A machine that runs out of memory may go down as a whole.
        if written.is_ok() && at.is_some_and(|at| at.starting) {
            let _ = self.file.sync_data();
        }
    }
}

impl Drop for FileSeat {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What a worker that died was at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) claim: Claim,
    /// Whether it was a lab that was only starting this work.
    pub(super) lab_started: bool,
}

/// Whether a worker is gone and, if so, what it was at work on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    Gone(Option<Last>),
}

/// Looks after a worker.
pub(super) fn life(seats: &Path, name: &str) -> Life {
    let path = seats.join(name);
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

fn read_note(note: &str) -> Option<Last> {
    let mut words = note.split_whitespace();
    let (experiment, item) = (words.next()?, words.next()?);
    let claim = Claim { experiment: RunId::parse(experiment)?, item: item.parse().ok()? };
    Some(Last { claim, lab_started: words.next() == Some(STARTING) })
}

/// The names of all seats that were taken and not cleared, whoever lives.
pub(super) fn all(seats: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(seats).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Forgets what a worker is at.
pub(super) fn blank(seats: &Path, name: &str) {
    let file = File::options().write(true).open(seats.join(name));
    let _ = file.and_then(|mut file| file.write_all(format!("{:<NOTE$}", "").as_bytes()));
}

/// Forgets a worker that is gone.
pub(super) fn clear(seats: &Path, name: &str) {
    let _ = std::fs::remove_file(seats.join(name));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_worker_lives_while_it_holds_its_seat() {
        for (post, starting) in [(Post::Lab, true), (Post::Lab, false), (Post::Worker, true)] {
            let folder = tempfile::tempdir().unwrap();
            let mut seat = FileSeat::take(folder.path(), post).unwrap();
            let name = seat.name().to_owned();
            assert_eq!(life(folder.path(), &name), Life::Alive);
            assert_eq!(all(folder.path()), std::slice::from_ref(&name));
            let claim = Claim { experiment: RunId::random().unwrap(), item: 4_000_000_000 };
            let other = Claim { experiment: RunId::random().unwrap(), item: 7 };
            seat.at_work(Some(AtWork { claim: &other, starting: true }));
            seat.at_work(Some(AtWork { claim: &claim, starting }));
            // As a killed process leaves it: the file stays, the lock does not.
            let path = seat.path.clone();
            let kept = std::fs::read(&path).unwrap();
            assert_eq!(kept.len(), NOTE, "written over, never longer");
            drop(seat);
            std::fs::write(&path, kept).unwrap();
            let lab_started = post == Post::Lab && starting;
            let last = Last { claim, lab_started };
            assert_eq!(life(folder.path(), &name), Life::Gone(Some(last)));
            clear(folder.path(), &name);
            assert_eq!(life(folder.path(), &name), Life::Gone(None));
        }
    }
}
