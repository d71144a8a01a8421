//! Linear maps on a GPU.

use std::sync::Arc;

use candle_core::quantized::{QMatMul, QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor};

use super::{Linear, Weight};
use crate::weights::half::HalfMatrix;

impl Weight {
    /// The same weight on a GPU.
    fn on(self, device: &Device) -> Result<Self> {
        Ok(match self {
            Weight::Quantized(QMatMul::QTensor(q)) => {
                let storage = QStorage::from_data(q.data()?, device, q.dtype())?;
                let moved = QTensor::new(storage, q.shape().dims())?;
                Weight::Quantized(QMatMul::QTensor(Arc::new(moved)))
            }
            Weight::Packed(_) => candle_core::bail!("a matrix arranged for the processor"),
            Weight::Dense(w) => Weight::dense(&w.tensor().to_device(device)?)?,
            Weight::Half(w) => Weight::Half(w.on(device)?),
            Weight::Quantized(QMatMul::Tensor(w) | QMatMul::TensorF16(w)) => {
                Weight::Half(HalfMatrix::new(&w.to_device(device)?, DType::F16)?)
            }
        })
    }

    /// The blocks, where a product of our own takes a single row through them.
    pub(super) fn q4k(&self) -> Option<&QTensor> {
        match self {
            Weight::Quantized(QMatMul::QTensor(q)) if crate::cuda::is_q4k(q) => Some(q),
            _ => None,
        }
    }

    fn rows(&self) -> Result<usize> {
        match self {
            Weight::Dense(w) => w.tensor().dim(0),
            Weight::Half(w) => w.tensor().dim(0),
            Weight::Packed(w) => Ok(w.shape().0),
            Weight::Quantized(QMatMul::Tensor(w) | QMatMul::TensorF16(w)) => w.dim(0),
            Weight::Quantized(QMatMul::QTensor(q)) => Ok(q.shape().dims2()?.0),
        }
    }
}

impl Linear {
    /// The same map on a GPU.
    pub(crate) fn on(self, device: &Device) -> Result<Self> {
        let parts = self.parts.into_iter().map(|part| part.on(device)).collect::<Result<_>>()?;
        let bias = self.bias.map(|b| b.to_device(device)).transpose()?;
        Ok(Linear { parts, bias })
    }

    /// A single row goes through q4_K in 8 bits, in kernels of our own; few rows go through candle's
    /// quantized products as they are. For many, a quantized weight is decoded
    /// to f16 for the moment of its product: the tensor cores make up for it many times over.
    pub(super) fn forward_on_gpu(&self, x: &Tensor, to: DType) -> Result<Tensor> {
        let n = x.dim(0)?;
        let quantized = |w: &Weight| matches!(w, Weight::Quantized(QMatMul::QTensor(_)));
        let y = if self.takes(n, to) == DType::U8 {
            let x = match x.dtype() {
                DType::U8 => x.clone(),
                _ => crate::cuda::eight(&x.to_dtype(DType::F32)?)?,
            };
            let total = self.parts.iter().map(Weight::rows).sum::<Result<usize>>()?;
            // SAFETY: the products below write every column.
            #[expect(unsafe_code, reason = "memory that is written whole at once")]
            let y = unsafe { Tensor::empty((1, total), DType::F32, x.device()) }?;
            let mut first = 0;
            for part in self.parts.iter().filter_map(Weight::q4k) {
                crate::cuda::product(&x, part, &y, first)?;
                first += part.shape().dims2()?.0;
            }
            y
        } else if Self::few(n) && self.parts.iter().all(quantized) {
            let x = x.to_dtype(DType::F32)?;
            self.joined(&x)?
        } else if self.parts.iter().any(|w| matches!(w, Weight::Dense(_))) {
            self.joined(&x.to_dtype(DType::F32)?)?
        } else {
            let total = self.parts.iter().map(Weight::rows).sum::<Result<usize>>()?;
            // A product's result has the type of its factors, or f32.
            let half = |w: &Weight| match w {
                Weight::Half(w) => w.tensor().dtype(),
                _ => DType::F16,
            };
            let out = if self.parts.iter().all(|w| half(w) == to) { to } else { DType::F32 };
            // SAFETY: the products below write every column.
            #[expect(unsafe_code, reason = "memory that is written whole at once")]
            let y = unsafe { Tensor::empty((n, total), out, x.device()) }?;
            let mut first = 0;
            for part in &self.parts {
                let weight = match part {
                    Weight::Quantized(q) => crate::cuda::decoded(q)?,
                    Weight::Half(w) => w.tensor().clone(),
                    Weight::Packed(_) => candle_core::bail!("a matrix arranged for the processor"),
                    Weight::Dense(w) => w.tensor().clone(),
                };
                crate::cuda::matmul(&x.to_dtype(weight.dtype())?, &weight, &y, first)?;
                first += weight.dim(0)?;
            }
            y
        };
        if let Some(bias) = &self.bias {
            crate::cuda::add_bias(&y, bias)?;
        }
        y.to_dtype(to)
    }
}
