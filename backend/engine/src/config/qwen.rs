//! Configurations of Qwen's decoders: Qwen2 and Qwen3 as parts of other models, and those with M-RoPE
//! of Qwen2-VL and Qwen2.5-VL, whose text settings and defaults are the same.

use shared::sentence::{ConfigFault, ModelNote, SettingNeed};

use super::{
    MOST, RopeRules, Section, Usual, eos, heads, image_token, known, model_type, rope, same_layers,
    silu,
};
use crate::decoder::{Biases, DecoderConfig};
use crate::error::EngineError;

/// Tokens that templates name by their words; a film's is read where there are films.
const HARMLESS: [&str; 4] =
    ["video_token_id", "vision_end_token_id", "vision_start_token_id", "vision_token_id"];

/// The decoder's rotary positions: three axes, plain or linear.
const ROPE: RopeRules = RopeRules {
    theta: 1e6,
    plain: &["mrope"],
    linear: true,
    words: &["default", "linear", "mrope"],
    sections: Some([16, 24, 24]),
    interleaved: false,
};

/// A model's decoder and tokens.
pub(crate) struct QwenText {
    pub(crate) text: DecoderConfig,
    pub(crate) image_token: u32,
    pub(crate) video_token: u32,
    pub(crate) eos: Vec<u32>,
}

/// Reads what stands in `config.json` and `generation_config.json` beside the vision tower, whose
/// features must be as wide as the tower's `out`, a member of `vision_config` and its value. `types` is
/// what the text part may call itself.
///
/// # Errors
/// A setting that is not supported.
pub(crate) fn qwen_text(
    (model, generation): (&Section, &Section),
    types: &[&str],
    (out, width): (&str, usize),
    notes: &mut Vec<ModelNote>,
) -> Result<QwenText, EngineError> {
    same_layers(model)?;
    // Nested since transformers 4.52; the published files are flat. Where both are there the
    // nested part wins.
    let nested = model.section("text_config")?;
    let text_part = if nested.is_missing() { model.clone() } else { nested };
    let text = decoder(model, &text_part, types, notes)?;
    if width != text.hidden {
        return Err(model.fail(ConfigFault::TowerGives {
            key: model.section("vision_config")?.key(out),
            width,
            hidden: text.hidden,
            hidden_key: text_part.key("hidden_size"),
        }));
    }
    let image_token = image_token(model, &["image_token_id"], 151_655, text.vocab)?;
    let video_token = super::image_token(model, &["video_token_id"], 151_656, text.vocab)?;
    let eos = eos(&[generation, model, &text_part], 151_645)?;
    beside(model, notes)?;
    model.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS], notes);
    Ok(QwenText { text, image_token, video_token, eos })
}

/// Settings of the decoder that stand outside `text_config` although there is one: transformers 5
/// looks inside alone.
fn beside(model: &Section, notes: &mut Vec<ModelNote>) -> Result<(), EngineError> {
    let text = model.section("text_config")?;
    if text.is_missing() {
        return Ok(());
    }
    for name in INSIDE {
        let outside = model.member(name);
        if !outside.is_null() && outside != text.member(name) {
            let (file, name) = (model.name().to_owned(), format!("'{name}'"));
            notes.push(ModelNote::InsideCounts { file, name });
        }
    }
    Ok(())
}

/// What is read of `text_config`, where there is one.
const INSIDE: [&str; 16] = [
    "head_dim",
    "hidden_act",
    "hidden_size",
    "intermediate_size",
    "layer_types",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "rms_norm_eps",
    "rope_parameters",
    "rope_scaling",
    "rope_theta",
    "use_sliding_window",
    "vocab_size",
    "per_layer_config",
];

/// The decoder's settings, with the defaults of transformers' Qwen2VLTextConfig and
/// Qwen2_5_VLTextConfig.
fn decoder(
    model: &Section,
    text: &Section,
    types: &[&str],
    notes: &mut Vec<ModelNote>,
) -> Result<DecoderConfig, EngineError> {
    same_layers(text)?;
    if text.flag("use_sliding_window", false)? {
        return Err(text.wrong_value("use_sliding_window", false));
    }
    model_type(text, types)?;
    silu(text)?;
    let hidden = text.size("hidden_size", 8192, MOST.width)?;
    let heads = heads(text, hidden, (64, Some(8)), None)?;
    let head_dim = heads.head_dim;
    if head_dim * heads.heads != hidden {
        return Err(text.wrong("head_dim", SettingNeed::HeadWidth { width: hidden / heads.heads }));
    }
    let rotary = rope(text, &ROPE, notes)?;
    let turned = rotary.sections.iter().fold(0usize, |sum, n| sum.saturating_add(*n));
    if rotary.sections.len() != 3 || turned != head_dim / 2 {
        let sections = format!("{:?}", rotary.sections);
        return Err(text.fail(ConfigFault::AxesDoNotFill { sections, width: head_dim }));
    }
    let biases = Biases { qkv: Some(true), output: Some(false), mlp: Some(false) };
    let usual = Usual {
        intermediate: 29_568,
        layers: 80,
        vocab: 152_064,
        norm_eps: 1e-5,
        positions: 32_768,
    };
    let config = super::decoder((model, text), (hidden, heads), (rotary, biases), &usual)?;
    // A flat file's own members are told with the others.
    if text.key("") != model.key("") {
        text.tell_unknown(&[&known::EVERY, &known::GENERATION], notes);
    }
    Ok(config)
}

/// Rotary positions of Qwen2 and Qwen3 as parts of other models.
const ROPE_PLAIN: RopeRules = RopeRules {
    theta: 1e4,
    plain: &["dynamic"],
    linear: true,
    words: &["default", "linear", "dynamic"],
    sections: None,
    interleaved: false,
};

/// The settings of a Qwen2 or a Qwen3 in `text_config`, with the defaults of transformers' Qwen2Config
/// and Qwen3Config; Qwen2 where it does not say which.
///
/// # Errors
/// A setting that is not supported.
pub(crate) fn qwen(
    model: &Section,
    text: &Section,
    notes: &mut Vec<ModelNote>,
) -> Result<DecoderConfig, EngineError> {
    same_layers(text)?;
    if text.flag("use_sliding_window", false)? {
        return Err(text.wrong_value("use_sliding_window", false));
    }
    let third = match text.text("model_type")? {
        None | Some("qwen2") => false,
        Some("qwen3") => true,
        Some(_) => return Err(text.wrong_word("model_type", &["qwen2", "qwen3"])),
    };
    silu(text)?;
    let hidden = text.size("hidden_size", 4096, MOST.width)?;
    let heads = heads(text, hidden, (32, Some(32)), third.then_some(128))?;
    let rotary = rope(text, &ROPE_PLAIN, notes)?;
    let biases = if third {
        let attention = Some(text.flag("attention_bias", false)?);
        Biases { qkv: attention, output: attention, mlp: Some(false) }
    } else {
        Biases { qkv: Some(true), output: Some(false), mlp: Some(false) }
    };
    let usual = Usual {
        intermediate: 22_016,
        layers: 32,
        vocab: 151_936,
        norm_eps: 1e-6,
        positions: 32_768,
    };
    let config = super::decoder((model, text), (hidden, heads), (rotary, biases), &usual)?;
    text.tell_unknown(&[&known::EVERY, &known::GENERATION], notes);
    Ok(DecoderConfig { head_norms: third, ..config })
}
