//! Qwen2.5-VL's vision tower: window attention, some full blocks, a 2 × 2 merger.

use candle_core::{DType, Device, Result, Tensor};
use shared::Group;

use crate::attention::{Mask, Watch, attend, attend_spans};
use crate::error::EngineError;
use crate::ops;
use crate::rotary::{Position, Rotary};
use crate::vision::{Activation, Features, split_heads};
use crate::weights::{Linear, Loader};

/// The eps of every norm in the tower and the merger; not configurable in transformers either.
const EPS: f32 = 1e-6;

/// Sizes of a vision tower.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QwenVisionConfig {
    pub(crate) hidden: usize,
    pub(crate) intermediate: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) patch: usize,
    /// Patches along the edge of a token.
    pub(crate) merge: usize,
    /// Window edge in pixels.
    pub(crate) window: usize,
    /// Blocks that attend to the whole picture.
    pub(crate) full: Vec<usize>,
    /// Width of the features.
    pub(crate) out: usize,
    /// Base of the rotary frequencies.
    pub(crate) theta: f64,
}

impl QwenVisionConfig {
    /// Window edge in tokens.
    pub(crate) fn window_tokens(&self) -> usize {
        self.window / self.merge / self.patch
    }

    /// Bytes that the tower works with for a picture of so many tokens: the pixels as they were
    /// prepared and cut, rows of a block's widest step, and a block of weights.
    pub(crate) fn working(&self, tokens: usize) -> usize {
        let rows = tokens * self.merge * self.merge;
        let pixels = 2 * 3 * 2 * self.patch * self.patch;
        // Attention: the product joined and with its bias, queries and keys turned; the MLP: gate
        // and up joined from blocks.
        let widest = (12 * self.hidden).max(2 * self.hidden + 4 * self.intermediate);
        let block = (self.heads * rows * rows).min(((64 << 20) / 4).max(self.heads * rows));
        4 * (rows * (widest + pixels) + block)
    }
}

/// The tower and its merger.
pub(crate) struct QwenTower {
    config: QwenVisionConfig,
    patch: Linear,
    blocks: Vec<Block>,
    rotary: Rotary,
    merge_norm: Tensor,
    merge_in: Linear,
    merge_out: Linear,
}

struct Block {
    norm1: Tensor,
    qkv: Linear,
    output: Linear,
    norm2: Tensor,
    gate_up: Linear,
    down: Linear,
}

impl QwenTower {
    /// Reads a tower whose tensors start with `at`.
    pub(crate) fn load(
        loader: &mut Loader,
        config: QwenVisionConfig,
        at: &str,
    ) -> std::result::Result<Self, EngineError> {
        let c = &config;
        let patch_name = format!("{at}patch_embed.proj");
        let patch = loader.patches(&patch_name, &[c.hidden, 3, 2, c.patch, c.patch], false)?;
        let mut blocks = Vec::with_capacity(c.layers);
        for i in 0..c.layers {
            let name = |n: &str| format!("{at}blocks.{i}.{n}");
            let (hidden, inner) = (c.hidden, c.intermediate);
            blocks.push(Block {
                norm1: loader.tensor(&name("norm1.weight"), &[hidden])?,
                qkv: loader.dense_linear(&[(name("attn.qkv"), 3 * hidden)], hidden)?,
                output: loader.dense_linear(&[(name("attn.proj"), hidden)], hidden)?,
                norm2: loader.tensor(&name("norm2.weight"), &[hidden])?,
                gate_up: loader.dense_linear(
                    &[(name("mlp.gate_proj"), inner), (name("mlp.up_proj"), inner)],
                    hidden,
                )?,
                down: loader.dense_linear(&[(name("mlp.down_proj"), hidden)], inner)?,
            });
        }
        let merged = c.hidden * c.merge * c.merge;
        let name = |n: &str| format!("{at}merger.{n}");
        Ok(QwenTower {
            patch,
            blocks,
            rotary: Rotary::axial(c.hidden / c.heads, c.theta),
            merge_norm: loader.tensor(&name("ln_q.weight"), &[c.hidden])?,
            merge_in: loader.dense_linear(&[(name("mlp.0"), merged)], merged)?,
            merge_out: loader.dense_linear(&[(name("mlp.2"), c.out)], merged)?,
            config,
        })
    }

    /// The device it runs on.
    pub(super) fn device(&self) -> Device {
        self.patch.device()
    }

    /// Features of patches `[n, 3 · 2 · p · p]` of a picture of `rows × cols` tokens, in raster
    /// order.
    ///
    /// The tower has no [CLS]. As a declared substitute for FasterVLM's score a token's is the
    /// attention it receives in the last full block, averaged over heads, queries and the patches
    /// that are merged into it.
    pub(crate) fn forward(
        &self,
        patches: &Tensor,
        (rows, cols): (usize, usize),
        scores: bool,
    ) -> Result<Features> {
        let c = &self.config;
        let unit = c.merge * c.merge;
        let (order, bounds) = windows(rows, cols, c.window_tokens());
        let x = self.patch.forward(patches, DType::F32)?;
        // Patches come token by token; windows reorder the tokens.
        let index = Tensor::new(order.as_slice(), x.device())?;
        let by_window = |t: &Tensor, index: &Tensor| -> Result<Tensor> {
            let width = t.dim(1)?;
            let tokens = t.reshape((order.len(), t.dim(0)? / order.len() * width))?;
            tokens.contiguous()?.index_select(index, 0)?.reshape(((), width))
        };
        let mut x = by_window(&x, &index)?;
        let positions: Vec<Position> = order
            .iter()
            .flat_map(|token| {
                let (row, col) = (*token as usize / cols, *token as usize % cols);
                (0..unit).map(move |i| {
                    let (r, k) = (row * c.merge + i / c.merge, col * c.merge + i % c.merge);
                    [0, r as u32, k as u32]
                })
            })
            .collect();
        let tables = self.rotary.tables(&positions, x.device())?;
        let whole = [0, order.len()];
        let last_full = c.full.iter().copied().filter(|i| *i < c.layers).max();
        let mut received = Vec::new();
        for (i, block) in self.blocks.iter().enumerate() {
            let bounds = if c.full.contains(&i) { &whole[..] } else { &bounds };
            let spans: Vec<(usize, usize)> =
                bounds.windows(2).map(|w| (w[0] * unit, (w[1] - w[0]) * unit)).collect();
            let keep = if scores && last_full == Some(i) { Some(&mut received) } else { None };
            x = block.forward(&x, c.heads, &spans, &tables, keep)?;
        }
        let x = candle_nn::ops::rms_norm(&x, &self.merge_norm, EPS)?;
        let x = x.reshape((order.len(), unit * c.hidden))?;
        let x = {
            let inner = Activation::Gelu.apply(&self.merge_in.forward(&x, DType::F32)?)?;
            self.merge_out.forward(&inner, DType::F32)?
        };
        let mut back = vec![0u32; order.len()];
        for (at, token) in order.iter().enumerate() {
            back[*token as usize] = at as u32;
        }
        let rows = x.index_select(&Tensor::new(back.as_slice(), x.device())?, 0)?;
        let score = |at: &u32| -> f32 {
            received
                .get(*at as usize * unit..(*at as usize + 1) * unit)
                .map_or(0.0, |s| s.iter().sum::<f32>() / unit as f32)
        };
        let scores = if scores { back.iter().map(score).collect() } else { Vec::new() };
        Ok(Features { rows, deep: Vec::new(), scores })
    }
}

impl Block {
    fn forward(
        &self,
        x: &Tensor,
        heads: usize,
        spans: &[(usize, usize)],
        tables: &(Tensor, Tensor),
        received: Option<&mut Vec<f32>>,
    ) -> Result<Tensor> {
        let n = x.dim(0)?;
        let normed = candle_nn::ops::rms_norm(x, &self.norm1, EPS)?;
        let qkv = self.qkv.forward(&normed, DType::F32)?;
        let to = self.qkv.compute();
        let q = Rotary::apply(&split_heads(&qkv, 0, heads)?, tables)?.to_dtype(to)?;
        let k = Rotary::apply(&split_heads(&qkv, 1, heads)?, tables)?.to_dtype(to)?;
        let v = split_heads(&qkv, 2, heads)?.to_dtype(to)?;
        let attended = match received {
            None => attend_spans(&q, &k, &v, spans)?,
            Some(sums) => {
                // Asked for of a full block only: one span.
                sums.resize(n, 0.0);
                let segments = [(Group::Image.index(), 0, n)];
                let mut keep = |_: usize, _: usize, keys: usize, weights: &[f32]| {
                    for row in weights.chunks(keys) {
                        for (sum, w) in sums.iter_mut().zip(row) {
                            *sum += w / (heads * n) as f32;
                        }
                    }
                };
                attend(&q, &k, &v, Mask::None, Some(Watch::map(&segments, &mut keep)))?.0
            }
        };
        let x = (x + self.output.forward(&attended, DType::F32)?)?;
        let normed = candle_nn::ops::rms_norm(&x, &self.norm2, EPS)?;
        let gated = ops::gate(&self.gate_up.forward(&normed, DType::F32)?, false)?;
        x + self.down.forward(&gated, DType::F32)?
    }
}

/// Tokens in the order of the windows, and where windows begin, counted in tokens. Windows at the
/// right and lower edge are smaller where the grid does not divide.
fn windows(rows: usize, cols: usize, edge: usize) -> (Vec<u32>, Vec<usize>) {
    let mut order = Vec::with_capacity(rows * cols);
    let mut bounds = vec![0];
    for top in (0..rows).step_by(edge) {
        for left in (0..cols).step_by(edge) {
            for row in top..(top + edge).min(rows) {
                for col in left..(left + edge).min(cols) {
                    order.push((row * cols + col) as u32);
                }
            }
            bounds.push(order.len());
        }
    }
    (order, bounds)
}

#[cfg(test)]
mod tests {
    use super::windows;

    #[test]
    fn windows_cover_the_grid_once() {
        let (order, bounds) = windows(5, 3, 2);
        assert_eq!(order, [0, 1, 3, 4, 2, 5, 6, 7, 9, 10, 8, 11, 12, 13, 14]);
        assert_eq!(bounds, [0, 4, 6, 10, 12, 14, 15]);
    }
}
