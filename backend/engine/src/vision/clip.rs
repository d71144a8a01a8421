//! The CLIP vision tower.

use candle_core::{DType, Result, Tensor};

use shared::Group;

use super::{Activation, Features, split_heads};
use crate::attention::{Mask, Watch, attend};
use crate::error::EngineError;
use crate::weights::{Linear, Loader};

/// Sizes of a vision tower.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClipConfig {
    pub(crate) hidden: usize,
    pub(crate) intermediate: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) image_size: usize,
    pub(crate) patch_size: usize,
    pub(crate) norm_eps: f64,
    pub(crate) activation: Activation,
}

impl ClipConfig {
    /// Patches along one edge.
    pub(crate) fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Bytes that the tower works with: rows of a block's widest step, where a product in 16 bits
    /// is joined from blocks and the activation takes three tensors, and a block of weights.
    pub(crate) fn working(&self) -> usize {
        let rows = self.grid() * self.grid() + 1;
        let block = (self.heads * rows * rows).min((64 << 20) / 4);
        let pixels = 2 * 3 * self.image_size * self.image_size;
        4 * (rows * (3 * self.hidden + 4 * self.intermediate) + block + pixels)
    }
}

/// The tower up to its feature layer.
pub(crate) struct ClipTower {
    config: ClipConfig,
    class: Tensor,
    patch: Linear,
    position: Tensor,
    pre_norm: Norm,
    blocks: Vec<Block>,
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl Norm {
    fn load(
        loader: &mut Loader,
        name: &str,
        config: &ClipConfig,
    ) -> std::result::Result<Self, EngineError> {
        Ok(Norm {
            weight: loader.tensor(&format!("{name}.weight"), &[config.hidden])?,
            bias: loader.tensor(&format!("{name}.bias"), &[config.hidden])?,
            eps: config.norm_eps as f32,
        })
    }

    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

struct Block {
    norm1: Norm,
    qkv: Linear,
    output: Linear,
    norm2: Norm,
    fc1: Linear,
    fc2: Linear,
}

impl ClipTower {
    /// Reads `blocks` blocks of a tower whose tensors start with `at`.
    pub(crate) fn load(
        loader: &mut Loader,
        config: ClipConfig,
        blocks: usize,
        at: &str,
    ) -> std::result::Result<Self, EngineError> {
        let c = config.clone();
        let grid = c.grid();
        let patch_name = format!("{at}embeddings.patch_embedding.weight");
        let patch = loader.patches(&patch_name, &[c.hidden, 3, c.patch_size, c.patch_size])?;
        let mut loaded = Vec::with_capacity(blocks);
        for i in 0..blocks {
            let name = |n: &str| format!("{at}encoder.layers.{i}.{n}");
            let square = |n: &str| (name(n), c.hidden);
            loaded.push(Block {
                norm1: Norm::load(loader, &name("layer_norm1"), &c)?,
                qkv: loader.dense_linear(
                    &[
                        square("self_attn.q_proj"),
                        square("self_attn.k_proj"),
                        square("self_attn.v_proj"),
                    ],
                    c.hidden,
                )?,
                output: loader.dense_linear(&[square("self_attn.out_proj")], c.hidden)?,
                norm2: Norm::load(loader, &name("layer_norm2"), &c)?,
                fc1: loader.dense_linear(&[(name("mlp.fc1"), c.intermediate)], c.hidden)?,
                fc2: loader.dense_linear(&[square("mlp.fc2")], c.intermediate)?,
            });
        }
        Ok(ClipTower {
            class: loader.tensor(&format!("{at}embeddings.class_embedding"), &[c.hidden])?,
            patch,
            position: loader.tensor(
                &format!("{at}embeddings.position_embedding.weight"),
                &[grid * grid + 1, c.hidden],
            )?,
            // The misspelling is the checkpoint's.
            pre_norm: Norm::load(loader, &format!("{at}pre_layrnorm"), &c)?,
            blocks: loaded,
            config,
        })
    }

    /// Features `[patches, hidden]` of normalised pixels `[3, image_size, image_size]` at the
    /// feature layer, [CLS] dropped. Scores are FasterVLM's: the [CLS] row's attention on each
    /// patch in the block whose output the features are, averaged over heads.
    pub(crate) fn forward(&self, pixels: &Tensor, cls_attention: bool) -> Result<Features> {
        let c = &self.config;
        let (g, p) = (c.grid(), c.patch_size);
        // The convolution's stride is its size: cut into patches and multiply.
        let patches = pixels
            .narrow(1, 0, g * p)?
            .narrow(2, 0, g * p)?
            .reshape((3, g, p, g, p))?
            .permute((1, 3, 0, 2, 4))?
            .reshape((g * g, 3 * p * p))?;
        let x = Tensor::cat(
            &[&self.class.unsqueeze(0)?, &self.patch.forward(&patches, DType::F32)?],
            0,
        )?;
        let mut x = self.pre_norm.apply(&(x + &self.position)?)?;
        let mut scores = Vec::new();
        for (i, block) in self.blocks.iter().enumerate() {
            let watched = cls_attention && i + 1 == self.blocks.len();
            x = block.forward(&x, c, if watched { Some(&mut scores) } else { None })?;
        }
        Ok(Features { rows: x.narrow(0, 1, g * g)?.contiguous()?, scores })
    }
}

impl Block {
    fn forward(&self, x: &Tensor, c: &ClipConfig, cls: Option<&mut Vec<f32>>) -> Result<Tensor> {
        let n = x.dim(0)?;
        let qkv = self.qkv.forward(&self.norm1.apply(x)?, self.qkv.compute())?;
        let heads = |part: usize| split_heads(&qkv, part, c.heads);
        let segments = [(Group::Image.index(), 0, n)];
        let mut keep = cls.map(|scores| {
            move |first: usize, rows: usize, keys: usize, weights: &[f32]| {
                if first == 0 {
                    *scores = vec![0.0; keys - 1];
                    for head in weights.chunks(rows * keys) {
                        for (score, w) in scores.iter_mut().zip(&head[1..keys]) {
                            *score += w / c.heads as f32;
                        }
                    }
                }
            }
        });
        let watch = keep.as_mut().map(|keep| Watch::map(&segments, keep));
        let (attended, _) = attend(&heads(0)?, &heads(1)?, &heads(2)?, Mask::None, watch)?;
        let x = (x + self.output.forward(&attended, DType::F32)?)?;
        let inner = c.activation.apply(&self.fc1.forward(&self.norm2.apply(&x)?, DType::F32)?)?;
        x + self.fc2.forward(&inner, DType::F32)?
    }
}
