//! CLIP as the vision tower of a model: its part of `config.json`.

use shared::sentence::{ConfigFault, ModelNote};

use super::{MOST, Section, activation, known, model_type, same_layers};
use crate::error::EngineError;
use crate::vision::{Activation, VitConfig};

/// Of CLIP's text tower.
const HARMLESS: [&str; 1] = ["vocab_size"];

/// CLIP's settings. A tower that is not described at all is LLaVA-1.5's own; of one that is, what
/// is left out has the defaults of transformers' CLIPVisionConfig.
pub(crate) fn clip(json: &Section, notes: &mut Vec<ModelNote>) -> Result<VitConfig, EngineError> {
    let or = |own: usize, clip: usize| if json.is_missing() { own } else { clip };
    model_type(json, &["clip_vision_model"])?;
    json.size("num_channels", 3, 3)
        .and_then(|n| if n == 3 { Ok(()) } else { Err(json.wrong_value("num_channels", 3)) })?;
    let config = VitConfig {
        hidden: json.size("hidden_size", or(1024, 768), MOST.width)?,
        intermediate: json.size("intermediate_size", or(4096, 3072), MOST.width)?,
        layers: json.size("num_hidden_layers", or(24, 12), MOST.layers)?,
        heads: json.size("num_attention_heads", or(16, 12), MOST.heads)?,
        image_size: json.size("image_size", or(336, 224), 1 << 14)?,
        patch_size: json.size("patch_size", or(14, 32), 1 << 14)?,
        norm_eps: json.number("layer_norm_eps", 1e-5, 0.0..=0.1)?,
        activation: activation(json, "hidden_act", Activation::QuickGelu)?,
        ..VitConfig::CLIP_L
    };
    if !config.hidden.is_multiple_of(config.heads) {
        let (key, width, heads) = (json.key("hidden_size"), config.hidden, config.heads);
        return Err(json.fail(ConfigFault::WidthAndHeads { key, width, heads }));
    }
    if config.patch_size > config.image_size {
        return Err(json.fail(ConfigFault::TwoSizes {
            one_key: json.key("patch_size"),
            one: config.patch_size,
            other_key: json.key("image_size"),
            other: config.image_size,
        }));
    }
    same_layers(json)?;
    json.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS], notes);
    Ok(config)
}
