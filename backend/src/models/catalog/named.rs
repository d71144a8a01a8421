//! A model by what a person calls it: its name, a folder, files or a repository.

use std::path::Path;

use engine::{gguf_files, variant_of};
use shared::sentence::{CatalogFault, FileFault, Message, ModelVariant};

use super::elsewhere::is_meant;
use super::{Catalog, CatalogError, DEMO_NAME, Source};
use crate::models::hub::{Repository, Wanted};
use crate::models::registry::{Entry, Origin};

impl Catalog {
    /// Makes a model the default: one by name, or a folder, which is added. One that the lab carries
    /// may be unpacked later.
    ///
    /// # Errors
    /// No such model.
    pub fn set_default(&mut self, name: &str) -> Result<(), CatalogError> {
        if self.missing(name).is_some() {
            let at = self.models.iter().position(|m| m.name == name);
            self.default = at.or(self.default);
            return Ok(());
        }
        let source = self.resolve(name)?;
        let at = self.models.iter().position(|m| m.name == source.name);
        self.default = Some(at.unwrap_or(self.models.len()));
        if at.is_none() {
            self.models.push(source);
        }
        Ok(())
    }

    /// The model of that name; the default one for an empty name.
    ///
    /// # Errors
    /// No such model, or it is not here.
    pub fn by_name(&self, name: &str) -> Result<Source, CatalogError> {
        let found = match name {
            "" => self.default_model(),
            _ => self.models.iter().find(|m| m.name == name),
        };
        if let Some(found) = found {
            return match self.missing(&found.name) {
                Some(why) => Err(CatalogError::NotUnpacked(why)),
                None => Ok(found.clone()),
            };
        }
        if let Some(found) = self.elsewhere().find(|source| source.name == name) {
            return Ok(found.clone());
        }
        if let Some(entry) = self.registry.get(name).filter(|e| e.origin != Origin::Shipped) {
            return self.locate(entry).ok_or_else(|| absent(entry));
        }
        if let Some(found) = self.elsewhere().find(|source| is_meant(name, source)) {
            return Ok(found.clone());
        }
        let known = self.known();
        let names: Vec<&str> = known.iter().map(|m| m.name).collect();
        let known = match names.is_empty() {
            true => CatalogFault::NoNames.into(),
            false => names.join(", ").into(),
        };
        let name = if name.is_empty() { DEMO_NAME } else { name };
        Err(CatalogError::Unknown { name: name.to_owned(), known })
    }

    /// A model by name or, for the command line, by its folder or files.
    ///
    /// # Errors
    /// No such model.
    pub fn resolve(&self, name: &str) -> Result<Source, CatalogError> {
        let unknown = match self.by_name(name) {
            Ok(source) => return Ok(source),
            // It is known, whatever lies here under its name.
            Err(missing @ CatalogError::NotUnpacked(_)) => return Err(missing),
            Err(unknown) => unknown,
        };
        let folder = Path::new(name);
        match gguf_files(folder) {
            Some(Ok((text, mmproj))) => return Ok(Source::files(&text, &mmproj)),
            Some(Err(error)) => return Err(CatalogError::Files(error.into_message())),
            None => {}
        }
        if name.is_empty() || !folder.is_dir() {
            // A repository's own name, where somebody has pulled it.
            let repository: Option<Repository> = name.parse().ok();
            let pulled = repository.and_then(|r| self.in_cache(&r, &Wanted::Model).map(|f| (r, f)));
            return match pulled {
                Some((repository, folder)) => Ok(Source::folder(repository.id, folder)),
                // What looks like a path is not a name somebody mistyped.
                None if folder.is_file() => Err(CatalogError::NotModelFile(name.to_owned())),
                None if folder.is_absolute() || name.starts_with('.') => {
                    Err(CatalogError::Nowhere(name.to_owned()))
                }
                None => Err(unknown),
            };
        }
        if !folder.join("config.json").is_file() {
            return Err(match variant_of(folder) {
                Some(what) => CatalogError::Files(of_file(folder, what)),
                None => CatalogError::NotAModel(name.to_owned()),
            });
        }
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let name = folder.file_name().map_or(name.to_owned(), |n| n.to_string_lossy().into_owned());
        Ok(Source::folder(name, folder))
    }
}

/// Why an entry's model is not here.
fn absent(entry: &Entry) -> CatalogError {
    let name = entry.name.clone();
    match &entry.origin {
        Origin::Folder(folder) => CatalogError::NotInPlace { name, what: not_in_place(folder) },
        _ => CatalogError::NotPulled { name, download: entry.download },
    }
}

/// What is wrong with the place at which models.toml says a model lies.
pub(crate) fn not_in_place(place: &Path) -> Message {
    let shown = place.display().to_string();
    if !place.exists() && gguf_files(place).is_none() {
        return CatalogFault::Nowhere { path: shown }.into();
    }
    if let Some(Err(error)) = gguf_files(place) {
        return error.into_message();
    }
    match variant_of(place) {
        Some(what) => of_file(place, what),
        None => CatalogFault::NoModelIn { folder: shown }.into(),
    }
}

fn of_file(place: &Path, what: ModelVariant) -> Message {
    FileFault::OfFile { file: place.display().to_string(), what: what.into() }.into()
}
