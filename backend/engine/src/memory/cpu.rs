//! What a run takes of the machine's memory besides the weights.

use crate::attention::block_values;
use crate::decoder::DecoderConfig;

/// Most bytes of logits that are kept to compare with.
const TAPE: usize = 4 << 26;
/// What a process has besides: code, vocabulary, stacks, buffers, what is observed.
pub(crate) const PROGRAM: u64 = 32 << 20;

/// What decides how much memory a run takes on the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CpuRun {
    /// Positions of the prompt.
    pub(crate) prompt: usize,
    /// Tokens to write at most.
    pub(crate) new: usize,
    /// Whether logits of all positions are wanted.
    pub(crate) logits: bool,
    /// Most bytes of rows by head that are kept.
    pub(crate) head_rows: u64,
    /// Bytes that the vision tower works with, gone before the decoder begins.
    pub(crate) tower: usize,
    /// After how many layers something is added to the rows.
    pub(crate) deep: usize,
}

impl CpuRun {
    /// Bytes at most, step by step as `Decoder::layer` takes and drops its tensors on the CPU.
    pub(crate) fn total(self, c: &DecoderConfig) -> u64 {
        let CpuRun { prompt, new, logits, head_rows, tower, deep } = self;
        let (h, i) = (c.hidden, c.intermediate);
        let (q, kv) = (c.heads * c.head_dim, c.kv_heads * c.head_dim);
        let qkv = q + 2 * kv;
        let cache = 2 * c.layers * kv * (prompt + new);
        // Attention exists one block at a time: its weights, and what they give.
        let block = block_values(c.heads, prompt, prompt, q);
        // A row's values: the embedded prompt, the residual stream, and the most of a layer's steps.
        let steps = [
            // The norm, and the product, with its bias.
            h + 2 * qkv,
            // Where heads are normed: the product, its parts cut and normed, and joined anew.
            if c.head_norms { 4 * qkv } else { 0 },
            // Queries as they are cut and turned.
            qkv + 3 * q,
            // Queries, and what attention gives.
            2 * q,
            h + 2 * i,
            // Gate and up, silu of the one, and its product with the other.
            4 * i,
            i + 2 * h,
        ];
        let most = steps.into_iter().max().unwrap_or(0);
        // What quantized products make of their rows: 292 bytes for 256 values.
        let rounded = i.max(h).max(q) * 292 / 1024;
        let rows = prompt * ((2 + deep) * h + most + rounded) + block;
        let every = if logits {
            prompt * (2 * h + 2 * c.vocab) + (prompt * c.vocab).min(TAPE / 4)
        } else {
            0
        };
        let decoder = 4 * (cache + rows.max(every));
        let by_head = 4 * c.layers * c.heads * (prompt + new) * new;
        let observed = usize::try_from(head_rows).map_or(by_head, |most| most.min(by_head));
        (decoder.max(tower) + 8 * c.vocab + observed) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::decoder;

    fn run(prompt: usize) -> CpuRun {
        CpuRun { prompt, new: 20, logits: false, head_rows: 0, tower: 0, deep: 0 }
    }

    /// 1 MiB of keys and values a token, in f32 (2 × 32 layers × 4096 × 4 bytes); more of anything
    /// never needs less.
    #[test]
    fn the_need_grows_with_the_run() {
        let c = decoder("llava-1.5-7b");
        let longer = CpuRun { new: 120, ..run(640) }.total(&c) - run(640).total(&c);
        assert_eq!(longer, 100 << 20);
        let mut before = 0;
        for prompt in [1, 40, 640, 2586, 15_552] {
            let plain = run(prompt).total(&c);
            assert!(plain > before, "{prompt}");
            assert!(plain > (prompt as u64) << 20, "{prompt}: keys and values alone");
            assert!(CpuRun { logits: true, ..run(prompt) }.total(&c) >= plain);
            let deeper = CpuRun { deep: 3, ..run(prompt) }.total(&c) - plain;
            assert_eq!(deeper, (3 * prompt * c.hidden * 4) as u64, "a tensor like the rows each");
            assert!(CpuRun { tower: 1 << 40, ..run(prompt) }.total(&c) > 1 << 40);
            before = plain;
        }
    }
}
