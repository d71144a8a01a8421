//! Matrices held in 16 bits and computed in f32.

use candle_core::{CpuStorage, DType, Result, Storage, Tensor};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use rayon::prelude::*;

/// Weight rows that are turned into f32 at a time for a product of many rows.
const BLOCK: usize = 256;
/// Rows up to which each weight row is used as it is turned into f32, and never written out.
const FEW: usize = 4;

/// A matrix `[out, in]` of f16 or bf16. A product has the values of the same matrix in f32, but
/// reads half the bytes, and holds a block of it in f32 at a time.
#[derive(Debug)]
pub(crate) struct HalfMatrix(Tensor);

impl HalfMatrix {
    /// Rounds a matrix to 16 bits.
    pub(crate) fn new(weight: &Tensor, dtype: DType) -> Result<Self> {
        Ok(HalfMatrix(weight.to_dtype(dtype)?.contiguous()?))
    }

    /// The matrix.
    pub(crate) fn tensor(&self) -> &Tensor {
        &self.0
    }

    /// The same matrix on another device.
    #[cfg(feature = "cuda")]
    pub(crate) fn on(&self, device: &candle_core::Device) -> Result<Self> {
        Ok(HalfMatrix(self.0.to_device(device)?))
    }

    /// `x Wᵀ` of rows `[n, in]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (n, columns) = x.dims2()?;
        let rows = self.0.dim(0)?;
        if n <= FEW && x.device().is_cpu() {
            let x: Vec<f32> = x.flatten_all()?.to_vec1()?;
            let (storage, _) = self.0.storage_and_layout();
            let y = match &*storage {
                Storage::Cpu(CpuStorage::F16(w)) => dots(w, &x, n, columns),
                Storage::Cpu(CpuStorage::BF16(w)) => dots(w, &x, n, columns),
                _ => candle_core::bail!("a half matrix of another type or place"),
            };
            return Tensor::from_vec(y, (n, rows), &candle_core::Device::Cpu);
        }
        let blocks: Vec<Tensor> = (0..rows)
            .step_by(BLOCK)
            .map(|at| {
                let block = self.0.narrow(0, at, BLOCK.min(rows - at))?.to_dtype(DType::F32)?;
                x.matmul(&block.t()?)
            })
            .collect::<Result<_>>()?;
        Tensor::cat(&blocks, 1)
    }
}

/// A 16-bit number.
trait Half: Copy + Sync {
    fn widen(from: &[Self], to: &mut [f32]);
}

impl Half for f16 {
    fn widen(from: &[Self], to: &mut [f32]) {
        from.convert_to_f32_slice(to);
    }
}

impl Half for bf16 {
    fn widen(from: &[Self], to: &mut [f32]) {
        from.convert_to_f32_slice(to);
    }
}

/// `[n, out]` from weights `[out, in]` and rows `[n, in]`.
fn dots<T: Half>(weights: &[T], x: &[f32], n: usize, columns: usize) -> Vec<f32> {
    const PIECE: usize = 1024;
    let out = weights.len() / columns;
    // `[out, n]` first: a thread owns whole weight rows.
    let mut by_row = vec![0f32; out * n];
    by_row.par_chunks_mut(n).zip(weights.par_chunks(columns)).with_min_len(64).for_each(
        |(sums, row)| {
            let mut wide = [0f32; PIECE];
            for (i, piece) in row.chunks(PIECE).enumerate() {
                let wide = &mut wide[..piece.len()];
                T::widen(piece, wide);
                for (sum, x) in sums.iter_mut().zip(x.chunks(columns)) {
                    *sum += dot(wide, &x[i * PIECE..][..piece.len()]);
                }
            }
        },
    );
    if n == 1 {
        return by_row;
    }
    (0..n).flat_map(|i| by_row.iter().skip(i).step_by(n).copied()).collect()
}

/// Sixteen sums side by side, which the compiler keeps in registers.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<16>();
    let (b, b_rest) = b.as_chunks::<16>();
    let mut sums = [0f32; 16];
    for (a, b) in a.iter().zip(b) {
        for (s, (x, y)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *s += x * y;
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn products_are_those_of_the_rounded_matrix_in_f32() -> Result<()> {
        let wave = |n: usize, step: f32| (0..n).map(|i| (i as f32 * step).sin()).collect();
        let (rows, columns) = (515, 2100);
        let weight = Tensor::from_vec(wave(rows * columns, 0.7), (rows, columns), &Device::Cpu)?;
        for dtype in [DType::F16, DType::BF16] {
            let half = HalfMatrix::new(&weight, dtype)?;
            let rounded = weight.to_dtype(dtype)?.to_dtype(DType::F32)?;
            for n in [1, 3, FEW, FEW + 1, 40] {
                let x = Tensor::from_vec(wave(n * columns, 0.3), (n, columns), &Device::Cpu)?;
                let got: Vec<f32> = half.forward(&x)?.flatten_all()?.to_vec1()?;
                let want: Vec<f32> = x.matmul(&rounded.t()?)?.flatten_all()?.to_vec1()?;
                assert_eq!(got.len(), want.len());
                let largest = want.iter().fold(0f32, |m, w| m.max(w.abs()));
                assert!(largest > 1.0, "something to compare");
                for (g, w) in got.iter().zip(&want) {
                    assert!((g - w).abs() < 1e-5 * largest, "{dtype:?} {n}: {g} is not {w}");
                }
            }
        }
        Ok(())
    }
}
