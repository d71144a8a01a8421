//! The family of InternVL3 and InternVL3.5 in transformers' layout: an InternViT that sees tiles of a
//! picture, a pixel shuffle and a projector of two maps, Qwen2 or Qwen3.

mod config;
mod gguf;
mod prepare;
mod shapes;
mod templates;
mod tower;

use std::sync::Arc;

use candle_core::{DType, Result, Tensor};
use serde_json::Value;
use shared::PreparedPicture;
use shared::sentence::ModelVariant;

use super::{Description, Encoder, Facts, Family, GgufFacts, Layers, LayersOf, Notes, Numbering};
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prepare::Normalise;
use crate::prompt::Prompting;
use crate::vision::{Features, Shuffle};
use crate::weights::{Gguf, GgufNames, Linear, Loader};
use config::InternConfig;
use prepare::InternPrepare;
use tower::InternVit;

/// InternVL3 and InternVL3.5.
pub(crate) struct InternVl;

/// The eps of the projector's norm, which is not configurable in transformers either.
const PROJECTOR_EPS: f32 = 1e-5;

static FACTS: Facts = Facts {
    name: "internvl",
    title: "InternVL3",
    model_types: &["internvl"],
    gguf: Some(GgufFacts {
        architectures: &["qwen2", "qwen3"],
        whole: None,
        projector: ("internvl", "'internvl'"),
        names: GgufNames { encoder: gguf::name, others: &[], sparse: None, interleaved: false },
    }),
    prompts: Prompting {
        item: "image",
        templates: templates::templates,
        token: "<IMG_CONTEXT>",
        around: ("", "\n"),
        marks: &prepare::MARKS,
    },
    tokenizer: Some("Qwen2Tokenizer"),
    decoder: &["model.language_model.", "language_model.model."],
    numbering: Numbering::Sequence,
    one_size: false,
    shapes: &shapes::NAMES,
    biased: &["vision_tower", "multi_modal_projector"],
};

impl Family for InternVl {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn folder(
        &self,
        folder: &Location,
        notes: &mut Notes,
    ) -> std::result::Result<Description, EngineError> {
        let config = InternConfig::load(folder, &mut notes.config)?;
        let prepare = InternPrepare::load(folder, tile(&config), &mut notes.pictures)?;
        Ok(describe(config, prepare))
    }

    fn gguf(&self, text: &Gguf, mmproj: &Gguf) -> std::result::Result<Description, EngineError> {
        let normalise = Normalise::of_clip(&mmproj.metadata)?;
        let config = InternConfig::from_gguf(text, mmproj)?;
        let prepare = InternPrepare::of(tile(&config), gguf::tiles(mmproj)?, normalise);
        Ok(describe(config, prepare))
    }

    fn shape(&self, name: &str) -> Option<Description> {
        let config = shapes::shape(name)?;
        let prepare = InternPrepare::published(tile(&config));
        Some(describe(config, prepare))
    }

    fn foreign_layout(&self, _: &[&str], config: &Value) -> Option<ModelVariant> {
        (config["model_type"] == "internvl_chat").then_some(ModelVariant::OwnInternVl)
    }
}

/// The edge of a tile in pixels, and in tokens.
fn tile(config: &InternConfig) -> (u32, usize) {
    (config.vision.image_size as u32, config.grid())
}

fn describe(config: InternConfig, prepare: InternPrepare) -> Description {
    let (key, probe) = ("num_hidden_layers", ".layernorm_before.weight");
    Description {
        decoder: config.text.clone(),
        image_token: config.image_token,
        eos: config.eos.clone(),
        pictures: Arc::new(prepare),
        layers: vec![
            Layers::of_decoder(config.text.layers),
            Layers { of: LayersOf::Vision, key, probe, count: config.vision.layers },
        ],
        encoder: Box::new(|loader| Ok(Box::new(InternEncoder::load(config, loader)?))),
        is_unused: Box::new(|name| {
            ["rotary_emb.inv_freq", "embeddings.mask_token"].iter().any(|part| name.contains(part))
        }),
    }
}

/// InternViT and the projector, which see one tile after another.
struct InternEncoder {
    config: InternConfig,
    tower: InternVit,
    /// Weight and bias of the projector's norm.
    norm: (Tensor, Tensor),
    inner: Linear,
    out: Linear,
}

impl InternEncoder {
    fn load(config: InternConfig, loader: &mut Loader) -> std::result::Result<Self, EngineError> {
        let at = loader.prefix(&["model.vision_tower.", "vision_tower."], "embeddings.cls_token");
        let tower = InternVit::load(loader, config.vision.clone(), at)?;
        let at = loader
            .prefix(&["model.multi_modal_projector.", "multi_modal_projector."], "linear_1.weight");
        let (wide, hidden) = (config.scale.pow(2) * config.vision.hidden, config.text.hidden);
        let mut norm = |kind: &str| loader.tensor(&format!("{at}layer_norm.{kind}"), &[wide]);
        let norm = (norm("weight")?, norm("bias")?);
        let inner = loader.dense_linear(&[(format!("{at}linear_1"), hidden)], wide)?;
        let out = loader.dense_linear(&[(format!("{at}linear_2"), hidden)], hidden)?;
        Ok(InternEncoder { config, tower, norm, inner, out })
    }

    /// Features `[tokens, width]` of a tile's patches, those of a token beside each other.
    fn project(&self, patches: &Tensor) -> Result<Tensor> {
        let (weight, bias) = &self.norm;
        let x = candle_nn::ops::layer_norm(&patches.contiguous()?, weight, bias, PROJECTOR_EPS)?;
        let inner = self.config.projector.apply(&self.inner.forward(&x, DType::F32)?)?;
        self.out.forward(&inner, DType::F32)
    }
}

impl Encoder for InternEncoder {
    fn features(&self, pixels: &[f32], _: &[PreparedPicture], scored: bool) -> Result<Features> {
        let shuffle = Shuffle { grid: self.config.grid(), scale: self.config.scale };
        shuffle.features(
            (pixels, self.config.vision.image_size, &self.tower.device()),
            |tile| self.tower.forward(tile, scored),
            |patches| self.project(patches),
        )
    }

    fn prune_score(&self) -> Option<&'static str> {
        self.tower.score()
    }

    fn working(&self, tokens: usize) -> usize {
        let InternConfig { vision, text, .. } = &self.config;
        let shuffled = 2 * vision.grid() * vision.grid() * vision.hidden;
        // The tokens of tiles that were seen before, once more when they are joined.
        vision.working() + 4 * (shuffled + 2 * tokens * text.hidden)
    }
}
