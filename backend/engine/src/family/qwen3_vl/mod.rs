//! The Qwen3-VL family: a tower with learned and rotary positions whose early blocks are merged, too,
//! and added after the decoder's first layers; Qwen3 with M-RoPE whose axes take turns.

mod config;
mod gguf;
mod shapes;
mod templates;
#[cfg(test)]
mod tests;

use super::grid::{self, GridModel, Published};
use super::{Description, Facts, Family, GgufFacts, Layers, LayersOf, Notes, Numbering};
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prepare::{AnySize, Normalise};
use crate::vision::{Activation, GridKind, GridMlp, GridNames, GridNorm};
use crate::weights::{Gguf, GgufNames};

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

/// How the published models prepare pictures.
const PUBLISHED: Published =
    Published { pixels: (256 * 256, 4096 * 4096), normalise: Normalise::HALF };

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
    prompts: grid::prompts(templates::templates),
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
        let model = config::load(folder, &mut notes.config)?;
        let prepare = model.of_folder(folder, PUBLISHED, &mut notes.pictures)?;
        Ok(describe(model, prepare))
    }

    fn gguf(&self, text: &Gguf, mmproj: &Gguf) -> Result<Description, EngineError> {
        let clip = &mmproj.metadata;
        let normalise = Normalise::of_clip(clip)?;
        let model = gguf::model(text, mmproj)?;
        let prepare = model.of_clip(clip, PUBLISHED, normalise)?;
        Ok(describe(model, prepare))
    }

    fn shape(&self, name: &str) -> Option<Description> {
        let model = shapes::shape(name)?;
        let prepare = model.published(PUBLISHED);
        Some(describe(model, prepare))
    }
}

fn describe(model: GridModel, prepare: AnySize) -> Description {
    let (key, probe) = ("deepstack_visual_indexes", ".norm.weight");
    let count = model.vision.deep.len();
    let merged = Layers { of: LayersOf::Deepstack, key, probe, count };
    let mut described = model.describe(prepare);
    described.layers.push(merged);
    described
}
