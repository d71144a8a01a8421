//! Attention that can be watched: exact sums of attention weights, block by block.
//!
//! Fused kernels never build the weights and eager attention keeps them all. Here the weights of a
//! block of query rows exist for a moment, are multiplied with the values, summed by bin
//! where somebody watches, and dropped (DESIGN, section 5). Peak memory is heads × block × keys,
//! whatever the number of layers. The product with the values is the same with and without a
//! watcher, so observing cannot change what the model says.

pub(crate) mod bins;
mod blocked;
mod cpu;
mod row;

use candle_core::{Device, Result, Tensor};
use shared::{FEW_BINS, MOST_BINS};

pub(crate) use blocked::{BinKnockout, Blocked};

/// Most bytes the weights of one block of query rows may take: they are gone through several times and
/// should stay in a cache.
const BLOCK_BYTES: usize = 8 << 20;
/// Fewest rows of a block.
const LEAST_ROWS: usize = 32;

// `build.rs` cannot ask `shared`: what it reads must be what everything else goes by.
const _: () = assert!(bins::FEW == FEW_BINS && bins::MANY == MOST_BINS);

/// Bins of the kernels that a run with so many takes on a GPU.
pub(crate) const fn kernel_bins(bins: usize) -> usize {
    if bins <= bins::FEW { bins::FEW } else { bins::MANY }
}

/// Which keys a query row may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mask<'a> {
    /// All of them: vision towers.
    None,
    /// Row `i` sees keys `0..=past + i`.
    Causal {
        /// Keys before the first query row's own.
        past: usize,
    },
    /// Row `i` sees keys `0..=past + i` but those that are blocked to it.
    Knockout {
        /// Keys before the first query row's own.
        past: usize,
        /// What is blocked.
        blocked: &'a Blocked<'a>,
    },
}

impl<'a> Mask<'a> {
    /// Keys before the first query row's own.
    pub(crate) fn past(self) -> usize {
        match self {
            Mask::None => 0,
            Mask::Causal { past } | Mask::Knockout { past, .. } => past,
        }
    }

    /// What is blocked of the keys that rows could see.
    pub(crate) fn blocked(self) -> Option<&'a Blocked<'a>> {
        match self {
            Mask::Knockout { blocked, .. } => Some(blocked),
            Mask::None | Mask::Causal { .. } => None,
        }
    }

    /// Of `keys`, those that a query row could see unless they are blocked: the first so many.
    pub(crate) fn visible(self, row: usize, keys: usize) -> usize {
        match self {
            Mask::None => keys,
            Mask::Causal { past } | Mask::Knockout { past, .. } => (past + row + 1).min(keys),
        }
    }
}

/// A run of positions of one bin: `(bin, start, end)`.
pub(crate) type Segment = (usize, usize, usize);

/// Told weights: first row, rows, keys, `[heads, rows, keys]`.
pub(crate) type MapSink<'a> = &'a mut dyn FnMut(usize, usize, usize, &[f32]);

/// What to watch in one call of [`attend`].
pub(crate) struct Watch<'a> {
    /// Bins of the keys, without gaps; query row `i` is key `past + i`.
    pub(crate) segments: &'a [Segment],
    /// How many bins there are.
    pub(crate) bins: usize,
    /// Whether to average the last row over heads.
    pub(crate) row: bool,
    /// Whether to keep the last row of every head.
    pub(crate) by_head: bool,
    /// Told the weights themselves.
    pub(crate) map: Option<MapSink<'a>>,
    /// Where sums go on the GPU; without it only the map is told.
    #[cfg(feature = "cuda")]
    pub(crate) page: Option<crate::cuda::Page>,
}

impl<'a> Watch<'a> {
    /// Watches the weights alone.
    pub(crate) fn map(segments: &'a [Segment], map: MapSink<'a>) -> Self {
        Watch {
            segments,
            bins: FEW_BINS,
            row: false,
            by_head: false,
            map: Some(map),
            #[cfg(feature = "cuda")]
            page: None,
        }
    }
}

/// What was seen in one call of [`attend`].
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// `[heads, bins, bins]`: mass from query bin to key bin.
    pub(crate) mass: Vec<f32>,
    /// `[heads, bins]`: mass of the last row.
    pub(crate) last: Vec<f32>,
    /// `[keys]`: the last row, averaged over heads; empty unless asked for.
    pub(crate) row: Vec<f32>,
    /// `[heads, keys]`: the last row; empty unless asked for.
    pub(crate) by_head: Vec<f32>,
}

/// Scaled dot-product attention.
///
/// `q` is `[heads, rows, width]`, `k` and `v` are `[kv_heads, keys, width]`, where `heads` is a
/// multiple of `kv_heads` and consecutive query heads share a key head. Scores and softmax are f32.
/// Returns `[rows, heads · width]`, and what a watcher asked for; on the GPU that goes to the
/// watcher's page instead.
pub(crate) fn attend(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Mask,
    mut watch: Option<Watch>,
) -> Result<(Tensor, Option<Seen>)> {
    #[cfg(feature = "cuda")]
    if q.device().is_cuda() {
        let (page, row) = watch.as_ref().map_or((None, false), |w| {
            (w.page.map(|page| page.with_heads(w.by_head)), w.row || w.by_head)
        });
        let map = watch.and_then(|w| w.map);
        return Ok((crate::cuda::attend(q, k, v, mask, page, row, map)?, None));
    }
    let (heads, rows, width) = q.dims3()?;
    let (kv_heads, keys, _) = k.dims3()?;
    let group = heads / kv_heads;
    let scale = 1.0 / (width as f32).sqrt();
    let block = block_rows(heads, keys).min(rows);
    let mut tally = watch.as_ref().map(|w| cpu::Tally::new(heads, w.bins, w.segments));
    let (q, k, v) = (q.contiguous()?, row_by_row(k)?, row_by_row(v)?);
    let (qs, ks, vs) = (q.storage_and_layout(), k.storage_and_layout(), v.storage_and_layout());
    let of =
        (cpu::Heads::of(&qs.0, qs.1)?, cpu::Heads::of(&ks.0, ks.1)?, cpu::Heads::of(&vs.0, vs.1)?);
    let mut weights = vec![0f32; heads * block * keys];
    let mut by_head = vec![0f32; heads * block * width];
    let mut output = vec![0f32; rows * heads * width];
    for first in (0..rows).step_by(block) {
        let b = block.min(rows - first);
        // Keys that no row of this block sees are not multiplied at all.
        let seen_keys = mask.visible(first + b - 1, keys);
        let weights = &mut weights[..heads * b * seen_keys];
        let by_head = &mut by_head[..heads * b * width];
        let rows_of_block = cpu::Rows { first, count: b, mask };
        cpu::block(of, group, (scale, rows_of_block, seen_keys), weights, by_head);
        if let (Some(watch), Some(tally)) = (watch.as_mut(), tally.as_mut()) {
            tally.add(weights, rows_of_block, seen_keys);
            if watch.row && first + b == rows {
                tally.keep_last_row(weights, b, seen_keys);
            }
            if watch.by_head && first + b == rows {
                tally.keep_last_row_by_head(weights, b, seen_keys);
            }
            if let Some(map) = watch.map.as_mut() {
                map(first, b, seen_keys, weights);
            }
        }
        for (r, row) in
            output[first * heads * width..].chunks_mut(heads * width).take(b).enumerate()
        {
            for (head, part) in row.chunks_mut(width).enumerate() {
                part.copy_from_slice(&by_head[(head * b + r) * width..][..width]);
            }
        }
    }
    let output = Tensor::from_vec(output, (rows, heads * width), &Device::Cpu)?;
    Ok((output, tally.map(cpu::Tally::finish)))
}

/// Values of a block of the attention of rows to keys: its weights, and what they give, `width` values a
/// row.
pub(crate) fn block_values(heads: usize, rows: usize, keys: usize, width: usize) -> usize {
    block_rows(heads, keys).min(rows) * (heads * keys + width)
}

/// Rows of a block: as many as its bytes allow, and enough for products to be worth their while.
const fn block_rows(heads: usize, keys: usize) -> usize {
    let fit = BLOCK_BYTES / (4 * heads * if keys == 0 { 1 } else { keys });
    if fit < LEAST_ROWS { LEAST_ROWS } else { fit }
}

/// A tensor whose heads lie row by row: a part of a cache does.
fn row_by_row(t: &Tensor) -> Result<Tensor> {
    match (t.dims(), t.stride()) {
        (&[_, _, width], &[_, by_row, 1]) if by_row == width => Ok(t.clone()),
        _ => t.contiguous(),
    }
}

/// Attention of each span `(start, length)` of the rows to itself and nothing else.
/// Shapes as for [`attend`].
pub(crate) fn attend_spans(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    spans: &[(usize, usize)],
) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if q.device().is_cuda() {
        return crate::cuda::attend_spans(q, k, v, spans);
    }
    let mut outputs = Vec::with_capacity(spans.len());
    for (start, len) in spans {
        let part = |t: &Tensor| t.narrow(1, *start, *len);
        outputs.push(attend(&part(q)?, &part(k)?, &part(v)?, Mask::None, None)?.0);
    }
    Tensor::cat(&outputs, 0)
}

#[cfg(test)]
mod tests;
