//! Qwen2.5-VL's configuration.

use shared::sentence::ModelNote;

use super::TOWER;
use crate::config::{
    Files, MOST, RopeRules, Section, Usual, eos, heads, image_token, known, model_type, rope,
    same_layers, silu,
};
use crate::decoder::{Biases, DecoderConfig};
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::vision::{GridConfig, Windows};

/// Tokens that stand for nothing in a question about a still picture.
const HARMLESS: [&str; 4] =
    ["video_token_id", "vision_end_token_id", "vision_start_token_id", "vision_token_id"];
/// Of the vision tower's: names that nobody reads any more, and how seconds of a film are counted.
const HARMLESS_TOWER: [&str; 3] = ["in_chans", "spatial_patch_size", "tokens_per_second"];

/// The decoder's rotary positions: three axes, plain or linear.
const ROPE: RopeRules = RopeRules {
    theta: 1e6,
    plain: &["mrope"],
    linear: true,
    words: "\"default\", \"linear\" or \"mrope\"",
    sections: Some([16, 24, 24]),
    interleaved: false,
};

/// Everything Qwen2.5-VL needs from `config.json` and `generation_config.json`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QwenConfig {
    pub(crate) text: DecoderConfig,
    pub(crate) vision: GridConfig,
    pub(crate) image_token: u32,
    pub(crate) eos: Vec<u32>,
    /// The image processor that `config.json` names, if it names one.
    pub(crate) image_processor: Option<String>,
}

impl QwenConfig {
    /// Reads the configuration of a model folder. Settings left out have transformers' defaults.
    /// What is understood otherwise than it reads, or not known, is noted.
    ///
    /// # Errors
    /// A setting that is not supported.
    pub(crate) fn load(folder: &Location, notes: &mut Vec<ModelNote>) -> Result<Self, EngineError> {
        let files = Files::read(folder)?;
        let (model, generation) = (files.model()?, files.generation()?);
        let config = Self::parse(&model, &generation, notes)?;
        beside(&model, notes)?;
        model.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS], notes);
        Ok(config)
    }

    fn parse(
        model: &Section,
        generation: &Section,
        notes: &mut Vec<ModelNote>,
    ) -> Result<Self, EngineError> {
        same_layers(model)?;
        // Nested since transformers 4.52; the published files are flat. Where both are there the
        // nested part wins.
        let nested = model.section("text_config")?;
        let text_part = if nested.is_missing() { model.clone() } else { nested };
        let vision_part = model.section("vision_config")?;
        let vision = vision(&vision_part, notes)?;
        let text = decoder(model, &text_part, notes)?;
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
            image_processor: model.text("image_processor_type")?.map(str::to_owned),
            image_token: image_token(model, &["image_token_id"], 151_655, text.vocab)?,
            eos: eos(&[generation, model, &text_part], 151_645)?,
            text,
            vision,
        })
    }
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

/// Qwen2.5's settings, with the defaults of transformers' Qwen2_5_VLTextConfig.
fn decoder(
    model: &Section,
    text: &Section,
    notes: &mut Vec<ModelNote>,
) -> Result<DecoderConfig, EngineError> {
    same_layers(text)?;
    if text.flag("use_sliding_window", false)? {
        return Err(text.wrong("use_sliding_window", "false"));
    }
    model_type(text, &["qwen2_5_vl", "qwen2_5_vl_text"])?;
    silu(text)?;
    let hidden = text.size("hidden_size", 8192, MOST.width)?;
    let heads = heads(text, hidden, (64, Some(8)), None)?;
    let head_dim = heads.head_dim;
    if head_dim * heads.heads != hidden {
        let needed = format!("{}, the width over the heads,", hidden / heads.heads);
        return Err(text.wrong("head_dim", &needed));
    }
    let rotary = rope(text, &ROPE, notes)?;
    let turned = rotary.sections.iter().fold(0usize, |sum, n| sum.saturating_add(*n));
    if rotary.sections.len() != 3 || turned != head_dim / 2 {
        return Err(text.fail(&format!(
            "'mrope_section' {:?} does not fill half a head of {head_dim} in three parts",
            rotary.sections
        )));
    }
    let biases = Biases { qkv: Some(true), output: Some(false), mlp: Some(false) };
    let usual = Usual {
        intermediate: 29_568,
        layers: 80,
        vocab: 152_064,
        norm_eps: 1e-5,
        positions: 32_768,
    };
    let config = crate::config::decoder((model, text), (hidden, heads), (rotary, biases), &usual)?;
    // A flat file's own members are told with the others.
    if text.key("") != model.key("") {
        text.tell_unknown(&[&known::EVERY, &known::GENERATION], notes);
    }
    Ok(config)
}

/// The vision tower's settings, with the defaults of transformers' Qwen2_5_VLVisionConfig.
fn vision(json: &Section, notes: &mut Vec<ModelNote>) -> Result<GridConfig, EngineError> {
    same_layers(json)?;
    model_type(json, &["qwen2_5_vl_vision", "qwen2_5_vl"])?;
    silu(json)?;
    for (name, only) in [("in_channels", 3), ("temporal_patch_size", 2)] {
        if json.size(name, only, MOST.width)? != only {
            return Err(json.wrong(name, &only.to_string()));
        }
    }
    let full = match json.member("fullatt_block_indexes") {
        serde_json::Value::Null => vec![7, 15, 23, 31],
        _ => json.whole("fullatt_block_indexes")?.into_iter().map(|n| n as usize).collect(),
    };
    let windows = Windows { edge: json.size("window_size", 112, 1 << 14)?, full };
    let config = GridConfig {
        kind: TOWER,
        hidden: json.size("hidden_size", 3584, MOST.width)?,
        intermediate: json.size("intermediate_size", 3420, MOST.width)?,
        layers: json.size("depth", 32, MOST.layers)?,
        // The other name of the same setting; where both are there it is set last.
        heads: json.size(
            "num_attention_heads",
            json.size("num_heads", 16, MOST.heads)?,
            MOST.heads,
        )?,
        patch: json.size("patch_size", 14, 1 << 10)?,
        merge: json.size("spatial_merge_size", 2, 16)?,
        windows: Some(windows.clone()),
        positions: None,
        deep: Vec::new(),
        out: json.size("out_hidden_size", 3584, MOST.width)?,
        theta: rope(json, &RopeRules::AXIAL, notes)?.theta,
    };
    if !config.hidden.is_multiple_of(4 * config.heads) {
        return Err(json.fail(&format!(
            "'{}' {} and {} heads do not fit together: a head's width must be a multiple of 4",
            json.key("hidden_size"),
            config.hidden,
            config.heads
        )));
    }
    if json.size("head_dim", config.hidden / config.heads, MOST.width)?
        != config.hidden / config.heads
    {
        return Err(json.wrong("head_dim", "the width over the heads"));
    }
    if config.window_tokens(&windows) == 0 {
        return Err(json.fail(&format!(
            "'{}' {} is smaller than a token of {} pixels",
            json.key("window_size"),
            windows.edge,
            config.patch * config.merge
        )));
    }
    json.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS_TOWER], notes);
    Ok(config)
}
