//! Settings in unusual places, as transformers 5.17 understands them (tests/goldens/make_settings.py).

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use crate::common::folder::Folder;
use crate::common::{Golden, Recording, Tensors};
use engine::{Model, Picture, PictureLimits};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::options::resolve;
use shared::{AskedOptions, Definition, ImageFit, ModelDefaults, Quant, Resizing, RunOptions};

fn goldens() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/settings")
}

/// One member of a JSON file, set to a value or taken out.
#[derive(Deserialize)]
struct Change {
    at: String,
    #[serde(default, deserialize_with = "there")]
    value: Option<Value>,
}

/// A value that is there, null included.
fn there<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

fn apply(json: &mut Value, change: &Change) {
    let mut way: Vec<&str> = change.at.trim_start_matches('/').split('/').collect();
    let last = way.pop().unwrap();
    let mut at = json;
    for key in way {
        at = &mut at[key];
    }
    match &change.value {
        Some(value) => at[last] = value.clone(),
        None => {
            at.as_object_mut().unwrap().remove(last).unwrap();
        }
    }
}

/// The model of a folder that transformers loads; of one that it refuses, none. Where the lab does
/// otherwise, that is wrong.
fn loaded(
    folder: &Folder,
    at: &str,
    refused: Option<&str>,
    wrong: &mut Vec<String>,
) -> Option<Model> {
    match (folder.load(), refused) {
        (Ok(model), None) => return Some(model),
        (Err(error), Some(_)) => folder.check(&error),
        (Ok(_), Some(why)) => wrong.push(format!("{at} is loaded; transformers says {why}")),
        (Err(error), None) => wrong.push(format!("{at} is refused: {}", error.message)),
    }
    None
}

#[derive(Deserialize)]
struct Case {
    name: String,
    checkpoint: String,
    changes: Vec<Change>,
    refused: Option<String>,
    #[serde(default)]
    generated_ids: Vec<u32>,
    #[serde(default)]
    mdi: Vec<f64>,
}

#[test]
fn models_are_what_transformers_makes_of_their_settings() {
    let text = std::fs::read_to_string(goldens().join("models.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 40);
    let tensors = Tensors::open(&goldens().join("models.safetensors"));
    let mut wrong = Vec::new();
    for case in cases {
        let golden = Golden::open(&case.checkpoint);
        let folder = Folder::copy(&case.checkpoint);
        folder.change("config.json", |json| case.changes.iter().for_each(|c| apply(json, c)));
        let at = &case.name;
        let Some(model) = loaded(&folder, at, case.refused.as_deref(), &mut wrong) else {
            continue;
        };
        let file = golden.folder.join("../images").join(golden.text("picture"));
        let picture = std::fs::read(file).unwrap();
        let picture = Picture::decode(&picture, &PictureLimits::default()).unwrap();
        let options = RunOptions {
            prompt: golden.text("text"),
            quant: Quant::F32,
            max_new_tokens: 4,
            ignore_eos: true,
            ..RunOptions::default()
        };
        let prepared = model.prepare(&picture, &options).unwrap();
        let prepared = prepared.with_pixels(golden.f32("pixel_values"));
        let mut seen = Recording::default();
        model.run(&prepared, &mut seen).unwrap().unwrap();
        let vocab = model.info().vocab as usize;
        let want = tensors.f32(at);
        let got = &seen.prefill_logits[seen.prefill_logits.len() - vocab..];
        let largest = want.iter().fold(0f32, |m, w| m.max(w.abs()));
        let off = got.iter().zip(&want).map(|(g, w)| (g - w).abs()).fold(0f32, f32::max);
        let observation = seen.observation();
        let mdi = |layer| observation.measure(layer, &Definition::default()).mdi.unwrap();
        let worst = case.mdi.iter().enumerate().map(|(i, m)| (mdi(i) / m - 1.0).abs());
        let worst = worst.fold(0.0, f64::max);
        if off > 2e-4 * largest || seen.generated() != case.generated_ids || worst > 1e-4 {
            wrong.push(format!(
                "{at}: logits are off by {off} of {largest}, MDI by {worst:.1e}, {:?} is written for {:?}",
                seen.generated(),
                case.generated_ids
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Pictures as AutoProcessor prepares them, in 8-bit levels, and beside them as processors on Pillow do.
#[derive(Deserialize)]
struct Prepared {
    name: String,
    checkpoint: String,
    /// The file's name, and what is changed in it; a file that is not there is new.
    changes: Vec<(String, Change)>,
    pictures: Vec<String>,
    /// The class that AutoProcessor took: the one on torchvision, whatever the files name.
    processor: Option<String>,
    refused: Option<String>,
    fit: Option<ImageFit>,
}

/// Whether a folder asks for a processor on Pillow.
fn names_pillow(changes: &[(String, Change)]) -> bool {
    changes.iter().any(|(_, change)| match &change.value {
        Some(Value::String(name)) => name.ends_with("Pil"),
        Some(value) => change.at.ends_with("/use_fast") && *value == json!(false),
        None => false,
    })
}

#[test]
fn pictures_are_what_transformers_makes_of_their_settings() {
    let text = std::fs::read_to_string(goldens().join("pictures.json")).unwrap();
    let cases: Vec<Prepared> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 20);
    let tensors = Tensors::open(&goldens().join("pictures.safetensors"));
    let (mut wrong, mut pillow) = (Vec::new(), 0);
    for case in cases {
        let folder = Folder::copy(&case.checkpoint);
        for (file, change) in &case.changes {
            let now = std::fs::read(folder.file(file)).unwrap_or_else(|_| b"{}".to_vec());
            let mut now: Value = serde_json::from_slice(&now).unwrap();
            apply(&mut now, change);
            folder.write(file, now.to_string());
        }
        let at = &case.name;
        let Some(model) = loaded(&folder, at, case.refused.as_deref(), &mut wrong) else {
            continue;
        };
        let class = case.processor.as_deref().unwrap();
        assert!(!class.ends_with("Pil") && model.traits().resize == Resizing::Torchvision, "{at}");
        assert_eq!(
            notes(&model).contains("Pillow's resizing"),
            names_pillow(&case.changes),
            "{at}"
        );
        for picture in &case.pictures {
            let own = goldens().join(picture);
            let file = if own.exists() { own } else { goldens().join("../images").join(picture) };
            let bytes = std::fs::read(file).unwrap();
            let source = Picture::decode(&bytes, &PictureLimits::default()).unwrap();
            let asked = AskedOptions { prompt: "?".to_owned(), ..AskedOptions::default() };
            let options = resolve(&asked, &ModelDefaults::default(), model.traits()).unwrap();
            let prepared = model.prepare(&source, &options).unwrap();
            let mut compare = |prepared: &engine::Prepared, key: &str| {
                let png = prepared.picture_png().unwrap();
                let got = Picture::decode(&png, &PictureLimits::default()).unwrap();
                let (shape, want) = tensors.u8(key);
                if shape != [got.height as usize, got.width as usize, 3] {
                    wrong.push(format!("{key}: {} x {}", got.width, got.height));
                } else if got.rgb != want {
                    let off = got.rgb.iter().zip(&want).map(|(a, b)| a.abs_diff(*b)).max();
                    wrong.push(format!("{key}: {} levels off", off.unwrap()));
                }
            };
            let key = format!("{at}/{picture}");
            compare(&prepared, &key);
            // Where the two backends differ by more than a level, both are there.
            let of_pillow = format!("{key}/pil");
            if tensors.has(&of_pillow) {
                let options = RunOptions { resize: Resizing::Pillow13, ..options };
                compare(&model.prepare(&source, &options).unwrap(), &of_pillow);
                pillow += 1;
            }
            let fit = prepared.options().fit;
            if case.fit.is_some_and(|own| own != fit) {
                wrong.push(format!("{at} {picture}: the run says {}", fit.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(pillow >= 1, "only {pillow} pictures of processors on Pillow");
}

/// What is noted of a model's settings; its prompts' template is the matter of `chat.rs`, and how its
/// files would choose tokens that of `config/wishes.rs`.
fn notes(model: &Model) -> String {
    let others = ["chat template", "generation_config.json asks for"];
    let is_setting = |note: &&String| !others.iter().any(|other| note.contains(other));
    let settings = model.info().notes.iter().filter(is_setting);
    settings.cloned().collect::<Vec<_>>().join("\n")
}

#[test]
fn what_the_files_would_choose_otherwise_is_said() {
    let said = |golden: &str| Folder::copy(golden).load().unwrap().info().notes.join("\n");
    assert!(said("qwen-square").contains("repetition_penalty 1.05;"), "{}", said("qwen-square"));
    assert!(!said("llava-mha").contains("asks for"), "{}", said("llava-mha"));
}

#[test]
fn what_is_not_known_is_said_and_nothing_else_is() {
    for golden in
        ["llava-mha", "llava-gqa", "llava-headdim", "qwen-square", "qwen-wide", "qwen-tall"]
    {
        let model = Folder::copy(golden).load().unwrap();
        assert_eq!(notes(&model), "", "{golden}");
    }
    for golden in ["llava-mha", "qwen-tall"] {
        for (file, at) in [
            ("config.json", "/foo"),
            ("config.json", "/text_config/foo"),
            ("config.json", "/vision_config/foo"),
            ("config.json", "/text_config/rope_parameters/foo"),
            ("processor_config.json", "/foo"),
            ("processor_config.json", "/image_processor/foo"),
        ] {
            let folder = Folder::copy(golden);
            let change = Change { at: at.to_owned(), value: Some(json!(1)) };
            folder.change(file, |json| apply(json, &change));
            let said = notes(&folder.load().unwrap());
            assert!(said.contains("foo") && said.contains(file), "{golden} {at}: {said}");
            assert!(!said.contains('\n'), "one sentence: {said}");
            let path = folder.path().display().to_string();
            assert!(!said.contains(&path), "no place of this machine: {said}");
        }
    }
}

#[test]
fn a_head_of_its_own_is_used_and_said() {
    for (golden, at) in
        [("llava-mha", "/tie_word_embeddings"), ("qwen-tall", "/text_config/tie_word_embeddings")]
    {
        let folder = Folder::copy(golden);
        let change = Change { at: at.to_owned(), value: Some(json!(true)) };
        folder.change("config.json", |json| apply(json, &change));
        let said = notes(&folder.load().unwrap());
        assert!(said.contains("stored head is used"), "{golden}: {said}");
    }
}

#[test]
fn two_places_that_differ_are_said() {
    let cases = [
        ("llava-mha", "/text_config/rope_theta", json!(5e5), "rope_theta"),
        (
            "llava-mha",
            "/text_config/rope_scaling",
            json!({"type": "default", "rope_theta": 9.0}),
            "rope_scaling",
        ),
        ("llava-mha", "/image_aspect_ratio", json!("pad"), "image_aspect_ratio"),
        ("qwen-tall", "/hidden_size", json!(8), "hidden_size"),
    ];
    for (golden, at, value, word) in cases {
        let folder = Folder::copy(golden);
        let change = Change { at: at.to_owned(), value: Some(value) };
        folder.change("config.json", |json| apply(json, &change));
        let said = notes(&folder.load().unwrap());
        assert!(said.contains(word) && said.contains("transformers 5"), "{golden} {at}: {said}");
    }
    let refused = [
        ("llava-mha", "/image_aspect_ratio", json!("anyres"), "image_aspect_ratio"),
        (
            "llava-mha",
            "/text_config/per_layer_config",
            json!({"0": {"rms_norm_eps": 1.0}}),
            "per_layer_config",
        ),
        ("qwen-tall", "/text_config/layer_types", json!(["sliding_attention"]), "layer_types"),
        ("llava-mha", "/text_config/attention_bias", json!(true), "bias"),
        ("llava-mha", "/text_config/mlp_bias", json!(true), "bias"),
    ];
    for (golden, at, value, word) in refused {
        let folder = Folder::copy(golden);
        let change = Change { at: at.to_owned(), value: Some(value) };
        folder.change("config.json", |json| apply(json, &change));
        folder.refused(&[word]);
    }
}

/// Found with transformers 5.17: LLaVA takes tokenizer.json as it is, Qwen2.5-VL builds its own.
#[test]
fn tokens_follow_the_tokenizers_settings_or_it_is_said() {
    let set = |golden: &str, at: &str, value: Value| {
        let folder = Folder::copy(golden);
        let change = Change { at: at.to_owned(), value: Some(value) };
        folder.change("tokenizer_config.json", |json| apply(json, &change));
        folder
    };
    for golden in ["llava-mha", "qwen-tall"] {
        set(golden, "/split_special_tokens", json!(true)).refused(&["split_special_tokens"]);
        for (at, value) in [("/add_bos_token", json!(false)), ("/add_eos_token", json!(true))] {
            assert_eq!(notes(&set(golden, at, value).load().unwrap()), "", "{golden} {at}");
        }
        for (at, value) in [
            ("/additional_special_tokens", json!(["<new>"])),
            ("/extra_special_tokens", json!({"new_token": {"content": "<new>"}})),
            ("/foo", json!("<new>")),
            ("/clean_up_tokenization_spaces", json!(true)),
        ] {
            let said = notes(&set(golden, at, value).load().unwrap());
            assert!(said.contains("tokenizer_config.json"), "{golden} {at}: {said}");
        }
    }
    set("qwen-tall", "/add_prefix_space", json!(true)).refused(&["add_prefix_space"]);
    set("qwen-tall", "/tokenizer_class", json!("LlamaTokenizer")).refused(&["tokenizer_class"]);
    let fast = json!("Qwen2TokenizerFast");
    assert_eq!(notes(&set("qwen-tall", "/tokenizer_class", fast).load().unwrap()), "");
}

#[test]
fn what_is_no_whole_model_is_named() {
    let folder = Folder::copy("llava-mha");
    folder.write("adapter_config.json", "{}");
    folder.refused(&["adapter (LoRA)"]);
    for (golden, value, word) in [
        ("llava-mha", json!({"quant_method": "awq", "bits": 4}), "AWQ"),
        (
            "qwen-tall",
            json!({"quant_method": "bitsandbytes", "load_in_4bit": true}),
            "bitsandbytes",
        ),
    ] {
        let folder = Folder::copy(golden);
        let change = Change { at: "/quantization_config".to_owned(), value: Some(value) };
        folder.change("config.json", |json| apply(json, &change));
        folder.refused(&[word, "GGUF"]);
    }
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n";
    for file in ["config.json", "model.safetensors", "tokenizer.json", "processor_config.json"] {
        let folder = Folder::copy("qwen-tall");
        folder.write(file, pointer);
        folder.refused(&[file, "git-lfs pointer"]);
    }
    let folder = Folder::copy("llava-mha");
    std::fs::rename(folder.file("model.safetensors"), folder.file("pytorch_model.bin")).unwrap();
    folder.refused(&["PyTorch", "safetensors"]);
    let folder = Folder::copy("llava-mha");
    std::fs::rename(folder.file("tokenizer.json"), folder.file("tokenizer.model")).unwrap();
    folder.refused(&["tokenizer.model", "save_pretrained"]);
}

/// macOS leaves `._NAME` beside each file that it copies to another system's disk.
#[test]
fn what_macos_leaves_beside_files_is_passed_over() {
    const LEFT: &[u8] = b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ";
    let folder = Folder::copy("llava-mha");
    std::fs::rename(folder.file("model.safetensors"), folder.file("weights.safetensors")).unwrap();
    for name in ["weights.safetensors", "config.json", "pytorch_model.bin", "adapter_config.json"] {
        folder.write(&format!("._{name}"), LEFT);
    }
    assert_eq!(notes(&folder.load().unwrap()), "");
    folder.write("more.safetensors", folder.read("model.safetensors"));
    folder.refused(&["several safetensors files"]);
}
