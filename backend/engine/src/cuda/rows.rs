//! What stands between matrix products: norms, rotary positions, activations, the chosen token.

use candle_core::cuda_backend::WrapErr;
use candle_core::{DType, Result, Storage, Tensor, bail};

use super::products::{empty, norms_eight};
use super::{address, device, grid, launch};

/// `x += delta` in place where there is one, then `rms_norm(x) · weight` as `to`: f32, f16, or a
/// single row in 8 bits as U8, which stays f32 where it is too long for that.
pub(crate) fn norm(
    x: &Tensor,
    delta: Option<&Tensor>,
    weight: &Tensor,
    eps: f32,
    to: DType,
) -> Result<Tensor> {
    let (n, width) = x.dims2()?;
    let device = device(x)?;
    // SAFETY: the kernels write every value.
    let plain = |to| unsafe { Tensor::empty((n, width), to, x.device()) };
    let (name, out) = match to {
        DType::U8 if n == 1 && norms_eight(width) => ("norm_eight", empty(width, x)?),
        DType::U8 | DType::F32 => ("norm_f32", plain(DType::F32)?),
        DType::F16 => ("norm_f16", plain(DType::F16)?),
        other => bail!("no norm in {other:?}"),
    };
    // At most sixteen values a thread keep a row in registers. A row alone is done the sooner the
    // more threads share it.
    let each = if n == 1 { 4 } else { 16 };
    let threads = (width.div_ceil(each).next_multiple_of(32) as u32).clamp(256, 1024);
    let delta = delta.map(address).transpose()?.unwrap_or(0);
    launch!(
        &device,
        name,
        grid((n as u32, 1, 1), threads),
        address(x)?,
        delta,
        address(weight)?,
        address(&out)?,
        width as i32,
        eps,
    );
    Ok(out)
}

/// Cuts stacked rows `[n, (heads + 2 · kv_heads) · width]` apart, turns queries and keys, puts keys
/// and values into the cache at position `past`, and returns the queries `[heads, n, width]`.
pub(crate) fn turn(
    qkv: &Tensor,
    (cos, sin): &(Tensor, Tensor),
    keys: &Tensor,
    values: &Tensor,
    past: usize,
) -> Result<Tensor> {
    let (n, stacked) = qkv.dims2()?;
    let (kv_heads, capacity, width) = keys.dims3()?;
    let heads = stacked / width - 2 * kv_heads;
    if past + n > capacity {
        bail!("the cache holds {capacity} positions, not {}", past + n)
    }
    let name = match (qkv.dtype(), keys.dtype()) {
        (DType::F32, DType::F32) => "turn_f32_f32",
        (DType::F32, DType::F16) => "turn_f32_f16",
        (DType::F16, DType::F16) => "turn_f16_f16",
        (from, to) => bail!("no turning of {from:?} into {to:?}"),
    };
    let device = device(qkv)?;
    // SAFETY: the kernel writes every value.
    let q = unsafe { Tensor::empty((heads, n, width), keys.dtype(), qkv.device()) }?;
    launch!(
        &device,
        name,
        grid((n as u32, 1, 1), 512),
        address(qkv)?,
        address(cos)?,
        address(sin)?,
        address(&q)?,
        address(keys)?,
        address(values)?,
        n as i32,
        heads as i32,
        kv_heads as i32,
        width as i32,
        (capacity * width) as i64,
        past as i32,
    );
    Ok(q)
}

/// `silu(gate) · up` of rows `[n, 2 · width]`, in their type or, of a single row of f32, in 8 bits.
pub(crate) fn gate(x: &Tensor, eight: bool) -> Result<Tensor> {
    let (n, both) = x.dims2()?;
    let width = both / 2;
    let device = device(x)?;
    if eight {
        if n != 1 || x.dtype() != DType::F32 {
            bail!("no row of 8 bits from {:?} of {:?}", x.shape(), x.dtype())
        }
        let out = empty(width, x)?;
        let blocks = grid((width.div_ceil(256) as u32, 1, 1), 256);
        launch!(&device, "gate_eight", blocks, address(x)?, address(&out)?, width as i32);
        return Ok(out);
    }
    // SAFETY: the kernel writes every value.
    let out = unsafe { Tensor::empty((n, width), x.dtype(), x.device()) }?;
    let name = if x.dtype() == DType::F16 { "gate_f16" } else { "gate_f32" };
    // Rows are the grid's second dimension, which ends at 65,535.
    for first in (0..n).step_by(65_535) {
        let count = (n - first).min(65_535);
        let offset = |values: usize| (first * values * x.dtype().size_in_bytes()) as u64;
        launch!(
            &device,
            name,
            grid((width.div_ceil(2048) as u32, count as u32, 1), 256),
            address(x)? + offset(both),
            address(&out)? + offset(width),
            width as i32,
        );
    }
    Ok(out)
}

/// Adds a bias `[width]` in f32 to rows `[n, width]` in place.
pub(crate) fn add_bias(y: &Tensor, bias: &Tensor) -> Result<()> {
    let (n, width) = y.dims2()?;
    let device = device(y)?;
    let name = if y.dtype() == DType::F16 { "add_bias_f16" } else { "add_bias_f32" };
    launch!(
        &device,
        name,
        grid(((n * width).div_ceil(256) as u32, 1, 1), 256),
        address(y)?,
        address(bias)?,
        (n * width) as i64,
        width as i32,
    );
    Ok(())
}

/// The most probable token of `[1, vocab]` logits in f32: its id, its logit, `Σ exp(logit − its)`,
/// and whether all logits are finite. Waits for the device.
pub(crate) fn choose(logits: &Tensor) -> Result<(u32, f32, f32, bool)> {
    let vocab = logits.elem_count();
    let device = device(logits)?;
    // SAFETY: the kernel writes every value.
    let out = unsafe { Tensor::empty(4, DType::U32, logits.device()) }?;
    launch!(
        &device,
        "choose",
        grid((vocab.div_ceil(8192).min(64) as u32, 1, 1), 1024),
        address(logits)?,
        address(&out)?,
        vocab as i32,
    );
    let mut words = [0u32; 4];
    let (storage, _) = out.storage_and_layout();
    let Storage::Cuda(cuda) = &*storage else { bail!("a kernel was given a tensor of the CPU") };
    let stream = device.cuda_stream();
    stream.memcpy_dtoh(cuda.as_cuda_slice::<u32>()?, &mut words).w()?;
    stream.synchronize().w()?;
    let [logit, norm, id, finite] = words;
    Ok((id, f32::from_bits(logit), f32::from_bits(norm), finite != 0))
}
