//! Whisper's encoder as Qwen2-Audio has it: two convolutions, blocks of attention and an MLP, an average
//! of pairs of positions, a norm, and the map to the decoder's width.

use candle_core::{DType, Device, Result, Tensor, bail};
use shared::PreparedPicture;

use super::config::AudioConfig;
use super::prepare::{POOLED, positions};
use crate::attention::{Mask, Watch, attend, block_values};
use crate::error::EngineError;
use crate::family::Encoder;
use crate::prepare::Mel;
use crate::vision::{Features, Norm, tally};
use crate::weights::{Linear, Loader};

/// Width of the convolutions' kernels.
const KERNEL: usize = 3;
/// The epsilon of its norms, which no file names.
const NORM_EPS: f64 = 1e-5;

/// The encoder and the connector.
pub(super) struct AudioEncoder {
    config: AudioConfig,
    /// Width of the decoder.
    out: usize,
    /// Convolutions as maps from neighbouring frames.
    conv1: Linear,
    conv2: Linear,
    /// `[positions, hidden]`: stored, though it is a table of sines.
    position: Tensor,
    blocks: Vec<Block>,
    norm: Norm,
    connector: Linear,
}

struct Block {
    norm1: Norm,
    q: Linear,
    /// The only map without a bias.
    k: Linear,
    v: Linear,
    output: Linear,
    norm2: Norm,
    fc1: Linear,
    fc2: Linear,
}

impl AudioEncoder {
    pub(super) fn load(
        config: AudioConfig,
        out: usize,
        loader: &mut Loader,
    ) -> std::result::Result<Self, EngineError> {
        let c = &config;
        let at = loader.prefix(&["audio_tower.", "model.audio_tower."], "conv1.weight");
        let name = |n: &str| format!("{at}{n}");
        let mut conv =
            |n: &str, from: usize| loader.patches(&name(n), &[c.hidden, from, KERNEL], true);
        let (conv1, conv2) = (conv("conv1", c.bands)?, conv("conv2", c.hidden)?);
        let table = [c.positions, c.hidden];
        let position = loader.tensor(&name("embed_positions.weight"), &table)?;
        let blocks = (0..c.layers).map(|i| Block::load(loader, &name(&format!("layers.{i}.")), c));
        let blocks = blocks.collect::<std::result::Result<_, _>>()?;
        let norm = Norm::load(loader, &name("layer_norm"), (c.hidden, NORM_EPS))?;
        let places = ["multi_modal_projector.", "model.multi_modal_projector."];
        let map = format!("{}linear", loader.prefix(&places, "linear.weight"));
        loader.settle_biases(vec![format!("{map}.bias")], Some(true))?;
        let connector = loader.dense_linear(&[(map, out)], c.hidden)?;
        Ok(AudioEncoder { out, conv1, conv2, position, blocks, norm, connector, config })
    }

    fn device(&self) -> Device {
        self.conv1.device()
    }
}

impl Block {
    fn load(
        loader: &mut Loader,
        at: &str,
        c: &AudioConfig,
    ) -> std::result::Result<Self, EngineError> {
        let name = |n: &str| format!("{at}{n}");
        let norm = (c.hidden, NORM_EPS);
        let biased = ["self_attn.q_proj", "self_attn.v_proj", "self_attn.out_proj", "fc1", "fc2"];
        let bias = |n: &str| name(&format!("{n}.bias"));
        loader.settle_biases(biased.map(bias).to_vec(), Some(true))?;
        loader.settle_biases(vec![bias("self_attn.k_proj")], Some(false))?;
        let norm1 = Norm::load(loader, &name("self_attn_layer_norm"), norm)?;
        let norm2 = Norm::load(loader, &name("final_layer_norm"), norm)?;
        let mut map =
            |n: &str, rows: usize, columns: usize| loader.dense_linear(&[(name(n), rows)], columns);
        Ok(Block {
            norm1,
            q: map("self_attn.q_proj", c.hidden, c.hidden)?,
            k: map("self_attn.k_proj", c.hidden, c.hidden)?,
            v: map("self_attn.v_proj", c.hidden, c.hidden)?,
            output: map("self_attn.out_proj", c.hidden, c.hidden)?,
            norm2,
            fc1: map("fc1", c.intermediate, c.hidden)?,
            fc2: map("fc2", c.hidden, c.intermediate)?,
        })
    }

    /// Of rows `[n, hidden]`. `scores` get the attention that each position receives, averaged over
    /// heads and queries.
    fn forward(
        &self,
        x: &Tensor,
        c: &AudioConfig,
        scores: Option<&mut Vec<f32>>,
    ) -> Result<Tensor> {
        let n = x.dim(0)?;
        let normed = self.norm1.apply(x)?;
        let heads = |map: &Linear| {
            let rows = map.forward(&normed, map.compute())?;
            rows.reshape((n, c.heads, c.hidden / c.heads))?.transpose(0, 1)?.contiguous()
        };
        // All keys are one bin: only the weights themselves are looked at.
        let segments = [(0, 0, n)];
        let mut keep = scores.map(|scores| tally(scores, c.heads, false));
        let watch = keep.as_mut().map(|keep| Watch::map(&segments, keep));
        let (q, k, v) = (heads(&self.q)?, heads(&self.k)?, heads(&self.v)?);
        let (attended, _) = attend(&q, &k, &v, Mask::None, watch)?;
        let x = (x + self.output.forward(&attended, DType::F32)?)?;
        let inner = c.activation.apply(&self.fc1.forward(&self.norm2.apply(&x)?, DType::F32)?)?;
        x + self.fc2.forward(&inner, DType::F32)?
    }
}

/// A convolution over rows `[n, width]` with a row of zeros at both ends, of every `stride`th row.
fn convolve(x: &Tensor, map: &Linear, stride: usize) -> Result<Tensor> {
    let (n, width) = x.dims2()?;
    let padded = x.pad_with_zeros(0, 1, 1)?;
    let middles: Vec<u32> = (0..n as u32).step_by(stride).collect();
    let neighbours = |by: u32| {
        let rows: Vec<u32> = middles.iter().map(|row| row + by).collect();
        padded.index_select(&Tensor::new(rows, x.device())?, 0)
    };
    let rows = Tensor::stack(&[neighbours(0)?, neighbours(1)?, neighbours(2)?], 2)?;
    map.forward(&rows.reshape((middles.len(), width * KERNEL))?, DType::F32)
}

impl Encoder for AudioEncoder {
    fn features(&self, _: &[f32], _: &[PreparedPicture], _: bool) -> Result<Features> {
        bail!("this encoder sees no pictures")
    }

    /// Features `[n, out]`. Keys behind the sound are masked in transformers, and what rows there become
    /// reaches no feature: they are left out.
    fn hear(&self, mel: &Mel, scored: bool) -> Result<Features> {
        let c = &self.config;
        let frames = Tensor::from_slice(&mel.values, (c.bands, mel.frames), &self.device())?;
        let x = convolve(&frames.t()?.contiguous()?, &self.conv1, 1)?;
        let x = convolve(&c.activation.apply(&x)?, &self.conv2, 2)?;
        let n = positions(mel.heard);
        let x = c.activation.apply(&x.narrow(0, 0, n)?.contiguous()?)?;
        let mut x = (x + self.position.narrow(0, 0, n)?)?;
        let mut scores = Vec::new();
        for (i, block) in self.blocks.iter().enumerate() {
            let watched = scored && i + 1 == self.blocks.len();
            x = block.forward(&x, c, if watched { Some(&mut scores) } else { None })?;
        }
        let features = n / POOLED;
        let pairs = x.narrow(0, 0, features * POOLED)?.reshape((features, POOLED, c.hidden))?;
        let pooled = self.norm.apply(&pairs.mean(1)?)?;
        let rows = self.connector.forward(&pooled, DType::F32)?;
        // Of a pair the mean, as of its rows.
        let of_pair = |pair: &[f32]| pair.iter().sum::<f32>() / POOLED as f32;
        let scores = scores.chunks_exact(POOLED).map(of_pair).collect();
        Ok(Features { rows, deep: Vec::new(), scores })
    }

    fn prune_score(&self) -> Option<&'static str> {
        (!self.blocks.is_empty()).then_some("attention-received-in-last-block")
    }

    fn working(&self, tokens: usize) -> usize {
        let c = &self.config;
        let rows = (tokens * POOLED + 1).min(c.positions);
        let convolved = 2 * rows * KERNEL * (c.bands + 2 * c.hidden);
        let block = block_values(c.heads, rows, rows, c.hidden);
        let widest = rows * (4 * c.hidden + 4 * c.intermediate);
        4 * (convolved + widest + block + tokens * self.out)
    }
}
