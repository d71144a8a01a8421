//! InternVL's configuration.

use serde_json::Value;
use shared::sentence::{ModelNote, SettingNeed};

use super::tower::InternVitConfig;
use crate::config::{
    Files, MOST, Section, activation, eos, gelu, image_token, known, model_type, qwen, same_layers,
};
use crate::decoder::DecoderConfig;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::vision::Activation;

/// Sizes that follow from others.
const HARMLESS: [&str; 1] = ["image_seq_length"];

/// Of the vision part: what belongs to training, and what published files say of sizes.
const HARMLESS_VISION: [&str; 7] = [
    "attention_probs_dropout_prob",
    "drop_path_rate",
    "hidden_dropout_prob",
    "initializer_factor",
    "layer_scale_init_value",
    "projection_dropout",
    "use_mask_token",
];

/// Everything the family needs from `config.json` and `generation_config.json`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InternConfig {
    pub(super) text: DecoderConfig,
    pub(super) vision: InternVitConfig,
    /// Patches along the edge of a token.
    pub(super) scale: usize,
    pub(super) projector: Activation,
    pub(super) image_token: u32,
    pub(super) eos: Vec<u32>,
}

impl InternConfig {
    /// Reads the configuration of a model folder. Settings left out have transformers' defaults.
    /// What is not known is noted.
    ///
    /// # Errors
    /// A setting that is not supported.
    pub(super) fn load(folder: &Location, notes: &mut Vec<ModelNote>) -> Result<Self, EngineError> {
        let files = Files::read(folder)?;
        let (model, generation) = (files.model()?, files.generation()?);
        same_layers(&model)?;
        let text_part = model.section("text_config")?;
        let text = qwen(&model, &text_part, notes)?;
        let vision = vision(&model.section("vision_config")?, notes)?;
        if model.member("vision_feature_layer") != &Value::Null
            && model.member("vision_feature_layer").as_i64() != Some(-1)
        {
            return Err(model.wrong("vision_feature_layer", SettingNeed::LastLayer));
        }
        if model.text("vision_feature_select_strategy")?.is_some_and(|how| how != "default") {
            return Err(model.wrong_word("vision_feature_select_strategy", &["default"]));
        }
        // Tied where nobody says, which a head in the files overrides.
        let tied = model.flag("tie_word_embeddings", true)? | text.tied;
        let config = InternConfig {
            image_token: image_token(&model, &["image_token_id"], 151_667, text.vocab)?,
            eos: eos(&[&generation, &model, &text_part], 151_645)?,
            scale: scale(&model, &vision)?,
            projector: activation(&model, "projector_hidden_act", Activation::Gelu)?,
            text: DecoderConfig { tied, ..text },
            vision,
        };
        model.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS], notes);
        Ok(config)
    }

    /// Tokens along a tile's edge.
    pub(super) fn grid(&self) -> usize {
        self.vision.grid() / self.scale
    }
}

/// Patches along the edge of a token: one over `downsample_ratio`.
fn scale(model: &Section, vision: &InternVitConfig) -> Result<usize, EngineError> {
    let name = "downsample_ratio";
    let scale = 1.0 / model.number(name, 0.5, 1e-3..=1.0)?;
    let (whole, grid) = (scale.round() as usize, vision.grid());
    if (scale - scale.round()).abs() > 1e-9 || !grid.is_multiple_of(whole) {
        return Err(model.wrong(name, SettingNeed::OneOverDivisor { grid }));
    }
    Ok(whole)
}

/// The tower's settings, with the defaults of transformers' InternVLVisionConfig.
fn vision(json: &Section, notes: &mut Vec<ModelNote>) -> Result<InternVitConfig, EngineError> {
    model_type(json, &["internvl_vision"])?;
    same_layers(json)?;
    if json.size("num_channels", 3, 3)? != 3 {
        return Err(json.wrong_value("num_channels", 3));
    }
    for (name, only) in [("use_absolute_position_embeddings", true), ("use_mean_pooling", true)] {
        if json.flag(name, only)? != only {
            return Err(json.wrong_value(name, only));
        }
    }
    let rms = match json.text("norm_type")? {
        None | Some("layer_norm") => false,
        Some("rms_norm") => true,
        Some(_) => return Err(json.wrong_word("norm_type", &["layer_norm", "rms_norm"])),
    };
    let activation = match json.text("hidden_act")? {
        None => Activation::Gelu,
        Some(_) => gelu(json)?,
    };
    let config = InternVitConfig {
        hidden: json.size("hidden_size", 1024, MOST.width)?,
        intermediate: json.size("intermediate_size", 4096, MOST.width)?,
        layers: json.size("num_hidden_layers", 24, MOST.layers)?,
        heads: json.size("num_attention_heads", 16, MOST.heads)?,
        image_size: edge(json, "image_size", 448)?,
        patch_size: edge(json, "patch_size", 14)?,
        norm_eps: json.number("layer_norm_eps", 1e-6, 0.0..=0.1)?,
        activation,
        rms,
        qk_norm: json.flag("use_qk_norm", false)?,
        qkv_bias: Some(json.flag("attention_bias", false)?),
    };
    check(&config).map_err(|(name, needed)| json.wrong(name, needed))?;
    json.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS_VISION], notes);
    Ok(config)
}

/// A tile's longest edge in pixels that is believed.
const MOST_EDGE: usize = 1 << 12;

/// A square's edge, which stands alone or twice.
fn edge(json: &Section, name: &str, usual: u32) -> Result<usize, EngineError> {
    match *json.whole(name)?.as_slice() {
        [] => Ok(usual as usize),
        [edge] if (1..=1 << 12).contains(&edge) => Ok(edge as usize),
        [high, wide] if high == wide && (1..=1 << 12).contains(&high) => Ok(high as usize),
        _ => Err(json.wrong(name, SettingNeed::SquareEdge)),
    }
}

/// Whether a tower's sizes fit together; else the setting that does not fit, and what is needed.
pub(super) fn check(config: &InternVitConfig) -> Result<(), (&'static str, SettingNeed)> {
    let InternVitConfig { hidden, heads, image_size, patch_size, .. } = *config;
    if !hidden.is_multiple_of(heads) {
        return Err(("num_attention_heads", SettingNeed::WidthDivisor { width: hidden }));
    }
    if image_size > MOST_EDGE {
        return Err(("image_size", SettingNeed::AtMostPixels { most: MOST_EDGE }));
    }
    if patch_size > image_size {
        return Err(("patch_size", SettingNeed::AtMostTile { edge: image_size }));
    }
    Ok(())
}
