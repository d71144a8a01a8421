//! SigLIP as the vision tower and Qwen2 as the decoder of a model of LLaVA's kind.

use serde_json::Value;
use shared::sentence::{ConfigFault, ModelNote, SettingNeed};

use super::{
    MOST, Section, activation, eos, gelu, image_token, known, model_type, qwen, same_layers,
};
use crate::decoder::DecoderConfig;
use crate::error::EngineError;
use crate::vision::{Activation, ProjectedConfig, VitConfig};

/// What a model's vision tower calls itself.
pub(crate) const SIGLIP: &str = "siglip_vision_model";

/// Of a tower's head, which makes one vector of a picture and which no model of this kind asks.
const HARMLESS: [&str; 2] = ["vision_use_head", "vocab_size"];

/// SigLIP So400m at 384 pixels, the features taken as its last block leaves them.
pub(crate) const SO400M: VitConfig = VitConfig {
    hidden: 1152,
    intermediate: 4304,
    layers: 26,
    heads: 16,
    image_size: 384,
    patch_size: 14,
    norm_eps: 1e-6,
    activation: Activation::GeluTanh,
    class_token: false,
    pre_norm: false,
    post_norm: false,
    patch_bias: true,
};

/// What such a model's configuration says of its parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SiglipQwen {
    pub(crate) text: DecoderConfig,
    pub(crate) encoder: ProjectedConfig,
    pub(crate) image_token: u32,
    pub(crate) eos: Vec<u32>,
}

/// What transformers takes where such a configuration says nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SiglipUsual {
    pub(crate) image_token: u32,
    /// The layer whose hidden state the features are, counted from the end.
    pub(crate) layer: i64,
    /// Whether every patch is a feature; else a class token would be dropped, which there is none of.
    pub(crate) full: bool,
    /// Whether the parts may leave out what they are.
    pub(crate) own: bool,
}

impl SiglipQwen {
    /// From `config.json` and `generation_config.json`. What is not known is noted, but for members of
    /// the outermost object.
    ///
    /// # Errors
    /// A setting that is not supported.
    pub(crate) fn parse(
        (model, generation): (&Section, &Section),
        usual: SiglipUsual,
        notes: &mut Vec<ModelNote>,
    ) -> Result<Self, EngineError> {
        same_layers(model)?;
        let (text_part, tower) = (model.section("text_config")?, model.section("vision_config")?);
        for (part, kind) in [(&text_part, "qwen2"), (&tower, SIGLIP)] {
            if !usual.own && part.text("model_type")?.is_none() {
                return Err(part.wrong_word("model_type", &[kind]));
            }
        }
        let text = qwen2(model, &text_part, notes)?;
        let vision = siglip(&tower, notes)?;
        let strategy = "vision_feature_select_strategy";
        match model.text(strategy)? {
            Some("full") => {}
            None if usual.full => {}
            _ => return Err(model.wrong(strategy, SettingNeed::EveryPatch)),
        }
        let names = ["image_token_id", "image_token_index"];
        Ok(SiglipQwen {
            image_token: image_token(model, &names, usual.image_token, text.vocab)?,
            eos: eos(&[generation, model, &text_part], 151_645)?,
            encoder: ProjectedConfig {
                blocks: feature_blocks(model, vision.layers, usual.layer)?,
                vision,
                activation: activation(model, "projector_hidden_act", Activation::Gelu)?,
                bias: Some(model.flag("multimodal_projector_bias", true)?),
                out: text.hidden,
            },
            text,
        })
    }
}

/// How many vision blocks lead to the feature layer; `usual` is the one taken where nobody says.
/// Hidden state 0 is the embedding's; from the end they count as Python's lists do.
pub(crate) fn feature_blocks(
    model: &Section,
    layers: usize,
    usual: i64,
) -> Result<usize, EngineError> {
    let (name, most) = ("vision_feature_layer", layers as i64);
    let from_end = |n: i64| if n < 0 { n.checked_add(most + 1) } else { Some(n) };
    let blocks = match model.member(name) {
        Value::Null => from_end(usual),
        v => v.as_i64().and_then(from_end),
    };
    blocks
        .filter(|n| (0..=most).contains(n))
        .map(|n| n as usize)
        .ok_or_else(|| model.wrong(name, SettingNeed::VisionLayer { layers }))
}

/// SigLIP's settings. A tower that is not described at all is So400m; of one that is, what is left
/// out has the defaults of transformers' SiglipVisionConfig.
fn siglip(json: &Section, notes: &mut Vec<ModelNote>) -> Result<VitConfig, EngineError> {
    let or = |own: usize, usual: usize| if json.is_missing() { own } else { usual };
    model_type(json, &[SIGLIP])?;
    same_layers(json)?;
    if json.size("num_channels", 3, 3)? != 3 {
        return Err(json.wrong_value("num_channels", 3));
    }
    let own = SO400M;
    let config = VitConfig {
        hidden: json.size("hidden_size", or(own.hidden, 768), MOST.width)?,
        intermediate: json.size("intermediate_size", or(own.intermediate, 3072), MOST.width)?,
        layers: json.size("num_hidden_layers", or(own.layers, 12), MOST.layers)?,
        heads: json.size("num_attention_heads", or(own.heads, 12), MOST.heads)?,
        image_size: json.size("image_size", or(own.image_size, 224), 1 << 12)?,
        patch_size: json.size("patch_size", or(own.patch_size, 16), 1 << 12)?,
        norm_eps: json.number("layer_norm_eps", own.norm_eps, 0.0..=0.1)?,
        activation: gelu(json)?,
        ..own
    };
    if let Err(what) = fits(&config) {
        let key = "vision_config".to_owned();
        return Err(json.fail(ConfigFault::InSetting { key, what: what.into() }));
    }
    json.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS], notes);
    Ok(config)
}

/// Whether a tower's sizes fit together; else why they do not.
pub(crate) fn fits(config: &VitConfig) -> Result<(), ConfigFault> {
    let VitConfig { hidden, heads, image_size, patch_size, .. } = *config;
    if !hidden.is_multiple_of(heads) {
        return Err(ConfigFault::TowerHeads { width: hidden, heads });
    }
    if patch_size > image_size {
        return Err(ConfigFault::TowerPatch { patch: patch_size, edge: image_size });
    }
    Ok(())
}

/// Qwen2's settings, with the defaults of transformers' Qwen2Config.
pub(crate) fn qwen2(
    model: &Section,
    text: &Section,
    notes: &mut Vec<ModelNote>,
) -> Result<DecoderConfig, EngineError> {
    model_type(text, &["qwen2"])?;
    qwen(model, text, notes)
}
