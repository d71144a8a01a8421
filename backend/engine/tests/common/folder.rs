//! Copies of working model folders, to be damaged.

use std::path::{Path, PathBuf};

use engine::{DeviceChoice, EngineError, LoadOptions, Model, Picture};
use serde_json::Value;
use shared::{ErrorCode, Language, Quant, RunOptions};
use tempfile::TempDir;

use super::Golden;

/// Words of the libraries underneath, which tell a person nothing.
const LEAKS: [&str; 9] = [
    "invalid type",
    "expected struct",
    "expected `",
    "untagged",
    "missing field",
    "os error",
    "called `",
    "panicked",
    "backtrace",
];

/// An error as a Korean page says it: every sentence of it is known there, and the English that travels
/// with it is the same sentences'.
pub fn in_korean(error: &EngineError) -> String {
    let sentence = error.sentence.as_ref().unwrap_or_else(|| panic!("English alone: {error}"));
    assert_eq!(sentence.text(Language::English).as_deref(), Some(&*error.message));
    let korean = sentence.korean().unwrap_or_else(|| panic!("{sentence:?} is not known"));
    assert!(korean.chars().any(|c| ('가'..='힣').contains(&c)), "{korean}");
    korean
}

/// A copy of a working folder.
pub struct Folder {
    dir: TempDir,
    from: PathBuf,
}

impl Folder {
    pub fn copy(golden: &str) -> Self {
        let from = Golden::open(golden).folder;
        let dir = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(&from).unwrap() {
            let name = entry.unwrap().file_name();
            if !name.to_string_lossy().starts_with("golden") {
                std::fs::copy(from.join(&name), dir.path().join(&name)).unwrap();
            }
        }
        Folder { dir, from }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.from.join(name)).unwrap()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.file(name), bytes).unwrap();
    }

    /// The file as it was.
    pub fn restore(&self, name: &str) {
        std::fs::copy(self.from.join(name), self.file(name)).unwrap();
    }

    /// Changes one JSON file.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut json = serde_json::from_slice(&self.read(name)).unwrap();
        change(&mut json);
        self.write(name, json.to_string());
    }

    pub fn load(&self) -> Result<Model, EngineError> {
        let options =
            LoadOptions { name: "broken".to_owned(), quant: Quant::F32, device: DeviceChoice::Cpu };
        Model::load(self.path(), &options, &mut |_, _| {})
    }

    /// Loading fails with one plain sentence that holds all of `words`.
    pub fn refused(&self, words: &[&str]) {
        let error = self.load().err().unwrap_or_else(|| panic!("loaded; expected {words:?}"));
        self.check(&error);
        for word in words {
            assert!(error.message.contains(word), "'{}' does not say {word:?}", error.message);
        }
    }

    /// An error of loading is one plain sentence that names a file.
    pub fn check(&self, error: &EngineError) {
        let message = &error.message;
        assert_eq!(error.code, ErrorCode::ModelUnusable, "{message}");
        assert!(!message.contains('\n') && message.len() < 1000, "{message}");
        assert!(message.contains(&*self.path().to_string_lossy()), "names no file: {message}");
        in_korean(error);
        let theirs = LEAKS.iter().find(|leak| message.contains(**leak));
        assert!(theirs.is_none(), "a library's words: {message}");
    }

    /// A question to a model that did load: an answer, or a plain sentence.
    pub fn ask(&self, model: &Model) -> Result<(), EngineError> {
        let rgb = (0..60 * 40).flat_map(|i| [(i % 251) as u8, (i % 13) as u8, 200]).collect();
        let picture = Picture { width: 60, height: 40, rgb };
        let prompt = "What is it?".to_owned();
        let options = RunOptions { prompt, max_new_tokens: 2, ..RunOptions::default() };
        let prepared = model.prepare(&picture, &options)?;
        model.run(&prepared, &mut super::Recording::default()).map(|_| ())
    }
}
