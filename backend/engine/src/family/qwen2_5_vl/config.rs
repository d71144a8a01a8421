//! Qwen2.5-VL's configuration.

use shared::sentence::{ConfigFault, ModelNote, SettingNeed};

use super::TOWER;
use crate::config::{
    Files, MOST, QwenText, RopeRules, Section, known, model_type, qwen_text, rope, same_layers,
    silu,
};
use crate::error::EngineError;
use crate::family::grid::GridModel;
use crate::filesystem::Location;
use crate::prepare::{FilmModel, FilmTime};
use crate::vision::{GridConfig, Windows};

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
    let (vision, time) = vision(&model.section("vision_config")?, notes)?;
    let image_processor = model.text("image_processor_type")?.map(str::to_owned);
    let types = ["qwen2_5_vl", "qwen2_5_vl_text"];
    let out = ("out_hidden_size", vision.out);
    let QwenText { text, image_token, video_token: token, eos } =
        qwen_text((&model, &generation), &types, out, notes)?;
    let film = Some(FilmModel { token, time });
    Ok(GridModel { text, vision, image_token, eos, image_processor, film })
}

/// The vision tower's settings, with the defaults of transformers' Qwen2_5_VLVisionConfig, and how time is counted.
fn vision(
    json: &Section,
    notes: &mut Vec<ModelNote>,
) -> Result<(GridConfig, FilmTime), EngineError> {
    same_layers(json)?;
    model_type(json, &["qwen2_5_vl_vision", "qwen2_5_vl"])?;
    silu(json)?;
    for (name, only) in [("in_channels", 3), ("temporal_patch_size", 2)] {
        if json.size(name, only, MOST.width)? != only {
            return Err(json.wrong_value(name, only));
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
        let (key, width, heads) = (json.key("hidden_size"), config.hidden, config.heads);
        return Err(json.fail(ConfigFault::WidthAndHeadsByFour { key, width, heads }));
    }
    let width = config.hidden / config.heads;
    if json.size("head_dim", width, MOST.width)? != width {
        return Err(json.wrong("head_dim", SettingNeed::HeadWidth { width }));
    }
    if config.window_tokens(&windows) == 0 {
        let (key, edge, token) =
            (json.key("window_size"), windows.edge, config.patch * config.merge);
        return Err(json.fail(ConfigFault::WindowTooSmall { key, edge, token }));
    }
    let time = FilmTime::Seconds(json.number("tokens_per_second", 4.0, 0.0..=1e3)?);
    json.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS], notes);
    Ok((config, time))
}
