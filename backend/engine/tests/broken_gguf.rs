//! GGUF files that cannot work: each gets a sentence that names the file and what is wrong with
//! it, never a panic and never a wrong answer.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use crate::common::folder::in_korean;
use crate::common::gguf::{File, folder, pair};
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Value;
use candle_core::{DType, Device, Tensor};
use engine::{DeviceChoice, EngineError, LoadOptions, Model, NoObserver, Picture};
use proptest::prelude::*;
use shared::{ErrorCode, Quant, RunOptions};
use tempfile::TempDir;

const TEXT: &str = "llava-gqa";
const MMPROJ: &str = "llava-gqa-mmproj";

fn load(place: &Path) -> Result<Model, EngineError> {
    let options =
        LoadOptions { name: "broken".to_owned(), quant: Quant::Stored, device: DeviceChoice::Cpu };
    Model::load(place, &options, &mut |_, _| {})
}

/// A copy of the two files.
fn copy(text: &str, mmproj: &str) -> (TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    for name in [text, mmproj] {
        let file = format!("{name}.gguf");
        std::fs::copy(folder().join(&file), temp.path().join(&file)).unwrap();
    }
    let path = |name: &str| temp.path().join(format!("{name}.gguf"));
    let place = pair(&path(text), &path(mmproj));
    (temp, place)
}

/// The two files with one of them changed.
fn changed(name: &str, change: impl FnOnce(&mut File)) -> (TempDir, PathBuf) {
    let (text, mmproj) = match name.starts_with("qwen") {
        true => ("qwen-square", "qwen-square-mmproj"),
        false => (TEXT, MMPROJ),
    };
    let (temp, place) = copy(text, mmproj);
    let mut file = File::open(name);
    change(&mut file);
    file.save(&temp.path().join(format!("{name}.gguf")));
    (temp, place)
}

/// An error is one sentence about the person's own files.
fn is_a_sentence(error: &EngineError, name: &str) {
    let message = &error.message;
    assert_eq!(error.code, ErrorCode::ModelUnusable, "{message}");
    assert!(message.contains(&format!("{name}.gguf")), "'{message}' does not name {name}");
    assert!(!message.contains('\n') && message.len() < 600, "{message}");
    in_korean(error);
}

fn refused(place: &Path, name: &str, words: &[&str]) {
    let error = load(place).err().unwrap_or_else(|| panic!("loaded; expected {words:?}"));
    is_a_sentence(&error, name);
    for word in words {
        assert!(error.message.contains(word), "'{}' does not say {word:?}", error.message);
    }
}

#[test]
fn every_tensor_is_needed_and_its_absence_named() {
    for (name, count) in [(TEXT, 38), (MMPROJ, 57), ("qwen-square", 39), ("qwen-square-mmproj", 71)]
    {
        let tensors: Vec<String> = File::open(name).tensors.into_iter().map(|(n, _)| n).collect();
        assert_eq!(tensors.len(), count, "{name}");
        for tensor in tensors {
            let (_temp, place) = changed(name, |f| f.remove(&tensor));
            match load(&place) {
                Err(error) => is_a_sentence(&error, name),
                // The head may be the embedding table: that is how such files say it.
                Ok(_) => assert_eq!((name, tensor.as_str()), ("qwen-square", "output.weight")),
            }
        }
    }
}

#[test]
fn what_is_missing_is_called_by_its_name_in_the_file() {
    for (name, tensor) in [
        (TEXT, "blk.1.attn_q.weight"),
        (TEXT, "output_norm.weight"),
        (MMPROJ, "v.blk.2.ffn_up.bias"),
        (MMPROJ, "v.position_embd.weight"),
        (MMPROJ, "mm.0.bias"),
        ("qwen-square", "blk.2.attn_k.bias"),
        ("qwen-square-mmproj", "v.blk.1.attn_k.weight"),
        ("qwen-square-mmproj", "v.blk.3.attn_out.bias"),
        ("qwen-square-mmproj", "mm.2.bias"),
    ] {
        let (_temp, place) = changed(name, |f| f.remove(tensor));
        refused(&place, name, &[&format!("'{tensor}'"), "missing"]);
    }
}

#[test]
fn keys_that_are_missing_or_wrong_are_named() {
    for (name, key) in [
        (TEXT, "general.architecture"),
        (TEXT, "llama.block_count"),
        (TEXT, "llama.embedding_length"),
        (TEXT, "llama.feed_forward_length"),
        (TEXT, "llama.attention.head_count"),
        (TEXT, "llama.context_length"),
        (TEXT, "tokenizer.ggml.model"),
        (TEXT, "tokenizer.ggml.tokens"),
        (MMPROJ, "general.architecture"),
        (MMPROJ, "clip.vision.block_count"),
        (MMPROJ, "clip.vision.embedding_length"),
        (MMPROJ, "clip.vision.attention.head_count"),
        (MMPROJ, "clip.vision.image_size"),
        (MMPROJ, "clip.vision.patch_size"),
        (MMPROJ, "clip.vision.image_mean"),
        (MMPROJ, "clip.vision.image_std"),
        ("qwen-square", "qwen2vl.rope.dimension_sections"),
        ("qwen-square", "tokenizer.ggml.merges"),
        ("qwen-square", "tokenizer.ggml.pre"),
        ("qwen-square-mmproj", "clip.projector_type"),
        ("qwen-square-mmproj", "clip.vision.n_wa_pattern"),
    ] {
        let (_temp, place) = changed(name, |f| f.unset(key));
        refused(&place, name, &[key]);
        let (_temp, place) = changed(name, |f| f.set(key, Value::Bool(true)));
        refused(&place, name, &[key]);
    }
    let text = |t: &str| Value::String(t.to_owned());
    for (name, key, value, words) in [
        (TEXT, "general.architecture", text("mamba"), "'mamba'"),
        (TEXT, "general.architecture", text("qwen2vl"), "'llama'"),
        (TEXT, "llama.block_count", Value::U32(9), "4 blocks"),
        (TEXT, "llama.block_count", Value::U32(3), "4 blocks"),
        (TEXT, "llama.attention.head_count", Value::U32(0), "head_count"),
        (TEXT, "llama.attention.head_count_kv", Value::U32(3), "do not fit"),
        (TEXT, "llama.embedding_length", Value::U64(u64::MAX), "embedding_length"),
        (TEXT, "llama.feed_forward_length", Value::U32(81), "blk.0.ffn_gate.weight"),
        (TEXT, "llama.rope.dimension_count", Value::U32(4), "rope.dimension_count"),
        (TEXT, "llama.rope.scaling.type", text("yarn"), "yarn"),
        (TEXT, "llama.expert_count", Value::U32(8), "expert_count"),
        (TEXT, "split.count", Value::U16(3), "llama-gguf-split"),
        (TEXT, "tokenizer.ggml.model", text("t5"), "'t5'"),
        (TEXT, "tokenizer.ggml.token_type", Value::Array(vec![Value::I32(1)]), "1 entries"),
        (MMPROJ, "clip.projector_type", text("ldpv2"), "'ldpv2'"),
        (MMPROJ, "clip.vision.embedding_length", Value::U32(41), "41"),
        (MMPROJ, "clip.vision.image_size", Value::U32(1 << 23), "v.position_embd.weight"),
        (MMPROJ, "clip.vision.feature_layer", Value::Array(vec![Value::I32(7)]), "is 7"),
        (MMPROJ, "clip.vision.image_grid_pinpoints", Value::Array(vec![Value::I32(7)]), "1.6"),
        (MMPROJ, "clip.vision.image_std", Value::Array(vec![Value::F32(0.0); 3]), "out of range"),
        (MMPROJ, "clip.vision.attention.layer_norm_epsilon", Value::F32(-1.0), "out of range"),
        ("qwen-square", "tokenizer.ggml.pre", text("tekken"), "'tekken'"),
        (
            "qwen-square",
            "tokenizer.ggml.merges",
            Value::Array(vec![text("nowhere known")]),
            "nowhere",
        ),
        (
            "qwen-square",
            "qwen2vl.rope.dimension_sections",
            Value::Array([2, 3, 4, 0].map(Value::I32).to_vec()),
            "half a head",
        ),
        ("qwen-square-mmproj", "clip.vision.window_size", Value::U32(1), "do not fit"),
    ] {
        let (_temp, place) = changed(name, |f| f.set(key, value));
        refused(&place, name, &[words]);
    }
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    for (name, tensor, shape) in [
        (TEXT, "blk.0.attn_q.weight", vec![64, 32]),
        (TEXT, "blk.3.attn_norm.weight", vec![63]),
        (TEXT, "token_embd.weight", vec![64]),
        (TEXT, "token_embd.weight", vec![300, 64]),
        (MMPROJ, "v.blk.0.ln2.weight", vec![1, 40]),
        (MMPROJ, "v.patch_embd.weight", vec![40, 300]),
        (MMPROJ, "mm.2.weight", vec![32, 64]),
        (MMPROJ, "mm.0.weight", vec![64]),
        ("qwen-square-mmproj", "v.blk.0.ffn_gate.weight", vec![7]),
    ] {
        let change = |f: &mut File| f.put(tensor, &zeros(&shape), GgmlDType::F32);
        let (_temp, place) = changed(name, change);
        refused(&place, name, &[]);
    }
    for (name, tensor, at) in [
        (TEXT, "blk.1.ffn_down.weight", 77),
        (TEXT, "output_norm.weight", 3),
        (MMPROJ, "v.blk.1.attn_v.bias", 0),
    ] {
        let change = |f: &mut File| {
            let old = f.take(tensor).dequantize(&Device::Cpu).unwrap();
            let mut values: Vec<f32> = old.flatten_all().unwrap().to_vec1().unwrap();
            values[at] = f32::NAN;
            let new = Tensor::from_vec(values, old.shape(), &Device::Cpu).unwrap();
            f.put(tensor, &new, GgmlDType::F32);
        };
        let (_temp, place) = changed(name, change);
        refused(&place, name, &[&format!("'{tensor}'"), "not finite", &at.to_string()]);
    }
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let both = |text: &str, mmproj: &str| {
        let path = |name: &str| folder().join(format!("{name}.gguf"));
        load(&pair(&path(text), &path(mmproj)))
    };
    assert!(both(TEXT, MMPROJ).is_ok());
    assert!(both(MMPROJ, TEXT).is_ok(), "the order does not matter");
    for (text, mmproj, words) in [
        (TEXT, "qwen-square-mmproj", "belongs to a 'qwen2vl' one"),
        ("qwen-square", MMPROJ, "belongs to a 'llama' or 'qwen2' one"),
        (TEXT, "llava-mha-mmproj", "do not belong together"),
        (TEXT, "qwen-square", "no mmproj"),
        (TEXT, TEXT, "no mmproj"),
        (MMPROJ, MMPROJ, "'clip', which is not supported"),
        (TEXT, "types", "no mmproj"),
        (TEXT, "nowhere", "nowhere.gguf"),
    ] {
        let error = both(text, mmproj).err().unwrap();
        is_a_sentence(&error, mmproj);
        assert!(error.message.contains(words), "{}", error.message);
    }
}

#[test]
fn an_mmproj_is_found_beside_its_model_or_asked_for() {
    let (temp, _) = copy(TEXT, MMPROJ);
    let text = temp.path().join(format!("{TEXT}.gguf"));
    assert!(load(&text).is_ok());
    assert!(load(temp.path()).is_ok(), "a folder that holds the two");
    refused(&temp.path().join(format!("{MMPROJ}.gguf")), MMPROJ, &["FILE.gguf,MMPROJ.gguf"]);
    // Of several the one that has the model's name; where none or two have, nothing is guessed.
    let other = temp.path().join("other-mmproj.gguf");
    std::fs::copy(&text, &other).unwrap();
    assert!(load(&text).is_ok());
    let twin = temp.path().join("mmproj-LLaVA_gqa-F16.gguf");
    std::fs::copy(&text, &twin).unwrap();
    refused(&text, TEXT, &["3 mmproj files", "FILE.gguf,MMPROJ.gguf"]);
    std::fs::remove_file(&twin).unwrap();
    std::fs::remove_file(&other).unwrap();
    std::fs::rename(temp.path().join(format!("{MMPROJ}.gguf")), temp.path().join("m.gguf"))
        .unwrap();
    refused(&text, TEXT, &["vision tower is missing", "FILE.gguf,MMPROJ.gguf"]);
    assert!(load(&pair(&text, &temp.path().join("m.gguf"))).is_ok());
    let comma = temp.path().join("a,b.gguf");
    std::fs::copy(&text, &comma).unwrap();
    assert!(load(&pair(&comma, &temp.path().join("m.gguf"))).is_ok());
    let gone = temp.path().join("gone.gguf");
    refused(&gone, "gone", &["no such file"]);
}

/// Where a golden's header ends: after the last tensor's name, its shape and its place.
fn header(bytes: &[u8]) -> usize {
    let last = |part: &[u8]| bytes.windows(part.len()).rposition(|w| w == part);
    last(b".weight").max(last(b".bias")).unwrap() + 60
}

/// Four hundred, or as many as PROPTEST_CASES says.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(400)
}

#[test]
fn absurd_headers_are_refused_before_memory_is_set_aside() {
    let bytes = std::fs::read(folder().join(format!("{MMPROJ}.gguf"))).unwrap();
    let with = |at: usize, new: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        bytes
    };
    let key = |text: &str| bytes.windows(text.len()).position(|w| w == text.as_bytes()).unwrap();
    let array = key("clip.vision.image_mean") + "clip.vision.image_mean".len();
    let dims = key("v.patch_embd.weight") + "v.patch_embd.weight".len();
    let huge = |n: u64| n.to_le_bytes();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "too short"),
        (bytes[..20].to_vec(), "too short"),
        (with(0, b"GGML"), "not a GGUF file"),
        (with(4, &1u32.to_le_bytes()), "version 1"),
        (with(4, &9u32.to_le_bytes()), "version 9"),
        (with(4, &3u32.to_be_bytes()), "big-endian"),
        (with(8, &huge(u64::MAX)), "tensors"),
        (with(8, &huge(1 << 40)), "tensors"),
        (with(8, &huge(58)), "gguf"),
        (with(16, &huge(u64::MAX)), "keys"),
        (with(16, &huge(1 << 20)), "keys"),
        (with(24, &huge(u64::MAX)), "a key has"),
        (with(24, &huge(1 << 62)), "a key has"),
        (with(array, &13u32.to_le_bytes()), "image_mean"),
        (with(array + 4, &99u32.to_le_bytes()), "type 99"),
        (with(array + 4, &9u32.to_le_bytes()), "type 9"),
        (with(array + 8, &huge(u64::MAX)), "elements"),
        (with(array + 8, &huge(1 << 21)), "cut off"),
        (with(dims, &5u32.to_le_bytes()), "5 dimensions"),
        (with(dims, &u32::MAX.to_le_bytes()), "dimensions"),
        (with(dims + 4, &huge(0)), "dimension of 0"),
        (with(dims + 4, &huge(u64::MAX)), "dimension of"),
        (with(dims + 4, &[huge(1 << 31), huge(1 << 31), huge(1 << 31)].concat()), "too large"),
        (with(dims + 4, &huge(1 << 30)), "v.patch_embd.weight"),
        (with(dims + 36, &23u32.to_le_bytes()), "IQ4_XS"),
        (with(dims + 36, &12u32.to_le_bytes()), "multiple of 256"),
        (with(dims + 40, &huge(u64::MAX - 31)), "beyond the file's end"),
        (with(dims + 40, &huge(1 << 40)), "beyond the file's end"),
        (with(dims + 40, &huge(33)), "multiple of 32"),
    ];
    for (bytes, words) in cases {
        let (temp, place) = copy(TEXT, MMPROJ);
        std::fs::write(temp.path().join(format!("{MMPROJ}.gguf")), bytes).unwrap();
        refused(&place, MMPROJ, &[words]);
    }
}

/// A model that loads answers, or says why it does not.
fn ask(model: &Model) {
    let picture = Picture { width: 60, height: 40, rgb: vec![99; 60 * 40 * 3] };
    let options =
        RunOptions { prompt: "What 한?".to_owned(), max_new_tokens: 2, ..RunOptions::default() };
    if let Ok(prepared) = model.prepare(&picture, &options) {
        let _ = model.run(&prepared, &mut NoObserver);
    }
}

const FILES: [(&str, [&str; 2]); 4] = [
    (TEXT, [TEXT, MMPROJ]),
    (MMPROJ, [TEXT, MMPROJ]),
    ("qwen-square", ["qwen-square", "qwen-square-mmproj"]),
    ("qwen-square-mmproj", ["qwen-square", "qwen-square-mmproj"]),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Whatever is in a header: a sentence or a model that runs, no panic.
    #[test]
    fn no_header_makes_the_reader_panic(
        (name, [text, mmproj]) in prop::sample::select(&FILES[..]),
        at in any::<prop::sample::Index>(),
        bytes in proptest::collection::vec(any::<u8>(), 1..24),
    ) {
        let (temp, place) = copy(text, mmproj);
        let path = temp.path().join(format!("{name}.gguf"));
        let mut old = std::fs::read(&path).unwrap();
        let at = at.index(header(&old));
        let end = (at + bytes.len()).min(old.len());
        old[at..end].copy_from_slice(&bytes[..end - at]);
        std::fs::write(&path, old).unwrap();
        match load(&place) {
            Ok(model) => ask(&model),
            // A broken file may make its neighbour the one that does not fit.
            Err(error) => {
                prop_assert_eq!(error.code, ErrorCode::ModelUnusable, "{}", error.message);
                prop_assert!(error.message.contains(".gguf"), "{}", error.message);
                prop_assert!(!error.message.contains('\n'), "{}", error.message);
            }
        }
    }

    /// A file that was cut off anywhere says so.
    #[test]
    fn no_cut_makes_the_reader_panic(
        (name, [text, mmproj]) in prop::sample::select(&FILES[..]),
        at in any::<prop::sample::Index>(),
    ) {
        let (temp, place) = copy(text, mmproj);
        let path = temp.path().join(format!("{name}.gguf"));
        let mut old = std::fs::read(&path).unwrap();
        // The last tensor's padding may go.
        old.truncate(at.index(old.len() - 32));
        std::fs::write(&path, old).unwrap();
        let error = load(&place).err();
        prop_assert!(error.is_some(), "a cut file was loaded");
        let error = error.unwrap();
        prop_assert_eq!(error.code, ErrorCode::ModelUnusable);
        prop_assert!(error.message.contains(&format!("{name}.gguf")), "{}", error.message);
    }
}
