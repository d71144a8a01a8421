//! Linear maps whose weights may be quantized.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul};
use candle_core::{DType, Device, Module, Result, Tensor};
use shared::Quant;

use super::half::HalfMatrix;
use super::quantize::quantize;

/// `y = x Wᵀ + b`.
#[derive(Debug)]
pub(crate) struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
}

#[derive(Debug)]
enum Weight {
    /// `[in, out]`, already transposed.
    Dense(Tensor),
    Half(HalfMatrix),
    Quantized(QMatMul),
}

/// The block type of a quantization; `None` for plain f32.
pub(crate) fn block_type(quant: Quant) -> Option<GgmlDType> {
    Some(match quant {
        Quant::F32 => return None,
        Quant::F16 => GgmlDType::F16,
        Quant::Bf16 => GgmlDType::BF16,
        Quant::Q8_0 => GgmlDType::Q8_0,
        Quant::Q6k => GgmlDType::Q6K,
        Quant::Q5k => GgmlDType::Q5K,
        Quant::Q4k => GgmlDType::Q4K,
    })
}

/// What a weight with rows of `columns` values can be held as: k-quants need rows that are a
/// multiple of 256 and fall back to q8_0 (32), which falls back to f16.
pub(crate) fn fitting(quant: Quant, columns: usize) -> Quant {
    let fits = |q| block_type(q).is_none_or(|t| columns.is_multiple_of(t.block_size()));
    [quant, Quant::Q8_0].into_iter().find(|q| fits(*q)).unwrap_or(Quant::F16)
}

impl Linear {
    /// A linear map from its weight `[out, in]` in f32, held as `quant` says, and its bias `[out]`.
    pub(crate) fn new(weight: &Tensor, bias: Option<Tensor>, quant: Quant) -> Result<Self> {
        let weight = match (quant, block_type(quant)) {
            (_, None) => Weight::Dense(weight.t()?.contiguous()?),
            (Quant::F16, _) => Weight::Half(HalfMatrix::new(weight, DType::F16)?),
            (Quant::Bf16, _) => Weight::Half(HalfMatrix::new(weight, DType::BF16)?),
            (_, Some(block)) => {
                Weight::Quantized(QMatMul::from_arc(Arc::new(quantize(weight, block)?))?)
            }
        };
        Ok(Linear { weight, bias })
    }

    /// Bytes of the weights in memory.
    pub(crate) fn bytes(&self) -> usize {
        let bias = self.bias.as_ref().map_or(0, |b| b.elem_count() * b.dtype().size_in_bytes());
        bias + match &self.weight {
            Weight::Dense(w) | Weight::Quantized(QMatMul::Tensor(w) | QMatMul::TensorF16(w)) => {
                w.elem_count() * w.dtype().size_in_bytes()
            }
            Weight::Half(w) => 2 * w.tensor().elem_count(),
            Weight::Quantized(QMatMul::QTensor(q)) => q.storage_size_in_bytes(),
        }
    }

    /// Applies the map to rows `[n, in]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = match &self.weight {
            Weight::Dense(w) => x.matmul(w)?,
            Weight::Half(w) => w.forward(x)?,
            Weight::Quantized(w) => w.forward(x)?,
        };
        match &self.bias {
            Some(b) => y.broadcast_add(b),
            None => Ok(y),
        }
    }

    /// The device the weights lie on.
    pub(crate) fn device(&self) -> Device {
        match &self.weight {
            Weight::Dense(w) | Weight::Quantized(QMatMul::Tensor(w) | QMatMul::TensorF16(w)) => {
                w.device().clone()
            }
            Weight::Half(w) => w.tensor().device().clone(),
            Weight::Quantized(QMatMul::QTensor(q)) => q.device(),
        }
    }
}
