//! Converted weights that are kept: the same model to the last bit, and nothing lost where the cache
//! is damaged.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::{Path, PathBuf};

use engine::{LoadOptions, Model, Picture, PictureLimits, WeightCache};
use shared::{Quant, RunOptions};
use tempfile::TempDir;

/// A copy of a shipped model: its files may be changed.
fn copy(name: &str) -> TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(name);
    let folder = TempDir::new().unwrap();
    for file in std::fs::read_dir(from).unwrap().flatten().filter(|f| f.path().is_file()) {
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    folder
}

fn cache(folder: &TempDir) -> WeightCache {
    WeightCache { least: 0, ..WeightCache::in_folder(folder.path().join("cache")) }
}

fn kept(folder: &TempDir, end: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder.path().join("cache")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.to_string_lossy().ends_with(end))
        .collect();
    files.sort();
    files
}

fn load(folder: &TempDir, quant: Quant, cache: Option<&WeightCache>) -> Model {
    let options = LoadOptions { name: "copy".to_owned(), quant, ..LoadOptions::default() };
    let mut last = (0, 0);
    let progress = &mut |done, total| last = (done, total);
    let model = match cache {
        Some(cache) => Model::load_cached(folder.path(), &options, cache, progress),
        None => Model::load(folder.path(), &options, progress),
    };
    assert!(last.0 > 0 && last.0 <= last.1, "progress was told: {last:?}");
    model.unwrap()
}

/// Every logit of a prompt and an answer, and the tokens, must be equal.
#[track_caller]
fn assert_same(a: &Model, b: &Model) {
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/demo-llava/samples");
    let bytes = std::fs::read(picture.join("cat-far.png")).unwrap();
    let picture = Picture::decode(&bytes, &PictureLimits::default()).unwrap();
    let options = RunOptions { prompt: "Which animal is it?".into(), ..RunOptions::default() };
    let (ours, theirs) =
        (a.prepare(&picture, &options).unwrap(), b.prepare(&picture, &options).unwrap());
    let compared = a.compare(&ours, b, &theirs).unwrap();
    assert_eq!(compared.largest_logit_difference.to_bits(), 0);
    assert_eq!(compared.same_tokens, compared.tokens);
    assert!(compared.tokens > 1 && compared.largest_logit > 1.0);
    let mut info = a.info().clone();
    info.name.clone_from(&b.info().name);
    assert_eq!(&info, b.info(), "parameters, bytes, fallbacks, hash");
}

#[test]
fn what_is_kept_is_the_same_model_to_the_last_bit() {
    for name in ["demo-llava", "demo-qwen"] {
        let folder = copy(name);
        let cache = cache(&folder);
        for quant in [Quant::Q8_0, Quant::Q4k, Quant::Q6k, Quant::Q5k, Quant::F16, Quant::Bf16] {
            let plain = load(&folder, quant, None);
            assert_same(&load(&folder, quant, Some(&cache)), &plain);
            let written = kept(&folder, "-3.weights");
            let named = |file: &&PathBuf| {
                let name = file.to_string_lossy();
                let quant = quant.name();
                name.ends_with(&format!("-{quant}-3.weights"))
                    || name.ends_with(&format!("-{quant}-tiled-3.weights"))
            };
            assert_eq!(written.iter().filter(named).count(), 1, "{name} {quant:?}");
            assert_same(&load(&folder, quant, Some(&cache)), &plain);
        }
        assert!(kept(&folder, ".part").is_empty());
        // f32 and what is stored already are what their files are.
        load(&folder, Quant::F32, Some(&cache));
        assert_eq!(kept(&folder, ".weights").len(), 6);
    }
}

/// The model's own tensors are not read where the kept ones do: they may be anything.
#[test]
fn the_models_own_weights_are_not_read_again() {
    let folder = copy("demo-llava");
    let cache = cache(&folder);
    let first = load(&folder, Quant::Q4k, Some(&cache));
    let weights = folder.path().join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[header..].fill(0);
    std::fs::write(&weights, &bytes).unwrap();
    // Other files are another model, and it is not taken for the first.
    let memos = kept(&folder, ".sha256");
    let options =
        LoadOptions { name: "zeros".to_owned(), quant: Quant::Q4k, ..LoadOptions::default() };
    let zeros = Model::load_cached(folder.path(), &options, &cache, &mut |_, _| {}).unwrap();
    assert_ne!(zeros.info().hash, first.info().hash);
    // Told that they are the first's, the loader takes the first's kept tensors, and only those.
    let memo = kept(&folder, ".sha256").into_iter().find(|m| !memos.contains(m)).unwrap();
    std::fs::write(memo, &first.info().hash).unwrap();
    assert_same(&load(&folder, Quant::Q4k, Some(&cache)), &first);
}

#[test]
fn a_damaged_cache_is_noticed_and_written_anew() {
    let folder = copy("demo-qwen");
    let cache = cache(&folder);
    let plain = load(&folder, Quant::Q4k, None);
    load(&folder, Quant::Q4k, Some(&cache));
    let file = kept(&folder, ".weights").remove(0);
    let good = std::fs::read(&file).unwrap();
    let mut broken: Vec<Vec<u8>> = [0, 40, good.len() / 2, good.len() - 60]
        .into_iter()
        .map(|at| {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            bytes
        })
        .collect();
    broken.extend([good[..good.len() / 3].to_vec(), Vec::new(), vec![0xFF; 1000]]);
    for bytes in broken {
        std::fs::write(&file, bytes).unwrap();
        assert_same(&load(&folder, Quant::Q4k, Some(&cache)), &plain);
        assert!(!file.exists(), "what does not fit is removed");
        assert_same(&load(&folder, Quant::Q4k, Some(&cache)), &plain);
        assert!(std::fs::read(&file).unwrap() == good, "and written again, the same");
    }
}

#[test]
fn the_cache_is_bounded_and_one_that_cannot_be_written_is_none() {
    let folder = copy("demo-llava");
    let most = 10 << 20;
    let cache = WeightCache { most, ..cache(&folder) };
    for quant in [Quant::Q4k, Quant::Q5k, Quant::Q4k, Quant::Q8_0] {
        load(&folder, quant, Some(&cache));
        let total: u64 =
            kept(&folder, ".weights").iter().map(|f| f.metadata().unwrap().len()).sum();
        let files = kept(&folder, ".weights");
        assert!(total <= most || files.len() == 1, "{total} in {}", files.len());
        assert!(files.iter().any(|f| f.to_string_lossy().contains(quant.name())), "the newest");
    }
    let small = WeightCache { least: 1 << 40, ..WeightCache::in_folder(folder.path().join("no")) };
    load(&folder, Quant::Q4k, Some(&small));
    let nowhere =
        WeightCache { least: 0, ..WeightCache::in_folder(folder.path().join("README.md")) };
    assert_same(&load(&folder, Quant::Q4k, Some(&nowhere)), &load(&folder, Quant::Q4k, None));
}
