//! LLaVA-OneVision's configuration.

use serde_json::Value;
use shared::picture::{AnyRes, MOST_SHAPES, Shapes};
use shared::sentence::{ModelNote, SettingNeed};

use crate::config::{Files, Section, SiglipQwen, SiglipUsual, known};
use crate::error::EngineError;
use crate::filesystem::Location;

/// Sizes that follow from others, tokens that stand for nothing in a question about a still picture, and a
/// setting that nobody reads.
const HARMLESS: [&str; 5] = [
    "image_seq_length",
    "use_image_newline_parameter",
    "video_token_id",
    "video_token_index",
    "vocab_size",
];

/// What transformers takes where a configuration says nothing.
const USUAL: SiglipUsual = SiglipUsual { image_token: 151_646, layer: -1, full: true, own: true };

/// Beyond how many tiles' features maps are made smaller, where nobody says.
pub(super) const MOST: u32 = 9;

/// Everything the family needs from `config.json` and `generation_config.json`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OneVisionConfig {
    pub(super) parts: SiglipQwen,
    pub(super) tiles: AnyRes,
}

impl OneVisionConfig {
    /// Reads the configuration of a model folder. Settings left out have transformers' defaults.
    /// What is not known is noted.
    ///
    /// # Errors
    /// A setting that is not supported.
    pub(super) fn load(folder: &Location, notes: &mut Vec<ModelNote>) -> Result<Self, EngineError> {
        let files = Files::read(folder)?;
        let (model, generation) = (files.model()?, files.generation()?);
        let parts = SiglipQwen::parse((&model, &generation), USUAL, notes)?;
        let edge = parts.encoder.vision.image_size as u32;
        let grid = parts.encoder.vision.grid() as u32;
        let tiles = AnyRes {
            edge,
            grid,
            most: most(&model)?.unwrap_or(MOST),
            shapes: match pinpoints(&model, edge)? {
                Some(shapes) => shapes,
                None if edge == 384 => Shapes::square(ALONG),
                None => return Err(model.wrong(PINPOINTS, SettingNeed::Sizes { edge })),
            },
        };
        model.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS], notes);
        Ok(OneVisionConfig { parts, tiles })
    }
}

/// Along how many tiles the published models' pictures reach.
pub(super) const ALONG: u32 = 6;

/// The name of the list of sizes that pictures are fitted into.
pub(super) const PINPOINTS: &str = "image_grid_pinpoints";

/// The sizes that pictures are fitted into, in tiles of this edge; `None` where the file says nothing.
pub(super) fn pinpoints(json: &Section, edge: u32) -> Result<Option<Shapes>, EngineError> {
    let along = |length: &Value| {
        let length = length.as_u64().and_then(|length| u32::try_from(length).ok())?;
        length.is_multiple_of(edge).then_some(length / edge)
    };
    let shape = |pair: &Value| match pair.as_array()?.as_slice() {
        [height, width] => Some((along(height)?, along(width)?)),
        _ => None,
    };
    let shapes = match json.member(PINPOINTS) {
        Value::Null => return Ok(None),
        Value::Array(list) => list.iter().map(shape).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    shapes
        .and_then(Shapes::new)
        .map(Some)
        .ok_or_else(|| json.wrong(PINPOINTS, SettingNeed::SizesOfTower { most: MOST_SHAPES, edge }))
}

/// Beyond how many tiles' features maps are made smaller; `None` where the file says nothing.
pub(super) fn most(json: &Section) -> Result<Option<u32>, EngineError> {
    let name = "vision_aspect_ratio";
    let Some(text) = json.text(name)? else { return Ok(None) };
    let number = text.strip_prefix("anyres_max_").and_then(|n| n.parse().ok());
    match number.filter(|n| (1..=1 << 16).contains(n)) {
        Some(number) => Ok(Some(number)),
        None => Err(json.wrong(name, SettingNeed::AnyRes)),
    }
}
