//! Where a model's own chat template lies: its source and the special tokens it may name.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::sentence::{FileFault, TemplateProblem};

use crate::config::{json_in, text_in};
use crate::filesystem::Location;
use crate::weights::Metadata;

/// A template as a model's files have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChatSource {
    pub(super) text: String,
    /// The file, and the key in it: how messages name it.
    pub(super) at: String,
    /// The tokenizer's special tokens by name: `bos_token` and the like.
    pub(super) variables: BTreeMap<String, String>,
}

/// A model's own template; none where its files have none, and an empty one where they have nothing
/// but an empty one. An error is the sentence about the file
/// that cannot be read.
pub(crate) type Found = Result<Option<ChatSource>, TemplateProblem>;

const TOKENIZER: &str = "tokenizer_config.json";

/// Looks in a folder in Hugging Face layout, in transformers 5's order: `processor_config.json`,
/// `chat_template.json`, `chat_template.jinja`; a processor knows no other. Then
/// `tokenizer_config.json`, which the tokenizer's own `apply_chat_template` takes.
pub(crate) fn in_folder(folder: &Location) -> Found {
    // By the file's name alone: a run's answer carries no path.
    let unusable = |file: &str, why: FileFault| {
        let (file, why) = (file.to_owned(), why.into());
        TemplateProblem::FileUnusable { file, why }
    };
    let json = |name: &str| {
        json_in(&folder.join(name)).map(Option::unwrap_or_default).map_err(|e| unusable(name, e))
    };
    let tokenizer = json(TOKENIZER)?;
    let (old, more) = ("chat_template.json", "additional_chat_templates");
    let has_more = || folder.join(more).is_folder();
    let from_key = |file: &'static str| -> Result<Option<(String, String)>, TemplateProblem> {
        let found = named(&json(file)?["chat_template"], file)?;
        Ok(found.map(|text| (text, file.to_owned())))
    };
    let mut empty = false;
    let mut found = from_key("processor_config.json")?;
    if found.is_none() {
        found = from_key(old)?;
        if found.is_some() && has_more() {
            let (old, more) = (old.to_owned(), more.to_owned());
            return Err(TemplateProblem::NotTogether { old, more });
        }
    }
    if found.is_none() {
        let file = "chat_template.jinja";
        let text = text_in(&folder.join(file)).map_err(|e| unusable(file, e))?;
        empty = text.is_some();
        found = text.filter(|t| !t.is_empty()).map(|text| (text, file.to_owned()));
        if found.is_none() && has_more() {
            let (more, file) = (more.to_owned(), file.to_owned());
            return Err(TemplateProblem::NoDefaultFile { more, file });
        }
    }
    if found.is_none() {
        found =
            named(&tokenizer["chat_template"], TOKENIZER)?.map(|text| (text, TOKENIZER.to_owned()));
    }
    if empty {
        found = found.or_else(|| Some((String::new(), "chat_template.jinja".to_owned())));
    }
    let Some((text, at)) = found else { return Ok(None) };
    let variables = special_tokens(&tokenizer, || json("special_tokens_map.json"))?;
    Ok(Some(ChatSource { text, at, variables }))
}

/// The template in a GGUF file's metadata.
pub(crate) fn in_gguf(meta: &Metadata) -> Found {
    let key = "tokenizer.chat_template";
    let Some(text) = meta.text(key) else { return Ok(None) };
    let tokens = meta.texts("tokenizer.ggml.tokens").unwrap_or_default();
    let token = |(variable, name): (&str, &str)| {
        let id = meta.id(&format!("tokenizer.ggml.{name}_token_id"))?;
        Some((format!("{variable}_token"), tokens.get(id as usize)?.clone()))
    };
    let names = [("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")];
    let variables = names.into_iter().filter_map(token).collect();
    Ok(Some(ChatSource { text: text.to_owned(), at: key.to_owned(), variables }))
}

/// A template under `chat_template`: a text, or the default of several by name, which lie in a
/// mapping or in a list of `{name, template}`.
fn named(value: &Value, file: &str) -> Result<Option<String>, TemplateProblem> {
    let of_list = || {
        let named = value.as_array()?.iter().find(|entry| entry["name"] == "default")?;
        named["template"].as_str()
    };
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => Some(text.as_str()),
        Value::Object(by_name) => by_name.get("default").and_then(Value::as_str),
        _ => of_list(),
    };
    match text {
        Some(text) => Ok(Some(text.to_owned()).filter(|t| !t.is_empty())),
        None => Err(TemplateProblem::NoDefault { file: file.to_owned() }),
    }
}

/// The tokenizer's special tokens by name, as transformers hands them to templates: keys of
/// `tokenizer_config.json` that end in `_token`, and the named ones of other models. Where that
/// file lists no added tokens, those of `special_tokens_map.json` go first.
fn special_tokens(
    config: &Value,
    map: impl FnOnce() -> Result<Value, TemplateProblem>,
) -> Result<BTreeMap<String, String>, TemplateProblem> {
    let mut variables = BTreeMap::new();
    // Qwen2Tokenizer has defaults of its own; one that is null is none.
    let class = config["tokenizer_class"].as_str().unwrap_or_default();
    if class.starts_with("Qwen2Tokenizer") {
        for name in ["eos_token", "pad_token", "unk_token"] {
            variables.insert(name.to_owned(), "<|endoftext|>".to_owned());
        }
    }
    let mut take = |from: &Value, any: bool| {
        for (name, value) in from.as_object().into_iter().flatten() {
            if !any && !name.ends_with("_token") {
                continue;
            }
            match value.as_str().or_else(|| value["content"].as_str()) {
                Some(token) => variables.insert(name.clone(), token.to_owned()),
                None if value.is_null() => variables.remove(name),
                None => None,
            };
        }
    };
    take(config, false);
    take(&config["extra_special_tokens"], true);
    take(&config["model_specific_special_tokens"], true);
    if config["added_tokens_decoder"].is_null() {
        take(&map()?, false);
    }
    Ok(variables)
}
