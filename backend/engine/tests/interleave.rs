//! LLaVA-Interleave where it differs from LLaVA-1.5 (tests/goldens/make_interleave.py; what they share is
//! held in `goldens`, `levers`, `interventions`, `several`, `chat` and `gguf`).

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use candle_core::quantized::gguf_file::Value as Meta;
use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use shared::picture::PictureTokens;
use shared::{ImageFit, RunOptions};

use crate::common::folder::Folder;
use crate::common::gguf::{File, load};
use crate::common::lab::Lab;
use crate::common::{Close, Golden, Recording, Tensors, same};

const NAMES: [&str; 2] = ["interleave-full", "interleave-v4"];

/// The reference prepared them on Pillow.
#[test]
fn pixels_equal_the_processors_to_the_last_bit() {
    for name in NAMES {
        let lab = Lab::open(name);
        lab.checks_pixels();
        let options = lab.on_pillow();
        let prepared = lab.model.prepare(&lab.picture, &options).unwrap();
        // The whole picture, stretched; a person may ask for one that keeps its proportions.
        let seen = lab.run(&options);
        let view = seen.run.layout.unwrap().picture().unwrap();
        let (width, height) = (lab.picture.width as f32, lab.picture.height as f32);
        assert_eq!(view.covers, [0.0, 0.0, width, height], "{name}");
        let padded = RunOptions { fit: ImageFit::Pad, ..options };
        let padded = lab.model.prepare(&lab.picture, &padded).unwrap();
        assert_ne!(padded.pixels(), prepared.pixels(), "{name}");
    }
}

#[test]
fn what_is_known_at_a_glance_is_what_the_model_says() {
    for (name, tokens) in [("interleave-full", 25), ("interleave-v4", 36)] {
        let lab = Lab::open(name);
        let glance = lab.glance();
        assert_eq!(glance.tokens, Some(PictureTokens::One { tokens }), "{name}");
        assert_eq!(glance.templates.unwrap(), ["llava-interleave"], "{name}");
        let info = lab.model.info();
        assert_eq!((&*info.family, &*info.template), ("llava-interleave", "llava-interleave"));
        assert_eq!(info.prune_score, "attention-received-in-last-block");
        assert_eq!(info.notes, Vec::<String>::new(), "{name}");
    }
}

/// transformers 4 and 5 call the vision tower by three names, in memory and in files.
#[test]
fn every_spelling_of_names_is_the_same_model() {
    let spellings: [fn(&str) -> String; 3] = [
        |name| name.replace("vision_tower.", "vision_tower.vision_model."),
        |name| match name.strip_prefix("language_model.model.") {
            Some(rest) => format!("model.language_model.{rest}"),
            None => format!("model.{name}"),
        },
        |name| match name.strip_prefix("language_model.model.") {
            Some(rest) => format!("model.language_model.{rest}"),
            None => format!("model.{}", name.replace("tower.", "tower.vision_model.")),
        },
    ];
    let lab = Lab::open(NAMES[0]);
    let own = lab.run(&lab.options()).run.prefill_logits;
    let file = lab.golden.folder.join("model.safetensors");
    let weights = candle_core::safetensors::load(&file, &Device::Cpu).unwrap();
    for spelling in spellings {
        let folder = Folder::copy(NAMES[0]);
        let renamed = weights.iter().map(|(name, tensor)| (spelling(name), tensor.clone()));
        let renamed: std::collections::HashMap<String, Tensor> = renamed.collect();
        assert!(weights.keys().all(|name| !renamed.contains_key(name)) || renamed.len() > 1);
        candle_core::safetensors::save(&renamed, folder.file("model.safetensors")).unwrap();
        let other = Lab { model: folder.load().unwrap(), ..Lab::open(NAMES[0]) };
        assert_eq!(other.model.info().notes, Vec::<String>::new());
        same(&other.run(&other.options()).run.prefill_logits, &own, "logits");
    }
}

#[test]
fn what_is_not_this_model_is_refused_by_name() {
    let folder = Folder::copy(NAMES[0]);
    type Change = fn(&mut Value);
    let changes: [(Change, &[&str]); 12] = [
        (
            |c| c["vision_feature_select_strategy"] = json!("default"),
            &["vision_feature_select_strategy", "\"full\""],
        ),
        (
            |c| c["vision_feature_select_strategy"] = json!(null),
            &["vision_feature_select_strategy", "\"full\""],
        ),
        (|c| c["vision_feature_layer"] = json!(5), &["vision_feature_layer", "3 vision layers"]),
        (|c| c["vision_feature_layer"] = json!([-1, -2]), &["vision_feature_layer"]),
        (|c| c["text_config"]["model_type"] = json!("llama"), &["model_type", "\"qwen2\""]),
        (|c| c["text_config"]["model_type"] = json!(null), &["model_type", "\"qwen2\""]),
        (|c| c["text_config"]["use_sliding_window"] = json!(true), &["use_sliding_window"]),
        (|c| c["text_config"]["rope_parameters"]["rope_type"] = json!("yarn"), &["rope_type"]),
        (|c| c["vision_config"]["hidden_act"] = json!("silu"), &["gelu_pytorch_tanh"]),
        (|c| c["vision_config"]["num_attention_heads"] = json!(5), &["does not divide into 5"]),
        (|c| c["vision_config"]["patch_size"] = json!(80), &["does not fit into 40"]),
        (|c| c["image_aspect_ratio"] = json!("anyres"), &["image_aspect_ratio"]),
    ];
    for (change, words) in changes {
        folder.change("config.json", change);
        folder.refused(words);
    }
    folder.restore("config.json");
    let pictures: [(Change, &[&str]); 6] = [
        (|p| p["size"] = json!({"height": 40, "width": 56}), &["size", "\"height\": 40"]),
        (|p| p["size"] = json!({"shortest_edge": 40}), &["size", "\"height\": 40"]),
        (|p| p["do_center_crop"] = json!(true), &["do_center_crop", "false"]),
        (|p| p["do_resize"] = json!(false), &["do_resize"]),
        (|p| p["resample"] = json!(2), &["resample", "bicubic"]),
        (|p| p["image_processor_type"] = json!("CLIPImageProcessor"), &["SiglipImageProcessor"]),
    ];
    for (change, words) in pictures {
        folder.change("processor_config.json", |p| change(&mut p["image_processor"]));
        folder.refused(words);
    }
    folder.change("processor_config.json", |p| p["num_additional_image_tokens"] = json!(1));
    folder.refused(&["num_additional_image_tokens", "5 × 5"]);
    folder.change("processor_config.json", |p| p["patch_size"] = json!(14));
    folder.refused(&["patch_size", "the vision tower's 8"]);
}

/// Files of the older converter: the projector counted from zero, up and down exchanged, the norm behind
/// the blocks left out, `use_gelu` false.
#[test]
fn every_form_of_the_files_is_the_same_model() {
    let golden = Golden::open(NAMES[0]);
    let want = Tensors::open(&golden.folder.join("../gguf/interleave-full.safetensors"));
    let text = File::open(NAMES[0]);
    let mmproj = || File::open(&format!("{}-mmproj", NAMES[0]));
    let mut old = mmproj();
    old.rename(|name| match name.strip_prefix("mm.1.") {
        Some(rest) => format!("mm.0.{rest}"),
        None if name.contains("ffn_up") => name.replace("ffn_up", "ffn_down"),
        None => name.replace("ffn_down", "ffn_up"),
    });
    old.remove("v.post_ln.");
    old.set("clip.use_gelu", Meta::Bool(false));
    old.unset("clip.projector_type");
    old.set("clip.has_llava_projector", Meta::Bool(true));
    let mut named = mmproj();
    named.set("clip.vision.feature_layer", Meta::Array(vec![Meta::I32(3)]));
    let mut uncounted = mmproj();
    uncounted.set("clip.vision.block_count", Meta::U32(4));
    for mmproj in [mmproj(), old, named, uncounted] {
        let model = load(&text, &mmproj).unwrap();
        assert_eq!((&*model.info().family, model.info().notes.len()), ("llava-interleave", 1));
        let lab = Lab { model, ..Lab::open(NAMES[0]) };
        let options = RunOptions { max_new_tokens: 20, ..lab.options() };
        let mut seen = Recording::default();
        lab.model.run(&lab.prepare(&options), &mut seen).unwrap().unwrap();
        assert_eq!(seen.generated(), want.ids("generated_ids"));
        let vocab = lab.model.info().vocab as usize;
        let logits = want.f32("logits_generated");
        Close::relative(1e-4).check(&seen.decode_logits, &logits[vocab..], "logits");
    }
}

#[test]
fn files_of_other_models_are_refused() {
    let (text, mmproj) = (|| File::open(NAMES[0]), || File::open(&format!("{}-mmproj", NAMES[0])));
    let vector = Tensor::ones(48, DType::F32, &Device::Cpu).unwrap();
    type Change<'a> = Box<dyn Fn(&mut File, &mut File) + 'a>;
    let changes: [(Change, &str); 6] = [
        (
            Box::new(|_, m| {
                let list = vec![Meta::I32(384), Meta::I32(768)];
                m.set("clip.vision.image_grid_pinpoints", Meta::Array(list));
            }),
            "means LLaVA-OneVision",
        ),
        (
            Box::new(|_, m| {
                m.put("model.image_newline", &vector, candle_core::quantized::GgmlDType::F32)
            }),
            "means LLaVA-OneVision",
        ),
        (
            Box::new(|t, _| t.set("general.name", Meta::String("Llava Onevision Qwen2".into()))),
            "image_newline",
        ),
        (Box::new(|_, m| m.set("clip.use_silu", Meta::Bool(true))), "clip.use_silu"),
        (
            Box::new(|_, m| m.put("v.class_embd", &vector, candle_core::quantized::GgmlDType::F32)),
            "class token",
        ),
        (Box::new(|_, m| m.remove("mm.2.")), "mm.2.weight"),
    ];
    for (change, words) in changes {
        let (mut text, mut mmproj) = (text(), mmproj());
        change(&mut text, &mut mmproj);
        let said = load(&text, &mmproj).err().unwrap();
        assert!(said.contains(words), "{said} does not say {words}");
    }
}
