//! What looks like a model of these families and is something else: quantized by another library,
//! an adapter, a pointer, another program's layout. Each is named, with what to take instead,
//! before anything large is read or fetched.

use serde_json::Value;
use shared::sentence::ModelVariant;

use super::FAMILIES;
use crate::error::EngineError;
use crate::filesystem::Location;

/// Names of a git-lfs pointer's first bytes.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Whether a file's first bytes are those of a git-lfs pointer: a few lines that stand for the file.
pub(crate) fn is_pointer(begin: &[u8]) -> bool {
    begin.starts_with(POINTER)
}

/// Why files of these names, with this `config.json` (null where there is none), are no model that
/// the lab reads; `None` where nothing speaks against them. What the names and settings do not tell,
/// loading does.
pub fn variant(names: &[&str], config: &Value) -> Option<ModelVariant> {
    let has = |name: &str| names.contains(&name);
    let ends = |end: &str| names.iter().any(|name| name.ends_with(end) && !name.contains('/'));
    if has("adapter_config.json") {
        return Some(ModelVariant::Adapter);
    }
    if let Some(what) = quantized(config) {
        return Some(what);
    }
    if let Some(what) = FAMILIES.iter().find_map(|family| family.foreign_layout(names, config)) {
        return Some(what);
    }
    let weights = ends(".safetensors") || has("model.safetensors.index.json") || ends(".gguf");
    if !weights {
        let only = |kind: ModelVariant| Some(ModelVariant::WeightsOnly { kind: kind.into() });
        if ends(".bin") || ends(".pt") || ends(".pth") || ends(".bin.index.json") {
            return only(ModelVariant::PyTorch);
        }
        if names.iter().any(|name| name.ends_with(".onnx")) {
            return only(ModelVariant::Onnx);
        }
        if ends(".msgpack") || ends(".h5") || ends(".tflite") {
            return only(ModelVariant::Flax);
        }
        if ends(".mlpackage") || ends(".npz") {
            return only(ModelVariant::OtherFramework);
        }
    }
    let tokenizer = has("tokenizer.json") || ends(".gguf");
    if !tokenizer && (has("tokenizer.model") || has("vocab.json")) && has("config.json") {
        return Some(ModelVariant::NoTokenizerJson);
    }
    None
}

/// What a configuration says of how its weights were quantized, if they were.
fn quantized(config: &Value) -> Option<ModelVariant> {
    let instead = ModelVariant::TakeWhole.into();
    let places = [config, &config["text_config"]];
    for place in places {
        let said = &place["quantization_config"];
        if said.is_object() {
            let Some(method) = said["quant_method"].as_str() else {
                return Some(ModelVariant::QuantizedUnnamed { instead });
            };
            let kind = match method {
                "awq" => "AWQ",
                "gptq" => "GPTQ",
                "bitsandbytes" => "bitsandbytes",
                "compressed-tensors" => "compressed-tensors",
                "fp8" | "fbgemm_fp8" => "FP8",
                "mlx" => "MLX",
                other => other,
            };
            let kind = kind.chars().take(40).collect();
            return Some(ModelVariant::Quantized { kind, instead });
        }
        let mlx = &place["quantization"];
        if mlx.is_object() && !mlx["bits"].is_null() {
            return Some(ModelVariant::QuantizedMlx { instead });
        }
    }
    None
}

/// As [`variant`], of a tensor's name: settings may be silent about what was done to the weights.
pub(crate) fn quantized_tensor<'n>(names: impl Iterator<Item = &'n str>) -> Option<ModelVariant> {
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
    let (name, instead) = (found.chars().take(120).collect(), ModelVariant::TakeWhole.into());
    Some(ModelVariant::QuantizedTensor { name, instead })
}

/// As [`variant`], of a folder's files and its `config.json`.
pub fn variant_of(folder: impl Into<Location>) -> Option<ModelVariant> {
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
        Some(what) => Err(EngineError::of_file(folder.display(), what)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::Language;

    use super::*;

    /// What is said of the files.
    fn said(names: &[&str], config: &Value) -> Option<String> {
        variant(names, config).map(|what| what.text(Language::English))
    }

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
            let said = said(&WHOLE_MODEL, &with(method)).expect("a variant");
            assert!(said.contains(word) && said.contains("GGUF"), "{said}");
        }
        let nested = json!({"text_config": with("awq")});
        assert!(said(&WHOLE_MODEL, &nested).expect("a variant").contains("AWQ"));
        let mlx = json!({"quantization": {"group_size": 64, "bits": 4}});
        assert!(said(&WHOLE_MODEL, &mlx).expect("a variant").contains("MLX"));
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
            let said = said(names, config).expect(word);
            assert!(said.contains(word), "{word}: {said}");
        }
    }

    #[test]
    fn quantized_tensors_are_seen_without_settings() {
        let of = |name: &'static str| quantized_tensor(["a.weight", name].into_iter());
        for name in ["a.qweight", "a.weight_packed", "a.SCB", "a.weight.absmax"] {
            let said = of(name).map(|what| what.text(Language::English));
            assert!(said.is_some_and(|said| said.contains(name)), "{name}");
        }
        assert_eq!(of("vision_tower.scale.weight"), None);
    }
}
