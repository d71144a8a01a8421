//! Vision towers: from prepared pixels to features.

mod clip;
mod qwen;

use candle_core::{Result, Tensor};

pub(crate) use clip::{ClipConfig, ClipTower};
pub(crate) use qwen::{QwenTower, QwenVisionConfig};

/// Activation of an MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x · σ(1.702 x)`.
    QuickGelu,
    /// The exact one, with erf.
    Gelu,
}

impl Activation {
    pub(crate) fn apply(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Activation::QuickGelu => x * candle_nn::ops::sigmoid(&(x * 1.702)?)?,
            Activation::Gelu => x.gelu_erf(),
        }
    }
}

/// What a tower makes of a picture.
pub(crate) struct Features {
    /// `[n, width]`, raster order.
    pub(crate) rows: Tensor,
    /// `[n]`: how much attention each feature draws, the score that pruning goes by. Empty unless
    /// asked for.
    pub(crate) scores: Vec<f32>,
}

/// Cuts one of the stacked query, key and value parts `[n, 3 · heads · width]` into
/// `[heads, n, width]`.
fn split_heads(qkv: &Tensor, part: usize, heads: usize) -> Result<Tensor> {
    let (n, stacked) = qkv.dims2()?;
    let width = stacked / 3;
    let part = qkv.narrow(1, part * width, width)?;
    part.reshape((n, heads, width / heads))?.transpose(0, 1)?.contiguous()
}
