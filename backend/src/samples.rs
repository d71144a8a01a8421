//! Sample pictures and the finished run that ship with the demo model, in its folder `samples/`:
//!
//! - `samples.json`: a list of [`Sample`]s; without it, every picture there is one;
//! - `lessons.toml`: prepared [`Lesson`]s on those samples;
//! - `run.json`: a finished run as `analyze --record` writes it, served as `/api/runs/sample`;
//! - `run.heads`: that run's rows by head, as `analyze --record-heads` writes them;
//! - `run.png` (or .jpg …): that run's picture; without it, the sample with the run's prompt;
//! - `run.prepared.png`: the picture as the model saw it, as `analyze --prepared` writes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use shared::TokenHeads;
use shared::api::{RunRecord, Sample};
use shared::lesson::Lesson;

use crate::assets::{Assets, content_type};
use crate::id::RunId;
use crate::run::Run;

/// Packed once, read by everybody.
const LEVEL: i32 = 19;

const PICTURES: [&str; 6] = ["png", "jpg", "jpeg", "webp", "gif", "bmp"];

/// The samples that ship with the lab.
#[derive(Clone, Debug)]
pub struct Samples {
    source: Source,
    list: Vec<Sample>,
    lessons: Vec<Lesson>,
    run: Option<(Arc<Run>, Option<String>)>,
    heads: Arc<[TokenHeads]>,
}

#[derive(Clone, Debug)]
enum Source {
    Folder(PathBuf),
    Inside(Assets),
}

impl Source {
    fn get(&self, file: &str) -> Option<Bytes> {
        match self {
            Source::Folder(folder) => std::fs::read(folder.join(file)).ok().map(Bytes::from),
            Source::Inside(assets) => assets.get(&format!("samples/{file}")),
        }
    }
}

impl Samples {
    /// The samples in a demo model's folder.
    pub fn in_folder(model: &Path) -> Samples {
        let folder = model.join("samples");
        let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let names = files.filter_map(|f| f.file_name().into_string().ok()).collect();
        Self::load(Source::Folder(folder), names)
    }

    /// The samples carried inside the binary.
    pub fn inside(assets: Assets) -> Samples {
        let names = assets.embedded().filter_map(|(path, _)| path.strip_prefix("samples/"));
        let names = names.map(str::to_owned).collect();
        Self::load(Source::Inside(assets), names)
    }

    fn load(source: Source, mut names: Vec<String>) -> Samples {
        names.sort();
        let is_picture =
            |name: &str| name.rsplit_once('.').is_some_and(|(_, end)| PICTURES.contains(&end));
        let list: Vec<Sample> = match source.get("samples.json") {
            Some(json) => parse("samples.json", &json).unwrap_or_default(),
            None => names
                .iter()
                .filter(|name| is_picture(name) && !name.starts_with("run."))
                .map(|file| Sample {
                    file: file.clone(),
                    title: file.split('.').next().unwrap_or_default().to_owned(),
                    prompt: "What is in the picture?".to_owned(),
                    note: String::new(),
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
        Samples { source, list, lessons, run, heads: heads.into() }
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
