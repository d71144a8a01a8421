//! Rotary position embedding, standard and multimodal.

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

/// Below this many angles a second thread costs more than it brings.
const PARALLEL_FROM: usize = 1 << 14;

/// Settings of a rotary embedding.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RotaryConfig {
    /// Base of the frequencies.
    pub(crate) theta: f64,
    /// Positions are divided by this (1 for plain rotary embedding).
    pub(crate) factor: f64,
    /// M-RoPE: how many frequencies follow time, row and column. Empty for one axis.
    pub(crate) sections: Vec<usize>,
    /// Whether the three axes take turns frequency by frequency instead of one after another
    /// (Qwen3-VL): rows and columns have every third one until their share is used up, time the rest.
    pub(crate) interleaved: bool,
}

/// Where a token stands: time, row and column. Text stands at the same number on all three.
pub(crate) type Position = [u32; 3];

/// Rotates query and key pairs by position, half-split as in transformers' `rotate_half`.
#[derive(Clone, Debug)]
pub(crate) struct Rotary {
    /// `θ^(−2i/d) / factor`, and which axis of a position turns it.
    frequencies: Vec<(f32, usize)>,
}

impl Rotary {
    /// Frequencies for heads of `width` values. Section `s` follows axis `s mod 3`.
    pub(crate) fn new(config: &RotaryConfig, width: usize) -> Self {
        let sections = &config.sections;
        let in_order: Vec<usize> =
            sections.iter().enumerate().flat_map(|(s, n)| vec![s % 3; *n]).collect();
        let axis = |i: usize| match i % 3 {
            axis if config.interleaved => {
                let share = sections.get(axis).copied().unwrap_or(0);
                if axis > 0 && i < 3 * share { axis } else { 0 }
            }
            _ => in_order.get(i).copied().unwrap_or(0),
        };
        let frequency =
            |i: usize| (config.theta.powf(-2.0 * i as f64 / width as f64) / config.factor) as f32;
        Rotary { frequencies: (0..width / 2).map(|i| (frequency(i), axis(i))).collect() }
    }

    /// Rows and columns of a picture: the first half of the frequencies follows the row, the second
    /// the column, both halves the same frequencies of base `theta`.
    pub(crate) fn axial(width: usize, theta: f64) -> Self {
        let half = width / 4;
        let frequency = |i: usize| theta.powf(-2.0 * i as f64 / (width / 2) as f64) as f32;
        let frequencies =
            [1, 2].iter().flat_map(|axis| (0..half).map(move |i| (frequency(i), *axis))).collect();
        Rotary { frequencies }
    }

    /// Cosines and sines `[n, width/2]` of positions.
    pub(crate) fn tables(&self, positions: &[Position], on: &Device) -> Result<(Tensor, Tensor)> {
        let shape = (positions.len(), self.frequencies.len());
        let angles: Vec<f32> = positions
            .iter()
            .flat_map(|p| self.frequencies.iter().map(move |(f, axis)| p[*axis] as f32 * f))
            .collect();
        // A long prompt's tables take milliseconds on one core.
        let table = |f: fn(f32) -> f32| {
            let values: Vec<f32> = if angles.len() < PARALLEL_FROM {
                angles.iter().copied().map(f).collect()
            } else {
                angles.par_iter().copied().map(f).collect()
            };
            Tensor::from_vec(values, shape, on)
        };
        Ok((table(f32::cos)?, table(f32::sin)?))
    }

    /// Rotates `[heads, n, width]`.
    pub(crate) fn apply(x: &Tensor, (cos, sin): &(Tensor, Tensor)) -> Result<Tensor> {
        candle_nn::rotary_emb::rope(&x.unsqueeze(0)?.contiguous()?, cos, sin)?.squeeze(0)
    }
}
