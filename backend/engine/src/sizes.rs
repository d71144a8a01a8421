//! What a model takes of the processor's memory, from its sizes alone: before it is here.

use shared::Quant;

use crate::decoder::DecoderConfig;
use crate::memory::{Footprint, MemoryNeed};
use crate::rotary::RotaryConfig;
use crate::weights::{block_type, rearranged};

/// The sizes of a model that decide what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSizes {
    /// Values of the decoder's matrices, in the chosen quantization.
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
    /// Bytes of the weights, held as `quant`; `None` for weights held as their files have them.
    pub fn held(&self, quant: Quant) -> Option<u64> {
        let (block, bytes) = match block_type(quant) {
            _ if quant == Quant::Stored => return None,
            None => (1, 4),
            Some(block) => (block.block_size() as u64, block.type_size() as u64),
        };
        let half = if quant == Quant::F32 { 4 } else { 2 };
        Some(self.matrices / block * bytes + half * self.half + 4 * self.full)
    }

    /// What the model will need to answer a prompt of so many positions: to answer, what
    /// [`crate::Model::memory`] says of it once it is loaded, by the same formula; to load, the
    /// weights and the largest tensor in f32.
    pub fn needed(&self, quant: Quant, tokens: usize) -> Option<MemoryNeed> {
        let weights = self.held(quant)?;
        // Rows of 256 values: every matrix of the decoders we know is made of such.
        let rows = (self.matrices / 256) as usize;
        let again = block_type(quant).map_or(0, |block| rearranged(block, rows / 16 * 16, 256));
        let passing = 4 * (self.vocab * self.hidden) as u64;
        let footprint = Footprint { weights, rearranged: again as u64, passing };
        Some(MemoryNeed::of(footprint, &self.decoder(), tokens))
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
            rotary: RotaryConfig { theta: 1e4, factor: 1.0, sections: Vec::new() },
            tied: false,
            max_positions: 1 << 18,
        }
    }
}
