//! What `tokenizer_config.json` says beside `tokenizer.json`, as transformers 5 takes it. Chat
//! templates are another matter.

use serde_json::Value;
use shared::sentence::{ModelNote, SettingNeed};

use super::PromptTokenizer;
use crate::config::{Section, read_json};
use crate::error::EngineError;
use crate::filesystem::Location;

/// Members that change no token of a prompt in transformers 5: names, lengths, and what slow
/// tokenizers were told.
const HARMLESS: [&str; 48] = [
    "_commit_hash",
    "add_bos_token",
    "add_eos_token",
    "added_tokens_decoder",
    "additional_special_tokens",
    "auto_map",
    "backend",
    "bos_token",
    "chat_template",
    "cls_token",
    "context_image_token",
    "device_map",
    "end_image_token",
    "eos_token",
    "errors",
    "extra_special_tokens",
    "image_token",
    "is_local",
    "legacy",
    "local_files_only",
    "mask_token",
    "max_length",
    "model_input_names",
    "model_max_length",
    "model_specific_special_tokens",
    "name_or_path",
    "pad_to_multiple_of",
    "pad_token",
    "pad_token_id",
    "pad_token_type_id",
    "padding_side",
    "processor_class",
    "sep_token",
    "sp_model_kwargs",
    "spaces_between_special_tokens",
    "special_tokens_map_file",
    "start_image_token",
    "stride",
    "tokenizer_class",
    "tokenizer_file",
    "truncation_side",
    "truncation_strategy",
    "trust_remote_code",
    "unk_token",
    "use_default_system_prompt",
    "use_fast",
    "video_token",
    "vocab_file",
];

/// Classes that take `tokenizer.json` as it is, whatever the family: what transformers saves of a
/// tokenizer that was put together by hand.
const GENERIC: [&str; 3] = ["TokenizersBackend", "PreTrainedTokenizer", "PythonBackend"];

/// Holds a folder's `tokenizer_config.json` to what is done. `own` is the class that transformers
/// builds for this family itself, whatever `tokenizer.json` says; none where it takes that file.
pub(crate) fn check_settings(
    folder: &Location,
    tokenizer: &PromptTokenizer,
    own: Option<&str>,
    notes: &mut Vec<ModelNote>,
) -> Result<(), EngineError> {
    notes.extend(tokenizer.told().iter().cloned());
    let path = folder.join("tokenizer_config.json");
    let json = read_json(&path)?.unwrap_or_default();
    let json = Section::file(&json, path.display().to_string())?;
    if json.flag("split_special_tokens", false)? {
        return Err(json.wrong("split_special_tokens", SettingNeed::SpecialTokens));
    }
    let prefix = json.flag("add_prefix_space", false)?;
    if let Some(own) = own {
        if prefix {
            return Err(json.wrong_value("add_prefix_space", false));
        }
        if let Some(class) = json.text("tokenizer_class")? {
            let bare = class.strip_suffix("Fast").unwrap_or(class);
            if bare != own && !GENERIC.contains(&bare) {
                return Err(json.wrong_word("tokenizer_class", &[own]));
            }
        }
    }
    if json.flag("clean_up_tokenization_spaces", false)? {
        notes.push(ModelNote::CleanUpSpaces { file: json.name().to_owned() });
    }
    let unknown = added(&json).into_iter().filter(|token| tokenizer.special(token).is_none());
    let unknown: Vec<String> =
        unknown.take(8).map(|t| format!("'{}'", t.chars().take(40).collect::<String>())).collect();
    if !unknown.is_empty() {
        let (file, names) = (json.name().to_owned(), unknown.join(", "));
        notes.push(ModelNote::AddsTokens { file, names });
    }
    json.tell_unknown(&[&HARMLESS], notes);
    Ok(())
}

/// Tokens that the settings add to the vocabulary.
fn added(json: &Section) -> Vec<String> {
    let text = |value: &Value| -> Option<String> {
        value.as_str().or(value["content"].as_str()).map(str::to_owned)
    };
    let members = |name: &str| -> Vec<String> {
        match json.member(name) {
            Value::Array(list) => list.iter().filter_map(text).collect(),
            Value::Object(map) => map.values().filter_map(text).collect(),
            _ => Vec::new(),
        }
    };
    ["added_tokens_decoder", "additional_special_tokens", "extra_special_tokens"]
        .iter()
        .flat_map(|name| members(name))
        .collect()
}
