//! Vision towers: from prepared pixels to features.

mod grid;
mod projected;
mod shuffle;
mod vit;

use candle_core::{Result, Tensor};

pub(crate) use grid::{GridConfig, GridKind, GridMlp, GridNames, GridNorm, GridTower, Windows};
pub(crate) use projected::{Projected, ProjectedConfig, is_unused};
pub(crate) use shuffle::Shuffle;
pub(crate) use vit::{Norm, VitConfig, VitTower, tally};

use crate::activations;

/// Activation of an MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x · σ(1.702 x)`.
    QuickGelu,
    /// The exact one, with erf.
    Gelu,
    /// Its approximation with tanh.
    GeluTanh,
}

impl Activation {
    pub(crate) fn apply(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Activation::QuickGelu => activations::quick_gelu(x),
            Activation::Gelu => x.gelu_erf(),
            Activation::GeluTanh => activations::gelu_tanh(x),
        }
    }
}

/// What a tower makes of a picture.
pub(crate) struct Features {
    /// `[n, width]`, in the order of the picture's plan.
    pub(crate) rows: Tensor,
    /// What is added to the same rows after the decoder's first layers, one tensor like `rows` each.
    pub(crate) deep: Vec<Tensor>,
    /// `[n]`: how much attention each feature draws, the score that pruning goes by. Empty unless
    /// asked for.
    pub(crate) scores: Vec<f32>,
}

/// Cuts one of the stacked query, key and value parts `[n, 3 · heads · width]` into
/// `[heads, n, width]`.
pub(crate) fn split_heads(qkv: &Tensor, part: usize, heads: usize) -> Result<Tensor> {
    let (n, stacked) = qkv.dims2()?;
    let width = stacked / 3;
    let part = qkv.narrow(1, part * width, width)?;
    part.reshape((n, heads, width / heads))?.transpose(0, 1)?.contiguous()
}
