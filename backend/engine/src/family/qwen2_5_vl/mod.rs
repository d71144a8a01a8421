//! The Qwen2.5-VL family: window-attention tower with its merger, Qwen2.5, M-RoPE.

mod config;
mod gguf;
mod prepare;
mod shapes;
mod templates;
mod tower;

use std::sync::Arc;

use candle_core::{Result, Tensor};
use shared::PreparedPicture;

use super::{Description, Encoder, Facts, Family, GgufFacts, Layers, Notes, Numbering};
use crate::config::gguf::architecture;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prepare::Normalise;
use crate::prompt::Prompting;
use crate::vision::Features;
use crate::weights::{Gguf, GgufNames, Loader};
use config::QwenConfig;
use tower::{QwenTower, QwenVisionConfig};

pub(crate) use prepare::QwenPrepare;

/// Qwen2.5-VL.
pub(crate) struct Qwen25Vl;

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

    fn folder(
        &self,
        folder: &Location,
        notes: &mut Notes,
    ) -> std::result::Result<Description, EngineError> {
        let config = QwenConfig::load(folder, &mut notes.config)?;
        let (patch, merge) = (config.vision.patch, config.vision.merge);
        let named = config.image_processor.as_deref();
        let prepare = QwenPrepare::load(folder, patch, merge, named, &mut notes.pictures)?;
        Ok(describe(config, prepare))
    }

    fn gguf(&self, text: &Gguf, mmproj: &Gguf) -> std::result::Result<Description, EngineError> {
        let clip = &mmproj.metadata;
        // A file of Ollama's names none: they are the published models'.
        let normalise = match architecture(text)? {
            gguf::WHOLE => Normalise::CLIP,
            _ => Normalise::of_clip(clip)?,
        };
        let config = QwenConfig::from_gguf(text, mmproj)?;
        let sizes = (config.vision.patch, config.vision.merge);
        let prepare = QwenPrepare::of(gguf::pixels(clip)?, sizes, normalise);
        Ok(describe(config, prepare))
    }

    fn shape(&self, name: &str) -> Option<Description> {
        let config = shapes::shape(name)?;
        let prepare = QwenPrepare::standard(config.vision.patch, config.vision.merge);
        Some(describe(config, prepare))
    }
}

fn describe(config: QwenConfig, prepare: QwenPrepare) -> Description {
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
        encoder: Box::new(|loader| Ok(Box::new(QwenEncoder::load(vision, loader)?))),
        is_unused: Box::new(|name| name.contains("rotary_emb.inv_freq")),
    }
}

/// The tower, whose merger is the connector.
struct QwenEncoder {
    config: QwenVisionConfig,
    tower: QwenTower,
}

impl QwenEncoder {
    fn load(
        config: QwenVisionConfig,
        loader: &mut Loader,
    ) -> std::result::Result<Self, EngineError> {
        let at = loader.prefix(&["model.visual.", "visual."], "patch_embed.proj.weight");
        let tower = QwenTower::load(loader, config.clone(), at)?;
        Ok(QwenEncoder { config, tower })
    }
}

impl Encoder for QwenEncoder {
    fn features(
        &self,
        pixels: &[f32],
        views: &[PreparedPicture],
        scores: bool,
    ) -> Result<Features> {
        let Some(view) = views.first() else { candle_core::bail!("a picture without a view") };
        let grid = (usize::from(view.rows), usize::from(view.cols));
        let c = &self.config;
        let patches = grid.0 * grid.1 * c.merge * c.merge;
        let width = 3 * 2 * c.patch * c.patch;
        let pixels = Tensor::from_slice(pixels, (patches, width), &self.tower.device())?;
        self.tower.forward(&pixels, grid, scores)
    }

    fn prune_score(&self) -> Option<&'static str> {
        let c = &self.config;
        c.full.iter().any(|i| *i < c.layers).then_some("attention-received-in-last-full-block")
    }

    fn working(&self, tokens: usize) -> usize {
        self.config.working(tokens)
    }
}
