//! One row through weights in q4_K, as in generating: the row in 8 bits, then a kernel that reads the
//! weights once. Other block types go through candle's kernels.

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Result, Tensor, bail};

use super::{address, device, grid, launch};

/// Rows in 8 bits come in lots of so many values: a block of a k-quant.
const LOT: usize = 256;
/// The longest row that the norm which writes 8 bits can hold (`HELD` in `kernels/rows.cu`).
const LONGEST: usize = 16_384;
/// Rows of weights that a block of threads takes (`WARPS` in `kernels/products.cu`).
const ROWS: usize = 4;

/// Bytes of a row of so many values in 8 bits, with scales and sums: its twin stands in
/// `kernels/eight.cuh`.
const fn eight_bytes(width: usize) -> usize {
    width + width / 32 * 8
}

/// Whether a weight's product with a single row goes through this module.
pub(crate) fn is_q4k(weight: &QTensor) -> bool {
    let Ok((_, width)) = weight.shape().dims2() else { return false };
    weight.dtype() == GgmlDType::Q4K && width.is_multiple_of(LOT)
}

/// Whether norms write rows of this width in 8 bits.
pub(super) const fn norms_eight(width: usize) -> bool {
    width.is_multiple_of(LOT) && width <= LONGEST
}

/// A row `[1, width]` of f32 in 8 bits, `[1, bytes]`.
pub(crate) fn eight(x: &Tensor) -> Result<Tensor> {
    let (n, width) = x.dims2()?;
    if n != 1 || x.dtype() != DType::F32 || !x.is_contiguous() {
        bail!("no row of 8 bits from {:?} of {:?}", x.shape(), x.dtype())
    }
    let device = device(x)?;
    let out = empty(width, x)?;
    launch!(
        &device,
        "eight",
        grid(((width / LOT) as u32, 1, 1), LOT as u32),
        address(x)?,
        address(&out)?,
        width as i32,
    );
    Ok(out)
}

/// Room for a row of so many values in 8 bits, beside `x`.
///
/// # Errors
/// The kernels' lanes share lots of 256 values: no other width.
pub(super) fn empty(width: usize, x: &Tensor) -> Result<Tensor> {
    if !width.is_multiple_of(LOT) {
        bail!("no row of {width} values in 8 bits")
    }
    // SAFETY: every kernel that is given one writes all of it.
    unsafe { Tensor::empty((1, eight_bytes(width)), DType::U8, x.device()) }
}

/// Writes `x Wᵀ` into `out` `[1, …]` in f32 from column `first` on: a row `x` in 8 bits, a weight
/// `[rows, width]` in q4_K.
pub(crate) fn product(x: &Tensor, weight: &QTensor, out: &Tensor, first: usize) -> Result<()> {
    let (rows, width) = weight.shape().dims2()?;
    let fits = x.elem_count() == eight_bytes(width) && first + rows <= out.elem_count();
    let plain = x.is_contiguous() && out.is_contiguous();
    if !is_q4k(weight) || x.dtype() != DType::U8 || out.dtype() != DType::F32 || !fits || !plain {
        bail!("no product of {:?} and {:?}", x.shape(), weight.shape())
    }
    let device = device(x)?;
    launch!(
        &device,
        "product_q4k",
        grid((rows.div_ceil(ROWS) as u32, 1, 1), 32 * ROWS as u32),
        weight.device_ptr()? as u64,
        address(x)?,
        address(out)? + (first * size_of::<f32>()) as u64,
        rows as i32,
        width as i32,
    );
    Ok(())
}
