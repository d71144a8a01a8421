//! Qwen2.5-VL's configuration.

use std::path::Path;

use super::{Files, HeadSizes, MOST, Section, eos, heads, image_token, rope, silu};
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
        let files = Files::read(folder)?;
        Self::parse(&files.model()?, &files.generation()?)
    }

    fn parse(model: &Section, generation: &Section) -> Result<Self, EngineError> {
        // Nested since transformers 4.52; the published files are flat. Where both are there the
        // nested part wins.
        let nested = model.section("text_config")?;
        let text_part = if nested.is_missing() { model.clone() } else { nested };
        let vision_part = model.section("vision_config")?;
        let vision = vision(&vision_part)?;
        let text = decoder(model, &text_part)?;
        if vision.out != text.hidden {
            return Err(model.fail(&format!(
                "'{}' is {}: the vision tower gives that many values a token, and the decoder \
                 takes {} ('{}')",
                vision_part.key("out_hidden_size"),
                vision.out,
                text.hidden,
                text_part.key("hidden_size"),
            )));
        }
        Ok(QwenConfig {
            image_token: image_token(model, &["image_token_id"], 151_655, text.vocab)?,
            eos: eos(&[generation, model, &text_part], 151_645)?,
            text,
            vision,
        })
    }
}

/// Qwen2.5's settings, with the defaults of transformers' Qwen2_5_VLTextConfig.
fn decoder(model: &Section, text: &Section) -> Result<DecoderConfig, EngineError> {
    if text.flag("use_sliding_window", false)? {
        return Err(text.wrong("use_sliding_window", "false"));
    }
    match text.text("model_type")? {
        None | Some("qwen2_5_vl" | "qwen2_5_vl_text") => {}
        Some(_) => return Err(text.wrong("model_type", "\"qwen2_5_vl_text\"")),
    }
    silu(text)?;
    let hidden = text.size("hidden_size", 8192, MOST.width)?;
    let HeadSizes { heads, kv_heads, head_dim } = heads(text, hidden, 64, Some(8))?;
    let rotary = rope(text, 1e6)?;
    let turned = rotary.sections.iter().fold(0usize, |sum, n| sum.saturating_add(*n));
    if rotary.sections.len() != 3 || turned != head_dim / 2 {
        return Err(text.fail(&format!(
            "'mrope_section' {:?} does not fill half a head of {head_dim} in three parts",
            rotary.sections
        )));
    }
    Ok(DecoderConfig {
        hidden,
        intermediate: text.size("intermediate_size", 29_568, MOST.width)?,
        layers: text.size("num_hidden_layers", 80, MOST.layers)?,
        heads,
        kv_heads,
        head_dim,
        vocab: text.size("vocab_size", 152_064, MOST.vocab)?,
        norm_eps: text.number("rms_norm_eps", 1e-5, 0.0..=0.1)?,
        rotary,
        // The flag may stand outside, in the text part, or in both: either one ties.
        tied: model.flag("tie_word_embeddings", false)?
            | text.flag("tie_word_embeddings", false)?,
        max_positions: text.size("max_position_embeddings", 32_768, MOST.positions)?,
    })
}

/// The vision tower's settings, with the defaults of transformers' Qwen2_5_VLVisionConfig.
fn vision(json: &Section) -> Result<QwenVisionConfig, EngineError> {
    match json.text("model_type")? {
        None | Some("qwen2_5_vl" | "qwen2_5_vl_vision") => {}
        Some(_) => return Err(json.wrong("model_type", "\"qwen2_5_vl\"")),
    }
    silu(json)?;
    for (name, only) in [("in_channels", 3), ("in_chans", 3), ("temporal_patch_size", 2)] {
        if json.size(name, only, MOST.width)? != only {
            return Err(json.wrong(name, &only.to_string()));
        }
    }
    let full = match json.member("fullatt_block_indexes") {
        serde_json::Value::Null => vec![7, 15, 23, 31],
        _ => json.whole("fullatt_block_indexes")?.into_iter().map(|n| n as usize).collect(),
    };
    let config = QwenVisionConfig {
        hidden: json.size("hidden_size", 3584, MOST.width)?,
        intermediate: json.size("intermediate_size", 3420, MOST.width)?,
        layers: json.size("depth", 32, MOST.layers)?,
        heads: json.size("num_heads", 16, MOST.heads)?,
        patch: json.size("patch_size", 14, 1 << 10)?,
        merge: json.size("spatial_merge_size", 2, 16)?,
        window: json.size("window_size", 112, 1 << 14)?,
        full,
        out: json.size("out_hidden_size", 3584, MOST.width)?,
    };
    if !config.hidden.is_multiple_of(4 * config.heads) {
        return Err(json.fail(&format!(
            "'{}' {} and {} heads do not fit together: a head's width must be a multiple of 4",
            json.key("hidden_size"),
            config.hidden,
            config.heads
        )));
    }
    if config.window_tokens() == 0 {
        return Err(json.fail(&format!(
            "'{}' {} is smaller than a token of {} pixels",
            json.key("window_size"),
            config.window,
            config.patch * config.merge
        )));
    }
    Ok(config)
}
