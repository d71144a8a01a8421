//! Which model is being loaded, noted where the next lab finds it if this one is killed meanwhile.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::folder;
use crate::lock;

/// Notes of the model that is being loaded.
#[derive(Debug)]
pub struct Loading {
    path: PathBuf,
    died_of: Option<String>,
    /// The models that are being loaded now: several devices may each load one.
    now: Mutex<Vec<String>>,
}

impl Loading {
    /// The notes of a data folder, with what an earlier lab left there.
    pub(super) fn of(data: &Path) -> Loading {
        let path = data.join("loading");
        let died_of = std::fs::read_to_string(&path).ok().filter(|name| !name.is_empty());
        Loading { path, died_of, now: Mutex::default() }
    }

    /// The model that an earlier lab was killed at, if no model has been loaded since.
    pub fn died_of(&self) -> Option<&str> {
        self.died_of.as_deref()?.lines().next().filter(|_| self.path.exists())
    }

    /// Notes that a model is about to be loaded, before it is, until what this gives is dropped. Not
    /// being able to note it keeps nobody from loading it.
    #[must_use]
    pub fn begins(self: &Arc<Self>, model: &str) -> Begun {
        let mut now = lock(&self.now);
        now.push(model.to_owned());
        self.note(&now);
        Begun { notes: self.clone(), model: model.to_owned() }
    }

    /// Writes down what is being loaded.
    fn note(&self, now: &[String]) {
        if now.is_empty() {
            return self.clear();
        }
        let noted = folder::private().create(true).truncate(true).write(true).open(&self.path);
        let noted = noted.and_then(|mut file| {
            file.write_all(now.join("\n").as_bytes())?;
            file.sync_data()
        });
        if let Err(error) = noted {
            tracing::warn!(%error, "it is not noted which model is being loaded");
        }
    }

    /// Forgets what was noted.
    pub(super) fn clear(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A model is being loaded.
#[derive(Debug)]
pub struct Begun {
    notes: Arc<Loading>,
    model: String,
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut now = lock(&self.notes.now);
        if let Some(at) = now.iter().position(|model| *model == self.model) {
            now.remove(at);
        }
        self.notes.note(&now);
    }
}
