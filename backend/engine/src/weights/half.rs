//! Matrices held in 16 bits and computed in f32.

use crate::matrix::{ByColumns, View};
use crate::threads::{each_part, each_piece};
use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor, bail};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

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
                _ => bail!("a half matrix of another type or place"),
            };
            return Tensor::from_vec(y, (n, rows), &Device::Cpu);
        }
        if !x.device().is_cpu() {
            return x.matmul(&self.0.to_dtype(DType::F32)?.t()?);
        }
        let x = x.contiguous()?;
        let ((x, at), (weights, _)) = (x.storage_and_layout(), self.0.storage_and_layout());
        let Storage::Cpu(CpuStorage::F32(x)) = &*x else {
            bail!("a product in f32 of something else")
        };
        let x = View::new(&x[at.start_offset()..], (n, columns), columns);
        let y = match &*weights {
            Storage::Cpu(CpuStorage::F16(w)) => products(w, x, n, columns),
            Storage::Cpu(CpuStorage::BF16(w)) => products(w, x, n, columns),
            _ => bail!("a half matrix of another type or place"),
        };
        Tensor::from_vec(y, (n, rows), &Device::Cpu)
    }
}

/// `[n, out]` from weights `[out, in]` and many rows: a thread turns a block of weight rows into f32 and
/// multiplies all rows with it.
#[expect(unsafe_code, reason = "threads that write parts of one result")]
fn products<T: Half>(weights: &[T], x: View, n: usize, columns: usize) -> Vec<f32> {
    let out = weights.len() / columns;
    let mut y = vec![0f32; n * out];
    let to = ByColumns::new(&mut y, out);
    let blocks: Vec<&[T]> = weights.chunks(BLOCK * columns).collect();
    each_part(blocks.len(), &|i| {
        let mut wide = vec![0f32; blocks[i].len()];
        T::widen(blocks[i], &mut wide);
        let block = View::new(&wide, (blocks[i].len() / columns, columns), columns);
        // SAFETY: columns of this block alone.
        unsafe { to.product(BLOCK * i, x, block.t()) };
    });
    y
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
    const ROWS: usize = 64;
    let out = weights.len() / columns;
    // `[out, n]` first: a thread owns whole weight rows.
    let mut by_row = vec![0f32; out * n];
    each_piece(&mut by_row, ROWS * n, &|part, sums| {
        let mut wide = [0f32; PIECE];
        let rows = weights[part * ROWS * columns..].chunks_exact(columns);
        for (sums, row) in sums.chunks_exact_mut(n).zip(rows) {
            for (i, piece) in row.chunks(PIECE).enumerate() {
                let wide = &mut wide[..piece.len()];
                T::widen(piece, wide);
                for (sum, x) in sums.iter_mut().zip(x.chunks(columns)) {
                    *sum += dot(wide, &x[i * PIECE..][..piece.len()]);
                }
            }
        }
    });
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
