//! What a model's `generation_config.json` would have done that a run does only when it is asked.

use serde_json::Value;
use shared::options::NEW_TOKENS;
use shared::sentence::ModelNote;

use super::{Section, read_json};
use crate::filesystem::Location;

/// Keys that change which tokens are chosen, with the value at which they do nothing.
const NEUTRAL: [(&str, f64); 11] = [
    ("repetition_penalty", 1.0),
    ("encoder_repetition_penalty", 1.0),
    ("num_beams", 1.0),
    ("num_beam_groups", 1.0),
    ("no_repeat_ngram_size", 0.0),
    ("encoder_no_repeat_ngram_size", 0.0),
    ("min_length", 0.0),
    ("min_new_tokens", 0.0),
    ("penalty_alpha", 0.0),
    ("guidance_scale", 1.0),
    ("prompt_lookup_num_tokens", 0.0),
];
/// Keys that matter only where tokens are drawn.
const DRAWING: [(&str, f64); 8] = [
    ("temperature", 1.0),
    ("top_k", 0.0),
    ("top_p", 1.0),
    ("min_p", 0.0),
    ("typical_p", 1.0),
    ("epsilon_cutoff", 0.0),
    ("eta_cutoff", 0.0),
    ("top_h", 0.0),
];
/// What changes which tokens are chosen, or where an answer ends, wherever it is there and not empty.
const GIVEN: [&str; 16] = [
    "bad_words_ids",
    "begin_suppress_tokens",
    "constraints",
    "dola_layers",
    "exponential_decay_length_penalty",
    "force_words_ids",
    "forced_bos_token_id",
    "forced_decoder_ids",
    "forced_eos_token_id",
    "max_time",
    "sequence_bias",
    "stop_strings",
    "suppress_tokens",
    "token_healing",
    "use_mtp",
    "watermarking_config",
];
/// Limits on an answer's length: a run has its own.
const LENGTHS: [&str; 2] = ["max_new_tokens", "max_length"];
/// What changes no token: what is followed, what is returned, how fast it goes, what matters only
/// with several beams (named by `num_beams`) or to the tokenizer, and members of every configuration.
const HARMLESS: [&str; 41] = [
    "_commit_hash",
    "_from_model_config",
    "assistant_confidence_threshold",
    "assistant_early_exit",
    "assistant_ensemble_weight",
    "assistant_lookbehind",
    "bos_token_id",
    "cache_config",
    "cache_implementation",
    "chat_format",
    "compile_config",
    "continuous_batching_config",
    "decoder_start_token_id",
    "disable_compile",
    "diversity_penalty",
    "early_stopping",
    "eos_token_id",
    "is_assistant",
    "length_penalty",
    "low_memory",
    "max_cache_len",
    "max_matching_ngram_size",
    "num_assistant_tokens",
    "num_assistant_tokens_schedule",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_logits",
    "output_scores",
    "pad_token_id",
    "prefill_chunk_size",
    "remove_invalid_values",
    "renormalize_logits",
    "return_dict_in_generate",
    "return_legacy_cache",
    "speculation_type",
    "target_lookbehind",
    "trust_remote_code",
    "transformers_version",
    "use_cache",
    "use_model_defaults",
];

/// Sentences about what the folder's own file asks for and a run does not do by itself, and about
/// what is not known of it; none where it asks for nothing, or is not there.
pub(crate) fn wishes(folder: &Location) -> Vec<ModelNote> {
    let path = folder.join("generation_config.json");
    let Ok(Some(json)) = read_json(&path) else { return Vec::new() };
    let Ok(file) = Section::file(&json, path.display().to_string()) else { return Vec::new() };
    let asked = |(key, neutral): &(&str, f64)| {
        let value = file.member(key);
        let number = value.as_f64()?;
        (number != *neutral).then(|| format!("{key} {value}"))
    };
    let mut wishes: Vec<String> = Vec::new();
    let draws = file.member("do_sample") == &Value::Bool(true);
    // Each is looked at, so that none of them is unknown.
    let drawing: Vec<String> = DRAWING.iter().filter_map(asked).collect();
    if draws {
        wishes.push("do_sample".to_owned());
        wishes.extend(drawing);
    }
    wishes.extend(NEUTRAL.iter().filter_map(asked));
    let given = |key: &&&str| match file.member(key) {
        Value::Null | Value::Bool(false) => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    };
    wishes.extend(GIVEN.iter().filter(given).map(|key| (*key).to_owned()));
    let mut said = Vec::new();
    if !wishes.is_empty() {
        said.push(ModelNote::Wishes { wishes: wishes.join(", ") });
    }
    let lengths = LENGTHS.iter().filter_map(|key| match file.member(key) {
        Value::Null => None,
        most => Some(format!("{key} {most}")),
    });
    let lengths: Vec<String> = lengths.collect();
    if !lengths.is_empty() {
        let (lengths, tokens) = (lengths.join(", "), NEW_TOKENS.into());
        said.push(ModelNote::Lengths { lengths, tokens });
    }
    if file.has("eos_token_id") && file.member("eos_token_id").is_null() {
        said.push(ModelNote::NoEnd);
    }
    file.tell_unknown(&[&HARMLESS], &mut said);
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_tokens_is_told() {
        let of = |json: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::write(folder.path().join("generation_config.json"), json).expect("written");
            let all = wishes(&folder.path().into()).into_iter();
            all.map(|note| note.text(shared::Language::English)).collect::<Vec<String>>()
        };
        let none: Vec<String> = Vec::new();
        let harmless =
            r#"{"do_sample": false, "temperature": 0.2, "eos_token_id": 2, "use_cache": true}"#;
        assert_eq!(of(harmless), none);
        assert_eq!(of(r#"{"repetition_penalty": 1.0, "bad_words_ids": null}"#), none);
        assert_eq!(of(r#"{"stop_strings": [], "token_healing": false}"#), none);
        let qwen = of(r#"{"do_sample": true, "repetition_penalty": 1.05, "temperature": 1e-06}"#);
        assert!(
            qwen[0].contains("do_sample, temperature 1e-6, repetition_penalty 1.05;"),
            "{qwen:?}"
        );
        let said = of(r#"{"num_beams": 4, "suppress_tokens": [1]}"#);
        assert!(said[0].contains("num_beams 4, suppress_tokens;"), "{said:?}");
        for (key, value) in [
            ("stop_strings", r#"["\n"]"#),
            ("exponential_decay_length_penalty", "[5, 1.1]"),
            ("watermarking_config", r#"{"bias": 2.5}"#),
            ("forced_decoder_ids", "[[1, 7]]"),
            ("forced_eos_token_id", "[3, 4]"),
            ("forced_bos_token_id", "3"),
            ("dola_layers", "\"high\""),
        ] {
            let said = of(&format!("{{\"{key}\": {value}}}"));
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].contains(&format!("asks for {key};")), "{said:?}");
        }
        let said = of(r#"{"max_new_tokens": 512, "max_length": 4096}"#);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].contains("max_new_tokens 512, max_length 4096; a run writes at most"),
            "{said:?}"
        );
        let said = of(r#"{"eos_token_id": null}"#);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("eos_token_id null"), "{said:?}");
        let said = of(r#"{"foo": 1, "bar": null}"#);
        assert_eq!(said, ["generation_config.json has 'foo', which this lab does not know."]);
        assert_eq!(wishes(&"/nowhere".into()), []);
    }
}
