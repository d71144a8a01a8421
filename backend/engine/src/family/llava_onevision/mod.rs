//! LLaVA-OneVision: a SigLIP tower that sees a picture whole and in tiles, a map of the tiles' features
//! whose rows end in a learned feature, Qwen2.

mod config;
mod encoder;
mod prepare;
mod shapes;
mod templates;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::{Description, Facts, Family, Layers, LayersOf, Notes, Numbering};
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prompt::Prompting;
use crate::vision::is_unused;
use config::OneVisionConfig;
use encoder::OneVisionEncoder;
use prepare::OneVisionPrepare;

/// LLaVA-OneVision.
pub(crate) struct LlavaOneVision;

static FACTS: Facts = Facts {
    name: "llava-onevision",
    title: "LLaVA-OneVision",
    model_types: &["llava_onevision"],
    // llama.cpp's files have no line ends: such a model would see other features.
    gguf: None,
    prompts: Prompting {
        item: "image",
        templates: templates::templates,
        token: "<image>",
        around: ("", "\n"),
        marks: &[],
    },
    tokenizer: Some("Qwen2Tokenizer"),
    decoder: &["model.language_model.", "language_model.model.", "language_model."],
    numbering: Numbering::Sequence,
    one_size: false,
    shapes: &shapes::NAMES,
    biased: &["vision_tower", "multi_modal_projector", "q_proj", "k_proj", "v_proj"],
};

impl Family for LlavaOneVision {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn folder(&self, folder: &Location, notes: &mut Notes) -> Result<Description, EngineError> {
        let config = OneVisionConfig::load(folder, &mut notes.config)?;
        let prepare = OneVisionPrepare::load(folder, &config, &mut notes.pictures)?;
        Ok(describe(config, prepare))
    }

    fn shape(&self, name: &str) -> Option<Description> {
        let config = shapes::shape(name)?;
        let prepare = OneVisionPrepare::published(&config);
        Some(describe(config, prepare))
    }
}

fn describe(config: OneVisionConfig, prepare: OneVisionPrepare) -> Description {
    let parts = config.parts.clone();
    let (key, probe) = ("num_hidden_layers", ".layer_norm1.weight");
    let blocks = parts.encoder.blocks;
    Description {
        pictures: Arc::new(prepare),
        layers: vec![
            Layers::of_decoder(parts.text.layers),
            Layers { of: LayersOf::Vision, key, probe, count: parts.encoder.vision.layers },
        ],
        decoder: parts.text,
        image_token: parts.image_token,
        eos: parts.eos,
        encoder: Box::new(|loader| Ok(Box::new(OneVisionEncoder::load(loader, config)?))),
        is_unused: Box::new(move |name| is_unused(name, blocks)),
    }
}
