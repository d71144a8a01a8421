//! Ollama's manifests: which blobs a model of its is made of, and what Ollama does with them that
//! no blob of weights says.

use std::path::{Path, PathBuf};

use serde_json::Value;
use shared::sentence::{EngineRefusal, ModelNote};

use super::files::gguf_locations;
use crate::error::EngineError;
use crate::filesystem::Location;

/// Manifests, and entries of a folder of them, that are looked at.
const MOST: usize = 256;
/// A manifest, or a layer of settings, larger than this is none.
const MAX_FILE: u64 = 1 << 20;

/// A model of Ollama's, by its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OllamaModel {
    /// Its name there, such as `llava:7b`.
    pub name: String,
    /// The blob of its language model, or of all of it.
    pub model: PathBuf,
    /// The blob of what sees, where that is another.
    pub projector: Option<PathBuf>,
    /// Whether an adapter (LoRA) is laid over it.
    pub adapted: bool,
    /// What Ollama puts around prompts and does to answers, in the words of its Modelfile.
    pub(crate) words: Vec<String>,
}

/// The models of a folder of Ollama's, `manifests/HOST/NAMESPACE/MODEL/TAG` and `blobs`, whose
/// weights are there.
pub fn ollama_models(models: impl Into<Location>) -> Vec<OllamaModel> {
    let models = &models.into();
    let below = |folders: Vec<Location>| folders.iter().flat_map(entries).collect::<Vec<_>>();
    let spaces = below(entries(&models.join("manifests")));
    let tags = below(below(spaces));
    tags.iter().take(MOST).filter_map(|tag| read(models, tag)).collect()
}

/// What Ollama's manifest of this name says of the model in a place, where the place is its.
///
/// # Errors
/// It has an adapter.
pub(super) fn beside(place: &Location, name: &str) -> Result<Option<OllamaModel>, EngineError> {
    let Some(Ok((text, _))) = gguf_locations(place) else { return Ok(None) };
    let text = text.path();
    let blobs = text.parent().filter(|folder| folder.file_name().is_some_and(|n| n == "blobs"));
    let Some(models) = blobs.and_then(Path::parent) else { return Ok(None) };
    let is_it = |m: &OllamaModel| m.name == name && m.model.file_name() == text.file_name();
    match ollama_models(place.at(models)).into_iter().find(is_it) {
        Some(found) if found.adapted => {
            Err(EngineError::model(EngineRefusal::OllamaAdapter { name: name.to_owned() }))
        }
        found => Ok(found),
    }
}

impl OllamaModel {
    /// Whether it has a template for prompts.
    pub(crate) fn has_template(&self) -> bool {
        self.words.iter().any(|word| word == "TEMPLATE")
    }

    /// Says what of it is not followed; `template` is what prompts are put in instead.
    pub(crate) fn tell(&self, template: &str, notes: &mut Vec<ModelNote>) {
        if !self.words.is_empty() {
            let (words, name) = (self.words.join(", "), template.to_owned());
            notes.push(ModelNote::OllamaWords { words, name });
        }
    }
}

fn entries(folder: &Location) -> Vec<Location> {
    let mut all = folder.list().unwrap_or_default();
    all.truncate(MOST);
    all.sort_by(|a, b| a.path().cmp(b.path()));
    all
}

/// The JSON in a file that is not too large to be settings.
fn small_json(file: &Location) -> Option<Value> {
    let small = file.info().ok()?.len <= MAX_FILE;
    serde_json::from_slice(&file.read().ok().filter(|_| small)?).ok()
}

fn read(models: &Location, manifest: &Location) -> Option<OllamaModel> {
    let json = small_json(manifest)?;
    let layers = json["layers"].as_array()?;
    let layer = |kind: &str| {
        layers.iter().find(|l| l["mediaType"].as_str().is_some_and(|t| t.ends_with(kind)))
    };
    let blob = |kind: &str| {
        let digest = layer(kind)?["digest"].as_str()?.strip_prefix("sha256:")?;
        let whole = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
        let blob = models.join("blobs").join(format!("sha256-{digest}"));
        (whole && blob.is_file()).then_some(blob)
    };
    let mut way = manifest.path().iter().rev().map(|part| part.to_string_lossy());
    let (tag, model_name) = (way.next()?, way.next()?);
    let (space, host) = (way.next()?, way.next()?);
    let mut name = format!("{model_name}:{tag}");
    if space != "library" || host != "registry.ollama.ai" {
        name = format!("{space}/{name}");
    }
    if host != "registry.ollama.ai" {
        name = format!("{host}/{name}");
    }
    let kinds = [("TEMPLATE", "template"), ("SYSTEM", "system"), ("MESSAGE", "messages")];
    // The first manifests had a template and a system text in one.
    let there = |kind: &str| {
        layer(&format!("image.{kind}")).is_some()
            || kind == "template" && layer("image.prompt").is_some()
    };
    let mut words: Vec<String> = kinds
        .into_iter()
        .filter(|(_, kind)| there(kind))
        .map(|(word, _)| word.to_owned())
        .collect();
    if layer("image.params").is_some() {
        let set = blob("image.params").and_then(|path| small_json(&path)).unwrap_or_default();
        let short = |value: &Value| value.to_string().chars().take(60).collect::<String>();
        let set: Vec<String> = set
            .as_object()
            .into_iter()
            .flatten()
            .take(16)
            .map(|(name, value)| {
                format!("{} {}", name.chars().take(60).collect::<String>(), short(value))
            })
            .collect();
        words.push(match set.is_empty() {
            true => "PARAMETER".to_owned(),
            false => format!("PARAMETER ({})", set.join(", ")),
        });
    }
    Some(OllamaModel {
        name,
        model: blob("image.model")?.path().to_owned(),
        projector: blob("image.projector").map(|blob| blob.path().to_owned()),
        adapted: layer("image.adapter").is_some(),
        words,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of Ollama's with a model `NAME:latest` of these layers; the blob of its model.
    fn ollama(name: &str, layers: &[(&str, &[u8])]) -> (tempfile::TempDir, Location) {
        let dir = tempfile::tempdir().expect("a folder");
        let way = dir.path().join("manifests/registry.ollama.ai/library").join(name);
        let blobs = dir.path().join("blobs");
        std::fs::create_dir_all(&way).expect("a folder");
        std::fs::create_dir_all(&blobs).expect("a folder");
        let blob = |n: usize| blobs.join(format!("sha256-{n:064x}"));
        let mut all = Vec::new();
        for (n, (kind, bytes)) in layers.iter().enumerate() {
            std::fs::write(blob(n), bytes).expect("written");
            all.push(serde_json::json!({
                "mediaType": format!("application/vnd.ollama.image.{kind}"),
                "digest": format!("sha256:{n:064x}"),
            }));
        }
        let json = serde_json::json!({"schemaVersion": 2, "layers": all}).to_string();
        std::fs::write(way.join("latest"), json).expect("written");
        let place = format!("{},{}", blob(0).display(), blob(1).display());
        (dir, Location::from(&place))
    }

    #[test]
    fn an_adapter_of_ollamas_is_refused_by_name() {
        let layers: [(&str, &[u8]); 3] =
            [("model", b"GGUF"), ("projector", b"GGUF"), ("adapter", b"GGUF")];
        let (_dir, place) = ollama("adapt", &layers);
        let said = beside(&place, "adapt:latest").expect_err("an adapter").message;
        assert!(said.contains("adapt:latest") && said.contains("adapter (LoRA)"), "{said}");
        let (_dir, place) = ollama("adapt", &layers[..2]);
        let found = beside(&place, "adapt:latest").expect("none").expect("its manifest");
        let mut notes = Vec::new();
        found.tell("llava-hf", &mut notes);
        assert!(notes.is_empty() && !found.has_template(), "{notes:?}");
        assert_eq!(beside(&place, "other:latest").expect("no manifest of that name"), None);
        assert_eq!(beside(&"/nowhere".into(), "adapt:latest").expect("no place"), None);
    }

    #[test]
    fn what_ollama_puts_around_prompts_is_told() {
        let params = br#"{"repeat_penalty": 1.3, "temperature": 0.5, "stop": ["USER:"]}"#;
        let (_dir, place) = ollama(
            "eyes",
            &[
                ("model", b"GGUF"),
                ("projector", b"GGUF"),
                ("template", b"{{ .Prompt }}"),
                ("system", b"Look."),
                ("params", params),
            ],
        );
        let found = beside(&place, "eyes:latest").expect("none").expect("its manifest");
        assert!(found.has_template());
        let mut notes = Vec::new();
        found.tell("llava-hf", &mut notes);
        let said: Vec<String> =
            notes.into_iter().map(|note| note.text(shared::Language::English)).collect();
        assert_eq!(
            said,
            ["Ollama's own TEMPLATE, SYSTEM, PARAMETER (repeat_penalty 1.3, stop [\"USER:\"], \
              temperature 0.5) of this model are not followed; prompts are put in 'llava-hf'."]
        );
    }
}
