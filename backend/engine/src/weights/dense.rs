//! Matrices held in f32.

use super::half::dot;
use crate::threads::each_piece;
use candle_core::{CpuStorage, Device, Result, Storage, Tensor, bail};

/// Rows up to which each weight row is read once for all of them, without a general matrix product.
const FEW: usize = 4;
/// Weights of a part of the work: below that a second thread costs more than it brings.
const PART: usize = 1 << 17;

/// A matrix `[out, in]` of f32.
#[derive(Debug)]
pub(crate) struct DenseMatrix(Tensor);

impl DenseMatrix {
    pub(crate) fn new(weight: &Tensor) -> Result<Self> {
        Ok(DenseMatrix(weight.contiguous()?))
    }

    /// The matrix.
    pub(crate) fn tensor(&self) -> &Tensor {
        &self.0
    }

    /// `x Wᵀ` of rows `[n, in]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (n, columns) = x.dims2()?;
        if n > FEW || !x.device().is_cpu() {
            return x.matmul(&self.0.t()?);
        }
        let x = x.contiguous()?;
        let ((weights, at), (rows, from)) = (self.0.storage_and_layout(), x.storage_and_layout());
        let (Storage::Cpu(CpuStorage::F32(weights)), Storage::Cpu(CpuStorage::F32(rows))) =
            (&*weights, &*rows)
        else {
            bail!("a product in f32 of something else")
        };
        let weights = &weights[at.start_offset()..][..self.0.elem_count()];
        let rows = &rows[from.start_offset()..][..n * columns];
        let out = self.0.dim(0)?;
        // `[out, n]` first: a thread owns whole weight rows.
        let mut by_row = vec![0f32; out * n];
        // Weight rows that a thread takes at a time.
        let part = PART.div_ceil(columns);
        each_piece(&mut by_row, part * n, &|i, sums| {
            let weights = weights[i * part * columns..].chunks_exact(columns);
            for (sums, row) in sums.chunks_exact_mut(n).zip(weights) {
                for (sum, x) in sums.iter_mut().zip(rows.chunks_exact(columns)) {
                    *sum = dot(row, x);
                }
            }
        });
        let y = match n {
            1 => by_row,
            _ => (0..n).flat_map(|i| by_row.iter().skip(i).step_by(n).copied()).collect(),
        };
        Tensor::from_vec(y, (n, out), &Device::Cpu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few rows give what they give among many, which a general product computes.
    #[test]
    fn few_rows_are_as_among_many() -> Result<()> {
        let wave = |n: usize, step: f32| (0..n).map(|i| (i as f32 * step).sin()).collect();
        for (out, columns) in [(515, 301), (3, 2100)] {
            let weight = Tensor::from_vec(wave(out * columns, 0.7), (out, columns), &Device::Cpu)?;
            let x = Tensor::from_vec(wave(9 * columns, 0.3), (9, columns), &Device::Cpu)?;
            let held = DenseMatrix::new(&weight)?;
            let many = held.forward(&x)?;
            for (first, n) in [(0, 1), (3, 1), (2, FEW), (1, FEW - 1)] {
                let got: Vec<f32> =
                    held.forward(&x.narrow(0, first, n)?)?.flatten_all()?.to_vec1()?;
                let want: Vec<f32> = many.narrow(0, first, n)?.flatten_all()?.to_vec1()?;
                assert_eq!(got.len(), n * out);
                let largest = want.iter().fold(0f32, |m, w| m.max(w.abs()));
                for (g, w) in got.iter().zip(&want) {
                    assert!((g - w).abs() < 1e-5 * largest.max(1.0), "{n}: {g} is not {w}");
                }
            }
        }
        Ok(())
    }
}
