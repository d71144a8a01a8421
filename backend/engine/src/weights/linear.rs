//! Linear maps whose weights may be quantized.

#[cfg(feature = "cuda")]
mod gpu;

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{DType, Device, Module, Result, Tensor};
use shared::Quant;

use super::cache::Form;
use super::dense::DenseMatrix;
use super::half::HalfMatrix;
use super::packed::Packed;
use super::quantize::quantize;
use super::weigh::Matrix;
use crate::processor::Kernels;

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
    Dense(DenseMatrix),
    Half(HalfMatrix),
    /// Arranged for the processor's products.
    Packed(Packed),
    /// In blocks: for a GPU, and where the processor has no products of our own.
    Quantized(QMatMul),
}

/// Most rows that quantized products take one by one; more are multiplied as matrices.
const FEW: usize = 8;

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
        Ok(Weight::Dense(DenseMatrix::new(weight)?))
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Weight::Dense(w) => w.forward(x),
            Weight::Half(w) => w.forward(x),
            Weight::Packed(w) => w.forward(x),
            Weight::Quantized(w) => w.forward(x),
        }
    }

    fn matrix(&self) -> Matrix {
        let (block, rows, columns) = match self {
            Weight::Dense(w) => (GgmlDType::F32, w.tensor().dim(0), w.tensor().dim(1)),
            Weight::Half(w) => {
                let bf16 = w.tensor().dtype() == DType::BF16;
                let block = if bf16 { GgmlDType::BF16 } else { GgmlDType::F16 };
                (block, w.tensor().dim(0), w.tensor().dim(1))
            }
            Weight::Packed(w) => return w.matrix(),
            Weight::Quantized(QMatMul::Tensor(w)) => (GgmlDType::F32, w.dim(0), w.dim(1)),
            Weight::Quantized(QMatMul::TensorF16(w)) => (GgmlDType::F16, w.dim(0), w.dim(1)),
            Weight::Quantized(QMatMul::QTensor(q)) => {
                let dims = q.shape().dims();
                return Matrix::plain(q.dtype(), dims[0], dims[1]);
            }
        };
        Matrix::plain(block, rows.unwrap_or(0), columns.unwrap_or(0))
    }

    fn kind(&self) -> &'static str {
        match self {
            Weight::Half(w) if w.tensor().dtype() == DType::BF16 => "bf16",
            Weight::Half(_) | Weight::Quantized(QMatMul::TensorF16(_)) => "f16",
            Weight::Dense(_) | Weight::Quantized(QMatMul::Tensor(_)) => "f32",
            Weight::Packed(w) => type_name(w.block()),
            Weight::Quantized(QMatMul::QTensor(q)) => type_name(q.dtype()),
        }
    }

    fn device(&self) -> Device {
        match self {
            Weight::Quantized(QMatMul::Tensor(w) | QMatMul::TensorF16(w)) => w.device().clone(),
            Weight::Dense(w) => w.tensor().device().clone(),
            Weight::Half(w) => w.tensor().device().clone(),
            Weight::Packed(_) => Device::Cpu,
            Weight::Quantized(QMatMul::QTensor(q)) => q.device(),
        }
    }
}

impl Linear {
    /// A linear map from its weight `[out, in]` in f32, held as `quant` says, and its bias `[out]`;
    /// arranged for the processor's products where it has such, if `arrange`.
    pub(crate) fn new(
        weight: &Tensor,
        bias: Option<Tensor>,
        quant: Quant,
        arrange: bool,
    ) -> Result<Self> {
        let weight = match (quant, block_type(quant)) {
            (_, None) => Weight::dense(weight)?,
            (Quant::F16, _) => Weight::Half(HalfMatrix::new(weight, DType::F16)?),
            (Quant::Bf16, _) => Weight::Half(HalfMatrix::new(weight, DType::BF16)?),
            (_, Some(block)) if arrange && Packed::takes(block, Kernels::here()) => {
                Weight::Packed(Packed::quantize(weight, block)?)
            }
            (_, Some(block)) => Weight::of(quantize(weight, block)?)?,
        };
        Ok(Linear { parts: vec![weight], bias })
    }

    /// A linear map from stored tensors `[rows, in]` in the order of their rows, held as they are.
    /// Neighbours of one block type become one part, arranged for the processor's products if `arrange`.
    pub(crate) fn stored(
        tensors: Vec<QTensor>,
        bias: Option<Tensor>,
        arrange: bool,
    ) -> Result<Self> {
        let mut groups: Vec<Vec<QTensor>> = Vec::new();
        for tensor in tensors {
            match groups.last_mut() {
                Some(group) if group[0].dtype() == tensor.dtype() => group.push(tensor),
                _ => groups.push(vec![tensor]),
            }
        }
        let weight = |mut group: Vec<QTensor>| {
            if arrange && Packed::takes(group[0].dtype(), Kernels::here()) {
                return Ok(Weight::Packed(Packed::new(&group)?));
            }
            match (group.len(), group.pop()) {
                (1, Some(alone)) => Weight::of(alone),
                (_, last) => {
                    group.extend(last);
                    Weight::of(stack(&group)?)
                }
            }
        };
        let parts = groups.into_iter().map(weight).collect::<Result<_>>()?;
        Ok(Linear { parts, bias })
    }

    /// The whole matrix as it is held, for a cache; `None` for one of several parts.
    pub(crate) fn held(&self) -> Result<Option<(Form, Vec<u8>)>> {
        let [whole] = self.parts.as_slice() else { return Ok(None) };
        Ok(Some(match whole {
            Weight::Dense(w) => (Form::F32, bytes_of(w.tensor())?),
            Weight::Half(w) if w.tensor().dtype() == DType::BF16 => {
                (Form::Bf16, bytes_of(w.tensor())?)
            }
            Weight::Half(w) => (Form::F16, bytes_of(w.tensor())?),
            Weight::Packed(w) => (tiled_form(w.block()), w.to_bytes()),
            Weight::Quantized(QMatMul::QTensor(q)) => match form_of(q.dtype()) {
                Some(form) => (form, q.data()?.into_owned()),
                None => return Ok(None),
            },
            Weight::Quantized(_) => return Ok(None),
        }))
    }

    /// The map of a matrix `[rows, columns]` that was kept.
    pub(crate) fn kept(
        (form, bytes): (Form, Vec<u8>),
        shape: (usize, usize),
        bias: Option<Tensor>,
    ) -> Result<Self> {
        let weight = match block_of(form) {
            Some(block) if form.is_tiled() => {
                Weight::Packed(Packed::from_bytes(block, shape, &bytes)?)
            }
            Some(block) => {
                let storage = QStorage::from_data(bytes.into(), &Device::Cpu, block)?;
                Weight::of(QTensor::new(storage, shape)?)?
            }
            None => {
                let tensor = tensor_of(form, &bytes, &[shape.0, shape.1])?;
                match form {
                    Form::F16 => Weight::Half(HalfMatrix::new(&tensor, DType::F16)?),
                    Form::Bf16 => Weight::Half(HalfMatrix::new(&tensor, DType::BF16)?),
                    _ => Weight::dense(&tensor)?,
                }
            }
        };
        Ok(Linear { parts: vec![weight], bias })
    }

    /// A map that is not there: what stands for one where a model is only weighed.
    pub(crate) fn weighed() -> Result<Self> {
        let nothing = Tensor::zeros((1, 1), DType::F32, &Device::Cpu)?;
        Ok(Linear { parts: vec![Weight::dense(&nothing)?], bias: None })
    }

    /// What its weights are held as, part by part.
    pub(crate) fn matrices(&self) -> Vec<Matrix> {
        self.parts.iter().map(Weight::matrix).collect()
    }

    /// Bytes of the weights in memory.
    pub(crate) fn bytes(&self) -> usize {
        let bias = self.bias.as_ref().map_or(0, |b| b.elem_count() * b.dtype().size_in_bytes());
        bias + self.matrix_bytes()
    }

    /// Bytes of the matrices alone, without the bias.
    pub(crate) fn matrix_bytes(&self) -> usize {
        self.matrices().iter().map(|m| m.bytes()).sum()
    }

    /// What the first rows are held as.
    pub(crate) fn kind(&self) -> &'static str {
        self.parts[0].kind()
    }

    /// Whether so few rows are taken one by one by quantized products.
    pub(crate) const fn few(rows: usize) -> bool {
        rows <= FEW
    }

    /// What many rows are computed in: 16 bits on a GPU unless the weights are f32.
    pub(crate) fn compute(&self) -> DType {
        match &self.parts[0] {
            Weight::Dense(_) => DType::F32,
            _ if self.device().is_cuda() => DType::F16,
            _ => DType::F32,
        }
    }

    /// What `n` rows that are computed in `else_in` are best given as: a single one in 8 bits (U8)
    /// where a GPU multiplies it with q4_K.
    pub(crate) fn takes(&self, n: usize, else_in: DType) -> DType {
        #[cfg(feature = "cuda")]
        if n == 1 && self.device().is_cuda() && self.parts.iter().all(|w| w.q4k().is_some()) {
            return DType::U8;
        }
        let _ = n;
        else_in
    }

    /// Applies the map to rows `[n, in]`; a GPU gives them as `to`.
    pub(crate) fn forward(&self, x: &Tensor, to: DType) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if x.device().is_cuda() {
            return self.forward_on_gpu(x, to);
        }
        let _ = to;
        let y = self.joined(x)?;
        match &self.bias {
            Some(b) => y.broadcast_add(b),
            None => Ok(y),
        }
    }

    /// The parts' outputs side by side.
    fn joined(&self, x: &Tensor) -> Result<Tensor> {
        match self.parts.as_slice() {
            [whole] => whole.forward(x),
            parts => {
                let outputs: Vec<Tensor> =
                    parts.iter().map(|part| part.forward(x)).collect::<Result<_>>()?;
                Tensor::cat(&outputs, 1)
            }
        }
    }

    /// The device the weights lie on.
    pub(crate) fn device(&self) -> Device {
        self.parts[0].device()
    }
}

fn form_of(block: GgmlDType) -> Option<Form> {
    [Form::Q8_0, Form::Q6k, Form::Q5k, Form::Q4k].into_iter().find(|f| block_of(*f) == Some(block))
}

/// As [`form_of`], of a matrix that is arranged.
fn tiled_form(block: GgmlDType) -> Form {
    match block {
        GgmlDType::Q4K => Form::TiledQ4k,
        GgmlDType::Q5K => Form::TiledQ5k,
        GgmlDType::Q6K => Form::TiledQ6k,
        _ => Form::TiledQ8_0,
    }
}

fn block_of(form: Form) -> Option<GgmlDType> {
    Some(match form {
        Form::Q8_0 | Form::TiledQ8_0 => GgmlDType::Q8_0,
        Form::Q6k | Form::TiledQ6k => GgmlDType::Q6K,
        Form::Q5k | Form::TiledQ5k => GgmlDType::Q5K,
        Form::Q4k | Form::TiledQ4k => GgmlDType::Q4K,
        Form::F32 | Form::F16 | Form::Bf16 => return None,
    })
}

fn type_of(form: Form) -> DType {
    match form {
        Form::F16 => DType::F16,
        Form::Bf16 => DType::BF16,
        _ => DType::F32,
    }
}

/// A tensor of plain values from its bytes.
pub(crate) fn tensor_of(form: Form, bytes: &[u8], shape: &[usize]) -> Result<Tensor> {
    Tensor::from_raw_buffer(bytes, type_of(form), shape, &Device::Cpu)
}

/// The bytes of a tensor of plain values.
pub(crate) fn bytes_of(tensor: &Tensor) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(tensor.elem_count() * tensor.dtype().size_in_bytes());
    tensor.write_bytes(&mut bytes)?;
    Ok(bytes)
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
    /// give what the parts give alone, to the last bit, arranged or not.
    #[test]
    fn stored_parts_are_stacked_without_decoding() {
        use GgmlDType::{BF16, F16, F32, Q2K, Q4_0, Q4K, Q5_1, Q6K, Q8_0};
        let x = rows(5, 3, 256);
        let bias = rows(77, 1, 12).flatten_all().expect("a vector");
        let cases = [
            ([Q4K, Q4K, Q4K], 1),
            ([Q4K, Q4K, Q6K], 2),
            ([Q4K, Q6K, Q4K], 3),
            ([Q8_0, Q8_0, F16], 2),
            ([Q2K, Q5_1, Q5_1], 2),
            ([F32, F32, F32], 1),
            ([BF16, F32, Q4_0], 3),
        ];
        for ((types, parts), arrange) in cases.iter().flat_map(|case| [(case, false), (case, true)])
        {
            let tensors = || -> Vec<QTensor> {
                let sizes = [4usize, 6, 2];
                let tensor = |(i, block): (usize, &GgmlDType)| {
                    QTensor::quantize(&rows(1000 * i, sizes[i], 256), *block).expect("quantized")
                };
                types.iter().enumerate().map(tensor).collect()
            };
            let linear = Linear::stored(tensors(), Some(bias.clone()), arrange).expect("a map");
            assert_eq!(linear.parts.len(), *parts, "{types:?}");
            let alone: Vec<Tensor> = tensors()
                .into_iter()
                .map(|t| Linear::stored(vec![t], None, arrange)?.forward(&x, DType::F32))
                .collect::<Result<_>>()
                .expect("alone");
            let want = Tensor::cat(&alone, 1).and_then(|y| y.broadcast_add(&bias)).expect("cat");
            let got = linear.forward(&x, DType::F32).expect("forward");
            let values = |t: Tensor| t.to_vec2::<f32>().expect("values");
            assert_eq!(values(got), values(want), "{types:?}");
        }
    }
}
