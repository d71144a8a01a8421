//! Models whose files are held in memory, as a browser hands them in, against the same files on the
//! disk.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use engine::{
    DeviceChoice, InMemory, Kernels, LoadOptions, Location, Model, Picture, Weighed, gguf_files,
    ollama_models, traits_of, variant_of,
};
use shared::sentence::ModelVariant;
use shared::{Quant, RunOptions};

use crate::common::{Recording, gguf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder's files, below `below`.
fn held(folder: &Path, below: &str) -> InMemory {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let file = |name: PathBuf| (Path::new(below).join(name.file_name().unwrap()), name);
    files.map(|e| file(e.path())).map(|(to, from)| (to, std::fs::read(from).unwrap())).collect()
}

fn load(place: impl Into<Location>, quant: Quant) -> Result<Model, String> {
    let options = LoadOptions { name: "it".to_owned(), quant, device: DeviceChoice::Cpu };
    Model::load(place, &options, &mut |_, _| {}).map_err(|error| error.message)
}

/// Logits, masses, rows by head and the answer of a run.
fn run(model: &Model) -> Recording {
    let rgb = (0..3 * 70 * 50u32).map(|i| (i * 37 % 251) as u8).collect();
    let picture = Picture { width: 70, height: 50, rgb };
    let options = RunOptions {
        prompt: "What is it?".to_owned(),
        max_new_tokens: 4,
        ignore_eos: true,
        resize: model.traits().resize,
        ..RunOptions::default()
    };
    let mut seen = Recording::without_maps();
    model.run(&model.prepare(&picture, &options).unwrap(), &mut seen).unwrap().unwrap();
    seen
}

/// Everything that is known of a model and all that it computes is the same, to the bit.
fn is_the_same(memory: &Location, disk: &Path, quant: Quant) {
    let at = disk.display();
    assert_eq!(traits_of(memory), traits_of(disk), "{at}");
    let of = |place: Location| Weighed::files(place, quant, Kernels::here()).unwrap();
    assert_eq!(of(memory.clone()).takes(), of(disk.into()).takes(), "{at}");
    let (one, other) = (load(memory, quant).unwrap(), load(disk, quant).unwrap());
    assert_eq!(one.info(), other.info(), "{at}");
    let (one, other) = (run(&one), run(&other));
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<u32>>();
    assert!(!one.prefill_logits.is_empty() && !one.decode_logits.is_empty(), "{at}");
    assert!(bits(&one.prefill_logits) == bits(&other.prefill_logits), "{at}: logits");
    assert!(bits(&one.decode_logits) == bits(&other.decode_logits), "{at}: logits");
    assert_eq!(one.layout, other.layout, "{at}");
    assert!(!one.flows.is_empty() && one.flows == other.flows, "{at}: masses");
    assert_eq!(one.generated(), other.generated(), "{at}");
    for (one, other) in one.tokens.iter().zip(&other.tokens) {
        assert_eq!(one.flow, other.flow, "{at}: an answer's masses");
    }
}

#[test]
fn a_folder_in_memory_is_the_folder() {
    for (folder, quant) in [
        ("models/demo-llava", Quant::Q8_0),
        ("tests/goldens/llava-gqa", Quant::F32),
        ("tests/goldens/qwen-square", Quant::Stored),
    ] {
        let disk = root().join(folder);
        is_the_same(&held(&disk, "").at(""), &disk, quant);
    }
}

#[test]
fn gguf_files_in_memory_are_the_files() {
    let files = held(&gguf::folder(), "files");
    let place = "files/llava-mha.gguf,files/llava-mha-mmproj.gguf";
    is_the_same(&files.clone().at(place), &gguf::place("llava-mha"), Quant::Stored);
    // The mmproj beside a language model is found by its name.
    let found = gguf_files(files.at("files/qwen-wide.gguf")).unwrap().unwrap();
    assert_eq!(found.1, Path::new("files/qwen-wide-mmproj.gguf"));
}

/// Shards that an index names, and what messages call them.
#[test]
fn shards_are_found_and_messages_name_paths() {
    let disk = root().join("tests/goldens/llava-gqa");
    let mut files = held(&disk, "it");
    let weights = std::fs::read(disk.join("model.safetensors")).unwrap();
    let length = u64::from_le_bytes(*weights.first_chunk().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&weights[8..8 + length]).unwrap();
    let tensors = header.as_object().unwrap().keys().filter(|name| *name != "__metadata__");
    let map: serde_json::Map<_, _> =
        tensors.map(|name| (name.clone(), "shard.safetensors".into())).collect();
    let index = serde_json::json!({ "weight_map": map }).to_string().into_bytes();
    files.insert("it/model.safetensors.index.json", index);
    let said = load(files.clone().at("it"), Quant::F32).err().unwrap();
    assert!(said.starts_with("it/shard.safetensors: there is no such file; "), "{said}");
    files.insert("it/shard.safetensors", weights);
    is_the_same(&files.clone().at("it"), &disk, Quant::F32);

    files.insert("it/tokenizer.json", b"{".to_vec());
    let said = load(files.clone().at("it"), Quant::F32).err().unwrap();
    assert!(said.starts_with("it/tokenizer.json: was cut off"), "{said}");
    let said = load(files.clone().at("elsewhere"), Quant::F32).err().unwrap();
    assert_eq!(
        said,
        "elsewhere: there is no config.json; a model folder in Hugging Face layout is needed"
    );
    files.insert("it/adapter_config.json", b"{}".to_vec());
    assert_eq!(variant_of(files.at("it")), Some(ModelVariant::Adapter));
}

#[test]
fn ollamas_manifests_are_read_from_memory() {
    let blob = |n: usize| format!("models/blobs/sha256-{n:064x}");
    let layers: Vec<_> = ["model", "projector", "adapter"]
        .iter()
        .enumerate()
        .map(|(n, kind)| {
            serde_json::json!({
                "mediaType": format!("application/vnd.ollama.image.{kind}"),
                "digest": format!("sha256:{n:064x}"),
            })
        })
        .collect();
    let manifest = serde_json::json!({ "layers": layers }).to_string().into_bytes();
    let mut files: InMemory = (0..3).map(|n| (blob(n), b"GGUF".to_vec())).collect();
    files.insert("models/manifests/registry.ollama.ai/library/it/latest", manifest);
    let found = ollama_models(files.clone().at("models"));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name.as_str(), found[0].adapted), ("it:latest", true));
    assert_eq!(found[0].model, Path::new(&blob(0)));
    let options = LoadOptions { name: "it:latest".to_owned(), ..LoadOptions::default() };
    let place = files.at(format!("{},{}", blob(0), blob(1)));
    let said = Model::load(place, &options, &mut |_, _| {}).err().unwrap().message;
    assert!(said.contains("adapter (LoRA)"), "{said}");
}
