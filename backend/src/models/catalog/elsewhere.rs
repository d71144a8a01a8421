//! Models that other programs keep on this machine: Ollama's, and llama.cpp's own cache.

use std::path::{Path, PathBuf};

use engine::{OllamaModel, gguf_architecture, gguf_files, ollama_models};

use super::Source;

/// Files of a cache that are looked at.
const MOST: usize = 256;
/// How Ollama is called as the keeper of its models.
const OLLAMA: &str = "Ollama";

/// Architectures of Ollama's that see pictures with what lies in one file and that the engine does
/// not read. They are listed all the same, and refused by name when they are asked for: who has one
/// would look for it.
const SEEING: [&str; 7] =
    ["gemma3", "llama4", "mistral3", "mllama", "qwen3vl", "qwen3vlmoe", "qwen2vl"];

/// Whether files of this architecture hold what sees as well.
fn sees(architecture: &str) -> bool {
    engine::is_whole(architecture) || SEEING.contains(&architecture)
}

/// Where other programs keep their models, as the environment says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Ollama's folders of manifests and blobs.
    pub(super) ollama: Vec<PathBuf>,
    /// llama.cpp's caches.
    pub(super) llama_cpp: Vec<PathBuf>,
}

impl Places {
    pub(super) fn from_env() -> Self {
        Self::from_lookup(&|name| {
            std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from)
        })
    }

    /// As [`Places::from_env`], from any source of variables.
    pub(super) fn from_lookup(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Self {
        let home = variable("HOME").or_else(|| variable("USERPROFILE"));
        let in_home = |path: &str| home.as_ref().map(|home| home.join(path));
        let ollama = match variable("OLLAMA_MODELS") {
            Some(models) => vec![models],
            // Where its service on Linux keeps them is nobody's home.
            None => in_home(".ollama/models")
                .into_iter()
                .chain([PathBuf::from("/usr/share/ollama/.ollama/models")])
                .collect(),
        };
        let llama_cpp = match variable("LLAMA_CACHE") {
            Some(cache) => vec![cache],
            None => {
                let caches = variable("XDG_CACHE_HOME").or_else(|| in_home(".cache"));
                let caches = caches.into_iter().chain(in_home("Library/Caches"));
                caches.chain(variable("LOCALAPPDATA")).map(|c| c.join("llama.cpp")).collect()
            }
        };
        Places { ollama, llama_cpp }
    }

    /// The models there.
    pub(super) fn models(&self) -> Vec<Source> {
        let mut all: Vec<Source> = self.ollama.iter().flat_map(|place| ollama(place)).collect();
        all.extend(self.llama_cpp.iter().flat_map(|place| llama_cpp(place)));
        all
    }
}

/// Whether a name means this model: Ollama's `NAME` is its `NAME:latest`.
pub(super) fn is_meant(name: &str, source: &Source) -> bool {
    let latest = || source.name.strip_suffix(":latest") == Some(name);
    source.name == name || source.keeper == Some(OLLAMA) && latest()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = read.map(|entry| entry.path()).take(MOST).collect();
    all.sort();
    all
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Models of Ollama's that see pictures.
fn ollama(models: &Path) -> Vec<Source> {
    let source = |found: OllamaModel| {
        let OllamaModel { name, model, projector, .. } = found;
        let source = match projector {
            Some(projector) => Source::files(&model, &projector),
            None if !sees(&gguf_architecture(&model)?) => return None,
            None => Source::folder(String::new(), model),
        };
        Some(source.of(name, OLLAMA))
    };
    ollama_models(models).into_iter().filter_map(source).collect()
}

/// Models in a folder into which llama.cpp downloads: those with an mmproj.
fn llama_cpp(cache: &Path) -> Vec<Source> {
    let models = entries(cache).into_iter().filter(|path| {
        let name = name_of(path).to_lowercase();
        name.ends_with(".gguf") && !name.contains("mmproj")
    });
    let found = models.filter_map(|path| {
        let (text, mmproj) = gguf_files(&path)?.ok()?;
        let source = Source::files(&text, &mmproj);
        let name = source.name.clone();
        Some(source.of(name, "llama.cpp's cache"))
    });
    found.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed step fails the test")]
mod tests {
    use std::collections::HashMap;

    use serde_json::Value;

    use super::*;

    fn put(path: &Path, bytes: &[u8]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// The beginning of a GGUF file of an architecture.
    fn header(architecture: &str) -> Vec<u8> {
        let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
        let begin = [&b"GGUF"[..], &3u32.to_le_bytes(), &0u64.to_le_bytes(), &1u64.to_le_bytes()];
        let key = [text("general.architecture"), 8u32.to_le_bytes().to_vec(), text(architecture)];
        [begin.concat(), key.concat()].concat()
    }

    #[test]
    fn ollamas_models_that_see_are_found_by_their_manifests() {
        let dir = tempfile::tempdir().unwrap();
        let blob = |n: u8| format!("{n:064x}");
        let model = |way: &str, layers: &[(&str, u8)]| {
            let layers: Vec<Value> = layers
                .iter()
                .map(|(kind, n)| {
                    serde_json::json!({
                        "mediaType": format!("application/vnd.ollama.{kind}"),
                        "digest": format!("sha256:{}", blob(*n)), "size": 1,
                    })
                })
                .collect();
            let json = serde_json::json!({"schemaVersion": 2, "layers": layers});
            put(&dir.path().join("manifests").join(way), json.to_string().as_bytes());
        };
        for (n, architecture) in [(1, "qwen25vl"), (2, "llama"), (3, "clip"), (4, "mllama")] {
            put(
                &dir.path().join("blobs").join(format!("sha256-{}", blob(n))),
                &header(architecture),
            );
        }
        model(
            "registry.ollama.ai/library/qwen2.5vl/3b",
            &[("image.model", 1), ("image.template", 9)],
        );
        model("registry.ollama.ai/library/llava/7b", &[("image.model", 2), ("image.projector", 3)]);
        model("registry.ollama.ai/library/llama3/8b", &[("image.model", 2)]);
        model("registry.ollama.ai/library/llama3.2-vision/11b", &[("image.model", 4)]);
        model("registry.ollama.ai/library/gone/1b", &[("image.model", 8)]);
        model("registry.ollama.ai/me/eyes/latest", &[("image.model", 1)]);
        model("hf.co/you/eyes/Q4_K_M", &[("image.model", 1)]);
        put(&dir.path().join("manifests/registry.ollama.ai/library/broken/x"), b"{");
        let env: HashMap<&str, &Path> =
            HashMap::from([("OLLAMA_MODELS", dir.path()), ("LLAMA_CACHE", Path::new("/nowhere"))]);
        let places = Places::from_lookup(&|name| env.get(name).map(|p| p.to_path_buf()));
        let found = places.models();
        let names: Vec<&str> = found.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "hf.co/you/eyes:Q4_K_M",
                "llama3.2-vision:11b",
                "llava:7b",
                "qwen2.5vl:3b",
                "me/eyes:latest",
            ]
        );
        for source in &found {
            assert!(source.title.contains("Ollama"), "{}", source.title);
            assert_eq!(source.default_quant(), shared::Quant::Stored, "{}", source.name);
        }
        let meant = |name: &str| found.iter().find(|s| is_meant(name, s)).map(|s| s.name.as_str());
        assert_eq!(meant("me/eyes"), Some("me/eyes:latest"), "a bare name is its latest");
        assert_eq!(meant("me/eyes:latest"), Some("me/eyes:latest"));
        assert_eq!((meant("llava"), meant("eyes")), (None, None));
        assert!(found[2].folder.display().to_string().contains(','), "a model and its projector");
    }

    #[test]
    fn llama_cpps_cache_pairs_models_with_their_mmproj() {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "ggml-org_Qwen2.5-VL-3B-Instruct-GGUF_Qwen2.5-VL-3B-Instruct-Q4_K_M.gguf",
            "ggml-org_Qwen2.5-VL-3B-Instruct-GGUF_mmproj-Qwen2.5-VL-3B-Instruct-Q8_0.gguf",
            "second-state_Llava-v1.5-7B-GGUF_llava-v1.5-7b-Q4_0.gguf",
            "second-state_Llava-v1.5-7B-GGUF_llava-v1.5-7b-mmproj-model-f16.gguf",
            "ggml-org_gemma-3-1b-it-GGUF_gemma-3-1b-it-Q4_K_M.gguf",
        ] {
            put(
                &dir.path().join(file),
                &header(if file.contains("mmproj") { "clip" } else { "llama" }),
            );
        }
        let names: Vec<String> = llama_cpp(dir.path()).into_iter().map(|s| s.name).collect();
        assert_eq!(
            names,
            [
                "ggml-org_Qwen2.5-VL-3B-Instruct-GGUF_Qwen2.5-VL-3B-Instruct-Q4_K_M",
                "second-state_Llava-v1.5-7B-GGUF_llava-v1.5-7b-Q4_0",
            ]
        );
    }

    #[test]
    fn places_follow_the_environment() {
        let env: HashMap<&str, &str> = HashMap::from([("HOME", "/home/me")]);
        let places = Places::from_lookup(&|name| env.get(name).map(PathBuf::from));
        assert!(places.ollama.contains(&PathBuf::from("/home/me/.ollama/models")));
        assert!(places.llama_cpp.contains(&PathBuf::from("/home/me/.cache/llama.cpp")));
    }
}
