//! What a model takes of the machine's memory.

use crate::decoder::DecoderConfig;

/// Attention exists one block of at most this many weights at a time.
const BLOCK: usize = (64 << 20) / 4;

/// What loading found out about memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// Weights.
    pub(crate) weights: u64,
    /// What quantized products keep beside the weights once they have been used.
    pub(crate) rearranged: u64,
    /// Most that was there besides while loading.
    pub(crate) passing: u64,
}

/// Bytes a model needs, estimated from its sizes (within about a tenth of what is measured;
/// docs/performance.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryNeed {
    /// While it is loaded.
    pub loading: u64,
    /// While it answers.
    pub running: u64,
}

impl MemoryNeed {
    /// Of a model that answers a prompt of `tokens` positions.
    pub(crate) fn of(footprint: Footprint, c: &DecoderConfig, tokens: usize) -> Self {
        let Footprint { weights, rearranged, passing } = footprint;
        let cache = 2 * c.layers * c.kv_heads * c.head_dim * tokens;
        // A layer's rows: what comes in, its norm, queries, keys, values, what attention gives,
        // the MLP's two halves and their product.
        let rows = tokens * (6 * c.hidden + 3 * c.intermediate);
        // One block of attention weights, and its softmax.
        let block = (c.heads * tokens * tokens).min(BLOCK) * 2;
        let working = 4 * (cache + rows + block + c.vocab) as u64;
        MemoryNeed { loading: weights + passing, running: weights + rearranged + working }
    }
}
