//! What looks like a model of these families and is something else: quantized by another library,
//! an adapter, a pointer, another program's layout. Each is named, with what to take instead,
//! before anything large is read or fetched.

use serde_json::Value;

use super::FAMILIES;
use crate::error::EngineError;
use crate::filesystem::Location;

/// What to take in place of weights that another library quantized.
const WHOLE: &str = "take the model it was made from (weights in f32, f16 or bf16), which this lab \
    quantizes itself (--quant q4k), or a GGUF file of it with its mmproj";

/// Names of a git-lfs pointer's first bytes.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Whether a file's first bytes are those of a git-lfs pointer: a few lines that stand for the file.
pub(crate) fn is_pointer(begin: &[u8]) -> bool {
    begin.starts_with(POINTER)
}

/// What to say of a pointer.
pub(crate) const FETCH_POINTER: &str = "is a git-lfs pointer and not the file itself: run `git lfs \
    pull` in its folder, or get the model with `langoverrule models pull`";

/// Why files of these names, with this `config.json` (null where there is none), are no model that
/// the lab reads, as the end of a sentence about them; `None` where nothing speaks against them.
/// What the names and settings do not tell, loading does.
pub fn variant(names: &[&str], config: &Value) -> Option<String> {
    let has = |name: &str| names.contains(&name);
    let ends = |end: &str| names.iter().any(|name| name.ends_with(end) && !name.contains('/'));
    if has("adapter_config.json") {
        return Some(
            "it is an adapter (LoRA), not a whole model: merge it into the model it was made for \
             (in Python, peft's merge_and_unload and save_pretrained) and take that folder"
                .to_owned(),
        );
    }
    if let Some(what) = quantized(config) {
        return Some(what);
    }
    if let Some(what) = FAMILIES.iter().find_map(|family| family.foreign_layout(names, config)) {
        return Some(what);
    }
    let weights = ends(".safetensors") || has("model.safetensors.index.json") || ends(".gguf");
    if !weights {
        let only = |kind: &str| {
            Some(format!(
                "it has its weights as {kind} only; the lab reads safetensors: take a revision that \
                 has them, or save it anew with transformers' save_pretrained"
            ))
        };
        if ends(".bin") || ends(".pt") || ends(".pth") || ends(".bin.index.json") {
            return only("PyTorch .bin or .pt files");
        }
        if names.iter().any(|name| name.ends_with(".onnx")) {
            return only("ONNX");
        }
        if ends(".msgpack") || ends(".h5") || ends(".tflite") {
            return only("files of Flax or TensorFlow");
        }
        if ends(".mlpackage") || ends(".npz") {
            return only("files of another framework");
        }
    }
    let tokenizer = has("tokenizer.json") || ends(".gguf");
    if !tokenizer && (has("tokenizer.model") || has("vocab.json")) && has("config.json") {
        return Some(
            "its tokenizer is there as tokenizer.model or vocab.json only: write its tokenizer.json \
             (in Python, AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)), or take a \
             revision that has one"
                .to_owned(),
        );
    }
    None
}

/// What a configuration says of how its weights were quantized, if they were.
fn quantized(config: &Value) -> Option<String> {
    let places = [config, &config["text_config"]];
    for place in places {
        let said = &place["quantization_config"];
        if said.is_object() {
            let method = said["quant_method"].as_str().unwrap_or("an unnamed method");
            let kind = match method {
                "awq" => "AWQ",
                "gptq" => "GPTQ",
                "bitsandbytes" => "bitsandbytes",
                "compressed-tensors" => "compressed-tensors",
                "fp8" | "fbgemm_fp8" => "FP8",
                "mlx" => "MLX",
                other => other,
            };
            let kind: String = kind.chars().take(40).collect();
            return Some(format!("its weights are quantized with {kind}: {WHOLE}"));
        }
        let mlx = &place["quantization"];
        if mlx.is_object() && !mlx["bits"].is_null() {
            return Some(format!("its weights are quantized for MLX: {WHOLE}"));
        }
    }
    None
}

/// As [`variant`], of a tensor's name: settings may be silent about what was done to the weights.
pub(crate) fn quantized_tensor<'n>(names: impl Iterator<Item = &'n str>) -> Option<String> {
    const ENDS: [&str; 9] = [
        ".qweight",
        ".qzeros",
        ".g_idx",
        ".weight_packed",
        ".weight_scale",
        ".weight_scale_inv",
        ".SCB",
        ".weight.absmax",
        ".weight.quant_map",
    ];
    let mut names = names;
    let found = names.find(|name| ENDS.iter().any(|end| name.ends_with(end)))?;
    let found: String = found.chars().take(120).collect();
    Some(format!("holds weights that another library quantized (tensor '{found}'): {WHOLE}"))
}

/// As [`variant`], of a folder's files and its `config.json`.
pub fn variant_of(folder: impl Into<Location>) -> Option<String> {
    let folder = folder.into();
    let entries = folder.list().ok()?;
    let names: Vec<String> = entries
        .iter()
        .filter_map(|entry| Some(entry.path().file_name()?.to_string_lossy().into_owned()))
        .filter(|name| !name.starts_with('.'))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let config = crate::config::read_json(&folder.join("config.json")).ok().flatten();
    variant(&names, &config.unwrap_or_default())
}

/// Refuses what [`variant_of`] names.
pub(super) fn check(folder: &Location) -> Result<(), EngineError> {
    match variant_of(folder) {
        Some(what) => Err(EngineError::model(format!("{}: {what}", folder.display()))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WHOLE_MODEL: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

    #[test]
    fn whole_models_are_no_variants() {
        for config in [
            json!({"model_type": "llava"}),
            json!({"model_type": "qwen2_5_vl", "quantization_config": null}),
            json!({"model_type": "llava_next"}),
        ] {
            assert_eq!(variant(&WHOLE_MODEL, &config), None, "{config}");
        }
        assert_eq!(variant(&["a.gguf", "mmproj-a.gguf"], &Value::Null), None);
    }

    #[test]
    fn each_kind_is_named() {
        let with = |method: &str| json!({"quantization_config": {"quant_method": method}});
        for (method, word) in [
            ("awq", "AWQ"),
            ("gptq", "GPTQ"),
            ("bitsandbytes", "bitsandbytes"),
            ("compressed-tensors", "compressed-tensors"),
            ("fp8", "FP8"),
            ("hqq", "hqq"),
        ] {
            let said = variant(&WHOLE_MODEL, &with(method)).expect("a variant");
            assert!(said.contains(word) && said.contains("GGUF"), "{said}");
        }
        let nested = json!({"text_config": with("awq")});
        assert!(variant(&WHOLE_MODEL, &nested).expect("a variant").contains("AWQ"));
        let mlx = json!({"quantization": {"group_size": 64, "bits": 4}});
        assert!(variant(&WHOLE_MODEL, &mlx).expect("a variant").contains("MLX"));
        let llava = json!({"model_type": "llava"});
        for (names, config, word) in [
            (&["adapter_config.json", "adapter_model.safetensors"][..], &Value::Null, "adapter"),
            (&WHOLE_MODEL, &json!({"model_type": "llava_llama"}), "llava-hf"),
            (&["config.json", "mm_projector.bin"], &llava, "llava-hf"),
            (&["config.json", "tokenizer.json", "pytorch_model.bin"], &llava, "PyTorch"),
            (
                &["config.json", "tokenizer.json", "pytorch_model-00001-of-00002.bin"],
                &llava,
                "PyTorch",
            ),
            (&["config.json", "tokenizer.json", "onnx/model.onnx"], &llava, "ONNX"),
            (&["config.json", "tokenizer.json", "flax_model.msgpack"], &llava, "Flax"),
            (&["config.json", "tokenizer.model", "model.safetensors"], &llava, "tokenizer.json"),
            (&["config.json", "vocab.json", "model.safetensors"], &llava, "tokenizer.json"),
        ] {
            let said = variant(names, config).expect(word);
            assert!(said.contains(word), "{word}: {said}");
        }
    }

    #[test]
    fn quantized_tensors_are_seen_without_settings() {
        let of = |name: &'static str| quantized_tensor(["a.weight", name].into_iter());
        for name in ["a.qweight", "a.weight_packed", "a.SCB", "a.weight.absmax"] {
            assert!(of(name).is_some_and(|said| said.contains(name)), "{name}");
        }
        assert_eq!(of("vision_tower.scale.weight"), None);
    }
}
