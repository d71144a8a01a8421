//! Where datasets may be read from.

use std::path::{Path, PathBuf};

use crate::files::Files;

/// Where datasets may be read from.
pub struct Places<'a> {
    /// The demo dataset's files.
    pub demo: Files,
    /// Which of the machine's own files a dataset's name may ask for.
    pub paths: Paths,
    /// What fetches datasets from the hub; `None` where nothing does.
    pub hub: Option<&'a dyn Hub>,
}

/// Which files a dataset's name may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paths {
    /// None. What strangers may write into a name opens none of the machine's files.
    Nowhere,
    /// Those in this folder; relative paths begin there.
    Inside(PathBuf),
    /// Any that the process can read: the command line's choice.
    Anywhere,
}

/// Fetches a dataset's files, or finds those that were fetched before.
pub trait Hub {
    /// The parquet files of one folder of a dataset repository, as they lie on this machine.
    ///
    /// # Errors
    /// A sentence about what is missing and what to do.
    fn parquet(&self, repository: &str, folder: &str) -> Result<Pulled, String>;
}

/// A dataset's files on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The commit they are from.
    pub commit: String,
    /// Where they are; read in the order of their names.
    pub files: Vec<PathBuf>,
}

impl Default for Places<'_> {
    /// The demo dataset in `datasets/demo`, in the working directory or beside the program; no
    /// other files and no hub.
    fn default() -> Self {
        Places { demo: Files::Folder(demo_folder()), paths: Paths::Nowhere, hub: None }
    }
}

fn demo_folder() -> PathBuf {
    let inside = Path::new("datasets").join("demo");
    let program = std::env::current_exe().ok();
    let beside = program.as_deref().and_then(Path::parent).map(|folder| folder.join(&inside));
    match beside {
        Some(beside) if !inside.is_dir() && beside.is_dir() => beside,
        _ => inside,
    }
}
