//! Qwen2.5-VL's configuration.

use std::path::Path;

use serde_json::Value;

use super::{Json, both, eos, in_folder, rope};
use crate::decoder::DecoderConfig;
use crate::error::EngineError;
use crate::vision::QwenVisionConfig;

/// Everything Qwen2.5-VL needs from `config.json` and `generation_config.json`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QwenConfig {
    pub(crate) text: DecoderConfig,
    pub(crate) vision: QwenVisionConfig,
    pub(crate) image_token: u32,
    pub(crate) eos: Vec<u32>,
}

impl QwenConfig {
    /// Reads the configuration of a model folder. Settings left out have transformers' defaults.
    ///
    /// # Errors
    /// A setting that is not supported.
    pub(crate) fn load(folder: &Path) -> Result<Self, EngineError> {
        let (json, generation) = both(folder)?;
        Self::parse(&json, &generation).map_err(in_folder(folder))
    }

    fn parse(json: &Value, generation: &Value) -> Result<Self, EngineError> {
        // Nested since transformers 4.52; the published files are flat. Where both are there the
        // nested part wins.
        let text = match json.member("text_config") {
            Value::Null => json,
            nested => nested,
        };
        let vision = vision(json.member("vision_config"))?;
        let decoder = decoder(json, text)?;
        if vision.out != decoder.hidden {
            return Err(EngineError::model(format!(
                "config.json: the vision tower gives {} values a token, the decoder takes {}",
                vision.out, decoder.hidden
            )));
        }
        Ok(QwenConfig {
            text: decoder,
            vision,
            image_token: json.member("image_token_id").as_u64().unwrap_or(151_655) as u32,
            eos: eos(&[generation, json, text], 151_645),
        })
    }
}

/// Qwen2.5's settings, with the defaults of transformers' Qwen2_5_VLTextConfig.
fn decoder(json: &Value, text: &Value) -> Result<DecoderConfig, EngineError> {
    let fail = |what: String| Err(EngineError::model(format!("config.json: {what}")));
    if text.flag("use_sliding_window", false) {
        return fail("sliding-window attention is not supported".to_owned());
    }
    if let Some(act) = text.member("hidden_act").as_str()
        && act != "silu"
    {
        return fail(format!("text activation '{act}' is not supported"));
    }
    let hidden = text.size("hidden_size", 8192)?;
    let heads = text.size("num_attention_heads", 64)?;
    let kv_heads = text.size("num_key_value_heads", 8)?;
    let head_dim = text.size("head_dim", hidden / heads)?;
    if !heads.is_multiple_of(kv_heads) || !head_dim.is_multiple_of(2) || head_dim == 0 {
        return fail(format!("{heads} heads of {head_dim} over {kv_heads} key heads do not fit"));
    }
    let rotary = rope(text, 1e6)?;
    if rotary.sections.len() != 3 || rotary.sections.iter().sum::<usize>() != head_dim / 2 {
        return fail(format!(
            "mrope_section {:?} does not fill half a head of {head_dim}",
            rotary.sections
        ));
    }
    Ok(DecoderConfig {
        hidden,
        intermediate: text.size("intermediate_size", 29_568)?,
        layers: text.size("num_hidden_layers", 80)?,
        heads,
        kv_heads,
        head_dim,
        vocab: text.size("vocab_size", 152_064)?,
        norm_eps: text.number("rms_norm_eps", 1e-5)?,
        rotary,
        // The flag may stand outside, in the text part, or in both: either one ties.
        tied: json.flag("tie_word_embeddings", false) || text.flag("tie_word_embeddings", false),
        max_positions: text.size("max_position_embeddings", 32_768)?,
    })
}

/// The vision tower's settings, with the defaults of transformers' Qwen2_5_VLVisionConfig.
fn vision(json: &Value) -> Result<QwenVisionConfig, EngineError> {
    let fail = |what: String| Err(EngineError::model(format!("config.json: {what}")));
    if let Some(act) = json.member("hidden_act").as_str()
        && act != "silu"
    {
        return fail(format!("vision activation '{act}' is not supported"));
    }
    let channels = ["in_channels", "in_chans"].iter().find_map(|n| json.member(n).as_u64());
    let frames = json.size("temporal_patch_size", 2)?;
    if channels.is_some_and(|c| c != 3) || frames != 2 {
        return fail("only pictures of 3 channels and 2 frames a patch are supported".to_owned());
    }
    let full = match json.member("fullatt_block_indexes") {
        Value::Null => vec![7, 15, 23, 31],
        list => serde_json::from_value(list.clone()).map_err(|_| {
            EngineError::model(format!("config.json: fullatt_block_indexes {list} is no list"))
        })?,
    };
    let config = QwenVisionConfig {
        hidden: json.size("hidden_size", 3584)?,
        intermediate: json.size("intermediate_size", 3420)?,
        layers: json.size("depth", 32)?,
        heads: json.size("num_heads", 16)?,
        patch: json.size("patch_size", 14)?,
        merge: json.size("spatial_merge_size", 2)?,
        window: json.size("window_size", 112)?,
        full,
        out: json.size("out_hidden_size", 3584)?,
    };
    if !config.hidden.is_multiple_of(4 * config.heads) || config.window_tokens() == 0 {
        return fail("the vision tower's sizes do not fit together".to_owned());
    }
    Ok(config)
}
