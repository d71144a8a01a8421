//! What a run takes of a GPU's memory.

use shared::ErrorCode;
use shared::sentence::EngineRefusal;

use crate::attention::kernel_bins;
use crate::decoder::{DecoderConfig, GPU_ROWS, gpu_capacity};
use crate::device::GpuMemory;
use crate::error::EngineError;

/// Most bytes that a block of score rows takes on a GPU, where whole ones are needed.
pub(crate) const GPU_BLOCK: usize = 256 << 20;
/// Most bytes of score rows that are kept for a generated token.
const MOST_SCORES: usize = 256 << 20;

/// Bytes of the score rows of all layers where a GPU averages them together, 0 where they are too
/// many.
pub(crate) const fn joint_scores(layers: usize, heads: usize, capacity: usize) -> usize {
    let bytes = 4 * layers * heads * (capacity + 2);
    if bytes <= MOST_SCORES { bytes } else { 0 }
}

/// Bytes in which a GPU keeps a token's rows by head until they are at the host: never more than a
/// run may keep of them.
pub(crate) fn head_pages(layers: usize, heads: usize, capacity: usize, head_rows: u64) -> usize {
    let all = 4 * layers * heads * capacity;
    usize::try_from(head_rows).map_or(all, |most| most.min(all))
}

/// What a GPU's pool takes beyond what is asked of it: it grows in pieces of 32 MiB.
const POOL: u64 = 64 << 20;

/// What decides how much of a GPU's memory a run takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GpuRun {
    /// Positions of the prompt.
    pub(crate) prompt: usize,
    /// Tokens to write at most.
    pub(crate) new: usize,
    /// Whether keys, values and products are 16 bits wide, f32 otherwise.
    pub(crate) half: bool,
    /// Whether weights are decoded to f16 for their product.
    pub(crate) decodes: bool,
    /// Whether logits of all positions are wanted.
    pub(crate) logits: bool,
    /// Whether attention is knocked out.
    pub(crate) knockout: bool,
    /// Most bytes of rows by head that are kept.
    pub(crate) head_rows: u64,
    /// Bins of what is observed.
    pub(crate) bins: usize,
    /// After how many layers something is added to the rows.
    pub(crate) deep: usize,
}

/// Bytes that a run takes of a GPU besides the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GpuNeed {
    /// Keys and values.
    pub(crate) cache: u64,
    /// The embedded prompt, and its like in the last layer.
    pub(crate) prompt: u64,
    /// The most that a layer or the head works with, and what is observed.
    pub(crate) working: u64,
}

impl GpuNeed {
    /// Of a run, step by step as `Decoder::layer` takes and drops its tensors.
    pub(crate) fn of(c: &DecoderConfig, run: GpuRun) -> Self {
        let GpuRun { prompt, new, half, decodes, logits, knockout, head_rows, bins, deep } = run;
        let e = if half { 2 } else { 4 };
        let rows = prompt.min(GPU_ROWS);
        let (h, i) = (c.hidden, c.intermediate);
        let (q, kv) = (c.heads * c.head_dim, c.kv_heads * c.head_dim);
        let decoded = |values: usize| if decodes { 2 * values } else { 0 };
        let qkv = e * (q + 2 * kv);
        let scores = if half && !knockout {
            // The last row's, for its average.
            4 * c.heads * prompt
        } else {
            // A block of score rows and keys and values beside it; of a knockout also what is added
            // to the block, and their sum.
            let blocks = if knockout { 3 } else { 1 };
            blocks * (4 * c.heads * rows * prompt).min(GPU_BLOCK) + 8 * kv * prompt
        };
        let steps = [
            rows * (4 * h + e * h),
            rows * (e * h + qkv) + decoded(h * (q + 2 * kv)),
            rows * (qkv + e * q),
            // Where heads are normed: parts cut, in f32, normed, and joined anew.
            if c.head_norms { rows * (2 * qkv + 8 * (q + kv)) } else { 0 },
            rows * 2 * e * q + scores,
            rows * (e * q + 4 * h) + decoded(h * q),
            rows * (e * h + 2 * e * i) + decoded(2 * h * i),
            rows * 3 * e * i,
            rows * (e * i + 4 * h) + decoded(h * i),
            if logits { prompt * (e * h + 4 * c.vocab) + decoded(h * c.vocab) } else { 0 },
        ];
        let most = steps.into_iter().max().unwrap_or(0);
        let bins = kernel_bins(bins);
        let page = c.heads * bins * (8 * bins + 4) + 4 * (prompt + new);
        let tables = 4 * rows * c.head_dim
            + joint_scores(c.layers, c.heads, prompt + new)
            + head_pages(c.layers, c.heads, prompt + new, head_rows);
        let positions = gpu_capacity(prompt + new);
        GpuNeed {
            cache: (2 * e * c.layers * kv * positions) as u64,
            // Long prompts go through in parts; with logits wanted, the parts' states are joined.
            prompt: (4 * h * (deep * prompt + if logits { 3 * prompt } else { prompt + rows }))
                as u64,
            working: (most + c.layers * page + tables) as u64,
        }
    }

    /// All of it.
    pub(crate) const fn total(self) -> u64 {
        self.cache + self.prompt + self.working + POOL
    }
}

/// Whether a run fits a GPU's memory.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`]: what is needed, what is free, and what would fit.
pub(crate) fn fits(
    c: &DecoderConfig,
    run: GpuRun,
    weights: u64,
    memory: GpuMemory,
    replicate: u32,
) -> Result<(), EngineError> {
    let (need, free) = (GpuNeed::of(c, run), memory.available());
    if need.total() <= free {
        return Ok(());
    }
    let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
    let fit = |prompt: usize| GpuNeed::of(c, GpuRun { prompt, ..run }).total() <= free;
    let longest = super::longest(run.prompt, fit);
    let would = match longest {
        0 => EngineRefusal::NotEvenShort,
        n => EngineRefusal::SoManyFit { n: n as u64 },
    };
    let advice = match replicate > 1 {
        true => EngineRefusal::ShortenAndReplicate,
        false => EngineRefusal::ShortenTheText,
    };
    let refusal = EngineRefusal::RunNoGpuMemory {
        prompt: run.prompt as u64,
        new: run.new as u64,
        need: gib(need.total()),
        cache: gib(need.cache),
        free: gib(free),
        held: gib(weights),
        would: would.into(),
        advice: advice.into(),
    };
    Err(EngineError::new(ErrorCode::OutOfMemory, refusal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::decoder;

    const MIB: u64 = 1 << 20;

    fn llava() -> DecoderConfig {
        decoder("llava-1.5-7b")
    }

    fn run(prompt: usize) -> GpuRun {
        let (half, decodes, logits, knockout) = (true, true, false, false);
        GpuRun { prompt, new: 20, half, decodes, logits, knockout, head_rows: 0, bins: 7, deep: 0 }
    }

    fn with_free(bytes: u64) -> GpuMemory {
        // Half of it free, half of it in the pool and unused.
        let (free, reserved) = (bytes / 2, 5 * MIB + bytes.div_ceil(2));
        GpuMemory { free, total: 80 << 30, reserved, used: 5 * MIB, most_used: 0 }
    }

    /// Half a MiB of keys and values a token (2 × 32 layers × 4096 × 2 bytes).
    #[test]
    fn the_cache_is_counted_exactly() {
        let need = GpuNeed::of(&llava(), run(2586));
        assert_eq!(need.cache, 2624 * MIB / 2);
        let f32 = GpuRun { half: false, decodes: false, ..run(2586) };
        assert_eq!(GpuNeed::of(&llava(), f32).cache, 2624 * MIB);
        // 2.5 MiB a token of hidden states go in parts; only the embedded prompt grows on, and score
        // rows of all layers as long as they are kept.
        let kept = |positions| joint_scores(32, 32, positions);
        assert_eq!(kept(61_020) - kept(60_020), 1000 * 4 * 32 * 32);
        assert_eq!(kept(80_020), 0);
        let (long, longer) =
            (GpuNeed::of(&llava(), run(80_000)), GpuNeed::of(&llava(), run(81_000)));
        assert!(longer.working - long.working < MIB * 100 / 64);
        assert_eq!(longer.prompt - long.prompt, 1000 * 4 * 4096);
    }

    /// More of anything never needs less.
    #[test]
    fn the_need_grows_with_the_run() {
        let c = llava();
        let mut before = 0;
        for prompt in [1, 9, 600, 2586, 8192, 8193, 131_072] {
            let total = GpuNeed::of(&c, run(prompt)).total();
            assert!(total > before, "{prompt}");
            assert!(GpuNeed::of(&c, GpuRun { logits: true, ..run(prompt) }).total() >= total);
            assert!(GpuNeed::of(&c, GpuRun { half: false, ..run(prompt) }).total() > total);
            let by_head = GpuNeed::of(&c, GpuRun { head_rows: 32 << 20, ..run(prompt) }).total();
            assert!(by_head > total && by_head <= total + (32 << 20), "{prompt}");
            let knockout = GpuRun { knockout: true, ..run(prompt) };
            assert!(GpuNeed::of(&c, knockout).total() >= total);
            before = total;
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would() {
        let c = llava();
        let need = GpuNeed::of(&c, run(60_000)).total();
        assert_eq!(fits(&c, run(60_000), 4 << 30, with_free(need), 1), Ok(()));
        let error = fits(&c, run(60_000), 4 << 30, with_free(need - 1), 1).expect_err("too much");
        assert_eq!(error.code, ErrorCode::OutOfMemory);
        for part in ["60000 tokens", "20 to answer", "About 59000 tokens", "model's 4.0 GiB"] {
            assert!(error.message.contains(part), "{error}");
        }
        assert!(!error.message.contains("replicate"), "{error}");

        let error = fits(&c, run(60_000), 4 << 30, with_free(10 << 30), 10).expect_err("too much");
        assert!(error.message.contains("replicate the picture less"), "{error}");
        let at = error.message.find("About ").expect("what would fit") + "About ".len();
        let said: usize =
            error.message[at..].split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
        assert!(GpuNeed::of(&c, run(said)).total() <= 10 << 30, "{error}");
        assert!(GpuNeed::of(&c, run(said + said / 9)).total() > 10 << 30, "{error}");

        let error = fits(&c, run(600), 4 << 30, with_free(MIB), 1).expect_err("too much");
        assert!(error.message.contains("Not even a short question"), "{error}");
    }
}
