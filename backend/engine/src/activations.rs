//! Activations on the processor, on all cores and written so that the compiler can use vector
//! instructions.

use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor, bail};

use crate::threads::each_piece;

/// Values of a part of the work: below that a second thread costs more than it brings.
const PART: usize = 1 << 14;

/// `eˣ` for `x ≤ 0`, within 2 units in the last place. Range reduction and polynomial as in the Cephes
/// library's expf. A value that is not a number stays one.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const LN2_HI: f32 = 0.693_359_4;
    const LN2_LO: f32 = -2.121_944_4e-4;
    // Not `max`, which would turn a NaN into a number.
    let x = if x < -87.0 { -87.0 } else { x };
    let n = (x * LOG2_E + 0.5).floor();
    let r = (x - n * LN2_HI) - n * LN2_LO;
    let mut p = 1.987_569_1e-4_f32;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let e = p * r * r + r + 1.0;
    e * f32::from_bits((((n as i32) + 127) << 23) as u32)
}

/// `1 / (1 + e⁻ˣ)`.
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let of_size = 1.0 / (1.0 + e);
    if x < 0.0 { e * of_size } else { of_size }
}

/// `x · σ(1.702 x)`.
pub(crate) fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    if !is_here(x) {
        return x * candle_nn::ops::sigmoid(&(x * 1.702)?)?;
    }
    each(x, |v| v * sigmoid(1.702 * v))
}

/// GELU's approximation with tanh: `x / 2 · (1 + tanh u)`, which is `x · σ(2 u)`, where
/// `u = √(2/π) (x + 0.044715 x³)`.
pub(crate) fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    const TWICE_ROOT: f32 = std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::SQRT_2;
    if !is_here(x) {
        return x.gelu();
    }
    each(x, |v| v * sigmoid(TWICE_ROOT * (v + 0.044_715 * v * v * v)))
}

/// `silu(gate) · up` of rows `[n, 2 · width]`.
pub(crate) fn gate(x: &Tensor) -> Result<Tensor> {
    if !is_here(x) {
        return candle_nn::ops::swiglu(x);
    }
    let (n, both) = x.dims2()?;
    let width = both / 2;
    with_values(x, |values| {
        let mut to = vec![0f32; n * width];
        // Whole rows.
        let rows = PART.div_ceil(width);
        each_piece(&mut to, rows * width, &|part, to| {
            let from = values[part * rows * both..].chunks_exact(both);
            for (to, from) in to.chunks_exact_mut(width).zip(from) {
                let (gate, up) = from.split_at(width);
                for (to, (gate, up)) in to.iter_mut().zip(gate.iter().zip(up)) {
                    *to = gate * sigmoid(*gate) * up;
                }
            }
        });
        Tensor::from_vec(to, (n, width), &Device::Cpu)
    })
}

fn is_here(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32
}

fn each(x: &Tensor, f: impl Fn(f32) -> f32 + Sync) -> Result<Tensor> {
    with_values(x, |values| {
        let mut to = vec![0f32; values.len()];
        each_piece(&mut to, PART, &|part, to| {
            for (to, from) in to.iter_mut().zip(&values[part * PART..]) {
                *to = f(*from);
            }
        });
        Tensor::from_vec(to, x.shape(), &Device::Cpu)
    })
}

/// Lends a tensor's values, in the order of its shape.
fn with_values<R>(x: &Tensor, f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    let x = x.contiguous()?;
    let (storage, layout) = x.storage_and_layout();
    let Storage::Cpu(CpuStorage::F32(values)) = &*storage else {
        bail!("not f32 on the processor")
    };
    f(&values[layout.start_offset()..][..x.elem_count()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(got: &Tensor, values: &[f32], want: impl Fn(f64) -> f64) {
        let got: Vec<f32> = got.flatten_all().and_then(|t| t.to_vec1()).expect("values");
        assert_eq!(got.len(), values.len());
        for (got, v) in got.iter().zip(values) {
            let want = want(f64::from(*v));
            let off = (f64::from(*got) - want).abs();
            assert!(off <= 5e-6 * want.abs().max(1e-30), "{v}: {got} is not {want}");
        }
    }

    /// Against f64, where nothing is lost: small, large and negative values, and some of each in parts
    /// of several threads.
    #[test]
    fn activations_are_what_they_are_called() -> Result<()> {
        let values: Vec<f32> =
            (0..3 * PART + 7).map(|i| (i as f32 * 0.37).sin() * (i % 40) as f32 / 4.0).collect();
        let x = Tensor::new(values.as_slice(), &Device::Cpu)?;
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        assert_near(&quick_gelu(&x)?, &values, |v| v * sigmoid(1.702 * v));
        let root = (2.0 / std::f64::consts::PI).sqrt();
        let tanh = |v: f64| v * sigmoid(2.0 * root * (v + 0.044_715 * v * v * v));
        let small: Vec<f32> = values.iter().map(|v| v / 3.0).collect();
        assert_near(&gelu_tanh(&Tensor::new(small.as_slice(), &Device::Cpu)?)?, &small, tanh);
        let (n, width) = (70, 411);
        let rows = x.narrow(0, 0, 2 * n * width / 2)?.reshape((n, width))?;
        let ones = Tensor::ones((n, width), DType::F32, &Device::Cpu)?;
        let gated = gate(&Tensor::cat(&[&rows, &ones], 1)?)?;
        assert_near(&gated, &values[..n * width], |v| v * sigmoid(v));
        Ok(())
    }

    #[test]
    fn what_is_no_number_stays_none() -> Result<()> {
        let x = Tensor::new(&[f32::NAN, f32::INFINITY, -1e30, 0.0], &Device::Cpu)?;
        for y in [quick_gelu(&x)?, gelu_tanh(&x)?] {
            let y: Vec<f32> = y.to_vec1()?;
            assert!(
                y[0].is_nan() && y[1] == f32::INFINITY && y[2].abs() < 1e-6 && y[3] == 0.0,
                "{y:?}"
            );
        }
        Ok(())
    }
}
