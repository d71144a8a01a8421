//! Sample pictures and the finished run that ship with the demo model, in its folder `samples/`:
//!
//! - `samples.json`: a list of [`Sample`]s; without it, every picture there is one;
//! - `lessons.toml`: prepared [`Lesson`]s on those samples;
//! - `run.json`: a finished run as `analyze --record` writes it, served as `/api/runs/sample`;
//! - `run.heads`: that run's rows by head, as `analyze --record-heads` writes them;
//! - `run.png` (or .jpg …): that run's picture; without it, the sample with the run's prompt;
//! - `run.prepared.png`: the picture as the model saw it, as `analyze --prepared` writes it;
//! - `sha256sums.txt`: checksums of these files, as `sha256sum` writes them. What differs from its
//!   checksum is not shown; files that are not listed are not checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use sha2::{Digest, Sha256};
use shared::TokenHeads;
use shared::api::{InKorean, RunRecord, Sample};
use shared::lesson::Lesson;

use crate::assets::{Assets, content_type};
use crate::id::RunId;
use crate::runs::Run;

/// Packed once, read by everybody.
const LEVEL: i32 = 19;

/// The list of checksums.
const SUMS: &str = "sha256sums.txt";

const PICTURES: [&str; 6] = ["png", "jpg", "jpeg", "webp", "gif", "bmp"];

/// The samples that ship with the lab.
#[derive(Clone, Debug)]
pub struct Samples {
    source: Source,
    list: Vec<Sample>,
    lessons: Vec<Lesson>,
    run: Option<(Arc<Run>, Option<String>)>,
    heads: Arc<[TokenHeads]>,
    /// Whether there is a finished run of which a file is not what it was.
    damaged: bool,
}

#[derive(Clone, Debug)]
enum Place {
    Folder(PathBuf),
    Inside(Assets),
}

impl Place {
    fn get(&self, file: &str) -> Option<Bytes> {
        match self {
            Place::Folder(folder) => std::fs::read(folder.join(file)).ok().map(Bytes::from),
            Place::Inside(assets) => assets.get(&format!("samples/{file}")).map(|file| file.data),
        }
    }
}

/// Files with their checksums.
#[derive(Clone, Debug)]
struct Source {
    place: Place,
    sums: Arc<BTreeMap<String, String>>,
}

impl Source {
    fn new(place: Place) -> Source {
        let list = place.get(SUMS).unwrap_or_default();
        let list = String::from_utf8_lossy(&list);
        let line = |line: &str| {
            let (sum, file) = line.split_once("  ")?;
            Some((file.to_owned(), sum.to_owned()))
        };
        let sums = Arc::new(list.lines().filter_map(line).collect());
        Source { place, sums }
    }

    /// A file, unless it is not what its checksum is of.
    fn get(&self, file: &str) -> Option<Bytes> {
        let bytes = self.place.get(file)?;
        if self.sums.get(file).is_some_and(|sum| *sum != sha256(&bytes)) {
            tracing::error!(file, "a shipped file does not have its checksum and is not shown");
            return None;
        }
        Some(bytes)
    }

    /// Whether a listed file is missing or another than it was.
    fn is_damaged(&self, file: &str) -> bool {
        self.sums.contains_key(file) && self.get(file).is_none()
    }
}

fn sha256(bytes: &[u8]) -> String {
    shared::hex(Sha256::digest(bytes))
}

impl Samples {
    /// The samples in a demo model's folder.
    pub fn in_folder(model: &Path) -> Samples {
        let folder = model.join("samples");
        let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let names = files.filter_map(|f| f.file_name().into_string().ok()).collect();
        Self::load(Source::new(Place::Folder(folder)), names)
    }

    /// The samples carried inside the binary.
    pub fn inside(assets: Assets) -> Samples {
        let names = assets.embedded().filter_map(|(path, _)| path.strip_prefix("samples/"));
        let names = names.map(str::to_owned).collect();
        Self::load(Source::new(Place::Inside(assets)), names)
    }

    fn load(source: Source, mut names: Vec<String>) -> Samples {
        names.sort();
        let is_picture =
            |name: &str| name.rsplit_once('.').is_some_and(|(_, end)| PICTURES.contains(&end));
        let list: Vec<Sample> = match source.get("samples.json") {
            Some(json) => parse("samples.json", &json).unwrap_or_default(),
            None if source.is_damaged("samples.json") => Vec::new(),
            None => names
                .iter()
                .filter(|name| is_picture(name) && !name.starts_with("run."))
                .map(|file| Sample {
                    file: file.clone(),
                    title: file.split('.').next().unwrap_or_default().to_owned(),
                    prompt: "What is in the picture?".to_owned(),
                    note: String::new(),
                    claim: String::new(),
                    shows: String::new(),
                    ko: InKorean::default(),
                })
                .collect(),
        };
        let record: Option<RunRecord> =
            source.get("run.json").and_then(|json| parse("run.json", &json));
        let run = record.map(|mut record| {
            record.id = RunId::sample().to_string();
            let own = names
                .iter()
                .find(|n| n.strip_prefix("run.").is_some_and(|end| PICTURES.contains(&end)));
            let same = list.iter().find(|s| s.prompt == record.options.prompt);
            let picture = own.or(same.map(|s| &s.file)).cloned();
            (Arc::new(Run::ended(record, RunId::sample(), None)), picture)
        });
        let lessons = source.get("lessons.toml").map_or_else(Vec::new, |text| {
            crate::classroom::read_lessons(&String::from_utf8_lossy(&text), &list)
        });
        let heads = source.get("run.heads").filter(|_| run.is_some());
        let heads = heads.and_then(|packed| unpack("run.heads", &packed)).unwrap_or_default();
        // Any part of it: numbers beside another picture would be no run of this model's.
        let of_run = |file: &&String| file.starts_with("run.") || *file == "samples.json";
        let mut parts = source.sums.keys().filter(of_run);
        let picture = run.as_ref().and_then(|(_, picture)| picture.as_deref());
        let damaged = parts.any(|file| source.is_damaged(file))
            || picture.is_some_and(|file| source.is_damaged(file));
        let run = run.filter(|_| !damaged);
        Samples { source, list, lessons, run, heads: heads.into(), damaged }
    }

    /// The sample pictures.
    pub fn list(&self) -> &[Sample] {
        &self.list
    }

    /// The prepared lessons.
    pub fn lessons(&self) -> &[Lesson] {
        &self.lessons
    }

    /// A listed sample's picture with its content type.
    pub fn picture(&self, file: &str) -> Option<(Bytes, &'static str)> {
        // Only what is listed: the name never becomes a path of its own.
        let sample = self.list.iter().find(|s| s.file == file)?;
        Some((self.source.get(&sample.file)?, content_type(&sample.file)))
    }

    /// Whether there is a finished run that is not shown, because a file of it is not what it was.
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// The finished run.
    pub fn run(&self) -> Option<Arc<Run>> {
        self.run.as_ref().map(|(run, _)| run.clone())
    }

    /// The finished run's picture with its content type.
    pub fn run_picture(&self) -> Option<(Bytes, &'static str)> {
        let file = self.run.as_ref()?.1.as_ref()?;
        Some((self.source.get(file)?, content_type(file)))
    }

    /// The finished run's rows by head, by token of the answer.
    pub fn run_heads(&self) -> &[TokenHeads] {
        &self.heads
    }

    /// The finished run's picture as the model saw it.
    pub fn run_prepared(&self) -> Option<Bytes> {
        self.source.get("run.prepared.png")
    }
}

/// Packs rows by head, by token of an answer, into a file.
///
/// # Errors
/// The compression fails.
pub fn pack(heads: &[TokenHeads]) -> Result<Vec<u8>, String> {
    let plain = rmp_serde::to_vec_named(heads).map_err(|e| e.to_string())?;
    zstd::bulk::compress(&plain, LEVEL).map_err(|e| e.to_string())
}

fn unpack(file: &str, packed: &[u8]) -> Option<Vec<TokenHeads>> {
    let plain = zstd::decode_all(packed).map_err(|e| e.to_string());
    let heads = plain.and_then(|p| rmp_serde::from_slice(&p).map_err(|e| e.to_string()));
    heads.inspect_err(|error| tracing::error!(file, %error, "shipped rows cannot be read")).ok()
}

fn parse<T: serde::de::DeserializeOwned>(file: &str, json: &[u8]) -> Option<T> {
    serde_json::from_slice(json)
        .inspect_err(|error| tracing::error!(file, %error, "a shipped sample cannot be read"))
        .ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo-llava")
    }

    fn files(folder: &Path) -> Vec<String> {
        let files = std::fs::read_dir(folder).unwrap();
        let names = files.map(|f| f.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != SUMS).collect();
        names.sort();
        names
    }

    /// `UPDATE=1` writes the list anew.
    #[test]
    fn every_shipped_sample_has_its_checksum() {
        let folder = shipped().join("samples");
        let line = |name: &String| {
            format!("{}  {name}\n", sha256(&std::fs::read(folder.join(name)).unwrap()))
        };
        let list: String = files(&folder).iter().map(line).collect();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(folder.join(SUMS), &list).unwrap();
        }
        let written = std::fs::read_to_string(folder.join(SUMS)).unwrap_or_default();
        assert_eq!(written, list, "run this test with UPDATE=1 after files were made anew");
    }

    #[test]
    fn a_shipped_file_that_is_not_what_it_was_is_not_shown() {
        let from = shipped().join("samples");
        let model = tempfile::tempdir().unwrap();
        let folder = model.path().join("samples");
        std::fs::create_dir(&folder).unwrap();
        let names = files(&from);
        for name in names.iter().map(String::as_str).chain([SUMS]) {
            std::fs::copy(from.join(name), folder.join(name)).unwrap();
        }
        let whole = Samples::in_folder(model.path());
        assert!(whole.run().is_some() && !whole.is_damaged() && !whole.run_heads().is_empty());
        let (_, Some(picture)) = whole.run.clone().unwrap() else { panic!("it has a picture") };
        for name in names {
            let bytes = std::fs::read(folder.join(&name)).unwrap();
            let mut damaged = bytes.clone();
            // In the middle, where JSON stays JSON and a picture a picture.
            let at = damaged.len() / 2;
            damaged[at] ^= 1;
            std::fs::write(folder.join(&name), damaged).unwrap();
            let samples = Samples::in_folder(model.path());
            let of_run = name.starts_with("run.") || name == picture || name == "samples.json";
            assert_eq!(samples.is_damaged(), of_run, "{name}");
            assert_eq!(samples.run().is_none(), of_run, "{name}");
            assert!(samples.picture(&name).is_none(), "{name}");
            if name == "samples.json" {
                assert!(samples.list().is_empty());
            }
            std::fs::write(folder.join(&name), bytes).unwrap();
        }
        // One that is gone is damage too; a folder without a list is taken as it is.
        std::fs::remove_file(folder.join("run.heads")).unwrap();
        assert!(Samples::in_folder(model.path()).is_damaged());
        std::fs::remove_file(folder.join(SUMS)).unwrap();
        assert!(Samples::in_folder(model.path()).run().is_some());
    }
}
