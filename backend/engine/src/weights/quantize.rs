//! Quantizing on all cores: candle's own goes through a matrix on one.

use std::borrow::Cow;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

/// Rows a piece of work has.
const ROWS: usize = 64;

/// A matrix `[rows, columns]` in blocks of `block`; the same bits as [`QTensor::quantize`], which
/// looks at one block of a row at a time.
pub(crate) fn quantize(weight: &Tensor, block: GgmlDType) -> Result<QTensor> {
    let (rows, columns) = weight.dims2()?;
    if rows <= ROWS || !weight.device().is_cpu() {
        return QTensor::quantize(weight, block);
    }
    let pieces: Vec<Vec<u8>> = (0..rows.div_ceil(ROWS))
        .into_par_iter()
        .map(|i| {
            // A copy: candle quantizes a tensor's whole storage, wherever in it the tensor begins.
            let piece =
                weight.narrow(0, i * ROWS, ROWS.min(rows - i * ROWS))?.force_contiguous()?;
            Ok(QTensor::quantize(&piece, block)?.data()?.into_owned())
        })
        .collect::<Result<_>>()?;
    let storage = QStorage::from_data(Cow::Owned(pieces.concat()), &Device::Cpu, block)?;
    QTensor::new(storage, (rows, columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_those_of_one_piece() {
        let (rows, columns) = (200, 512);
        let values: Vec<f32> = (0..rows * columns).map(|i| (i as f32 * 0.37).sin()).collect();
        let weight = Tensor::from_vec(values, (rows, columns), &Device::Cpu).expect("a matrix");
        for block in [GgmlDType::Q8_0, GgmlDType::Q6K, GgmlDType::Q5K, GgmlDType::Q4K] {
            let whole = QTensor::quantize(&weight, block).expect("quantizes");
            let ours = quantize(&weight, block).expect("quantizes");
            assert_eq!(ours.shape(), whole.shape());
            let (ours, whole) = (ours.data().expect("bytes"), whole.data().expect("bytes"));
            assert!(ours == whole, "{block:?}: other bits");
        }
    }
}
