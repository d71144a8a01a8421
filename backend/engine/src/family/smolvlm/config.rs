//! SmolVLM's and Idefics3's configuration.

use shared::sentence::{ModelNote, SettingNeed};

use crate::config::{
    Files, MOST, Section, eos, gelu, image_token, known, llama, model_type, same_layers,
};
use crate::decoder::DecoderConfig;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::vision::{Activation, VitConfig};

/// Patches along a tile's edge for which transformers' buckets give patch i the position i. With
/// others single patches share a position, by the rounding of f32, or nobody has looked.
const GRIDS: [usize; 9] = [8, 9, 14, 16, 24, 26, 27, 32, 35];

/// Settings around the parts that follow from others, or belong to training.
const HARMLESS: [&str; 2] = ["vocab_size", "use_reentrant_checkpointing"];

/// What published files say of the text part and neither Llama nor Idefics3 reads.
const HARMLESS_TEXT: [&str; 8] = [
    "_flash_attn_2_enabled",
    "is_llama_config",
    "neftune_noise_alpha",
    "perceiver_config",
    "pixel_shuffle_factor",
    "qk_layer_norms",
    "transformers.js_config",
    "use_resampler",
];

/// The same of the vision part: how pictures are prepared stands in the processor's file.
const HARMLESS_VISION: [&str; 5] =
    ["max_image_size", "size", "tie_word_embeddings", "use_base_siglip", "vocab_size"];

/// Everything the family needs from `config.json` and `generation_config.json`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SmolConfig {
    pub(super) text: DecoderConfig,
    pub(super) vision: VitConfig,
    /// Patches along the edge of a token.
    pub(super) scale: usize,
    pub(super) image_token: u32,
    pub(super) eos: Vec<u32>,
}

impl SmolConfig {
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
        if text_part.is_missing() {
            return Err(model.wrong("text_config", SettingNeed::DecoderSettings));
        }
        for name in HARMLESS_TEXT {
            text_part.has(name);
        }
        if text_part.flag("rope_interleaved", false)? {
            return Err(text_part.wrong_value("rope_interleaved", false));
        }
        let text = llama(&model, &text_part, notes)?;
        let vision = siglip(&model.section("vision_config")?, notes)?;
        let scale = model.size("scale_factor", 2, vision.grid())?;
        if let Err(needed) = fits(&vision, scale) {
            return Err(model.wrong("scale_factor", needed));
        }
        let config = SmolConfig {
            image_token: image_token(&model, &["image_token_id"], 128_257, text.vocab)?,
            eos: eos(&[&generation, &model, &text_part], 2)?,
            text,
            vision,
            scale,
        };
        model.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS], notes);
        Ok(config)
    }

    /// Tokens along a tile's edge.
    pub(super) fn grid(&self) -> usize {
        self.vision.grid() / self.scale
    }
}

/// Whether tokens of this many patches along an edge fill a tile; what is needed where they do not.
pub(super) fn fits(vision: &VitConfig, scale: usize) -> Result<(), SettingNeed> {
    let grid = vision.grid();
    match grid.is_multiple_of(scale) {
        true => Ok(()),
        false => Err(SettingNeed::GridDivisor { grid }),
    }
}

/// SigLIP as these models have it: no class token, a norm after the blocks that is applied.
pub(super) const SIGLIP: VitConfig = VitConfig {
    hidden: 768,
    intermediate: 3072,
    layers: 12,
    heads: 12,
    image_size: 512,
    patch_size: 16,
    norm_eps: 1e-6,
    activation: Activation::GeluTanh,
    class_token: false,
    pre_norm: false,
    post_norm: true,
    patch_bias: true,
};

/// The tower's settings, with the defaults of transformers' Idefics3VisionConfig.
fn siglip(json: &Section, notes: &mut Vec<ModelNote>) -> Result<VitConfig, EngineError> {
    let kinds = ["idefics3", "siglip_vision_model", "idefics3_vision", "smolvlm_vision"];
    model_type(json, &kinds)?;
    same_layers(json)?;
    if json.size("num_channels", 3, 3)? != 3 {
        return Err(json.wrong_value("num_channels", 3));
    }
    let config = VitConfig {
        hidden: json.size("hidden_size", 1152, MOST.width)?,
        intermediate: json.size("intermediate_size", 3072, MOST.width)?,
        layers: json.size("num_hidden_layers", 12, MOST.layers)?,
        heads: json.size("num_attention_heads", 16, MOST.heads)?,
        image_size: json.size("image_size", 224, 1 << 12)?,
        patch_size: json.size("patch_size", 32, 1 << 12)?,
        norm_eps: json.number("layer_norm_eps", 1e-6, 0.0..=0.1)?,
        activation: gelu(json)?,
        ..SIGLIP
    };
    if let Err((name, needed)) = check(&config) {
        return Err(json.wrong(name, needed));
    }
    json.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS_VISION], notes);
    Ok(config)
}

/// Whether a tower's sizes fit together; else the setting that does not fit, and what is needed.
pub(super) fn check(config: &VitConfig) -> Result<(), (&'static str, SettingNeed)> {
    let VitConfig { hidden, heads, image_size, .. } = *config;
    if !hidden.is_multiple_of(heads) {
        return Err(("num_attention_heads", SettingNeed::WidthDivisor { width: hidden }));
    }
    if !GRIDS.contains(&config.grid()) {
        let counts: Vec<String> = GRIDS.iter().map(usize::to_string).collect();
        let counts = counts.join(", ");
        return Err(("patch_size", SettingNeed::PatchFits { counts, edge: image_size }));
    }
    Ok(())
}
