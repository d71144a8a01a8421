//! What quantized products give on one processor and on another: they are all the same sums of
//! integers, over activations that are rounded to 8 bits in blocks of 256 or, for q8_0, of 32.

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Result, Tensor};
use shared::Quant;

use super::Linear;
use crate::processor::Kernels;

/// Values like a decoder's: a bell, with one in 50 ten times as large.
fn values(rows: usize, columns: usize, seed: u64) -> Result<Tensor> {
    let mut state = seed | 1;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / 16_777_216.0
    };
    let mut one = || (0..6).map(|_| uniform()).sum::<f32>() - 3.0;
    let values = (0..rows * columns).map(|i| if i % 50 == 7 { 10.0 * one() } else { one() });
    Tensor::from_vec(values.collect::<Vec<f32>>(), (rows, columns), &Device::Cpu)
}

/// Rows as their blocks are rounded: the largest value becomes ±127.
fn rounded(x: &Tensor, of: usize) -> Result<Tensor> {
    // Candle's own products of q8_0 keep a block's scale in 16 bits.
    if of == 32 && matches!(Kernels::here(), Kernels::Plain | Kernels::Dotprod) {
        return QTensor::quantize(x, GgmlDType::Q8_0)?.dequantize(&Device::Cpu);
    }
    let block = |block: &[f32]| {
        let largest = block.iter().fold(0f32, |most, v| most.max(v.abs()));
        let step = largest / 127.0;
        block.iter().map(|v| (v * (127.0 / largest)).round() * step).collect::<Vec<f32>>()
    };
    let values: Vec<f32> = x.flatten_all()?.to_vec1()?;
    Tensor::from_vec(values.chunks(of).flat_map(block).collect(), x.dims(), &Device::Cpu)
}

/// The root of the mean square of the difference, over that of `want`.
fn off(got: &Tensor, want: &Tensor) -> Result<f32> {
    let square = |t: &Tensor| t.sqr()?.mean_all()?.to_scalar::<f32>();
    Ok((square(&(got - want)?)? / square(want)?).sqrt())
}

#[test]
fn products_are_exact_for_the_activations_as_they_are_rounded() -> Result<()> {
    let (out, columns) = (48, 512);
    let weight = values(out, columns, 3)?;
    for (quant, block) in [
        (Quant::Q8_0, GgmlDType::Q8_0),
        (Quant::Q6k, GgmlDType::Q6K),
        (Quant::Q5k, GgmlDType::Q5K),
        (Quant::Q4k, GgmlDType::Q4K),
    ] {
        let linear = Linear::new(&weight, None, quant, true)?;
        let held = QTensor::quantize(&weight, block)?.dequantize(&Device::Cpu)?.t()?;
        // One row, few, and many; and how far rounding in 256s and in 32s is from the
        // products of the activations as they are, and the two from one another. Measured: 3.0, 1.3
        // and 3.0 % of one row, 2.3, 1.1 and 2.4 % of five, 1.9, 0.9 and 1.9 % of forty. A row alone
        // scatters around the 1.9 % of many: it has the error of its own two blocks of 256, whose
        // scale is their largest value's (over twenty other rows 1.9 % on average, 3.0 at most).
        for (rows, most) in [
            (1, [0.032, 0.014, 0.033]),
            (5, [0.025, 0.0125, 0.026]),
            (40, [0.0205, 0.0105, 0.0205]),
        ] {
            let x = values(rows, columns, 11)?;
            let [of_256, of_32] = [256, 32].map(|of| rounded(&x, of));
            let [of_256, of_32] = [of_256?.matmul(&held)?, of_32?.matmul(&held)?];
            let got = linear.forward(&x, DType::F32)?;
            let want = if quant == Quant::Q8_0 { &of_32 } else { &of_256 };
            let name = format!("{} of {rows} rows", quant.name());
            let sums = off(&got, want)?;
            assert!(sums < 1e-5, "{name}: off by {sums}");
            // What rounding costs, and so how far one processor is from another at most.
            let (exact, apart) = (x.matmul(&held)?, off(&of_32, &of_256)?);
            let (wide, narrow) = (off(&of_256, &exact)?, off(&of_32, &exact)?);
            let found = [wide, narrow, apart];
            assert!(found.iter().zip(most).all(|(f, most)| *f < most), "{name}: {found:?}");
        }
    }
    Ok(())
}
