//! Looking for models: in folders, and among those that the binary carries.

use std::path::{Path, PathBuf};

use engine::gguf_files;

use super::elsewhere::Places;
use super::packed::Packed;
use super::{Catalog, CatalogError, DEMO_NAME, Demos, Source};
use crate::assets::{Assets, DEMO, DEMO_QWEN};
use crate::caches::{self, Cached};
use crate::models::hub::Hub;
use crate::models::registry::Registry;

/// Every model that ships with the lab.
const SHIPPED: [(&str, Assets); 2] = [(DEMO_NAME, DEMO), ("demo-qwen", DEMO_QWEN)];

impl Catalog {
    /// Looks for models: the folders in `models`; without one, those in `models/` here and beside
    /// the executable, and the demo models from inside the binary, written out where needed.
    ///
    /// # Errors
    /// The folder in `models` or the person's own registry cannot be read.
    pub fn find(models: Option<&Path>, data: &Path) -> Result<Catalog, CatalogError> {
        Self::find_with(models, data, Demos::Usual)
    }

    /// The same, where it matters how demo models are had.
    ///
    /// # Errors
    /// As [`Catalog::find`].
    pub fn find_with(
        models: Option<&Path>,
        data: &Path,
        demos: Demos,
    ) -> Result<Catalog, CatalogError> {
        let registry = Registry::load(data).map_err(CatalogError::Registry)?;
        let mut catalog = Catalog {
            registry,
            hub: Some(Hub::from_env()),
            elsewhere: Places::from_env().models(),
            ..Catalog::default()
        };
        let mut packed = Vec::new();
        if let Some(folder) = models {
            // A lab without the models that it was told to have helps nobody.
            if let Err(cause) = std::fs::read_dir(folder) {
                let folder = folder.display().to_string();
                return Err(CatalogError::NoFolder { folder, cause });
            }
            catalog.add_folder(folder);
        } else {
            catalog.add_folder(Path::new("models"));
            let beside = std::env::current_exe().ok();
            if let Some(beside) = beside.as_deref().and_then(Path::parent) {
                catalog.add_folder(&beside.join("models"));
            }
            for (name, assets) in &SHIPPED {
                if catalog.has(name) || catalog.registry.moves(name) {
                    continue;
                }
                if let Some(folder) = assets.folder().filter(|_| demos == Demos::Usual) {
                    catalog.add(name, folder);
                    continue;
                }
                let cache = caches::folder(Cached::Models, data);
                let Some(model) = Packed::new(name, *assets, &cache) else { continue };
                model.unpack();
                // In its place also where it is not there yet: it may be later.
                catalog.push(name, model.folder());
                packed.push(model);
            }
        }
        catalog.packed = packed.into();
        let demo = catalog.models.iter().position(|m| m.name == DEMO_NAME);
        catalog.default = demo.or((!catalog.models.is_empty()).then_some(0));
        Ok(catalog)
    }

    fn add(&mut self, name: &str, folder: &Path) {
        // A person's own registry says that the name means another place: that place counts.
        if self.registry.moves(name) {
            return;
        }
        if folder.join("config.json").is_file() && has_weights(folder) && !self.has(name) {
            self.push(name, folder);
        }
    }

    fn push(&mut self, name: &str, folder: &Path) {
        let source = Source::folder(name.to_owned(), folder.to_owned());
        self.models.push(match self.registry.get(name) {
            Some(entry) => source.known_as(entry),
            None => source,
        });
    }

    pub(super) fn add_folder(&mut self, folder: &Path) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        let mut folders: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        folders.sort();
        for path in folders {
            if let Some(Ok((text, mmproj))) = gguf_files(&path) {
                let source = Source::files(&text, &mmproj);
                if !self.has(&source.name) {
                    self.models.push(source);
                }
            } else if let Some(name) = path.file_name().and_then(|n| n.to_str()) {
                self.add(name, &path);
            }
        }
    }
}

/// Whether a folder has weights; one that is still being downloaded or trained may not.
fn has_weights(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // What macOS leaves beside files on other systems' disks has their endings.
        let shown = !name.starts_with('.');
        shown && (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json"))
    })
}
