//! What a model takes of the machine's memory, from sizes that somebody wrote down.

use shared::Quant;

use crate::decoder::{Biases, DecoderConfig};
use crate::memory::{CpuRun, Footprint, MemoryNeed};
use crate::processor::Kernels;
use crate::rotary::RotaryConfig;
use crate::weights::{Matrix, block_type, fitting};

/// The sizes of a model that decide what it takes. The decoder's matrices follow from its sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSizes {
    /// Values of the decoder's matrices; read for the sake of files that name it.
    #[serde(default)]
    pub matrices: u64,
    /// Embedding, vision tower, projector: 16 bits, or 32 where f32 is asked for.
    pub half: u64,
    /// Norms, biases, patches, positions: 32 bits.
    pub full: u64,
    /// The decoder's layers.
    pub layers: usize,
    /// Its width.
    pub hidden: usize,
    /// The width of its MLP.
    pub intermediate: usize,
    /// Query heads.
    pub heads: usize,
    /// Key heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Tokens it knows.
    pub vocab: usize,
}

impl ModelSizes {
    /// What the model will need to answer a prompt of so many positions with such products, its
    /// vision tower left aside; `None` for weights held as their files have them.
    pub fn needed(&self, quant: Quant, kernels: Kernels, tokens: usize) -> Option<MemoryNeed> {
        if quant == Quant::Stored {
            return None;
        }
        let half = if quant == Quant::F32 { 4 } else { 2 };
        let passing = 4 * (self.vocab * self.hidden) as u64;
        let weights = half * self.half + 4 * self.full;
        let mut footprint = Footprint { weights, passing, ..Footprint::default() };
        let decoder = self.decoder();
        let mut add = |rows: usize, columns: usize, head: bool| {
            let block = block_type(fitting(quant, columns));
            let block = block.unwrap_or(candle_core::quantized::GgmlDType::F32);
            Matrix::held(block, rows, columns, kernels).weigh(head, kernels, &mut footprint);
        };
        for _ in 0..self.layers {
            for map in decoder.maps() {
                add(map.rows(), map.columns, false);
            }
        }
        add(self.vocab, self.hidden, true);
        let run = CpuRun { prompt: tokens, new: 0, logits: false, head_rows: 0, tower: 0, deep: 0 };
        Some(MemoryNeed::of(footprint, run.total(&decoder)))
    }

    fn decoder(&self) -> DecoderConfig {
        DecoderConfig {
            hidden: self.hidden,
            intermediate: self.intermediate,
            layers: self.layers,
            heads: self.heads,
            kv_heads: self.kv_heads,
            head_dim: self.head_dim,
            vocab: self.vocab,
            norm_eps: 1e-6,
            rotary: RotaryConfig {
                theta: 1e4,
                factor: 1.0,
                sections: Vec::new(),
                interleaved: false,
            },
            tied: false,
            max_positions: 1 << 18,
            biases: Biases::STORED,
            head_norms: false,
        }
    }
}
