//! Where one model's files are.

use std::path::{Path, PathBuf};

use engine::gguf_files;
use shared::api::InKorean;
use shared::{ModelDefaults, Quant};

use crate::models::registry::Entry;

/// Where a model's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Name to ask for.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The same in Korean, with the note of its terms.
    pub ko: InKorean,
    /// Its folder, or `FILE.gguf,MMPROJ.gguf`.
    pub folder: PathBuf,
    /// How its weights are held when nobody says, where the registry says.
    pub quant: Option<Quant>,
    /// Its prompt template when nobody says, where the registry says.
    pub template: Option<String>,
    /// The program whose model it is, where it is not the lab's.
    pub keeper: Option<&'static str>,
}

impl Source {
    /// A model in a folder.
    pub fn folder(name: String, folder: PathBuf) -> Self {
        let title = name.clone();
        let ko = InKorean::default();
        Source { name, title, ko, folder, quant: None, template: None, keeper: None }
    }

    /// The model in two files of llama.cpp, named after the first.
    pub(super) fn files(text: &Path, mmproj: &Path) -> Self {
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let name = text.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let place = format!("{},{}", whole(text).display(), whole(mmproj).display());
        Self::folder(name, PathBuf::from(place))
    }

    /// The same under another name, with the program that keeps it.
    pub(super) fn of(mut self, name: String, keeper: &'static str) -> Self {
        self.title = format!("{name}, kept by {keeper}");
        self.ko.title = format!("{name}, {keeper}의 모델");
        self.name = name;
        self.keeper = Some(keeper);
        self
    }

    /// How weights are held when nobody says: as they are in files that somebody quantized.
    pub fn default_quant(&self) -> Quant {
        let files = || match gguf_files(&self.folder) {
            Some(_) => Quant::Stored,
            None => Quant::default(),
        };
        self.quant.unwrap_or_else(files)
    }

    /// What holds for its runs where nobody says.
    pub fn defaults(&self) -> ModelDefaults {
        let Source { name, quant, template, .. } = self;
        ModelDefaults { name: name.clone(), quant: *quant, template: template.clone() }
    }

    /// What the registry says of it.
    pub(super) fn known_as(mut self, entry: &Entry) -> Self {
        self.name.clone_from(&entry.name);
        self.title.clone_from(&entry.title);
        self.ko.clone_from(&entry.ko);
        self.quant = entry.quant;
        self.template.clone_from(&entry.template);
        self
    }
}
