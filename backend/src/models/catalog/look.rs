//! What a model's small files look like from outside: enough to know that they changed.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use engine::gguf_files;

/// Names, sizes and times of the files that say what a model is, in order; none where there are
/// none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look(Vec<(PathBuf, u64, Option<SystemTime>)>);

impl Look {
    /// Of a folder in Hugging Face layout, or of llama.cpp's files. Links are followed: the hub's
    /// cache is made of them.
    pub(crate) fn at(place: &Path) -> Look {
        let mut files: Vec<PathBuf> = match gguf_files(place) {
            Some(files) => files.map(|(one, other)| vec![one, other]).unwrap_or_default(),
            None => {
                settings(place).chain(settings(&place.join("additional_chat_templates"))).collect()
            }
        };
        files.sort();
        let look = |file: PathBuf| {
            let about = std::fs::metadata(&file).ok()?;
            Some((file, about.len(), about.modified().ok()))
        };
        Look(files.into_iter().filter_map(look).collect())
    }
}

/// The files of settings in a folder, by their endings: no weights.
fn settings(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json" || ending == "jinja"))
}
