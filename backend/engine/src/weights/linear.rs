//! Linear maps whose weights may be quantized.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{DType, Device, Module, Result, Tensor};
use shared::Quant;

use super::half::HalfMatrix;
use super::quantize::{quantize, rearranged};

/// `y = x Wᵀ + b`.
///
/// The weight may lie in several parts, each some of the rows: a file that holds a layer's value
/// rows in another block type than its query rows cannot be stacked into one tensor.
#[derive(Debug)]
pub(crate) struct Linear {
    parts: Vec<Weight>,
    bias: Option<Tensor>,
}

#[derive(Debug)]
enum Weight {
    /// `[in, out]`, already transposed.
    Dense(Tensor),
    Half(HalfMatrix),
    Quantized(QMatMul),
}

/// The block type of a quantization; `None` for plain f32, and where each tensor has its own.
pub(crate) fn block_type(quant: Quant) -> Option<GgmlDType> {
    Some(match quant {
        Quant::F32 | Quant::Stored => return None,
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

/// A block type's name, as [`Quant::name`] writes it.
pub(crate) const fn type_name(block: GgmlDType) -> &'static str {
    match block {
        GgmlDType::F32 => "f32",
        GgmlDType::F16 => "f16",
        GgmlDType::BF16 => "bf16",
        GgmlDType::Q4_0 => "q4_0",
        GgmlDType::Q4_1 => "q4_1",
        GgmlDType::Q5_0 => "q5_0",
        GgmlDType::Q5_1 => "q5_1",
        GgmlDType::Q8_0 => "q8_0",
        GgmlDType::Q8_1 => "q8_1",
        GgmlDType::Q2K => "q2k",
        GgmlDType::Q3K => "q3k",
        GgmlDType::Q4K => "q4k",
        GgmlDType::Q5K => "q5k",
        GgmlDType::Q6K => "q6k",
        GgmlDType::Q8K => "q8k",
    }
}

/// Tensors `[rows, in]` of one block type as one, by their blocks: nothing is decoded.
fn stack(parts: &[QTensor]) -> Result<QTensor> {
    let (_, columns) = parts[0].shape().dims2()?;
    let mut rows = 0;
    let mut blocks = Vec::with_capacity(parts.iter().map(QTensor::storage_size_in_bytes).sum());
    for part in parts {
        rows += part.shape().dims2()?.0;
        blocks.extend_from_slice(&part.data()?);
    }
    let storage = QStorage::from_data(blocks.into(), &parts[0].device(), parts[0].dtype())?;
    QTensor::new(storage, (rows, columns))
}

impl Weight {
    fn of(quantized: QTensor) -> Result<Self> {
        let half = match quantized.dtype() {
            GgmlDType::F32 => return Self::dense(&quantized.dequantize(&quantized.device())?),
            GgmlDType::F16 => DType::F16,
            GgmlDType::BF16 => DType::BF16,
            _ => return Ok(Weight::Quantized(QMatMul::from_arc(Arc::new(quantized))?)),
        };
        let weight = quantized.dequantize(&quantized.device())?;
        Ok(Weight::Half(HalfMatrix::new(&weight, half)?))
    }

    fn dense(weight: &Tensor) -> Result<Self> {
        Ok(Weight::Dense(weight.t()?.contiguous()?))
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Weight::Dense(w) => x.matmul(w),
            Weight::Half(w) => w.forward(x),
            Weight::Quantized(w) => w.forward(x),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Weight::Dense(w) | Weight::Quantized(QMatMul::Tensor(w) | QMatMul::TensorF16(w)) => {
                w.elem_count() * w.dtype().size_in_bytes()
            }
            Weight::Half(w) => 2 * w.tensor().elem_count(),
            Weight::Quantized(QMatMul::QTensor(q)) => q.storage_size_in_bytes(),
        }
    }

    fn rearranged(&self) -> usize {
        match self {
            Weight::Quantized(QMatMul::QTensor(q)) => {
                q.shape().dims2().map_or(0, |(rows, columns)| rearranged(q.dtype(), rows, columns))
            }
            _ => 0,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Weight::Half(w) if w.tensor().dtype() == DType::BF16 => "bf16",
            Weight::Half(_) | Weight::Quantized(QMatMul::TensorF16(_)) => "f16",
            Weight::Dense(_) | Weight::Quantized(QMatMul::Tensor(_)) => "f32",
            Weight::Quantized(QMatMul::QTensor(q)) => type_name(q.dtype()),
        }
    }

    fn device(&self) -> Device {
        match self {
            Weight::Dense(w) | Weight::Quantized(QMatMul::Tensor(w) | QMatMul::TensorF16(w)) => {
                w.device().clone()
            }
            Weight::Half(w) => w.tensor().device().clone(),
            Weight::Quantized(QMatMul::QTensor(q)) => q.device(),
        }
    }
}

impl Linear {
    /// A linear map from its weight `[out, in]` in f32, held as `quant` says, and its bias `[out]`.
    pub(crate) fn new(weight: &Tensor, bias: Option<Tensor>, quant: Quant) -> Result<Self> {
        let weight = match (quant, block_type(quant)) {
            (_, None) => Weight::dense(weight)?,
            (Quant::F16, _) => Weight::Half(HalfMatrix::new(weight, DType::F16)?),
            (Quant::Bf16, _) => Weight::Half(HalfMatrix::new(weight, DType::BF16)?),
            (_, Some(block)) => Weight::of(quantize(weight, block)?)?,
        };
        Ok(Linear { parts: vec![weight], bias })
    }

    /// A linear map from stored tensors `[rows, in]` in the order of their rows, held as they are.
    /// Neighbours of one block type become one part.
    pub(crate) fn stored(tensors: Vec<QTensor>, bias: Option<Tensor>) -> Result<Self> {
        let mut groups: Vec<Vec<QTensor>> = Vec::new();
        for tensor in tensors {
            match groups.last_mut() {
                Some(group) if group[0].dtype() == tensor.dtype() => group.push(tensor),
                _ => groups.push(vec![tensor]),
            }
        }
        let weight = |mut group: Vec<QTensor>| match (group.len(), group.pop()) {
            (1, Some(alone)) => Weight::of(alone),
            (_, last) => {
                group.extend(last);
                Weight::of(stack(&group)?)
            }
        };
        let parts = groups.into_iter().map(weight).collect::<Result<_>>()?;
        Ok(Linear { parts, bias })
    }

    /// Bytes of the weights in memory.
    pub(crate) fn bytes(&self) -> usize {
        let bias = self.bias.as_ref().map_or(0, |b| b.elem_count() * b.dtype().size_in_bytes());
        bias + self.parts.iter().map(Weight::bytes).sum::<usize>()
    }

    /// Bytes that come on top once the map has been used.
    pub(crate) fn rearranged(&self) -> usize {
        self.parts.iter().map(Weight::rearranged).sum()
    }

    /// What the first rows are held as.
    pub(crate) fn kind(&self) -> &'static str {
        self.parts[0].kind()
    }

    /// Applies the map to rows `[n, in]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = match self.parts.as_slice() {
            [whole] => whole.forward(x)?,
            parts => {
                let outputs: Vec<Tensor> =
                    parts.iter().map(|part| part.forward(x)).collect::<Result<_>>()?;
                Tensor::cat(&outputs, 1)?
            }
        };
        match &self.bias {
            Some(b) => y.broadcast_add(b),
            None => Ok(y),
        }
    }

    /// The device the weights lie on.
    pub(crate) fn device(&self) -> Device {
        self.parts[0].device()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(from: usize, rows: usize, columns: usize) -> Tensor {
        let value = |i: usize| ((i * 7919 % 1009) as f32 - 504.0) / 504.0;
        let values: Vec<f32> = (from..from + rows * columns).map(value).collect();
        Tensor::from_vec(values, (rows, columns), &Device::Cpu).expect("a tensor")
    }

    /// Parts of one block type become one tensor of the same blocks; others stay beside it. Both
    /// give what the parts give alone, to the last bit.
    #[test]
    fn stored_parts_are_stacked_without_decoding() {
        use GgmlDType::{BF16, F16, F32, Q2K, Q4_0, Q4K, Q5_1, Q6K, Q8_0};
        let x = rows(5, 3, 256);
        let bias = rows(77, 1, 12).flatten_all().expect("a vector");
        for (types, parts) in [
            ([Q4K, Q4K, Q4K], 1),
            ([Q4K, Q4K, Q6K], 2),
            ([Q4K, Q6K, Q4K], 3),
            ([Q8_0, Q8_0, F16], 2),
            ([Q2K, Q5_1, Q5_1], 2),
            ([F32, F32, F32], 1),
            ([BF16, F32, Q4_0], 3),
        ] {
            let tensors = || -> Vec<QTensor> {
                let sizes = [4usize, 6, 2];
                let tensor = |(i, block): (usize, &GgmlDType)| {
                    QTensor::quantize(&rows(1000 * i, sizes[i], 256), *block).expect("quantized")
                };
                types.iter().enumerate().map(tensor).collect()
            };
            let linear = Linear::stored(tensors(), Some(bias.clone())).expect("a map");
            assert_eq!(linear.parts.len(), parts, "{types:?}");
            let alone: Vec<Tensor> = tensors()
                .into_iter()
                .map(|t| Linear::stored(vec![t], None)?.forward(&x))
                .collect::<Result<_>>()
                .expect("alone");
            let want = Tensor::cat(&alone, 1).and_then(|y| y.broadcast_add(&bias)).expect("cat");
            let got = linear.forward(&x).expect("forward");
            let values = |t: Tensor| t.to_vec2::<f32>().expect("values");
            assert_eq!(values(got), values(want), "{types:?}");
        }
    }
}
