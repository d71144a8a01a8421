//! Rotary position embedding.

use candle_core::{Device, Result, Tensor};

/// Rotates query and key pairs by position, half-split as in transformers' `rotate_half`.
#[derive(Clone, Debug)]
pub(crate) struct Rotary {
    /// `θ^(−2i/d)`, divided by the linear scaling factor if there is one.
    frequencies: Vec<f32>,
}

impl Rotary {
    /// Frequencies for heads of `width` values; positions are divided by `factor`.
    pub(crate) fn new(theta: f64, width: usize, factor: f64) -> Self {
        let frequencies = (0..width / 2)
            .map(|i| (theta.powf(-2.0 * i as f64 / width as f64) / factor) as f32)
            .collect();
        Rotary { frequencies }
    }

    /// Cosines and sines `[n, width/2]` of positions.
    pub(crate) fn tables(&self, positions: &[u32], device: &Device) -> Result<(Tensor, Tensor)> {
        let shape = (positions.len(), self.frequencies.len());
        let angles: Vec<f32> = positions
            .iter()
            .flat_map(|p| self.frequencies.iter().map(move |f| *p as f32 * f))
            .collect();
        let cos =
            Tensor::from_vec(angles.iter().map(|a| a.cos()).collect::<Vec<_>>(), shape, device)?;
        let sin =
            Tensor::from_vec(angles.iter().map(|a| a.sin()).collect::<Vec<_>>(), shape, device)?;
        Ok((cos, sin))
    }

    /// Rotates `[heads, n, width]`.
    pub(crate) fn apply(x: &Tensor, (cos, sin): &(Tensor, Tensor)) -> Result<Tensor> {
        candle_nn::rotary_emb::rope(&x.unsqueeze(0)?.contiguous()?, cos, sin)?.squeeze(0)
    }
}
