//! Model folders that cannot work: each gets a sentence that names the file and what is wrong with
//! it, never a panic and never a wrong answer.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use crate::common::Golden;
use crate::common::folder::{Folder, in_korean};
use engine::{DeviceChoice, LoadOptions, Model};
use shared::{ErrorCode, Quant};
use tempfile::TempDir;

const FILES: [&str; 5] = [
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "processor_config.json",
];

/// A copy of a working folder.
fn copy() -> TempDir {
    let golden = Golden::open("llava-mha");
    let folder = tempfile::tempdir().unwrap();
    for file in FILES {
        std::fs::copy(golden.folder.join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn load(folder: &Path) -> Result<Model, engine::EngineError> {
    let options =
        LoadOptions { name: "broken".to_owned(), quant: Quant::F32, device: DeviceChoice::Cpu };
    Model::load(folder, &options, &mut |_, _| {})
}

/// Loading fails with one sentence that holds all of `words`.
fn refused(folder: &TempDir, words: &[&str]) {
    let error = load(folder.path()).err().unwrap_or_else(|| panic!("loaded; expected {words:?}"));
    assert_eq!(error.code, ErrorCode::ModelUnusable, "{}", error.message);
    for word in words {
        assert!(error.message.contains(word), "'{}' does not say {word:?}", error.message);
    }
    assert!(!error.message.contains('\n'), "{}", error.message);
    in_korean(&error);
}

/// Changes the configuration.
fn configure(folder: &TempDir, change: impl FnOnce(&mut serde_json::Value)) {
    let path = folder.path().join("config.json");
    let mut json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut json);
    std::fs::write(path, json.to_string()).unwrap();
}

/// Changes the weight file's bytes.
fn weights(folder: &TempDir, change: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.path().join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn the_copy_itself_works() {
    assert!(load(copy().path()).is_ok());
}

#[test]
fn missing_files_are_named() {
    for (file, words) in [
        ("config.json", "config.json"),
        ("tokenizer.json", "tokenizer.json"),
        ("model.safetensors", "no safetensors file"),
    ] {
        let folder = copy();
        std::fs::remove_file(folder.path().join(file)).unwrap();
        refused(&folder, &[words]);
    }
    let nowhere = tempfile::tempdir().unwrap();
    refused(&nowhere, &["config.json"]);
}

#[test]
fn other_families_are_named() {
    let folder = copy();
    configure(&folder, |c| c["model_type"] = "llama".into());
    refused(&folder, &["config.json", "'llama' is not supported"]);
    let folder = copy();
    configure(&folder, |c| c["text_config"]["model_type"] = "mistral".into());
    refused(&folder, &["config.json", "mistral"]);
}

#[test]
fn settings_that_cannot_work_are_named() {
    type Change = fn(&mut serde_json::Value);
    let cases: [(Change, &str); 6] = [
        (|c| c["text_config"]["hidden_size"] = "big".into(), "hidden_size"),
        (|c| c["text_config"]["num_attention_heads"] = 0.into(), "num_attention_heads"),
        (|c| c["text_config"]["num_key_value_heads"] = 3.into(), "do not fit"),
        (|c| c["vision_feature_layer"] = 99.into(), "vision_feature_layer"),
        (|c| c["vision_config"]["patch_size"] = 4096.into(), "do not fit"),
        (
            |c| c["text_config"]["rope_parameters"] = serde_json::json!({"rope_type": "yarn"}),
            "yarn",
        ),
    ];
    for (change, words) in cases {
        let folder = copy();
        configure(&folder, change);
        refused(&folder, &["config.json", words]);
    }
    let folder = copy();
    std::fs::write(folder.path().join("config.json"), "{").unwrap();
    refused(&folder, &["config.json"]);
    let folder = copy();
    std::fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
    refused(&folder, &["tokenizer.json"]);
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let folder = copy();
    configure(&folder, |c| c["text_config"]["intermediate_size"] = 100.into());
    refused(&folder, &["model.safetensors", "gate_proj.weight", "has shape"]);
    let folder = copy();
    configure(&folder, |c| c["text_config"]["num_hidden_layers"] = 9.into());
    refused(&folder, &["config.json", "num_hidden_layers", "9", "the weights have 3"]);
}

#[test]
fn a_bias_that_is_missing_beside_others_is_named() {
    let folder = copy();
    weights(&folder, |b| {
        let name = b"self_attn.q_proj.bias";
        let at = b.windows(name.len()).position(|w| w == name).unwrap();
        b[at] = b'S';
    });
    refused(&folder, &["model.safetensors", "self_attn.q_proj.bias", "is missing"]);
}

/// Whichever tensor of the vision tower is missing, it is that one that is named, as files of this
/// layout call it.
#[test]
fn a_missing_tensor_of_the_tower_is_the_one_that_is_named() {
    for end in [
        "embeddings.class_embedding",
        "embeddings.patch_embedding.weight",
        "embeddings.position_embedding.weight",
        "pre_layrnorm.weight",
    ] {
        let folder = copy();
        weights(&folder, |bytes| {
            // A name of the same length that nobody asks for.
            let at = bytes.windows(end.len()).position(|w| w == end.as_bytes()).unwrap();
            bytes[at..at + end.len()].fill(b'x');
        });
        refused(&folder, &["model.safetensors", end]);
    }
}

#[test]
fn damaged_weights_are_named() {
    let folder = copy();
    weights(&folder, |b| b.truncate(b.len() / 2));
    refused(&folder, &["model.safetensors", "cut off"]);
    let folder = copy();
    weights(&folder, |b| b.truncate(5));
    refused(&folder, &["model.safetensors", "too short"]);
    let folder = copy();
    weights(&folder, |b| b.clear());
    refused(&folder, &["model.safetensors", "too short"]);
    // A header that claims to be larger than the file, and one larger than any sane header.
    for claim in [u64::MAX, 1 << 40, 1 << 25] {
        let folder = copy();
        weights(&folder, |b| b[..8].copy_from_slice(&claim.to_le_bytes()));
        refused(&folder, &["model.safetensors"]);
    }
    let folder = copy();
    weights(&folder, |b| {
        let at = b.len() - 4;
        b[at..].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    refused(&folder, &["model.safetensors", "tensor '", "not finite"]);
}

#[test]
fn an_index_cannot_lead_out_of_the_folder() {
    let folder = copy();
    let index = r#"{"weight_map": {"a": "../../etc/passwd"}}"#;
    std::fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
    refused(&folder, &["model.safetensors.index.json", "not a file name"]);
}

#[test]
fn damaged_shards_are_named() {
    let (first, second) = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors");
    let index = "model.safetensors.index.json";
    let folder = Folder::copy("llava-v4");
    assert!(folder.load().is_ok(), "the copy itself works");
    let bytes = folder.read(second);
    for (length, words) in [(bytes.len() - 1, "cut off"), (100, "cut off"), (3, "too short")] {
        folder.write(second, &bytes[..length]);
        folder.refused(&[second, words]);
    }
    folder.write(second, [&bytes[..], b"more"].concat());
    folder.refused(&[second, "its last tensor ends"]);
    std::fs::remove_file(folder.file(second)).unwrap();
    folder.refused(&[second, "no such file", "tensor '"]);
    std::fs::copy(folder.file(first), folder.file(second)).unwrap();
    folder.refused(&[first, second, "is in both"]);
    folder.restore(second);
    for (text, words) in [
        ("{}", "weight_map"),
        (r#"{"weight_map": {}}"#, "weight_map"),
        (r#"{"weight_map": ["a"]}"#, "weight_map"),
        (r#"{"weight_map": {"a": 7}}"#, "tensor 'a'"),
        (r#"{"weight_map": {"a": "../x.safetensors"}}"#, "not a file name"),
    ] {
        folder.write(index, text);
        folder.refused(&[index, words]);
    }
}

/// A header that lists a tensor wrongly names the tensor; one of absurd size is not read at all.
#[test]
fn damaged_headers_name_the_tensor() {
    let folder = Folder::copy("llava-mha");
    let bytes = folder.read("model.safetensors");
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let name = header.as_object().unwrap().keys().find(|k| *k != "__metadata__").unwrap().clone();
    for (key, value) in [
        ("dtype", serde_json::json!("F99")),
        ("dtype", serde_json::json!("F64")),
        ("shape", serde_json::json!([-1])),
        ("shape", serde_json::json!([1u64 << 62, 4])),
        ("shape", serde_json::json!("wide")),
        ("data_offsets", serde_json::json!([9, 3])),
        ("data_offsets", serde_json::json!([0, u64::MAX])),
        ("data_offsets", serde_json::json!([])),
    ] {
        let mut broken = header.clone();
        broken[&name][key] = value;
        let broken = broken.to_string().into_bytes();
        let size = (broken.len() as u64).to_le_bytes();
        folder.write("model.safetensors", [&size[..], &broken, &bytes[8 + length..]].concat());
        folder.refused(&["model.safetensors", &name]);
    }
    // A hundred megabytes of header: a sparse file costs the test nothing, and the reader neither.
    folder.write("model.safetensors", (100u64 << 20).to_le_bytes());
    let file = std::fs::File::options().write(true).open(folder.file("model.safetensors")).unwrap();
    file.set_len(200 << 20).unwrap();
    folder.refused(&["model.safetensors", "100 MiB"]);
}
