//! What a model takes of the machine's memory, or of its GPU's.

mod cpu;
mod gpu;

pub(crate) use cpu::{CpuRun, PROGRAM};
#[cfg(feature = "cuda")]
pub(crate) use gpu::{GPU_BLOCK, head_pages, joint_scores};
pub(crate) use gpu::{GpuNeed, GpuRun, fits};

use crate::decoder::DecoderConfig;

/// What loading found out about memory, or a look at the shapes alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// Weights.
    pub(crate) weights: u64,
    /// What candle's quantized products keep beside the weights once rows have gone through all
    /// layers ([`crate::processor`]).
    pub(crate) by_layers: u64,
    /// What they keep besides once the first token has been written, of the head.
    pub(crate) by_head: u64,
    /// Most that was there besides while loading.
    pub(crate) passing: u64,
}

/// Bytes a model needs where it runs, estimated from its sizes: of the whole program between
/// 0.9 and 1.25 times what is measured (`backend/tests/memory.rs`, docs/performance.md); on a GPU, of the
/// GPU's memory, without what the driver takes for itself (docs/cuda.md).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryNeed {
    /// While it is loaded.
    pub loading: u64,
    /// While it answers, and what it keeps for the next question.
    pub running: u64,
}

impl Footprint {
    /// What quantized products keep once a question has been answered.
    pub(crate) fn arranged(self) -> u64 {
        self.by_layers + self.by_head
    }
}

impl MemoryNeed {
    /// Of a model on the processor.
    pub(crate) fn of(footprint: Footprint, run: u64) -> Self {
        let Footprint { weights, passing, .. } = footprint;
        let arranged = footprint.arranged();
        let loaded = PROGRAM + weights;
        MemoryNeed { loading: loaded + passing, running: loaded + arranged + run }
    }

    /// Of a model on a GPU.
    pub(crate) fn on_gpu(footprint: Footprint, c: &DecoderConfig, run: GpuRun) -> Self {
        let weights = footprint.weights;
        MemoryNeed { loading: weights, running: weights + GpuNeed::of(c, run).total() }
    }

    /// The most at any time.
    pub fn peak(self) -> u64 {
        self.loading.max(self.running)
    }
}

/// The longest prompt below `most` that fits, to two digits; 0 where none does.
pub(crate) fn longest(most: usize, fit: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, most);
    while low + 1 < high {
        let middle = low.midpoint(high);
        if fit(middle) { low = middle } else { high = middle }
    }
    let step = 10_usize.pow(low.max(1).ilog10().saturating_sub(1));
    low / step * step
}

/// An amount of memory for people.
pub fn amount(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib < 1000.0 { format!("{mib:.0} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}
