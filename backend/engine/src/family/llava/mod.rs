//! The LLaVA-1.5 family: CLIP tower, two-layer projector, Llama. LLaVA-Interleave, the same with other
//! parts under the same `model_type`, is a family of its own beside it.

mod config;
mod gguf;
mod interleave;
mod prepare;
mod shapes;
mod templates;

use std::sync::Arc;

use serde_json::Value;
use shared::sentence::ModelVariant;

use super::{Description, Facts, Family, GgufFacts, Layers, LayersOf, Notes, Numbering};
use crate::config::SIGLIP;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prepare::Normalise;
use crate::prompt::Prompting;
use crate::vision::{Projected, is_unused};
use crate::weights::{Gguf, GgufNames};
use config::LlavaConfig;

pub(crate) use interleave::LlavaInterleave;
pub(crate) use prepare::ClipPrepare;

/// LLaVA-1.5.
pub(crate) struct Llava;

/// What llama.cpp's files call the projector of both families here, and how messages do.
const PROJECTOR: (&str, &str) = ("mlp", "'mlp' (LLaVA-1.5 and LLaVA-Interleave)");

static FACTS: Facts = Facts {
    name: "llava-1.5",
    title: "LLaVA-1.5",
    model_types: &["llava"],
    gguf: Some(GgufFacts {
        architectures: &["llama"],
        whole: None,
        projector: PROJECTOR,
        names: GgufNames { encoder: gguf::name, others: &[], sparse: None, interleaved: true },
    }),
    prompts: Prompting {
        item: "image",
        templates: templates::templates,
        token: "<image>",
        around: ("", "\n"),
        marks: &[],
    },
    tokenizer: None,
    decoder: &["model.language_model.", "language_model.model.", "language_model."],
    numbering: Numbering::Sequence,
    one_size: true,
    shapes: &shapes::NAMES,
    biased: &["vision_tower", "multi_modal_projector"],
};

impl Family for Llava {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn is_of(&self, config: &Value) -> bool {
        !has_siglip(config)
    }

    fn folder(&self, folder: &Location, notes: &mut Notes) -> Result<Description, EngineError> {
        let config = LlavaConfig::load(folder, &mut notes.config)?;
        let named = config.image_processor.as_deref();
        let prepare = ClipPrepare::load(folder, sizes(&config), named, &mut notes.pictures)?;
        Ok(describe(config, prepare))
    }

    fn gguf(&self, text: &Gguf, mmproj: &Gguf) -> Result<Description, EngineError> {
        let normalise = Normalise::of_clip(&mmproj.metadata)?;
        let config = LlavaConfig::from_gguf(text, mmproj)?;
        let prepare = ClipPrepare::of(sizes(&config), normalise);
        Ok(describe(config, prepare))
    }

    fn shape(&self, name: &str) -> Option<Description> {
        let config = shapes::shape(name)?;
        let (side, patch) = sizes(&config);
        Some(describe(config, ClipPrepare::standard(side, patch)))
    }

    fn foreign_layout(&self, names: &[&str], config: &Value) -> Option<ModelVariant> {
        const OTHERS: [&str; 2] = ["llava_next", "llava_next_video"];
        let model_type = config["model_type"].as_str().unwrap_or_default();
        let original = model_type.starts_with("llava_")
            && !OTHERS.contains(&model_type)
            && !super::model_types().contains(&model_type);
        (original || names.contains(&"mm_projector.bin")).then_some(ModelVariant::OriginalLlava)
    }
}

/// Whether the vision tower is SigLIP: then the model is LLaVA-Interleave's kind.
fn has_siglip(config: &Value) -> bool {
    config["vision_config"]["model_type"] == SIGLIP
}

/// The edge of what the tower takes, and of a patch, in pixels.
fn sizes(config: &LlavaConfig) -> (u32, u32) {
    (config.vision.image_size as u32, config.vision.patch_size as u32)
}

fn describe(config: LlavaConfig, prepare: ClipPrepare) -> Description {
    let (key, probe) = ("num_hidden_layers", ".layer_norm1.weight");
    let encoder = config.encoder();
    let blocks = encoder.blocks;
    Description {
        decoder: config.text.clone(),
        image_token: config.image_token,
        eos: config.eos.clone(),
        pictures: Arc::new(prepare),
        layers: vec![
            Layers::of_decoder(config.text.layers),
            Layers { of: LayersOf::Vision, key, probe, count: config.vision.layers },
        ],
        encoder: Box::new(|loader| Ok(Box::new(Projected::load(loader, encoder)?))),
        is_unused: Box::new(move |name| is_unused(name, blocks)),
    }
}
