//! The registry: models by name, with where they come from, their terms and what they need.
//!
//! `models.toml` beside this file is built in; a person's own file, `DATA/models.toml`, adds
//! entries and changes fields of those that are there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use engine::{Kernels, ModelSizes, Weighed};
use serde::Deserialize;
use shared::Quant;
use shared::api::{InKorean, Licence, MemoryNeed};

use crate::lock;
use crate::models::hub::{Repository, Wanted};

/// A person's own registry, in the data folder.
pub const OWN: &str = "models.toml";
/// Positions that an ordinary question takes: a picture, some words, a short answer.
const POSITIONS: usize = 1_000;
const BUILT_IN: &str = include_str!("models.toml");

/// Where a model's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the lab's repository.
    Shipped,
    /// On the hub.
    Hub(Repository, Wanted),
    /// On this machine.
    Folder(PathBuf),
}

/// A model the lab knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name to ask for.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The same in Korean, with the note of its terms.
    pub ko: InKorean,
    /// Its family.
    pub family: String,
    /// Where its files are.
    pub origin: Origin,
    /// How weights are held when nobody says.
    pub quant: Option<Quant>,
    /// The prompt template when nobody says; the family's own where there is none.
    pub template: Option<String>,
    /// Its terms.
    pub licence: Option<Licence>,
    /// Bytes to fetch.
    pub download: Option<u64>,
    /// Milliseconds from question to answer, in its own quantization on two cores.
    pub answer_ms: Option<u32>,
    /// All parameters of its files.
    pub parameters: Option<u64>,
    /// The name of the sizes that memory follows from, or the sizes.
    pub shape: Option<String>,
    sizes: Option<ModelSizes>,
    measured: BTreeMap<String, u64>,
}

impl Entry {
    /// What it needs of memory, by quantization.
    pub fn memory(&self) -> Vec<MemoryNeed> {
        let need = |quant: Quant| {
            let measured = self.measured.get(quant.name()).copied();
            let bytes = measured.or_else(|| self.computed(quant))?;
            Some(MemoryNeed { quant, bytes, measured: measured.is_some() })
        };
        Quant::ALL.into_iter().filter_map(need).collect()
    }

    /// What is computed of it for this processor: the peak, loading or answering, by the engine's
    /// own formula.
    fn computed(&self, quant: Quant) -> Option<u64> {
        match &self.shape {
            Some(_) if quant == Quant::Stored => None,
            Some(shape) => of_shape(shape, quant),
            None => Some(self.sizes?.needed(quant, Kernels::here(), POSITIONS)?.peak()),
        }
    }
}

/// The peak of a shape, computed once: the page asks for all of them again and again.
fn of_shape(shape: &str, quant: Quant) -> Option<u64> {
    static KNOWN: Mutex<BTreeMap<(String, &'static str), Option<u64>>> =
        Mutex::new(BTreeMap::new());
    let weigh = || {
        let weighed = Weighed::shape(shape, quant, Kernels::here()).ok()?;
        Some(weighed.memory(POSITIONS).peak())
    };
    *lock(&KNOWN).entry((shape.to_owned(), quant.name())).or_insert_with(weigh)
}

/// All entries, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    entries: Vec<Entry>,
    /// Names of shipped models that mean another place by a person's own file.
    moved: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    model: Vec<Raw>,
}

/// An entry as it is written; what a person's own leaves out stays as it is.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    title: Option<String>,
    family: Option<String>,
    source: Option<RawSource>,
    quant: Option<String>,
    template: Option<String>,
    licence: Option<Licence>,
    #[serde(default)]
    ko: InKorean,
    download: Option<u64>,
    answer_ms: Option<u32>,
    parameters: Option<u64>,
    shape: Option<String>,
    sizes: Option<ModelSizes>,
    #[serde(default)]
    measured: BTreeMap<String, u64>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    shipped: Option<bool>,
    folder: Option<PathBuf>,
    repo: Option<String>,
    revision: Option<String>,
    gguf: Option<String>,
    mmproj: Option<String>,
}

impl Registry {
    /// The built-in entries and those of `data`'s own file, if there is one.
    ///
    /// # Errors
    /// A sentence that names the file, the entry and the field.
    pub fn load(data: &Path) -> Result<Registry, String> {
        let own = data.join(OWN);
        match std::fs::read_to_string(&own) {
            Ok(text) => Self::read(&text).map_err(|e| format!("{}: {e}", own.display())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Self::read(""),
            Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => Err(format!(
                "{} is a file; the lab keeps its data in a folder: name one with --data.",
                data.display()
            )),
            Err(e) => Err(format!("{} cannot be read: {e}", own.display())),
        }
    }

    fn read(own: &str) -> Result<Registry, String> {
        let parse = |text: &str| -> Result<Vec<Raw>, String> {
            // The parser's own message shows the line and points at the place.
            let file: File = toml::from_str(text).map_err(|e| e.to_string().trim().to_owned())?;
            for (i, raw) in file.model.iter().enumerate() {
                if file.model[..i].iter().any(|other| other.name == raw.name) {
                    return Err(format!("the model \"{}\" stands there twice", raw.name));
                }
            }
            Ok(file.model)
        };
        let mut all = parse(BUILT_IN)?;
        let shipped: Vec<String> =
            all.iter().filter(|r| r.is_shipped()).map(|r| r.name.clone()).collect();
        for own in parse(own)? {
            match all.iter_mut().find(|raw| raw.name == own.name) {
                Some(raw) => raw.change(own),
                None => all.push(own),
            }
        }
        let moved = all.iter().filter(|raw| !raw.is_shipped() && shipped.contains(&raw.name));
        let moved = moved.map(|raw| raw.name.clone()).collect();
        let entries = all.into_iter().map(Raw::entry).collect::<Result<_, _>>()?;
        Ok(Registry { entries, moved })
    }

    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether a person's own file gives a shipped model's name to another place.
    pub fn moves(&self, name: &str) -> bool {
        self.moved.iter().any(|moved| moved == name)
    }

    /// The entry of that name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.name == name)
    }
}

impl Raw {
    fn is_shipped(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.shipped == Some(true))
    }

    fn change(&mut self, own: Raw) {
        let (elsewhere, held_otherwise) = (own.source.is_some(), own.quant.is_some());
        let before = std::mem::take(self);
        // What a person says in one language takes the place of both.
        let kept = |own: String, before: String, said: bool| match own.is_empty() && !said {
            true => before,
            false => own,
        };
        let ko = InKorean {
            title: kept(own.ko.title, before.ko.title, own.title.is_some()),
            note: kept(own.ko.note, before.ko.note, own.licence.is_some()),
        };
        *self = Raw {
            name: before.name,
            title: own.title.or(before.title),
            family: own.family.or(before.family),
            source: own.source.or(before.source),
            quant: own.quant.or(before.quant),
            template: own.template.or(before.template),
            licence: own.licence.or(before.licence),
            ko,
            // Another source's size is not known.
            download: own.download.or(before.download.filter(|_| !elsewhere)),
            // Nor is the speed of another source or quantization.
            answer_ms: own.answer_ms.or(before.answer_ms.filter(|_| !elsewhere && !held_otherwise)),
            parameters: own.parameters.or(before.parameters),
            // Whichever of the two a person says takes the place of both.
            shape: own.shape.clone().or(before.shape.filter(|_| own.sizes.is_none())),
            sizes: own.sizes.or(before.sizes.filter(|_| own.shape.is_none())),
            measured: before.measured.into_iter().chain(own.measured).collect(),
        };
    }

    fn entry(self) -> Result<Entry, String> {
        let name = self.name;
        let wrong = |what: String| format!("the model \"{name}\": {what}");
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if name.is_empty() || !name.bytes().all(fits) {
            return Err(wrong("its name may have letters, digits, '-', '_' and '.'".to_owned()));
        }
        let quant_of = |text: &str| {
            Quant::from_name(text)
                .ok_or_else(|| wrong(format!("there is no quantization \"{text}\"")))
        };
        let quant = self.quant.as_deref().map(quant_of).transpose()?;
        if let Some(shape) = &self.shape
            && !engine::shapes::names().contains(&shape.as_str())
        {
            let names = engine::shapes::names().join(", ");
            return Err(wrong(format!("there is no shape \"{shape}\"; there are {names}")));
        }
        self.measured.keys().try_for_each(|key| quant_of(key).map(|_| ()))?;
        let source = self.source.ok_or_else(|| wrong("it has no source".to_owned()))?;
        let origin = match source {
            RawSource {
                shipped: Some(true),
                folder: None,
                repo: None,
                gguf: None,
                mmproj: None,
                ..
            } => Origin::Shipped,
            RawSource { shipped: None, folder: Some(folder), repo: None, gguf: None, .. } => {
                Origin::Folder(folder)
            }
            RawSource { shipped: None, folder: None, repo: Some(id), revision, gguf, mmproj } => {
                let revision = revision.as_deref().unwrap_or("main");
                let repository: Repository = format!("{id}@{revision}")
                    .parse()
                    .map_err(|e: crate::models::hub::HubError| wrong(e.to_string()))?;
                let wanted = match (gguf, mmproj) {
                    (None, None) => Wanted::Model,
                    (Some(gguf), Some(mmproj)) => Wanted::Files(vec![gguf, mmproj]),
                    _ => return Err(wrong("gguf and mmproj go together in its source".into())),
                };
                Origin::Hub(repository, wanted)
            }
            _ => {
                let what = "its source must be one of shipped = true, folder = \"…\", repo = \"…\"";
                return Err(wrong(what.to_owned()));
            }
        };
        Ok(Entry {
            title: self.title.unwrap_or_else(|| name.clone()),
            family: self.family.unwrap_or_default(),
            origin,
            quant,
            template: self.template,
            licence: self.licence,
            ko: self.ko,
            download: self.download,
            answer_ms: self.answer_ms,
            parameters: self.parameters,
            shape: self.shape,
            sizes: self.sizes,
            measured: self.measured,
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_entries_are_whole() {
        let registry = Registry::read("").expect("it parses");
        let names: Vec<&str> = registry.entries().iter().map(|e| e.name.as_str()).collect();
        let all = ["demo-llava", "demo-qwen", "llava-1.5-7b", "llava-1.5-13b", "qwen2.5-vl-3b"];
        assert_eq!(names[..5], all);
        assert_eq!(names[5..8], ["qwen2.5-vl-7b", "smolvlm-256m", "smolvlm-500m"]);
        assert_eq!(names[8..11], ["qwen3-vl-2b", "qwen3-vl-4b", "qwen3-vl-8b"]);
        assert_eq!(names[11..14], ["llava-interleave-0.5b", "qwen2-vl-2b", "qwen2-vl-7b"]);
        assert_eq!(names[14..17], ["internvl3-1b", "internvl3-2b", "internvl3-8b"]);
        assert_eq!(names[17..20], ["internvl3.5-1b", "internvl3.5-2b", "internvl3.5-8b"]);
        assert_eq!(names[20..], ["llava-onevision-0.5b", "llava-onevision-7b"]);
        for entry in registry.entries() {
            assert!(entry.licence.is_some() && entry.quant.is_some(), "{}", entry.name);
            let note = entry.licence.as_ref().is_some_and(|licence| !licence.note.is_empty());
            assert!(!entry.ko.title.is_empty(), "{} has no title in Korean", entry.name);
            assert_eq!(!entry.ko.note.is_empty(), note, "{}: the note in Korean", entry.name);
            let shipped = entry.origin == Origin::Shipped;
            assert_eq!(entry.download.is_some(), !shipped, "{}", entry.name);
            let quants: Vec<Quant> = entry.memory().iter().map(|m| m.quant).collect();
            assert_eq!(quants.len(), Quant::ALL.len() - 1, "{}: every one but stored", entry.name);
            // A file holds at least two bytes a parameter.
            if let (Some(download), Some(parameters)) = (entry.download, entry.parameters) {
                let ratio = download as f64 / (2 * parameters) as f64;
                assert!((0.995..1.01).contains(&ratio), "{}: {ratio}", entry.name);
            }
        }
    }

    /// What is told before a model is here against what a look at its files says, and what the
    /// loaded model says: to the byte. Sizes that were written down say the same, but for the
    /// vision tower's work.
    #[test]
    fn a_model_needs_what_was_computed_before_it_was_loaded() {
        let registry = Registry::read("").expect("it parses");
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        let sizes = [
            ("demo-llava", "half = 2473984, full = 158016, kv_heads = 8, vocab = 1536"),
            ("demo-qwen", "half = 3690496, full = 188352, kv_heads = 2, vocab = 1408"),
        ];
        for (name, beside) in sizes {
            let shape = registry.get(name).and_then(|e| e.shape.clone()).expect("an entry");
            let sizes: ModelSizes = toml::from_str(&format!(
                "layers = 8\nhidden = 256\nintermediate = 512\nheads = 8\nhead_dim = 32\n{}",
                beside.replace(", ", "\n")
            ))
            .expect("sizes");
            for quant in Quant::ALL.into_iter().filter(|q| *q != Quant::Stored) {
                let options = engine::LoadOptions {
                    name: name.to_owned(),
                    quant,
                    device: engine::DeviceChoice::Cpu,
                };
                let here = Kernels::here();
                let model = engine::Model::load(models.join(name), &options, &mut |_, _| {})
                    .expect("a model");
                for tokens in [20, 1000] {
                    let loaded = model.memory(tokens);
                    let files = Weighed::files(models.join(name), quant, here).expect("files");
                    assert_eq!(files.memory(tokens), loaded, "{name} {quant:?} {tokens}");
                    let shape = Weighed::shape(&shape, quant, here).expect("a shape");
                    assert_eq!(shape.memory(tokens), loaded, "{name} {quant:?} {tokens}");
                    let written = sizes.needed(quant, here, tokens).expect("sizes").running;
                    assert!(written <= loaded.running, "{name} {quant:?} {tokens}");
                    let towers = loaded.running - written;
                    // LLaVA's tower sees every picture at one size. Qwen's may hold a picture of all
                    // these tokens, each four patches: with f32 weights it takes 81 MiB for 1,000.
                    let most = if name == "demo-qwen" && tokens == 1000 { 84 } else { 40 };
                    assert!(towers < most << 20, "{name} {quant:?} {tokens}: {towers}");
                }
            }
        }
    }

    #[test]
    fn an_own_file_adds_and_changes() {
        let own = r#"
            [[model]]
            name = "llava-1.5-7b"
            quant = "q5k"
            source = { repo = "me/mine", revision = "v2" }

            [[model]]
            name = "mine"
            source = { repo = "me/gguf", gguf = "a.gguf", mmproj = "b.gguf" }
        "#;
        let registry = Registry::read(own).expect("it parses");
        let changed = registry.get("llava-1.5-7b").expect("still there");
        assert_eq!(changed.quant, Some(Quant::Q5k));
        assert!(changed.title.contains("LLaVA") && changed.download.is_none());
        let Origin::Hub(repository, Wanted::Model) = &changed.origin else { panic!("a hub model") };
        assert_eq!(repository.to_string(), "me/mine@v2");
        let added = registry.get("mine").expect("added");
        assert!(matches!(&added.origin, Origin::Hub(_, Wanted::Files(files)) if files.len() == 2));
    }

    #[test]
    fn a_shipped_name_may_mean_another_place() {
        let own = "[[model]]\nname = \"demo-llava\"\nsource = { folder = \"/mine\" }\n";
        let registry = Registry::read(own).expect("it parses");
        assert!(registry.moves("demo-llava") && !registry.moves("demo-qwen"));
        let entry = registry.get("demo-llava").expect("still there");
        assert_eq!(entry.origin, Origin::Folder("/mine".into()));
        assert!(!Registry::read("").expect("it parses").moves("demo-llava"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (own, words) in [
            ("[[model]\n", vec!["line 1"]),
            ("[[model]]\ntitle = \"x\"\n", vec!["name"]),
            ("[[model]]\nname = \"x\"\nsuorce = 1\n", vec!["suorce", "line 3"]),
            ("[[model]]\nname = \"x\"\n", vec!["\"x\"", "no source"]),
            (
                "[[model]]\nname = \"../x\"\nsource = { folder = \"/\" }\n",
                vec!["its name may have"],
            ),
            ("[[model]]\nname = \"x\"\nsource = {}\n", vec!["\"x\"", "one of"]),
            (
                "[[model]]\nname = \"x\"\nshape = \"y\"\nsource = { folder = \"/\" }\n",
                vec!["no shape \"y\"", "llava-1.5-7b"],
            ),
            ("[[model]]\nname = \"x\"\nsource = { repo = \"x\" }\n", vec!["\"x\"", "ORGANISATION"]),
            ("[[model]]\nname = \"x\"\nquant = \"q9\"\nsource = { folder = \"/\" }\n", vec!["q9"]),
            (
                "[[model]]\nname = \"x\"\nsource = { repo = \"a/b\", gguf = \"f\" }\n",
                vec!["go together"],
            ),
            (
                "[[model]]\nname=\"x\"\nsource={folder=\"/\"}\n[[model]]\nname=\"x\"\nsource={folder=\"/\"}",
                vec!["twice"],
            ),
        ] {
            let error = Registry::read(own).expect_err(own);
            for word in words {
                assert!(error.contains(word), "no \"{word}\" in: {error}");
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(OWN), "x = 1").expect("written");
        let error = Registry::load(folder.path()).expect_err("not a registry");
        assert!(error.contains(OWN), "{error}");
        let error = Registry::load(&folder.path().join(OWN)).expect_err("a file");
        assert!(error.contains("is a file") && error.contains("--data"), "{error}");
    }
}
