//! Which models there are, by name: folders in Hugging Face layout and llama.cpp's files.

mod elsewhere;
mod error;
mod look;
mod packed;
mod source;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use engine::{gguf_files, traits_of, variant_of};
use shared::sentence::Message;
use shared::{AskedOptions, KnownModel, ModelTraits, Quant, RunOptions};

use crate::assets::{Assets, DEMO, DEMO_QWEN};
use crate::caches::{self, Cached};
use crate::error::ApiError;
use crate::lock;
use crate::models::hub::{Hub, Repository, Wanted};
use crate::models::registry::{Entry, Origin, Registry};

use elsewhere::{Places, is_meant};
pub use error::CatalogError;
pub(crate) use look::Look;
use packed::Packed;
pub use source::Source;

/// The model that ships with the lab.
pub const DEMO_NAME: &str = "demo-llava";

/// Every model that ships with the lab.
const SHIPPED: [(&str, Assets); 2] = [(DEMO_NAME, DEMO), ("demo-qwen", DEMO_QWEN)];

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

    /// A catalog of one made-up model for the scripted lab.
    pub fn scripted() -> Catalog {
        let mut scripted = Source::folder("scripted".to_owned(), PathBuf::new());
        scripted.title = "Scripted: made-up numbers, for tests and for work on the page".to_owned();
        Catalog { models: vec![scripted], default: Some(0), ..Catalog::default() }
    }

    fn has(&self, name: &str) -> bool {
        self.models.iter().any(|m| m.name == name)
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

    fn add_folder(&mut self, folder: &Path) {
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
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
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
            Some(Err(error)) => return Err(CatalogError::Files(error.message)),
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
                Some(what) => CatalogError::Files(format!("{name}: {what}")),
                None => CatalogError::NotAModel(name.to_owned()),
            });
        }
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let name = folder.file_name().map_or(name.to_owned(), |n| n.to_string_lossy().into_owned());
        Ok(Source::folder(name, folder))
    }

    /// Quantizations on offer for every model.
    pub const QUANTS: [Quant; 8] = Quant::ALL;
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
pub(crate) fn not_in_place(place: &Path) -> String {
    if !place.exists() && gguf_files(place).is_none() {
        return format!("there is no folder or file {}", place.display());
    }
    if let Some(Err(error)) = gguf_files(place) {
        return error.message;
    }
    match variant_of(place) {
        Some(what) => format!("{}: {what}", place.display()),
        None => format!("there is no model in {}: it has no config.json", place.display()),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A model whose files change under a lab that serves it is resolved on what they say now.
    #[test]
    fn what_is_known_of_a_model_follows_its_files() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo-llava");
        let folder = tempfile::tempdir().expect("a folder");
        for entry in std::fs::read_dir(demo).expect("the demo model").flatten() {
            let name = entry.file_name();
            if name.to_string_lossy().ends_with("json") || name == "chat_template.jinja" {
                std::fs::copy(entry.path(), folder.path().join(name)).expect("copied");
            }
        }
        let catalog = Catalog::default();
        let source = Source::folder("demo".to_owned(), folder.path().to_owned());
        let asked = AskedOptions { prompt: "What is it?".into(), ..AskedOptions::default() };
        let template = || catalog.resolved(&source, &asked).expect("it can be").template;
        let before = template();
        assert_eq!(before, "llava-hf");
        let path = folder.path().join("chat_template.jinja");
        let text = std::fs::read_to_string(&path).expect("a template");
        std::fs::write(&path, format!("Look. {text}")).expect("written");
        let after = template();
        assert_ne!(after, before, "the template of the file as it is now");
        std::fs::write(&path, &text).expect("written");
        assert_eq!(template(), before);
        assert_eq!(lock(&catalog.traits).len(), 1);
    }

    #[test]
    fn files_of_llama_cpp_are_models_where_an_mmproj_is_beside_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |file: &str| {
            let file = folder.path().join(file);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            std::fs::write(file, "").expect("a file");
        };
        for file in ["alone/lonely.gguf", "pair/tiny.gguf", "pair/mmproj-tiny.gguf"] {
            put(file);
        }
        let mut catalog = Catalog::find(Some(folder.path()), folder.path()).expect("found");
        let names = |c: &Catalog| c.models().iter().map(|m| m.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&catalog), ["tiny"]);
        put("big.gguf");
        put("big.mmproj.gguf");
        catalog = Catalog::find(Some(folder.path()), folder.path()).expect("found");
        assert_eq!(names(&catalog), ["big", "tiny"]);
        for source in catalog.models() {
            assert_eq!(source.default_quant(), Quant::Stored);
            assert!(matches!(gguf_files(&source.folder), Some(Ok(_))));
        }
        let at = |file: &str| folder.path().join(file).display().to_string();
        let both = format!("{},{}", at("big.mmproj.gguf"), at("alone/lonely.gguf"));
        assert_eq!(catalog.resolve(&both).expect("two files").name, "lonely");
        let lonely = catalog.resolve(&at("alone/lonely.gguf")).expect_err("no mmproj").to_string();
        assert!(lonely.contains("lonely.gguf") && lonely.contains("mmproj"), "{lonely}");
    }

    #[test]
    fn folders_with_config_and_weights_are_models_and_the_demo_is_the_default() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["another", DEMO_NAME, "notes", "weightless"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let put = |name: &str, file: &str| {
            std::fs::write(folder.path().join(name).join(file), "{}").expect("a file");
        };
        for name in ["another", DEMO_NAME, "weightless"] {
            put(name, "config.json");
        }
        put(DEMO_NAME, "model.safetensors");
        put("another", "model.safetensors.index.json");
        let mut catalog = Catalog::find(Some(folder.path()), folder.path()).expect("found");
        let names: Vec<_> = catalog.models().iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["another", DEMO_NAME]);
        assert_eq!(catalog.by_name("").expect("a default").name, DEMO_NAME);
        assert!(matches!(catalog.by_name("notes"), Err(CatalogError::Unknown { .. })));
        catalog.set_default("another").expect("known");
        assert_eq!(catalog.by_name("").expect("a default").name, "another");
        let notes = folder.path().join("notes").display().to_string();
        assert!(matches!(catalog.resolve(&notes), Err(CatalogError::NotAModel(_))));
        let weights = folder.path().join(DEMO_NAME).join("model.safetensors");
        let weights = weights.display().to_string();
        assert!(matches!(catalog.resolve(&weights), Err(CatalogError::NotModelFile(_))));
        let nowhere = folder.path().join("nowhere").display().to_string();
        assert!(matches!(catalog.resolve(&nowhere), Err(CatalogError::Nowhere(_))));
    }
}
