//! LLaVA-Interleave: LLaVA with a SigLIP tower, every patch of which is a feature, and Qwen2.

mod gguf;
mod shapes;
mod templates;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

use super::config::{HARMLESS, aspect_ratio};
use super::{ClipPrepare, has_siglip};
use crate::config::{Files, SiglipQwen, SiglipUsual, known};
use crate::error::EngineError;
use crate::family::{Description, Facts, Family, GgufFacts, Layers, LayersOf, Notes, Numbering};
use crate::filesystem::Location;
use crate::prepare::Normalise;
use crate::prompt::Prompting;
use crate::vision::{Projected, is_unused};
use crate::weights::{Gguf, GgufNames};

/// LLaVA-Interleave.
pub(crate) struct LlavaInterleave;

static FACTS: Facts = Facts {
    name: "llava-interleave",
    title: "LLaVA-Interleave",
    model_types: &["llava"],
    gguf: Some(GgufFacts {
        architectures: &["qwen2"],
        whole: None,
        projector: super::PROJECTOR,
        names: GgufNames {
            encoder: super::gguf::name,
            // Today's converter counts the projector's maps from one.
            others: &[("mm.0.", "mm.1.")],
            sparse: None,
            interleaved: false,
        },
    }),
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
    one_size: true,
    shapes: &shapes::NAMES,
    biased: &["vision_tower", "multi_modal_projector", "q_proj", "k_proj", "v_proj"],
};

/// What transformers takes where a configuration of LLaVA says nothing.
const USUAL: SiglipUsual = SiglipUsual { image_token: 32_000, layer: -2, full: false, own: false };

impl Family for LlavaInterleave {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn is_of(&self, config: &Value) -> bool {
        has_siglip(config)
    }

    fn folder(&self, folder: &Location, notes: &mut Notes) -> Result<Description, EngineError> {
        let files = Files::read(folder)?;
        let (model, generation) = (files.model()?, files.generation()?);
        let config = SiglipQwen::parse((&model, &generation), USUAL, &mut notes.config)?;
        let named = model.text("image_processor_type")?;
        aspect_ratio(&model, &mut notes.config)?;
        model.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS], &mut notes.config);
        let prepare =
            ClipPrepare::load_stretched(folder, sizes(&config), named, &mut notes.pictures)?;
        Ok(describe(config, prepare))
    }

    fn gguf(&self, text: &Gguf, mmproj: &Gguf) -> Result<Description, EngineError> {
        let normalise = Normalise::of_clip(&mmproj.metadata)?;
        let config = gguf::config(text, mmproj)?;
        let prepare = ClipPrepare::stretched(sizes(&config), normalise);
        Ok(describe(config, prepare))
    }

    fn shape(&self, name: &str) -> Option<Description> {
        let config = shapes::shape(name)?;
        let prepare = ClipPrepare::stretched(sizes(&config), Normalise::HALF);
        Some(describe(config, prepare))
    }
}

/// The edge of what the tower takes, and of a patch, in pixels.
fn sizes(config: &SiglipQwen) -> (u32, u32) {
    let vision = &config.encoder.vision;
    (vision.image_size as u32, vision.patch_size as u32)
}

fn describe(config: SiglipQwen, prepare: ClipPrepare) -> Description {
    let SiglipQwen { text, encoder, image_token, eos } = config;
    let (key, probe) = ("num_hidden_layers", ".layer_norm1.weight");
    let blocks = encoder.blocks;
    Description {
        pictures: Arc::new(prepare),
        layers: vec![
            Layers::of_decoder(text.layers),
            Layers { of: LayersOf::Vision, key, probe, count: encoder.vision.layers },
        ],
        decoder: text,
        image_token,
        eos,
        encoder: Box::new(|loader| Ok(Box::new(Projected::load(loader, encoder)?))),
        is_unused: Box::new(move |name| is_unused(name, blocks)),
    }
}
