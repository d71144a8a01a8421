//! The Qwen2-VL family: a tower whose blocks all see the whole picture, with rotary positions and a
//! merger; Qwen2 with M-RoPE.

mod config;
mod gguf;
mod shapes;
mod templates;

use super::grid::{self, GridModel, Published};
use super::{Description, Facts, Family, GgufFacts, Notes, Numbering};
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prepare::{AnySize, Normalise};
use crate::vision::{Activation, GridKind, GridMlp, GridNames, GridNorm};
use crate::weights::{Gguf, GgufNames};

/// Qwen2-VL.
pub(crate) struct Qwen2Vl;

/// Its tower.
const TOWER: GridKind = GridKind {
    norm: GridNorm::Layer,
    mlp: GridMlp::Plain(Activation::QuickGelu),
    patch_bias: false,
    names: GridNames { mlp: (&["mlp.fc1"], "mlp.fc2"), merger: ["ln_q", "mlp.0", "mlp.2"] },
};

/// How the published models prepare pictures.
const PUBLISHED: Published =
    Published { pixels: (56 * 56, 28 * 28 * 16_384), normalise: Normalise::CLIP };

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
    prompts: grid::prompts(templates::templates),
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

/// Tensors that nobody reads: a table that older converters of llama.cpp write in the place of
/// positions, which this tower does not have, and frequencies that are computed.
fn is_unused(name: &str) -> bool {
    name == "v.position_embd.weight" || name.contains("rotary_emb.inv_freq")
}

fn describe(model: GridModel, prepare: AnySize) -> Description {
    Description { is_unused: Box::new(is_unused), ..model.describe(prepare) }
}
