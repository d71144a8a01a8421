//! Qwen2-VL's configuration.

use shared::sentence::{ConfigFault, ModelNote};

use super::TOWER;
use crate::config::{
    Files, MOST, QwenText, RopeRules, Section, activation, known, model_type, qwen_text, rope,
    same_layers,
};
use crate::error::EngineError;
use crate::family::grid::GridModel;
use crate::filesystem::Location;
use crate::prepare::{FilmModel, FilmTime};
use crate::vision::{Activation, GridConfig, GridKind, GridMlp};

/// Names that nobody reads any more.
const HARMLESS: [&str; 2] = ["in_chans", "spatial_patch_size"];

/// Reads the configuration of a model folder. Settings left out have transformers' defaults.
/// What is understood otherwise than it reads, or not known, is noted.
///
/// # Errors
/// A setting that is not supported.
pub(super) fn load(
    folder: &Location,
    notes: &mut Vec<ModelNote>,
) -> Result<GridModel, EngineError> {
    let files = Files::read(folder)?;
    let (model, generation) = (files.model()?, files.generation()?);
    let vision = vision(&model.section("vision_config")?, notes)?;
    let image_processor = model.text("image_processor_type")?.map(str::to_owned);
    let types = ["qwen2_vl", "qwen2_vl_text"];
    // What this family calls its tower's width is `embed_dim`.
    let out = ("hidden_size", vision.out);
    let QwenText { text, image_token, video_token: token, eos } =
        qwen_text((&model, &generation), &types, out, notes)?;
    let film = Some(FilmModel { token, time: FilmTime::Steps });
    Ok(GridModel { text, vision, image_token, eos, image_processor, film })
}

/// The vision tower's settings, with the defaults of transformers' Qwen2VLVisionConfig.
fn vision(json: &Section, notes: &mut Vec<ModelNote>) -> Result<GridConfig, EngineError> {
    same_layers(json)?;
    model_type(json, &["qwen2_vl", "qwen2_vl_vision"])?;
    for (name, only) in [("in_channels", 3), ("temporal_patch_size", 2)] {
        if json.size(name, only, MOST.width)? != only {
            return Err(json.wrong_value(name, only));
        }
    }
    let activation = activation(json, "hidden_act", Activation::QuickGelu)?;
    let hidden = json.size("embed_dim", 1280, MOST.width)?;
    // The other name of the same setting; where both are there it is set last.
    let heads = json.size("num_heads", 16, MOST.heads)?;
    let config = GridConfig {
        kind: GridKind { mlp: GridMlp::Plain(activation), ..TOWER },
        hidden,
        intermediate: hidden * json.size("mlp_ratio", 4, 64)?,
        layers: json.size("depth", 32, MOST.layers)?,
        heads: json.size("num_attention_heads", heads, MOST.heads)?,
        patch: json.size("patch_size", 14, 1 << 10)?,
        merge: json.size("spatial_merge_size", 2, 16)?,
        windows: None,
        positions: None,
        deep: Vec::new(),
        out: json.size("hidden_size", 3584, MOST.width)?,
        theta: rope(json, &RopeRules::AXIAL, notes)?.theta,
    };
    if !config.hidden.is_multiple_of(4 * config.heads) {
        let (key, width, heads) = (json.key("embed_dim"), config.hidden, config.heads);
        return Err(json.fail(ConfigFault::WidthAndHeadsByFour { key, width, heads }));
    }
    json.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS], notes);
    Ok(config)
}
