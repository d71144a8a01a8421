//! The family of Idefics3, SmolVLM and SmolVLM2: a SigLIP tower that sees tiles of a picture, a pixel
//! shuffle and one map, Llama.

mod config;
mod gguf;
mod prepare;
mod shapes;
mod templates;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use candle_core::{DType, Result};
use shared::PreparedPicture;

use super::{Description, Encoder, Facts, Family, GgufFacts, Layers, LayersOf, Notes, Numbering};
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prepare::Normalise;
use crate::prompt::Prompting;
use crate::vision::{Features, Shuffle, VitTower};
use crate::weights::{Gguf, GgufNames, Linear, Loader};
use config::SmolConfig;
use prepare::SmolPrepare;

/// Idefics3, SmolVLM and SmolVLM2.
pub(crate) struct SmolVlm;

static FACTS: Facts = Facts {
    name: "smolvlm",
    title: "SmolVLM",
    model_types: &["smolvlm", "idefics3"],
    gguf: Some(GgufFacts {
        architectures: &["llama"],
        whole: None,
        projector: ("idefics3", "'idefics3' (SmolVLM)"),
        names: GgufNames { encoder: gguf::name, others: &[], sparse: None, interleaved: true },
    }),
    prompts: Prompting {
        item: "image",
        templates: templates::templates,
        token: "<image>",
        around: ("", ""),
        marks: &MARKS,
    },
    tokenizer: None,
    // The second is how tensors of llama.cpp's files are asked for.
    decoder: &["model.text_model.", "model.language_model."],
    numbering: Numbering::Sequence,
    one_size: false,
    shapes: &shapes::NAMES,
    biased: &["vision_model"],
};

/// What the published tokenizers have for pictures: marks of six rows and six columns of tiles.
#[rustfmt::skip]
const MARKS: [&str; 38] = [
    "<fake_token_around_image>", "<global-img>",
    "<row_1_col_1>", "<row_1_col_2>", "<row_1_col_3>", "<row_1_col_4>", "<row_1_col_5>", "<row_1_col_6>",
    "<row_2_col_1>", "<row_2_col_2>", "<row_2_col_3>", "<row_2_col_4>", "<row_2_col_5>", "<row_2_col_6>",
    "<row_3_col_1>", "<row_3_col_2>", "<row_3_col_3>", "<row_3_col_4>", "<row_3_col_5>", "<row_3_col_6>",
    "<row_4_col_1>", "<row_4_col_2>", "<row_4_col_3>", "<row_4_col_4>", "<row_4_col_5>", "<row_4_col_6>",
    "<row_5_col_1>", "<row_5_col_2>", "<row_5_col_3>", "<row_5_col_4>", "<row_5_col_5>", "<row_5_col_6>",
    "<row_6_col_1>", "<row_6_col_2>", "<row_6_col_3>", "<row_6_col_4>", "<row_6_col_5>", "<row_6_col_6>",
];

impl Family for SmolVlm {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn folder(
        &self,
        folder: &Location,
        notes: &mut Notes,
    ) -> std::result::Result<Description, EngineError> {
        let config = SmolConfig::load(folder, &mut notes.config)?;
        let prepare = SmolPrepare::load(folder, tile(&config), &mut notes.pictures)?;
        Ok(describe(config, prepare))
    }

    fn gguf(&self, text: &Gguf, mmproj: &Gguf) -> std::result::Result<Description, EngineError> {
        let normalise = Normalise::of_clip(&mmproj.metadata)?;
        let config = SmolConfig::from_gguf(text, mmproj)?;
        let longest = gguf::longest(mmproj, &config)?;
        let prepare = SmolPrepare::of(tile(&config), longest, normalise);
        Ok(describe(config, prepare))
    }

    fn shape(&self, name: &str) -> Option<Description> {
        let config = shapes::shape(name)?;
        let tile = tile(&config);
        Some(describe(config, SmolPrepare::of(tile, 4 * tile.0, Normalise::HALF)))
    }
}

/// The edge of a tile in pixels, and in tokens.
fn tile(config: &SmolConfig) -> (u32, usize) {
    (config.vision.image_size as u32, config.grid())
}

fn describe(config: SmolConfig, prepare: SmolPrepare) -> Description {
    let (key, probe) = ("num_hidden_layers", ".layer_norm1.weight");
    Description {
        decoder: config.text.clone(),
        image_token: config.image_token,
        eos: config.eos.clone(),
        pictures: Arc::new(prepare),
        layers: vec![
            Layers::of_decoder(config.text.layers),
            Layers { of: LayersOf::Vision, key, probe, count: config.vision.layers },
        ],
        encoder: Box::new(|loader| Ok(Box::new(SmolEncoder::load(config, loader)?))),
        is_unused: Box::new(|name| {
            ["rotary_emb.inv_freq", "position_ids"].iter().any(|part| name.contains(part))
        }),
    }
}

/// SigLIP and the connector, which see one tile after another.
struct SmolEncoder {
    config: SmolConfig,
    tower: VitTower,
    connector: Linear,
}

impl SmolEncoder {
    fn load(config: SmolConfig, loader: &mut Loader) -> std::result::Result<Self, EngineError> {
        let vision = &config.vision;
        let tower = VitTower::load(loader, vision.clone(), vision.layers, "model.vision_model.")?;
        let name = "model.connector.modality_projection.proj";
        loader.settle_biases(vec![format!("{name}.bias")], Some(false))?;
        let width = config.scale * config.scale * vision.hidden;
        let connector = loader.dense_linear(&[(name.to_owned(), config.text.hidden)], width)?;
        Ok(SmolEncoder { config, tower, connector })
    }
}

impl Encoder for SmolEncoder {
    fn features(&self, pixels: &[f32], _: &[PreparedPicture], scored: bool) -> Result<Features> {
        let shuffle = Shuffle { grid: self.config.grid(), scale: self.config.scale };
        shuffle.features(
            (pixels, self.config.vision.image_size, &self.tower.device()),
            |tile| self.tower.forward(tile, scored),
            |patches| self.connector.forward(patches, DType::F32),
        )
    }

    fn prune_score(&self) -> Option<&'static str> {
        self.tower.score()
    }

    fn working(&self, tokens: usize) -> usize {
        let SmolConfig { vision, text, .. } = &self.config;
        let shuffled = vision.grid() * vision.grid() * vision.hidden;
        // The tokens of tiles that were seen before, once more when they are joined.
        vision.working() + 4 * (shuffled + 2 * tokens * text.hidden)
    }
}
