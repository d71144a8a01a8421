//! The Qwen3-VL family: a tower with learned and rotary positions whose early blocks are merged, too,
//! and added after the decoder's first layers; Qwen3 with M-RoPE whose axes take turns.

mod config;
mod gguf;
mod shapes;
mod templates;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::{Description, Facts, Family, GgufFacts, Layers, Notes, Numbering};
use crate::config::gguf::pixels;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prepare::{AnySize, Normalise};
use crate::prompt::Prompting;
use crate::vision::{Activation, GridKind, GridMlp, GridNames, GridNorm, GridTower};
use crate::weights::{Gguf, GgufNames};
use config::Qwen3Config;

/// Qwen3-VL.
pub(crate) struct Qwen3Vl;

/// Its tower.
const TOWER: GridKind = GridKind {
    norm: GridNorm::Layer,
    mlp: GridMlp::Plain(Activation::GeluTanh),
    patch_bias: true,
    names: GridNames {
        mlp: (&["mlp.linear_fc1"], "mlp.linear_fc2"),
        merger: ["norm", "linear_fc1", "linear_fc2"],
    },
};

/// The least and the most pixels of a picture of the published models.
const PIXELS: (u64, u64) = (256 * 256, 4096 * 4096);

static FACTS: Facts = Facts {
    name: "qwen3-vl",
    title: "Qwen3-VL",
    model_types: &["qwen3_vl"],
    gguf: Some(GgufFacts {
        architectures: &["qwen3vl"],
        whole: None,
        projector: ("qwen3vl_merger", "'qwen3vl_merger'"),
        names: GgufNames {
            encoder: gguf::name,
            others: &[],
            sparse: Some(gguf::DEEP),
            interleaved: false,
        },
    }),
    prompts: Prompting {
        templates: templates::templates,
        token: "<|image_pad|>",
        around: ("<|vision_start|>", "<|vision_end|>"),
        marks: &[],
    },
    tokenizer: Some("Qwen2Tokenizer"),
    decoder: &["model.language_model."],
    numbering: Numbering::Grid,
    one_size: false,
    shapes: &shapes::NAMES,
    biased: &["visual."],
};

impl Family for Qwen3Vl {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn folder(&self, folder: &Location, notes: &mut Notes) -> Result<Description, EngineError> {
        let config = Qwen3Config::load(folder, &mut notes.config)?;
        let prepare = AnySize::load(folder, published(&config), None, &mut notes.pictures)?;
        Ok(describe(config, prepare))
    }

    fn gguf(&self, text: &Gguf, mmproj: &Gguf) -> Result<Description, EngineError> {
        let clip = &mmproj.metadata;
        let normalise = Normalise::of_clip(clip)?;
        let config = Qwen3Config::from_gguf(text, mmproj)?;
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
fn published(config: &Qwen3Config) -> AnySize {
    AnySize::of(PIXELS, (config.vision.patch, config.vision.merge), Normalise::HALF)
}

fn describe(config: Qwen3Config, prepare: AnySize) -> Description {
    let Qwen3Config { text, vision, image_token, eos } = config;
    let layers = |of, key, probe, count| Layers { of, key, probe, count };
    Description {
        pictures: Arc::new(prepare),
        layers: vec![
            Layers::of_decoder(text.layers),
            layers("vision", "depth", ".norm1.weight", vision.layers),
            layers("deepstack", "deepstack_visual_indexes", ".norm.weight", vision.deep.len()),
        ],
        decoder: text,
        image_token,
        eos,
        encoder: Box::new(|loader| {
            let at = loader.prefix(&["model.visual.", "visual."], "patch_embed.proj.weight");
            Ok(Box::new(GridTower::load(loader, vision, at)?))
        }),
        is_unused: Box::new(|name| name.contains("rotary_emb.inv_freq")),
    }
}
