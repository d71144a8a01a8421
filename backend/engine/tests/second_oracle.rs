//! candle-transformers as a second reference: its models on the goldens' weights agree with transformers' results
//! and with ours.
//!
//! Left out where its mathematics is another: heads whose width is not hidden size over heads (`llava-headdim`),
//! CLIP with an exact GELU or another epsilon (the same folder), and Qwen2.5-VL's positions behind the picture
//! (its Qwen2 has no M-RoPE, which numbers them otherwise). Its models give the logits of the last position only:
//! they are asked with every beginning of the prompt.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::HashMap;

use crate::common::{Close, Golden, Recording};
use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::clip::text_model::Activation;
use candle_transformers::models::clip::vision_model::{ClipVisionConfig, ClipVisionTransformer};
use candle_transformers::models::{llama, qwen2};
use engine::{DeviceChoice, LoadOptions, Model, Picture, PictureLimits};
use serde_json::Value;
use shared::{PictureUse, Quant, RunOptions};

/// A checkpoint's weights in f32, under the names that start with one of `prefixes`, without it.
fn weights(golden: &Golden, prefixes: &[(&str, &str)]) -> HashMap<String, Tensor> {
    let mut found = HashMap::new();
    for entry in std::fs::read_dir(&golden.folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("model") || !name.ends_with(".safetensors") {
            continue;
        }
        for (name, tensor) in candle_core::safetensors::load(&path, &Device::Cpu).unwrap() {
            let renamed = prefixes
                .iter()
                .find_map(|(from, to)| name.strip_prefix(from).map(|rest| format!("{to}{rest}")));
            if let Some(name) = renamed {
                found.insert(name, tensor.to_dtype(DType::F32).unwrap());
            }
        }
    }
    assert!(!found.is_empty(), "{}", golden.name);
    found
}

fn config(golden: &Golden) -> Value {
    serde_json::from_slice(&std::fs::read(golden.folder.join("config.json")).unwrap()).unwrap()
}

fn size(json: &Value, name: &str) -> Option<usize> {
    json[name].as_u64().map(|n| n as usize)
}

fn theta(json: &Value) -> f64 {
    json["rope_parameters"]["rope_theta"].as_f64().or(json["rope_theta"].as_f64()).unwrap()
}

fn ours(golden: &Golden) -> Model {
    let options =
        LoadOptions { name: golden.name.clone(), quant: Quant::F32, device: DeviceChoice::Cpu };
    Model::load(&golden.folder, &options, &mut |_, _| {}).unwrap()
}

/// Our logits of the golden's prompt `[S, vocab]`, with its picture's pixels or without a picture.
fn our_logits(golden: &Golden, picture: bool) -> (Vec<u32>, Vec<f32>) {
    let model = ours(golden);
    let file = golden.folder.join("../images").join(golden.text("picture"));
    let shown = Picture::decode(&std::fs::read(file).unwrap(), &PictureLimits::default()).unwrap();
    let options = RunOptions {
        prompt: golden.text("text"),
        quant: Quant::F32,
        max_new_tokens: 1,
        picture: if picture { PictureUse::Own } else { PictureUse::None },
        ..RunOptions::default()
    };
    let mut prepared = model.prepare(&shown, &options).unwrap();
    if picture {
        prepared = prepared.with_pixels(golden.f32("pixel_values"));
    }
    let mut seen = Recording::without_maps();
    model.run(&prepared, &mut seen).unwrap().unwrap();
    (seen.ids(), seen.prefill_logits)
}

#[test]
fn llama_agrees_on_prompts_with_pictures() {
    for name in ["llava-mha", "llava-gqa", "llava-v4"] {
        let golden = Golden::open(name);
        let config = config(&golden);
        let (text, head) = (&config["text_config"], "lm_head.");
        let tensors = weights(
            &golden,
            &[
                ("language_model.model.", "model."),
                ("model.language_model.", "model."),
                ("language_model.lm_head.", head),
                (head, head),
            ],
        );
        let tie_word_embeddings = !tensors.contains_key("lm_head.weight");
        let heads = size(text, "num_attention_heads").unwrap();
        let vocab = size(text, "vocab_size").unwrap();
        let llama_config = llama::Config {
            hidden_size: size(text, "hidden_size").unwrap(),
            intermediate_size: size(text, "intermediate_size").unwrap(),
            vocab_size: vocab,
            num_hidden_layers: size(text, "num_hidden_layers").unwrap(),
            num_attention_heads: heads,
            num_key_value_heads: size(text, "num_key_value_heads").unwrap_or(heads),
            use_flash_attn: false,
            rms_norm_eps: text["rms_norm_eps"].as_f64().unwrap(),
            rope_theta: theta(text) as f32,
            bos_token_id: None,
            eos_token_id: None,
            rope_scaling: None,
            max_position_embeddings: 512,
            tie_word_embeddings,
        };
        let builder = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let model = llama::Llama::load(builder, &llama_config).unwrap();

        // The picture's features as transformers has them, between the text's embeddings.
        let ids = golden.ids("input_ids");
        let image = size(&config, "image_token_index").or(size(&config, "image_token_id"));
        let image = image.unwrap() as u32;
        let first = ids.iter().position(|id| *id == image).unwrap();
        let count = ids.iter().filter(|id| **id == image).count();
        let features = golden.f32("image_features");
        let features =
            Tensor::from_vec(features, (count, llama_config.hidden_size), &Device::Cpu).unwrap();
        let embedded = |ids: &[u32]| model.embed(&Tensor::new(ids, &Device::Cpu).unwrap()).unwrap();
        let rows = Tensor::cat(
            &[&embedded(&ids[..first]), &features, &embedded(&ids[first + count..])],
            0,
        )
        .unwrap();
        let mut logits = Vec::new();
        for end in 1..=ids.len() {
            let mut cache =
                llama::Cache::new(false, DType::F32, &llama_config, &Device::Cpu).unwrap();
            let prefix = rows.narrow(0, 0, end).unwrap().unsqueeze(0).unwrap();
            let row = model.forward_input_embed(&prefix, 0, &mut cache).unwrap();
            logits.extend(row.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        }
        let close = Close::relative(1e-4);
        close.check(&logits, &golden.f32("logits_prefill"), &format!("{name}: transformers"));
        let (our_ids, our_logits) = our_logits(&golden, true);
        assert_eq!(our_ids, ids, "{name}");
        close.check(&our_logits, &logits, &format!("{name}: ours"));
    }
}

#[test]
fn clip_agrees_on_the_towers_features() {
    for name in ["llava-mha", "llava-gqa", "llava-v4"] {
        let golden = Golden::open(name);
        let config = config(&golden);
        let vision = &config["vision_config"];
        let tensors = weights(
            &golden,
            &[
                ("model.vision_tower.vision_model.", ""),
                ("vision_tower.vision_model.", ""),
                ("vision_tower.", ""),
            ],
        );
        let of = |name: &str| size(vision, name).unwrap();
        let (hidden, side, layers) = (of("hidden_size"), of("image_size"), of("num_hidden_layers"));
        let clip = ClipVisionConfig {
            embed_dim: hidden,
            activation: Activation::QuickGelu,
            intermediate_size: of("intermediate_size"),
            num_hidden_layers: layers,
            num_attention_heads: of("num_attention_heads"),
            projection_dim: 1,
            num_channels: 3,
            image_size: side,
            patch_size: of("patch_size"),
        };
        let builder = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let tower = ClipVisionTransformer::new(builder, &clip).unwrap();
        let pixels = golden.f32("pixel_values");
        let pixels = Tensor::from_vec(pixels, (1, 3, side, side), &Device::Cpu).unwrap();
        // Its list begins with the first block's output; transformers' with the embeddings.
        let states = tower.output_hidden_states(&pixels).unwrap();
        let wanted = config["vision_feature_layer"].as_i64().unwrap_or(-2);
        let block = (layers as i64 + wanted) as usize;
        let features = states[block].flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let close = Close::relative(1e-4);
        close.check(&features, &golden.f32("vision_hidden"), &format!("{name}: transformers"));
        // Ours comes out of the projector only, as the decoder sees it: that the logits agree is
        // `llama_agrees_on_prompts_with_pictures`, which begins with transformers' features.
    }
}

#[test]
fn qwen2_agrees_where_positions_are_texts() {
    for name in ["qwen-square", "qwen-wide", "qwen-tall", "qwen-exact"] {
        let golden = Golden::open(name);
        let config = config(&golden);
        let text = if config["text_config"].is_null() { &config } else { &config["text_config"] };
        let tensors = weights(
            &golden,
            &[
                ("model.language_model.", "model."),
                ("model.visual.", "visual."),
                ("model.", "model."),
                ("lm_head.", "lm_head."),
            ],
        );
        let heads = size(text, "num_attention_heads").unwrap();
        let vocab = size(text, "vocab_size").unwrap();
        let qwen_config = qwen2::Config {
            vocab_size: vocab,
            hidden_size: size(text, "hidden_size").unwrap(),
            intermediate_size: size(text, "intermediate_size").unwrap(),
            num_hidden_layers: size(text, "num_hidden_layers").unwrap(),
            num_attention_heads: heads,
            num_key_value_heads: size(text, "num_key_value_heads").unwrap_or(heads),
            max_position_embeddings: 512,
            sliding_window: 512,
            max_window_layers: 0,
            tie_word_embeddings: !tensors.contains_key("lm_head.weight"),
            rope_theta: theta(text),
            rms_norm_eps: text["rms_norm_eps"].as_f64().unwrap(),
            use_sliding_window: false,
            hidden_act: candle_nn::Activation::Silu,
        };
        let builder = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let mut model = qwen2::ModelForCausalLM::new(&qwen_config, builder).unwrap();
        let mut theirs = |ids: &[u32]| {
            let mut logits: Vec<f32> = Vec::new();
            for end in 1..=ids.len() {
                model.clear_kv_cache();
                let ids = Tensor::new(&ids[..end], &Device::Cpu).unwrap().unsqueeze(0).unwrap();
                let row = model.forward(&ids, 0).unwrap();
                assert_eq!(row.dim(D::Minus1).unwrap(), vocab);
                logits.extend(row.flatten_all().unwrap().to_vec1::<f32>().unwrap());
            }
            logits
        };
        let close = Close::relative(1e-4);
        // With a picture: what stands before it knows nothing of it.
        let ids = golden.ids("input_ids");
        let image = size(&config, "image_token_id").unwrap() as u32;
        let image = ids.iter().position(|id| *id == image).unwrap();
        let before = theirs(&ids[..image]);
        let reference = golden.f32("logits_prefill");
        assert!(image > 5);
        close.check(&before, &reference[..before.len()], &format!("{name}: transformers"));
        let (_, with) = our_logits(&golden, true);
        close.check(&with[..before.len()], &before, &format!("{name}: ours, before the picture"));
        // Without one every position is text's.
        let (ids, without) = our_logits(&golden, false);
        close.check(&without, &theirs(&ids), &format!("{name}: ours, without a picture"));
    }
}
