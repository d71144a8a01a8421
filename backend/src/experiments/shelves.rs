//! Where this lab's datasets are.

use datasets::{Files, Paths, Places};

use crate::assets::DEMO_DATASET;
use crate::models::hub::Hub;

/// Where datasets may be read from, for as long as the lab is open.
pub struct Shelves {
    paths: Paths,
    hub: Option<Hub>,
}

impl Shelves {
    /// Shelves with the demo dataset, the files that names may ask for, and the hub whose cache
    /// holds the datasets that were pulled.
    pub fn new(paths: Paths, hub: Option<Hub>) -> Shelves {
        Shelves { paths, hub }
    }

    /// The shelves as the readers of datasets want them.
    pub fn places(&self) -> Places<'_> {
        let places = Places::default();
        let demo = match DEMO_DATASET.folder() {
            // The folder here or beside the program comes first, as it does for models.
            Some(built_from) if !is_there(&places.demo) => Files::Folder(built_from.to_owned()),
            None if !is_there(&places.demo) => Files::Inside(DEMO_DATASET.embedded().collect()),
            _ => places.demo,
        };
        let hub = self.hub.as_ref().map(|hub| hub as &dyn datasets::Hub);
        Places { demo, paths: self.paths.clone(), hub }
    }
}

fn is_there(files: &Files) -> bool {
    matches!(files, Files::Folder(folder) if folder.is_dir())
}
