//! The Qwen2.5-VL family: window-attention tower with its merger, Qwen2.5, M-RoPE.

mod config;
mod gguf;
mod shapes;
mod templates;
#[cfg(test)]
mod tests;

use super::grid::{self, Published};
use super::{Description, Facts, Family, GgufFacts, Notes, Numbering};
use crate::config::gguf::architecture;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prepare::Normalise;
use crate::vision::{GridKind, GridMlp, GridNames, GridNorm};
use crate::weights::{Gguf, GgufNames};

/// Qwen2.5-VL.
pub(crate) struct Qwen25Vl;

/// Its tower.
const TOWER: GridKind = GridKind {
    norm: GridNorm::Rms,
    mlp: GridMlp::Gated,
    patch_bias: false,
    names: GridNames {
        mlp: (&["mlp.gate_proj", "mlp.up_proj"], "mlp.down_proj"),
        merger: ["ln_q", "mlp.0", "mlp.2"],
    },
};

/// How the published models prepare pictures.
const PUBLISHED: Published =
    Published { pixels: (56 * 56, 28 * 28 * 16_384), normalise: Normalise::CLIP };

static FACTS: Facts = Facts {
    name: "qwen2.5-vl",
    title: "Qwen2.5-VL",
    model_types: &["qwen2_5_vl"],
    gguf: Some(GgufFacts {
        architectures: &["qwen2vl"],
        whole: Some(gguf::WHOLE),
        projector: ("qwen2.5vl_merger", "'qwen2.5vl_merger'"),
        names: GgufNames {
            encoder: gguf::name,
            // Ollama keeps more of transformers' names.
            others: &[
                ("v.post_ln.", "v.merger.ln_q."),
                ("mm.0.", "v.merger.mlp.0."),
                ("mm.2.", "v.merger.mlp.2."),
            ],
            sparse: None,
            interleaved: false,
        },
    }),
    prompts: grid::prompts(templates::templates),
    tokenizer: Some("Qwen2Tokenizer"),
    decoder: &["model.language_model.", "language_model.model.", "model."],
    numbering: Numbering::Grid,
    one_size: false,
    shapes: &shapes::NAMES,
    biased: &["visual.", "q_proj", "k_proj", "v_proj"],
};

impl Family for Qwen25Vl {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn folder(&self, folder: &Location, notes: &mut Notes) -> Result<Description, EngineError> {
        let model = config::load(folder, &mut notes.config)?;
        let prepare = model.of_folder(folder, PUBLISHED, &mut notes.pictures)?;
        Ok(model.describe(prepare))
    }

    fn gguf(&self, text: &Gguf, mmproj: &Gguf) -> Result<Description, EngineError> {
        let clip = &mmproj.metadata;
        // A file of Ollama's names none: they are the published models'.
        let normalise = match architecture(text)? {
            gguf::WHOLE => Normalise::CLIP,
            _ => Normalise::of_clip(clip)?,
        };
        let model = gguf::model(text, mmproj)?;
        let prepare = model.of_clip(clip, PUBLISHED, normalise)?;
        Ok(model.describe(prepare))
    }

    fn shape(&self, name: &str) -> Option<Description> {
        let model = shapes::shape(name)?;
        let prepare = model.published(PUBLISHED);
        Some(model.describe(prepare))
    }
}
