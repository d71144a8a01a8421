//! Quantized weights, decoded.

use candle_core::quantized::{GgmlDType, QMatMul};
use candle_core::{DType, Result, Tensor};

use super::{grid, launch};

/// Blocks that a block of threads decodes: four for each of eight warps.
const AT_ONCE: usize = 32;
/// Values of a k-quant's block.
const BLOCK: usize = 256;

/// A quantized weight `[out, in]` in f16. q4_K goes through a kernel of our own, at the speed of
/// memory; the others through candle's.
pub(crate) fn decoded(weight: &QMatMul) -> Result<Tensor> {
    let quantized = match weight {
        QMatMul::QTensor(q) if q.dtype() == GgmlDType::Q4K => q,
        _ => return weight.dequantize_f16(),
    };
    let (shape, on) = (quantized.shape(), quantized.device());
    let device = on.as_cuda_device()?.clone();
    let blocks = shape.elem_count() / BLOCK;
    // SAFETY: the kernel writes every value.
    let out = unsafe { Tensor::empty(shape, DType::F16, &on) }?;
    launch!(
        &device,
        "decode_q4k",
        grid((blocks.div_ceil(AT_ONCE) as u32, 1, 1), 256),
        quantized.device_ptr()? as u64,
        super::address(&out)?,
        blocks as i64,
    );
    Ok(out)
}
