//! What a decoder does between matrix products, on whichever device its tensors lie: candle's own
//! operations on the CPU, one fused kernel each on the GPU.

use candle_core::{DType, Result, Tensor};
use shared::ErrorCode;
use shared::sentence::EngineRefusal;

use crate::error::EngineError;
use crate::rotary::Rotary;

/// `x + delta` where there is a delta, and its `rms_norm · weight`, on the GPU as `to` (U8: a single row
/// in 8 bits, see [`Linear::takes`](crate::weights::Linear::takes)). The GPU adds in place: `x` must
/// be nobody else's.
pub(crate) fn add_norm(
    x: Tensor,
    delta: Option<&Tensor>,
    weight: &Tensor,
    eps: f32,
    to: DType,
) -> Result<(Tensor, Tensor)> {
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() {
        let normed = crate::cuda::norm(&x, delta, weight, eps, to)?;
        return Ok((x, normed));
    }
    let _ = to;
    let x = match delta {
        Some(delta) => (x + delta)?,
        None => x,
    };
    let normed = candle_nn::ops::rms_norm(&x, weight, eps)?;
    Ok((x, normed))
}

/// Cuts stacked rows `[n, (heads + 2 · kv_heads) · width]` into queries, keys and values, turns
/// queries and keys by their positions, puts keys and values into the cache
/// `[kv_heads, capacity, width]` at position `past`, and returns the queries `[heads, n, width]`.
pub(crate) fn turn(
    qkv: &Tensor,
    tables: &(Tensor, Tensor),
    keys: &Tensor,
    values: &Tensor,
    past: usize,
) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if qkv.device().is_cuda() {
        return crate::cuda::turn(qkv, tables, keys, values, past);
    }
    let (n, stacked) = qkv.dims2()?;
    let (kv_heads, _, width) = keys.dims3()?;
    let heads = stacked / width - 2 * kv_heads;
    let part = |first: usize, count: usize| -> Result<Tensor> {
        let part = qkv.narrow(1, first * width, count * width)?;
        part.reshape((n, count, width))?.transpose(0, 1)?.contiguous()
    };
    let q = Rotary::apply(&part(0, heads)?, tables)?;
    keys.slice_set(&Rotary::apply(&part(heads, kv_heads)?, tables)?, 1, past)?;
    values.slice_set(&part(heads + kv_heads, kv_heads)?, 1, past)?;
    Ok(q)
}

/// Norms (RMSNorm, each with its weight `[width]`) the queries and keys of stacked rows
/// `[n, (heads + 2 · kv_heads) · width]` head by head, and leaves the values as they are.
pub(crate) fn norm_heads(
    qkv: &Tensor,
    (q, k): &(Tensor, Tensor),
    (heads, kv_heads): (usize, usize),
    eps: f32,
) -> Result<Tensor> {
    let (n, width) = (qkv.dim(0)?, q.dim(0)?);
    let normed = |first: usize, heads: usize, weight: &Tensor| -> Result<Tensor> {
        let part = qkv.narrow(1, first * width, heads * width)?.reshape((n * heads, width))?;
        // Sums are f32, as those of every other norm.
        let part = part.to_dtype(DType::F32)?.contiguous()?;
        let normed = candle_nn::ops::rms_norm(&part, weight, eps)?;
        normed.reshape((n, heads * width))?.to_dtype(qkv.dtype())
    };
    let values = qkv.narrow(1, (heads + kv_heads) * width, kv_heads * width)?;
    Tensor::cat(&[normed(0, heads, q)?, normed(heads, kv_heads, k)?, values], 1)
}

/// `silu(gate) · up` of rows `[n, 2 · width]`; on the GPU in 8 bits if `eight`.
pub(crate) fn gate(x: &Tensor, eight: bool) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() {
        return crate::cuda::gate(x, eight);
    }
    let _ = eight;
    crate::activations::gate(x)
}

/// The most probable token of logits `[1, vocab]`, the first of equals, and the natural logarithm
/// of its probability.
///
/// # Errors
/// A logit is not finite.
pub(crate) fn choose(logits: &Tensor) -> std::result::Result<(u32, f32), EngineError> {
    #[cfg(feature = "cuda")]
    if logits.device().is_cuda() {
        let (id, _, norm, finite) = crate::cuda::choose(logits)?;
        return if finite { Ok((id, -norm.ln())) } else { Err(not_finite()) };
    }
    let logits: Vec<f32> = logits.flatten_all()?.to_vec1()?;
    let mut best = 0;
    for (i, logit) in logits.iter().enumerate() {
        if !logit.is_finite() {
            return Err(not_finite());
        }
        if *logit > logits[best] {
            best = i;
        }
    }
    let max = f64::from(logits[best]);
    let sum: f64 = logits.iter().map(|l| (f64::from(*l) - max).exp()).sum();
    Ok((best as u32, -(sum.ln()) as f32))
}

/// The most probable tokens of logits `[1, vocab]` but the one chosen, at most `count`, the most
/// probable first, and the natural logarithms of their probabilities. `chosen` is what [`choose`]
/// gave. One pass over the logits, which a GPU hands over for it.
pub(crate) fn runners_up(
    logits: &Tensor,
    (chosen, logprob): (u32, f32),
    count: usize,
) -> Result<Vec<(u32, f32)>> {
    let logits: Vec<f32> = logits.flatten_all()?.to_vec1()?;
    let mut best: Vec<(u32, f32)> = Vec::with_capacity(count + 1);
    for (id, logit) in (0u32..).zip(&logits) {
        let full = best.len() == count;
        if id == chosen || full && best.last().is_none_or(|(_, least)| logit <= least) {
            continue;
        }
        // Of equal logits the first comes first, as in `choose`.
        best.insert(best.partition_point(|(_, l)| l >= logit), (id, *logit));
        best.truncate(count);
    }
    let top = f64::from(logits[chosen as usize]);
    let of = |logit: f32| (f64::from(logprob) + f64::from(logit) - top) as f32;
    Ok(best.into_iter().map(|(id, logit)| (id, of(logit))).collect())
}

/// The error of a logit that is no number.
pub(crate) fn not_finite() -> EngineError {
    EngineError::new(ErrorCode::NotFinite, EngineRefusal::NotFinite)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn runners_up_are_the_most_probable_but_the_chosen() {
        let values = [0.5f32, 2.0, -1.0, 2.0, 1.0, 0.5, -3.0];
        let logits = Tensor::new(&[values], &Device::Cpu).expect("a tensor");
        let chosen = choose(&logits).expect("finite");
        assert_eq!(chosen.0, 1);
        let others = runners_up(&logits, chosen, 4).expect("logits");
        assert_eq!(others.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [3, 4, 0, 5]);
        let sum: f64 = values.iter().map(|l| f64::from(*l).exp()).sum();
        for (id, logprob) in others {
            let want = f64::from(values[id as usize]) - sum.ln();
            assert!((f64::from(logprob) - want).abs() < 1e-6, "{id}: {logprob} is not {want}");
        }
        assert_eq!(runners_up(&logits, chosen, 40).expect("logits").len(), 6, "no more than there");
    }
}
