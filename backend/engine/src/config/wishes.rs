//! What a model's `generation_config.json` would have done that a run does only when it is asked.

use std::path::Path;

use serde_json::Value;

use super::read_json;

/// Keys that change which tokens are chosen, with the value at which they do nothing.
const NEUTRAL: [(&str, f64); 13] = [
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
    ("forced_bos_token_id", f64::NAN),
    ("forced_eos_token_id", f64::NAN),
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
/// Lists of tokens that are kept from being chosen, or made more probable.
const LISTS: [&str; 5] = [
    "bad_words_ids",
    "force_words_ids",
    "suppress_tokens",
    "begin_suppress_tokens",
    "sequence_bias",
];

/// A sentence about what the folder's own file asks for and a run does not do by itself; none where
/// it asks for nothing, or is not there.
pub(crate) fn wishes(folder: &Path) -> Option<String> {
    let file = read_json(&folder.join("generation_config.json")).ok()??;
    let asked = |(key, neutral): &(&str, f64)| {
        let value = &file[*key];
        let number = value.as_f64()?;
        (number != *neutral).then(|| format!("{key} {value}"))
    };
    let mut wishes: Vec<String> = Vec::new();
    if file["do_sample"] == Value::Bool(true) {
        wishes.push("do_sample".to_owned());
        wishes.extend(DRAWING.iter().filter_map(asked));
    }
    wishes.extend(NEUTRAL.iter().filter_map(asked));
    let there = |key: &&&str| {
        !matches!(&file[**key], Value::Null)
            && file[**key].as_array().is_none_or(|list| !list.is_empty())
    };
    wishes.extend(LISTS.iter().filter(there).map(|key| (*key).to_owned()));
    if wishes.is_empty() {
        return None;
    }
    Some(format!(
        "generation_config.json asks for {}; runs take the most probable token unless they are asked for a \
         repetition penalty, a temperature or top-p.",
        wishes.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_tokens_is_told() {
        let of = |json: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::write(folder.path().join("generation_config.json"), json).expect("written");
            wishes(folder.path())
        };
        assert_eq!(of(r#"{"do_sample": false, "temperature": 0.2, "eos_token_id": 2}"#), None);
        assert_eq!(of(r#"{"repetition_penalty": 1.0, "bad_words_ids": null}"#), None);
        let qwen = of(r#"{"do_sample": true, "repetition_penalty": 1.05, "temperature": 1e-06}"#);
        let said = qwen.expect("a sentence");
        assert!(said.contains("do_sample, temperature 1e-6, repetition_penalty 1.05;"), "{said}");
        let said = of(r#"{"num_beams": 4, "suppress_tokens": [1]}"#).expect("a sentence");
        assert!(said.contains("num_beams 4, suppress_tokens;"), "{said}");
        assert_eq!(wishes(Path::new("/nowhere")), None);
    }
}
