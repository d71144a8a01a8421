//! The LLaVA-1.5 family: CLIP tower, two-layer projector, Llama.

mod config;
mod gguf;
mod prepare;
mod shapes;
mod templates;

use std::sync::Arc;

use candle_core::{DType, Result, Tensor};
use serde_json::Value;
use shared::PreparedPicture;

use super::{Description, Encoder, Facts, Family, GgufFacts, Layers, Notes, Numbering};
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prepare::Normalise;
use crate::prompt::Prompting;
use crate::vision::{Activation, Features, VitTower};
use crate::weights::{Gguf, GgufNames, Linear, Loader};
use config::LlavaConfig;

pub(crate) use prepare::ClipPrepare;

/// LLaVA-1.5.
pub(crate) struct Llava;

static FACTS: Facts = Facts {
    name: "llava-1.5",
    title: "LLaVA-1.5",
    model_types: &["llava"],
    gguf: Some(GgufFacts {
        architectures: &["llama"],
        whole: None,
        projector: ("mlp", "'mlp' (LLaVA-1.5)"),
        names: GgufNames { encoder: gguf::name, others: &[], sparse: None, interleaved: true },
    }),
    prompts: Prompting {
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

    fn folder(
        &self,
        folder: &Location,
        notes: &mut Notes,
    ) -> std::result::Result<Description, EngineError> {
        let config = LlavaConfig::load(folder, &mut notes.config)?;
        let named = config.image_processor.as_deref();
        let prepare = ClipPrepare::load(folder, sizes(&config), named, &mut notes.pictures)?;
        Ok(describe(config, prepare))
    }

    fn gguf(&self, text: &Gguf, mmproj: &Gguf) -> std::result::Result<Description, EngineError> {
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

    fn foreign_layout(&self, names: &[&str], config: &Value) -> Option<String> {
        const OTHERS: [&str; 3] = ["llava_next", "llava_next_video", "llava_onevision"];
        let model_type = config["model_type"].as_str().unwrap_or_default();
        let original = model_type.starts_with("llava_") && !OTHERS.contains(&model_type);
        (original || names.contains(&"mm_projector.bin")).then(|| {
            "it is in the original LLaVA's own layout (llava_llama, mm_projector.bin), which \
             transformers does not read either: take its conversion, such as \
             llava-hf/llava-1.5-7b-hf"
                .to_owned()
        })
    }
}

/// The edge of what the tower takes, and of a patch, in pixels.
fn sizes(config: &LlavaConfig) -> (u32, u32) {
    (config.vision.image_size as u32, config.vision.patch_size as u32)
}

fn describe(config: LlavaConfig, prepare: ClipPrepare) -> Description {
    let (key, probe) = ("num_hidden_layers", ".layer_norm1.weight");
    let blocks = config.feature_blocks;
    Description {
        decoder: config.text.clone(),
        image_token: config.image_token,
        eos: config.eos.clone(),
        pictures: Arc::new(prepare),
        layers: vec![
            Layers::of_decoder(config.text.layers),
            Layers { of: "vision", key, probe, count: config.vision.layers },
        ],
        encoder: Box::new(|loader| Ok(Box::new(LlavaEncoder::load(config, loader)?))),
        is_unused: Box::new(move |name| is_unused(name, blocks)),
    }
}

/// CLIP and the projector.
struct LlavaEncoder {
    config: LlavaConfig,
    tower: VitTower,
    projector: (Linear, Activation, Linear),
}

impl LlavaEncoder {
    fn load(config: LlavaConfig, loader: &mut Loader) -> std::result::Result<Self, EngineError> {
        // Any one of them: where another is missing the error names that one.
        let embeddings = [
            "embeddings.patch_embedding.weight",
            "embeddings.class_embedding",
            "pre_layrnorm.weight",
        ];
        let tower_at = loader.prefix_of_any(
            &[
                "model.vision_tower.vision_model.",
                "vision_tower.vision_model.",
                "model.vision_tower.",
                "vision_tower.",
            ],
            &embeddings,
        );
        let tower = VitTower::load(loader, config.vision.clone(), config.feature_blocks, tower_at)?;
        let at = loader
            .prefix(&["model.multi_modal_projector.", "multi_modal_projector."], "linear_1.weight");
        let (vision, hidden) = (config.vision.hidden, config.text.hidden);
        // The projector's inner width is the decoder's in every published model; a file may differ.
        let name = |n: &str| format!("{at}{n}");
        let biases = [name("linear_1.bias"), name("linear_2.bias")];
        loader.settle_biases(biases.to_vec(), config.projector_bias)?;
        loader.together(&biases)?;
        let inner = loader
            .shape(&name("linear_1.weight"))
            .and_then(|s| s.first().copied())
            .unwrap_or(hidden);
        let projector = (
            loader.dense_linear(&[(name("linear_1"), inner)], vision)?,
            config.projector,
            loader.dense_linear(&[(name("linear_2"), hidden)], inner)?,
        );
        Ok(LlavaEncoder { config, tower, projector })
    }
}

/// Whether a tensor is one that LLaVA leaves out, or a table that follows from the settings; names
/// are Hugging Face's or llama.cpp's.
fn is_unused(name: &str, feature_blocks: usize) -> bool {
    let tower = name.split_once("vision_tower");
    let block = tower.and_then(|(_, tail)| Some(tail.split_once("encoder.layers.")?.1));
    let block = block.or(name.strip_prefix("v.blk.")).and_then(|tail| tail.split('.').next());
    block.and_then(|n| n.parse::<usize>().ok()).is_some_and(|n| n >= feature_blocks)
        || name.starts_with("v.post_ln.")
        || ["rotary_emb.inv_freq", "position_ids", ".post_layernorm."]
            .iter()
            .any(|part| name.contains(part))
}

impl Encoder for LlavaEncoder {
    fn features(&self, pixels: &[f32], _: &[PreparedPicture], scores: bool) -> Result<Features> {
        let size = self.config.vision.image_size;
        let pixels = Tensor::from_slice(pixels, (3, size, size), &self.tower.device())?;
        let seen = self.tower.forward(&pixels, scores)?;
        let (first, activation, second) = &self.projector;
        let inner = activation.apply(&first.forward(&seen.rows, DType::F32)?)?;
        Ok(Features { rows: second.forward(&inner, DType::F32)?, ..seen })
    }

    fn prune_score(&self) -> Option<&'static str> {
        self.tower.score()
    }

    fn working(&self, _: usize) -> usize {
        self.config.vision.working()
    }
}
