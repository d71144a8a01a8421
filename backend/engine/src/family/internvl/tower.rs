//! InternViT: patches and a class token with learned positions, blocks whose outputs are scaled value
//! by value, and no norm after them.

use candle_core::{DType, Device, Result, Tensor};
use shared::Group;

use crate::attention::{Mask, Watch, attend, block_values};
use crate::error::EngineError;
use crate::vision::{Activation, Features};
use crate::weights::{Linear, Loader};

/// The eps of the norms of queries and keys, which is not configurable in transformers either.
const HEAD_EPS: f32 = 1e-6;

/// Sizes of a tower.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InternVitConfig {
    pub(super) hidden: usize,
    pub(super) intermediate: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) image_size: usize,
    pub(super) patch_size: usize,
    pub(super) norm_eps: f64,
    pub(super) activation: Activation,
    /// Whether the blocks' norms are RMSNorm, not LayerNorm.
    pub(super) rms: bool,
    /// Whether queries and keys are normed, all heads' values together.
    pub(super) qk_norm: bool,
    /// Whether maps to queries, keys and values have biases; `None` where the files decide.
    pub(super) qkv_bias: Option<bool>,
}

impl InternVitConfig {
    /// Patches along one edge.
    pub(super) fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Bytes that the tower works with: rows of a block's widest step, a block of weights, pixels as
    /// they were prepared and cut.
    pub(super) fn working(&self) -> usize {
        let rows = self.grid() * self.grid() + 1;
        let block = block_values(self.heads, rows, rows, self.hidden);
        let pixels = 2 * 3 * self.image_size * self.image_size;
        4 * (rows * (4 * self.hidden + 4 * self.intermediate) + block + pixels)
    }
}

/// The tower.
pub(super) struct InternVit {
    config: InternVitConfig,
    /// `[1, 1, hidden]` in folders, `[hidden]` in llama.cpp's files.
    class: Tensor,
    patch: Linear,
    /// `[1, 1 + patches, hidden]`, or without the first dimension.
    position: Tensor,
    blocks: Vec<Block>,
}

enum Norm {
    Rms(Tensor, f32),
    Layer(Tensor, Tensor, f32),
}

impl Norm {
    fn load(
        loader: &mut Loader,
        name: &str,
        c: &InternVitConfig,
    ) -> std::result::Result<Self, EngineError> {
        let (eps, shape) = (c.norm_eps as f32, [c.hidden]);
        let weight = loader.tensor(&format!("{name}.weight"), &shape)?;
        Ok(match c.rms {
            true => Norm::Rms(weight, eps),
            false => Norm::Layer(weight, loader.tensor(&format!("{name}.bias"), &shape)?, eps),
        })
    }

    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Norm::Rms(weight, eps) => candle_nn::ops::rms_norm(x, weight, *eps),
            Norm::Layer(weight, bias, eps) => candle_nn::ops::layer_norm(x, weight, bias, *eps),
        }
    }
}

struct Block {
    norm1: Norm,
    qkv: Linear,
    /// Weights of the norms of queries and keys, where they are normed.
    qk_norms: Option<[Tensor; 2]>,
    output: Linear,
    /// What the attention's output is multiplied by.
    scale1: Tensor,
    norm2: Norm,
    fc1: Linear,
    fc2: Linear,
    /// What the MLP's output is multiplied by.
    scale2: Tensor,
}

impl InternVit {
    /// Reads a tower whose tensors start with `at`.
    pub(super) fn load(
        loader: &mut Loader,
        config: InternVitConfig,
        at: &str,
    ) -> std::result::Result<Self, EngineError> {
        let c = config.clone();
        let patch_shape = [c.hidden, 3, c.patch_size, c.patch_size];
        let patch = loader.patches(
            &format!("{at}embeddings.patch_embeddings.projection"),
            &patch_shape,
            true,
        )?;
        let class = rows(loader, &format!("{at}embeddings.cls_token"), (1, c.hidden))?;
        let positions = 1 + c.grid() * c.grid();
        let position =
            rows(loader, &format!("{at}embeddings.position_embeddings"), (positions, c.hidden))?;
        let biases = (0..c.layers).flat_map(|i| {
            ["q", "k", "v"].map(|part| format!("{at}encoder.layer.{i}.attention.{part}_proj.bias"))
        });
        loader.settle_biases(biases.collect(), c.qkv_bias)?;
        let blocks =
            (0..c.layers).map(|i| Block::load(loader, &format!("{at}encoder.layer.{i}."), &c));
        let blocks = blocks.collect::<std::result::Result<_, _>>()?;
        Ok(InternVit { config, class, patch, position, blocks })
    }

    /// The device it runs on.
    pub(super) fn device(&self) -> Device {
        self.patch.device()
    }

    /// What [`InternVit::forward`] ranks patches by; `None` without a block, which has no attention.
    pub(super) fn score(&self) -> Option<&'static str> {
        (!self.blocks.is_empty()).then_some("cls-attention")
    }

    /// Features `[patches, hidden]` of normalised pixels `[3, image_size, image_size]`, [CLS]
    /// dropped. Scores are FasterVLM's: the [CLS] row's attention on each patch in the last block,
    /// averaged over heads.
    pub(super) fn forward(&self, pixels: &Tensor, scored: bool) -> Result<Features> {
        let c = &self.config;
        let (g, p) = (c.grid(), c.patch_size);
        // The convolution's stride is its size: cut into patches and multiply.
        let patches = pixels
            .narrow(1, 0, g * p)?
            .narrow(2, 0, g * p)?
            .reshape((3, g, p, g, p))?
            .permute((1, 3, 0, 2, 4))?
            .reshape((g * g, 3 * p * p))?;
        let x = self.patch.forward(&patches, DType::F32)?;
        let class = self.class.reshape((1, c.hidden))?;
        let mut x =
            (Tensor::cat(&[&class, &x], 0)? + self.position.reshape((1 + g * g, c.hidden))?)?;
        let mut scores = Vec::new();
        for (i, block) in self.blocks.iter().enumerate() {
            let watched = scored && i + 1 == self.blocks.len();
            x = block.forward(&x, c, if watched { Some(&mut scores) } else { None })?;
        }
        let rows = x.narrow(0, 1, g * g)?.contiguous()?;
        Ok(Features { rows, deep: Vec::new(), scores })
    }
}

/// A parameter of so many rows, with or without a dimension of 1 before them.
fn rows(
    loader: &mut Loader,
    name: &str,
    (rows, width): (usize, usize),
) -> std::result::Result<Tensor, EngineError> {
    let long = [1, rows, width];
    let short = if rows == 1 { &long[2..] } else { &long[1..] };
    let shape = if loader.shape(name) == Some(short) { short } else { &long[..] };
    loader.tensor(name, shape)
}

impl Block {
    fn load(
        loader: &mut Loader,
        at: &str,
        c: &InternVitConfig,
    ) -> std::result::Result<Self, EngineError> {
        let name = |n: &str| format!("{at}{n}");
        let square = |n: &str| (name(n), c.hidden);
        let qkv = ["q", "k", "v"].map(|part| square(&format!("attention.{part}_proj")));
        let mut row = |n: &str| loader.tensor(&name(n), &[c.hidden]);
        let (scale1, scale2) = (row("lambda_1")?, row("lambda_2")?);
        let qk_norms = match c.qk_norm {
            true => Some([row("attention.q_norm.weight")?, row("attention.k_norm.weight")?]),
            false => None,
        };
        Ok(Block {
            norm1: Norm::load(loader, &name("layernorm_before"), c)?,
            qkv: loader.dense_linear(&qkv, c.hidden)?,
            qk_norms,
            output: loader.dense_linear(&[square("attention.projection_layer")], c.hidden)?,
            scale1,
            norm2: Norm::load(loader, &name("layernorm_after"), c)?,
            fc1: loader.dense_linear(&[(name("mlp.fc1"), c.intermediate)], c.hidden)?,
            fc2: loader.dense_linear(&[square("mlp.fc2")], c.intermediate)?,
            scale2,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        c: &InternVitConfig,
        scores: Option<&mut Vec<f32>>,
    ) -> Result<Tensor> {
        let n = x.dim(0)?;
        let to = self.qkv.compute();
        let held = if self.qk_norms.is_some() { DType::F32 } else { to };
        let qkv = self.qkv.forward(&self.norm1.apply(x)?, held)?;
        let heads = |part: usize| -> Result<Tensor> {
            let mut rows = qkv.narrow(1, part * c.hidden, c.hidden)?.contiguous()?;
            if let Some(norm) = self.qk_norms.as_ref().and_then(|norms| norms.get(part)) {
                rows = candle_nn::ops::rms_norm(&rows, norm, HEAD_EPS)?;
            }
            let width = c.hidden / c.heads;
            rows.to_dtype(to)?.reshape((n, c.heads, width))?.transpose(0, 1)?.contiguous()
        };
        let segments = [(Group::Image.index(), 0, n)];
        let mut keep = scores.map(|scores| {
            move |first: usize, rows: usize, keys: usize, weights: &[f32]| {
                if first > 0 {
                    return;
                }
                // The first row is [CLS]'s.
                *scores = vec![0.0; keys - 1];
                for head in weights.chunks(rows * keys) {
                    for (score, w) in scores.iter_mut().zip(&head[1..keys]) {
                        *score += w / c.heads as f32;
                    }
                }
            }
        });
        let watch = keep.as_mut().map(|keep| Watch::map(&segments, keep));
        let (attended, _) = attend(&heads(0)?, &heads(1)?, &heads(2)?, Mask::None, watch)?;
        let attended = self.output.forward(&attended, DType::F32)?;
        let x = (x + attended.broadcast_mul(&self.scale1)?)?;
        let inner = c.activation.apply(&self.fc1.forward(&self.norm2.apply(&x)?, DType::F32)?)?;
        x + self.fc2.forward(&inner, DType::F32)?.broadcast_mul(&self.scale2)?
    }
}
