//! Matrix products in 16 bits with f32 sums, by cuBLAS.

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::cublas::{result, sys};
use candle_core::{DType, Result, Tensor, bail};

use super::{address, device};

/// Writes `x Wᵀ` into columns `first…` of `out`: rows `x` `[n, in]` and a weight `[out, in]` of the
/// same 16-bit type (or f32), `out` `[n, …]` of that type or f32, sums always in f32.
pub(crate) fn matmul(x: &Tensor, weight: &Tensor, out: &Tensor, first: usize) -> Result<()> {
    let (n, inner) = x.dims2()?;
    let (rows, columns) = weight.dims2()?;
    let (_, stride) = out.dims2()?;
    if inner != columns || x.dtype() != weight.dtype() || first + rows > stride {
        bail!("no product of {:?} and {:?}", x.shape(), weight.shape())
    }
    let kind = |dtype| match dtype {
        DType::F16 => Ok(sys::cudaDataType_t::CUDA_R_16F),
        DType::BF16 => Ok(sys::cudaDataType_t::CUDA_R_16BF),
        DType::F32 => Ok(sys::cudaDataType_t::CUDA_R_32F),
        other => bail!("no products in {other:?}"),
    };
    let device = device(x)?;
    let blas = device.cublas_handle();
    let (alpha, beta) = (1f32, 0f32);
    let to = address(out)? + (first * out.dtype().size_in_bytes()) as u64;
    // cuBLAS counts by columns: outᵀ = W xᵀ.
    // SAFETY: sizes are checked above; all three tensors outlive the call.
    unsafe {
        result::gemm_ex(
            *blas.handle(),
            sys::cublasOperation_t::CUBLAS_OP_T,
            sys::cublasOperation_t::CUBLAS_OP_N,
            rows as i32,
            n as i32,
            inner as i32,
            (&raw const alpha).cast(),
            address(weight)? as *const _,
            kind(weight.dtype())?,
            inner as i32,
            address(x)? as *const _,
            kind(x.dtype())?,
            inner as i32,
            (&raw const beta).cast(),
            to as *mut _,
            kind(out.dtype())?,
            stride as i32,
            sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
            sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
        )
    }
    .w()?;
    Ok(())
}
