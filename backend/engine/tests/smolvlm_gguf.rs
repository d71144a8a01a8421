//! The tiny SmolVLM as llama.cpp's converters write it, made here of its folder, against the same
//! reference.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::PathBuf;

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Value;
use candle_core::{DType, Device, Tensor};
use tempfile::TempDir;

use crate::common::gguf::{File, pair};
use crate::common::{Close, Golden};
use crate::smolvlm::{NAME, load, predicting, run, tiled};
use engine::{DeviceChoice, traits_of};
use shared::Quant;

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

/// `LlamaModel.permute` of convert_hf_to_gguf.py: the rows of a head's halves in turn.
fn permuted(weights: &Tensor, heads: usize) -> Tensor {
    let (rows, columns) = weights.dims2().unwrap();
    let parts = weights.reshape((heads, 2, rows / heads / 2, columns)).unwrap();
    parts.transpose(1, 2).unwrap().contiguous().unwrap().reshape((rows, columns)).unwrap()
}

/// The tokenizer's tokens in their order with llama.cpp's numbers for their kinds, and its merges.
fn vocabulary(golden: &Golden, rows: usize) -> Vec<(String, Value)> {
    let file = std::fs::read(golden.folder.join("tokenizer.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let mut tokens: Vec<(String, i32)> = (0..rows).map(|i| (format!("[PAD{i}]"), 5)).collect();
    for (token, id) in json["model"]["vocab"].as_object().unwrap() {
        tokens[id.as_u64().unwrap() as usize] = (token.clone(), 1);
    }
    for added in json["added_tokens"].as_array().unwrap() {
        let kind = if added["special"] == true { 3 } else { 4 };
        let token = added["content"].as_str().unwrap().to_owned();
        tokens[added["id"].as_u64().unwrap() as usize] = (token, kind);
    }
    let id =
        |name: &str| Value::U32(tokens.iter().position(|(token, _)| token == name).unwrap() as u32);
    let merges = json["model"]["merges"].as_array().unwrap().iter().map(|pair| {
        let part = |i: usize| pair[i].as_str().unwrap();
        text(&format!("{} {}", part(0), part(1)))
    });
    let key = |name: &str| format!("tokenizer.ggml.{name}");
    let names = tokens.iter().map(|(token, _)| text(token)).collect();
    let kinds = tokens.iter().map(|(_, kind)| Value::I32(*kind)).collect();
    let chat = std::fs::read_to_string(golden.folder.join("chat_template.jinja")).unwrap();
    vec![
        (key("model"), text("gpt2")),
        (key("pre"), text("smollm")),
        (key("tokens"), Value::Array(names)),
        (key("token_type"), Value::Array(kinds)),
        (key("merges"), Value::Array(merges.collect())),
        (key("bos_token_id"), id("<|im_start|>")),
        (key("eos_token_id"), id("<end_of_utterance>")),
        (key("add_bos_token"), Value::Bool(false)),
        ("tokenizer.chat_template".to_owned(), text(&chat)),
    ]
}

/// The language model and the mmproj, matrices of the former in this type.
fn files(golden: &Golden, kind: GgmlDType) -> (File, File) {
    let weights = golden.folder.join("model.safetensors");
    let weights = candle_core::safetensors::load(weights, &Device::Cpu).unwrap();
    let (mut model, mut mmproj) = (Vec::new(), Vec::new());
    let mut names: Vec<&String> = weights.keys().collect();
    names.sort();
    let file = |tensors| File { metadata: Vec::new(), tensors };
    let (mut of_text, mut of_clip) = (file(Vec::new()), file(Vec::new()));
    for name in names {
        let tensor = weights[name].to_dtype(DType::F32).unwrap();
        if let Some(rest) = name.strip_prefix("model.text_model.") {
            let new = rest
                .replace("embed_tokens", "token_embd")
                .replace("layers.", "blk.")
                .replace("post_attention_layernorm", "ffn_norm")
                .replace("input_layernorm", "attn_norm")
                .replace("self_attn.o_proj", "attn_output")
                .replace("self_attn.", "attn_")
                .replace("mlp.", "ffn_")
                .replace("_proj", "");
            let new = if new == "norm.weight" { "output_norm.weight".to_owned() } else { new };
            let tensor = match () {
                () if new.contains("attn_q.") => permuted(&tensor, 6),
                () if new.contains("attn_k.") => permuted(&tensor, 2),
                () => tensor,
            };
            let kind = if tensor.rank() == 2 { kind } else { GgmlDType::F32 };
            of_text.put(&new, &tensor, kind);
        } else {
            let new = name
                .replace("model.connector.modality_projection.proj", "mm.model.fc")
                .replace("model.vision_model.embeddings.patch_embedding", "v.patch_embd")
                .replace("model.vision_model.embeddings.position_embedding", "v.position_embd")
                .replace("model.vision_model.post_layernorm", "v.post_ln")
                .replace("model.vision_model.encoder.layers.", "v.blk.")
                .replace("layer_norm", "ln")
                .replace("self_attn.out_proj", "attn_out")
                .replace("self_attn.", "attn_")
                .replace("_proj", "")
                .replace("mlp.fc1", "ffn_up")
                .replace("mlp.fc2", "ffn_down");
            of_clip.put(&new, &tensor, GgmlDType::F32);
        }
    }
    for (name, value) in [
        ("block_count", 4),
        ("context_length", 2048),
        ("embedding_length", 48),
        ("feed_forward_length", 80),
        ("attention.head_count", 6),
        ("attention.head_count_kv", 2),
        ("attention.key_length", 8),
        ("attention.value_length", 8),
        ("rope.dimension_count", 8),
    ] {
        model.push((format!("llama.{name}"), Value::U32(value)));
    }
    model.push(("general.architecture".to_owned(), text("llama")));
    model.push(("llama.rope.freq_base".to_owned(), Value::F32(1e5)));
    model.push(("llama.attention.layer_norm_rms_epsilon".to_owned(), Value::F32(1e-5)));
    model.extend(vocabulary(golden, 463));
    for (name, value) in [
        ("image_size", 32),
        ("patch_size", 4),
        ("embedding_length", 32),
        ("feed_forward_length", 64),
        ("block_count", 3),
        ("attention.head_count", 4),
        ("projector.scale_factor", 2),
        ("preproc_image_size", 64),
    ] {
        mmproj.push((format!("clip.vision.{name}"), Value::U32(value)));
    }
    let half = || Value::Array(vec![Value::F32(0.5); 3]);
    mmproj.push(("general.architecture".to_owned(), text("clip")));
    mmproj.push(("clip.projector_type".to_owned(), text("idefics3")));
    mmproj.push(("clip.has_vision_encoder".to_owned(), Value::Bool(true)));
    mmproj.push(("clip.vision.attention.layer_norm_epsilon".to_owned(), Value::F32(1e-6)));
    mmproj.push(("clip.vision.image_mean".to_owned(), half()));
    mmproj.push(("clip.vision.image_std".to_owned(), half()));
    (of_text.metadata, of_clip.metadata) = (model, mmproj);
    (of_text, of_clip)
}

fn saved((model, mmproj): &(File, File)) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("smol.gguf"), folder.path().join("mmproj-smol.gguf"));
    model.save(&one);
    mmproj.save(&other);
    (folder, pair(&one, &other))
}

#[test]
fn files_of_llama_cpp_equal_transformers() {
    let golden = Golden::open(NAME);
    let mut both = files(&golden, GgmlDType::F32);
    // Files of the older converters have up and down exchanged.
    let swapped = |name: &str| match name.contains("ffn_up") {
        true => name.replace("ffn_up", "ffn_down"),
        false => name.replace("ffn_down", "ffn_up"),
    };
    for is_old in [false, true] {
        if is_old {
            both.1.rename(swapped);
        }
        let (_folder, place) = saved(&both);
        let glance = traits_of(&place).unwrap();
        assert_eq!(glance.templates.as_deref(), Some(&["smolvlm".to_owned()][..]));
        let model = load(&place, Quant::Stored, DeviceChoice::Cpu);
        let mut known = model.traits().clone();
        known.quant = glance.quant;
        assert_eq!(known, glance);
        let seen = run(&model, &tiled(&golden));
        assert_eq!(seen.ids(), golden.ids("input_ids"), "old {is_old}");
        assert_eq!(seen.generated(), golden.ids("generated_ids"), "old {is_old}");
        let want = golden.f32("logits_generated");
        Close::relative(1e-4).check(&predicting(&model, &seen), &want, "logits");
        assert_eq!(model.info().notes, Vec::<String>::new());
    }
    // A connector that does not fit the tower.
    both.1.set("clip.vision.projector.scale_factor", Value::U32(3));
    let (_folder, place) = saved(&both);
    let options = engine::LoadOptions::default();
    let error = engine::Model::load(&place, &options, &mut |_, _| {}).err().unwrap();
    let message = error.message;
    assert!(message.contains("scale_factor") && message.contains("divisor of the 8"), "{message}");
}

#[test]
fn blocks_of_the_files_are_taken_as_they_are() {
    let golden = Golden::open(NAME);
    let (_folder, place) = saved(&files(&golden, GgmlDType::F16));
    let model = load(&place, Quant::Stored, DeviceChoice::Cpu);
    let held: Vec<&str> = model.info().held.keys().map(String::as_str).collect();
    assert_eq!(held, ["f16"]);
    let seen = run(&model, &tiled(&golden));
    assert_eq!(seen.generated(), golden.ids("generated_ids"));
}
