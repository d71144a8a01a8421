//! The CPU's share of watched attention: softmax in place, and sums by bin.

use std::ops::Range;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Storage, Tensor, bail};
use rayon::prelude::*;

use super::{Mask, Seen, Segment};

/// Below this many weights a second thread costs more than it brings.
const PARALLEL_FROM: usize = 1 << 14;

/// Query rows `first..first + count` of a call, and what they may see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) mask: Mask<'a>,
}

/// `softmax(scale · x)` over the keys each row may see, zero elsewhere, in place.
pub(super) struct Softmax<'a> {
    pub(super) scale: f32,
    pub(super) rows: Rows<'a>,
}

impl InplaceOp1 for Softmax<'_> {
    fn name(&self) -> &'static str {
        "masked-softmax"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let CpuStorage::F32(data) = storage else { bail!("attention scores must be f32") };
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("attention scores must be contiguous")
        };
        let Some(&keys) = layout.dims().last() else { bail!("attention scores need a shape") };
        let data = &mut data[start..end];
        let parallel = data.len() >= PARALLEL_FROM;
        // Rows of the buffer are (head, query row), query row running fastest.
        let one = |(r, row): (usize, &mut [f32])| {
            let visible = self.rows.mask.visible(self.rows.first + r % self.rows.count, keys);
            let (seen, hidden) = row.split_at_mut(visible);
            match self.rows.mask.blocked() {
                None => softmax(seen, self.scale, &[]),
                Some(blocked) => {
                    let position = self.rows.mask.past() + self.rows.first + r % self.rows.count;
                    softmax(seen, self.scale, &blocked.ranges(r / self.rows.count, position));
                }
            }
            hidden.fill(0.0);
        };
        if parallel {
            data.par_chunks_mut(keys).with_min_len(8).enumerate().for_each(one);
        } else {
            data.chunks_mut(keys).enumerate().for_each(one);
        }
        Ok(())
    }
}

/// Softmax of a row in which keys of some ranges have the score −∞.
fn softmax(row: &mut [f32], scale: f32, blocked: &[Range<usize>]) {
    for range in blocked {
        row[range.clone()].fill(f32::NEG_INFINITY);
    }
    let mut lanes = [f32::NEG_INFINITY; 8];
    let (chunks, rest) = row.as_chunks::<8>();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane = lane.max(*v);
        }
    }
    let max = lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |m, v| m.max(*v));
    for v in row.iter_mut() {
        *v = exp((*v - max) * scale);
    }
    // `exp` knows no −∞.
    for range in blocked {
        row[range.clone()].fill(0.0);
    }
    let norm = (1.0 / sum(row)) as f32;
    for v in row.iter_mut() {
        *v *= norm;
    }
}

/// `eˣ` for `x ≤ 0`, within 2 units in the last place; written so that the compiler can use
/// vector instructions. Range reduction and polynomial as in the Cephes library's expf. A score
/// that is not a number stays one.
#[inline(always)]
fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const LN2_HI: f32 = 0.693_359_4;
    const LN2_LO: f32 = -2.121_944_4e-4;
    // Not `max`, which would turn a NaN into a number.
    let x = if x < -87.0 { -87.0 } else { x };
    let n = (x * LOG2_E + 0.5).floor();
    let r = (x - n * LN2_HI) - n * LN2_LO;
    let mut p = 1.987_569_1e-4_f32;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let e = p * r * r + r + 1.0;
    e * f32::from_bits((((n as i32) + 127) << 23) as u32)
}

/// Sum in f64 of short f32 sums: exact enough that rows of any length add up to 1 within 1e-7.
fn sum(values: &[f32]) -> f64 {
    let mut total = 0.0;
    for part in values.chunks(256) {
        let mut lanes = [0f32; 8];
        let (chunks, rest) = part.as_chunks::<8>();
        for chunk in chunks {
            for (lane, v) in lanes.iter_mut().zip(chunk) {
                *lane += v;
            }
        }
        total += lanes.iter().chain(rest).map(|v| f64::from(*v)).sum::<f64>();
    }
    total
}

/// Lends a contiguous f32 tensor's values without copying them.
pub(super) fn with_f32<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(CpuStorage::F32(data)) = &*storage else { bail!("not f32 on the CPU") };
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("not contiguous") };
    Ok(f(&data[start..end]))
}

/// Attention mass by head, query bin and key bin, added up over blocks of rows.
pub(super) struct Tally<'a> {
    heads: usize,
    bins: usize,
    segments: &'a [Segment],
    mass: Vec<f64>,
    last: Vec<f64>,
    row: Vec<f32>,
    by_head: Vec<f32>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(heads: usize, bins: usize, segments: &'a [Segment]) -> Self {
        Tally {
            heads,
            bins,
            segments,
            mass: vec![0.0; heads * bins * bins],
            last: vec![0.0; heads * bins],
            row: Vec::new(),
            by_head: Vec::new(),
        }
    }

    /// Adds a block's weights `[heads, rows, keys]`.
    pub(super) fn add(&mut self, weights: &[f32], rows: Rows, keys: usize) {
        let past = rows.mask.past();
        let segments = self.segments;
        let bins = self.bins;
        let bin_of = |position: usize| {
            segments.iter().find(|(_, _, end)| position < *end).map_or(0, |(bin, _, _)| *bin)
        };
        let query_bins: Vec<usize> =
            (0..rows.count).map(|r| bin_of(past + rows.first + r)).collect();
        let parallel = weights.len() >= PARALLEL_FROM;
        let one = |((weights, mass), last): ((&[f32], &mut [f64]), &mut [f64])| {
            for ((r, row), q) in weights.chunks(keys).enumerate().zip(&query_bins) {
                let visible = rows.mask.visible(rows.first + r, keys);
                last.fill(0.0);
                for (bin, start, end) in segments {
                    if *start >= visible {
                        break;
                    }
                    last[*bin] += sum(&row[*start..(*end).min(visible)]);
                }
                for (total, part) in mass[q * bins..(q + 1) * bins].iter_mut().zip(&*last) {
                    *total += part;
                }
            }
        };
        let (per_head, masses) = (rows.count * keys, bins * bins);
        if parallel {
            weights
                .par_chunks(per_head)
                .zip(self.mass.par_chunks_mut(masses))
                .zip(self.last.par_chunks_mut(bins))
                .for_each(one);
        } else {
            weights
                .chunks(per_head)
                .zip(self.mass.chunks_mut(masses))
                .zip(self.last.chunks_mut(bins))
                .for_each(one);
        }
    }

    /// Averages the block's last row over heads.
    pub(super) fn keep_last_row(&mut self, weights: &[f32], rows: usize, keys: usize) {
        self.row = vec![0.0; keys];
        for head in weights.chunks(rows * keys) {
            for (mean, w) in self.row.iter_mut().zip(&head[(rows - 1) * keys..]) {
                *mean += w;
            }
        }
        let norm = 1.0 / self.heads as f32;
        self.row.iter_mut().for_each(|w| *w *= norm);
    }

    /// Keeps the block's last row of every head.
    pub(super) fn keep_last_row_by_head(&mut self, weights: &[f32], rows: usize, keys: usize) {
        let last = weights.chunks(rows * keys).map(|head| &head[(rows - 1) * keys..]);
        self.by_head = last.flatten().copied().collect();
    }

    pub(super) fn finish(self) -> Seen {
        let narrow = |v: Vec<f64>| v.into_iter().map(|x| x as f32).collect();
        Seen {
            mass: narrow(self.mass),
            last: narrow(self.last),
            row: self.row,
            by_head: self.by_head,
        }
    }
}
