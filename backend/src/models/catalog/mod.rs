//! Which models there are, by name: folders in Hugging Face layout and llama.cpp's files.

mod elsewhere;
mod error;
mod find;
mod look;
mod named;
mod packed;
mod source;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use engine::{gguf_files, traits_of};
use shared::sentence::Message;
use shared::{AskedOptions, KnownModel, ModelTraits, Quant, RunOptions};

use crate::error::ApiError;
use crate::lock;
use crate::models::hub::{Hub, Repository, Wanted};
use crate::models::registry::{Entry, Origin, Registry};

pub use error::CatalogError;
pub(crate) use look::Look;
pub(crate) use named::not_in_place;
use packed::Packed;
pub use source::Source;

/// The model that ships with the lab.
pub const DEMO_NAME: &str = "demo-llava";

/// The models there are.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    models: Vec<Source>,
    /// Those of them that the binary carries: in their places as far as they could be unpacked.
    packed: Arc<[Packed]>,
    /// What other programs keep on this machine.
    elsewhere: Vec<Source>,
    default: Option<usize>,
    registry: Registry,
    hub: Option<Hub>,
    /// What is known of models before they are loaded, by their place, as it was read from files
    /// that looked so.
    traits: Arc<Mutex<HashMap<PathBuf, (Look, ModelTraits)>>>,
}

/// A model the lab knows, here or not.
#[derive(Clone, Debug)]
pub struct Known<'c> {
    /// Its name.
    pub name: &'c str,
    /// Where it is, if it is here.
    pub source: Option<Source>,
    /// What the registry says of it.
    pub entry: Option<&'c Entry>,
    /// Why it is not here, where the lab carries it and cannot unpack it now.
    pub missing: Option<Message>,
}

/// How the demo models that the binary carries are had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demos {
    /// From the folders that the binary was built from, where those are known; else unpacked.
    #[default]
    Usual,
    /// Unpacked, as from a release: for tests of that.
    Unpacked,
}

impl Catalog {
    /// A catalog of one made-up model for the scripted lab.
    pub fn scripted() -> Catalog {
        let mut scripted = Source::folder("scripted".to_owned(), PathBuf::new());
        scripted.title = "Scripted: made-up numbers, for tests and for work on the page".to_owned();
        Catalog { models: vec![scripted], default: Some(0), ..Catalog::default() }
    }

    fn has(&self, name: &str) -> bool {
        self.models.iter().any(|m| m.name == name)
    }

    /// Why a model that the lab carries is not here: it could not be unpacked. An empty name is the
    /// default one's.
    pub fn missing(&self, name: &str) -> Option<Message> {
        let name = match name {
            "" => self.default_model()?.name.as_str(),
            name => name,
        };
        self.packed.iter().find(|model| model.name() == name)?.missing()
    }

    /// Tries again to unpack what the lab carries and could not be unpacked; no more often than once
    /// a second. Writes to the disk: not for async threads.
    pub fn look_again(&self) {
        self.packed.iter().filter(|model| model.missing().is_some()).for_each(Packed::unpack);
    }

    /// Why models that the lab carries are not here.
    pub fn all_missing(&self) -> Vec<Message> {
        self.packed.iter().filter_map(Packed::missing).collect()
    }

    /// The same catalog with another hub, for tests.
    #[must_use]
    pub fn with_hub(mut self, hub: Hub) -> Self {
        self.hub = Some(hub);
        self
    }

    /// The hub that models are pulled from.
    pub fn hub(&self) -> Option<&Hub> {
        self.hub.as_ref()
    }

    /// The registry's entry of that name.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.registry.get(name)
    }

    /// Every model the lab knows: those that are here, then those that can be.
    pub fn known(&self) -> Vec<Known<'_>> {
        let here = self.models.iter().map(|source| {
            let missing = self.missing(&source.name);
            Known {
                name: &source.name,
                source: missing.is_none().then(|| source.clone()),
                entry: self.registry.get(&source.name),
                missing,
            }
        });
        let others = self.registry.entries().iter().filter(|entry| !self.has(&entry.name));
        let others = others.filter(|entry| entry.origin != Origin::Shipped).map(|entry| Known {
            name: &entry.name,
            source: self.locate(entry),
            entry: Some(entry),
            missing: None,
        });
        let elsewhere = self.elsewhere().map(|source| Known {
            name: &source.name,
            source: Some(source.clone()),
            entry: None,
            missing: None,
        });
        // A lab without a hub is one for tests, of nothing but what it was given.
        let more = others.chain(elsewhere);
        here.chain(more.filter(|_| self.hub.is_some())).collect()
    }

    /// The smallest model on the hub, where only the demo models are here: those learned drawings, and name what is
    /// on a photograph wrongly.
    pub fn to_bring_for_photographs(&self) -> Option<&Entry> {
        let known = self.known();
        let demo = |entry: &Entry| entry.origin == Origin::Shipped;
        if known.iter().any(|m| m.source.is_some() && !m.entry.is_some_and(demo)) {
            return None;
        }
        let need = |entry: &&Entry| {
            let own = entry.quant.unwrap_or_default();
            let memory = entry.memory();
            memory.iter().find(|need| need.quant == own).map_or(u64::MAX, |need| need.bytes)
        };
        let absent = known.iter().filter(|m| m.source.is_none()).filter_map(|m| m.entry);
        absent.filter(|entry| matches!(entry.origin, Origin::Hub(..))).min_by_key(need)
    }

    /// What other programs keep under names that are free here.
    fn elsewhere(&self) -> impl Iterator<Item = &Source> {
        self.elsewhere
            .iter()
            .filter(|source| !self.has(&source.name) && self.registry.get(&source.name).is_none())
    }

    /// Where an entry's files are, if they are here.
    fn locate(&self, entry: &Entry) -> Option<Source> {
        let place = match &entry.origin {
            Origin::Shipped => return None,
            Origin::Folder(folder) => folder.clone(),
            Origin::Hub(repository, wanted) => self.in_cache(repository, wanted)?,
        };
        let is_there =
            place.join("config.json").is_file() || gguf_files(&place).is_some_and(|f| f.is_ok());
        is_there.then(|| Source::folder(entry.name.clone(), place).known_as(entry))
    }

    /// A repository in the cache that Python fills too, as the engine wants it named.
    fn in_cache(&self, repository: &Repository, wanted: &Wanted) -> Option<PathBuf> {
        let folder = self.hub.as_ref()?.local(repository, wanted)?;
        Some(match wanted {
            Wanted::Model => folder,
            Wanted::Folder { folder: inside, .. } => folder.join(inside),
            Wanted::Files(names) => {
                let files: Vec<String> =
                    names.iter().map(|name| folder.join(name).display().to_string()).collect();
                PathBuf::from(files.join(","))
            }
        })
    }

    /// What is known of a model before it is loaded. Its files are read once, and again when they
    /// have changed or while they do not say.
    pub fn known_model(&self, source: &Source) -> KnownModel {
        // Before they are read: what changes meanwhile is read again the next time.
        let look = Look::at(&source.folder);
        let before = lock(&self.traits).get(&source.folder).cloned();
        let before = before.filter(|(then, _)| *then == look).map(|(_, traits)| traits);
        let traits = before.or_else(|| {
            let found = traits_of(&source.folder);
            let mut all = lock(&self.traits);
            match &found {
                Some(found) => all.insert(source.folder.clone(), (look, found.clone())),
                None => all.remove(&source.folder),
            };
            found
        });
        let unknown = || ModelTraits::from(source.default_quant());
        KnownModel { defaults: source.defaults(), traits: traits.unwrap_or_else(unknown) }
    }

    /// What a run of `asked` uses on a model of this lab: every door comes through here.
    ///
    /// # Errors
    /// A code and a sentence for the first option that cannot be.
    pub fn resolved(&self, source: &Source, asked: &AskedOptions) -> Result<RunOptions, ApiError> {
        let KnownModel { defaults, traits } = self.known_model(source);
        shared::options::resolve(asked, &defaults, &traits).map_err(ApiError)
    }

    /// The same without the prompt: whether such runs are possible at all.
    ///
    /// # Errors
    /// As [`Catalog::resolved`], the prompt's apart.
    pub fn settings(&self, source: &Source, asked: &AskedOptions) -> Result<RunOptions, ApiError> {
        let KnownModel { defaults, traits } = self.known_model(source);
        shared::options::resolve_settings(asked, &defaults, &traits).map_err(ApiError)
    }

    /// Names of a model's prompt templates, the one that is used when nobody says first; none where
    /// they are not known before it is loaded.
    pub fn templates(&self, source: &Source) -> Vec<String> {
        let KnownModel { defaults, traits } = self.known_model(source);
        let mut names = traits.templates.unwrap_or_default();
        // Stable, so that the others keep their order.
        names.sort_by_key(|name| defaults.template.as_ref() != Some(name));
        names
    }

    /// All models.
    pub fn models(&self) -> &[Source] {
        &self.models
    }

    /// The model that runs when none is named.
    pub fn default_model(&self) -> Option<&Source> {
        self.models.get(self.default?)
    }

    /// Quantizations on offer for every model.
    pub const QUANTS: [Quant; 8] = Quant::ALL;
}

#[cfg(test)]
mod tests;
