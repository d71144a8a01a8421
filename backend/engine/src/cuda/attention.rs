//! Watched attention on the GPU.
//!
//! Three ways through, the same sums: one fused pass over tiles (16 bits, many rows), a split pass
//! over the cache (one row), and whole score rows in blocks (f32, maps, unusual widths).

use candle_core::cuda_backend::CudaDevice;
use candle_core::cuda_backend::cudarc::driver::DeviceRepr;
use candle_core::{DType, Device, Result, Tensor};

use super::{Page, address, device, grid, launch};
use crate::attention::{Blocked, MapSink, Mask, kernel_bins};
use crate::memory::GPU_BLOCK;

/// Query rows of a block of the flash kernel.
const FLASH_ROWS: usize = 128;
/// Blocks that fill the GPU in the decode kernel: four on each of an H100's multiprocessors.
const DECODE_BLOCKS: usize = 528;
/// Most threads of a block of `flash_fold`.
const FOLD_THREADS: usize = 512;

/// Bins of the kernels that fill a page; the fewest where nobody watches.
fn bins_of(page: Option<Page>) -> usize {
    page.map_or(kernel_bins(0), |page| page.bins)
}

/// What the names of the kernels that fill a page end with.
fn suffix(page: Option<Page>) -> &'static str {
    if bins_of(page) == kernel_bins(0) { "" } else { "_many" }
}

/// Arguments of the flash kernels, as `kernels/flash.cu` declares them.
#[repr(C)]
#[derive(Clone, Copy)]
struct Flash {
    q: u64,
    k: u64,
    v: u64,
    out: u64,
    spans: u64,
    bins_of: u64,
    runs: u64,
    partial: u64,
    last: u64,
    q_stride: i64,
    kv_stride: i64,
    heads: i32,
    per_kv: i32,
    rows: i32,
    keys: i32,
    past: i32,
    scale: f32,
}
// SAFETY: plain numbers in the kernel's own layout.
unsafe impl DeviceRepr for Flash {}

/// Arguments of the decode kernels, as `kernels/decode.cu` declares them.
#[repr(C)]
#[derive(Clone, Copy)]
struct Decode {
    q: u64,
    k: u64,
    v: u64,
    bins_of: u64,
    scores: u64,
    highest: u64,
    sums: u64,
    outs: u64,
    out: u64,
    last: u64,
    norm: u64,
    q_stride: i64,
    kv_stride: i64,
    heads: i32,
    per_kv: i32,
    keys: i32,
    scale: f32,
}
// SAFETY: plain numbers in the kernel's own layout.
unsafe impl DeviceRepr for Decode {}

/// Whether the kernels for one row know this width.
pub(crate) fn decodes(width: usize) -> bool {
    matches!(width, 32 | 64 | 128)
}

/// The width that the kernels for many rows take heads of this width as: their own, or the next
/// larger one, filled up with zeros. Wider heads, and widths that 8 does not divide, go through in whole
/// score rows.
const fn flash_width(width: usize) -> Option<usize> {
    match width {
        1..=32 => Some(32),
        33..=64 => Some(64),
        65..=80 => Some(80),
        81..=128 => Some(128),
        _ => None,
    }
}

/// Whether the kernels for many rows take heads of this width, if need be filled up with zeros.
fn flashes_filled(q: &Tensor, width: usize) -> bool {
    q.dtype() == DType::F16 && width.is_multiple_of(8) && flash_width(width).is_some()
}

/// Whether they take it as it is. A decoder's heads are not filled up: an observer may want what only
/// whole score rows have, and then the same run would be computed in another way than unobserved.
fn flashes(q: &Tensor, width: usize) -> bool {
    q.dtype() == DType::F16 && flash_width(width) == Some(width)
}

/// Attention of `q` `[heads, rows, width]` over `k` and `v` `[kv_heads, keys, width]`, of which a
/// head is contiguous; returns `[rows, heads · width]`: f32 for a single row, else the dtype of `q`.
/// Sums go to the page where there is one, with the averaged last row if `row`, and that of every
/// head where the page has room for them.
pub(crate) fn attend(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Mask,
    page: Option<Page>,
    row: bool,
    map: Option<MapSink>,
) -> Result<Tensor> {
    let (_, rows, width) = q.dims3()?;
    if mask.blocked().is_some() {
        return whole_rows(q, k, v, mask, page, row, map);
    }
    if map.is_none() && rows == 1 && decodes(width) {
        return decode(q, k, v, page, page.filter(|_| row));
    }
    if mask == Mask::None && page.is_none() && map.is_none() && flashes_filled(q, width) {
        // An encoder's, which nobody observes.
        return flash(q, k, v, mask, None, None);
    }
    // The averaged row comes from the decode kernels, which know fewer widths.
    if map.is_none() && flashes(q, width) && (!row || decodes(width)) {
        let out = flash(q, k, v, mask, None, page)?;
        if row && page.is_some() {
            // The last row again, for its weights on every key.
            decode(&q.narrow(1, rows - 1, 1)?, k, v, None, page)?;
        }
        return Ok(out);
    }
    whole_rows(q, k, v, mask, page, row, map)
}

/// Attention of each span `(start, length)` of the rows to itself.
pub(crate) fn attend_spans(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    spans: &[(usize, usize)],
) -> Result<Tensor> {
    let (_, _, width) = q.dims3()?;
    if flashes_filled(q, width) {
        return flash(q, k, v, Mask::None, Some(spans), None);
    }
    let part = |t: &Tensor, at: &(usize, usize)| t.narrow(1, at.0, at.1)?.contiguous();
    let outputs: Vec<Tensor> = spans
        .iter()
        .map(|s| {
            // A single row comes in f32.
            attend(&part(q, s)?, &part(k, s)?, &part(v, s)?, Mask::None, None, false, None)?
                .to_dtype(q.dtype())
        })
        .collect::<Result<_>>()?;
    Tensor::cat(&outputs, 0)
}

fn flash(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Mask,
    spans: Option<&[(usize, usize)]>,
    page: Option<Page>,
) -> Result<Tensor> {
    let (heads, rows, width) = q.dims3()?;
    let (kv_heads, keys, _) = k.dims3()?;
    // Zeros add nothing to a score, and give columns of zeros, which are cut off again.
    let padded = flash_width(width).unwrap_or(width);
    let filled = |t: &Tensor| -> Result<Tensor> {
        match padded - width {
            0 => Ok(t.clone()),
            zeros => t.pad_with_zeros(2, 0, zeros)?.contiguous(),
        }
    };
    let (q, k, v) = (&filled(q)?, &filled(k)?, &filled(v)?);
    let device = device(q)?;
    let on = q.device();
    let (causal, past) = (if mask == Mask::None { "" } else { "_causal" }, mask.past());
    let bins = bins_of(page);
    let longest = spans.map_or(rows, |s| s.iter().map(|(_, len)| *len).max().unwrap_or(0));
    let blocks = longest.div_ceil(FLASH_ROWS);
    // SAFETY: the kernels write every value.
    let (out, partial) = unsafe {
        let partial = if page.is_some() { heads * blocks * bins * bins } else { 1 };
        (
            Tensor::empty((rows, heads * padded), DType::F16, on)?,
            Tensor::empty(partial, DType::F32, on)?,
        )
    };
    let bounds = match spans {
        None => None,
        Some(spans) => {
            let flat: Vec<u32> = spans.iter().flat_map(|(s, n)| [*s as u32, *n as u32]).collect();
            Some(Tensor::from_vec(flat, 2 * spans.len(), on)?)
        }
    };
    let call = Flash {
        q: address(q)?,
        k: address(k)?,
        v: address(v)?,
        out: address(&out)?,
        spans: bounds.as_ref().map(address).transpose()?.unwrap_or(0),
        bins_of: page.map_or(0, |p| p.bins_of),
        runs: page.map_or(0, |p| p.runs),
        partial: address(&partial)?,
        last: page.map_or(0, |p| p.last),
        q_stride: q.stride()[0] as i64,
        kv_stride: k.stride()[0] as i64,
        heads: heads as i32,
        per_kv: (heads / kv_heads) as i32,
        rows: rows as i32,
        keys: keys as i32,
        past: past as i32,
        scale: 1.0 / (width as f32).sqrt(),
    };
    let observed = if page.is_some() { "_observed" } else { "" };
    let name = format!("flash_{padded}{causal}{observed}{}", suffix(page));
    let blocks_of = (heads as u32, blocks as u32, spans.map_or(1, <[_]>::len) as u32);
    launch!(&device, &name, grid(blocks_of, 256), call);
    if let Some(page) = page {
        // As many threads as fit share a pair of bins, eight at most.
        let pairs = bins * bins;
        let fold = grid((heads as u32, 1, 1), (pairs * (FOLD_THREADS / pairs).min(8)) as u32);
        let name = format!("flash_fold{}", suffix(Some(page)));
        launch!(&device, &name, fold, address(&partial)?, page.mass, blocks as i32);
    }
    if padded == width {
        return Ok(out);
    }
    let out = out.reshape((rows, heads, padded))?.narrow(2, 0, width)?;
    out.contiguous()?.reshape((rows, heads * width))
}

/// One query row `[heads, 1, width]`. `page` receives its masses, `row` its average over heads.
fn decode(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    page: Option<Page>,
    row: Option<Page>,
) -> Result<Tensor> {
    let (heads, _, width) = q.dims3()?;
    let (kv_heads, keys, _) = k.dims3()?;
    let device = device(q)?;
    let on = q.device();
    let bins = bins_of(page);
    let splits = (DECODE_BLOCKS / heads).clamp(1, 128);
    let parts = heads * splits;
    // A generated token's rows are averaged in all layers at once, when the last layer is done.
    let later = page.and_then(|p| p.later).filter(|_| row.is_some());
    let scores = if row.is_some() && later.is_none() { heads * keys } else { 0 };
    // SAFETY: the kernels write every value that they read.
    let (out, work) = unsafe {
        let values = parts * (1 + bins + width) + 2 * heads + scores;
        (Tensor::empty((1, heads * width), DType::F32, on)?, Tensor::empty(values, DType::F32, on)?)
    };
    let highest = address(&work)?;
    let sums = highest + 4 * parts as u64;
    let outs = sums + 4 * (parts * bins) as u64;
    let norm = outs + 4 * (parts * width) as u64;
    let (row_scores, norm) = match later {
        Some(later) => later.of(heads, keys),
        None => (norm + 8 * heads as u64, norm),
    };
    let call = Decode {
        q: address(q)?,
        k: address(k)?,
        v: address(v)?,
        bins_of: page.map_or(0, |p| p.bins_of),
        scores: if row.is_some() { row_scores } else { 0 },
        highest,
        sums,
        outs,
        out: address(&out)?,
        last: page.map_or(0, |p| p.last),
        norm: if row.is_some() { norm } else { 0 },
        q_stride: q.stride()[0] as i64,
        kv_stride: k.stride()[0] as i64,
        heads: heads as i32,
        per_kv: (heads / kv_heads) as i32,
        keys: keys as i32,
        scale: 1.0 / (width as f32).sqrt(),
    };
    let kind = if q.dtype() == DType::F16 { "f16" } else { "f32" };
    let name = format!("decode_{kind}_{width}{}", suffix(page));
    launch!(&device, &name, grid((splits as u32, heads as u32, 1), 128), call);
    if let Some(page) = row.filter(|_| later.is_none()) {
        let blocks = grid((keys.div_ceil(32) as u32, 1, 1), 128);
        let (h, n) = (heads as i32, keys as i32);
        launch!(&device, "decode_row", blocks, row_scores, norm, page.row, h, n, 0i64);
        if let Some(by_head) = page.by_head {
            head_rows(&device, (row_scores, norm), by_head.of(heads, keys), heads, keys)?;
        }
    }
    Ok(out)
}

/// Weights of score rows `[heads, keys]`, which may be those of several layers.
pub(super) fn head_rows(
    device: &CudaDevice,
    (scores, norm): (u64, u64),
    to: u64,
    heads: usize,
    keys: usize,
) -> Result<()> {
    let blocks = grid((keys.div_ceil(256) as u32, heads as u32, 1), 256);
    launch!(device, "decode_heads", blocks, scores, norm, to, keys as i32);
    Ok(())
}

/// What is added to the scores of rows from position `first` on so that blocked keys weigh nothing:
/// `[heads, rows, keys]` where heads differ, else `[1, rows, keys]`.
fn unseen(
    blocked: &Blocked,
    heads: usize,
    first: usize,
    (rows, keys): (usize, usize),
    on: &Device,
) -> Result<Tensor> {
    let sets = if blocked.knockout.heads.is_empty() { 1 } else { heads };
    let mut added = vec![0f32; sets * rows * keys];
    for (at, row) in added.chunks_exact_mut(keys).enumerate() {
        for range in blocked.ranges(at / rows, first + at % rows) {
            // Not −∞: what is added to it must not become NaN.
            row[range].fill(-1e30);
        }
    }
    Tensor::from_vec(added, (sets, rows, keys), on)
}

/// Score rows in f32, a block of query rows at a time.
fn whole_rows(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Mask,
    page: Option<Page>,
    row: bool,
    mut map: Option<MapSink>,
) -> Result<Tensor> {
    let (heads, rows, width) = q.dims3()?;
    let (kv_heads, keys, _) = k.dims3()?;
    let device = device(q)?;
    let on = q.device();
    let float = |t: &Tensor| t.contiguous()?.to_dtype(DType::F32);
    let (k, v) = (float(k)?, float(v)?);
    let (causal, past) = (i32::from(mask != Mask::None), mask.past());
    let scale = 1.0 / (width as f32).sqrt();
    let (bins, suffix) = (bins_of(page), suffix(page));
    let (softmax, fold) = (format!("softmax_rows{suffix}"), format!("fold_rows{suffix}"));
    let block = (GPU_BLOCK / (4 * heads * keys).max(1)).clamp(1, rows);
    let mut outputs = Vec::with_capacity(rows.div_ceil(block));
    for first in (0..rows).step_by(block) {
        let b = block.min(rows - first);
        let seen = mask.visible(first + b - 1, keys);
        let part = |t: &Tensor| t.narrow(1, 0, seen)?.contiguous();
        let q = float(&q.narrow(1, first, b)?)?.reshape((kv_heads, heads / kv_heads * b, width))?;
        let mut scores = q.matmul(&part(&k)?.t()?)?;
        if let Some(blocked) = mask.blocked() {
            let all = scores.reshape((heads, b, seen))?;
            let barred = unseen(blocked, heads, past + first, (b, seen), on)?;
            scores = all.broadcast_add(&barred)?.reshape((kv_heads, heads / kv_heads * b, seen))?;
        }
        // SAFETY: the kernel writes every value.
        let masses = unsafe { Tensor::empty((heads * b, bins), DType::F32, on) }?;
        launch!(
            &device,
            &softmax,
            grid(((heads * b) as u32, 1, 1), 256),
            address(&scores)?,
            page.map_or(0, |p| p.bins_of),
            address(&masses)?,
            b as i32,
            seen as i32,
            causal,
            past as i32,
            first as i32,
            scale,
        );
        if let Some(page) = page {
            launch!(
                &device,
                &fold,
                grid((heads as u32, 1, 1), (bins * bins) as u32),
                address(&masses)?,
                page.bins_of,
                page.mass,
                page.last,
                b as i32,
                (past + first) as i32,
            );
            if row && first + b == rows {
                let blocks = grid((seen.div_ceil(256) as u32, 1, 1), 256);
                let weights = address(&scores)?;
                let (h, r, n) = (heads as i32, b as i32, seen as i32);
                launch!(&device, "mean_last_row", blocks, weights, page.row, h, r, n);
                if let Some(by_head) = page.by_head {
                    let blocks = grid((seen.div_ceil(256) as u32, heads as u32, 1), 256);
                    launch!(&device, "last_rows", blocks, weights, by_head.of(heads, seen), r, n);
                }
            }
        }
        if let Some(map) = map.as_mut() {
            map(first, b, seen, &scores.flatten_all()?.to_vec1::<f32>()?);
        }
        let out = scores.matmul(&part(&v)?)?;
        outputs.push(out.reshape((heads, b, width))?.transpose(0, 1)?.contiguous()?);
    }
    let output = if outputs.len() == 1 { outputs.remove(0) } else { Tensor::cat(&outputs, 0)? };
    let to = if rows == 1 { DType::F32 } else { q.dtype() };
    output.reshape((rows, heads * width))?.to_dtype(to)
}
