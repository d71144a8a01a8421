//! Qwen3-VL's configuration.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::sentence::{ConfigFault, ModelNote, SettingNeed};

use super::TOWER;
use crate::config::{
    Files, MOST, RopeRules, Section, Usual, eos, gelu, heads, image_token, known, model_type, rope,
    same_layers, silu,
};
use crate::decoder::{Biases, DecoderConfig};
use crate::error::EngineError;
use crate::family::grid::GridModel;
use crate::filesystem::Location;
use crate::vision::{GridConfig, GridKind, GridMlp};

/// Tokens that stand for nothing in a question about a still picture.
const HARMLESS: [&str; 3] = ["video_token_id", "vision_end_token_id", "vision_start_token_id"];

/// The decoder's rotary positions: three axes that take turns, plain or linear.
const ROPE: RopeRules = RopeRules {
    theta: 5e5,
    plain: &["mrope"],
    linear: true,
    words: &["default", "linear", "mrope"],
    sections: Some([24, 20, 20]),
    interleaved: true,
};

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
    same_layers(&model)?;
    let (text_part, vision_part) = (model.section("text_config")?, model.section("vision_config")?);
    let vision = vision(&vision_part, notes)?;
    let text = decoder(&model, &text_part, notes)?;
    if vision.out != text.hidden {
        return Err(model.fail(ConfigFault::TowerGives {
            key: vision_part.key("out_hidden_size"),
            width: vision.out,
            hidden: text.hidden,
            hidden_key: text_part.key("hidden_size"),
        }));
    }
    let config = GridModel {
        image_token: image_token(&model, &["image_token_id"], 151_655, text.vocab)?,
        eos: eos(&[&generation, &model, &text_part], 151_645)?,
        text,
        vision,
        image_processor: None,
        film: None,
    };
    model.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS], notes);
    Ok(config)
}

/// Qwen3's settings, with the defaults of transformers' Qwen3VLTextConfig.
fn decoder(
    model: &Section,
    text: &Section,
    notes: &mut Vec<ModelNote>,
) -> Result<DecoderConfig, EngineError> {
    same_layers(text)?;
    model_type(text, &["qwen3_vl", "qwen3_vl_text"])?;
    silu(text)?;
    let hidden = text.size("hidden_size", 4096, MOST.width)?;
    let heads = heads(text, hidden, (32, Some(32)), Some(128))?;
    let rotary = rope(text, &ROPE, notes)?;
    if rotary.sections.len() != 3 {
        let sections = format!("{:?}", rotary.sections);
        return Err(text.fail(ConfigFault::AxesAreNotThree { sections }));
    }
    let attention = Some(text.flag("attention_bias", false)?);
    let biases = Biases { qkv: attention, output: attention, mlp: Some(false) };
    let usual = Usual {
        intermediate: 22_016,
        layers: 32,
        vocab: 151_936,
        norm_eps: 1e-6,
        positions: 128_000,
    };
    let config = crate::config::decoder((model, text), (hidden, heads), (rotary, biases), &usual)?;
    text.tell_unknown(&[&known::EVERY, &known::GENERATION], notes);
    Ok(DecoderConfig { head_norms: true, ..config })
}

/// The vision tower's settings, with the defaults of transformers' Qwen3VLVisionConfig.
fn vision(json: &Section, notes: &mut Vec<ModelNote>) -> Result<GridConfig, EngineError> {
    same_layers(json)?;
    model_type(json, &["qwen3_vl", "qwen3_vl_vision"])?;
    for (name, only) in [("in_channels", 3), ("temporal_patch_size", 2)] {
        if json.size(name, only, MOST.width)? != only {
            return Err(json.wrong_value(name, only));
        }
    }
    let layers = json.size("depth", 27, MOST.layers)?;
    // The other name of the same setting; where both are there it is set last.
    let heads = json.size("num_heads", 16, MOST.heads)?;
    let config = GridConfig {
        kind: GridKind { mlp: GridMlp::Plain(gelu(json)?), ..TOWER },
        hidden: json.size("hidden_size", 1152, MOST.width)?,
        intermediate: json.size("intermediate_size", 4304, MOST.width)?,
        layers,
        heads: json.size("num_attention_heads", heads, MOST.heads)?,
        patch: json.size("patch_size", 16, 1 << 10)?,
        merge: json.size("spatial_merge_size", 2, 16)?,
        windows: None,
        positions: Some(json.size("num_position_embeddings", 2304, 1 << 20)?),
        deep: deep(json, layers)?,
        out: json.size("out_hidden_size", 3584, MOST.width)?,
        theta: rope(json, &RopeRules::AXIAL, notes)?.theta,
    };
    if !config.hidden.is_multiple_of(4 * config.heads) {
        let (key, width, heads) = (json.key("hidden_size"), config.hidden, config.heads);
        return Err(json.fail(ConfigFault::WidthAndHeadsByFour { key, width, heads }));
    }
    json.tell_unknown(&[&known::EVERY, &known::GENERATION], notes);
    Ok(config)
}

/// Blocks whose patches are merged on the way.
fn deep(json: &Section, layers: usize) -> Result<Vec<usize>, EngineError> {
    let name = "deepstack_visual_indexes";
    let deep = match json.member(name) {
        Value::Null => vec![8, 16, 24],
        _ => json.whole(name)?.into_iter().map(|n| n as usize).collect(),
    };
    let different: BTreeSet<&usize> = deep.iter().collect();
    if different.len() != deep.len() || deep.iter().any(|block| *block >= layers) {
        return Err(json.wrong(name, SettingNeed::Blocks { last: layers - 1 }));
    }
    Ok(deep)
}
