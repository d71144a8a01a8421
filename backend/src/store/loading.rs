//! Which model is being loaded, noted where the next lab finds it if this one is killed meanwhile.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::folder;

/// Notes of the model that is being loaded.
#[derive(Debug)]
pub struct Loading {
    path: PathBuf,
    died_of: Option<String>,
}

impl Loading {
    /// The notes of a data folder, with what an earlier lab left there.
    pub(super) fn of(data: &Path) -> Loading {
        let path = data.join("loading");
        let died_of = std::fs::read_to_string(&path).ok().filter(|name| !name.is_empty());
        Loading { path, died_of }
    }

    /// The model that an earlier lab was killed at, if no model has been loaded since.
    pub fn died_of(&self) -> Option<&str> {
        self.died_of.as_deref().filter(|_| self.path.exists())
    }

    /// Notes that a model is about to be loaded, before it is, until what this gives is dropped. Not
    /// being able to note it keeps nobody from loading it.
    #[must_use]
    pub fn begins(&self, model: &str) -> Begun<'_> {
        let noted = folder::private().create(true).truncate(true).write(true).open(&self.path);
        let noted = noted.and_then(|mut file| {
            file.write_all(model.as_bytes())?;
            file.sync_data()
        });
        if let Err(error) = noted {
            tracing::warn!(%error, "it is not noted which model is being loaded");
        }
        Begun(self)
    }

    /// Forgets what was noted.
    pub(super) fn clear(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A model is being loaded.
#[derive(Debug)]
pub struct Begun<'n>(&'n Loading);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.clear();
    }
}
