//! Which files of a repository a model needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use shared::Message;
use shared::sentence::{HubFault, Listing, Localized};

/// The list of a sharded model's tensors.
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// Configuration, tokenizer and terms: everything but the weights.
const SMALL: [&str; 15] = [
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.json",
    "chat_template.jinja",
    INDEX,
];

/// Files without which nothing loads.
pub(super) const VITAL: [&str; 2] = ["config.json", "tokenizer.json"];

/// Whether a file belongs to a model besides its weights. Its licence travels with it.
pub(super) fn is_small(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let terms = ["LICENSE", "LICENCE", "NOTICE", "USE_POLICY"].iter().any(|t| upper.starts_with(t));
    SMALL.contains(&name) || (terms && !name.contains('/'))
}

/// The names of a model's weight files, given the files there are and what its index says.
///
/// # Errors
/// What is missing.
pub(super) fn weights(
    files: &BTreeSet<&str>,
    index: Option<&str>,
) -> Result<Vec<String>, Localized> {
    let named = || INDEX.to_owned();
    if let Some(index) = index {
        #[derive(serde::Deserialize)]
        struct Index {
            weight_map: BTreeMap<String, String>,
        }
        let index: Index = serde_json::from_str(index).map_err(|e| damaged(INDEX, &e))?;
        let shards: BTreeSet<String> = index.weight_map.into_values().collect();
        if shards.is_empty() {
            return Err(HubFault::IndexNamesNone { index: named() }.into());
        }
        return shards
            .into_iter()
            .map(|shard| match files.contains(shard.as_str()) && !shard.contains('/') {
                true => Ok(shard),
                false => Err(HubFault::IndexNamesGone { index: named(), shard }.into()),
            })
            .collect();
    }
    if files.contains("model.safetensors") {
        return Ok(vec!["model.safetensors".to_owned()]);
    }
    let ends = |end: &str| files.iter().filter(|f| f.ends_with(end)).count();
    let single: Vec<&&str> =
        files.iter().filter(|f| f.ends_with(".safetensors") && !f.contains('/')).collect();
    match single[..] {
        [one] => Ok(vec![(*one).to_owned()]),
        [] if ends(".gguf") > 0 => Err(HubFault::HoldsGguf.into()),
        [] => Err(HubFault::NoWeights.into()),
        _ => Err(HubFault::SeveralWeights { index: named() }.into()),
    }
}

fn damaged(file: &str, why: &serde_json::Error) -> Localized {
    HubFault::DamagedFile { file: file.to_owned(), why: why.to_string() }.into()
}

/// What is wrong with a configuration as far as one can tell before the weights come; `None` for
/// a family that the engine knows.
pub(super) fn unsupported(names: &[&str], config: &str) -> Option<Localized> {
    let config: serde_json::Value = match serde_json::from_str(config) {
        Ok(config) => config,
        Err(error) => return Some(damaged("config.json", &error)),
    };
    if let Some(what) = engine::variant(names, &config) {
        return Some(what.into());
    }
    let family = config.get("model_type").and_then(|t| t.as_str());
    match family {
        Some(family) if engine::model_types().contains(&family) => None,
        Some(family) => {
            let known = engine::model_types().into_iter().map(Message::from).collect();
            let (name, known) = (family.to_owned(), Listing::and(known).into());
            Some(HubFault::Family { name, known }.into())
        }
        None => Some(HubFault::NoModelType.into()),
    }
}

/// Whether a name from a listing stays inside the folder it is put into.
pub(super) fn is_inside(name: &str) -> bool {
    let normal = Path::new(name).components().all(|c| matches!(c, Component::Normal(_)));
    !name.is_empty() && !name.contains('\\') && !name.ends_with('/') && normal
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed step fails the test")]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_needed() {
        for name in ["config.json", "tokenizer.json", "LICENSE", "License.txt", INDEX] {
            assert!(is_small(name), "{name}");
        }
        for name in [
            "pytorch_model.bin",
            "model.safetensors",
            "README.md",
            "onnx/config.json",
            "training_args.bin",
            ".gitattributes",
            "subfolder/LICENSE",
        ] {
            assert!(!is_small(name), "{name}");
        }
    }

    #[test]
    fn weights_are_the_indexs_or_the_only_ones() {
        let index = r#"{"metadata":{},"weight_map":{"a":"m-2.safetensors","b":"m-1.safetensors","c":"m-2.safetensors"}}"#;
        let files =
            BTreeSet::from(["m-1.safetensors", "m-2.safetensors", "consolidated.safetensors"]);
        assert_eq!(weights(&files, Some(index)).unwrap(), ["m-1.safetensors", "m-2.safetensors"]);
        let gone = BTreeSet::from(["m-1.safetensors"]);
        let refused =
            |files: &BTreeSet<&str>, index| weights(files, index).unwrap_err().to_string();
        assert!(refused(&gone, Some(index)).contains("m-2.safetensors"));
        let outside = index.replace("m-2", "../m-2");
        let files = BTreeSet::from(["m-1.safetensors", "../m-2.safetensors"]);
        assert!(weights(&files, Some(&outside)).is_err());
        let both = BTreeSet::from(["model.safetensors", "other.safetensors"]);
        assert_eq!(weights(&both, None).unwrap(), ["model.safetensors"]);
        let only = BTreeSet::from(["x.safetensors", "sub/y.safetensors"]);
        assert_eq!(weights(&only, None).unwrap(), ["x.safetensors"]);
        for (files, word) in [
            (vec!["model-Q4_K_M.gguf"], "GGUF"),
            (vec!["README.md"], "no safetensors"),
            (vec!["a.safetensors", "b.safetensors"], "several"),
        ] {
            let files = files.into_iter().collect();
            assert!(refused(&files, None).contains(word), "{files:?}");
        }
        assert!(refused(&only, Some("{")).contains("damaged"));
    }

    #[test]
    fn families_are_told_before_gigabytes_come() {
        let files = ["config.json", "tokenizer.json", "model.safetensors"];
        let unsupported = |config: &str| unsupported(&files, config).map(|what| what.to_string());
        assert_eq!(unsupported(r#"{"model_type":"llava"}"#), None);
        assert_eq!(unsupported(r#"{"model_type":"qwen2_5_vl"}"#), None);
        assert!(unsupported(r#"{"model_type":"bert"}"#).unwrap().contains("'bert'"));
        assert!(unsupported("{}").unwrap().contains("model_type"));
        assert!(unsupported("<html>").unwrap().contains("damaged"));
        let awq = r#"{"model_type":"qwen2_5_vl","quantization_config":{"quant_method":"awq"}}"#;
        assert!(unsupported(awq).unwrap().contains("AWQ"));
        assert!(unsupported(r#"{"model_type":"llava_llama"}"#).unwrap().contains("llava-hf"));
    }

    #[test]
    fn names_that_lead_out_of_the_folder_are_none() {
        assert!(is_inside("config.json") && is_inside("gguf/model.gguf"));
        for name in ["", "../x", "/etc/passwd", "a/../../b", "a/", "..\\x"] {
            assert!(!is_inside(name), "{name}");
        }
    }
}
