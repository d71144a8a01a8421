//! The Qwen2.5-VL family: window-attention tower with its merger, Qwen2.5, M-RoPE.

mod config;
mod gguf;
mod shapes;
mod templates;

use std::sync::Arc;

use super::{Description, Facts, Family, GgufFacts, Layers, Notes, Numbering};
use crate::config::gguf::{architecture, pixels};
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prepare::{AnySize, Normalise};
use crate::prompt::Prompting;
use crate::vision::{GridKind, GridMlp, GridNames, GridNorm, GridTower};
use crate::weights::{Gguf, GgufNames};
use config::QwenConfig;

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

impl Family for Qwen25Vl {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn folder(&self, folder: &Location, notes: &mut Notes) -> Result<Description, EngineError> {
        let config = QwenConfig::load(folder, &mut notes.config)?;
        let named = config.image_processor.as_deref();
        let prepare = AnySize::load(folder, published(&config), named, &mut notes.pictures)?;
        Ok(describe(config, prepare))
    }

    fn gguf(&self, text: &Gguf, mmproj: &Gguf) -> Result<Description, EngineError> {
        let clip = &mmproj.metadata;
        // A file of Ollama's names none: they are the published models'.
        let normalise = match architecture(text)? {
            gguf::WHOLE => Normalise::CLIP,
            _ => Normalise::of_clip(clip)?,
        };
        let config = QwenConfig::from_gguf(text, mmproj)?;
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

/// The least and the most pixels of a picture of the published models.
const PIXELS: (u64, u64) = (56 * 56, 28 * 28 * 16_384);

/// How the published models prepare pictures.
fn published(config: &QwenConfig) -> AnySize {
    AnySize::of(PIXELS, (config.vision.patch, config.vision.merge), Normalise::CLIP)
}

fn describe(config: QwenConfig, prepare: AnySize) -> Description {
    let QwenConfig { text, vision, image_token, eos, .. } = config;
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
        is_unused: Box::new(|name| name.contains("rotary_emb.inv_freq")),
    }
}
