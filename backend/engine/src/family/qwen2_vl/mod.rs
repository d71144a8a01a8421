//! The Qwen2-VL family: a tower whose blocks all see the whole picture, with rotary positions and a
//! merger; Qwen2 with M-RoPE.

mod config;
mod gguf;
mod shapes;
mod templates;

use std::sync::Arc;

use super::{Description, Facts, Family, GgufFacts, Layers, Notes, Numbering};
use crate::config::gguf::pixels;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prepare::{AnySize, Normalise};
use crate::prompt::Prompting;
use crate::vision::{Activation, GridKind, GridMlp, GridNames, GridNorm, GridTower};
use crate::weights::{Gguf, GgufNames};
use config::Qwen2Config;

/// Qwen2-VL.
pub(crate) struct Qwen2Vl;

/// Its tower.
const TOWER: GridKind = GridKind {
    norm: GridNorm::Layer,
    mlp: GridMlp::Plain(Activation::QuickGelu),
    patch_bias: false,
    names: GridNames { mlp: (&["mlp.fc1"], "mlp.fc2"), merger: ["ln_q", "mlp.0", "mlp.2"] },
};

/// The least and the most pixels of a picture of the published models.
const PIXELS: (u64, u64) = (56 * 56, 28 * 28 * 16_384);

static FACTS: Facts = Facts {
    name: "qwen2-vl",
    title: "Qwen2-VL",
    model_types: &["qwen2_vl"],
    gguf: Some(GgufFacts {
        architectures: &["qwen2vl"],
        whole: None,
        projector: ("qwen2vl_merger", "'qwen2vl_merger'"),
        names: GgufNames { encoder: gguf::name, others: &[], sparse: None, interleaved: false },
    }),
    prompts: Prompting {
        templates: templates::templates,
        token: "<|image_pad|>",
        around: ("<|vision_start|>", "<|vision_end|>"),
        marks: &[],
    },
    tokenizer: Some("Qwen2Tokenizer"),
    decoder: &["model.language_model.", "language_model.model.", "model."],
    numbering: Numbering::Grid,
    one_size: false,
    shapes: &shapes::NAMES,
    biased: &["visual.", "q_proj", "k_proj", "v_proj"],
};

impl Family for Qwen2Vl {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn folder(&self, folder: &Location, notes: &mut Notes) -> Result<Description, EngineError> {
        let config = Qwen2Config::load(folder, &mut notes.config)?;
        let named = config.image_processor.as_deref();
        let prepare = AnySize::load(folder, published(&config), named, &mut notes.pictures)?;
        Ok(describe(config, prepare))
    }

    fn gguf(&self, text: &Gguf, mmproj: &Gguf) -> Result<Description, EngineError> {
        let clip = &mmproj.metadata;
        let normalise = Normalise::of_clip(clip)?;
        let config = Qwen2Config::from_gguf(text, mmproj)?;
        let sizes = (config.vision.patch, config.vision.merge);
        let prepare = AnySize::of(pixels(clip, PIXELS)?, sizes, normalise);
        Ok(describe(config, prepare))
    }

    fn shape(&self, name: &str) -> Option<Description> {
        let config = shapes::shape(name)?;
        let prepare = published(&config);
        Some(describe(config, prepare))
    }
}

/// How the published models prepare pictures.
fn published(config: &Qwen2Config) -> AnySize {
    AnySize::of(PIXELS, (config.vision.patch, config.vision.merge), Normalise::CLIP)
}

/// Tensors that nobody reads: a table that older converters of llama.cpp write in the place of
/// positions, which this tower does not have, and frequencies that are computed.
fn is_unused(name: &str) -> bool {
    name == "v.position_embd.weight" || name.contains("rotary_emb.inv_freq")
}

fn describe(config: Qwen2Config, prepare: AnySize) -> Description {
    let Qwen2Config { text, vision, image_token, eos, .. } = config;
    let (key, probe) = ("depth", ".norm1.weight");
    Description {
        pictures: Arc::new(prepare),
        layers: vec![
            Layers::of_decoder(text.layers),
            Layers { of: "vision", key, probe, count: vision.layers },
        ],
        decoder: text,
        image_token,
        eos,
        encoder: Box::new(|loader| {
            let at = loader.prefix(&["model.visual.", "visual."], "patch_embed.proj.weight");
            Ok(Box::new(GridTower::load(loader, vision, at)?))
        }),
        is_unused: Box::new(is_unused),
    }
}
