//! Every kernel gives the bits of plain Rust, and plain Rust the products of the weights as candle
//! decodes them and of rows as they are rounded.

use super::*;

/// Values like a decoder's: a bell, with one in 50 ten times as large.
fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed | 1;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / 16_777_216.0
    };
    let mut one = || (0..6).map(|_| uniform()).sum::<f32>() - 3.0;
    (0..count).map(|i| if i % 50 == 7 { 10.0 * one() } else { one() }).collect()
}

fn all_here() -> Vec<Instructions> {
    let all = [
        Instructions::Scalar,
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2,
        #[cfg(target_arch = "x86_64")]
        Instructions::AvxVnni,
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512,
    ];
    all.into_iter().filter(|with| with.are_here()).collect()
}

fn products(packed: &Packed, x: &[f32], with: Instructions) -> Vec<f32> {
    of_tiles!(&packed.tiles, tiles => product(tiles, packed.shape(), x, with))
}

const BLOCKS: [GgmlDType; 4] = [GgmlDType::Q4K, GgmlDType::Q5K, GgmlDType::Q6K, GgmlDType::Q8_0];

/// Rows in blocks as they are rounded, written down once more: the largest value becomes ±127.
fn rounded(x: &[f32], of: usize) -> Vec<f64> {
    let block = |block: &[f32]| -> Vec<f64> {
        let largest = block.iter().fold(0f32, |most, v| most.max(v.abs()));
        let by = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let scale = if by > 0.0 { f64::from(1.0 / by) } else { 0.0 };
        block.iter().map(|v| f64::from((v * by).round()) * scale).collect()
    };
    x.chunks(of).flat_map(block).collect()
}

#[test]
fn products_are_those_of_the_decoded_weights() -> Result<()> {
    // Rows and columns that fill no last tile; panels of every width; values that are all zero.
    for (block, columns) in BLOCKS.into_iter().zip([512, 768, 512, 608]) {
        let rows = 37;
        let weight = Tensor::from_vec(values(rows * columns, 5), (rows, columns), &Device::Cpu)?;
        let blocks = QTensor::quantize(&weight, block)?;
        let held: Vec<f32> = blocks.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1()?;
        let packed = Packed::new(&[blocks])?;
        for n in [1, 2, 4, 8, 11, 21] {
            let mut x = values(n * columns, 9);
            x[..256].fill(0.0);
            let seen = rounded(&x, if block == GgmlDType::Q8_0 { 32 } else { 256 });
            // Rows are whole blocks, so that cutting them all into blocks cuts each.
            let seen = if columns % 256 == 0 || block == GgmlDType::Q8_0 { seen } else { vec![] };
            let got = products(&packed, &x, Instructions::Scalar);
            assert_eq!(got.len(), n * rows);
            for (i, got) in got.iter().enumerate() {
                let x = &seen[i / rows * columns..][..columns];
                let w = &held[i % rows * columns..][..columns];
                let terms = || x.iter().zip(w).map(|(x, w)| x * f64::from(*w));
                let (want, size) = (terms().sum::<f64>(), terms().map(f64::abs).sum::<f64>());
                let off = (f64::from(*got) - want).abs();
                assert!(off <= 1e-6 * size, "{block:?}, {n} rows, {i}: {got} is not {want}");
            }
            for with in all_here() {
                let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                let other = products(&packed, &x, with);
                assert!(bits(&other) == bits(&got), "{with:?}, {block:?}, {n} rows: other bits");
            }
        }
    }
    Ok(())
}

/// Weights and values as large as they can be: nothing overflows.
#[test]
fn extremes_are_exact() -> Result<()> {
    let (rows, columns) = (16, 256);
    for block in BLOCKS {
        let bytes = columns / block.block_size() * block.type_size();
        for fill in [0xFF, 0x00, 0x80, 0x7F] {
            let mut data = vec![fill; rows * bytes];
            // Scales of one, wherever a block has them.
            let halves: &[usize] = match block {
                GgmlDType::Q6K => &[208],
                GgmlDType::Q8_0 => &[0],
                _ => &[0, 2],
            };
            for block in data.chunks_exact_mut(block.type_size()) {
                for at in halves {
                    block[*at..at + 2].copy_from_slice(&half::f16::ONE.to_le_bytes());
                }
            }
            let storage =
                candle_core::quantized::QStorage::from_data(data.into(), &Device::Cpu, block)?;
            let blocks = QTensor::new(storage, (rows, columns))?;
            let held: Vec<f32> = blocks.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1()?;
            let packed = Packed::new(&[blocks])?;
            for sign in [1.0, -1.0] {
                let x = vec![127.0 * sign; 5 * columns];
                let want: f64 = held[..columns].iter().map(|w| f64::from(*w) * 127.0).sum();
                for with in all_here() {
                    for got in products(&packed, &x, with) {
                        let off = (f64::from(got) - f64::from(sign) * want).abs();
                        assert!(
                            off <= 1e-6 * want.abs(),
                            "{with:?} {block:?} {fill}: {got}, {want}"
                        );
                    }
                }
            }
        }
    }
    Ok(())
}

/// A value that is not a number makes its row's products not numbers, and no other's.
#[test]
fn what_is_no_number_stays_none() -> Result<()> {
    for block in BLOCKS {
        let weight = Tensor::from_vec(values(20 * 512, 3), (20, 512), &Device::Cpu)?;
        let packed = Packed::new(&[QTensor::quantize(&weight, block)?])?;
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = values(3 * 512, 4);
            x[512 + 300] = wrong;
            for with in all_here() {
                let y = products(&packed, &x, with);
                assert!(y[20..40].iter().all(|v| !v.is_finite()), "{with:?} {block:?} {wrong}");
                assert!(
                    y[..20].iter().chain(&y[40..]).all(|v| v.is_finite()),
                    "{with:?} {block:?}"
                );
            }
        }
    }
    Ok(())
}

/// Quantized a few rows at a time is quantized at once.
#[test]
fn blocks_need_not_be_there_at_once() -> Result<()> {
    for block in BLOCKS {
        let weight = Tensor::from_vec(values(150 * 256, 8), (150, 256), &Device::Cpu)?;
        let whole = Packed::new(&[QTensor::quantize(&weight, block)?])?;
        assert!(Packed::quantize(&weight, block)?.to_bytes() == whole.to_bytes(), "{block:?}");
        let again = Packed::from_bytes(block, (150, 256), &whole.to_bytes())?;
        assert!(again.to_bytes() == whole.to_bytes(), "{block:?}");
        assert!(Packed::from_bytes(block, (150, 512), &whole.to_bytes()).is_err());
    }
    Ok(())
}

/// Several parts are one matrix.
#[test]
fn parts_are_rows_of_one_matrix() -> Result<()> {
    let quantized = |rows, seed| {
        let weight = Tensor::from_vec(values(rows * 256, seed), (rows, 256), &Device::Cpu)?;
        QTensor::quantize(&weight, GgmlDType::Q5K)
    };
    let x = values(256, 6);
    let alone = |rows, seed| Packed::new(&[quantized(rows, seed)?]);
    let [a, b] = [(7, 1), (12, 2)];
    let mut want = products(&alone(a.0, a.1)?, &x, Instructions::here());
    want.extend(products(&alone(b.0, b.1)?, &x, Instructions::here()));
    let both = Packed::new(&[quantized(a.0, a.1)?, quantized(b.0, b.1)?])?;
    assert_eq!(both.shape(), (19, 256));
    assert_eq!(products(&both, &x, Instructions::here()), want);
    Ok(())
}

#[test]
fn what_a_matrix_takes_is_known_before() -> Result<()> {
    for block in BLOCKS {
        for (rows, columns) in [(16, 256), (17, 768), (48, 1024)] {
            let weight = Tensor::zeros((rows, columns), candle_core::DType::F32, &Device::Cpu)?;
            let packed = Packed::new(&[QTensor::quantize(&weight, block)?])?;
            let bytes = of_tiles!(&packed.tiles, tiles => size_of_val(tiles.as_slice()));
            assert_eq!(Some(bytes), tiled_bytes(block, rows, columns), "{block:?}");
        }
    }
    Ok(())
}
