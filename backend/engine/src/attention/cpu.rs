//! The CPU's share of watched attention: softmax in place, and sums by bin.

use std::ops::Range;

use candle_core::{CpuStorage, Layout, Result, Storage, bail};
use rayon::prelude::*;

use super::{Mask, Seen, Segment, row};
use crate::activations::exp;
use crate::matrix::{View, product};
use crate::threads::each_pair;

/// Below this many weights a second thread costs more than it brings.
const PARALLEL_FROM: usize = 1 << 14;
/// The same of products, each counted once of the two.
const PARALLEL_PRODUCTS: usize = 1 << 18;

/// Query rows `first..first + count` of a call, and what they may see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) mask: Mask<'a>,
}

/// What rows attend to: `[heads, rows, width]`, or `[kv_heads, keys, width]`.
#[derive(Clone, Copy)]
pub(super) struct Heads<'a> {
    values: &'a [f32],
    by_head: usize,
    width: usize,
}

impl<'a> Heads<'a> {
    /// Of a tensor in f32 on the processor whose heads lie row by row.
    pub(super) fn of(storage: &'a Storage, layout: &Layout) -> Result<Self> {
        let Storage::Cpu(CpuStorage::F32(values)) = storage else { bail!("heads must be f32") };
        match (layout.dims(), layout.stride()) {
            (&[_, _, width], &[by_head, by_row, 1]) if by_row == width => {
                Ok(Heads { values: &values[layout.start_offset()..], by_head, width })
            }
            _ => bail!("heads must lie row by row"),
        }
    }

    fn rows(&self, head: usize, first: usize, count: usize) -> View<'a> {
        let from = head * self.by_head + first * self.width;
        View::new(&self.values[from..], (count, self.width), self.width)
    }

    /// The same rows' values.
    fn values(&self, head: usize, first: usize, count: usize) -> &'a [f32] {
        let from = head * self.by_head + first * self.width;
        &self.values[from..from + count * self.width]
    }
}

/// The attention of a block of query rows, head by head: weights `[heads, rows, keys]`, zero where a
/// row does not look, and what they give of the values, `[heads, rows, width]`.
pub(super) fn block(
    (q, k, v): (Heads, Heads, Heads),
    group: usize,
    (scale, rows, keys): (f32, Rows, usize),
    weights: &mut [f32],
    out: &mut [f32],
) {
    let (of_weights, of_out) = (rows.count * keys, rows.count * q.width);
    let one = |head: usize, weights: &mut [f32], out: &mut [f32]| {
        if rows.count == 1 {
            let (query, keys) = (q.values(head, rows.first, 1), k.values(head / group, 0, keys));
            row::scores(weights, query, keys);
        } else {
            let keys = k.rows(head / group, 0, keys);
            product(weights, q.rows(head, rows.first, rows.count), keys.t());
        }
        for (r, row) in weights.chunks_mut(keys).enumerate() {
            let visible = rows.mask.visible(rows.first + r, keys);
            let (seen, hidden) = row.split_at_mut(visible);
            match rows.mask.blocked() {
                None => softmax(seen, scale, &[]),
                Some(blocked) => {
                    let position = rows.mask.past() + rows.first + r;
                    softmax(seen, scale, &blocked.ranges(head, position));
                }
            }
            hidden.fill(0.0);
        }
        if rows.count == 1 {
            row::weighted(out, weights, v.values(head / group, 0, keys));
        } else {
            let values = v.rows(head / group, 0, keys);
            product(out, View::new(weights, (rows.count, keys), keys), values);
        }
    };
    if weights.len() * q.width < PARALLEL_PRODUCTS {
        let parts = weights.chunks_mut(of_weights).zip(out.chunks_mut(of_out)).enumerate();
        parts.for_each(|(head, (weights, out))| one(head, weights, out));
    } else {
        each_pair((weights, of_weights), (out, of_out), &one);
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
