//! A tower of CLIP's or SigLIP's kind and the two maps that join it to a decoder, as in LLaVA and the
//! models made after it.

use candle_core::{DType, Result, Tensor};
use shared::PreparedPicture;

use super::{Activation, Features, VitConfig, VitTower};
use crate::error::EngineError;
use crate::family::Encoder;
use crate::weights::{Linear, Loader};

/// Sizes of a tower and its projector.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProjectedConfig {
    pub(crate) vision: VitConfig,
    /// Vision blocks to run: the feature layer's hidden state is the last one's output.
    pub(crate) blocks: usize,
    /// Between the projector's two maps.
    pub(crate) activation: Activation,
    /// Whether the projector's maps have biases; `None` where the files decide.
    pub(crate) bias: Option<bool>,
    /// The decoder's width.
    pub(crate) out: usize,
}

/// The tower and the projector.
pub(crate) struct Projected {
    vision: VitConfig,
    tower: VitTower,
    projector: (Linear, Activation, Linear),
}

impl Projected {
    /// Reads them under the names that transformers 4 and 5 give them, in memory or in files.
    pub(crate) fn load(
        loader: &mut Loader,
        config: ProjectedConfig,
    ) -> std::result::Result<Self, EngineError> {
        let ProjectedConfig { vision, blocks, activation, bias, out } = config;
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
        let tower = VitTower::load(loader, vision.clone(), blocks, tower_at)?;
        let at = loader
            .prefix(&["model.multi_modal_projector.", "multi_modal_projector."], "linear_1.weight");
        // The projector's inner width is the decoder's in every published model; a file may differ.
        let name = |n: &str| format!("{at}{n}");
        let biases = [name("linear_1.bias"), name("linear_2.bias")];
        loader.settle_biases(biases.to_vec(), bias)?;
        loader.together(&biases)?;
        let inner =
            loader.shape(&name("linear_1.weight")).and_then(|s| s.first().copied()).unwrap_or(out);
        let projector = (
            loader.dense_linear(&[(name("linear_1"), inner)], vision.hidden)?,
            activation,
            loader.dense_linear(&[(name("linear_2"), out)], inner)?,
        );
        Ok(Projected { vision, tower, projector })
    }

    /// Features of normalised pixels `[3, image_size, image_size]`.
    pub(crate) fn see(&self, pixels: &[f32], scored: bool) -> Result<Features> {
        let size = self.vision.image_size;
        let pixels = Tensor::from_slice(pixels, (3, size, size), &self.tower.device())?;
        let seen = self.tower.forward(&pixels, scored)?;
        let (first, activation, second) = &self.projector;
        let inner = activation.apply(&first.forward(&seen.rows, DType::F32)?)?;
        Ok(Features { rows: second.forward(&inner, DType::F32)?, ..seen })
    }
}

impl Encoder for Projected {
    fn features(&self, pixels: &[f32], _: &[PreparedPicture], scored: bool) -> Result<Features> {
        self.see(pixels, scored)
    }

    fn prune_score(&self) -> Option<&'static str> {
        self.tower.score()
    }

    fn working(&self, _: usize) -> usize {
        self.vision.working()
    }
}

/// Whether a tensor is one that such an encoder leaves out (blocks behind its feature layer, the norm
/// behind them, a head), or a table that follows from the settings; names are Hugging Face's or
/// llama.cpp's.
pub(crate) fn is_unused(name: &str, blocks: usize) -> bool {
    let tower = name.split_once("vision_tower.").map(|(_, tail)| tail);
    let block = tower.and_then(|tail| Some(tail.split_once("encoder.layers.")?.1));
    let block = block.or(name.strip_prefix("v.blk.")).and_then(|tail| tail.split('.').next());
    let head = tower.map(|tail| tail.strip_prefix("vision_model.").unwrap_or(tail));
    block.and_then(|n| n.parse::<usize>().ok()).is_some_and(|n| n >= blocks)
        || head.is_some_and(|tail| tail.starts_with("head."))
        || name.starts_with("v.post_ln.")
        || ["rotary_emb.inv_freq", "position_ids", ".post_layernorm."]
            .iter()
            .any(|part| name.contains(part))
}
