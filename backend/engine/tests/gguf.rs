//! Models from llama.cpp's files against transformers (tests/goldens/make_gguf.py says how the
//! files were made).

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Value;
use candle_core::{Device, Tensor};

use crate::common::gguf::{File, folder, pair, place};
use crate::common::{Close, Golden, Recording, Tensors, TextCase};
use engine::{DeviceChoice, LoadOptions, Model};
use shared::{Group, Quant, RunOptions};

const NAMES: [&str; 12] = [
    "llava-mha",
    "llava-gqa",
    "llava-headdim",
    "interleave-full",
    "qwen-square",
    "qwen-wide",
    "qwen2-tall",
    "qwen2-wide",
    "qwen3-tall",
    "qwen3-wide",
    "internvl-qwen2",
    "internvl-qwen3",
];

fn load(place: &Path, quant: Quant) -> Model {
    let options = LoadOptions { name: "gguf".to_owned(), quant, device: DeviceChoice::Cpu };
    Model::load(place, &options, &mut |_, _| {}).unwrap()
}

/// A run on the golden's own pixels.
fn run(model: &Model, golden: &Golden) -> Recording {
    let options = RunOptions {
        prompt: golden.text("text"),
        max_new_tokens: 20,
        ignore_eos: true,
        ..RunOptions::default()
    };
    let prepared = model.prepare(&golden.picture(), &options).unwrap();
    let prepared = prepared.with_pixels(golden.f32("pixel_values"));
    let mut seen = Recording::default();
    model.run(&prepared, &mut seen).unwrap().unwrap();
    seen
}

/// Logits of the rows that predict the answer.
fn predicting(model: &Model, seen: &Recording) -> Vec<f32> {
    let vocab = model.info().vocab as usize;
    let last = seen.prefill_logits[seen.prefill_logits.len() - vocab..].to_vec();
    [last, seen.decode_logits.clone()].concat()
}

fn equals_transformers(model: &Model, name: &str, what: &str) {
    let golden = Golden::open(name);
    let want = Tensors::open(&folder().join(format!("{name}.safetensors")));
    let seen = run(model, &golden);
    assert_eq!(seen.ids(), want.ids("input_ids"), "{name} {what}: prompt ids");
    let logits = predicting(model, &seen);
    assert_eq!(seen.generated(), want.ids("generated_ids"), "{name} {what}: generated ids");
    let at = format!("{name} {what}: logits");
    Close::relative(1e-4).check(&logits, &want.f32("logits_generated"), &at);
}

#[test]
fn logits_and_tokens_equal_transformers() {
    for name in NAMES {
        for quant in [Quant::Stored, Quant::F32] {
            let model = load(&place(name), quant);
            equals_transformers(&model, name, quant.name());
        }
    }
}

#[test]
fn what_a_person_types_is_tokenized_as_transformers_does() {
    for name in NAMES {
        let golden = Golden::open(name);
        let model = load(&place(name), Quant::Stored);
        let file = folder().join(format!("{name}.json"));
        let cases: Vec<TextCase> = match golden.is_llava() {
            true => serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap(),
            false => golden.text_cases(),
        };
        assert!(cases.len() >= 40);
        for case in cases {
            for (template, want) in golden.templates(&case) {
                let options = RunOptions {
                    prompt: case.text.clone(),
                    template: template.to_owned(),
                    max_new_tokens: 1,
                    ..RunOptions::default()
                };
                let prepared = model.prepare(&golden.picture(), &options).unwrap();
                let mut seen = Recording::default();
                model.run(&prepared, &mut seen).unwrap().unwrap();
                assert_eq!(seen.ids(), *want, "{name} {template}: {:?}", case.text);
                let typed = seen.layout.unwrap().counts().get(Group::Instruction);
                assert!((typed == 0) == case.text.is_empty(), "{:?}: {typed}", case.text);
            }
        }
    }
}

/// The ways to cut text into words that no golden model has, with a golden's vocabulary.
#[test]
fn text_is_cut_into_words_as_the_file_says() {
    #[derive(serde::Deserialize)]
    struct Words {
        numbers: Vec<[String; 2]>,
        cases: Vec<std::collections::BTreeMap<String, serde_json::Value>>,
    }
    let json = std::fs::read_to_string(folder().join("words.json")).unwrap();
    let Words { numbers, cases } = serde_json::from_str(&json).unwrap();
    let golden = Golden::open("qwen-square");
    for pre in ["llama-bpe", "gpt-2"] {
        let mut text = File::open("qwen-square");
        text.set("tokenizer.ggml.pre", Value::String(pre.to_owned()));
        for (key, value) in &mut text.metadata {
            let Value::Array(list) = value else { continue };
            for (i, [a, b]) in numbers.iter().enumerate() {
                match key.as_str() {
                    "tokenizer.ggml.tokens" => list[442 + i] = Value::String(format!("{a}{b}")),
                    "tokenizer.ggml.token_type" => list[442 + i] = Value::I32(1),
                    "tokenizer.ggml.merges" => list.push(Value::String(format!("{a} {b}"))),
                    _ => {}
                }
            }
        }
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("words.gguf");
        text.save(&path);
        let mmproj = folder().join("qwen-square-mmproj.gguf");
        let model = load(&pair(&path, &mmproj), Quant::Stored);
        for case in &cases {
            let typed = case["text"].as_str().unwrap();
            let options =
                RunOptions { prompt: typed.to_owned(), max_new_tokens: 1, ..RunOptions::default() };
            let prepared = model.prepare(&golden.picture(), &options).unwrap();
            let mut seen = Recording::default();
            model.run(&prepared, &mut seen).unwrap().unwrap();
            let tokens = seen.layout.unwrap().tokens;
            let instruction = tokens.iter().filter(|t| t.group == Group::Instruction);
            let ids: Vec<u32> = instruction.map(|t| t.id).collect();
            assert_eq!(serde_json::json!(ids), case[pre], "{pre}: {typed:?}");
        }
    }
}

/// What files of other converters look like, made of one that is as transformers has it.
fn variant(name: &str, change: impl FnOnce(&mut File), what: &str) {
    let temp = tempfile::tempdir().unwrap();
    let mut mmproj = File::open(&format!("{name}-mmproj"));
    change(&mut mmproj);
    let path = temp.path().join("mmproj.gguf");
    mmproj.save(&path);
    let text = folder().join(format!("{name}.gguf"));
    equals_transformers(&load(&pair(&text, &path), Quant::Stored), name, what);
}

fn reversed(file: &mut File) {
    file.rename(|name| match (name.contains("ffn_up"), name.contains("ffn_down")) {
        (true, _) => name.replace("ffn_up", "ffn_down"),
        (_, true) => name.replace("ffn_down", "ffn_up"),
        _ => name.to_owned(),
    });
}

fn fused(file: &mut File, blocks: usize) {
    for i in 0..blocks {
        for kind in ["weight", "bias"] {
            let part = |p: &str| format!("v.blk.{i}.attn_{p}.{kind}");
            file.fuse(["q", "k", "v"].map(part), &part("qkv"));
        }
    }
}

/// The golden has three blocks and takes the second one's output.
#[test]
fn the_unused_last_vision_block_is_counted_or_not_there_or_not() {
    let key = "clip.vision.block_count";
    let layer = "clip.vision.feature_layer";
    let list = |n| Value::Array(vec![Value::I32(n)]);
    let all = |_: &mut File| {};
    variant("llava-mha", all, "all blocks, counted");
    variant("llava-mha", |f| f.set(key, Value::U32(2)), "all blocks, the last not counted");
    let dropped = |f: &mut File| {
        f.remove("v.blk.2.");
        f.remove("v.post_ln.");
    };
    let both = |f: &mut File| {
        dropped(f);
        f.set(key, Value::U32(2));
    };
    variant("llava-mha", both, "the last block dropped");
    variant("llava-mha", dropped, "the last block dropped but counted");
    variant("llava-mha", |f| f.set(layer, list(2)), "the layer named");
    variant("llava-mha", |f| f.set(layer, list(-2)), "the layer named from the end");
    let named = |f: &mut File| {
        f.remove("v.blk.2.");
        f.set(key, Value::U32(2));
        f.set(layer, list(2));
    };
    variant("llava-mha", named, "the layer named, the block dropped, the norm kept");
}

#[test]
fn vision_towers_of_other_converters_are_the_same_towers() {
    variant("llava-mha", reversed, "up and down reversed");
    variant("llava-mha", |f| fused(f, 3), "fused");
    let silent = |f: &mut File| f.unset("clip.projector_type");
    variant("llava-mha", silent, "the projector not named");
    let quick = |f: &mut File| f.set("clip.use_gelu", Value::Bool(false));
    variant("llava-mha", quick, "quick GELU said");
    variant("qwen-square", reversed, "up and down reversed");
    variant("qwen-square", |f| fused(f, 4), "fused");
    let listed = |f: &mut File| {
        f.unset("clip.vision.n_wa_pattern");
        let list = [1, 3].map(Value::I32).to_vec();
        f.set("clip.vision.fullatt_block_indexes", Value::Array(list));
        f.set("clip.vision.window_size", Value::U32(112));
        f.set("clip.vision.spatial_merge_size", Value::U32(2));
    };
    variant("qwen-square", listed, "full blocks listed, defaults said");
}

/// The activation and the feature layer matter: without them this golden is another model.
#[test]
fn a_wrong_reading_would_be_noticed() {
    let golden = Golden::open("llava-headdim");
    let want = Tensors::open(&folder().join("llava-headdim.safetensors")).f32("logits_generated");
    let list = Value::Array(vec![Value::I32(1)]);
    for (key, value) in [("clip.use_gelu", Value::Bool(false)), ("clip.vision.feature_layer", list)]
    {
        let temp = tempfile::tempdir().unwrap();
        let mut mmproj = File::open("llava-headdim-mmproj");
        mmproj.set(key, value);
        let path = temp.path().join("mmproj.gguf");
        mmproj.save(&path);
        let model = load(&pair(&folder().join("llava-headdim.gguf"), &path), Quant::Stored);
        let first = &predicting(&model, &run(&model, &golden))[..want.len() / 20];
        let off = first.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        assert!(off > 1e-3, "{key}: {off}");
    }
}

/// A language model wide enough for k-quants around the golden's vision tower: the matrices in
/// block types by name, everything else in f32.
fn wide(kind: impl Fn(&str) -> GgmlDType, folder: &Path) -> std::path::PathBuf {
    let (hidden, inner, heads, kv_heads) = (256usize, 512usize, 4usize, 2usize);
    let mut text = File::open("llava-mha");
    for (key, value) in [
        ("embedding_length", hidden),
        ("feed_forward_length", inner),
        ("block_count", 2),
        ("attention.head_count", heads),
        ("attention.head_count_kv", kv_heads),
        ("attention.key_length", hidden / heads),
        ("attention.value_length", hidden / heads),
        ("rope.dimension_count", hidden / heads),
    ] {
        text.set(&format!("llama.{key}"), Value::U32(value as u32));
    }
    let vocab = text.take("token_embd.weight").shape().dims()[0];
    text.tensors.clear();
    let mut seed = 1u64;
    let mut random = |rows: usize, columns: usize, size: f32| {
        let values: Vec<f32> = (0..rows * columns)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                ((seed >> 40) as f32 / 8_388_608.0 - 1.0) * 1.7 * size
            })
            .collect();
        Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
    };
    let mut put = |file: &mut File, name: &str, rows: usize, columns: usize, size: f32| {
        let matrix = random(rows, columns, size / (columns as f32).sqrt());
        file.put(name, &matrix, kind(name));
    };
    put(&mut text, "token_embd.weight", vocab, hidden, 16.0);
    put(&mut text, "output.weight", vocab, hidden, 3.0);
    let kv = hidden / heads * kv_heads;
    for i in 0..2 {
        for (name, rows, columns) in [
            ("attn_q", hidden, hidden),
            ("attn_k", kv, hidden),
            ("attn_v", kv, hidden),
            ("attn_output", hidden, hidden),
            ("ffn_gate", inner, hidden),
            ("ffn_up", inner, hidden),
            ("ffn_down", hidden, inner),
        ] {
            put(&mut text, &format!("blk.{i}.{name}.weight"), rows, columns, 1.5);
        }
    }
    let ones = Tensor::ones(hidden, candle_core::DType::F32, &Device::Cpu).unwrap();
    for name in
        ["blk.0.attn_norm", "blk.0.ffn_norm", "blk.1.attn_norm", "blk.1.ffn_norm", "output_norm"]
    {
        text.put(&format!("{name}.weight"), &ones, GgmlDType::F32);
    }
    let mut mmproj = File::open("llava-mha-mmproj");
    let columns = mmproj.take("mm.2.weight").shape().dims()[1];
    let joint = random(hidden, columns, 1.0 / (columns as f32).sqrt());
    mmproj.put("mm.2.weight", &joint, GgmlDType::F32);
    mmproj.put("mm.2.bias", &ones, GgmlDType::F32);
    let (a, b) = (folder.join("wide.gguf"), folder.join("wide-mmproj.gguf"));
    text.save(&a);
    mmproj.save(&b);
    pair(&a, &b)
}

/// How far logits are off, as a share of how large they are.
fn drift(model: &Model, reference: &[f32]) -> f64 {
    let golden = Golden::open("llava-mha");
    let options =
        RunOptions { prompt: golden.text("text"), max_new_tokens: 1, ..RunOptions::default() };
    let prepared = model.prepare(&golden.picture(), &options).unwrap();
    let mut seen = Recording::default();
    model.run(&prepared, &mut seen).unwrap().unwrap();
    let square = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>();
    let logits = &seen.prefill_logits;
    assert!(logits.len() == reference.len() && logits.iter().all(|x| x.is_finite()));
    let off = logits.iter().zip(reference).map(|(a, b)| f64::from(a - b));
    (square(&mut off.into_iter()) / square(&mut reference.iter().map(|x| f64::from(*x)))).sqrt()
}

fn exact_logits(place: &Path) -> Vec<f32> {
    let model = load(place, Quant::F32);
    let golden = Golden::open("llava-mha");
    let options =
        RunOptions { prompt: golden.text("text"), max_new_tokens: 1, ..RunOptions::default() };
    let prepared = model.prepare(&golden.picture(), &options).unwrap();
    let mut seen = Recording::default();
    model.run(&prepared, &mut seen).unwrap().unwrap();
    seen.prefill_logits
}

#[test]
fn every_block_type_is_read_as_it_is_and_drifts_within_bounds() {
    use GgmlDType::{BF16, F16, Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
    let temp = tempfile::tempdir().unwrap();
    let exact = exact_logits(&wide(|_| GgmlDType::F32, temp.path()));
    for (kind, name, most) in [
        (F16, "f16", 2e-3),
        (BF16, "bf16", 1e-2),
        (Q8_0, "q8_0", 0.05),
        (Q6K, "q6k", 0.1),
        (Q5_0, "q5_0", 0.2),
        (Q5_1, "q5_1", 0.2),
        (Q5K, "q5k", 0.2),
        (Q4_0, "q4_0", 0.36),
        (Q4_1, "q4_1", 0.36),
        (Q4K, "q4k", 0.36),
        (Q3K, "q3k", 0.65),
        (Q2K, "q2k", 1.0),
    ] {
        let place = wide(|_| kind, temp.path());
        let stored = load(&place, Quant::Stored);
        let held: Vec<_> = stored.info().held.clone().into_iter().collect();
        assert_eq!(held, [(name.to_owned(), 15)], "{name}");
        let off = drift(&stored, &exact);
        assert!(off < most && off > 0.0, "{name}: {off}");
        // The same blocks, decoded: what is left is the rounding of the activations.
        let decoded = exact_logits(&place);
        let rounding = drift(&stored, &decoded);
        assert!(rounding < 0.04, "{name}: {rounding} off its own decoded values");
    }
}

#[test]
fn mixed_files_are_held_mixed_and_other_quantizations_are_made_of_them() {
    let temp = tempfile::tempdir().unwrap();
    let mixed = |name: &str| match name {
        n if n.contains("attn_v") || n.contains("ffn_down") || n.contains("output.w") => {
            GgmlDType::Q6K
        }
        n if n.contains("ffn_up") => GgmlDType::Q5_0,
        _ => GgmlDType::Q4K,
    };
    let place = wide(mixed, temp.path());
    let decoded = exact_logits(&place);
    let stored = load(&place, Quant::Stored);
    let held: Vec<_> = stored.info().held.clone().into_iter().collect();
    let count = |name: &str, n| (name.to_owned(), n);
    assert_eq!(held, [count("q4k", 6), count("q5_0", 2), count("q6k", 7)]);
    assert!(stored.info().fallbacks.is_empty());
    assert!(drift(&stored, &decoded) < 0.04);
    for (quant, most) in [(Quant::F16, 2e-3), (Quant::Q8_0, 0.05), (Quant::Q4k, 0.4)] {
        let other = load(&place, quant);
        let held: Vec<_> = other.info().held.clone().into_iter().collect();
        assert_eq!(held, [count(quant.name(), 15)]);
        let off = drift(&other, &decoded);
        assert!(off < most, "{quant:?}: {off}");
    }
}

/// A golden of llama.cpp's laid out as Ollama lays Qwen2.5-VL out: one file, its own architecture,
/// and more of transformers' names (ollama's convert_qwen25vl.go).
fn as_ollama(name: &str, path: &Path) {
    let (mut whole, mut tower) = (File::open(name), File::open(&format!("{name}-mmproj")));
    let get = |file: &File, key: &str| {
        file.metadata.iter().find(|(k, _)| k == key).map(|(_, value)| value.clone())
    };
    for (key, _) in &mut whole.metadata {
        if let Some(rest) = key.strip_prefix("qwen2vl.") {
            *key = match rest {
                "rope.dimension_sections" => "qwen25vl.rope.mrope_section".to_owned(),
                rest => format!("qwen25vl.{rest}"),
            };
        }
    }
    whole.set("general.architecture", Value::String("qwen25vl".to_owned()));
    for key in ["block_count", "embedding_length", "attention.head_count", "patch_size"] {
        let value = get(&tower, &format!("clip.vision.{key}")).unwrap();
        whole.set(&format!("qwen25vl.vision.{key}"), value);
    }
    let window = get(&tower, "clip.vision.window_size").unwrap_or(Value::U32(112));
    whole.set("qwen25vl.vision.window_size", window);
    whole.set("qwen25vl.vision.spatial_merge_size", Value::U32(2));
    whole.set("qwen25vl.vision.rope.freq_base", Value::F32(1e4));
    let full = get(&tower, "clip.vision.fullatt_block_indexes")
        .unwrap_or_else(|| Value::Array([1, 3].map(Value::I32).to_vec()));
    whole.set("qwen25vl.vision.fullatt_block_indexes", full);
    // The checkpoint's own limits; Ollama's files name none, as they are the published ones'.
    for key in ["clip.vision.image_min_pixels", "clip.vision.image_max_pixels"] {
        if let Some(pixels) = get(&tower, key) {
            whole.set(key, pixels);
        }
    }
    // Query, key and value lie apart there.
    for (name, tensor) in std::mem::take(&mut tower.tensors) {
        let kind = tensor.dtype();
        match name.split_once("attn_qkv.") {
            Some((block, end)) => {
                let rows = tensor.dequantize(&Device::Cpu).unwrap();
                for (part, rows) in ["q", "k", "v"].iter().zip(rows.chunk(3, 0).unwrap()) {
                    // Quantizing takes the memory as it lies, which chunks share.
                    let rows = rows.force_contiguous().unwrap();
                    whole.put(&format!("{block}attn_{part}.{end}"), &rows, kind);
                }
            }
            None => whole.tensors.push((name, tensor)),
        }
    }
    whole.rename(|name| {
        name.replace("v.patch_embd.weight.1", "v.patch_embd_1.weight")
            .replace("v.patch_embd.weight", "v.patch_embd_0.weight")
            .replace("v.post_ln.", "v.merger.ln_q.")
            .replace("mm.", "v.merger.mlp.")
    });
    whole.save(path);
}

#[test]
fn ollamas_file_of_qwen_equals_transformers() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["qwen-square", "qwen-wide"] {
        // A blob has no ending: what it begins with tells.
        let blob = dir.path().join(format!("sha256-{name}"));
        as_ollama(name, &blob);
        assert_eq!(engine::gguf_architecture(&blob).as_deref(), Some("qwen25vl"));
        let model = load(&blob, Quant::Stored);
        equals_transformers(&model, name, "as Ollama has it");
        assert_eq!(model.info().held, load(&place(name), Quant::Stored).info().held);
    }
}

#[test]
fn files_without_an_ending_are_judged_by_what_they_hold() {
    let dir = tempfile::tempdir().unwrap();
    let (text, mmproj) = (dir.path().join("sha256-1"), dir.path().join("sha256-2"));
    std::fs::copy(folder().join("llava-mha.gguf"), &text).unwrap();
    std::fs::copy(folder().join("llava-mha-mmproj.gguf"), &mmproj).unwrap();
    equals_transformers(&load(&pair(&text, &mmproj), Quant::Stored), "llava-mha", "as two blobs");
    let load = |place: &Path| {
        let options =
            LoadOptions { name: "x".into(), quant: Quant::F32, device: DeviceChoice::Cpu };
        Model::load(place, &options, &mut |_, _| {}).err().unwrap().message
    };
    let mut other = File::open("llava-mha");
    other.set("general.architecture", Value::String("mllama".to_owned()));
    let path = dir.path().join("sha256-3");
    other.save(&path);
    let said = load(&path);
    assert!(said.contains("'mllama'") && said.contains("not supported"), "{said}");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    let path = dir.path().join("a.gguf");
    std::fs::write(&path, pointer).unwrap();
    let said = load(&pair(&path, &mmproj));
    assert!(said.contains("git-lfs"), "{said}");
}

#[test]
fn tensors_that_a_model_has_no_place_for_are_said() {
    let said = |model: &Model| {
        let notes = model.info().notes.iter().filter(|note| note.contains("no place for"));
        notes.cloned().collect::<Vec<_>>().join("\n")
    };
    for name in NAMES {
        assert_eq!(said(&load(&place(name), Quant::Stored)), "", "{name}");
        let beside = tempfile::tempdir().unwrap();
        for (file, tensor) in
            [(name.to_owned(), "blk.0.attn_sinks.weight"), (format!("{name}-mmproj"), "mm.4.bias")]
        {
            let mut changed = File::open(&file);
            let values = Tensor::zeros((1, 32), candle_core::DType::F32, &Device::Cpu).unwrap();
            changed.put(tensor, &values, GgmlDType::F32);
            changed.save(&beside.path().join(format!("{file}.gguf")));
        }
        let both = |file: &str| beside.path().join(format!("{file}.gguf"));
        // Two files, and what macOS leaves beside one of them.
        std::fs::write(both(&format!("._{name}")), b"\0\x05\x16\x07").unwrap();
        let model = load(beside.path(), Quant::Stored);
        let said = said(&model);
        assert!(said.contains("2 tensors") && said.contains("blk.0.attn_sinks.weight"), "{said}");
        let one =
            load(&pair(&both(name), &folder().join(format!("{name}-mmproj.gguf"))), Quant::F32);
        let notes = one.info().notes.join("\n");
        assert!(notes.contains("'blk.0.attn_sinks.weight', which this model"), "{notes}");
    }
}
